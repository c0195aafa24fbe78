"""Every declaration is true: its solution satisfies its own equation, initial data and boundary conditions."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from problems.base import ODE, PDE, Dirichlet, MatrixEigenproblem, Neumann, Periodic, Problem, fields_to_array
from problems.claims import CLAIM
from problems.families.eigenproblem import Eigenproblem
from problems.families.integral_equation import IntegralEquation
from problems.operations import NUMPY
from tests.builtin import problem_classes
from tests.problems.catalogue import CATALOGUE, some_points
from tests.problems.residuals import diffusive_flux, has_exact, integral_residual, state_residual, strong_residual


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
    assert all(key.startswith(CLAIM) for key in cls.claims)
    assert not any(key.startswith(CLAIM) for key in cls.published)
    for key, claim in cls.claims.items():
        assert key.startswith("claim/")
        assert claim.source
        assert claim.entry
        assert claim.text.endswith(".")
