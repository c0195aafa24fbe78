"""Problems on which finite differences are tried: every kind of face, two and three dimensions, two components."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Box, Condition, Dirichlet, Neumann, Periodic
from problems.operations import Operations
from problems.parameters import parameter


@register
@dataclass(frozen=True)
class Insulated(PDE):
    """uₜ = κ uₓₓ with a given flux on the left and a moving value on the right; exact e^{−κt} cos(x − 0.3)."""

    name = "insulated-rod"
    title = "Rod with a prescribed flux"
    equation = "uₜ = κ uₓₓ"
    citation = "manufactured"

    kappa: float = parameter(0.8, "diffusivity", above=0)

    def domain(self) -> Box:
        return Box((0.0,), (1.0,))

    def final_time(self) -> float:
        return 0.3

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        return self.kappa

    def condition(self, axis: int, side: int) -> Condition:
        return Neumann(self._flux_left) if side == 0 else Dirichlet(self.exact)

    def _flux_left(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        return (self.kappa * ops.exp(-self.kappa * t) * ops.sin(x[0] - 0.3),)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        return (ops.exp(-self.kappa * t) * ops.cos(x[0] - 0.3),)


@register
@dataclass(frozen=True)
class Carried(PDE):
    """uₜ + c uₓ = κ uₓₓ around a ring; exact e^{−κk²t} sin k(x − ct), k = 2π."""

    name = "carried-ring"
    title = "Advection–diffusion around a ring"
    equation = "uₜ + c uₓ = κ uₓₓ"
    citation = "Fourier mode"

    d: int = parameter(1, "dimension; the speed is along the first axis", least=1, most=3)
    speed: float = parameter(1.0, "speed c")
    kappa: float = parameter(0.01, "diffusivity", least=0)
    T: float = parameter(0.5, "final time", above=0)

    def domain(self) -> Box:
        return Box((0.0,) * self.d, (1.0,) * self.d)

    def final_time(self) -> float:
        return self.T

    def condition(self, axis: int, side: int) -> Condition:
        return Periodic()

    def flux(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
        return ((self.speed * u[0], *[0.0] * (self.d - 1)),)

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        return self.kappa

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        k = 2.0 * math.pi
        product = ops.exp(-self.kappa * self.d * k**2 * t) * ops.sin(k * (x[0] - self.speed * t))
        for i in range(1, self.d):
            product = product * ops.cos(k * x[i])
        return (product,)


@register
@dataclass(frozen=True)
class Variable(PDE):
    """uₜ = ∇·(κ(x, u)∇u) + S in d dimensions, κ = 1 + ½x₀ + ¼u²; exact e^{−t} Π sin(xᵢ + i/2)."""

    name = "variable-medium"
    title = "Nonlinear diffusion in an uneven medium"
    equation = "uₜ = ∇·(κ∇u) + S"
    citation = "manufactured"

    d: int = parameter(2, "dimension", least=1, most=3)
    T: float = parameter(0.05, "final time", above=0)

    def domain(self) -> Box:
        return Box((0.0,) * self.d, (1.0,) * self.d)

    def final_time(self) -> float:
        return self.T

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        return 1.0 + 0.5 * x[0] + 0.25 * u[0] * u[0]

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        v = self.exact(ops, x, t)[0]
        slopes = []
        for k in range(self.d):
            slope = ops.exp(-1.0 * t)
            for i in range(self.d):
                slope = slope * (ops.cos if i == k else ops.sin)(x[i] + 0.5 * i)
            slopes.append(slope)
        kappa = 1.0 + 0.5 * x[0] + 0.25 * v * v
        gradient = 0.5 * slopes[0]
        for s in slopes:
            gradient = gradient + 0.5 * v * s * s
        return (-v + self.d * kappa * v - gradient,)

    def condition(self, axis: int, side: int) -> Condition:
        return Dirichlet(self.exact)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        product = ops.exp(-1.0 * t) * ops.sin(x[0] + 0.0)
        for i in range(1, self.d):
            product = product * ops.sin(x[i] + 0.5 * i)
        return (product,)


@register
@dataclass(frozen=True)
class Coupled(PDE):
    """Two components that diffuse into each other and rotate: κ = ((1, ¼), (0, 1)), S = (v + …, −u + …)."""

    name = "coupled-pair"
    title = "Cross-diffusion of two components"
    equation = "uₜ = ∇·(K∇u) + S"
    citation = "manufactured"
    components = 2

    def domain(self) -> Box:
        return Box((0.0,), (math.pi,))

    def final_time(self) -> float:
        return 0.2

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        return ((1.0, 0.25), (0.0, 1.0))

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        # With u = e^{−t} sin x and v = e^{−4t} sin 2x: uₜ = uₓₓ and vₜ = vₓₓ, and ¼ vₓₓ = −v is put back.
        w = ops.exp(-1.0 * t) * ops.sin(x[0])
        return (u[1], w - u[0])

    def condition(self, axis: int, side: int) -> Condition:
        return Dirichlet(self.exact)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        return (ops.exp(-1.0 * t) * ops.sin(x[0]), ops.exp(-4.0 * t) * ops.sin(2.0 * x[0]))
