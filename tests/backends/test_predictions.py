"""What a method foresees to need of memory is what a fresh process is seen to take, within a factor of two."""

from __future__ import annotations

import itertools
import tempfile
import tracemalloc
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import splu

from backends.differences.memory import fill
from backends.timeline import Timeline, levels_kept
from benchmarks.budget import foresee
from benchmarks.cases import Case, Spec
from benchmarks.execute import Limits, _run_pass
from benchmarks.interpreters import backends_required
from tests.conftest import INTERPRETERS

SINES, SLANTED = "poisson:solution=sine-sum,d={}", "heat@slanted:d={}"
# Problem, solver and what is sized, mostly at two sizes in each of two dimensions, so large that libraries do not
# count.
PEAKS = [
    (SINES, "finite-differences:cells={}", {2: (1000, 1600), 4: (32, 40)}),
    (SINES, "finite-differences:solver=sparse,cells={}", {2: (250, 400), 4: (10, 12)}),
    (SINES, "finite-differences:order=4,cells={}", {2: (500, 700), 4: (14, 18)}),
    (SLANTED, "finite-differences:dt=0.0625,cells={}", {2: (400, 700), 4: (20, 28)}),
    ("heat:d={}", "finite-differences:dt=0.125,cells={}", {2: (150, 250), 3: (16, 24)}),
    ("heat@slanted:T=2e-4,d={}", "ftcs:cells={}", {2: (900, 1300), 4: (24, 30)}),
    (SLANTED, "scipy-ivp:tolerance=1e-2,method=RK23,cells={}", {2: (150, 220), 4: (16, 20)}),
    (SLANTED, "scipy-ivp:tolerance=1e-2,method=BDF,cells={}", {2: (80, 120), 3: (16, 22)}),
    (SLANTED, "scipy-odeint:tolerance=1e-2,cells={}", {2: (50, 70), 3: (14, 17)}),
    (SINES, "spectral:nodes={}", {2: (500, 700), 4: (30, 36)}),
    (SLANTED, "spectral:dt=0.0625,nodes={}", {2: (300, 420), 4: (20, 26)}),
    ("heat@torus:contrast=0,d={}", "spectral:nodes={}", {2: (300, 500), 4: (25, 27)}),
    ("heat:d={}", "spectral:dt=0.0625,nodes={}", {2: (26, 32), 3: (10,)}),
    ("schroedinger-nd:d={}", "scipy-eigsh:cells={}", {2: (250, 400), 3: (24,), 4: (10,)}),
    ("schroedinger-nd:d={}", "lobpcg:cells={}", {2: (300,), 3: (24,)}),
    ("schroedinger-nd:d={}", "lobpcg:preconditioner=diagonal,cells={}", {2: (400,), 4: (24,)}),
    ("schroedinger-nd:d={}", "power-iteration:cells={}", {2: (300,), 3: (24,)}),
    ("symmetric-eigen:n={}", "scipy-eigsh", {1500: (1500,)}),
    ("symmetric-eigen:n={}", "lobpcg", {1500: (1500,)}),
    ("symmetric-eigen:n={}", "power-iteration", {1500: (1500,)}),
    (SINES, "fenics:cells={}", {2: (100, 160), 3: (12, 16)}),
    (SINES, "fenics:degree=1,cells={}", {2: (120, 220), 3: (20, 28)}),
]
SIZED = [
    pytest.param(problem.format(d), solver.format(n), id=f"{problem.format(d)}|{solver.format(n)}")
    for problem, solver, dimensions in PEAKS
    for d, sizes in dimensions.items()
    for n in sizes
]


@pytest.mark.parametrize(("problem", "solver"), SIZED)
def test_prediction_is_within_a_factor_of_two_of_the_peak(problem: str, solver: str) -> None:
    case = Case.create(Spec.parse(problem), Spec.parse(solver))
    place = INTERPRETERS.find(case.solver)
    if not place.available:
        assert not backends_required(), place.reason
        pytest.skip(place.reason)
    foreseen = foresee(case)
    assert foreseen is not None
    with tempfile.TemporaryDirectory() as cache:
        seen = _run_pass(case, place, Limits(timeout_s=200), (), "memory", cache)
    assert seen.memory, seen.reason
    if seen.memory["host_method"] != "VmHWM":
        pytest.skip("the kernel does not tell the peak of one pass")
    used = seen.memory["host_bytes"] - seen.memory["host_base_bytes"]
    assert 0.5 < foreseen.bytes / used < 2.0


@pytest.mark.parametrize("solver", ["finite-differences", "ftcs", "scipy-ivp", "scipy-odeint", "spectral", "fenics"])
@pytest.mark.parametrize("name", ["poisson", "heat", "heat-1d", "burgers-1d", "reaction-diffusion", "schroedinger-1d"])
def test_every_grid_method_foresees_what_it_needs_and_counts_unknowns_as_it_does(name: str, solver: str) -> None:
    case = Case.create(Spec(name), Spec(solver))
    if case.unsupported():
        pytest.skip(case.unsupported() or "")
    foreseen = foresee(case)
    assert foreseen is not None
    assert foreseen.bytes > 8 * foreseen.unknowns > 0
    assert foreseen.shape is not None
    assert foreseen.shape[0] == case.problem.components
    assert len(foreseen.shape) == case.problem.dimension + 1


@pytest.mark.parametrize(
    ("problem", "solver"),
    [
        ("poisson:d=100", "finite-differences:cells=100"),
        ("poisson:d=100", "finite-differences:cells=100,solver=sparse,order=4"),
        ("poisson:d=40,solution=harmonic", "spectral:nodes=2048"),
        ("heat:d=40,solution=slanted", "finite-differences:cells=1000"),
        ("heat@slanted:d=100", "ftcs:cells=50"),
        ("heat:d=20", "ftcs:cells=100000,convection=upwind"),
        ("heat@slanted:d=30", "scipy-ivp:cells=40,method=Radau"),
        ("heat@slanted:d=50", "scipy-odeint"),
        ("heat@slanted:d=30", "spectral:nodes=10"),
        ("heat@torus:d=60,contrast=0", "spectral:nodes=10"),
        ("poisson:d=3", "fenics:cells=1000000,degree=3"),
        ("schroedinger-nd:d=60", "scipy-eigsh:cells=12"),
        ("schroedinger-nd:d=60", "lobpcg"),
        ("symmetric-eigen:n=100000000", "power-iteration"),
    ],
)
def test_nothing_is_allocated_to_find_out(problem: str, solver: str) -> None:
    tracemalloc.start()
    try:
        case = Case.create(Spec.parse(problem), Spec.parse(solver))
        assert case.unsupported() is None
        foreseen = foresee(case)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert foreseen is not None
    assert foreseen.bytes > 2**50
    # Scattered points for the step of the explicit scheme, a few arrays of them per axis; else text.
    assert peak < (400 if "ftcs" in solver else 20) * 2**20


@pytest.mark.parametrize("solver", ["finite-differences:cells=6", "spectral:nodes=6", "ftcs:cells=6"])
def test_need_grows_with_every_dimension_by_about_the_nodes_of_an_axis(solver: str) -> None:
    problem = "heat@slanted" if "ftcs" in solver else "poisson"
    needs = []
    for d in (12, 13, 14):
        foreseen = foresee(Case.create(Spec.parse(f"{problem}:d={d}"), Spec.parse(solver)))
        assert foreseen is not None
        needs.append(foreseen.bytes)
    for less, more in itertools.pairwise(needs):
        assert 5.0 < more / less < 9.5  # 6 or 7 nodes, 9 with ghosts.


def test_levels_are_counted_as_they_are_kept() -> None:
    generator = np.random.default_rng(0)
    for exact in (False, True):
        for final, dt in itertools.product((0.3, 1.0, 7.0), (0.9, 0.4, 0.1, 0.03, 0.0123)):
            for times in (final * np.array([0.1, 0.25, 0.5, 0.75, 1.0]), np.sort(generator.random(6)) * final):
                kept = len(Timeline(final, dt * final, times, exact_step=exact).kept)
                assert levels_kept(final, dt * final, times, exact_step=exact) == kept, (final, dt, exact)
    assert levels_kept(1.0, 1e-15, np.array([0.5, 1.0])) <= 5


@pytest.mark.parametrize(("d", "n"), [(2, 60), (3, 14), (4, 7), (5, 5), (6, 4)])
def test_fill_is_that_of_the_factors(d: int, n: int) -> None:
    """Second differences with a reaction on nᵈ free nodes, in the order that is used."""
    line = sp.diags_array([-1.0, 2.1, -1.0], offsets=[-1, 0, 1], shape=(n, n))
    matrix: Any = sum(
        sp.kron(sp.kron(sp.eye_array(n**a), line), sp.eye_array(n ** (d - 1 - a)), format="csc") for a in range(d)
    )
    lu = splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.01, options={"SymmetricMode": True})
    assert 0.6 < fill(n**d, d) / (lu.L.nnz + lu.U.nnz) < 1.6


def test_systems_of_odes_are_too_small_to_be_foreseen() -> None:
    for solver in ("scipy-ivp", "scipy-odeint"):
        assert foresee(Case.create(Spec("decay"), Spec(solver))) is None
