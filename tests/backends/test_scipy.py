"""Library integrators and eigensolver, each against an exact solution."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import problems
from backends import Solver
from backends.base import Context
from backends.scipy_eigh import ScipyEigh
from backends.scipy_ivp import ScipyIVP
from backends.scipy_odeint import ScipyOdeint
from benchmarks.errors import error_norms
from problems import Problem
from tests.plugins.grids import Carried, Coupled, Insulated, Variable

DECAY = problems.REGISTRY.get("decay")
HEAT = problems.REGISTRY.get("heat-1d")
EIGEN = problems.REGISTRY.get("symmetric-eigen")
METHODS = ("RK45", "DOP853", "Radau", "BDF", "LSODA")


def run(problem: Problem, solver: Solver) -> tuple[dict[str, float], Any]:
    assert solver.unsupported(problem) is None
    session = solver.begin(problem, Context())
    session.compile()
    session.solve()
    solution = session.solution(problem.points())
    return error_norms(problem, solution) | problem.measures(solution), session


@pytest.mark.parametrize("preset", ["s2", "s3"])
def test_odeint_solves_decay_to_1e_7(preset: str) -> None:
    errors, session = run(DECAY.create({}, preset), ScipyOdeint())
    assert errors["max_abs"] <= 1e-7
    assert 0 < session.facts()["evaluations"] < 1000


@pytest.mark.parametrize("method", METHODS)
def test_error_follows_the_tolerance(method: str) -> None:
    errors = [run(DECAY(), ScipyIVP(method=method, tolerance=tol))[0]["max_abs"] for tol in (1e-4, 1e-9)]
    assert errors[0] < 2e-2
    assert errors[1] < 1e-6
    assert errors[1] < errors[0] / 100


@pytest.mark.parametrize("n", [3, 6, 9, 18])
@pytest.mark.parametrize("which", [1, -1])
def test_eigh_finds_the_eigenvalue_to_1e_12(n: int, which: int) -> None:
    problem = EIGEN.create({"which": which}, f"s1-{n}")
    session = ScipyEigh().begin(problem, Context())
    session.solve()
    vector = session.solution(problem.points())
    residual = problem.matrix() @ vector - problem.wanted()[0] * vector
    assert np.abs(residual).max() <= 1e-12
    assert problem.measures(vector)["eigenvalue_error"] <= 1e-12


def test_flow_by_odeint_reaches_the_largest_eigenvalue() -> None:
    errors, session = run(EIGEN.create({}, "s1-6"), ScipyOdeint())
    assert errors["eigenvalue_error"] < 1e-12
    facts = session.facts()
    assert facts["trajectory_y"].shape == (101, 6)
    flow = EIGEN.create({}, "s1-6").flow()
    assert np.abs(facts["trajectory_y"] - flow.reference(facts["trajectory_t"][:, None])).max() < 1e-6


@pytest.mark.parametrize("solver", [ScipyOdeint(), *(ScipyIVP(method=m) for m in METHODS)], ids=lambda s: str(s))
def test_method_of_lines_is_second_order_in_dx_with_every_integrator(solver: Any) -> None:
    from dataclasses import replace

    errors = [run(HEAT(T=0.1), replace(solver, cells=n))[0]["relative_l2"] for n in (16, 32)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)
    assert errors[1] < 2e-3


@pytest.mark.parametrize("problem", [Insulated(), Variable(d=2), Coupled(), Carried()], ids=lambda p: p.name)
@pytest.mark.parametrize("method", ["LSODA", "Radau"])
def test_method_of_lines_on_every_kind_of_face_and_coefficient(problem: Problem, method: str) -> None:
    errors = [run(problem, ScipyIVP(method=method, cells=n))[0]["relative_l2"] for n in (16, 32)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.2)
    assert errors[1] < 3e-2


def test_burgers_by_the_method_of_lines() -> None:
    problem = problems.REGISTRY.get("burgers-1d")()
    errors = [run(problem, ScipyOdeint(cells=n, tolerance=1e-7))[0]["relative_l2"] for n in (1000, 2000)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.2)
    assert errors[1] < 2e-4


def test_what_they_cannot_solve_they_refuse_in_words() -> None:
    assert "symmetric matrix" in (ScipyEigh().unsupported(DECAY()) or "")
    assert "steady" in (ScipyOdeint().unsupported(problems.REGISTRY.get("poisson")()) or "")
