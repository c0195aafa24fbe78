"""Grids in four and more dimensions: the orders of three, bounded on both sides, and errors below what theory says."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from backends.base import Context, Solver
from backends.differences.grid import Grid, grid_shape, interpolate
from backends.fenics import Fenics
from backends.finite_differences import FiniteDifferences
from backends.ftcs import FTCS, MOST_NODES, Scales, stability_limit
from backends.scipy_ivp import ScipyIVP
from backends.spectral import Spectral
from problems import REGISTRY

POISSON, HEAT = REGISTRY.get("poisson"), REGISTRY.get("heat")


def slanted(d: int, **more: Any) -> Any:
    return HEAT.create({"d": d, **more}, "slanted")


def error(problem: Any, solver: Solver, nodes: int | None = None) -> float:
    """Relative L² error at 400 of the points that the problem is judged at, or of the nodes of a grid of so many cells.

    At nodes nothing is interpolated.
    """
    assert solver.unsupported(problem) is None
    solver.validate(problem)
    session = solver.begin(problem, Context())
    session.compile()
    session.prepare()
    session.solve()
    places = problem.places()[:400]
    if nodes is not None:
        places = np.random.default_rng(0).integers(1, nodes, size=(400, problem.dimension)) / nodes
    rows = places
    if not problem.steady:
        times = problem.times()
        rows = np.column_stack([np.tile(places, (len(times), 1)), np.repeat(times, len(places))])
    found, wanted = session.solution(rows), problem.reference(rows)
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def order(errors: list[float], ratio: float = 2.0) -> float:
    return math.log(errors[0] / errors[1]) / math.log(ratio)


@pytest.mark.parametrize(("d", "cells"), [(4, 8), (5, 6)])
def test_products_of_sines_are_discrete_eigenfunctions(d: int, cells: int) -> None:
    """−Δₕu = 4/h² sin²(πh/2) d u: the error is that of π² in it, π²h²/12 to leading order."""
    problem = POISSON.create({"d": d})
    errors = [error(problem, FiniteDifferences(cells=n), cells) for n in (cells, 2 * cells)]
    for n, found in zip((cells, 2 * cells), errors, strict=True):
        angle = 0.5 * math.pi / n
        assert found == pytest.approx((angle / math.sin(angle)) ** 2 - 1.0, rel=1e-9)
    assert order(errors) == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("d", [4, 5])
def test_sums_of_sines_with_values_on_every_face(d: int) -> None:
    """−Δₕe is the truncation error, π⁴h²/12 Σ sin πxᵢ, and −Δ of π²h²/12 u is as much, with an error on the faces."""
    problem = POISSON.create({"d": d, "solution": "sine-sum"})
    errors = [error(problem, FiniteDifferences(cells=n), 7) for n in (7, 14)]
    assert order(errors) == pytest.approx(2.0, abs=0.1)
    assert errors[1] < math.pi**2 / 14**2 / 12.0


@pytest.mark.parametrize(("d", "cells"), [(4, 6), (6, 4), (8, 3)])
def test_harmonic_polynomial_is_exact(d: int, cells: int) -> None:
    """Second differences and cubics are exact on products of two coordinates."""
    problem = POISSON.create({"d": d, "solution": "harmonic"})
    assert error(problem, FiniteDifferences(cells=cells)) < 1e-13
    assert error(problem, Spectral(nodes=4)) < 1e-12


def test_extrapolation_in_four_dimensions_is_of_fourth_order() -> None:
    problem = POISSON.create({"d": 4, "solution": "sine-sum"})
    errors = [error(problem, FiniteDifferences(cells=n, order=4), 5) for n in (5, 10)]
    assert order(errors) == pytest.approx(4.0, abs=0.2)
    assert errors[1] < 2e-5


@pytest.mark.parametrize(("d", "nodes"), [(4, (6, 9, 12)), (5, (5, 7, 9)), (7, (5, 7))])
def test_collocation_gains_digits_with_every_node(d: int, nodes: tuple[int, ...]) -> None:
    """The error of the best polynomial of degree n − 1 to sin πx is about 2 (π/4)ⁿ/n!, that of the odd ones alike."""
    problem = POISSON.create({"d": d, "solution": "sine-sum"})
    errors = [error(problem, Spectral(nodes=n)) for n in nodes]
    for n, found in zip(nodes, errors, strict=True):
        best = 2.0 * (math.pi / 4.0) ** n / math.factorial(n)
        assert 0.01 * best < found < 10.0 * best
    for (n, coarse), (m, fine) in itertools.pairwise(zip(nodes, errors, strict=True)):
        assert 4.0 < (coarse / fine) ** (1.0 / (m - n)) < 30.0


@pytest.mark.parametrize("d", [4, 5])
def test_heat_with_steps_and_cells_halved_together(d: int) -> None:
    """All instants are levels, so that nothing is interpolated in time either. Caps: three times what was seen.

    From 5 to 10 cells the order is 1.83 and 1.80; in four dimensions it is 1.97 from 15 to 20.
    """
    errors = [error(slanted(d), FiniteDifferences(cells=n, dt=0.125 / n), 5) for n in (5, 10)]
    assert order(errors) == pytest.approx(1.9, abs=0.2)
    assert errors[1] < 5e-5


@pytest.mark.parametrize("d", [4, 5])
def test_explicit_steps_at_a_fixed_ratio(d: int) -> None:
    """Most of this error is that of first order in time."""
    errors = [error(slanted(d), FTCS(cells=n, dt=0.025 * (5 / n) ** 2), 5) for n in (5, 10)]
    assert order(errors) == pytest.approx(2.0, abs=0.2)
    assert errors[1] < 2e-3


def test_lines_in_four_dimensions() -> None:
    errors = [error(slanted(4), ScipyIVP(cells=n, tolerance=1e-8), 5) for n in (5, 10)]
    assert order(errors) == pytest.approx(2.0, abs=0.2)
    assert errors[1] < 6e-5


@pytest.mark.parametrize("walls", ["dirichlet", "mixed"])
def test_heat_on_few_collocation_points(walls: str) -> None:
    """1/(1 + s) has its pole twice the half-length from the middle of the first axis: a node gains 3 + √8 = 5.8."""
    problem = slanted(4, walls=walls)
    errors = [error(problem, Spectral(nodes=n)) for n in (5, 8)]
    assert 4.0 < (errors[0] / errors[1]) ** (1.0 / 3.0) < 9.0
    assert errors[1] < 1e-6


def test_waves_on_a_torus_of_four_dimensions_are_exact() -> None:
    problem = HEAT.create({"d": 4, "walls": "periodic", "contrast": 0.0})
    assert error(problem, Spectral(nodes=5)) < 1e-12


def test_uneven_body_in_four_dimensions_by_sparse_factors() -> None:
    problem = HEAT.create({"d": 4, "solution": "slanted", "walls": "mixed"})
    errors = [error(problem, FiniteDifferences(cells=n, dt=0.075 / n), 3) for n in (3, 6)]
    assert order(errors) == pytest.approx(2.0, abs=0.4)
    assert errors[1] < 1.3e-3


@pytest.mark.parametrize("d", [1, 2, 3, 5])
def test_interpolation_is_exact_on_cubics_and_at_nodes(d: int) -> None:
    generator = np.random.default_rng(d)
    axes = [np.linspace(0.0, 1.0 + a, 5 + a) for a in range(d)]
    factors = generator.random((d, 4))
    mesh = np.meshgrid(*axes, indexing="ij")

    def cubic(x: Any) -> Any:
        return np.prod([np.polyval(c, z) for c, z in zip(factors, x, strict=True)], axis=0)

    values = np.stack([cubic(mesh), -2.0 * cubic(mesh)])[None]
    places = generator.random((300, d)) * [axis[-1] for axis in axes]
    found = interpolate(axes, [None] * d, values, places)
    assert found.shape == (1, 2, 300)
    assert np.abs(found[0, 0] - cubic(places.T)).max() < 1e-12 * np.abs(values).max()
    at_nodes = np.column_stack([z.ravel() for z in mesh])[:200]
    assert np.array_equal(interpolate(axes, [None] * d, values, at_nodes)[0, 1], values[0, 1].ravel()[:200])


@pytest.mark.parametrize("d", [1, 2, 4])
def test_interpolation_around_a_ring_is_of_fourth_order(d: int) -> None:
    errors = []
    for n in (8, 16):
        axes = [np.arange(n) / n] * d
        values = np.prod(np.meshgrid(*(np.sin(2.0 * np.pi * x) for x in axes), indexing="ij"), axis=0)
        places = np.random.default_rng(0).random((500, d))
        found = interpolate(axes, [1.0] * d, values, places)
        errors.append(np.abs(found - np.prod(np.sin(2.0 * np.pi * places), axis=1)).max())
    assert order(errors) == pytest.approx(4.0, abs=0.5)
    assert errors[1] < d * 3.0 / 128.0 * (2.0 * np.pi / 16) ** 4


def test_elements_end_at_three_dimensions_with_a_reason() -> None:
    assert "meshes in one, two and three dimensions" in (Fenics().unsupported(POISSON.create({"d": 4})) or "")


def test_sizes_and_steps_are_known_without_a_grid() -> None:
    """A hundred axes: nothing of the size of a grid may be made to find them."""
    problem = slanted(100)
    solver = FTCS(cells=10)
    solver.validate(problem)
    assert grid_shape(problem, 10) == (1, *[11] * 100)
    assert solver.step(problem, Grid(problem, 10)) == pytest.approx(0.9 * 0.01 / (2.0 * 100 * 0.05), rel=1e-12)


def test_step_from_scattered_points_is_that_from_all_nodes_of_a_coarser_grid() -> None:
    """Beyond a million nodes the diffusivity is sampled; where it is a constant nothing changes."""
    many, few = Grid(HEAT.create({"d": 2}), 1100), Grid(HEAT.create({"d": 2}), 40)
    assert math.prod(many.shape) > MOST_NODES > math.prod(few.shape)
    assert Scales.at_start(HEAT.create({"d": 2}), many).kappa == pytest.approx(0.075, rel=1e-4)
    uniform = slanted(2)
    ratio = stability_limit(uniform, few, "central") / stability_limit(uniform, many, "central")
    assert ratio == pytest.approx((1100 / 40) ** 2, rel=1e-12)
