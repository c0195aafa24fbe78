"""Eigenpairs from the span of some functions: what a network's outputs are worth as states, on the host."""

from __future__ import annotations

import numpy as np

from problems.base import Array
from problems.families.eigenproblem import RULES, Eigenproblem
from problems.operations import NUMPY


def quotients(problem: Eigenproblem, values: Array) -> tuple[Array, Array]:
    """The matrices ∫ κ ∇ψᵢ·∇ψⱼ + V ψᵢ ψⱼ and ∫ w ψᵢ ψⱼ of functions (n, k) given at the points of `problem.rule()`.

    Slopes are those of the polynomials through the nodes of each panel of that rule.
    """
    points, weights = problem.rule()
    x, box = list(points.T), problem.domain()
    panels, order = RULES[problem.dimension]
    slope = _slope(order)
    kappa = weights * problem.diffusivity(NUMPY, x)
    energy = values.T @ ((weights * problem.reaction(NUMPY, x))[:, None] * values)
    for axis, length in enumerate(box.lengths):
        before = (panels * order) ** axis
        blocks = values.reshape(before * panels, order, -1)
        along = np.einsum("ij,bjr->bir", slope * (2.0 * panels / length), blocks).reshape(values.shape)
        energy += along.T @ (kappa[:, None] * along)
    return energy, values.T @ ((weights * problem.weight(NUMPY, x))[:, None] * values)


def ritz(problem: Eigenproblem, values: Array) -> tuple[Array, Array]:
    """Lowest eigenvalues (k,) in the span of functions (n, k), and the matrix (k, k) that makes its eigenfunctions.

    They are orthonormal. Functions that are not independent have no such matrix: then there are infinite values for
    what is missing, and zeros in its columns.
    """
    energy, mass = quotients(problem, values)
    if not (np.isfinite(energy).all() and np.isfinite(mass).all()):
        return np.full(len(mass), np.nan), np.eye(len(mass))
    sizes = np.sqrt(np.maximum(mass.diagonal(), 0.0))
    scale = 1.0 / np.where(sizes > 0.0, sizes, 1.0)
    overlaps, turn = np.linalg.eigh(scale[:, None] * mass * scale)
    kept = overlaps > len(mass) * np.finfo(float).eps
    basis = (scale[:, None] * turn[:, kept]) / np.sqrt(overlaps[kept])
    found, inner = np.linalg.eigh(basis.T @ energy @ basis)
    eigenvalues, vectors = np.full(len(mass), np.inf), np.zeros_like(mass)
    eigenvalues[: len(found)], vectors[:, : len(found)] = found, basis @ inner
    return eigenvalues, vectors


def _slope(order: int) -> Array:
    """Matrix (order, order) from values at Gauss–Legendre nodes on [−1, 1] to slopes there."""
    nodes = np.polynomial.legendre.leggauss(order)[0]
    apart = nodes[:, None] - nodes + np.eye(order)
    logs, signs = np.log(np.abs(apart)).sum(axis=1), np.sign(apart).prod(axis=1)
    matrix = np.exp(logs[:, None] - logs) * signs[:, None] * signs / apart
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix
