"""Poisson's equation:  −Δu = f  on the unit box in d dimensions, with a manufactured solution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Array, Box, Condition, Dirichlet, scattered_points
from problems.operations import Operations
from problems.parameters import InputError, parameter

SOLUTIONS = ("sines", "skewed", "sine-sum", "harmonic")


@register
@dataclass(frozen=True)
class Poisson(PDE):
    """−Δu = f on (0, 1)ᵈ with Dirichlet values of the manufactured solution.

    `solution="sines"`: u = Πᵢ sin(πxᵢ), zero on the boundary. `"skewed"`: u = e^{s} + s², s = Σᵢ xᵢ/i, which has no
    symmetry. `"sine-sum"`: u = Σᵢ sin(πxᵢ), which is as large in many dimensions as in few, where a product of sines
    is close to zero nearly everywhere. `"harmonic"`: u = x₁x₂ + x₃x₄ + …, in an even number of dimensions, with f = 0
    (Dangel, Müller & Zeinhofer 2024, Kronecker-factored approximate curvature for physics-informed neural networks).
    The last three do not vanish on the boundary.
    """

    name = "poisson"
    title = "Poisson's equation on the unit box"
    equation = "−Δu = f"
    citation = "manufactured solutions"

    d: int = parameter(2, "dimension", least=1, most=100)
    solution: str = parameter("sines", "manufactured solution", choices=SOLUTIONS)

    def __post_init__(self) -> None:
        """Refuse a sum of products of pairs where an axis is left over.

        Raises:
            InputError: naming the dimension.

        """
        super().__post_init__()
        if self.solution == "harmonic" and self.d % 2:
            raise InputError(
                f"{self.name}: parameter 'd' is {self.d}, and solution = harmonic pairs the axes; give an even number"
            )

    def domain(self) -> Box:
        """(0, 1)ᵈ."""
        return Box((0.0,) * self.d, (1.0,) * self.d)

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """1."""
        return 1.0

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...] | None:
        """f = −Δu of the manufactured solution."""
        if self.solution == "harmonic":
            return None
        if self.solution in ("sines", "sine-sum"):
            waves = self.d if self.solution == "sines" else 1
            return (waves * math.pi**2 * self.exact(ops, x, t)[0],)
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
        if self.solution == "sine-sum":
            return (sum((ops.sin(math.pi * x[i]) for i in range(1, self.d)), ops.sin(math.pi * x[0])),)
        if self.solution == "harmonic":
            return (sum((x[i] * x[i + 1] for i in range(2, self.d, 2)), x[0] * x[1]),)
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
