"""What every engine must deliver through its session; each engine's test file runs all of these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from backends.base import Context, Diverged
from problems import REGISTRY
from tests.backends.neural_problems import Ring, Rod

SHORT = {"network.widths": (16, 16), "points.kind": "scattered", "points.count": 128, "optimizer.rate": 0.01}


def trained(cls, problem, preset="", seed=0, precision="float64", **parameters):
    """A session after training."""
    solver = cls.create(parameters, preset)
    assert solver.unsupported(problem) is None
    solver.validate(problem)
    session = solver.begin(problem, Context(seed=seed, precision=precision))
    session.compile()
    session.prepare()
    session.solve()
    return session


def error(session, problem):
    """Relative L2 error at the problem's own points."""
    points = problem.points()
    reference = problem.reference(points)
    solution = problem.align(session.solution(points), reference)
    assert solution.shape == reference.shape
    return float(np.linalg.norm(solution - reference) / np.linalg.norm(reference))


def heat_is_solved_and_more_iterations_lower_the_error(cls):
    problem = REGISTRY.get("heat-1d").create({"T": 0.1})
    errors = [error(trained(cls, problem, iterations=n, **SHORT), problem) for n in (50, 300)]
    assert errors[1] < 0.02
    assert errors[1] < 0.4 * errors[0]


def single_precision_solves_poisson_in_two_dimensions(cls):
    problem = REGISTRY.get("poisson").create({"d": 2, "solution": "skewed"})
    assert error(trained(cls, problem, precision="float32", iterations=200, **SHORT), problem) < 2e-3


def a_neumann_face_and_a_varying_diffusivity_are_solved_beside_a_trial(cls):
    problem = Rod()
    assert error(trained(cls, problem, iterations=250, **SHORT), problem) < 2e-2


def a_periodic_axis_is_solved(cls):
    problem = Ring()
    assert error(trained(cls, problem, iterations=400, **SHORT | {"optimizer.rate": 0.02}), problem) < 0.1


def fresh_points_and_penalties_solve_decay(cls):
    problem = REGISTRY.get("decay").create(preset="s3")
    session = trained(cls, problem, "s3-decay", iterations=400, **{"optimizer.rate": 5e-3})
    assert error(session, problem) < 0.02


def jittered_times_and_plain_descent_run_as_in_the_second_source(cls):
    problem = REGISTRY.get("decay").create(preset="s2")
    session = trained(cls, problem, "s2-decay", iterations=200)
    assert session.facts()["loss_history"][-1] < 0.3 * session.facts()["loss_history"][0]
    outside = session.solution(np.array([[7.5], [10.0]]))
    assert np.isfinite(outside).all()


def the_flow_finds_the_largest_eigenvalue(cls):
    problem = REGISTRY.get("symmetric-eigen").create(preset="s1-6")
    session = trained(cls, problem, "s1-eigen", iterations=500)
    measures = problem.measures(session.solution(problem.points()))
    assert measures["eigenvalue_error"] < 1e-3
    facts = session.facts()
    assert facts["dt"] == 1.0
    assert facts["trajectory_y"].shape == (101, 6)
    assert facts["trajectory_y"][0] == pytest.approx(problem.flow().start())


def the_published_set_up_has_the_grid_and_the_size_of_its_source(cls):
    problem = REGISTRY.get("heat-1d").create(preset="s1-coarse")
    facts = trained(cls, problem, "s1-diffusion", iterations=2).facts()
    assert facts["unknowns"] == 2 * 20 + 20 + 20 + 1
    assert facts["dx"] == pytest.approx(0.1)
    assert facts["dt"] == pytest.approx(0.005)


def the_loss_is_noted_at_no_more_than_200_checkpoints_and_at_the_end(cls):
    problem = REGISTRY.get("decay").create()
    facts = trained(cls, problem, iterations=431).facts()
    assert len(facts["loss_iterations"]) == len(facts["loss_history"]) <= 200
    assert facts["loss_iterations"][-1] == facts["iterations"] == 431
    assert facts["final_loss"] == facts["loss_history"][-1]


def the_seed_decides_everything(cls):
    problem = REGISTRY.get("heat-1d").create()
    how = {"points.kind": "uniform", "points.batch": 16, "iterations": 20, "network.widths": (8,)}
    answers = [trained(cls, problem, seed=seed, **how).solution(problem.points()) for seed in (3, 3, 4)]
    assert (answers[0] == answers[1]).all()
    assert not np.allclose(answers[0], answers[2])


def any_number_of_points_is_evaluated_alike(cls):
    problem = REGISTRY.get("heat-1d").create()
    session = trained(cls, problem, iterations=2)
    points = np.tile(problem.points(), (40, 1))[:70_001]
    whole = session.solution(points)
    assert whole.shape == (70_001, 1)
    assert whole[:10] == pytest.approx(session.solution(points[:10]), abs=1e-13)


@dataclass(frozen=True)
class Runaway(type(REGISTRY.get("decay").create())):
    """y' = y³ + 10, on which plain descent with a large rate overflows."""

    name = "runaway"

    def rhs(self, ops, t, y):
        return (y[0] ** 3 + 10.0,)


def a_loss_that_overflows_is_reported_with_its_iteration(cls):
    with pytest.raises(Diverged, match=r"not finite at iteration \d+ of 4000"):
        trained(cls, Runaway(), iterations=4000, **{"optimizer.kind": "sgd", "optimizer.rate": 10.0})


CLAIMS = (
    heat_is_solved_and_more_iterations_lower_the_error,
    single_precision_solves_poisson_in_two_dimensions,
    a_neumann_face_and_a_varying_diffusivity_are_solved_beside_a_trial,
    a_periodic_axis_is_solved,
    fresh_points_and_penalties_solve_decay,
    jittered_times_and_plain_descent_run_as_in_the_second_source,
    the_flow_finds_the_largest_eigenvalue,
    the_published_set_up_has_the_grid_and_the_size_of_its_source,
    the_loss_is_noted_at_no_more_than_200_checkpoints_and_at_the_end,
    the_seed_decides_everything,
    any_number_of_points_is_evaluated_alike,
    a_loss_that_overflows_is_reported_with_its_iteration,
)
