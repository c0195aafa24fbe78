"""Lowest eigenpairs by shift-and-invert Lanczos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session
from backends.differences import volumes
from backends.differences.eigensolver import VolumeEigensolver
from backends.differences.volumes import EigenSession
from problems import Problem
from problems.base import Array, MatrixEigenproblem


@register
@dataclass(frozen=True)
class ScipyEigsh(VolumeEigensolver):
    """`scipy.sparse.linalg.eigsh` (ARPACK, implicitly restarted Lanczos) on finite volumes, or on a matrix.

    Second order in the spacing. An operator is shifted to a little below its lowest state, as a coarse grid finds it,
    and factorised (SuperLU); the signs of the pivots prove that no state lies below, or it is done again with a lower
    shift. Then a Lanczos step is one solve, O(n) in one dimension, O(n log n) in two and
    O(n^(2 − 2/d)) in more, and a few dozen of them find some states to rounding whatever the spacing is.
    A matrix is not inverted: its extreme pair is found by products, n² operations each. Source: Lehoucq, Sorensen &
    Yang 1998, ARPACK Users' Guide; Ericsson & Ruhe 1980, Math. Comp. 35.
    """

    name = "scipy-eigsh"
    title = "eigsh (scipy, shift-and-invert Lanczos)"
    imports = ("scipy.sparse.linalg",)

    def unsupported(self, problem: Problem) -> str | None:
        """Eigenproblems, and matrices that are larger than one by one."""
        if isinstance(problem, MatrixEigenproblem) and problem.dimension < 2:
            return "a matrix of order 1 is its own eigenvalue, and Lanczos needs an order larger than its one pair"
        return volumes.unsupported(problem, "eigsh")

    def vectors_held(self, states: int) -> int:
        """Lanczos' vectors, by the default of scipy, and the states."""
        return max(2 * states + 1, 20) + states

    def begin(self, problem: Problem, context: Context) -> Session:
        """Assemble; the factorisation is part of solving, as it is for the other methods."""
        return EigshSession(self, problem, context)


class EigshSession(EigenSession):
    """One call of eigsh."""

    def __init__(self, solver: ScipyEigsh, problem: Problem, context: Context) -> None:
        super().__init__(problem, solver.cells, context)
        self._products = 0

    def pairs(self) -> tuple[Array, Array]:
        """By products with a matrix, or with the inverse of a shifted operator."""
        import scipy.sparse.linalg

        system, self._products = self.system, 0
        shift, product = self.inverse() if system.centres else (None, lambda v: system.matrix @ v)

        def counted(v: Array) -> Array:
            self._products += 1
            return np.asarray(product(v))

        operator = scipy.sparse.linalg.LinearOperator((system.size, system.size), matvec=counted, dtype=float)
        start = self.generator.uniform(0.5, 1.0, system.size)
        values, vectors = (
            scipy.sparse.linalg.eigsh(operator, k=system.count, which="SA", v0=start)
            if shift is None
            else scipy.sparse.linalg.eigsh(system.matrix, k=system.count, sigma=shift, OPinv=operator, v0=start)
        )
        order = np.argsort(values)
        return values[order], vectors[:, order]

    def facts(self) -> Mapping[str, Any]:
        """Products too."""
        return {**super().facts(), "linear_iterations": self._products}
