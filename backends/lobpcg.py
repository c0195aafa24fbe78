"""Lowest eigenpairs by preconditioned conjugate gradients."""

from __future__ import annotations

import math
import warnings
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
from problems.parameters import parameter

DENSE = 5
"""Order of the smallest matrix that has more directions than the method spans."""
REACHED = 1e-10
"""Residual, relative to the largest entry of the matrix, that rounding lets it reach; λ is wrong by its square."""

RESTART = 100
"""Iterations after which the search directions are given up: with a preconditioner it needs some twenty."""


@register
@dataclass(frozen=True)
class Lobpcg(VolumeEigensolver):
    """`scipy.sparse.linalg.lobpcg` (locally optimal block preconditioned conjugate gradients) on finite volumes.

    Second order in the spacing. Each iteration takes the best vectors from the span of the present ones, their
    preconditioned residuals and the last directions: a product, an application of the preconditioner and O(n m²)
    operations for m states. `factorised` preconditions by the inverse of the operator
    shifted below its spectrum, and then the number of iterations does not depend on the spacing; `diagonal` by the
    inverse of its diagonal, with which it grows like 1/h. Matrices are taken as they are, without a preconditioner.
    Source: Knyazev 2001, SIAM J. Sci. Comput. 23, 517.
    """

    name = "lobpcg"
    title = "LOBPCG (scipy)"
    imports = ("scipy.sparse.linalg",)

    preconditioner: str = parameter("factorised", "for operators", choices=("factorised", "diagonal"))
    tolerance: float = parameter(
        1e-8, "residual ‖A v − λ v‖ of unit vectors at which to stop, if rounding lets it be reached", above=0
    )
    iterations: int = parameter(400, "iterations at most", least=1)

    def unsupported(self, problem: Problem) -> str | None:
        """Eigenproblems, and matrices of order five and more."""
        if isinstance(problem, MatrixEigenproblem) and problem.dimension < DENSE:
            return f"a matrix of order {problem.dimension} has no room for the three directions of LOBPCG"
        return volumes.unsupported(problem, "LOBPCG")

    def vectors_held(self, states: int) -> int:
        """States, residuals and directions, and their products with the matrix."""
        return 8 * states

    @property
    def factorises(self) -> bool:
        """Whether the preconditioner is the inverse."""
        return self.preconditioner == "factorised"

    def begin(self, problem: Problem, context: Context) -> Session:
        """Assemble; the preconditioner is made while solving, as factorisations are by the other methods."""
        return LobpcgSession(self, problem, context)


class LobpcgSession(EigenSession):
    """One call of lobpcg."""

    def __init__(self, solver: Lobpcg, problem: Problem, context: Context) -> None:
        super().__init__(problem, solver.cells, context)
        self._solver, self._iterations = solver, 0
        self._tolerance = max(solver.tolerance, REACHED * float(abs(self.system.matrix).max()))

    def pairs(self) -> tuple[Array, Array]:
        """From random vectors, and anew from the best ones where rounding has spoilt the search directions."""
        import scipy.sparse.linalg

        system, limit, preconditioner = self.system, 10.0 * self._tolerance, self._preconditioner()
        vectors = self.generator.standard_normal((system.size, system.count))
        self._iterations, residual = 0, math.inf
        while residual > limit and self._iterations < self._solver.iterations:
            with warnings.catch_warnings():
                # It warns where the tolerance is not met; the outcome says so in the record.
                warnings.simplefilter("ignore", UserWarning)
                values, vectors, history = scipy.sparse.linalg.lobpcg(
                    system.matrix,
                    vectors,
                    M=preconditioner,
                    largest=False,
                    tol=self._tolerance,
                    maxiter=min(RESTART, self._solver.iterations - self._iterations),
                    retResidualNormsHistory=True,
                )
            self._iterations += max(1, len(history) - 1)
            residual = float(np.max(np.linalg.norm(system.matrix @ vectors - vectors * values, axis=0)))
        self.outcome = "" if residual <= limit else f"stopped at a residual of {residual:.1e}"
        order = np.argsort(values)
        return values[order], vectors[:, order]

    def facts(self) -> Mapping[str, Any]:
        """Iterations and the tolerance that was met too."""
        return {**super().facts(), "linear_iterations": self._iterations, "tolerance": self._tolerance}

    def _preconditioner(self) -> Any:
        import scipy.sparse.linalg

        system = self.system
        if not system.centres:
            return None
        if self._solver.preconditioner == "diagonal":
            inverse = 1.0 / (system.matrix.diagonal() - system.bound)[:, None]
            apply = lambda v: inverse * v.reshape(system.size, -1)  # noqa: E731
        else:
            apply = self.inverse()[1]
        return scipy.sparse.linalg.LinearOperator((system.size,) * 2, matvec=apply, matmat=apply, dtype=float)
