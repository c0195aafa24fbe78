"""Every declaration is true: its solution satisfies its own equation, initial data and boundary conditions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.linalg import eigh_tridiagonal

import problems
from backends.operations import jax_operations, torch_operations
from problems.base import ODE, PDE, Dirichlet, MatrixEigenproblem, Neumann, Periodic, Problem, fields_to_array
from problems.families.eigenproblem import Eigenproblem
from problems.families.integral_equation import Algebraic, IntegralEquation, Logarithmic, Singularity
from problems.families.inverse import InverseProblem
from problems.operations import NUMPY
from tests.builtin import problem_classes
from tests.plugins.grids import Carried, Coupled, Insulated, Variable
from tests.plugins.parameters import Front, Slab
from tests.plugins.states import FACES, Graded, Membrane

jax.config.update("jax_enable_x64", True)


def catalogue() -> Iterator[Any]:
    """Every problem with every preset, every combination of its choices, and the manufactured ones of other tests."""
    for cls in problem_classes():
        for preset in ("", *cls.presets):
            yield pytest.param(cls.create({}, preset), id=f"{cls.name}@{preset}")
    poisson = problems.REGISTRY.get("poisson")
    for d, solution in itertools.product((1, 2, 3), ("sines", "skewed")):
        yield pytest.param(poisson.create({"d": d, "solution": solution}), id=f"poisson-{d}-{solution}")
    for d, solution in itertools.product((1, 2, 5, 10), ("sine-sum", "harmonic")):
        if solution == "sine-sum" or d % 2 == 0:
            yield pytest.param(poisson.create({"d": d, "solution": solution}), id=f"poisson-{d}-{solution}")
    heat = problems.REGISTRY.get("heat")
    for d, walls, solution in itertools.product((1, 2, 5, 10), ("dirichlet", "mixed"), ("product", "slanted")):
        contrast = 0.5 if walls == "mixed" else 0.0
        parameters = {"d": d, "contrast": contrast, "walls": walls, "solution": solution}
        yield pytest.param(heat.create(parameters), id=f"heat-{d}-{walls}-{solution}")
    yield pytest.param(problems.REGISTRY.get("heat-1d").create({"mode": 3, "kappa": 0.7}), id="heat-1d-mode-3")
    wave = {"c": 1.3, "length": 2.0, "overtone": 0.3}
    yield pytest.param(problems.REGISTRY.get("wave-1d").create(wave), id="wave-1d-long")
    for problem in (Insulated(), Carried(), Variable(d=1), Variable(d=3), Coupled()):
        yield pytest.param(problem, id=f"{problem.name}-{problem.dimension}")
    radial = problems.REGISTRY.get("schroedinger-radial")
    for potential, ell in itertools.product(("hydrogen", "harmonic"), (0, 1, 2, 5)):
        yield pytest.param(
            radial.create({"potential": potential, "ell": ell, "states": 6}),
            id=f"schroedinger-radial-{potential}-{ell}",
        )
    yield pytest.param(radial.create({"Z": 3.0}), id="schroedinger-radial-Z=3")
    for d, coupling in ((1, 0.5), (2, 0.0), (5, 0.5), (10, 2.0)):
        yield pytest.param(
            problems.REGISTRY.get("schroedinger-nd").create({"d": d, "coupling": coupling}),
            id=f"schroedinger-nd-{d}-{coupling:g}",
        )
    fredholm = problems.REGISTRY.get("fredholm")
    for alpha, distance in ((0.1, 0.1), (0.9, 0.3)):
        yield pytest.param(fredholm.create({"kernel": "algebraic", "alpha": alpha}), id=f"fredholm-alpha={alpha}")
        yield pytest.param(fredholm.create({"kernel": "love", "distance": distance}), id=f"fredholm-d={distance}")
    for problem in (Front(), Slab()):
        yield pytest.param(problem, id=problem.name)
    yield pytest.param(Graded(), id="graded-string")
    for d, faces in itertools.product((1, 2), FACES):
        yield pytest.param(Membrane(d=d, faces_are=faces), id=f"membrane-{d}-{faces}")


def forward_problems() -> Iterator[Any]:
    """The equations behind inverse problems, with the true parameters and with those of the first guess."""
    for case in INVERSE:
        problem, guess = case.values[0], [unknown.guess for unknown in case.values[0].unknowns()]
        yield pytest.param(problem.forward(problem.truth()), id=f"{case.id}-truth")
        yield pytest.param(problem.forward(guess), id=f"{case.id}-guess")


CATALOGUE = list(catalogue())
INVERSE = [case for case in CATALOGUE if isinstance(case.values[0], InverseProblem)]
CATALOGUE += forward_problems()


def some_points(problem: Problem, count: int = 40) -> np.ndarray:
    points = problem.points()
    return points[:: max(1, len(points) // count)]


def has_exact(problem: PDE) -> bool:
    return type(problem).exact is not PDE.exact


def split(problem: PDE, point: Any) -> tuple[list[Any], Any]:
    d = problem.dimension
    return [point[i] for i in range(d)], 0.0 if problem.steady else point[d]


def exact(problem: PDE, point: Any) -> Any:
    x, t = split(problem, point)
    return jnp.stack([jnp.asarray(v, dtype=float) for v in problem.exact(jax_operations(), x, t)])


def diffusive_flux(problem: PDE, point: Any, axis: int) -> Any:
    """κ ∂u/∂x_axis of the exact solution at one point."""
    x, t = split(problem, point)
    gradient = jax.jacfwd(lambda z: exact(problem, z))(point)[:, axis]
    kappa = problem.diffusivity(jax_operations(), x, t, exact(problem, point))
    return jnp.asarray(kappa) @ gradient if isinstance(kappa, (tuple, list)) else kappa * gradient


def strong_residual(problem: PDE, point: Any) -> Any:
    """uₜ + ∇·F(u) − ∇·(κ∇u) − S of the exact solution at one point (x…, t), by nested automatic differentiation."""
    ops, d = jax_operations(), problem.dimension

    def total_flux(z: Any, axis: int) -> Any:
        x, t = split(problem, z)
        flux = problem.flux(ops, x, t, exact(problem, z))
        convective = jnp.stack([row[axis] for row in flux]) if flux is not None else 0.0
        return convective - diffusive_flux(problem, z, axis)

    x, t = split(problem, point)
    residual = sum(jax.jacfwd(lambda z, a=a: total_flux(z, a))(point)[:, a] for a in range(d))
    if not problem.steady:
        residual = residual + jax.jacfwd(lambda z: exact(problem, z))(point)[:, d]
    source = problem.source(ops, x, t, exact(problem, point))
    return residual if source is None else residual - jnp.stack([jnp.asarray(s, dtype=float) for s in source])


@pytest.mark.parametrize("problem", CATALOGUE)
def test_solution_satisfies_its_own_equation(problem: Problem) -> None:
    points = some_points(problem)
    if isinstance(problem, PDE):
        if not has_exact(problem):
            pytest.skip("its reference is computed; see test_references.py")
        residual = jax.vmap(lambda z: strong_residual(problem, z))(jnp.asarray(points))
        assert float(jnp.abs(residual).max()) < 1e-9
    elif isinstance(problem, ODE):
        h = 1e-3
        inside = points[(points[:, 0] > 2 * h) & (points[:, 0] < problem.final_time() - 2 * h)]
        values = [problem.reference(inside + k * h) for k in (-2, -1, 1, 2)]
        slope = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
        wanted = fields_to_array(problem.rhs(NUMPY, inside[:, 0], problem.reference(inside).T), len(inside))
        assert np.abs(slope - wanted).max() < 1e-9
    elif isinstance(problem, MatrixEigenproblem):
        value, vector = problem.wanted()
        assert np.abs(problem.matrix() @ vector - value * vector).max() < 1e-12
        assert np.array_equal(problem.matrix(), problem.matrix().T)
    elif isinstance(problem, Eigenproblem):
        assert float(jnp.abs(jax.vmap(lambda x: state_residual(problem, x))(jnp.asarray(points))).max()) < 1e-9
    elif isinstance(problem, IntegralEquation):
        assert max(abs(integral_residual(problem, x)) for x in points[:, 0]) < 1e-9


def integral_residual(problem: IntegralEquation, x: float) -> float:
    """y − f − λ ∫ K y of the reference at x, by adaptive Gauss–Kronrod rules whose weights know the singularity.

    They are those of QUADPACK for (t − a)^μ (b − t)^ν, times log (t − a) or log (b − t), on either side of x.
    """
    a, b = problem.interval()
    singularity = problem.singularity()

    def product(t: float) -> float:
        return float(problem.smooth_factor(NUMPY, x, t)) * float(problem.reference(np.array([[t]]))[0, 0])

    def integral(lower: float, upper: float, **weight: Any) -> float:
        return 0.0 if lower == upper else float(quad(product, lower, upper, epsabs=1e-12, limit=400, **weight)[0])

    if singularity is None:
        total = integral(a, b)
    elif isinstance(singularity, Algebraic):
        power = -singularity.alpha
        total = integral(a, x, weight="alg", wvar=(0.0, power)) + integral(x, b, weight="alg", wvar=(power, 0.0))
    else:
        assert isinstance(singularity, Logarithmic)
        total = integral(a, x, weight="alg-logb", wvar=(0, 0)) + integral(x, b, weight="alg-loga", wvar=(0, 0))
    free = float(problem.free_term(NUMPY, x))
    return float(problem.reference(np.array([[x]]))[0, 0]) - free - problem.multiplier() * total


@pytest.mark.parametrize("problem", [p for p in CATALOGUE if isinstance(p.values[0], IntegralEquation)])
def test_integral_equation_reads_the_same_in_every_framework(problem: IntegralEquation) -> None:
    x, t = problem.points()[::40, 0], problem.points()[7::40, 0]
    for ops, array in ((torch_operations(), torch.as_tensor), (jax_operations(), jnp.asarray)):
        assert np.asarray(problem.free_term(ops, array(x))) == pytest.approx(problem.free_term(NUMPY, x), rel=1e-14)
        found, wanted = (
            np.broadcast_to(problem.smooth_factor(o, a(x[:, None]), a(t)), (len(x), len(t)))
            for o, a in ((ops, array), (NUMPY, np.asarray))
        )
        assert found == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("singularity", [Algebraic(0.5), Algebraic(0.9), Logarithmic()], ids=str)
def test_primitives_of_a_singularity_are_its_integrals(singularity: Singularity) -> None:
    for k, u in itertools.product(range(5), (-1.3, -1e-3, 0.2, 2.0)):
        power = -singularity.alpha if isinstance(singularity, Algebraic) else 0.0
        kind = {"weight": "alg" if power else "alg-loga", "wvar": (power, 0.0)}
        wanted = math.copysign(1.0, u) ** (k + 1) * quad(lambda s, k=k: s**k, 0.0, abs(u), **kind)[0]
        assert float(singularity.primitive(np.array(u), k)) == pytest.approx(wanted, rel=1e-12)
        assert float(singularity.primitive(np.array(0.0), k)) == 0.0
    distance = np.array([0.01, 1.0, 3.0])
    step = 1e-6 * distance
    slope = (singularity.primitive(distance + step, 0) - singularity.primitive(distance - step, 0)) / (2.0 * step)
    assert singularity.value(NUMPY, distance) == pytest.approx(slope, rel=1e-8, abs=1e-8)


def states_at(problem: Eigenproblem, point: Any) -> Any:
    return jnp.stack([jnp.asarray(v, dtype=float) for v in problem.exact(jax_operations(), list(point))])


def state_residual(problem: Eigenproblem, point: Any) -> Any:
    """−∇·(κ∇ψ) + V ψ − E w ψ of every exact state at one point, by nested automatic differentiation."""
    ops = jax_operations()

    def flux(x: Any) -> Any:
        return problem.diffusivity(ops, list(x)) * jax.jacfwd(lambda z: states_at(problem, z))(x)

    divergence = jnp.trace(jax.jacfwd(flux)(point), axis1=1, axis2=2)
    x, psi = list(point), states_at(problem, point)
    return (
        -divergence + problem.reaction(ops, x) * psi - jnp.asarray(problem.eigenvalues()) * problem.weight(ops, x) * psi
    )


EIGENPROBLEMS = [p for p in CATALOGUE if isinstance(p.values[0], Eigenproblem)]


@pytest.mark.parametrize("problem", [p for p in EIGENPROBLEMS if p.values[0].panels()])
def test_states_are_orthonormal_by_quadrature_of_their_own(problem: Eigenproblem) -> None:
    box = problem.domain()
    nodes, weights = np.polynomial.legendre.leggauss(40 if problem.dimension == 2 else 600)
    rules = [(a + (b - a) * (nodes + 1) / 2, (b - a) * weights / 2) for a, b in zip(box.lower, box.upper, strict=True)]
    x = [axis.ravel() for axis in np.meshgrid(*(rule[0] for rule in rules), indexing="ij")]
    mass = np.prod(np.meshgrid(*(rule[1] for rule in rules), indexing="ij"), axis=0).ravel()
    psi = problem.reference(np.column_stack(x))
    gram = (psi.T * (mass * problem.weight(NUMPY, x))) @ psi
    assert np.abs(gram - np.eye(problem.states)).max() < 1e-11
    judged = problem.measures(psi_of_rule(problem), {"eigenvalues": problem.eigenvalues()})
    assert judged["norm"] == pytest.approx(1.0, abs=1e-11)
    assert judged["overlap"] < 1e-11
    assert judged["eigenvalue_error"] == 0.0
    assert (np.diff(problem.eigenvalues()) >= 0.0).all()


def psi_of_rule(problem: Eigenproblem) -> np.ndarray:
    return problem.reference(problem.points())


@pytest.mark.parametrize("problem", EIGENPROBLEMS)
def test_states_meet_their_conditions(problem: Eigenproblem) -> None:
    box = problem.domain()
    inside = some_points(problem)
    for axis, side, condition in problem.faces():
        face = inside.copy()
        face[:, axis] = (box.lower, box.upper)[side][axis]
        opposite = inside.copy()
        opposite[:, axis] = (box.lower, box.upper)[1 - side][axis]
        slopes = [jax.vmap(jax.jacfwd(lambda z: states_at(problem, z)))(jnp.asarray(p)) for p in (face, opposite)]
        slope, further = (np.asarray(s)[:, :, axis] for s in slopes)
        kappa = np.broadcast_to(np.asarray(problem.diffusivity(NUMPY, list(face.T))), (len(face),))
        if isinstance(condition, Dirichlet):
            assert np.abs(problem.reference(face)).max() < max(1e-11, 2.0 * problem.reference_error())
        elif isinstance(condition, Neumann):
            assert np.abs(kappa[:, None] * slope).max() < 1e-11
        else:
            assert np.abs(problem.reference(face) - problem.reference(opposite)).max() < 1e-11
            assert np.abs(slope - further).max() < 1e-11


def test_sign_length_and_the_choice_among_degenerate_states_do_not_count() -> None:
    problem = Membrane(d=2)
    reference = psi_of_rule(problem)
    c, s = math.cos(0.7), math.sin(0.7)
    turned = reference @ np.array([[-2.0, 0.0, 0.0], [0.0, 5.0 * c, s], [0.0, -5.0 * s, c]])
    assert np.abs(problem.align(turned, reference) - reference).max() < 1e-12
    # A state that belongs to another energy cannot be turned into place.
    mixed = reference @ np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])
    assert np.abs(problem.align(mixed, reference) - reference).max() > 0.1


def test_state_that_vanishes_or_was_found_twice_shows() -> None:
    problem = Membrane()
    reference, found = psi_of_rule(problem), {"eigenvalues": problem.eigenvalues()}
    assert np.array_equal(problem.align(0.0 * reference, reference), 0.0 * reference)
    assert problem.measures(0.0 * reference, found)["norm"] == 0.0
    assert problem.measures(1e-7 * reference, found)["norm"] == pytest.approx(1e-7, rel=1e-9)
    assert problem.measures(reference[:, [0, 1, 1]], found)["overlap"] == pytest.approx(1.0, abs=1e-12)
    with pytest.raises(ValueError, match="there are 3 states"):
        problem.measures(reference, {"eigenvalues": np.zeros(2)})


@pytest.mark.parametrize(("radius", "least", "most"), [(60.0, 1e-6, 1e-2), (90.0, 1e-9, 1e-3)])
def test_cut_of_the_half_line_is_estimated_in_size(radius: float, least: float, most: float) -> None:
    """Against the same equation on a longer interval, by finite differences of both on the same nodes."""
    cut, h = problems.REGISTRY.get("schroedinger-radial").create({"R": radius, "ell": 2}), 0.02
    energies = []
    for end in (radius, 2.0 * radius):
        middles = np.arange(0.5 * h, end, h)
        r = middles[:-1] + 0.5 * h
        potential = cut.reaction(NUMPY, [r])
        kappa = 0.5 * middles
        diagonal = (kappa[:-1] + kappa[1:]) / h**2 + potential
        off = -kappa[1:-1] / h**2 / np.sqrt(r[1:] * r[:-1])
        energies.append(eigh_tridiagonal(diagonal / r, off, select="i", select_range=(0, 2), eigvals_only=True))
    shift = float(np.abs(energies[0] - energies[1]).max())
    assert least < shift < cut.reference_error() < most


def test_harmonic_polynomial_needs_pairs_of_axes() -> None:
    poisson = problems.REGISTRY.get("poisson")
    with pytest.raises(problems.InputError, match="'d' is 3, and solution = harmonic pairs the axes; give an even"):
        poisson.create({"d": 3, "solution": "harmonic"})
    problem = poisson.create({"d": 100, "solution": "harmonic"})
    assert problem.source(NUMPY, [np.zeros(1)] * 100, 0.0, [np.zeros(1)]) is None
    assert problem.reference(np.ones((1, 100)))[0, 0] == 50.0


def test_slanted_temperature_does_not_close_on_itself() -> None:
    with pytest.raises(problems.InputError, match="'walls' is periodic, and solution = slanted differs"):
        problems.REGISTRY.get("heat").create({"solution": "slanted", "walls": "periodic"})


@pytest.mark.parametrize("d", [2, 4, 10])
def test_slanted_temperature_is_no_product_of_functions_of_one_coordinate(d: int) -> None:
    """The rank of u between the first coordinate and the others grows with the digits asked for; a product has 1."""
    heat = problems.REGISTRY.get("heat")
    ranks = {}
    for solution in ("product", "slanted"):
        problem = heat.create({"d": d, "solution": solution, "walls": "dirichlet"})
        points = np.random.default_rng(3).random((20, d))
        rows = np.array([[[a[0], *b[1:], 0.1] for b in points] for a in points])
        values = problem.reference(rows.reshape(-1, d + 1)).reshape(20, 20)
        sizes = np.linalg.svd(values, compute_uv=False)
        ranks[solution] = int((sizes > 1e-10 * sizes[0]).sum())
    assert ranks["product"] == 1
    assert ranks["slanted"] >= 5


def test_more_dimensions_are_judged_at_more_places_and_few_at_those_of_before() -> None:
    heat, poisson = problems.REGISTRY.get("heat"), problems.REGISTRY.get("poisson")
    assert [len(heat.create({"d": d}).places()) for d in (1, 2, 3, 4, 10, 100)] == [400, 400, 400, 400, 1000, 10_000]
    assert [len(poisson.create({"d": d}).points()) for d in (1, 10, 100)] == [1000, 10_000, 100_000]


def test_charge_of_an_oscillator_is_refused() -> None:
    with pytest.raises(problems.InputError, match="Z = 2 is given"):
        problems.REGISTRY.get("schroedinger-radial").create({"Z": 2.0}, "harmonic")


@pytest.mark.parametrize("problem", [p for p in CATALOGUE if isinstance(p.values[0], PDE)])
def test_solution_meets_its_initial_and_boundary_data(problem: PDE) -> None:
    points = some_points(problem)
    x, t = problem.split(points)
    if not problem.steady:
        at_start = np.column_stack([*x, np.zeros(len(points))])
        start = fields_to_array(problem.initial(NUMPY, x), len(points))
        assert np.abs(problem.reference(at_start) - start).max() < 1e-12
    box = problem.domain()
    for axis, side in itertools.product(range(problem.dimension), (0, 1)):
        condition = problem.condition(axis, side)
        on_face = points.copy()
        on_face[:, axis] = (box.lower, box.upper)[side][axis]
        if isinstance(condition, Dirichlet):
            given = fields_to_array(condition.value(NUMPY, problem.split(on_face)[0], t), len(points))
            assert np.abs(problem.reference(on_face) - given).max() < 1e-11
        elif isinstance(condition, Neumann) and has_exact(problem):
            given = fields_to_array(condition.value(NUMPY, problem.split(on_face)[0], t), len(points))
            outwards = jax.vmap(lambda z, a=axis: diffusive_flux(problem, z, a))(jnp.asarray(on_face))
            assert np.abs((1 if side else -1) * np.asarray(outwards) - given).max() < 1e-11
        elif isinstance(condition, Periodic):
            opposite = on_face.copy()
            opposite[:, axis] = (box.lower, box.upper)[1 - side][axis]
            assert np.abs(problem.reference(on_face) - problem.reference(opposite)).max() < 1e-11


@pytest.mark.parametrize("problem", CATALOGUE)
def test_evaluation_points_lie_in_the_domain_and_have_a_reference(problem: Problem) -> None:
    points = problem.points()
    reference = problem.reference(points)
    assert reference.shape[0] == points.shape[0]
    assert np.isfinite(reference).all()
    computed = isinstance(problem, PDE) and not has_exact(problem)
    assert problem.reference_error() < (1e-10 if computed else 1e-11)
    if isinstance(problem, PDE):
        box = problem.domain()
        for a in range(problem.dimension):
            assert points[:, a].min() >= box.lower[a]
            assert points[:, a].max() <= box.upper[a]


@pytest.mark.parametrize("problem", [p for p in CATALOGUE if p.values[0].further_points()])
def test_further_points_lie_outside_the_domain_and_have_a_reference(problem: Problem) -> None:
    for points in problem.further_points().values():
        assert points.ndim == 2
        assert points.shape[1] == problem.points().shape[1]
        assert np.isfinite(problem.reference(points)).all()
        if isinstance(problem, ODE):
            assert (points[:, 0] > problem.final_time()).all()


@pytest.mark.parametrize("cls", problem_classes(), ids=lambda cls: cls.name)
def test_claims_and_published_figures_have_keys_and_words_of_their_own(cls: Any) -> None:
    assert not set(cls.claims) & set(cls.published)
    for key, claim in cls.claims.items():
        assert key.startswith("claim/")
        assert claim.source
        assert claim.entry
        assert claim.text.endswith(".")


def test_decay_is_judged_for_as_long_again() -> None:
    """S2 shifts its five units of time by five."""
    decay = problems.REGISTRY.get("decay").create({}, "s2")
    (points,) = decay.further_points().values()
    assert points.shape == (200, 1)
    assert 5.0 < points.min() <= 5.025
    assert points.max() == 10.0
    assert decay.reference(points)[-1, 0] == pytest.approx(math.exp(-10.0), rel=1e-14)


def test_scattered_points_fill_the_box_evenly() -> None:
    from problems.base import scattered_points

    points = scattered_points(4000, (0.0, 0.0), (1.0, 1.0))
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=10, range=[[0, 1], [0, 1]])
    assert counts.min() >= 35
    assert counts.max() <= 45
    # A mean over them is an integral: ∫∫ xy = 1/4, far better than the 1/√n of random points.
    assert abs((points[:, 0] * points[:, 1]).mean() - 0.25) < 2e-3


def test_published_levels_of_the_heat_equation_include_boundaries_and_both_ends() -> None:
    problem = problems.REGISTRY.get("heat-1d").create({}, "s1-coarse")
    points = problem.points()
    assert len(points) == 11 * 101
    assert {0.0, 1.0} <= set(points[:, 0])
    assert points[0, 1] == 0.0
    assert points[-1, 1] == pytest.approx(0.5, abs=1e-12)


def test_grid_of_the_primer_has_forty_nodes_in_space_and_time_with_both_ends_of_each() -> None:
    """S3 judges heat on 40 × 40 nodes, t = 0 included, decay at 25, a nerve cell and an integral equation at 50."""
    points = problems.REGISTRY.get("heat-1d").create({}, "s3-grid").points()
    assert points.shape == (40 * 40, 2)
    assert {(x, t) for x in (0.0, math.pi) for t in (0.0, 3.0)} <= set(map(tuple, points))
    for column, length in zip(points.T, (math.pi, 3.0), strict=True):
        assert np.diff(np.unique(column)) == pytest.approx(np.full(39, length / 39.0))
    assert problems.REGISTRY.get("decay").create({}, "s3-grid").points()[:, 0] == pytest.approx(
        np.arange(25) / 24.0, abs=1e-15
    )
    assert problems.REGISTRY.get("fredholm").create({}, "s3-grid").points()[:, 0] == pytest.approx(
        np.arange(50) / 49.0 * math.pi / 2.0, abs=1e-15
    )
    assert problems.REGISTRY.get("fitzhugh-nagumo").create({}, "s3-grid").points()[:, 0] == pytest.approx(
        30.0 * np.arange(50) / 49.0, rel=1e-14
    )


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("heat-1d", {"nodes": 1}, "nodes' is 1"),
        ("decay", {"nodes": 1}, "nodes' is 1"),
        ("fitzhugh-nagumo", {"nodes": 1}, "nodes' is 1"),
        ("heat-1d", {"nodes": 5, "level_spacing": 0.1}, "nodes = 5 and level_spacing = 0.1 are both given"),
        ("fredholm", {"nodes": 1}, "nodes' is 1"),
        ("fredholm", {"alpha": 0.3}, "'alpha' is 0.3, and kernel = separable has none"),
        ("fredholm", {"kernel": "algebraic", "distance": 0.3}, "'distance' is 0.3, and kernel = algebraic"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(name: str, parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(problems.InputError, match=sentence):
        problems.REGISTRY.get(name).create(parameters)


def test_wave_number_at_which_the_square_resonates_is_refused() -> None:
    """(−1, 1)² has the eigenvalues (m² + n²) π²/4."""
    helmholtz = problems.REGISTRY.get("helmholtz-2d")
    for m, n in ((1, 1), (2, 1), (3, 5)):
        with pytest.raises(problems.InputError, match="resonates"):
            helmholtz.create({"k": math.pi / 2.0 * math.hypot(m, n)})
    assert helmholtz.create({"k": math.pi / 2.0 * math.sqrt(3.0)}).k > 0  # 3 is no sum of two squares


def test_boundary_layer_does_not_overflow_at_any_peclet_number() -> None:
    points = np.array([[0.0], [0.5], [1.0 - 1e-5], [1.0]])
    layer = problems.REGISTRY.get("advection-diffusion").create({"peclet": 1e5}, "steady")
    with np.errstate(over="raise", invalid="raise"):
        values = layer.reference(points)[:, 0]
    assert values == pytest.approx([0.0, 0.0, math.exp(-1.0), 1.0], rel=1e-9, abs=1e-300)
