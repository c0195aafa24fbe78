"""The description that both engines share: networks, points, trial functions, and what is refused."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest

from backends.neural.activations import ACTIVATIONS
from backends.neural.collocation import Scattered, Uniform
from backends.neural.networks import MLP
from backends.neural.optimizers import Adam
from backends.neural.pointsets import join, region
from backends.neural.tensor_points import Grid, JitteredGrid
from backends.neural.trial import BoxTrial
from backends.torch_pinn import TorchPINN
from problems.base import PDE, Box, Dirichlet, Neumann, fields_to_array, scattered_points
from problems.burgers_1d import Burgers1D
from problems.decay import Decay
from problems.heat_1d import Heat1D
from problems.operations import NUMPY
from problems.parameters import InputError
from problems.poisson import Poisson


class Functions:
    """Elementwise numpy."""

    tanh, sin, cos, exp = np.tanh, np.sin, np.cos, np.exp
    erf = staticmethod(np.vectorize(math.erf))

    @staticmethod
    def sigmoid(x):
        return 1.0 / (1.0 + np.exp(-x))

    @staticmethod
    def step(x):
        return (x > 0).astype(float)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activation_derivatives_are_those_of_the_activation(name):
    z, h = np.array([-1.7, -0.6, 0.3, 0.9, 2.1]), 1e-5
    middle, ahead, behind = (ACTIVATIONS[name](Functions, z + shift, 3) for shift in (0.0, h, -h))
    for k in range(3):
        assert middle[k + 1] == pytest.approx((ahead[k] - behind[k]) / (2 * h), abs=1e-8)


def test_both_biases_and_weights_of_fan_in_uniform_are_drawn():
    (weights, bias), _ = MLP(widths=(400,), init="fan-in-uniform").initial(4, 1, seed=3)
    assert abs(weights).max() <= 0.5
    assert abs(bias).max() == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("init", "variance"), [("xavier-uniform", 2 / 300), ("kaiming-normal", 2 / 100)])
def test_initial_weights_have_the_variance_of_their_scheme(init, variance):
    _, (weights, bias), _ = MLP(widths=(100, 200), init=init).initial(1, 1, seed=0)
    assert weights.var() == pytest.approx(variance, rel=0.05)
    assert not bias.any()


def test_a_grid_includes_both_ends_of_every_coordinate():
    points = Grid(counts=(11, 101)).within(np.zeros(2), np.array([1.0, 0.5])).base
    assert points.shape == (11 * 101, 2)
    assert points.min(axis=0).tolist() == [0.0, 0.0]
    assert points.max(axis=0).tolist() == [1.0, 0.5]


def test_the_opposite_face_shares_the_noise_of_a_periodic_pair():
    lower = Uniform(batch=5).within(np.zeros(2), np.array([0.0, 1.0]))
    both = join(
        [[Uniform(batch=3).within(np.zeros(2), np.ones(2))], [lower, lower.moved(lower.base + np.array([1.0, 0.0]))]]
    )
    noise = np.random.default_rng(0).random((both.draws, 2))
    points = both.base + both.span * noise[both.rows]
    assert points[8:, 1] == pytest.approx(points[3:8, 1])
    assert points[3:8, 0].tolist() == [0.0] * 5
    assert points[8:, 0].tolist() == [1.0] * 5


def test_a_jittered_grid_leaves_conditions_in_place():
    assert JitteredGrid(counts=(5,)).within(np.zeros(1), np.ones(1)).noise == "normal"
    assert JitteredGrid(counts=(5,)).within(np.zeros(1), np.zeros(1)).noise == ""


def test_scattered_conditions_are_as_dense_as_the_inside():
    assert len(Scattered(count=512).within(np.zeros(3), np.array([0.0, 1.0, 1.0]))) == 64


@dataclass(frozen=True)
class Channel(PDE):
    """Two components on a 2-D box with data that vary along every face; one face is insulated."""

    name, title, equation, citation = "channel", "", "", ""
    components = 2

    def domain(self):
        return Box((-1.0, 0.0), (1.0, 2.0))

    def final_time(self):
        return 0.7

    def diffusivity(self, ops, x, t, u):
        return 1.0

    def exact(self, ops, x, t):
        return ops.exp(-t) * ops.sin(x[0] + 2.0 * x[1]), x[0] * x[1] + t

    def condition(self, axis, side):
        return Neumann() if (axis, side) == (1, 1) else Dirichlet(self.exact)


@pytest.mark.parametrize("problem", [Channel(), Poisson(d=3, solution="skewed"), Poisson(d=2), Heat1D(), Burgers1D()])
def test_the_automatic_trial_meets_initial_and_dirichlet_data_whatever_the_network(problem):
    trial = BoxTrial(problem)
    box, final = problem.domain(), problem.final_time()
    places = scattered_points(50, box.lower, box.upper)
    t = 0.0 if final is None else np.linspace(0.0, final, 50)

    def at(x, t):
        lift, mask = trial(NUMPY, [*x] if final is None else [*x, t])
        return fields_to_array(lift, 50), np.broadcast_to(mask, 50)

    for axis in range(problem.dimension):
        for side in (0, 1):
            condition = problem.condition(axis, side)
            if isinstance(condition, Dirichlet):
                x = list(places.T.copy())
                x[axis] = np.full(50, (box.lower, box.upper)[side][axis])
                lift, mask = at(x, t)
                assert lift == pytest.approx(fields_to_array(condition.value(NUMPY, x, t), 50), abs=1e-12)
                assert abs(mask).max() < 1e-12
    if final is not None:
        lift, mask = at(list(places.T), np.zeros(50))
        assert lift == pytest.approx(fields_to_array(problem.initial(NUMPY, list(places.T)), 50), abs=1e-12)
        assert not mask.any()


@dataclass(frozen=True)
class Quench(Heat1D):
    """Initial data that contradict the cold ends."""

    name = "quench"

    def initial(self, ops, x):
        return (1.0 + 0.0 * x[0],)


def test_contradictory_data_are_met_at_the_start_and_on_the_boundary_later():
    trial = BoxTrial(Quench(T=1.0))
    x = np.array([0.0, 0.5, 1.0])
    assert trial(NUMPY, [x, np.zeros(3)])[0][0].tolist() == [1.0, 1.0, 1.0]
    assert abs(trial(NUMPY, [x, np.full(3, 0.8)])[0][0]).max() < 1e-15


def test_the_learning_rate_falls_to_its_final_fraction():
    for decay in ("cosine", "exponential"):
        rates = Adam(rate=0.1, decay=decay, final_fraction=0.01).rates(10_000)
        assert rates.shape == (10_000,)
        assert rates[0] == pytest.approx(0.1)
        assert rates[-1] == pytest.approx(0.001, rel=1e-3)
        assert (np.diff(rates) < 0.0).all()


def test_the_learning_rate_of_the_nerve_cell_falls_by_ten_after_35_000_of_150_000_iterations():
    solver = TorchPINN.create(preset="s3-fhn")
    rates = solver.optimizer.rates(solver.iterations)
    assert rates.shape == (150_000,)
    assert np.unique(rates[:35_000]) == pytest.approx([1e-4])
    assert np.unique(rates[35_000:]) == pytest.approx([1e-5])


def test_a_rectifier_is_refused_where_second_derivatives_are_needed_and_allowed_elsewhere():
    solver = TorchPINN.create({"network.activation": "leaky-relu"})
    reason = solver.unsupported(Heat1D())
    assert reason is not None
    assert "vanish almost everywhere" in reason
    assert solver.unsupported(Decay()) is None


def test_a_published_trial_is_refused_where_there_is_none():
    solver = TorchPINN.create({"constraint.form": "published"})
    assert "constraint.form=automatic" in str(solver.unsupported(Burgers1D()))
    assert solver.unsupported(Heat1D()) is None


def test_grid_counts_must_match_the_coordinates():
    solver = TorchPINN.create({"points.kind": "grid", "points.counts": (5, 5, 5)})
    with pytest.raises(InputError, match="2 coordinates"):
        solver.validate(Heat1D())


def test_every_preset_can_be_built_and_rehearsed():
    for preset in TorchPINN.presets:
        solver = TorchPINN.create(preset=preset)
        assert solver.rehearsal().iterations == min(20, solver.iterations)


def test_a_rehearsal_renews_points_fills_the_history_and_comes_to_every_optimizer():
    adaptive = {"points": "adaptive", "points.every": 500}
    assert TorchPINN.create({**adaptive, "optimizer": "ssbroyden"}).rehearsal().points.every < 20
    balanced = {"constraint.kind": "penalty", "constraint.balance.kind": "balanced"}
    assert TorchPINN.create(balanced).constraint.balance.every > 20
    assert TorchPINN.create(balanced).rehearsal().constraint.balance.every < 20
    history = TorchPINN.create({**adaptive, "optimizer": "lbfgs", "optimizer.memory": 40}).rehearsal()
    assert history.iterations > 40
    chain = TorchPINN.create({**adaptive, "optimizer": "chain"}).rehearsal()
    assert [stage.kind for stage, _, _ in chain.stages] == ["adam", "lbfgs"]
    assert chain.points.every < chain.iterations


@pytest.mark.parametrize(
    ("preset", "problem_preset"), [("s1-diffusion", "s1-coarse"), ("s1-diffusion-fine", "s1-fine")]
)
def test_published_network_is_trained_on_the_grid_it_is_judged_on(preset: str, problem_preset: str) -> None:
    """S1 does both on the same grid: nodes dx apart, levels dx²/2 apart."""
    problem = Heat1D.create({}, problem_preset)
    trained = TorchPINN.create({}, preset).points.within(*region(problem)).base
    judged = problem.points()
    assert trained.shape == judged.shape
    assert np.abs(np.unique(trained[:, 1]) - np.unique(judged[:, 1])).max() < 1e-12
    assert np.abs(np.unique(trained[:, 0]) - np.unique(judged[:, 0])).max() < 1e-12
