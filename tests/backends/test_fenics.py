"""Finite elements reach their orders in space and time, on scalar equations and systems, for every condition."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from backends.fenics import Fenics
from problems import InputError
from problems.base import Condition, Periodic
from problems.burgers_1d import Burgers1D
from problems.decay import Decay
from problems.heat_1d import Heat1D
from problems.poisson import Poisson
from tests.plugins.manufactured import Duffing, Exchange, Floating, Transport

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


@pytest.mark.parametrize(("scheme", "order", "cap"), [("backward-euler", 1, 2e-2), ("crank-nicolson", 2, 2e-4)])
def test_order_in_time_on_a_grid_with_its_boundary(solve: Solve, scheme: str, order: int, cap: float) -> None:
    problem = Heat1D(level_spacing=0.1)
    coarse, fine = (error(solve, problem, degree=3, cells=16, scheme=scheme, dt=0.5 / n) for n in (50, 100))
    assert fine < cap
    assert math.log2(coarse / fine) == pytest.approx(order, abs=0.1)


def test_burgers_front_by_quadratic_elements(solve: Solve) -> None:
    answer = solve(Burgers1D(), Fenics(degree=2, cells=512, dt=1 / 400))
    assert answer.errors["relative_l2"] < 1e-4
    assert answer.facts["newton_iterations"] <= 2.1 * answer.facts["steps"]


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


def test_fourth_order_in_space_with_a_steady_nonlinearity(solve: Solve) -> None:
    coarse, fine = (error(solve, Duffing(), degree=3, cells=cells) for cells in (8, 16))
    assert fine < 2e-7
    assert math.log2(coarse / fine) == pytest.approx(4, abs=0.15)


def test_a_singular_system_is_reported_as_such(solve: Solve) -> None:
    answer = solve(Floating(), Fenics(cells=8))
    assert answer.status == "diverged"
    assert "singular" in answer.reason


@dataclass(frozen=True)
class Ring(Heat1D):
    """The rod bent to a ring."""

    name = "test-ring"

    def condition(self, axis: int, side: int) -> Condition:
        return Periodic()


@pytest.mark.parametrize(("problem", "word"), [(Ring(), "dolfinx_mpc"), (Decay(), "ODE")])
def test_refuses_in_words_what_it_cannot_solve(problem: Any, word: str) -> None:
    assert word in (Fenics().unsupported(problem) or "")


def test_refuses_a_step_longer_than_the_interval() -> None:
    with pytest.raises(InputError, match="make it smaller"):
        Fenics(dt=0.6).validate(Heat1D(T=0.5))
