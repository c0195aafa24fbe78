"""Manufactured solutions for tests: convection, fluxes at a boundary, coefficients in time, a coupled system."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Box, Condition, Dirichlet, Neumann
from problems.operations import Operations
from problems.parameters import parameter
from problems.poisson import Poisson

WAVE, SHIFT = 2.0, 0.4


@register
@dataclass(frozen=True)
class Transport(PDE):
    """uₜ + (a (1 + x) u)ₓ = κ (1 + pt) uₓₓ + S on (0, 1) with u = e^{−t} sin(2x + 0.4); S is what is missing."""

    name = "test-transport"
    title = "Manufactured convection and diffusion"
    equation = "uₜ + (a (1 + x) u)ₓ = κ (1 + pt) uₓₓ + S"
    citation = "manufactured"

    speed: float = parameter(0.0, "a")
    kappa: float = parameter(0.5, "κ", above=0)
    pulse: float = parameter(0.0, "p", least=0)
    right: str = parameter("dirichlet", "condition at x = 1", choices=("dirichlet", "neumann"))

    def domain(self) -> Box:
        """(0, 1)."""
        return Box((0.0,), (1.0,))

    def final_time(self) -> float:
        """1."""
        return 1.0

    def flux(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[tuple[Any, ...], ...] | None:
        """The flux a (1 + x) u."""
        return ((self.speed * (1.0 + x[0]) * u[0],),) if self.speed else None

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """κ (1 + pt)."""
        return self.kappa * (1.0 + self.pulse * t) if self.pulse else self.kappa

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        """The residual of the exact solution."""
        (exact,) = self.exact(ops, x, t)
        reaction = self.speed - 1.0 + self.diffusivity(ops, x, t, u) * WAVE**2
        return (reaction * exact + self.speed * (1.0 + x[0]) * self._slope(ops, x, t),)

    def condition(self, axis: int, side: int) -> Condition:
        """Exact values, and the exact flux at x = 1 where asked for."""
        if side == 1 and self.right == "neumann":
            return Neumann(lambda ops, x, t: (self.diffusivity(ops, x, t, ()) * self._slope(ops, x, t),))
        return Dirichlet(self.exact)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """e^{−t} sin(2x + 0.4)."""
        return (ops.exp(-t) * ops.sin(WAVE * x[0] + SHIFT),)

    def _slope(self, ops: Operations, x: Sequence[Any], t: Any) -> Any:
        return WAVE * ops.exp(-t) * ops.cos(WAVE * x[0] + SHIFT)


@register
@dataclass(frozen=True)
class Exchange(PDE):
    """uₜ = κ₁₁Δu + κ₁₂Δw + w − c u³ + S₁,  wₜ = κ₂₁Δu + κ₂₂Δw + S₂ on (0, 1) × (0, 2).

    The solution is u = e^{−t} sin(x + y), w = e^{−2t} cos(x − y).
    """

    name = "test-exchange"
    title = "Manufactured reaction and cross-diffusion"
    equation = "∂ₜ(u, w) = ∇·(κ ∇(u, w)) + (w − c u³, 0) + S"
    citation = "manufactured"
    components = 2

    cubic: float = parameter(0.0, "c", least=0)

    def domain(self) -> Box:
        """(0, 1) × (0, 2)."""
        return Box((0.0, 0.0), (1.0, 2.0))

    def final_time(self) -> float:
        """0.5."""
        return 0.5

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """A full matrix."""
        return ((1.0, 0.3), (0.1, 0.5))

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        """Reaction, and the residual of the exact solution."""
        p, q = self.exact(ops, x, t)
        first = -p + 2.0 * (p + 0.3 * q) - q + self.cubic * p * p * p
        second = -2.0 * q + 2.0 * (0.1 * p + 0.5 * q)
        return first + u[1] - self.cubic * u[0] * u[0] * u[0], second

    def condition(self, axis: int, side: int) -> Condition:
        """Exact values."""
        return Dirichlet(self.exact)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """The two waves."""
        return ops.exp(-t) * ops.sin(x[0] + x[1]), ops.exp(-2.0 * t) * ops.cos(x[0] - x[1])


@register
@dataclass(frozen=True)
class Duffing(PDE):
    """−u'' + u³ = S on (0, 1) with u = 2 + sin πx."""

    name = "test-duffing"
    title = "Manufactured steady nonlinear equation"
    equation = "−u'' + u³ = S"
    citation = "manufactured"

    def domain(self) -> Box:
        """(0, 1)."""
        return Box((0.0,), (1.0,))

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """1."""
        return 1.0

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        """S − u³."""
        (exact,) = self.exact(ops, x, t)
        return (math.pi**2 * (exact - 2.0) + exact**3 - u[0] ** 3,)

    def condition(self, axis: int, side: int) -> Condition:
        """2 at both ends."""
        return Dirichlet(lambda ops, x, t: (2.0,))

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """2 + sin πx."""
        return (2.0 + ops.sin(math.pi * x[0]),)


@register
@dataclass(frozen=True)
class Floating(Poisson):
    """Poisson's equation with fluxes prescribed all around, which has no solution or many."""

    name = "test-floating"

    def condition(self, axis: int, side: int) -> Condition:
        """No flux."""
        return Neumann()


@register
@dataclass(frozen=True)
class Steep(Poisson):
    """−Δu − k²u = f with k² between eigenvalues of −Δ: symmetric, and neither positive nor negative definite."""

    name = "test-steep"

    wave: float = parameter(12.0, "k")

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        """The source f + k²u."""
        (exact,) = self.exact(ops, x, t)
        return (super().source(ops, x, t, u)[0] - self.wave**2 * exact + self.wave**2 * u[0],)
