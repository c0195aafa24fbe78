"""LSODA through scipy's older interface."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from backends import register
from backends.base import Context, Diverged, Session
from backends.initial_value import InitialValueSession, InitialValueSolver
from problems import Problem


@register
@dataclass(frozen=True)
class ScipyOdeint(InitialValueSolver):
    """`scipy.integrate.odeint`: Adams and BDF formulas of variable order (1–12, 1–5), switched by stiffness.

    PDEs go through the method of lines, of second order in dx. The error in time follows `tolerance`; the Jacobian is
    banded on one axis that is not periodic, and dense otherwise: in two dimensions `scipy-ivp:method=BDF`, which gets
    the sparsity, is the better choice. Source: Hindmarsh 1983, ODEPACK; Petzold 1983, SIAM J. Sci. Stat. Comput. 4.
    """

    name = "scipy-odeint"
    title = "odeint (scipy, LSODA)"
    family = "classical"
    libraries = ("scipy", "numba")
    imports = ("scipy.integrate",)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Discretise in space where there is space."""
        return OdeintSession(self.system(problem), self.tolerance)


class OdeintSession(InitialValueSession):
    """One call of odeint."""

    def solve(self) -> None:
        """Integrate to all instants asked for."""
        from scipy.integrate import ODEintWarning, odeint

        system = self._system
        times = system.times
        whole = times if times[0] == system.span[0] else np.concatenate([[system.span[0]], times])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ODEintWarning)  # Its message is in the report that is read below.
            states, report = odeint(
                self.rhs,
                system.start,
                whole,
                tfirst=True,
                rtol=self._tolerance,
                atol=self._tolerance,
                ml=system.bandwidth,
                mu=system.bandwidth,
                mxstep=1_000_000,
                full_output=True,
            )
        if not report["message"].startswith("Integration successful"):
            raise Diverged(f"odeint stopped at t = {report['tcur'].max():g}: {report['message']}")
        self._states = states[-len(times) :]
