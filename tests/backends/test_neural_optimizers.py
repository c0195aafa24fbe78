"""Optimizers: each step against its own formula worked out in numpy, and one engine against the other."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

from backends.neural.least_squares import LeastSquaresDriver
from backends.neural.optimizers import LevenbergMarquardt, SSBroyden
from backends.neural.quasi_newton import InverseHessian, QuasiNewtonDriver, scaling
from tests.backends.neural_cases import begin, flat, solved

PENALTY = {"constraint.kind": "penalty", "constraint.initial_weight": 3.0, "keep": "last"}

FIRST_ORDER = PENALTY | {
    "optimizer.kind": "chain",
    "optimizer.switch": (3, 7),
    "iterations": 11,
    "optimizer.first.kind": "sgd",
    "optimizer.first.rate": 0.02,
    "optimizer.first.momentum": 0.9,
    "optimizer.second.kind": "adam",
    "optimizer.second.rate": 0.03,
    "optimizer.second.decay": "cosine",
    "optimizer.second.final_fraction": 0.1,
    "optimizer.third.kind": "adamw",
    "optimizer.third.rate": 0.05,
    "optimizer.third.weight_decay": 0.3,
    "optimizer.third.decay": "step",
    "optimizer.third.drop_at": 0.75,
    "optimizer.third.final_fraction": 0.2,
    "optimizer.third.warmup": 0.5,
}
# Rates by hand: the cosine at 0, 1/4, 1/2 and 3/4 of its four iterations; of the last four iterations the first two
# belong to the rise, and the last one comes after the step at three quarters.
COSINE = [0.03 * (0.1 + 0.9 * 0.5 * (1.0 + np.cos(np.pi * k / 4))) for k in range(4)]
STEP = [0.05 * 0.5, 0.05, 0.05, 0.05 * 0.2]


def first_order_by_hand(gradient, parameters):
    """Heavy ball, then Adam, then AdamW, each with moments of its own."""
    velocity = np.zeros_like(parameters)
    for _ in range(3):
        velocity = 0.9 * velocity + gradient(parameters)
        parameters = parameters - 0.02 * velocity
    for rates, decay in ((COSINE, 0.0), (STEP, 0.3)):
        mean, square = np.zeros_like(parameters), np.zeros_like(parameters)
        for k, rate in enumerate(rates, 1):
            g = gradient(parameters)
            mean, square = 0.9 * mean + 0.1 * g, 0.999 * square + 0.001 * g**2
            step = (mean / (1.0 - 0.9**k)) / (np.sqrt(square / (1.0 - 0.999**k)) + 1e-8)
            parameters = parameters - rate * (step + decay * parameters)
    return parameters


@pytest.mark.parametrize("engine", ["torch", "jax"])
def test_first_order_steps_are_their_formulas_and_switch_where_they_should(engine):
    session = solved(engine, "decay", **FIRST_ORDER)
    judge = begin("torch", "decay", **FIRST_ORDER)
    expected = first_order_by_hand(lambda p: judge.gradient_at(p)[1], flat(judge.layers))
    assert session.facts()["iterations"] == 11
    assert session.get() == pytest.approx(expected, abs=1e-8)


LEAST_SQUARES = PENALTY | {
    "optimizer.kind": "chain",
    "optimizer.switch": (2, 4),
    "iterations": 6,
    "optimizer.first.kind": "lm",
    "optimizer.first.solve": "dense",
    "optimizer.second.kind": "lm",
    "optimizer.second.solve": "kernel",
    "optimizer.third.kind": "lm",
    "optimizer.third.solve": "matrix-free",
    "network.widths": (3,),
}


def test_both_engines_take_the_same_least_squares_steps():
    on_torch, on_jax = (solved(engine, "rod", **LEAST_SQUARES) for engine in ("torch", "jax"))
    losses = on_torch.facts()["loss_history"]
    assert losses[-1] < 0.5 * losses[0]
    assert on_jax.get() == pytest.approx(on_torch.get(), abs=1e-8)


@cache
def one_step(solve, **parameters):
    how = PENALTY | {"optimizer.kind": "lm", "optimizer.solve": solve, "optimizer.inner": 500}
    return solved("torch", "rod", **how | parameters).get()


def test_dense_kernel_and_matrix_free_take_the_same_step_as_the_equation_of_the_step():
    """(JᵀJ + μ I) δ = −Jᵀ r with μ a hundredth of the mean square of J's columns; LSMR stops at 1e-10."""
    judge = begin("torch", "rod", **PENALTY)
    start = flat(judge.layers)
    r, jacobian = judge.jacobian_at(start)
    normal = jacobian.T @ jacobian
    mu = 1e-2 * np.trace(normal) / len(start)
    expected = start + np.linalg.solve(normal + mu * np.eye(len(start)), -jacobian.T @ r)
    assert float(judge.weights @ judge.terms_at(expected)) < float(r @ r)
    assert one_step("dense") == pytest.approx(expected, abs=1e-10)
    assert one_step("kernel") == pytest.approx(expected, abs=1e-10)
    assert one_step("matrix-free") == pytest.approx(expected, abs=1e-7)


def test_the_automatic_choice_is_the_smaller_system():
    lm = LevenbergMarquardt()
    assert lm.uses_kernel(10, 20)
    assert not lm.uses_kernel(20, 10)


@pytest.mark.parametrize("solve", ["dense", "kernel", "matrix-free"])
def test_a_problem_linear_in_the_parameters_is_solved_in_one_undamped_step(solve):
    how = {"network.widths": (), "optimizer.kind": "lm", "optimizer.damping": 1e-14, "optimizer.solve": solve}
    if solve == "kernel":
        # As many points as parameters, or its system is singular.
        how["points.count"] = 2
    session = solved("torch", "decay", **how)
    found, start = session.get(), flat(session.layers)
    r, jacobian = session.jacobian_at(start)
    assert len(start) == 2
    delta, *_ = np.linalg.lstsq(jacobian, -r, rcond=None)
    assert found == pytest.approx(start + delta, abs=1e-6)


@pytest.mark.parametrize("solve", ["dense", "kernel", "matrix-free"])
def test_least_squares_never_raise_the_loss_on_fixed_points(solve):
    how = {"optimizer.kind": "lm", "optimizer.solve": solve, "keep": "last"}
    session = solved("torch", "burgers", iterations=60, **how)
    losses = session.facts()["loss_history"]
    # Nine points and many more parameters: the residual vanishes up to rounding, and then nothing moves.
    assert len(losses) > 10
    assert (np.diff(losses) <= 0.0).all()
    assert losses[-1] < 1e-20


def test_a_chain_goes_on_from_the_parameters_before():
    how = PENALTY | {"optimizer.kind": "chain", "optimizer.switch": (3,), "iterations": 8}
    how |= {"optimizer.first.kind": "lm", "optimizer.second.kind": "ssbroyden"}
    chained = solved("torch", "decay", **how)
    by_hand = begin("torch", "decay", **PENALTY)
    LeastSquaresDriver(LevenbergMarquardt(), by_hand).advance(3)
    QuasiNewtonDriver(SSBroyden(), by_hand).advance(5)
    assert (chained.get() == by_hand.get()).all()


# The self-scaled Broyden family. (b, h, n) → (τ, φ), worked out from Al-Baali 1998 in the form of Urbán, Stefanou &
# Pons 2025: a = bh − 1, c = √(a/(1 + a)), ρ = min(1, h (1 − c)), θ = max((ρ − 1)/a, min(1/ρ, (1 − b)/b)), σ = 1 + aθ,
# φ = (1 − θ)/σ, and τ = min(1, 1/b) min(σ^(−1/(n−1)), 1/θ) for θ > 0, else min(min(1, 1/b) σ^(−1/(n−1)), σ).
BY_HAND = [
    # a = 1/3, c = 1/2, ρ = 1, θ = min(1, 2) = 1, σ = 4/3: DFP.
    ((1 / 3, 4.0, 3), (3**0.5 / 2, 0.0)),
    # ρ = 1/2, θ = max(−3/2, −1/4) = −1/4, σ = 11/12, τ = min(3/4 · 12/11, 11/12).
    ((4 / 3, 1.0, 2), (9 / 11, 15 / 11)),
    # a = 16/9, c = 4/5, ρ = 1/5, θ = max(−9/20, −16/25) = −9/20, σ = 1/5 = τ.
    ((25 / 9, 1.0, 2), (1 / 5, 29 / 4)),
    # a = 1, c = √½, ρ = 1, θ = min(1, 1) = 1, σ = 2, n = 2: τ = 1/2.
    ((1 / 2, 4.0, 2), (1 / 2, 0.0)),
    # b = 1 is Newton's own length: θ = 0, BFGS as it is.
    ((1.0, 5.0, 4), (1.0, 1.0)),
]


@pytest.mark.parametrize(("at", "expected"), BY_HAND)
def test_the_scaling_is_the_one_worked_out_by_hand(at, expected):
    b, h, unknowns = at
    assert scaling("broyden", unknowns, b, h) == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_the_other_members_of_the_family():
    assert scaling("none", 5, 3.0, 2.0) == (1.0, 1.0)
    assert scaling("bfgs", 5, 4.0, 2.0) == (0.25, 1.0)
    assert scaling("bfgs", 5, 0.5, 4.0) == (1.0, 1.0)


def whole(hessian):
    """The matrix that a product with H stands for."""
    return np.column_stack([hessian @ column for column in np.eye(len(hessian.matrix))])


def updates(kind, unknowns=5, count=30):
    """(H before, H after, s, y, b, h) of a random sequence."""
    generator = np.random.default_rng(7)
    hessian = InverseHessian(unknowns)
    while count:
        gradient, y = generator.standard_normal((2, unknowns))
        before, alpha = whole(hessian), float(generator.uniform(0.1, 2.0))
        s = -alpha * before @ gradient
        if y @ s < 0.05 * np.linalg.norm(y) * np.linalg.norm(s):
            continue
        b, h = s @ np.linalg.solve(before, s) / (y @ s), y @ before @ y / (y @ s)
        assert hessian.update(s, y, gradient, alpha, kind)
        yield before, whole(hessian), s, y, b, h
        count -= 1


@pytest.mark.parametrize("kind", ["broyden", "bfgs", "none"])
def test_every_update_meets_the_secant_equation_and_stays_positive_definite(kind):
    for _, after, s, y, _, _ in updates(kind):
        assert after @ y == pytest.approx(s, rel=1e-8, abs=1e-8 * np.linalg.norm(s))
        assert after == pytest.approx(after.T)
        assert np.linalg.eigvalsh(after).min() > 0.0


@pytest.mark.parametrize("kind", ["broyden", "bfgs", "none"])
def test_every_update_is_the_formula_of_the_family(kind):
    for before, after, s, y, b, h in updates(kind):
        tau, phi = scaling(kind, len(s), b, h)
        hy, ys, yhy = before @ y, y @ s, y @ before @ y
        v = np.sqrt(yhy) * (s / ys - hy / yhy)
        expected = (before - np.outer(hy, hy) / yhy + phi * np.outer(v, v)) / tau + np.outer(s, s) / ys
        assert np.abs(after - expected).max() < 1e-9 * np.abs(expected).max()


def test_without_scaling_an_update_is_the_textbook_formula_of_bfgs():
    """Nocedal & Wright 2006, eq. 6.17."""
    for before, after, s, y, _, _ in updates("none"):
        left = np.eye(len(s)) - np.outer(s, y) / (y @ s)
        expected = left @ before @ left.T + np.outer(s, s) / (y @ s)
        assert np.abs(after - expected).max() < 1e-9 * np.abs(expected).max()


def test_a_step_against_the_curvature_is_left_out():
    hessian = InverseHessian(3)
    s = np.array([1.0, 2.0, 3.0])
    assert not hessian.update(s, -s, -s, 1.0, "broyden")
    assert (whole(hessian) == np.eye(3)).all()


class Function:
    """A function with its gradient in place of a session."""

    weights = np.ones(1)

    def __init__(self, value, gradient, start):
        self.value, self.gradient, self.parameters = value, gradient, np.array(start, dtype=float)

    def get(self):
        return self.parameters

    def put(self, parameters):
        self.parameters = parameters

    def gradient_at(self, parameters):
        return np.array([self.value(parameters)]), self.gradient(parameters)


@pytest.mark.parametrize("kind", ["broyden", "bfgs", "none"])
def test_a_quadratic_of_any_shape_is_minimised(kind):
    curvature = np.logspace(0, 4, 8)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((8, 8)))
    a = rotation @ np.diag(curvature) @ rotation.T
    quadratic = Function(lambda x: 0.5 * x @ a @ x, lambda x: a @ x, np.ones(8))
    driver = QuasiNewtonDriver(SSBroyden(scaling=kind), quadratic)
    done, terms = driver.advance(120)
    assert done <= 120
    assert terms[0] < 1e-12
    assert np.abs(quadratic.parameters).max() < 1e-5


@pytest.mark.parametrize("kind", ["broyden", "bfgs", "none"])
def test_the_curved_valley_of_rosenbrock_is_followed_to_its_end(kind):
    rosenbrock = Function(scipy.optimize.rosen, scipy.optimize.rosen_der, [-1.2, 1.0, -0.5, 2.0])
    driver = QuasiNewtonDriver(SSBroyden(scaling=kind), rosenbrock)
    losses = [scipy.optimize.rosen(rosenbrock.parameters)]
    for _ in range(30):
        _, terms = driver.advance(5)
        losses.append(float(terms[0]))
        if driver.stuck:
            break
    assert (np.diff(losses) <= 0.0).all()
    assert rosenbrock.parameters == pytest.approx(np.ones(4), abs=1e-6)


def test_both_engines_take_the_same_quasi_newton_steps():
    how = PENALTY | {"optimizer.kind": "ssbroyden", "iterations": 8}
    on_torch, on_jax = (solved(engine, "decay", **how) for engine in ("torch", "jax"))
    losses = on_torch.facts()["loss_history"]
    assert len(losses) == 8
    assert losses[-1] < 0.5 * losses[0]
    assert on_jax.get() == pytest.approx(on_torch.get(), abs=1e-6)


@pytest.mark.parametrize("name", ["lbfgs", "ssbroyden", "lm"])
def test_curvature_beats_adam_at_equal_iterations(name):
    losses = {
        kind: solved("torch", "decay", iterations=100, **{"optimizer.kind": kind}).facts()["final_loss"]
        for kind in (name, "adam")
    }
    assert losses[name] < 1e-2 * losses["adam"]


def test_few_evaluations_per_search_do_not_end_lbfgs():
    """The library's loop ends where evaluations run out; that is not standstill."""
    how = {"optimizer.kind": "lbfgs", "optimizer.searches": 2, "iterations": 60, "keep": "last"}
    session = solved("torch", "burgers", **how)
    assert session.facts()["stopped_by"] == "iterations"
    assert session.facts()["iterations"] == 60


@pytest.mark.parametrize("search", ["damping", "line"])
def test_a_system_that_cannot_be_factorised_moves_nothing_and_ends_training(monkeypatch, search):
    def indefinite(*_, **__):
        raise scipy.linalg.LinAlgError

    monkeypatch.setattr(scipy.linalg, "cho_factor", indefinite)
    how = {"optimizer.kind": "lm", "optimizer.search": search, "iterations": 200}
    session = solved("torch", "decay", **how)
    assert session.facts()["stopped_by"] == "stagnation"
    assert session.facts()["iterations"] < 200
    assert (session.get() == begin("torch", "decay", **how).get()).all()


@pytest.mark.parametrize(
    ("kind", "told"),
    [("adam", "eager, fused optimizer"), ("lm", "optimizer on the host, residuals and derivatives by the framework")],
)
def test_a_row_says_where_its_optimizer_ran(kind, told):
    assert solved("torch", "decay", **{"optimizer.kind": kind}).facts()["engine"] == told
