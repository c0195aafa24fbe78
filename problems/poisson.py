"""Poisson's equation:  −Δu = f  on the unit box in d dimensions, with a manufactured solution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Array, Box, Condition, Dirichlet, scattered_points
from problems.operations import Operations
from problems.parameters import parameter


@register
@dataclass(frozen=True)
class Poisson(PDE):
    """−Δu = f on (0, 1)ᵈ with Dirichlet values of the manufactured solution.

    `solution="sines"`: u = Πᵢ sin(πxᵢ), zero on the boundary. `solution="skewed"`: u = e^{s} + s², s = Σᵢ xᵢ/i,
    which has no symmetry and does not vanish on the boundary.
    """

    name = "poisson"
    title = "Poisson's equation on the unit box"
    equation = "−Δu = f"
    citation = "manufactured solutions"

    d: int = parameter(2, "dimension", least=1, most=100)
    solution: str = parameter("sines", "manufactured solution", choices=("sines", "skewed"))

    def domain(self) -> Box:
        """(0, 1)ᵈ."""
        return Box((0.0,) * self.d, (1.0,) * self.d)

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """1."""
        return 1.0

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        """f = −Δu of the manufactured solution."""
        if self.solution == "sines":
            return (self.d * math.pi**2 * self.exact(ops, x, t)[0],)
        weight = sum(1.0 / i**2 for i in range(1, self.d + 1))
        return (-weight * (ops.exp(self._slant(x)) + 2.0),)

    def condition(self, axis: int, side: int) -> Condition:
        """The manufactured solution on every face."""
        return Dirichlet() if self.solution == "sines" else Dirichlet(self.exact)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """The manufactured solution."""
        if self.solution == "sines":
            product = ops.sin(math.pi * x[0])
            for i in range(1, self.d):
                product = product * ops.sin(math.pi * x[i])
            return (product,)
        s = self._slant(x)
        return (ops.exp(s) + s * s,)

    def places(self) -> Array:
        """More points in more dimensions."""
        return scattered_points(1000 * self.d, (0.0,) * self.d, (1.0,) * self.d)

    def _slant(self, x: Sequence[Any]) -> Any:
        s = x[0]
        for i in range(1, self.d):
            s = s + x[i] / (i + 1.0)
        return s
