"""The residual that a trained network leaves is that of its own solution, whose derivatives differences take here."""

from __future__ import annotations

import numpy as np
import pytest

from backends.neural import training
from tests.backends.neural_cases import begin, solved

ENGINES = ["torch", "jax"]
H = 1e-4


def moved(points, axis, step):
    """Points with one coordinate changed."""
    other = points.copy()
    other[:, axis] += step
    return other


@pytest.mark.parametrize("engine", ENGINES)
def test_residual_of_heat_is_what_differences_of_the_solution_give(engine, monkeypatch):
    """u_t − u_xx by central differences, whose error is of the order H² and of rounding over H²."""
    monkeypatch.setattr(training, "RESIDUAL_PIECE", 8)  # The last of three pieces is not full.
    session = solved(engine, "heat", iterations=5)
    points = np.random.default_rng(0).uniform([0.1, 0.05], [0.9, 0.45], (20, 2))
    u = session.solution
    slope = (u(moved(points, 1, H)) - u(moved(points, 1, -H))) / (2 * H)
    bend = (u(moved(points, 0, H)) - 2 * u(points) + u(moved(points, 0, -H))) / H**2
    expected = np.abs(slope - session.problem.kappa * bend)[:, 0]
    assert expected.min() > 1e-3
    assert session.residual(points) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_residual_of_decay_is_what_differences_of_the_solution_give(engine):
    session = solved(engine, "decay", iterations=5)
    t = np.linspace(0.5, 4.5, 9)[:, None]
    slope = (session.solution(t + H) - session.solution(t - H)) / (2 * H)
    expected = np.abs(slope + session.problem.k * session.solution(t))[:, 0]
    assert session.residual(t) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("problem", "parameters"),
    [
        ("fredholm", {}),
        ("poisson", {"objective": "energy", "points.kind": "gauss"}),
        ("poisson", {"derivatives": "hutchinson"}),
        ("heat", {"network.normalisation": "before"}),
    ],
)
def test_what_has_no_residual_at_one_point_alone_tells_none(engine, problem, parameters):
    session = solved(engine, problem, **parameters)
    assert session.residual(session.problem.points()[:4]) is None


@pytest.mark.parametrize("engine", ENGINES)
def test_scattered_points_are_as_far_apart_as_those_of_a_grid_of_as_many(engine):
    session = solved(engine, "heat", **{"points.count": 400})
    box, end = session.problem.domain(), session.problem.final_time()
    facts = session.facts()
    assert facts["dx"] == pytest.approx(box.lengths[0] / 20)
    assert facts["dt"] == pytest.approx(end / 20)


def test_points_that_every_iteration_draws_anew_have_no_spacing():
    session = begin("torch", "heat", **{"points.kind": "uniform"})
    assert not {"dx", "dt"} & set(session.facts())
