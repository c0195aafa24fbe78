"""A Hamilton–Jacobi–Bellman equation of linear-quadratic control:  uₜ + Δu = λ|∇u|²,  u(T, x) = ln(½(1 + |x|²))."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from problems import register
from problems.families.terminal import Expectation, TerminalValueProblem
from problems.operations import Operations
from problems.parameters import parameter
from problems.references.radial import radial_value


@register
@dataclass(frozen=True)
class HJBLQ(TerminalValueProblem):
    """The least expected cost of steering dX = 2 √λ m dt + √2 dW at the price ∫|m|² dt + g(X_T).

    Hopf's and Cole's transformation w = e^{−λu} makes it a heat equation, so that u is the logarithm of a mean.
    """

    name = "hjb-lq"
    title = "Hamilton–Jacobi–Bellman equation"
    equation = "uₜ + Δu = λ|∇u|²"
    citation = "E, Han & Jentzen 2017, Commun. Math. Stat. 5; Han, Jentzen & E 2018, PNAS 115"
    reference_kind = "radial reduction, Chebyshev collocation, Radau IIA"

    strength: float = parameter(1.0, "strength λ of the control", above=0, most=50)

    def volatility(self) -> float:
        """√2."""
        return math.sqrt(2.0)

    def terminal(self, ops: Operations, x: Any) -> Any:
        """ln(½(1 + |x|²))."""
        return ops.log(0.5 * (1.0 + ops.dot(x, x)))

    def driver(self, ops: Operations, t: Any, x: Any, u: Any, slope: Any) -> Any:
        """−λ|∇u|²."""
        return -self.strength * ops.dot(slope, slope)

    def expectation(self) -> Expectation:
        """u = −ln(E[e^{−λ g}])/λ, where e^{−λ g} = (½(1 + |x|²))^{−λ}."""

        def of(ops: Operations, x: Any) -> Any:
            return ops.exp(-self.strength * self.terminal(ops, x))

        return Expectation(of, lambda mean: -math.log(mean) / self.strength)

    def value(self) -> float:
        """u(0, 0)."""
        return _value(self.d, self.T, self.strength)

    def reference_error(self) -> float:
        """What fewer nodes change."""
        return abs(_value(self.d, self.T, self.strength) - _value(self.d, self.T, self.strength, 160))


@functools.cache
def _value(d: int, final_time: float, strength: float, nodes: int = 200) -> float:
    return radial_value(
        d, math.sqrt(2.0), final_time, lambda s: np.log(0.5 * (1.0 + s)), lambda u, square: -strength * square, nodes
    )
