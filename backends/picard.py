"""Successive approximation for integral equations of the second kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Diverged, Session
from backends.integrals.discretised import DiscretisedSession, IntegralSolver
from problems import Problem
from problems.families.integral_equation import IntegralEquation
from problems.parameters import parameter

LARGEST = 1e12
"""A change so much larger than the first one is not the beginning of anything that converges."""


@register
@dataclass(frozen=True)
class Picard(IntegralSolver):
    """y ← f + λ ∫ K y, from y = f: the partial sums of the Neumann series, on the nodes of a rule.

    Converges if and only if λ times the spectral radius ρ(K) is below 1, by that factor per iteration, to the solution
    of Nyström's method with the same rule, whose orders it has; one iteration costs 2 n² operations, and no system is
    solved. Source: Atkinson 1997, The Numerical Solution of Integral Equations of the Second Kind, section 1.4.
    """

    name = "picard"
    title = "Successive approximation"
    family = "classical"
    libraries = ("numpy",)

    tolerance: float = parameter(1e-14, "largest change of y in the last iteration, relative to y", above=0, most=0.1)
    iterations: int = parameter(1_000, "iterations at most", least=1)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Nodes and operator."""
        assert isinstance(problem, IntegralEquation)
        return PicardSession(problem, self, context.seed)


class PicardSession(DiscretisedSession):
    """One iteration after the other."""

    def __init__(self, equation: IntegralEquation, solver: Picard, seed: int) -> None:
        super().__init__(equation, solver.rule, seed)
        self._solver, self._operator, self._iterations = solver, self.operator(), 0

    def solve(self) -> None:
        """Until nothing changes.

        Raises:
            Diverged: if changes grow, as they do where λ ρ(K) > 1.

        """
        self._y, self._iterations, first = self._free, 0, 0.0
        while self._iterations < self._solver.iterations:
            self._iterations += 1
            old, self._y = self._y, self._free + self._operator @ self._y
            change = float(np.abs(self._y - old).max())
            first = first or change
            if change <= self._solver.tolerance * float(np.abs(self._y).max()):
                return
            if not change <= LARGEST * first:
                raise Diverged(
                    f"changes had grown {LARGEST:.0e} times by iteration {self._iterations}: λ times the spectral "
                    "radius of the kernel is larger than 1"
                )
        self.outcome = f"y still changed by {change:.1e} in iteration {self._iterations}"

    def facts(self) -> Mapping[str, Any]:
        """Iterations."""
        return {**super().facts(), "tolerance": self._solver.tolerance, "linear_iterations": self._iterations}
