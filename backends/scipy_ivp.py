"""Runge–Kutta and multistep methods of scipy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backends import register
from backends.base import Context, Diverged, Session
from backends.differences.memory import sparse_bytes
from backends.initial_value import InitialValueSession, InitialValueSolver, System
from problems import Problem
from problems.base import PDE
from problems.parameters import parameter

IMPLICIT = {"BDF": 4, "Radau": 12}
"""Methods that get the sparsity, and how many times as much as in minimum-degree order their factors take: SuperLU's
own order is made for matrices of any kind, and Radau has a complex matrix beside the real one."""
STATES = {"RK23": 16, "RK45": 19, "DOP853": 28}
"""States that Runge–Kutta methods hold, most of them stages."""


@register
@dataclass(frozen=True)
class ScipyIVP(InitialValueSolver):
    """`scipy.integrate.solve_ivp`; PDEs go through the method of lines, of second order in dx.

    RK23 (Bogacki & Shampine 1989, order 3), RK45 (Dormand & Prince 1980, order 5) and DOP853 (Hairer, Nørsett & Wanner
    1993, order 8) are explicit, for smooth non-stiff problems, and the tighter the tolerance the higher the best order;
    Radau (IIA, order 5, L-stable; Hairer & Wanner 1996) and BDF (orders 1–5) are implicit and get the Jacobian's
    sparsity; LSODA switches between families. The step follows `tolerance`.
    """

    name = "scipy-ivp"
    title = "solve_ivp (scipy)"
    family = "classical"
    libraries = ("scipy", "numba")
    imports = ("scipy.integrate", "scipy.sparse")

    method: str = parameter("DOP853", "integrator", choices=("RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA"))

    @property
    def states(self) -> int:
        """Stages and what is made of them."""
        return STATES.get(self.method, super().states)

    def jacobian_bytes(self, problem: PDE, shape: tuple[int, ...]) -> int:
        """None for explicit methods, sparse factors for those that get the sparsity."""
        if self.method in STATES:
            return 0
        times = IMPLICIT.get(self.method)
        return super().jacobian_bytes(problem, shape) if times is None else times * sparse_bytes(problem, shape)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Discretise in space where there is space."""
        return IVPSession(self.system(problem), self.tolerance, self.method)


class IVPSession(InitialValueSession):
    """One call of solve_ivp."""

    def __init__(self, system: System, tolerance: float, method: str) -> None:
        super().__init__(system, tolerance)
        self._method = method
        self._options: dict[str, Any] = {}
        if method in IMPLICIT:
            self._options["jac_sparsity"] = system.sparsity()
        elif method == "LSODA" and system.bandwidth is not None:
            self._options |= {"lband": system.bandwidth, "uband": system.bandwidth}

    def solve(self) -> None:
        """Integrate, with dense output at the instants asked for."""
        from scipy.integrate import solve_ivp

        system = self._system
        result = solve_ivp(
            self.rhs,
            system.span,
            system.start,
            method=self._method,
            t_eval=system.times,
            rtol=self._tolerance,
            atol=self._tolerance,
            **self._options,
        )
        if not result.success:
            raise Diverged(f"{self._method} stopped at t = {result.t[-1] if len(result.t) else 0:g}: {result.message}")
        self._states = result.y.T
