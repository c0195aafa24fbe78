"""Heat conduction in an uneven body:  uₜ = ∇·(κ(x) ∇u) + S  on (0, 1)ᵈ, with faces of several kinds."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Array, Box, Condition, Dirichlet, Neumann, Periodic, scattered_points
from problems.operations import Operations
from problems.parameters import InputError, parameter

WAVE = 2.0 * math.pi


@register
@dataclass(frozen=True)
class Heat(PDE):
    """uₜ = ∇·(κ ∇u) + S with κ = κ₀ (1 + β sin 2πx₀), on a box with one of two manufactured solutions.

    `solution="product"`: u = e^{−4π²dκ₀t} Πᵢ sin(2πxᵢ + i + ½). Without contrast (β = 0) the body is uniform, there is
    no source, and u is a decaying mode. `"slanted"`: u = e^{−t}/(1 + s) with s = x₀ + x₁/2 + x₂/3 + …, which is no
    product of functions of single coordinates nor a short sum of them, and as large in many dimensions as in few, where
    the other one all but vanishes.

    `walls="mixed"` gives the temperature on the lower face of each axis and the heat let in through the upper one,
    "dirichlet" the temperature on all of them, and "periodic" closes the body on itself.
    """

    name = "heat"
    title = "Heat equation in an uneven body"
    equation = "uₜ = ∇·(κ(x)∇u) + S"
    citation = "manufactured solution"

    d: int = parameter(2, "dimension", least=1, most=100)
    kappa: float = parameter(0.05, "mean diffusivity κ₀", above=0)
    contrast: float = parameter(0.5, "relative variation β of the diffusivity along the first axis", least=0, most=0.95)
    walls: str = parameter("mixed", "conditions on the faces", choices=("mixed", "dirichlet", "periodic"))
    T: float = parameter(0.5, "final time", above=0)
    solution: str = parameter("product", "manufactured solution", choices=("product", "slanted"))

    presets = {
        "rod": {"d": 1},
        "cube": {"d": 3},
        "torus": {"walls": "periodic"},
        "uniform": {"walls": "dirichlet", "contrast": 0.0},
        "slanted": {"walls": "dirichlet", "contrast": 0.0, "solution": "slanted"},
    }

    def __post_init__(self) -> None:
        """Refuse a solution that does not close on itself where the body does.

        Raises:
            InputError: naming the walls.

        """
        super().__post_init__()
        if self.solution == "slanted" and self.walls == "periodic":
            raise InputError(
                f"{self.name}: parameter 'walls' is periodic, and solution = slanted differs from one side to the "
                "other; take walls=dirichlet or walls=mixed"
            )

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
        """uₜ − ∇·(κ∇u) of the manufactured solution."""
        if self.solution == "slanted":
            near = 1.0 / (1.0 + self._slant(x))
            curvature = 2.0 * sum(1.0 / (a + 1.0) ** 2 for a in range(self.d)) * near**2
            rate = -1.0 - self.diffusivity(ops, x, t, u) * curvature
            if self.contrast != 0.0:
                rate = rate + WAVE * self.kappa * self.contrast * ops.cos(WAVE * x[0]) * near
            return (ops.exp(-1.0 * t) * near * rate,)
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
        if self.solution == "slanted":
            return (ops.exp(-1.0 * t) / (1.0 + self._slant(x)),)
        return (self._product(ops, x, t, None),)

    def places(self) -> Array:
        """More points in more than four dimensions."""
        count = max(self.evaluation_count // len(self.times()), 100 * self.d)
        return scattered_points(count, (0.0,) * self.d, (1.0,) * self.d)

    def _inflow(self, axis: int, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        return (self.diffusivity(ops, x, t, ()) * self._slope(ops, x, t, axis),)

    def _slope(self, ops: Operations, x: Sequence[Any], t: Any, axis: int) -> Any:
        if self.solution == "slanted":
            return -1.0 / (axis + 1.0) * ops.exp(-1.0 * t) / (1.0 + self._slant(x)) ** 2
        return WAVE * self._product(ops, x, t, axis)

    def _slant(self, x: Sequence[Any]) -> Any:
        return sum((x[a] / (a + 1.0) for a in range(1, self.d)), x[0])

    def _product(self, ops: Operations, x: Sequence[Any], t: Any, turned: int | None) -> Any:
        """The solution with the cosine in place of the sine along the axis `turned`."""
        product = ops.exp(-(WAVE**2) * self.d * self.kappa * t)
        for a in range(self.d):
            product = product * (ops.cos if a == turned else ops.sin)(WAVE * x[a] + (a + 0.5))
        return product
