"""Eigenpairs from the span of some functions: what a network's outputs are worth as states, on the host."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from problems.base import Array
from problems.families.eigenproblem import Eigenproblem
from problems.operations import NUMPY

STEP = 1e-4
"""Of central differences, in units of the box: what is cut off and what single precision rounds are both small."""

Function = Callable[[Array], Array]
"""Points (n, d) → values (n, k)."""


def quotients(problem: Eigenproblem, values: Array, function: Function | None = None) -> tuple[Array, Array]:
    """The matrices ∫ κ ∇ψᵢ·∇ψⱼ + V ψᵢ ψⱼ and ∫ w ψᵢ ψⱼ of functions (n, k) given at the points of `problem.rule()`.

    Slopes are those of the polynomials through the nodes of each panel of that rule. Where it has no panels, they are
    central differences of `function`, which gives the same functions anywhere: 2 d evaluations per point, and an error
    of some 10⁻⁶ of the slope for functions as wide as a tenth of the box.

    Raises:
        ValueError: if there are neither panels nor a function.

    """
    points, weights = problem.rule()
    x = list(points.T)
    kappa = weights * problem.diffusivity(NUMPY, x)
    energy = values.T @ ((weights * problem.reaction(NUMPY, x))[:, None] * values)
    for along in _slopes(problem, values, function):
        energy += along.T @ (kappa[:, None] * along)
    return energy, mass(problem, values)


def mass(problem: Eigenproblem, values: Array) -> Array:
    """The second of these matrices."""
    points, weights = problem.rule()
    return np.asarray(values.T @ ((weights * problem.weight(NUMPY, list(points.T)))[:, None] * values))


def ritz(problem: Eigenproblem, values: Array, function: Function | None = None) -> tuple[Array, Array]:
    """Lowest eigenvalues (k,) in the span of functions (n, k), and the matrix (k, k) that makes its eigenfunctions.

    They are orthonormal. Functions that are not independent have no such matrix: then there are infinite values for
    what is missing, and zeros in its columns. `function` is as for `quotients`.
    """
    energy, overlap = quotients(problem, values, function)
    if not (np.isfinite(energy).all() and np.isfinite(overlap).all()):
        return np.full(len(overlap), np.nan), np.eye(len(overlap))
    sizes = np.sqrt(np.maximum(overlap.diagonal(), 0.0))
    scale = 1.0 / np.where(sizes > 0.0, sizes, 1.0)
    lengths, turn = np.linalg.eigh(scale[:, None] * overlap * scale)
    kept = lengths > len(overlap) * np.finfo(float).eps
    basis = (scale[:, None] * turn[:, kept]) / np.sqrt(lengths[kept])
    found, inner = np.linalg.eigh(basis.T @ energy @ basis)
    eigenvalues, vectors = np.full(len(overlap), np.inf), np.zeros_like(overlap)
    eigenvalues[: len(found)], vectors[:, : len(found)] = found, basis @ inner
    return eigenvalues, vectors


def unit_length(problem: Eigenproblem, values: Array) -> Array:
    """One function (n, 1) as one of length 1: the factor (1, 1), 0 where it vanishes."""
    length = float(np.sqrt(mass(problem, values)[0, 0]))
    return np.array([[1.0 / length if length > 0.0 else 0.0]])


def _slopes(problem: Eigenproblem, values: Array, function: Function | None) -> Iterator[Array]:
    """Slopes (n, k) along one axis after the other."""
    box, tensor = problem.domain(), problem.panels()
    if tensor is None:
        if function is None:
            raise ValueError(f"the slopes of functions of {problem.name} need the functions themselves")
        for axis, length in enumerate(box.lengths):
            step = np.zeros(problem.dimension)
            step[axis] = STEP * length
            points = problem.points()
            yield (function(points + step) - function(points - step)) / (2.0 * STEP * length)
        return
    panels, order = tensor
    slope = _slope(order)
    for axis, length in enumerate(box.lengths):
        before = (panels * order) ** axis
        blocks = values.reshape(before * panels, order, -1)
        yield np.einsum("ij,bjr->bir", slope * (2.0 * panels / length), blocks).reshape(values.shape)


def _slope(order: int) -> Array:
    """Matrix (order, order) from values at Gauss–Legendre nodes on [−1, 1] to slopes there."""
    nodes = np.polynomial.legendre.leggauss(order)[0]
    apart = nodes[:, None] - nodes + np.eye(order)
    logs, signs = np.log(np.abs(apart)).sum(axis=1), np.sign(apart).prod(axis=1)
    matrix = np.exp(logs[:, None] - logs) * signs[:, None] * signs / apart
    np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(matrix, -matrix.sum(axis=1))
    return matrix
