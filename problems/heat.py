"""Heat conduction in an uneven body:  uₜ = ∇·(κ(x) ∇u) + S  on (0, 1)ᵈ, with faces of several kinds."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Box, Condition, Dirichlet, Neumann, Periodic
from problems.operations import Operations
from problems.parameters import parameter

WAVE = 2.0 * math.pi


@register
@dataclass(frozen=True)
class Heat(PDE):
    """uₜ = ∇·(κ ∇u) + S with κ = κ₀ (1 + β sin 2πx₀) and u = e^{−4π²dκ₀t} Πᵢ sin(2πxᵢ + i + ½).

    Without contrast (β = 0) the body is uniform, there is no source, and u is a decaying mode. `walls="mixed"` gives
    the temperature on the lower face of each axis and the heat let in through the upper one, "dirichlet" the
    temperature on all of them, and "periodic" closes the body on itself.
    """

    name = "heat"
    title = "Heat equation in an uneven body"
    equation = "uₜ = ∇·(κ(x)∇u) + S"
    citation = "manufactured solution"

    d: int = parameter(2, "dimension", least=1, most=3)
    kappa: float = parameter(0.05, "mean diffusivity κ₀", above=0)
    contrast: float = parameter(0.5, "relative variation β of the diffusivity along the first axis", least=0, most=0.95)
    walls: str = parameter("mixed", "conditions on the faces", choices=("mixed", "dirichlet", "periodic"))
    T: float = parameter(0.5, "final time", above=0)

    presets = {
        "rod": {"d": 1},
        "cube": {"d": 3},
        "torus": {"walls": "periodic"},
        "uniform": {"walls": "dirichlet", "contrast": 0.0},
    }

    def domain(self) -> Box:
        """(0, 1)ᵈ."""
        return Box((0.0,) * self.d, (1.0,) * self.d)

    def final_time(self) -> float:
        """T."""
        return self.T

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """κ₀ (1 + β sin 2πx₀)."""
        if self.contrast == 0.0:
            return self.kappa
        return self.kappa * (1.0 + self.contrast * ops.sin(WAVE * x[0]))

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...] | None:
        """What the variation of κ would change in the solution, put back."""
        if self.contrast == 0.0:
            return None
        variation = self.kappa * self.contrast * ops.sin(WAVE * x[0])
        slope = WAVE * self.kappa * self.contrast * ops.cos(WAVE * x[0])
        return (variation * WAVE**2 * self.d * self.exact(ops, x, t)[0] - slope * self._slope(ops, x, t, 0),)

    def condition(self, axis: int, side: int) -> Condition:
        """The exact solution, or its flux."""
        if self.walls == "periodic":
            return Periodic()
        if self.walls == "mixed" and side == 1:
            return Neumann(functools.partial(self._inflow, axis))
        return Dirichlet(self.exact)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """The manufactured solution."""
        return (self._product(ops, x, t, None),)

    def _inflow(self, axis: int, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        return (self.diffusivity(ops, x, t, ()) * self._slope(ops, x, t, axis),)

    def _slope(self, ops: Operations, x: Sequence[Any], t: Any, axis: int) -> Any:
        return WAVE * self._product(ops, x, t, axis)

    def _product(self, ops: Operations, x: Sequence[Any], t: Any, turned: int | None) -> Any:
        """The solution with the cosine in place of the sine along the axis `turned`."""
        product = ops.exp(-(WAVE**2) * self.d * self.kappa * t)
        for a in range(self.d):
            product = product * (ops.cos if a == turned else ops.sin)(WAVE * x[a] + (a + 0.5))
        return product
