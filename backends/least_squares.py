"""Parameters of an equation by nonlinear least squares around a classical forward solver."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from backends.differences.stencil import refused
from backends.inverse.forward import Collocated, Differences, ForwardMap, LinearMap, SessionMap
from backends.spectral import Spectral
from problems import InputError, Problem
from problems.base import Array
from problems.families.inverse import InverseProblem
from problems.parameters import parameter

DENSE = 1000
"""Unknowns of the forward solver up to which matrices of them are made."""


@register
@dataclass(frozen=True)
class LeastSquares(Solver):
    """The parameters whose forward solution lies next to the observations, by `scipy.optimize.least_squares`.

    Outside, a trust-region Gauss–Newton method with bounds (Branch, Coleman & Li 1999, SIAM J. Sci. Comput. 21), which
    converges fast where the observations are fitted well; some ten forward solutions. Inside, one of two
    discretisations: `space=spectral` is Chebyshev (periodic axes: Fourier) collocation, whose error falls faster than
    any power of `size`; `space=differences` is of second order in 1/`size`. The estimate inherits that order.

    Where the equation is linear, with coefficients constant in time and affine in the parameters, the forward problem
    is assembled once, solved exactly in time by matrix exponentials, unconditionally stably, at O(n³) for n unknowns,
    and its sensitivities are exact. Anything else is solved anew for every trial by `spectral`, with steps `dt` of
    ETDRK4 (order 4), and sensitivities are central differences.

    Standard errors are s √diag (JᵀJ)⁻¹ with s² = Σ r²/(n − p) from the residuals r themselves, so that what the
    discretisation adds to the noise is in them (Seber & Wild 1989, Nonlinear Regression, ch. 2).
    """

    name = "least-squares"
    title = "Least squares around a forward solver (scipy)"
    family = "classical"
    libraries = ("scipy",)
    imports = ("scipy.optimize",)

    space: str = parameter("spectral", "discretisation of the forward problem", choices=("spectral", "differences"))
    size: int = parameter(24, "collocation points, or cells, per axis", least=4, most=2048)
    dt: float | None = parameter(None, "longest time step, where steps are needed; 1/400 of the interval", above=0)
    tolerance: float = parameter(1e-8, "relative change of the parameters at which the search ends", above=0, most=0.1)

    def unsupported(self, problem: Problem) -> str | None:
        """Inverse problems whose equation the chosen discretisation can take."""
        if not isinstance(problem, InverseProblem):
            return f"parameters are sought from observations, and this is a problem of the family {problem.family}"
        equation = problem.forward(problem.truth())
        if self.space == "spectral":
            return Spectral().unsupported(equation)
        if equation.steady:
            return "differences step in time here, and the equation is steady; choose space=spectral"
        return refused(equation, "central")

    def validate(self, problem: Problem) -> None:
        """Refuse matrices that would not fit, and an equation that differences cannot take at this point.

        Raises:
            InputError: naming the parameter, its value and the remedy.

        """
        if not isinstance(problem, InverseProblem) or self.unsupported(problem) is not None:
            return
        equation = problem.forward(problem.truth())
        unknowns = equation.components * self.size**equation.dimension
        if unknowns > DENSE:
            least = int((DENSE / equation.components) ** (1.0 / equation.dimension) + 1e-9)
            raise InputError(
                f"least-squares: size = {self.size} per axis are {unknowns} unknowns, whose matrices would be dense; "
                f"take size ≤ {least}"
            )
        if self.space == "differences":
            self.forward_map(problem)

    def forward_map(self, problem: InverseProblem) -> ForwardMap:
        """What would be observed, as a function of θ.

        Raises:
            InputError: if only steps in time could give it, and space=differences has none.

        """
        kind = Collocated if self.space == "spectral" else Differences
        found = LinearMap.of(problem, lambda equation: kind(equation, self.size))
        if found is not None:
            return found
        if self.space == "differences":
            raise InputError(
                f"least-squares: space = differences needs an equation that is linear, with coefficients constant in "
                f"time and affine in the parameters, and that of {problem.name} is not; take space=spectral"
            )
        return SessionMap(problem, Spectral(nodes=self.size, dt=self.dt))

    def begin(self, problem: Problem, context: Context) -> Session:
        """Everything that does not change with the parameters."""
        assert isinstance(problem, InverseProblem)
        return LeastSquaresSession(self, problem)


class LeastSquaresSession(Session):
    """One search."""

    def __init__(self, solver: LeastSquares, problem: InverseProblem) -> None:
        self._solver, self._problem = solver, problem
        self._map = solver.forward_map(problem)
        self._values = problem.observations()[1].ravel()

    def solve(self) -> None:
        """From the problem's first guess."""
        from scipy.optimize import least_squares

        unknowns, forward = self._problem.unknowns(), self._map
        bounds = [u.lower for u in unknowns], [u.upper for u in unknowns]
        sensitivities = forward.jacobian if isinstance(forward, LinearMap) else "3-point"
        result = least_squares(
            lambda theta: forward(theta) - self._values,
            [u.guess for u in unknowns],
            sensitivities,
            bounds,
            x_scale="jac",
            ftol=None,
            xtol=self._solver.tolerance,
            gtol=None,
        )
        # Parameters whose squared distance is lost in rounding have the same sum of squares; a last step that asks for
        # no descent tells them apart.
        step = np.linalg.lstsq(result.jac, -result.fun, rcond=None)[0]
        self._theta, self._iterations = np.clip(result.x + step, *bounds), result.njev
        if result.status <= 0:
            self.outcome = f"the search did not converge: {result.message}"
        freedom = max(1, len(self._values) - len(self._theta))
        covariance = np.linalg.pinv(result.jac.T @ result.jac)
        self._errors = np.sqrt(2.0 * result.cost / freedom * np.diag(covariance))

    def solution(self, points: Array) -> Array:
        """The parameters at the indices in `points`."""
        return np.asarray(self._theta[points[:, 0].astype(int)][:, None])

    def facts(self) -> Mapping[str, Any]:
        """Size of the forward problem, and what the search took."""
        return {
            **self._map.facts(),
            "iterations": self._iterations,
            "forward_solves": self._map.solves,
            "tolerance": self._solver.tolerance,
            "standard_errors": self._errors,
        }
