"""Finite elements reach their orders in space and time, on scalar equations and systems, for every condition."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from backends.elements.grading import Grading, largest_spacing
from backends.elements.time_schemes import SCHEMES
from backends.fenics import Fenics
from problems import InputError
from problems.base import Box
from problems.burgers_1d import Burgers1D
from problems.decay import Decay
from problems.heat_1d import Heat1D
from problems.poisson import Poisson
from tests.plugins.grids import Carried, Coupled
from tests.plugins.manufactured import Duffing, Exchange, Floating, Steep, Transport

Solve = Callable[..., Any]


def error(solve: Solve, problem: Any, **parameters: Any) -> float:
    answer = solve(problem, Fenics(**parameters))
    assert answer.status == "finished", answer.reason
    return answer.errors["relative_l2"]


@pytest.mark.parametrize(
    ("d", "degree", "cap"), [(1, 1, 4e-3), (1, 2, 5e-5), (1, 3, 6e-7), (2, 1, 9e-4), (2, 2, 2.5e-6), (2, 3, 1.2e-8)]
)
def test_degree_p_is_of_order_p_plus_one_in_the_cell_size(solve: Solve, d: int, degree: int, cap: float) -> None:
    problem = Poisson(d=d, solution="sines" if d == 1 else "skewed")
    coarse, fine = (error(solve, problem, degree=degree, cells=cells) for cells in (8, 16))
    assert fine < cap
    assert math.log2(coarse / fine) == pytest.approx(degree + 1, abs=0.15)


def test_three_dimensions_are_solved_by_multigrid(solve: Solve) -> None:
    answer = solve(Poisson(d=3, solution="skewed"), Fenics(cells=6))
    assert answer.errors["relative_l2"] < 1e-4
    assert 0 < answer.facts["linear_iterations"] < 30


def test_multigrid_takes_no_more_iterations_on_a_finer_mesh(solve: Solve) -> None:
    problem = Poisson(d=3, solution="skewed")
    answers = [solve(problem, Fenics(degree=1, cells=cells)) for cells in (10, 20)]
    coarse, fine = answers
    assert [answer.facts["linear_solver"] for answer in answers] == ["CG, BoomerAMG (hypre)"] * 2
    assert fine.facts["linear_iterations"] <= coarse.facts["linear_iterations"] + 2 < 12
    assert math.log2(coarse.errors["relative_l2"] / fine.errors["relative_l2"]) == pytest.approx(2, abs=0.15)
    assert fine.errors["relative_l2"] < 7e-4


@pytest.mark.parametrize(("degree", "cap"), [(2, 3e-5), (3, 3e-7)])
def test_order_in_three_dimensions(solve: Solve, degree: int, cap: float) -> None:
    problem = Poisson(d=3, solution="skewed")
    coarse, fine = (error(solve, problem, degree=degree, cells=cells) for cells in (4, 8))
    assert fine < cap
    assert math.log2(coarse / fine) == pytest.approx(degree + 1, abs=0.2)


def test_order_in_time_on_a_grid_with_its_boundary(solve: Solve) -> None:
    problem = Heat1D(level_spacing=0.1)
    coarse, fine = (error(solve, problem, degree=3, cells=16, dt=0.5 / n) for n in (50, 100))
    assert fine < 2e-4
    assert math.log2(coarse / fine) == pytest.approx(2, abs=0.1)


def test_burgers_front_by_quadratic_elements(solve: Solve) -> None:
    answer = solve(Burgers1D(), Fenics(degree=2, cells=512, dt=1 / 400))
    assert answer.errors["relative_l2"] < 1e-4
    assert answer.facts["newton_iterations"] <= 2.1 * answer.facts["steps"]


def test_burgers_front_on_a_graded_mesh(solve: Solve) -> None:
    """A published claim has finite elements solve this equation on a laptop in seconds: the work that takes."""
    answer = solve(Burgers1D(), Fenics(degree=3, cells=100, focus=0.0, width=0.01, scheme="sdirk4", dt=1 / 60))
    assert answer.errors["relative_l2"] < 1e-6
    assert answer.facts["unknowns"] == 301
    assert answer.facts["newton_iterations"] == 2 * 5 * 60
    assert answer.facts["factorisations"] == answer.facts["newton_iterations"]


@pytest.mark.parametrize("d", [1, 2])
def test_order_on_a_graded_mesh(solve: Solve, d: int) -> None:
    problem = Poisson(d=d, solution="skewed")
    answers = [solve(problem, Fenics(cells=n, focus=0.3, width=0.1)) for n in (16, 32)]
    coarse, fine = (answer.errors["relative_l2"] for answer in answers)
    assert math.log2(coarse / fine) == pytest.approx(3, abs=0.2)
    assert fine < 3e-6


def test_grading_keeps_both_ends_and_is_finest_at_the_focus() -> None:
    box = Box((-1.0, 0.0), (3.0, 1.0))
    places = Grading(focus=0.5, width=0.05).graded(box, np.linspace(-1.0, 3.0, 201))
    steps = np.diff(places)
    assert places[0] == -1.0
    assert places[-1] == 3.0
    assert (steps > 0).all()
    middle = 0.5 * (places[1:] + places[:-1])
    assert abs(middle[steps.argmin()] - 0.5) < 0.01
    stretch = math.asinh(2.5 / 0.05) + math.asinh(1.5 / 0.05)
    assert steps == pytest.approx(np.hypot(0.05, middle - 0.5) * stretch / 200, rel=1e-3)
    assert largest_spacing(box, 200, Grading(0.5, 0.05)) == steps.max()
    assert largest_spacing(box, 200, None) == 4.0 / 200


CLAIMS = {
    "dirichlet values that change in time": (Transport(), 1),
    "a neumann value that changes in time": (Transport(right="neumann"), 1),
    "convection": (Transport(speed=2.0), 1),
    "a coefficient that changes in time": (Transport(pulse=1.0, right="neumann"), 1),
    "two linear components": (Exchange(), 2),
    "two nonlinear components": (Exchange(cubic=1.0), 2),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_second_order_in_time_with(solve: Solve, claim: str) -> None:
    """The cap is what the trapezoidal rule commits undamped, dt²/12 |uₜₜₜ| per unit of time, for u like e^{−rate·t}."""
    problem, rate = CLAIMS[claim]
    final = problem.final_time()
    coarse, fine = (error(solve, problem, degree=3, cells=8, dt=final / steps) for steps in (10, 20))
    assert fine < (final / 20) ** 2 / 12 * rate**3 * final
    assert math.log2(coarse / fine) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize(("scheme", "stages"), [("crank-nicolson", 1), ("sdirk2", 2), ("sdirk4", 5)])
def test_newton_takes_two_or_three_iterations_per_stage_of_a_nonlinear_system(
    solve: Solve, scheme: str, stages: int
) -> None:
    """Quadratic convergence from the stage before; an inexact Jacobian would take many times more for 1e-10."""
    problem = Exchange(cubic=1.0)
    answer = solve(problem, Fenics(degree=2, cells=8, scheme=scheme, dt=problem.final_time() / 20))
    assert 2 * stages * 20 <= answer.facts["newton_iterations"] <= 3 * stages * 20
    assert answer.facts["factorisations"] == answer.facts["newton_iterations"]
    assert answer.errors["relative_l2"] < 2e-4


def test_linear_system_of_two_components_is_of_both_orders_with_one_factorisation(solve: Solve) -> None:
    """In space with steps whose error is a thousandth of the cells', in time with cells whose error is as small."""
    in_space = [Fenics(degree=3, cells=n, scheme="sdirk4", dt=0.2 / 20) for n in (8, 16)]
    in_time = [Fenics(degree=3, cells=64, dt=0.2 / steps) for steps in (20, 40)]
    for solvers, order, cap in ((in_space, 4.0, 6e-6), (in_time, 2.0, 9e-6)):
        coarse, fine = (solve(Coupled(), solver) for solver in solvers)
        assert fine.facts["factorisations"] == 1
        assert "newton_iterations" not in fine.facts
        assert math.log2(coarse.errors["relative_l2"] / fine.errors["relative_l2"]) == pytest.approx(order, abs=0.1)
        assert fine.errors["relative_l2"] < cap


def test_fourth_order_in_space_with_a_steady_nonlinearity(solve: Solve) -> None:
    coarse, fine = (error(solve, Duffing(), degree=3, cells=cells) for cells in (8, 16))
    assert fine < 2e-7
    assert math.log2(coarse / fine) == pytest.approx(4, abs=0.15)


def test_a_singular_system_is_reported_as_such(solve: Solve) -> None:
    answer = solve(Floating(), Fenics(cells=8))
    assert answer.status == "diverged"
    assert "singular" in answer.reason


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5])
def test_loose_tolerance_is_no_singular_system(solve: Solve, tolerance: float) -> None:
    """An error of the size of the tolerance beside that of the mesh, and what is singular or indefinite is noticed."""
    problem, loose = Poisson(d=2, solution="skewed"), Fenics(linear_solver="iterative", tolerance=tolerance, cells=32)
    best, found = (solve(problem, solver).errors["relative_l2"] for solver in (Fenics(cells=32), loose))
    assert best < found < best + tolerance
    for wrong in (Floating(), Steep(d=2)):
        answer = solve(wrong, loose)
        assert answer.status == "diverged"
        assert "singular or indefinite" in answer.reason


def test_refuses_a_tolerance_that_tells_nothing_singular_from_unfinished() -> None:
    with pytest.raises(InputError, match="tolerance"):
        Fenics(tolerance=0.01)


@pytest.mark.parametrize(("d", "cells", "cap"), [(2, 96, 2e-5), (3, 9, 2e-2)])
def test_indefinite_system_goes_from_multigrid_to_a_factorisation(solve: Solve, d: int, cells: int, cap: float) -> None:
    answer = solve(Steep(d=d, solution="skewed"), Fenics(cells=cells))
    assert answer.facts["unknowns"] > {2: 20_000, 3: 1_000}[d]
    assert answer.facts["linear_solver"].startswith("LU")
    assert answer.facts["factorisations"] == 1
    assert answer.errors["relative_l2"] < cap


def tableau(scheme: str) -> np.ndarray:
    """The Runge–Kutta matrix; that of the trapezoidal rule has an explicit stage, which `rho` stands for."""
    rows = SCHEMES[scheme].rows if SCHEMES[scheme].rho == 0 else ((0.0,), (0.5, 0.5))
    return np.array([[*row, *[0.0] * (len(rows) - len(row))] for row in rows])


def growth(scheme: str, z: float) -> float:
    """The factor by which a step multiplies the solution of y' = λy, z = λ dt."""
    a = tableau(scheme)
    return 1.0 + z * float(a[-1] @ np.linalg.solve(np.eye(len(a)) - z * a, np.ones(len(a))))


ORDERS = {"backward-euler": 1, "crank-nicolson": 2, "sdirk2": 2, "sdirk4": 4}


@pytest.mark.parametrize("scheme", ORDERS)
def test_error_in_time_is_what_the_tableau_says_with_one_factorisation(solve: Solve, scheme: str) -> None:
    """One mode decays by `growth` per step instead of e^{−π²dt}; the caps on the orders are those of these steps."""
    problem = Heat1D()
    found = []
    for steps in (20, 40):
        dt = problem.T / steps
        answer = solve(problem, Fenics(degree=3, cells=96, scheme=scheme, dt=dt))
        exact = np.exp(-(math.pi**2) * problem.times())
        predicted = growth(scheme, -(math.pi**2) * dt) ** np.round(problem.times() / dt) - exact
        assert answer.errors["relative_l2"] == pytest.approx(
            np.linalg.norm(predicted) / np.linalg.norm(exact), rel=0.02, abs=1e-8
        )
        assert answer.facts["factorisations"] == 1
        found.append(answer.errors["relative_l2"])
    assert math.log2(found[0] / found[1]) == pytest.approx(ORDERS[scheme], abs=0.15)


@pytest.mark.parametrize("scheme", ORDERS)
def test_tableau_meets_the_conditions_of_its_order(scheme: str) -> None:
    """Butcher's conditions up to order four (Hairer, Nørsett & Wanner 1993, table II.2.2)."""
    a = tableau(scheme)
    b, c, given = a[-1], a.sum(axis=1), SCHEMES[scheme].instants
    assert c[-len(given) :] == pytest.approx(np.array(given), abs=1e-14)
    assert a.diagonal()[-len(given) :] == pytest.approx(np.full(len(given), SCHEMES[scheme].gamma))
    conditions = {
        2: [(b @ c, 1 / 2)],
        3: [(b @ c**2, 1 / 3), (b @ a @ c, 1 / 6)],
        4: [(b @ c**3, 1 / 4), ((b * c) @ a @ c, 1 / 8), (b @ a @ c**2, 1 / 12), (b @ a @ a @ c, 1 / 24)],
    }
    met = {p: all(abs(value - wanted) < 1e-13 for value, wanted in pairs) for p, pairs in conditions.items()}
    assert met == {p: p <= ORDERS[scheme] for p in conditions}


@pytest.mark.parametrize(("scheme", "least", "most"), [("crank-nicolson", 0.9, 1.0), ("sdirk2", 0.0, 3e-3)])
def test_l_stable_scheme_damps_what_crank_nicolson_keeps(solve: Solve, scheme: str, least: float, most: float) -> None:
    """The twentieth mode has vanished before the first of two steps with λ dt = −99 is over."""
    answer = solve(Heat1D(mode=20), Fenics(degree=3, cells=64, scheme=scheme, dt=0.025))
    factor = growth(scheme, -((20.0 * math.pi) ** 2) * 0.025)
    assert answer.errors["max_abs"] == pytest.approx(factor**2, rel=0.02)
    assert least <= answer.errors["max_abs"] < most


@pytest.mark.parametrize(("d", "degree", "cap"), [(1, 1, 4e-3), (1, 2, 6e-5), (1, 3, 7e-7), (2, 2, 1.6e-4)])
def test_order_around_a_ring(solve: Solve, d: int, degree: int, cap: float) -> None:
    answers = [solve(Carried(d=d, T=0.1), Fenics(degree=degree, cells=n, scheme="sdirk4", dt=0.01)) for n in (16, 32)]
    coarse, fine = (answer.errors["relative_l2"] for answer in answers)
    assert fine < cap
    assert math.log2(coarse / fine) == pytest.approx(degree + 1, abs=0.3)
    assert answers[1].facts["unknowns"] == (32 * degree) ** d


@pytest.mark.parametrize(("degree", "cells", "cap"), [(1, 8, 6e-2), (2, 6, 6e-3)])
def test_order_with_glued_faces_in_three_dimensions(solve: Solve, degree: int, cells: int, cap: float) -> None:
    problem = Carried(d=3, T=0.02)
    answers = [solve(problem, Fenics(degree=degree, cells=n, scheme="sdirk4", dt=0.01)) for n in (cells, 2 * cells)]
    coarse, fine = (answer.errors["relative_l2"] for answer in answers)
    assert fine < cap
    assert math.log2(coarse / fine) == pytest.approx(degree + 1, abs=0.2)
    assert answers[1].facts["unknowns"] == (2 * cells * degree) ** 3


@pytest.mark.parametrize(("problem", "word"), [(Decay(), "ODE")])
def test_refuses_in_words_what_it_cannot_solve(problem: Any, word: str) -> None:
    assert word in (Fenics().unsupported(problem) or "")


@pytest.mark.parametrize(("given", "words"), [({"focus": 0.5}, "both or neither"), ({"width": 1.0}, "both or neither")])
def test_refuses_half_a_layer(given: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Fenics(**given).validate(Heat1D())


def test_refuses_a_layer_outside_the_domain() -> None:
    with pytest.raises(InputError, match="outside the domain; take 0 to 1"):
        Fenics(focus=2.0, width=0.1).validate(Heat1D())


def test_refuses_a_step_longer_than_the_interval() -> None:
    with pytest.raises(InputError, match="make it smaller"):
        Fenics(dt=0.6).validate(Heat1D(T=0.5))
