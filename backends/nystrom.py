"""Nyström's method for integral equations of the second kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session
from backends.integrals.discretised import DiscretisedSession, IntegralSolver
from problems import Problem
from problems.families.integral_equation import IntegralEquation
from problems.parameters import parameter

DENSE = 400
"""Nodes up to which a factorisation costs less than the iterations: 10⁷ operations, 10 to 20 products."""
TOLERANCE = 1e-14
KRYLOV = 100
"""Iterations at most; compact operators need some ten to twenty."""


@register
@dataclass(frozen=True)
class Nystrom(IntegralSolver):
    """A rule replaces the integral, its nodes give a linear system, and the rule interpolates between them.

    The error is that of the rule for t ↦ K(x, t) y(t) times the norm of the inverse, so long as 1/λ is not close to the
    spectrum (Nyström 1930; Atkinson 1997, The Numerical Solution of Integral Equations of the Second Kind, ch. 4):

    - `gauss-legendre` converges geometrically for analytic kernels, like ρ^{−2n} where the Bernstein ellipse of sum of
      semi-axes ρ is free of singularities;
    - `trapezoid` and `simpson` have orders 2 and 4 in the spacing, `monte-carlo` (the rule of S3, on one set of random
      points for all x, or the system would not close) order ½ in the number of points;
    - `product` is for singular kernels. Its polynomials of degree r give order r + 1 where the solution is smooth, up
      to 1 − α more for even r. A solution that behaves like a distance to the power β at the ends lowers that to 1 + β
      on equal elements, and a grading of at least (r + 2)/(1 + β) restores it.

    There is no time and no stability limit. Setting up costs n² values of the kernel (16 to 22 of the singular factor
    per element and x for `product`), solving (2/3) n³ operations by LU, or 2 n² for each iteration of GMRES, which are
    few since the operator is compact (Atkinson 1997, ch. 6); each point that is evaluated costs n.
    """

    name = "nystrom"
    title = "Nyström's method"
    family = "classical"
    libraries = ("scipy",)
    imports = ("scipy.sparse.linalg",)

    linear: str = parameter(
        "auto", "solver of the linear system; auto is lu for few nodes", choices=("auto", "lu", "gmres")
    )

    presets = {
        "graded": {"rule": {"kind": "product", "nodes": 129, "degree": 4, "grading": 4.0}},
    }

    def begin(self, problem: Problem, context: Context) -> Session:
        """Nodes and matrix."""
        assert isinstance(problem, IntegralEquation)
        return NystromSession(problem, self, context.seed)


class NystromSession(DiscretisedSession):
    """One linear system."""

    def __init__(self, equation: IntegralEquation, solver: Nystrom, seed: int) -> None:
        super().__init__(equation, solver.rule, seed)
        self._matrix = -self.operator()
        self._matrix.flat[:: len(self._matrix) + 1] += 1.0
        self._direct = solver.linear == "lu" or (solver.linear == "auto" and len(self._free) <= DENSE)
        self._iterations = 0

    def solve(self) -> None:
        """By LU with partial pivoting, or by GMRES without preconditioner to rounding."""
        if self._direct:
            self._y = np.linalg.solve(self._matrix, self._free)
            return
        from scipy.sparse.linalg import gmres

        self._iterations = 0
        self._y, missed = gmres(
            self._matrix,
            self._free,
            rtol=TOLERANCE,
            restart=KRYLOV,
            maxiter=1,
            callback=self._count,
            callback_type="pr_norm",
        )
        if missed:
            residual = np.linalg.norm(self._matrix @ self._y - self._free) / np.linalg.norm(self._free)
            self.outcome = f"GMRES left a relative residual of {residual:.1e} after {self._iterations} iterations"

    def _count(self, residual: float) -> None:
        self._iterations += 1

    def facts(self) -> Mapping[str, Any]:
        """How the system was solved."""
        engine = "dense LU" if self._direct else "GMRES"
        return {**super().facts(), "engine": engine, "linear_iterations": self._iterations}
