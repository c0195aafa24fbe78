"""The Allen–Cahn equation in many dimensions:  uₜ + Δu + u − u³ = 0,  u(T, x) = 1/(2 + 0.4|x|²)."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.claims import CapacityClaim, GrowthClaim
from problems.families.terminal import TerminalValueProblem
from problems.operations import Operations
from problems.parameters import parameter
from problems.references.radial import radial_value


@register
@dataclass(frozen=True)
class AllenCahnND(TerminalValueProblem):
    """A reaction with the stable states ±1 against diffusion, counted backwards in time from a hill at the origin."""

    name = "allen-cahn-nd"
    title = "Allen–Cahn equation in many dimensions"
    equation = "uₜ + Δu + u − u³ = 0"
    citation = "E, Han & Jentzen 2017, Commun. Math. Stat. 5; Han, Jentzen & E 2018, PNAS 115"
    reference_kind = "radial reduction, Chebyshev collocation, Radau IIA"

    claims = {
        "claim/memory-linear": GrowthClaim(
            "S4 (2021)",
            "on second derivatives",
            "The memory that a Hessian by two backpropagations takes in the loss grows linearly with the dimension. "
            "What passes for linear, an exponent between 0.75 and 1.25, is ours.",
            "nested-reverse",
            "memory",
            1.0,
            0.25,
        ),
        "claim/memory-full": CapacityClaim(
            "S4 (2021)",
            "on second derivatives",
            "With second derivatives in float32, 10 to 20 dimensions use all 32 GB of a Tesla V100. The source names "
            "neither points nor network; that 100 to 100,000 points are in use is ours.",
            "nested-reverse",
            "float32",
            32.0 * 2**30,
            (10, 20),
            (100, 100_000),
        ),
    }

    T: float = parameter(0.3, "final time", above=0)

    def volatility(self) -> float:
        """√2."""
        return math.sqrt(2.0)

    def terminal(self, ops: Operations, x: Any) -> Any:
        """1/(2 + 0.4|x|²)."""
        return 1.0 / (2.0 + 0.4 * ops.dot(x, x))

    def driver(self, ops: Operations, t: Any, x: Any, u: Any, slope: Any) -> Any:
        """u − u³."""
        return u - u * u * u

    def value(self) -> float:
        """u(0, 0)."""
        return _value(self.d, self.T)

    def reference_error(self) -> float:
        """What fewer nodes change."""
        return abs(_value(self.d, self.T) - _value(self.d, self.T, 160))


@functools.cache
def _value(d: int, final_time: float, nodes: int = 200) -> float:
    return radial_value(
        d, math.sqrt(2.0), final_time, lambda s: 1.0 / (2.0 + 0.4 * s), lambda u, square: u - u**3, nodes
    )
