"""Eigenproblems: states are orthonormal and meet their conditions, and are judged by what decides a state."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal

import problems
from problems.base import Dirichlet, Neumann
from problems.families.eigenproblem import Eigenproblem
from problems.operations import NUMPY
from tests.plugins.states import Membrane
from tests.problems.catalogue import CATALOGUE, some_points
from tests.problems.residuals import states_at

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
