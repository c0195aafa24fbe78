"""The deep BSDE method: paths, scheme and its order, two engines, what it answers and what it refuses."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import jax
import numpy as np
import pytest
import torch

from backends.base import Context
from backends.jax_bsde import JaxBSDE
from backends.neural import jax_shares
from backends.neural.calculus import Calculus, Network
from backends.torch_bsde import TorchBSDE
from problems import REGISTRY
from problems.families.terminal import TerminalValueProblem
from problems.heat_1d import Heat1D
from problems.operations import NUMPY
from problems.parameters import InputError

SOLVERS = {"torch": TorchBSDE, "jax": JaxBSDE}
TINY = {"network.widths": (5,), "batch": 6, "steps": 4, "iterations": 10}
HOST = Calculus(np, NUMPY, None, None, None, lambda values, like: values, None, None, None)


def declared(name, **parameters):
    return REGISTRY.get(name).create(parameters)


def begin(engine, problem, precision="float64", **parameters):
    solver = SOLVERS[engine].create(TINY | parameters)
    assert solver.unsupported(problem) is None
    solver.validate(problem)
    return solver.begin(problem, Context(seed=3, precision=precision))


def solved(engine, problem, **parameters):
    session = begin(engine, problem, **parameters)
    session.compile()
    session.prepare()
    session.solve()
    return session


@dataclass(frozen=True)
class Hill(TerminalValueProblem):
    """g = ½a|x|² in one dimension, σ = √2, from ξ = 0.7; the gradient is known, and linear in x."""

    name, title, equation, citation = "hill", "", "", ""
    a = 0.8

    def volatility(self):
        return math.sqrt(2.0)

    def start(self):
        return np.full(self.d, 0.7)

    def terminal(self, ops, x):
        return 0.5 * self.a * ops.dot(x, x)

    def steepness(self, t):
        """∇u = steepness · x."""
        raise NotImplementedError

    def value(self):
        """u(0, ξ) in one dimension."""
        raise NotImplementedError


@dataclass(frozen=True)
class Control(Hill):
    """uₜ + Δu = |∇u|²: u = ½A(t)|x|² + C(t) with A' = 2A² (Riccati) and C' = −A."""

    def driver(self, ops, t, x, u, slope):
        return -ops.dot(slope, slope)

    def steepness(self, t):
        return self.a / (1.0 + 2.0 * self.a * (self.T - t))

    def value(self):
        return 0.5 * self.steepness(0.0) * 0.7**2 + 0.5 * math.log(1.0 + 2.0 * self.a * self.T)

    def leading_error(self, dt):
        """∫h − Σh(t_k)Δt for h(t) = A² E|X_t|², the left rule's by Euler and Maclaurin."""
        first, last = (self.steepness(t) ** 2 * (0.7**2 + 2.0 * t) for t in (0.0, self.T))
        return 0.5 * dt * (last - first)


@dataclass(frozen=True)
class Discount(Hill):
    """uₜ + Δu = r u: u = e^{−r(T − t)} ½a(|x|² + 2(T − t))."""

    r = 0.5

    def driver(self, ops, t, x, u, slope):
        return -self.r * u

    def steepness(self, t):
        return self.a * np.exp(-self.r * (self.T - t))

    def value(self):
        return math.exp(-self.r * self.T) * 0.5 * self.a * (0.7**2 + 2.0 * self.T)

    def leading_error(self, dt):
        """(1 + rΔt)^−N against e^−rT."""
        return self.value() * 0.5 * self.r**2 * self.T * dt


def best_start(problem, steps):
    """The Y₀ with the smallest loss if the network were exact, over all 2^N paths of steps ±σ√Δt.

    They have the mean and variance of normal increments, on which alone the means of quadratic functions depend.
    """
    form = replace(TorchBSDE.create(TINY), steps=steps).formulation(problem, HOST)
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=steps)))
    dt = problem.T / steps
    times = np.tile(np.arange(steps) * dt, len(signs))
    moves = (problem.volatility() * math.sqrt(dt) * signs).reshape(-1, 1)
    place = form.prepare(np.concatenate([moves, times[:, None]], 1), inside=True)

    def exact(place, orders):
        x, t = place["points"][:, :1], place["points"][:, 1:]
        return (problem.steepness(t) * x / form.steepness)[None]

    losses = [form.loss(Network(exact, np.array([c])), place, None, form.weights)[0] for c in (-1.0, 0.0, 1.0)]
    curvature, slope = losses[0] - 2.0 * losses[1] + losses[2], 0.5 * (losses[2] - losses[0])
    return float(form.stands_for(np.array([-slope / curvature]))[0]), losses


@pytest.mark.parametrize("kind", [Control, Discount])
def test_steps_leave_an_error_of_first_order_and_of_the_size_that_theory_gives(kind):
    problem = kind(d=1, T=0.5)
    errors = [best_start(problem, steps)[0] - problem.value() for steps in (3, 6, 12)]
    for coarse, fine in itertools.pairwise(errors):
        assert 1.8 < coarse / fine < 2.2
    assert errors[-1] == pytest.approx(problem.leading_error(problem.T / 12), rel=0.1)


def test_with_the_exact_gradient_the_loss_falls_in_proportion_to_the_step():
    """What is left of the variance is that of ∫∇u·dW between the instants, Δt/2 ∫|∇²u|² dt in the leading order."""
    left = []
    for steps in (5, 10):
        y, losses = best_start(Control(d=1, T=0.5), steps)
        form = TorchBSDE.create(TINY).formulation(Control(d=1, T=0.5), HOST)
        c = (y - form.mean) / form.spread
        left.append(losses[1] - c**2 * (losses[0] - 2 * losses[1] + losses[2]) / 2)
    assert left[1] < 0.7 * left[0]
    assert left[0] < 0.2


def test_paths_begin_at_the_start_and_keep_their_increments():
    problem = declared("black-scholes-nd", d=3, rate=0.1)
    form = TorchBSDE.create(TINY).formulation(problem, HOST)
    drawn = form.inside.drawn(np.random.default_rng(0))
    place = form.prepare(drawn, inside=True)
    places = place["points"].reshape(6, 4, 4)
    assert places[:, 0, :3] == pytest.approx(np.tile(problem.start(), (6, 1)))
    assert places[:, :, 3] == pytest.approx(np.tile([0.0, 0.25, 0.5, 0.75], (6, 1)))
    moves = drawn[:, :3].reshape(6, 4, 3)
    assert np.diff(places[:, :, :3], axis=1) == pytest.approx(moves[:, :-1])
    ends = places[:, -1, :3] + moves[:, -1]
    assert place["goal"] == pytest.approx(problem.terminal(NUMPY, ends.T))
    # 4σ²/4 is the variance of the whole path.
    many = replace(TorchBSDE.create(TINY), batch=20_000).formulation(problem, HOST)
    gained = many.inside.drawn(np.random.default_rng(1))[:, :3].reshape(-1, 4, 3).sum(1)
    assert gained.std(0) == pytest.approx(np.full(3, 0.2), rel=0.03)


CASES = {
    "hjb": (declared("hjb-lq", d=3), {}),
    "allen-cahn": (declared("allen-cahn-nd", d=2), {"network.kind": "residual", "network.width": 4}),
    "a kink, and another start": (declared("black-scholes-nd", d=4, rate=0.1), {"network.scaled": False}),
    "a single step": (declared("hjb-lq", d=1), {"steps": 1}),
    "batch normalisation": (declared("hjb-lq", d=2), {"network.normalisation": "before"}),
}


@pytest.mark.parametrize("case", CASES)
def test_both_engines_have_the_same_loss_and_gradient(case):
    problem, parameters = CASES[case]
    if parameters.get("network.kind"):
        parameters = {"batch": 6, "steps": 4, "iterations": 10, "network.widths": None} | parameters
    sessions = {engine: begin_plain(engine, problem, parameters) for engine in SOLVERS}
    drawn = sessions["torch"].inside.drawn(np.random.default_rng(7))
    start = sessions["torch"].initial_parameters()
    start = start + 0.2 * np.random.default_rng(8).standard_normal(len(start))
    session = sessions["torch"]
    session.put(start)
    place = session._place(session.tensor(drawn), inside=True)
    loss = session.loss(session.parameters, (place, None))[0]
    gradient = torch.autograd.grad(loss, session.parameters)[0].numpy()
    session = sessions["jax"]
    places = (session.placing(0)(drawn), None)
    (other, _), slopes = jax.value_and_grad(session.loss, has_aux=True)(start, places, session.term_weights)
    assert float(other) == pytest.approx(loss.item(), rel=1e-12)
    assert np.asarray(slopes) == pytest.approx(gradient, rel=1e-9, abs=1e-12)
    # The loss depends on every parameter of the output layer, and on the number beside the network.
    assert np.count_nonzero(gradient[-problem.d - 1 :]) == problem.d + 1


def begin_plain(engine, problem, parameters):
    chosen = {key: value for key, value in (TINY | parameters).items() if value is not None}
    return SOLVERS[engine].create(chosen).begin(problem, Context(seed=3))


@pytest.mark.parametrize("engine", SOLVERS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_control_problem_in_few_dimensions_is_solved(engine, precision):
    """The mean of g, from which training starts, is 29 % too large; after so short a training 6 % were left."""
    problem = declared("hjb-lq", d=3)
    how = {"network.widths": (32,), "iterations": 600, "batch": 64, "steps": 20}
    session = solved(engine, problem, precision=precision, **how)
    reference = problem.reference(problem.points())[0, 0]
    assert session.formulation.mean / reference - 1.0 > 0.25
    assert abs(session.solution(problem.points())[0, 0] / reference - 1.0) < 0.12
    facts = session.facts()
    assert (facts["steps"], facts["dt"]) == (20, pytest.approx(0.05))
    assert facts["coefficient_history"].shape == (len(facts["loss_iterations"]), 1)
    assert facts["coefficient_history"][-1] == pytest.approx(session.solution(problem.points())[0])
    assert facts["term_names"] == "terminal value"
    assert facts["loss_history"][-20:].mean() < 0.2 * facts["loss_history"][0]


def test_the_first_guess_is_the_mean_of_the_terminal_value():
    """E|X_T|² = d(ξ² + 2T); 4096 samples tell it within 5 standard errors."""
    form = TorchBSDE.create(TINY).formulation(Control(d=2, T=0.5), HOST, seed=5)
    assert form.mean == pytest.approx(0.5 * 0.8 * 2 * (0.7**2 + 1.0), abs=5 * form.spread / 64)
    assert form.stands_for(form.coefficients) == pytest.approx([form.mean])


def test_a_terminal_value_that_is_the_same_everywhere_has_a_solution_too():
    @dataclass(frozen=True)
    class Flat(Discount):
        def terminal(self, ops, x):
            return 2.0 + 0.0 * ops.sum(x)

    problem = Flat(d=2, T=0.5)
    session = solved("torch", problem, **{"iterations": 300, "steps": 10})
    # 2/(1 + rΔt)^N.
    assert session.solution(problem.points())[0, 0] == pytest.approx(2.0 / 1.025**10, abs=0.02)


@pytest.mark.parametrize("engine", SOLVERS)
def test_nothing_is_known_but_at_the_start(engine):
    problem = declared("hjb-lq", d=2)
    session = begin(engine, problem)
    assert session.solution(np.repeat(problem.points(), 3, axis=0)).shape == (3, 1)
    with pytest.raises(ValueError, match="start of its paths"):
        session.solution(problem.points() + 0.1)


@pytest.mark.parametrize("cls", SOLVERS.values())
def test_what_cannot_work_is_refused_in_words(cls):
    assert "terminal value" in str(cls().unsupported(Heat1D()))
    with pytest.raises(InputError, match=r"is 'lbfgs'; give Adam or SGD .*compares losses"):
        cls.create({"optimizer": "lbfgs"})
    with pytest.raises(InputError, match="'steps' is 0"):
        cls.create({"steps": 0})
    with pytest.raises(InputError, match="'batch' is 0"):
        cls.create({"batch": 0})
    with pytest.raises(ValueError, match="terminal value"):
        cls().formulation(Heat1D())


@pytest.mark.parametrize("cls", SOLVERS.values())
def test_every_preset_can_be_built(cls):
    assert cls.presets
    for preset in cls.presets:
        assert cls.create(preset=preset).unsupported(declared("hjb-lq")) is None


@pytest.mark.parametrize("cls", SOLVERS.values())
def test_a_rehearsal_is_as_large_and_shorter(cls):
    solver = cls.create({"batch": 128, "steps": 30, "iterations": 4000, "time_limit": 9.0})
    few = solver.rehearsal()
    assert (few.batch, few.steps, few.iterations, few.time_limit) == (128, 30, 20, 0.0)


def test_processors_have_whole_paths_each(monkeypatch):
    if len(jax.devices("cpu")) < 2:
        pytest.skip("JAX was started with one device")
    trained = []
    for share in (1, 10**12):
        monkeypatch.setattr(jax_shares, "SHARE", share)
        trained.append(solved("jax", declared("hjb-lq", d=3)))
    divided, whole = trained
    assert "divided among 2 processors" in divided.engine
    assert "divided" not in whole.engine
    assert divided.get() == pytest.approx(whole.get(), rel=1e-10, abs=1e-12)
    monkeypatch.setattr(jax_shares, "SHARE", 1)
    # Three paths of four steps are twelve points, and cannot be halved.
    assert jax_shares.shares(begin("jax", declared("hjb-lq", d=3), batch=3)) == 1
