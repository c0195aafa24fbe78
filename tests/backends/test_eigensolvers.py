"""Eigensolvers of operators and matrices: order, cap, degenerate states, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import problems
from backends import Solver
from backends.base import Context
from backends.differences.volumes import discretise
from backends.lobpcg import Lobpcg
from backends.power_iteration import PowerIteration
from backends.scipy_eigh import ScipyEigh
from backends.scipy_eigsh import ScipyEigsh
from backends.spectral_galerkin import SpectralGalerkin
from benchmarks.errors import error_norms
from problems import InputError, Problem
from problems.base import ODE, Array, MatrixEigenproblem
from problems.operations import Operations
from tests.plugins.states import Graded, Membrane

RADIAL = problems.REGISTRY.get("schroedinger-radial")
OSCILLATORS = problems.REGISTRY.get("schroedinger-nd")
MATRIX = problems.REGISTRY.get("symmetric-eigen")
VOLUMES = (ScipyEigsh, ScipyEigh, Lobpcg, PowerIteration)


def run(problem: Problem, solver: Solver, seed: int = 0) -> tuple[dict[str, float], Any]:
    assert solver.unsupported(problem) is None
    solver.validate(problem)
    session = solver.begin(problem, Context(seed=seed))
    session.compile()
    session.prepare()
    session.solve()
    assert session.outcome == ""
    solution, facts = session.solution(problem.points()), session.facts()
    return error_norms(problem, solution) | problem.measures(solution, facts), facts


# Leading terms of the scheme: on a uniform medium k²h²/12 of each energy k², k = 3π (clamped) or 2π; elsewhere the
# factor of h² that was found on the finest grid, with a margin of a fifth.
LADDERS = [
    (RADIAL(), 250, 1.2 * 2.14e-4, 1.2 * 1.3e-2),
    (RADIAL(ell=0, potential="harmonic"), 100, 1.2 * 1.63, 1.2 * 0.39),
    (RADIAL(ell=2, potential="harmonic"), 100, 1.2 * 1.63, 1.2 * 0.39),
    (Graded(), 50, 1.2 * 326.0, 1.2 * 3.3),
    (Membrane(), 50, 1.01 * (3.0 * math.pi) ** 4 / 12.0, 1e-2),
    (Membrane(faces_are="free"), 50, 1.01 * (2.0 * math.pi) ** 4 / 12.0, 1e-2),
    (Membrane(faces_are="closed"), 50, 1.01 * (2.0 * math.pi) ** 4 / 12.0, 1e-2),
    (Membrane(d=2), 16, 1.01 * (math.pi**4 + (2.0 * math.pi) ** 4) / 12.0, 1e-1),
    (Membrane(d=2, faces_are="free"), 16, 1.01 * math.pi**4 / 12.0, 1e-1),
    (Membrane(d=2, faces_are="closed", states=5), 16, 1.01 * (2.0 * math.pi) ** 4 / 12.0, 1e-1),
    # Of oscillators h²/24 Σ ∫ (∂ᵢ²ψ)², which is Σ (√K)ᵢᵢ²/32: 1/32 for each one alone.
    (OSCILLATORS(d=3, coupling=0.0, R=3.75), 13, 1.05 * 3.0 / 32.0, 1.2 * 0.0682),
    (OSCILLATORS(d=3, R=3.75), 14, 1.05 * 0.1516, 1.2 * 0.0855),
]


@pytest.mark.parametrize("solver", VOLUMES, ids=lambda solver: solver.name)
@pytest.mark.parametrize(("problem", "cells", "energy", "function"), LADDERS)
def test_finite_volumes_are_of_second_order(
    problem: Problem, cells: int, energy: float, function: float, solver: Any
) -> None:
    if solver().unsupported(problem):
        pytest.skip("its matrix is not tridiagonal")
    found = [run(problem, solver(cells=n)) for n in (cells, 2 * cells)]
    (coarse, fine), facts = (errors for errors, _ in found), found[1][1]
    order = math.log2(coarse["eigenvalue_error"] / fine["eigenvalue_error"])
    assert 1.9 < order < 2.1
    assert fine["eigenvalue_error"] < energy * facts["dx"] ** 2
    assert fine["relative_l2"] < function * facts["dx"] ** 2
    assert fine["norm"] == pytest.approx(1.0, abs=4.0 * function * facts["dx"] ** 2)
    assert facts["unknowns"] == (2 * cells) ** problem.dimension


@pytest.mark.parametrize("solver", VOLUMES, ids=lambda solver: solver.name)
def test_all_solvers_find_the_pairs_of_one_matrix(solver: Any) -> None:
    problem = RADIAL(states=4)
    exact = np.sort(np.linalg.eigvalsh(discretise(problem, 120).matrix.toarray()))[:4]
    assert np.abs(run(problem, solver(cells=120))[1]["eigenvalues"] - exact).max() < 1e-12


CONVERGED = [
    (RADIAL(), 64, 1e-13),
    (RADIAL(ell=1), 64, 1e-12),
    (RADIAL(ell=0), 128, 1e-9),
    (RADIAL(ell=0, potential="harmonic"), 48, 1e-11),
    (RADIAL(ell=2, potential="harmonic"), 48, 1e-11),
    (Graded(), 32, 1e-11),
    (Membrane(), 32, 1e-11),
    (Membrane(faces_are="free"), 32, 1e-11),
    (Membrane(faces_are="closed"), 16, 1e-11),
    (Membrane(d=2), 16, 1e-11),
    (Membrane(d=2, faces_are="free"), 16, 1e-11),
    (Membrane(d=2, faces_are="closed", states=5), 8, 1e-11),
]


@pytest.mark.parametrize(("problem", "functions", "cap"), CONVERGED)
def test_galerkin_reaches_rounding(problem: Problem, functions: int, cap: float) -> None:
    errors, _ = run(problem, SpectralGalerkin(functions=functions))
    assert errors["eigenvalue_error"] < cap
    assert errors["relative_l2"] < 1e-9
    assert errors["norm"] == pytest.approx(1.0, abs=1e-10)
    assert errors["overlap"] < 1e-9


@dataclass(frozen=True)
class Well(Membrane):
    """A well so deep and narrow that a coarse grid passes it over."""

    name = "narrow-well"

    def reaction(self, ops: Operations, x: Sequence[Any]) -> Any:
        return -2e4 * ops.exp(-sum((s - 0.5) ** 2 for s in x) / (2.0 * 0.015**2))


@pytest.mark.parametrize("solver", [ScipyEigsh, Lobpcg, PowerIteration], ids=lambda solver: solver.name)
def test_states_in_a_narrow_well_are_found(solver: Any) -> None:
    """They lie so far below what the coarse grid takes for the lowest state that its shift has to be lowered."""
    problem, cells = Well(d=2, states=2), 41
    system = discretise(problem, cells)
    exact = np.linalg.eigvalsh(system.matrix.toarray())
    session = solver(cells=cells).begin(problem, Context())
    shift, product = session.inverse()
    assert system.bound - (exact[2] - exact[0]) < shift < exact[0]
    v = np.random.default_rng(1).normal(size=system.size)
    assert np.abs(system.matrix @ product(v) - shift * product(v) - v).max() < 1e-9
    session.solve()
    assert session.outcome == ""
    assert session.facts()["eigenvalues"] == pytest.approx(exact[:2], rel=1e-10)


def test_galerkin_converges_faster_than_any_power_and_from_above() -> None:
    problem = RADIAL()
    signed = []
    for functions in (20, 28, 36):
        facts = run(problem, SpectralGalerkin(functions=functions))[1]
        signed.append(facts["eigenvalues"] - problem.eigenvalues())
    assert (np.array(signed) > -1e-13).all()
    worst = np.array(signed).max(axis=1)
    # Eight functions more are worth two decades, and eight more again at least one decade more than that.
    first, second = worst[1:] / worst[:-1]
    assert first < 1e-2
    assert second < 0.1 * first
    assert worst[-1] < 2e-9


@pytest.mark.parametrize("n", [2, 3, 6, 18])
@pytest.mark.parametrize("which", [1, -1])
@pytest.mark.parametrize(
    "solver",
    [ScipyEigsh(), Lobpcg(), PowerIteration(), PowerIteration(variant="shifted")],
    ids=["eigsh", "lobpcg", "inverse", "shifted"],
)
def test_extreme_pair_of_a_matrix_is_found_to_rounding(solver: Solver, n: int, which: int) -> None:
    problem = MATRIX.create({"n": n, "which": which, "seed": 21 if n == 6 else 0})
    if solver.unsupported(problem):
        assert n < 5
        return
    errors, facts = run(problem, solver)
    assert errors["eigenvalue_error"] < 1e-13 * n
    assert errors["relative_l2"] < 1e-6
    assert facts["eigenvalues"] == pytest.approx([problem.wanted()[0]], abs=1e-12)


@pytest.mark.parametrize("variant", ["inverse", "shifted"])
def test_power_iteration_converges_at_the_rate_of_its_shift(variant: str) -> None:
    """From a residual of 1e-3 to 1e-9 it takes ln 10⁶ / ln(1/ρ) iterations, ρ the factor in the docstring."""
    problem = MATRIX.create({"which": -1}, "s1-6")
    matrix = problem.matrix()
    values = np.linalg.eigvalsh(matrix)
    if variant == "inverse":
        shift = (matrix.diagonal() - (np.abs(matrix).sum(axis=1) - np.abs(matrix.diagonal()))).min()
        shift -= 1e-3 * (1.0 + abs(shift))
        factor = (values[0] - shift) / (values[1] - shift)
    else:
        far = np.abs(matrix).sum(axis=1).max()
        factor = (far - values[1]) / (far - values[0])
    counts = [
        run(problem, PowerIteration(variant=variant, tolerance=tolerance))[1]["linear_iterations"]
        for tolerance in (1e-3, 1e-9)
    ]
    assert counts[1] - counts[0] == pytest.approx(math.log(1e6) / -math.log(factor), rel=0.02)


@dataclass(frozen=True)
class Single(MatrixEigenproblem):
    """The matrix (−3)."""

    name = "single-entry"

    def matrix(self) -> Array:
        return np.array([[-3.0]])

    def sign(self) -> int:
        return 1

    def flow(self) -> ODE:
        raise NotImplementedError


def test_matrix_of_order_one_is_refused_or_solved() -> None:
    problem = Single()
    assert "order 1" in (ScipyEigsh().unsupported(problem) or "")
    assert "order 1" in (Lobpcg().unsupported(problem) or "")
    for solver in (PowerIteration(), PowerIteration(variant="shifted"), ScipyEigh()):
        assert run(problem, solver)[0]["eigenvalue_error"] == 0.0


@pytest.mark.parametrize(("solver", "reachable"), [(Lobpcg, 1e-10), (PowerIteration, 1e-14)])
def test_tolerance_reported_is_the_one_that_was_met(solver: Any, reachable: float) -> None:
    """Rounding leaves a residual of so large a part of the matrix, 4/h² where it is largest."""
    problem = Membrane()
    largest = 4.0 * 500.0**2
    assert run(problem, solver(cells=500, tolerance=1e-12))[1]["tolerance"] == pytest.approx(
        reachable * largest, rel=0.5
    )
    assert run(problem, solver(cells=500, tolerance=1e-3))[1]["tolerance"] == 1e-3


def test_iterations_do_not_depend_on_the_spacing_where_the_inverse_is_used() -> None:
    for solver in (Lobpcg, PowerIteration, ScipyEigsh):
        few, many = (run(RADIAL(potential="harmonic"), solver(cells=n))[1]["linear_iterations"] for n in (200, 1600))
        assert many <= 1.3 * few
    diagonal = [run(Membrane(), Lobpcg(cells=n, preconditioner="diagonal"))[1]["linear_iterations"] for n in (50, 100)]
    assert diagonal[1] > 1.5 * diagonal[0]


@pytest.mark.parametrize(
    ("solver", "problem", "sentence"),
    [
        (ScipyEigsh(cells=8), RADIAL(), "cells = 8 per axis are 8 unknowns for 3 states"),
        (Lobpcg(), RADIAL(states=70), "states = 70"),
        (PowerIteration(vectors=2), RADIAL(), "vectors = 2 for 3 states; take at least 3"),
        (PowerIteration(vectors=4), MATRIX.create({"n": 3}), "vectors = 4 of a matrix of order 3; take fewer"),
        (SpectralGalerkin(functions=60), Membrane(d=2), "60 per axis are 3600 unknowns.*take at most 50"),
        (SpectralGalerkin(functions=4), RADIAL(states=5), "4 unknowns for 5 states; take more"),
    ],
)
def test_what_cannot_work_is_refused(solver: Solver, problem: Problem, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        solver.validate(problem)


def test_grids_in_four_dimensions_are_coarse() -> None:
    """An error of h²/16 of the energy, with spacings of a quarter of the state's width."""
    errors, facts = run(OSCILLATORS(d=4, R=3.5), ScipyEigsh(cells=11))
    assert errors["relative_eigenvalue_error"] == pytest.approx(facts["dx"] ** 2 * 0.0845, rel=0.05)


@pytest.mark.parametrize("d", [6, 10, 100])
@pytest.mark.parametrize("solver", [ScipyEigsh(cells=12), Lobpcg(cells=12), PowerIteration(cells=12)])
def test_grids_end_where_their_factors_do_not_fit(solver: Any, d: int) -> None:
    """Factors of a matrix of order N have no fewer entries than it has rows, and at most N²."""
    problem = OSCILLATORS(d=d)
    assert solver.unsupported(problem) is None
    solver.validate(problem)
    assert solver.predicted_shape(problem) == (12,) * d
    assert 12**d * 500 < solver.predicted_bytes(problem) < 50 * 12 ** (2 * d)


def test_iteration_that_stops_too_soon_says_so() -> None:
    problem = RADIAL()
    for solver in (PowerIteration(iterations=3, cells=200), Lobpcg(iterations=2, cells=200)):
        session = solver.begin(problem, Context())
        session.solve()
        assert "stopped at a residual of" in session.outcome
