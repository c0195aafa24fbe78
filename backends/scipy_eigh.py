"""Dense symmetric eigenvalues by LAPACK."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from problems import Problem
from problems.base import Array, MatrixEigenproblem


@register
@dataclass(frozen=True)
class ScipyEigh(Solver):
    """`scipy.linalg.eigh` for one extreme pair: tridiagonal reduction and relatively robust representations.

    Backward stable: the eigenvalue's error is a few units of rounding of ‖A‖; (4/3) n³ operations. Source: Anderson et
    al. 1999, LAPACK Users' Guide; Dhillon & Parlett 2004.
    """

    name = "scipy-eigh"
    title = "eigh (scipy, LAPACK)"
    family = "classical"
    libraries = ("scipy",)
    imports = ("scipy.linalg",)

    def unsupported(self, problem: Problem) -> str | None:
        """Symmetric matrices only."""
        if isinstance(problem, MatrixEigenproblem):
            return None
        return f"eigh needs a symmetric matrix, and this is a problem of the family {problem.family}"

    def begin(self, problem: Problem, context: Context) -> Session:
        """Make the matrix."""
        assert isinstance(problem, MatrixEigenproblem)
        return EighSession(problem)


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
