"""A call on the geometric mean of many assets, by the equation of Black and Scholes:  uₜ + ½σ²Δu − r u = 0."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from problems import register
from problems.base import Array
from problems.families.terminal import Expectation, TerminalValueProblem
from problems.operations import Operations
from problems.parameters import parameter

SPOT = 100.0
"""Today's price of every asset."""


@register
@dataclass(frozen=True)
class BlackScholesND(TerminalValueProblem):
    """What the right to buy the geometric mean of d uncorrelated assets for K at the time T is worth today.

    The unknown is a function of xᵢ = ln(Sᵢ/S₀) + (r − σ²/2)(T − t), the logarithm of the asset's median at the time T,
    which has no drift; at t = T it is that of the price itself. The mean is lognormal with the volatility σ/√d (Kemna &
    Vorst 1990 for means over time), so that the formula of Black and Scholes prices it. With r = σ²/2, as by default,
    K = S₀ is the median of the mean in every dimension: the option ends in the money as often as not, and is worth less
    the more assets there are.
    """

    name = "black-scholes-nd"
    title = "Basket option of Black and Scholes"
    equation = "uₜ + ½σ²Δu − r u = 0"
    citation = "Black & Scholes 1973, J. Polit. Econ. 81; Kemna & Vorst 1990, J. Bank. Finance 14"
    smooth = False

    strike: float = parameter(SPOT, "price K at which may be bought; every asset costs 100 today", above=0)
    rate: float = parameter(0.02, "rate of interest r")
    sigma: float = parameter(0.2, "volatility σ of each asset", above=0)

    def volatility(self) -> float:
        """σ."""
        return self.sigma

    def start(self) -> Array:
        """(r − σ²/2) T along every axis."""
        return np.full(self.d, (self.rate - 0.5 * self.sigma**2) * self.T)

    def terminal(self, ops: Operations, x: Any) -> Any:
        """max(S₀ exp(Σ xᵢ/d) − K, 0)."""
        gain = SPOT * ops.exp(ops.sum(x) / self.d) - self.strike
        return 0.5 * (gain + ops.abs(gain))

    def driver(self, ops: Operations, t: Any, x: Any, u: Any, slope: Any) -> Any:
        """−r u."""
        return -self.rate * u

    def expectation(self) -> Expectation:
        """The mean pay-off, discounted (Feynman & Kac)."""
        return Expectation(self.terminal, lambda mean: math.exp(-self.rate * self.T) * mean)

    def value(self) -> float:
        """The price today, by Black and Scholes' formula with the forward price and the volatility of the mean."""
        deviation = self.sigma * math.sqrt(self.T / self.d)
        forward = SPOT * math.exp(float(self.start()[0]) + 0.5 * deviation**2)
        middle = math.log(forward / self.strike) / deviation
        bought = forward * _normal(middle + 0.5 * deviation) - self.strike * _normal(middle - 0.5 * deviation)
        return math.exp(-self.rate * self.T) * bought


def _normal(x: float) -> float:
    """The distribution function of the standard normal distribution."""
    return 0.5 * math.erfc(-x / math.sqrt(2.0))
