"""Extreme eigenpairs by power iteration and inverse iteration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Diverged, Session
from backends.differences import volumes
from backends.differences.eigensolver import VolumeEigensolver
from backends.differences.volumes import EigenSession
from problems import InputError, Problem
from problems.base import Array, MatrixEigenproblem
from problems.parameters import parameter

ROUNDING = 1e-14
"""Part of the largest entry of a matrix below which no residual falls."""


@register
@dataclass(frozen=True)
class PowerIteration(VolumeEigensolver):
    """Simultaneous power iteration on s − A (`shifted`) or (A − s)⁻¹ (`inverse`), with the best pairs of its span.

    For finite volumes of second order, and for matrices. With a shift s on the far side of the spectrum the error of a
    vector falls by the factor (s − λₚ)/(s − λ) per iteration, where λₚ is the first state beyond the `vectors` that are
    iterated together: a matrix with as many products, n² operations each. On operators that factor is 1 − O(h²), so
    only `inverse` is of use, whose shift lies below the spectrum and whose factor (λ − s)/(λₚ − s) does not depend on
    the spacing; an iteration is a solve with a matrix that was factorised once. After each product the vectors are made
    orthonormal and turned into the Ritz vectors of their span, which deflates the lower states from the higher ones.
    Source: Rutishauser 1970, Numer. Math. 16, 205; Golub & Van Loan 2013, 7.3 and 8.2.
    """

    name = "power-iteration"
    title = "Power and inverse iteration"
    imports = ("scipy.sparse.linalg", "scipy.linalg")

    variant: str = parameter("inverse", "what is multiplied by", choices=("inverse", "shifted"))
    vectors: int | None = parameter(
        None, "vectors iterated together; two more than there are states if none, and one for a matrix", least=1
    )
    tolerance: float = parameter(1e-8, "residual ‖A v − λ v‖ of unit vectors at which to stop", above=0)
    iterations: int = parameter(20_000, "iterations at most", least=1)

    def unsupported(self, problem: Problem) -> str | None:
        """Eigenproblems, and matrices."""
        return volumes.unsupported(problem, "power iteration")

    def validate(self, problem: Problem) -> None:
        """Refuse grids that are too coarse, and fewer vectors than states."""
        super().validate(problem)
        wanted = 1 if isinstance(problem, MatrixEigenproblem) else getattr(problem, "states", 1)
        if self.vectors is not None and self.vectors < wanted:
            raise InputError(f"{self.name}: vectors = {self.vectors} for {wanted} states; take at least {wanted}")
        if isinstance(problem, MatrixEigenproblem) and (self.vectors or 1) > problem.dimension:
            raise InputError(
                f"{self.name}: vectors = {self.vectors} of a matrix of order {problem.dimension}; take fewer"
            )

    def vectors_held(self, states: int) -> int:
        """The basis, its product and their turned copies."""
        return 5 * (self.vectors or states + 2)

    @property
    def factorises(self) -> bool:
        """Whether the inverse is what is multiplied by."""
        return self.variant == "inverse"

    def begin(self, problem: Problem, context: Context) -> Session:
        """Assemble; the factorisation is part of solving, as it is for the other methods."""
        return PowerSession(self, problem, context)


class PowerSession(EigenSession):
    """One run from random vectors."""

    def __init__(self, solver: PowerIteration, problem: Problem, context: Context) -> None:
        super().__init__(problem, solver.cells, context)
        self._solver, self._iterations = solver, 0
        self._tolerance = max(solver.tolerance, ROUNDING * float(abs(self.system.matrix).max()))

    def pairs(self) -> tuple[Array, Array]:
        """Until all residuals are small."""
        system, solver, tolerance = self.system, self._solver, self._tolerance
        matrix, count = system.matrix, system.count
        size = solver.vectors or (count + 2 if system.centres else 1)
        if solver.variant == "inverse":
            product = self.inverse()[1]
        else:
            far = float(abs(matrix).sum(axis=1).max())
            product = lambda v: far * v - matrix @ v  # noqa: E731
        basis = np.linalg.qr(self.generator.standard_normal((system.size, size)))[0]
        residual = np.inf
        for self._iterations in range(1, solver.iterations + 1):
            basis = np.linalg.qr(product(basis))[0]
            image = matrix @ basis
            values, turn = np.linalg.eigh(basis.T @ image)
            basis, image = basis @ turn, image @ turn
            residual = float(np.linalg.norm(image - basis * values, axis=0)[:count].max())
            if not np.isfinite(residual):
                raise Diverged(f"the vectors left the range of floating-point numbers at iteration {self._iterations}")
            if residual <= tolerance:
                break
        self.outcome = "" if residual <= tolerance else f"stopped at a residual of {residual:.1e}"
        return values[:count], basis[:, :count]

    def facts(self) -> Mapping[str, Any]:
        """Iterations and the tolerance that was met too."""
        return {**super().facts(), "linear_iterations": self._iterations, "tolerance": self._tolerance}
