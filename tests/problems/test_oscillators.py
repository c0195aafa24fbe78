"""Coupled oscillators: their reference against independent means, the rule they are judged by, the cut of space."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.sparse import diags_array, eye_array, kron
from scipy.sparse.linalg import eigsh

import problems
from problems.operations import NUMPY

OSCILLATORS = problems.REGISTRY.get("schroedinger-nd")


@pytest.mark.parametrize(("d", "coupling"), [(3, 0.0), (4, 0.7)])
def test_oscillators_have_unit_length_and_normal_modes_by_independent_means(d: int, coupling: float) -> None:
    """Length by the trapezoidal rule, which is exact for Gaussians to rounding; energy by the square root of K."""
    problem = OSCILLATORS.create({"d": d, "coupling": coupling})
    nodes = np.linspace(-5.5, 5.5, 27)
    x = [axis.ravel() for axis in np.meshgrid(*([nodes] * d), indexing="ij")]
    psi = problem.exact(NUMPY, x)[0]
    assert (psi**2).sum() * (nodes[1] - nodes[0]) ** d == pytest.approx(1.0, abs=1e-10)
    assert problem.reference(np.column_stack(x))[:, 0] == pytest.approx(psi, rel=1e-12)
    stiffness = np.array([[problem.reaction(NUMPY, list(a + b)) for b in np.eye(d)] for a in np.eye(d)])
    alone = np.array([problem.reaction(NUMPY, list(a)) for a in np.eye(d)])
    k = stiffness - alone[:, None] - alone
    np.fill_diagonal(k, 2.0 * alone)
    assert problem.eigenvalues()[0] == pytest.approx(0.5 * np.sqrt(np.linalg.eigvalsh(k)).sum(), rel=1e-14)
    assert OSCILLATORS.create({"d": d, "coupling": 0.0}).eigenvalues()[0] == pytest.approx(d / 2, rel=1e-15)


@pytest.mark.parametrize("d", [3, 10, 100])
def test_sampled_rule_of_oscillators_integrates_moments(d: int) -> None:
    """∫ ψ² = 1 and ∫ ψ² V = E/2 exactly, and ∫ ψ² x₀⁴ = 3v² up to four standard errors of independent points."""
    problem = OSCILLATORS.create({"d": d})
    points, weights = problem.rule()
    density = weights * problem.reference(points)[:, 0] ** 2
    assert density.sum() == pytest.approx(1.0, rel=1e-12)
    energy = problem.eigenvalues()[0]
    assert density @ problem.reaction(NUMPY, list(points.T)) == pytest.approx(0.5 * energy, rel=1e-12)
    # Of x⁴ under a normal density: variance 96 v⁴.
    variance = float(problem._variances()[0])
    assert density @ points[:, 0] ** 4 == pytest.approx(
        3.0 * variance**2, abs=4.0 * math.sqrt(96.0 / len(points)) * variance**2
    )
    assert (np.abs(points) < problem.domain().upper[0]).all()
    judged = problem.measures(-3.0 * problem.reference(points), {"eigenvalues": np.array([1.01 * energy])})
    assert judged["norm"] == pytest.approx(3.0, rel=1e-12)
    assert judged["distance"] < 1e-12
    assert judged["relative_eigenvalue_error"] == pytest.approx(0.01, rel=1e-9)


@pytest.mark.parametrize(("d", "half"), [(1, 3.8), (1, 4.3), (2, 3.6)])
def test_cut_of_the_oscillators_raises_the_energy_as_stated(d: int, half: float) -> None:
    """Against the same equation in a cube twice as large, by finite differences of both on the same nodes."""
    problem, h = OSCILLATORS.create({"d": d, "R": half}), half / (400 if d == 1 else 60)
    energies = []
    for times in (1, 2):
        nodes = h * np.arange(1 - times * round(half / h), times * round(half / h))
        potential = problem.reaction(NUMPY, np.meshgrid(*([nodes] * d), indexing="ij"))
        line = diags_array([-0.5 / h**2, 1.0 / h**2, -0.5 / h**2], offsets=[-1, 0, 1], shape=(len(nodes),) * 2)
        kinetic = line if d == 1 else kron(line, eye_array(len(nodes))) + kron(eye_array(len(nodes)), line)
        matrix = (kinetic + diags_array(potential.ravel())).tocsc()
        energies.append(eigsh(matrix, k=1, sigma=0.0, return_eigenvectors=False)[0])
    shift = energies[0] - energies[1]
    assert shift == pytest.approx(problem.energy_shift(), rel=0.15)
    assert shift < problem.reference_error() < 2e-3


def test_cube_that_cuts_into_the_oscillators_is_refused() -> None:
    with pytest.raises(problems.InputError, match=r"R = 3 leaves more than 0\.001"):
        OSCILLATORS.create({"R": 3.0})
