"""What all solvers of the discretised equation  y(tᵢ) = f(tᵢ) + λ Σⱼ Wⱼ(tᵢ) y(tⱼ)  share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.base import Session, Solver
from backends.integrals.rules import GaussLegendre, Rule, Rules
from problems import Problem
from problems.base import Array
from problems.families.integral_equation import IntegralEquation
from problems.operations import NUMPY
from problems.parameters import parameter


@dataclass(frozen=True)
class IntegralSolver(Solver):
    """The rule for the integral."""

    rule: Rules = parameter(GaussLegendre(), "rule for the integral")

    def unsupported(self, problem: Problem) -> str | None:
        """Integral equations whose kernel the rule can take."""
        if not isinstance(problem, IntegralEquation):
            return f"an integral equation is needed, and this is a problem of the family {problem.family}"
        return self.rule.refused(problem)


class DiscretisedSession(Session):
    """The operator y → λ ∫ K y on the nodes, and Nyström's interpolation of what a subclass solves for."""

    def __init__(self, equation: IntegralEquation, rule: Rule, seed: int) -> None:
        self._equation, self._rule = equation, rule
        self._quadrature = rule.on(equation, seed)
        self._free = self._y = self._free_term(self._quadrature.nodes)

    def operator(self) -> Array:
        """λ W at the nodes, shape (n, n)."""
        return self._images(self._quadrature.nodes)

    @abstractmethod
    def solve(self) -> None:
        """Set `_y`, the values (n,) at the nodes."""

    def solution(self, points: Array) -> Array:
        """f(x) + λ Σⱼ Wⱼ(x) y(tⱼ), as accurate as the values at the nodes (Nyström 1930)."""
        x = points[:, 0]
        return (self._free_term(x) + self._images(x) @ self._y)[:, None]

    def facts(self) -> Mapping[str, Any]:
        """Number of nodes, and their spacing."""
        return {"unknowns": len(self._free), "dx": self._quadrature.spacing}

    def _images(self, x: Array) -> Array:
        return self._equation.multiplier() * self._quadrature.integrals(x)

    def _free_term(self, x: Array) -> Array:
        return np.zeros(len(x)) + self._equation.free_term(NUMPY, x)
