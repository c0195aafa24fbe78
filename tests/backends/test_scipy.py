"""Library integrators and eigensolver, each against an exact solution."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import problems
from backends import Solver
from backends.base import Context
from backends.differences.rates import scalar_rates
from backends.scipy_eigh import ScipyEigh
from backends.scipy_ivp import ScipyIVP
from backends.scipy_odeint import ScipyOdeint
from benchmarks.errors import error_norms
from problems import Problem
from problems.base import ODE
from problems.operations import NUMPY
from tests.plugins.grids import Carried, Coupled, Insulated, Variable

DECAY = problems.REGISTRY.get("decay")
FHN = problems.REGISTRY.get("fitzhugh-nagumo")
HEAT = problems.REGISTRY.get("heat-1d")
EIGEN = problems.REGISTRY.get("symmetric-eigen")
METHODS = ("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA")


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


# Errors per tolerance that are allowed: a nerve cell's jumps multiply what is wrong before them, decay forgets it.
GROWTH = [(FHN(), 400.0), (FHN.create({}, "classical"), 400.0), (DECAY(), 20.0)]


@pytest.mark.parametrize("integrator", [ScipyOdeint(), *(ScipyIVP(method=m) for m in METHODS)], ids=str)
@pytest.mark.parametrize(("problem", "growth"), GROWTH, ids=["fitzhugh-nagumo", "classical", "decay"])
def test_error_follows_the_tolerance(problem: Problem, growth: float, integrator: Any) -> None:
    """Each hundredth of the tolerance gives less than a tenth of the error, for as many more evaluations."""
    tolerances = (1e-4, 1e-6, 1e-8, 1e-10)
    rungs = [run(problem, replace(integrator, tolerance=tolerance)) for tolerance in tolerances]
    errors = [errors["max_abs"] for errors, _ in rungs]
    work = [session.facts()["evaluations"] for _, session in rungs]
    for error, tolerance in zip(errors, tolerances, strict=True):
        assert error < growth * tolerance
    for (coarse, fine), (less, more) in zip(itertools.pairwise(errors), itertools.pairwise(work), strict=True):
        assert fine < coarse / 10
        assert less < more


@pytest.mark.parametrize("problem", [FHN(), DECAY()], ids=lambda p: p.name)
def test_rates_on_plain_numbers_are_those_of_the_declaration(problem: Any) -> None:
    rates = scalar_rates(problem)
    assert rates is not None
    for y in np.random.default_rng(5).normal(size=(50, problem.dimension)):
        wanted = np.ravel(problem.rhs(NUMPY, 0.3, y))
        assert np.abs(np.array(rates(0.3, y)) - wanted).max() <= 1e-15 * max(1.0, np.abs(wanted).max()) * 4


@dataclass(frozen=True)
class Elaborate(ODE):
    """Functions, time, powers and constants in one right-hand side, and one that overflows plain numbers."""

    name = "elaborate"

    def rhs(self, ops: Any, t: Any, y: Any) -> Any:
        return (ops.exp(y[1]), ops.abs(y[0]) ** 2 - ops.sin(t) / 3, 1.0)

    def start(self) -> Any:
        return np.zeros(3)

    def final_time(self) -> float:
        return 1.0

    def reference(self, points: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Branching(Elaborate):
    """A right-hand side that asks for the sign of a value."""

    def rhs(self, ops: Any, t: Any, y: Any) -> Any:
        return (y[1] if y[0] > 0 else -y[1], y[0], y[2])


@dataclass(frozen=True)
class Vectorial(Elaborate):
    """A right-hand side of arrays."""

    def rhs(self, ops: Any, t: Any, y: Any) -> Any:
        return ops.matvec(np.eye(3), y) - ops.dot(y, y) * y


def test_rates_on_plain_numbers_know_functions_powers_time_and_constants() -> None:
    rates = scalar_rates(Elaborate())
    assert rates is not None
    assert rates(0.5, np.array([-2.0, 1.0, 0.0])) == pytest.approx((np.e, 4.0 - np.sin(0.5) / 3.0, 1.0), rel=1e-15)


@pytest.mark.parametrize("problem", [Branching(), Vectorial(), EIGEN.create({}, "s1-18").flow()], ids=lambda p: p.name)
def test_declarations_that_cannot_be_read_as_source_code_stay_with_numpy(problem: Any) -> None:
    assert scalar_rates(problem) is None
    y = problem.start() + 0.1
    assert np.array_equal(ScipyOdeint().system(problem).rhs(0.0, y), np.asarray(problem.rhs(NUMPY, 0.0, y)))


def test_overflow_is_infinite_and_no_error() -> None:
    with np.errstate(over="ignore"):
        slope = ScipyOdeint().system(Elaborate()).rhs(0.0, np.array([0.0, 1e3, 0.0]))
    assert slope[0] == np.inf


def test_instants_asked_for_are_the_only_ones_that_an_ode_is_integrated_to() -> None:
    problem = FHN.create({}, "s3-grid")
    assert np.array_equal(ScipyOdeint().system(problem).times, problem.points()[:, 0])


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
    errors = [run(HEAT(T=0.1), replace(solver, cells=n))[0]["relative_l2"] for n in (16, 32)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.1)
    assert errors[1] < 2e-3


@pytest.mark.parametrize("problem", [Insulated(), Variable(d=2), Coupled(), Carried()], ids=lambda p: p.name)
@pytest.mark.parametrize("method", ["LSODA", "Radau"])
def test_method_of_lines_on_every_kind_of_face_and_coefficient(problem: Problem, method: str) -> None:
    errors = [run(problem, ScipyIVP(method=method, cells=n))[0]["relative_l2"] for n in (16, 32)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.2)
    assert errors[1] < 3e-2


@pytest.mark.parametrize(
    ("problem", "solver"),
    [(Coupled(), ScipyOdeint()), *((Coupled(), ScipyIVP(method=m)) for m in METHODS[3:])]
    + [(Carried(d=2), ScipyIVP(method=m)) for m in ("Radau", "BDF")],
    ids=lambda value: f"{value.name}:{getattr(value, 'method', '')}",
)
def test_jacobian_costs_as_many_evaluations_on_a_finer_grid(problem: Any, solver: Any) -> None:
    """A band of the components side by side, or colours around a torus: their number knows nothing of the cells."""
    from dataclasses import replace

    # On coarser grids LSODA takes the equation for one that is not stiff.
    cells = (40, 80) if problem.dimension == 1 else (12, 24)
    few, many = (run(problem, replace(solver, cells=n, tolerance=1e-5))[1].facts() for n in cells)
    assert many["unknowns"] > 1.9 * few["unknowns"]
    assert many["evaluations"] < 1.5 * few["evaluations"]


def test_components_side_by_side_are_put_back() -> None:
    """The same states by a method that sees a band and by one that needs no Jacobian."""
    errors = [run(Coupled(), ScipyIVP(method=m, cells=20, tolerance=1e-9))[0] for m in ("LSODA", "DOP853")]
    assert errors[0]["relative_l2"] == pytest.approx(errors[1]["relative_l2"], rel=1e-4)


def test_burgers_by_the_method_of_lines() -> None:
    problem = problems.REGISTRY.get("burgers-1d")()
    errors = [run(problem, ScipyOdeint(cells=n, tolerance=1e-7))[0]["relative_l2"] for n in (1000, 2000)]
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.2)
    assert errors[1] < 2e-4


def test_what_they_cannot_solve_they_refuse_in_words() -> None:
    assert "symmetric matrix" in (ScipyEigh().unsupported(DECAY()) or "")
    assert "steady" in (ScipyOdeint().unsupported(problems.REGISTRY.get("poisson")()) or "")
