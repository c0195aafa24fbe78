"""Every problem on every backend that accepts it, in its worker, with default or small parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import Case, Spec
from benchmarks.record import Status
from tests.builtin import problem_classes, solver_classes

# Small enough for a test; what is not named here runs with its defaults.
SMALL = {
    "jax-pinn": "jax-pinn:iterations=600,network.widths=[16,16]",
    "torch-pinn": "torch-pinn:iterations=600,network.widths=[16,16]",
    "fenics": "fenics:cells=16,dt=0.02",
    "ftcs": "ftcs:cells=200",
    "scipy-ivp": "scipy-ivp:cells=100,method=LSODA,tolerance=1e-6",
}
# What such a small run must at least achieve, in the problem's own measure. A front needs far more points than a
# test can pay for, and a network of that size far more iterations.
CAPS = {"ftcs": 0.5, "fenics": 0.5, "scipy-ivp": 0.5, "scipy-odeint": 0.5, "scipy-eigh": 1e-12}
TRAINED = 0.9
PROBLEMS = [cls() for cls in problem_classes()]
SOLVERS = solver_classes()
PAIRS = [(p, s) for p in PROBLEMS for s in SOLVERS if s().unsupported(p) is None]


@pytest.mark.parametrize(("problem", "solver"), PAIRS, ids=[f"{p.name}|{s.name}" for p, s in PAIRS])
def test_accepted_problem_is_solved(problem: Any, solver: Any, solve: Callable[..., Any]) -> None:
    case = Case.create(Spec.parse(problem.name), Spec.parse(SMALL.get(solver.name, solver.name)))
    answer = solve(case.problem, case.solver)
    assert answer.status == Status.FINISHED, answer.reason
    points = problem.points()
    assert answer.solution.shape == problem.reference(points).shape
    assert np.isfinite(answer.solution).all()
    assert answer.facts["unknowns"] > 0
    assert answer.errors[problem.headline] < CAPS.get(solver.name, TRAINED)
    for phase in ("setup", "compile", "solve", "evaluate"):
        assert answer.seconds[phase]
        assert min(answer.seconds[phase]) >= 0
    assert answer.record.backend_version


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.name)
def test_refusal_is_a_sentence_for_people(solver: Any) -> None:
    for problem in PROBLEMS:
        reason = solver().unsupported(problem)
        assert reason is None or len(reason.split()) >= 4


@pytest.mark.parametrize("solver", SOLVERS, ids=lambda solver: solver.name)
def test_every_solver_says_what_it_is_and_accepts_something(solver: Any) -> None:
    assert solver.family in ("neural", "classical")
    assert solver.title
    assert solver.__doc__
    assert any(solver().unsupported(problem) is None for problem in PROBLEMS)


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.name)
def test_every_problem_has_a_classical_and_a_neural_solver(problem: Any) -> None:
    able = [solver.family for solver in SOLVERS if solver().unsupported(problem) is None]
    assert {"classical", "neural"} <= set(able)
