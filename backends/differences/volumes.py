"""Eigenproblems as symmetric matrices: finite volumes of second order for operators, and matrices as they are.

Cells are equal boxes. ψ lives at their centres, the flux κ ∂ψ/∂n at the middles of their faces as a difference of two
neighbours, or of the centre and the value zero half a cell away; a face without flux costs nothing. V and w are taken
at the centres, where singular ends of an interval do not reach. Energies and functions are of second order in the
spacing (Forsyth & Sammon 1988, Appl. Numer. Math. 4; the lower order at a face with a given value does not spread).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.base import Context, Diverged, Session
from backends.differences.grid import interpolate
from backends.structure import half_glued
from problems import InputError, Problem
from problems.base import Array, Dirichlet, MatrixEigenproblem, Periodic
from problems.families.eigenproblem import Eigenproblem
from problems.operations import NUMPY

CELLS = {1: 2000, 2: 100, 3: 30, 4: 10}
"""Cells per axis where none are given, for each number of axes."""
DEFAULT = "cells per axis; 2000, 100, 30 and 10 in one to four dimensions if none, and 8 in more"
LEAST = 8
"""Cells per axis at least."""
COARSE = 256
"""Unknowns of the grid on which the states are looked for first, by a dense matrix."""
LOWERINGS = 8
"""Shifts that are tried, each four times as far below that grid's lowest state, before the bound on all states is."""


@dataclass(frozen=True)
class SymmetricSystem:
    """The `count` lowest eigenpairs of a symmetric `matrix` (sparse, or an array), none of them below `bound`.

    The eigenvalues wanted are `sign` times those of the matrix. A unit vector times `scale` is a function on the grid
    with √∫ w ψ² = 1.
    """

    matrix: Any
    count: int
    bound: float
    sign: float
    scale: Array
    centres: tuple[Array, ...]
    periods: tuple[float | None, ...]

    @property
    def size(self) -> int:
        """Order of the matrix."""
        return len(self.scale)

    def functions(self, vectors: Array, points: Array) -> Array:
        """Vectors (size, k) at `points`, shape (n, k): cubic between the centres, or entries by their index."""
        if not self.centres:
            return np.asarray(vectors[points[:, 0].astype(int)])
        values = (self.scale[:, None] * vectors).T.reshape(-1, *(len(x) for x in self.centres))
        return np.asarray(interpolate(self.centres, self.periods, values, points).T)


def unsupported(problem: Problem, method: str) -> str | None:
    """Why there is no such system for a problem, in words for a user, or None."""
    if isinstance(problem, MatrixEigenproblem):
        return None
    if not isinstance(problem, Eigenproblem):
        return f"{method} needs an eigenproblem, and this is a problem of the family {problem.family}"
    return half_glued(problem)


def cells_per_axis(problem: Problem, cells: int | None) -> int:
    """Those that were given, or as many as are usual in so many dimensions."""
    return cells or CELLS.get(problem.dimension, LEAST)


def validate(problem: Problem, cells: int | None, solver: str) -> None:
    """Refuse a grid that is too coarse for the states.

    Raises:
        InputError: naming the cells.

    """
    if not isinstance(problem, Eigenproblem):
        return
    per_axis = cells_per_axis(problem, cells)
    unknowns, least = per_axis**problem.dimension, 8 * (problem.states + 2)
    if problem.states >= COARSE // 4:
        raise InputError(f"{solver}: states = {problem.states} of {problem.name}; take fewer than {COARSE // 4}")
    if unknowns < least:
        raise InputError(
            f"{solver}: cells = {per_axis} per axis are {unknowns} unknowns for {problem.states} states; take enough "
            f"cells for {least}"
        )


def discretise(problem: Problem, cells: int | None) -> SymmetricSystem:
    """The system of an eigenproblem on `cells` per axis, or of a matrix as it is."""
    import scipy.sparse

    if isinstance(problem, MatrixEigenproblem):
        matrix = -problem.sign() * problem.matrix()
        spread = np.abs(matrix).sum(axis=1) - np.abs(matrix.diagonal())
        bound = float((matrix.diagonal() - spread).min())
        return SymmetricSystem(matrix, 1, bound, float(-problem.sign()), np.ones(len(matrix)), (), ())
    assert isinstance(problem, Eigenproblem)
    box, count = problem.domain(), cells_per_axis(problem, cells)
    shape = (count,) * box.dimension
    spacing = [length / count for length in box.lengths]
    centres = [a + h * (np.arange(count) + 0.5) for a, h in zip(box.lower, spacing, strict=True)]
    x = np.meshgrid(*centres, indexing="ij")
    reaction = np.broadcast_to(np.asarray(problem.reaction(NUMPY, x), dtype=float), shape)
    weight = np.broadcast_to(np.asarray(problem.weight(NUMPY, x), dtype=float), shape)
    number = np.arange(count**box.dimension).reshape(shape)
    diagonal, entries = reaction.copy(), []

    def couple(one: Any, other: Any, strength: Array) -> None:
        diagonal[one] += strength
        diagonal[other] += strength
        entries.append((number[one].ravel(), number[other].ravel(), -strength.ravel()))

    for axis, h in enumerate(spacing):
        between = list(centres)
        between[axis] = box.lower[axis] + h * np.arange(count + 1)
        faces = np.meshgrid(*between, indexing="ij")
        kappa = np.broadcast_to(np.asarray(problem.diffusivity(NUMPY, faces), dtype=float), faces[0].shape) / h**2

        def along(part: Any, axis: int = axis) -> tuple[Any, ...]:
            return (slice(None),) * axis + (part,)

        couple(along(slice(None, -1)), along(slice(1, None)), kappa[along(slice(1, -1))])
        if isinstance(problem.condition(axis, 0), Periodic):
            couple(along(-1), along(0), kappa[along(0)])
        for end in (0, -1):
            if isinstance(problem.condition(axis, end), Dirichlet):
                diagonal[along(end)] += 2.0 * kappa[along(end)]
    rows, columns, values = (np.concatenate(part) for part in zip(*entries, strict=True))
    scale = 1.0 / np.sqrt(weight.ravel())
    values = values * scale[rows] * scale[columns]
    every = number.ravel()
    matrix = scipy.sparse.csc_matrix(
        (
            np.concatenate([diagonal.ravel() * scale**2, values, values]),
            (np.concatenate([every, rows, columns]), np.concatenate([every, columns, rows])),
        )
    )
    # Gershgorin's circles of the matrix before it was made symmetric, which are far narrower.
    bound = float((reaction / weight).min())
    periods = tuple(
        length if isinstance(problem.condition(axis, 0), Periodic) else None for axis, length in enumerate(box.lengths)
    )
    unit = scale / math.sqrt(math.prod(spacing))
    return SymmetricSystem(matrix, problem.states, bound, 1.0, unit, tuple(centres), periods)


class EigenSession(Session):
    """What every solver of a symmetric system shares; `pairs` is its method."""

    def __init__(self, problem: Problem, cells: int | None, context: Context) -> None:
        self.problem, self.context = problem, context
        self.system = discretise(problem, cells)
        self.generator = np.random.default_rng(context.seed)
        self._values, self._vectors = np.empty(0), np.empty((0, 0))

    def inverse(self) -> tuple[float, Callable[[Array], Array]]:
        """A shift below the lowest eigenvalue of the system, and the product with (matrix − shift)⁻¹, factorised once.

        Of a matrix, the shift is what Gershgorin's circles allow. Of an operator, a coarse grid finds the lowest states
        roughly, and the shift lies as far below the lowest one as the first that is not wanted lies above it. As many
        eigenvalues lie below a shift as pivots of the factorisation are negative (Sylvester's law of inertia): where
        the coarse grid has missed a narrow well, the shift is lowered until there are none.

        Raises:
            Diverged: if no shift is below.

        """
        import scipy.linalg
        import scipy.sparse.linalg

        system = self.system
        if not system.centres:
            shift = system.bound - 1e-3 * (1.0 + abs(system.bound))
            lu = scipy.linalg.lu_factor(system.matrix - shift * np.eye(system.size))
            return shift, lambda v: np.asarray(scipy.linalg.lu_solve(lu, v))
        coarse = discretise(self.problem, int(COARSE ** (1.0 / len(system.centres)))).matrix.toarray()
        rough = scipy.linalg.eigh(coarse, eigvals_only=True, subset_by_index=[0, system.count])
        gap = max(rough[-1] - rough[0], 1e-3 * float(np.abs(rough).max()))
        guesses = [float(rough[0] - gap * 4.0**lowering) for lowering in range(LOWERINGS)]
        identity = scipy.sparse.eye(system.size, format="csc")
        for shift in [*(guess for guess in guesses if guess > system.bound), float(min(system.bound, rough[0]) - gap)]:
            # Without exchanges of rows the factors are those of L D Lᵀ, with D on the diagonal of U; a matrix without
            # negative eigenvalues needs none.
            factors = scipy.sparse.linalg.splu(
                system.matrix - shift * identity,
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
            if np.array_equal(factors.perm_r, factors.perm_c) and (factors.U.diagonal() > 0.0).all():
                return shift, factors.solve
        raise Diverged("no shift below all eigenvalues was found; take other cells")

    @abstractmethod
    def pairs(self) -> tuple[Array, Array]:
        """The lowest eigenvalues of the system, ascending, and their vectors as columns."""

    def solve(self) -> None:
        """Find them."""
        values, self._vectors = self.pairs()
        self._values = self.system.sign * values

    def solution(self, points: Array) -> Array:
        """One column per state."""
        return self.system.functions(self._vectors, points)

    def facts(self) -> Mapping[str, Any]:
        """Size and eigenvalues."""
        facts: dict[str, Any] = {"unknowns": self.system.size, "eigenvalues": self._values}
        if self.system.centres:
            facts["dx"] = max(float(x[1] - x[0]) for x in self.system.centres)
        return facts
