"""Dense and tridiagonal symmetric eigenvalues by LAPACK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from backends.differences import volumes
from backends.differences.volumes import EigenSession
from problems import Problem
from problems.base import Array, MatrixEigenproblem, Periodic
from problems.families.eigenproblem import Eigenproblem
from problems.parameters import parameter


@register
@dataclass(frozen=True)
class ScipyEigh(Solver):
    """`scipy.linalg.eigh` for one extreme pair of a matrix, `eigh_tridiagonal` for operators on an interval.

    A dense matrix is reduced to a tridiagonal one, (4/3) n³ operations; finite volumes of second order on an interval
    that is not closed give one at once, and then some pairs take O(n). Relatively robust representations (for a
    tridiagonal matrix, bisection and inverse iteration) are backward stable: an eigenvalue of the matrix is wrong by a
    few units of rounding of ‖A‖. Source: Anderson et al. 1999, LAPACK Users' Guide; Dhillon & Parlett 2004.
    """

    name = "scipy-eigh"
    title = "eigh and eigh_tridiagonal (scipy, LAPACK)"
    family = "classical"
    libraries = ("scipy",)
    imports = ("scipy.linalg",)

    cells: int | None = parameter(None, "cells of an interval; 2000 if none, and of no use to a matrix", least=8)

    def unsupported(self, problem: Problem) -> str | None:
        """Symmetric matrices, and eigenproblems of operators whose matrix is tridiagonal."""
        if isinstance(problem, MatrixEigenproblem):
            return None
        if not isinstance(problem, Eigenproblem):
            return f"eigh needs a symmetric matrix, and this is a problem of the family {problem.family}"
        if problem.dimension > 1 or any(isinstance(condition, Periodic) for _, _, condition in problem.faces()):
            return "its matrix is not tridiagonal, and a dense one would be a waste; use scipy-eigsh"
        return None

    def validate(self, problem: Problem) -> None:
        """Refuse grids that are too coarse for the states, or too large."""
        volumes.validate(problem, self.cells, self.name)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Make the matrix."""
        if isinstance(problem, MatrixEigenproblem):
            return EighSession(problem)
        return TridiagonalSession(problem, self.cells, context)


class TridiagonalSession(EigenSession):
    """One call of eigh_tridiagonal."""

    def pairs(self) -> tuple[Array, Array]:
        """The lowest pairs alone."""
        import scipy.linalg

        matrix, wanted = self.system.matrix, (0, self.system.count - 1)
        values, vectors = scipy.linalg.eigh_tridiagonal(
            matrix.diagonal(), matrix.diagonal(1), select="i", select_range=wanted
        )
        return values, vectors


class EighSession(Session):
    """One call of eigh."""

    def __init__(self, problem: MatrixEigenproblem) -> None:
        import scipy.linalg

        self._eigh = scipy.linalg.eigh
        self._matrix = problem.matrix()
        self._index = len(self._matrix) - 1 if problem.sign() > 0 else 0
        self._vector: Array = np.empty(0)

    def solve(self) -> None:
        """The wanted pair alone."""
        self._vector = self._eigh(self._matrix, subset_by_index=[self._index, self._index])[1][:, 0]

    def solution(self, points: Array) -> Array:
        """The vector's entries at the indices in `points`."""
        return self._vector[points[:, 0].astype(int)][:, None]

    def facts(self) -> Mapping[str, Any]:
        """Order of the matrix."""
        return {"unknowns": len(self._matrix)}
