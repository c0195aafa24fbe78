"""Networks for integral equations: the residual is what the equation says, with every rule for the integral."""

from __future__ import annotations

import jax
import numpy as np
import pytest
import torch
from scipy.integrate import quad

from backends.base import Context
from backends.jax_pinn import JaxPINN
from backends.neural.jax_shares import shares
from problems.operations import NUMPY
from tests.backends.neural_cases import PROBLEMS, begin, ready, shaken, solved

CHEBYSHEV = {"points.kind": "chebyshev", "points.counts": (7,)}
FINE = {"quadrature.kind": "product", "quadrature.nodes": 129, "quadrature.degree": 8, "quadrature.grading": 2.0}
RULES = {
    "fredholm": {"quadrature.kind": "gauss-legendre", "quadrature.nodes": 20},
    "love": {},
    "algebraic": FINE,
    "logarithmic": FINE,
}


def residual(session, engine):
    """At the points inside, in the session's present places."""
    form = session.formulation
    if engine == "torch":
        return form.blocks(session.network(session.parameters), *session.places)[0].detach().numpy()[0]

    def of_bases(bases):
        places = (session.placing(k)(base) for k, base in enumerate(bases))
        return form.blocks(session.network(session.parameters), *places)[0][0]

    return np.asarray(jax.jit(of_bases)([s[0] for s in session.sets_on_device]))


@pytest.mark.parametrize("name", RULES)
def test_residual_of_a_network_is_what_adaptive_quadrature_makes_of_it(name):
    problem = PROBLEMS[name]
    session = begin("torch", name, **CHEBYSHEV, **RULES[name])
    session.put(shaken(session))
    (a, b), singularity = problem.interval(), problem.singularity()
    x = session.inside.base[:, 0]
    y = session.solution(x[:, None])[:, 0]
    found = residual(session, "torch")
    piece = session.piece

    def of_network(t):
        return session.evaluate(np.full((piece, 1), t))[0, 0]

    for place, value, left in zip(x, y, found, strict=True):

        def product(t, x=place):
            return problem.smooth_factor(NUMPY, x, t) * of_network(t)

        if singularity is None:
            integral = quad(product, a, b, epsabs=1e-11)[0]
        else:
            power = -getattr(singularity, "alpha", 0.0)
            before, behind = ("alg", "alg") if power else ("alg-logb", "alg-loga")
            integral = quad(product, a, place, weight=before, wvar=(0.0, power), epsabs=1e-10)[0]
            integral += quad(product, place, b, weight=behind, wvar=(power, 0.0), epsabs=1e-10)[0]
        wanted = value - problem.free_term(NUMPY, place) - problem.multiplier() * integral
        assert left == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("engine", ["torch", "jax"])
@pytest.mark.parametrize("name", ["fredholm", "algebraic", "logarithmic"])
def test_residual_of_the_exact_solution_vanishes(name, engine):
    problem, graded = PROBLEMS[name], {"quadrature.nodes": 513, "quadrature.grading": 5.0}
    session = begin(engine, name, **CHEBYSHEV, **RULES[name] | (graded if problem.singularity() else {}))
    session.formulation.trial = lambda ops, coordinates: ((problem.exact(ops, coordinates[0]),), 0.0)
    if engine == "torch":
        session.places = tuple(session._place(s[0], inside=k == 0) for k, s in enumerate(session._sets))
    assert np.abs(residual(session, engine)).max() < 1e-11


def test_every_point_has_fresh_samples_of_its_own():
    """Their mean is unbiased: over points and draws the residual of the exact solution averages to zero.

    Its deviation is sin x · π/2 · √(2² (1/8 − 1/π²)) / √n for n samples.
    """
    session = begin("torch", "fredholm", **CHEBYSHEV, **{"quadrature.kind": "monte-carlo", "quadrature.nodes": 50})
    problem, generator = PROBLEMS["fredholm"], np.random.default_rng(0)
    session.formulation.trial = lambda ops, coordinates: ((problem.exact(ops, coordinates[0]),), 0.0)
    nodes = session.conditions
    assert len(nodes) == nodes.draws == 7 * 50
    rows = []
    for _ in range(400):
        drawn = torch.tensor(nodes.drawn(generator))
        assert 0.0 <= float(drawn.min()) < float(drawn.max()) <= np.pi / 2
        session.places = (
            session._place(session._sets[0][0], inside=True),
            session._place(drawn, inside=False),
        )
        rows.append(residual(session, "torch"))
    deviation = np.sin(session.inside.base[:, 0]) * np.pi * np.sqrt((1.0 / 8.0 - 1.0 / np.pi**2) / 50)
    scaled = np.array(rows) / deviation
    assert scaled.std(axis=0) == pytest.approx(np.ones(7), abs=0.2)
    assert np.abs(scaled.mean(axis=0)).max() < 5.0 / np.sqrt(400)
    assert np.abs(np.corrcoef(scaled.T) - np.eye(7)).max() < 0.25


def test_samples_are_drawn_anew_for_every_iteration():
    for engine in ("torch", "jax"):
        how = {"quadrature.kind": "monte-carlo", "quadrature.nodes": 5, "iterations": 4, "optimizer.rate": 1e-12}
        losses = solved(engine, "fredholm", **CHEBYSHEV, **how).facts()["loss_history"]
        assert len(set(np.round(losses, 9))) == len(losses) == 4


@pytest.mark.parametrize("name", ["love", "logarithmic"])
def test_both_engines_follow_the_same_path(name):
    trained = []
    for engine in ("torch", "jax"):
        session = ready(engine, name, **CHEBYSHEV, iterations=15, **{"optimizer.kind": "ssbroyden"})
        session.solve()
        trained.append(session.solution(PROBLEMS[name].points()))
    assert trained[0] == pytest.approx(trained[1], abs=1e-6)


@pytest.mark.parametrize(
    ("preset", "name", "cap"), [("best-fredholm", "love", 1e-8), ("best-fredholm-singular", "logarithmic", 1e-4)]
)
def test_presets_reach_what_they_are_for(preset, name, cap):
    problem = PROBLEMS[name]
    solver = JaxPINN.create({} if "singular" not in preset else {"iterations": 800}, preset)
    assert solver.unsupported(problem) is None
    session = solver.begin(problem, Context(seed=0))
    session.compile()
    session.prepare()
    session.solve()
    points = problem.points()
    wanted = problem.reference(points)
    assert np.linalg.norm(session.solution(points) - wanted) < cap * np.linalg.norm(wanted)


def test_jax_does_not_divide_the_points_of_an_integral_equation(monkeypatch):
    """Samples belong to points, and only the points would be divided."""
    session = begin("jax", "love", **{"points.kind": "uniform", "points.batch": 1 << 17, "network.widths": (32, 32)})
    assert shares(session) == 1
    monkeypatch.setattr(type(session.formulation), "additive", True)
    assert shares(session) == min(2, len(jax.devices("cpu")))


def test_few_kernels_are_prepared_together():
    """At 300 nodes, and points that each iteration draws, no more than a few megabytes."""
    changes = {"points.kind": "uniform", "points.batch": 64, "quadrature.kind": "gauss-legendre"}
    session = begin("torch", "love", **changes, **{"quadrature.nodes": 300})
    place = next(session.series(torch.Generator()))[0]
    assert place["kernel"].shape == (64, 300)
    assert place["kernel"].untyped_storage().nbytes() <= 8 * (1 << 20)
