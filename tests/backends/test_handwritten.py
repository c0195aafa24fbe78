"""Solving takes no longer than the best script that one would write by hand takes for the same error."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import problems
from backends import Solver
from backends.base import Context
from backends.finite_differences import FiniteDifferences
from backends.integrals.rules import GaussLegendre
from backends.nystrom import Nystrom
from backends.scipy_ivp import ScipyIVP
from backends.scipy_odeint import ScipyOdeint
from backends.timeline import Timeline, lagrange
from benchmarks.errors import error_norms
from problems import Problem
from problems.base import Array

FHN = problems.REGISTRY.get("fitzhugh-nagumo")
HEAT = problems.REGISTRY.get("heat-1d")
BURGERS = problems.REGISTRY.get("burgers-1d")
FREDHOLM = problems.REGISTRY.get("fredholm")
ACCURACY = 1e-6
"""Relative L2 error that both reach."""


def ratio(
    problem: Problem, solver: Solver, by_hand: Callable[[], Any], answer: Callable[[Any], Array], rounds: int
) -> float:
    """Seconds on the clock of solving over those of `by_hand`: rounds in turn, the best of each.

    `answer` turns what was found by hand into a solution at the problem's points, after the clock has stopped.
    """

    def clocked(action: Callable[[], Any]) -> tuple[float, Any]:
        begun = time.perf_counter()
        result = action()
        return time.perf_counter() - begun, result

    found = by_hand()
    ours, theirs = [], []
    for _ in range(rounds):
        session = solver.begin(problem, Context())
        session.compile()
        session.prepare()
        ours.append(clocked(session.solve)[0])
        seconds, found = clocked(by_hand)
        theirs.append(seconds)
    assert error_norms(problem, answer(found))["relative_l2"] < ACCURACY
    assert error_norms(problem, session.solution(problem.points()))["relative_l2"] < ACCURACY
    print(f"{solver.name} / by hand: {min(ours) / min(theirs):.2f}")
    return min(ours) / min(theirs)


def at_places(problem: Any, nodes: Array, levels: Array) -> Array:
    """From values (times, nodes) to the problem's points, by cubic interpolation."""
    index, weights = lagrange(nodes, problem.places()[:, 0])
    return (levels[:, index] * weights).sum(-1).reshape(-1, 1)


@pytest.mark.timing
@pytest.mark.parametrize(
    ("solver", "most"),
    [(ScipyOdeint(tolerance=3e-8), 2.0), (ScipyIVP(method="DOP853", tolerance=1.5e-6), 1.25)],
    ids=["odeint", "DOP853"],
)
def test_nerve_cell(solver: Any, most: float) -> None:
    """Against the same integrator with the rates written out on plain numbers."""
    from scipy.integrate import odeint, solve_ivp

    problem = FHN()
    times, tolerance = np.append(0.0, problem.points()[:, 0]), solver.tolerance

    def rates(t: float, y: Any) -> Any:
        v, w = y.tolist()
        return v - v * v * v / 3 - w + 0.5, (0.7 + v - 0.8 * w) / 2.5

    def by_hand() -> Any:
        if isinstance(solver, ScipyOdeint):
            return odeint(rates, [0.0, 0.0], times, tfirst=True, rtol=tolerance, atol=tolerance)[1:]
        found = solve_ivp(rates, (0.0, 30.0), [0.0, 0.0], "DOP853", t_eval=times[1:], rtol=tolerance, atol=tolerance)
        return found.y.T

    assert ratio(problem, solver, by_hand, lambda states: states, 60) < most


@pytest.mark.timing
def test_heat_equation() -> None:
    """Against fast sine transforms on two grids, exact in time, whose results are extrapolated to fourth order."""
    from scipy.fft import dst, idst

    problem, cells = HEAT.create({}, "s1"), 48
    times = problem.times()

    def on_grid(n: int) -> tuple[Array, Array]:
        nodes = np.linspace(0.0, 1.0, n + 1)
        rates = -4.0 * n**2 * np.sin(0.5 * math.pi * np.arange(1, n) / n) ** 2
        amplitudes = np.exp(times[:, None] * rates) * dst(np.sin(math.pi * nodes[1:-1]), type=1)
        levels = np.zeros((len(times), n + 1))
        levels[:, 1:-1] = idst(amplitudes, type=1, axis=1)
        return nodes, levels

    def answer(grids: Any) -> Array:
        coarse, fine = (at_places(problem, *grid) for grid in grids)
        return (4.0 * fine - coarse) / 3.0

    solver = FiniteDifferences(cells=cells, order=4, scheme="exponential", dt=problem.T / 20)
    assert ratio(problem, solver, lambda: (on_grid(cells), on_grid(2 * cells)), answer, 300) < 2.0


@pytest.mark.timing
def test_burgers_equation() -> None:
    """Against a compiled loop: trapezoidal rule, one iteration of Newton's method from an extrapolated guess per step.

    Two grids are extrapolated to fourth order on both sides.
    """
    import numba

    problem, cells = BURGERS(), 1900
    times, nu = problem.times(), problem.nu

    @numba.njit(error_model="numpy", fastmath=True)  # type: ignore[untyped-decorator]
    def march(u: Array, h: float, dt: float, steps: int, keep: Any, out: Array) -> None:
        n = len(u)
        before, rest, upper, update = u.copy(), np.zeros(n), np.zeros(n), np.zeros(n)
        a, b = 0.125 * dt / h, 0.5 * dt * nu / h**2
        row = 0
        for step in range(steps + 1):
            if row < len(keep) and keep[row] == step:
                out[row] = u
                row += 1
            for i in range(1, n - 1):
                rest[i] = u[i] - a * (u[i + 1] ** 2 - u[i - 1] ** 2) + b * (u[i + 1] - 2.0 * u[i] + u[i - 1])
            for i in range(n):
                u[i], before[i] = 2.0 * u[i] - before[i], u[i]
            c = d = change = 0.0
            for i in range(1, n - 1):
                g = rest[i] - u[i] - a * (u[i + 1] ** 2 - u[i - 1] ** 2) + b * (u[i + 1] - 2.0 * u[i] + u[i - 1])
                left = -2.0 * a * u[i - 1] - b
                pivot = 1.0 / (1.0 + 2.0 * b - left * c)
                c = upper[i] = (2.0 * a * u[i + 1] - b) * pivot
                d = update[i] = (g - left * d) * pivot
            for i in range(n - 2, 0, -1):
                change = update[i] - upper[i] * change
                u[i] += change

    lines = {n: Timeline(1.0, 1.0 / n, times) for n in (cells, 2 * cells)}

    def on_grid(n: int) -> tuple[Array, int, Array]:
        nodes = np.linspace(-1.0, 1.0, n + 1)
        start = -np.sin(math.pi * nodes)
        start[[0, -1]] = 0.0
        kept = np.empty((len(lines[n].kept), n + 1))
        march(start, 2.0 / n, 1.0 / n, n, lines[n].kept, kept)
        return nodes, n, kept

    def answer(grids: Any) -> Array:
        coarse, fine = (at_places(problem, nodes, lines[n].at(kept, times)) for nodes, n, kept in grids)
        return (4.0 * fine - coarse) / 3.0

    solver = FiniteDifferences(cells=cells, order=4)
    assert ratio(problem, solver, lambda: (on_grid(cells), on_grid(2 * cells)), answer, 5) < 2.0


@pytest.mark.timing
@pytest.mark.parametrize(("kernel", "nodes"), [("separable", 5), ("love", 9)])
def test_fredholm_equation(kernel: str, nodes: int) -> None:
    """Against Gauss's rule and LAPACK, with the matrix made before the clock starts on both sides."""
    problem = FREDHOLM.create({"kernel": kernel})
    t, weights = np.polynomial.legendre.leggauss(nodes)
    if kernel == "separable":
        t, weights = 0.25 * math.pi * (t + 1.0), 0.25 * math.pi * weights

    def images(x: Array) -> Array:
        if kernel == "separable":
            return weights * np.sin(x[:, None]) * np.cos(t)
        return weights / (math.pi * (1.0 + (x[:, None] - t) ** 2))

    def free(x: Array) -> Array:
        return np.sin(x) if kernel == "separable" else np.ones(len(x))

    matrix, right = np.eye(nodes) - images(t), free(t)
    x = problem.points()[:, 0]

    def answer(y: Array) -> Array:
        return (free(x) + images(x) @ y)[:, None]

    solver = Nystrom(rule=GaussLegendre(nodes=nodes))
    assert ratio(problem, solver, lambda: np.linalg.solve(matrix, right), answer, 2000) < 2.0
