"""Schnakenberg's reaction between insulated walls:  uₜ = Δu + γ(a − u + u²v),  vₜ = D Δv + γ(b − u²v)  on (0, 1)ᵈ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Array, Box, Condition, Neumann
from problems.operations import Operations
from problems.parameters import parameter
from problems.references.reaction_diffusion import NODES, cosine_modes

STEPS = 40.0
"""Of the reference, in the time 1/γ of the reaction."""


def _insulated(ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
    return 0.0, 0.0


@register
@dataclass(frozen=True)
class ReactionDiffusion(PDE):
    """Turing's instability: the uniform state u = a + b, v = b/(a + b)² is stable until v diffuses faster than u.

    With the usual a = 0.1, b = 0.9 and D = 10, cos kx grows for 0.2 γ < k² < 0.5 γ; γ = 29 admits k = π alone, at a
    rate of 1.6. Half a wave along each axis, of amplitude ε along the first and ε/2 along the second, disturbs u at
    the start.
    """

    name = "reaction-diffusion"
    title = "Reaction and diffusion of two components"
    equation = "uₜ = Δu + γ(a − u + u²v), vₜ = D Δv + γ(b − u²v)"
    citation = "Schnakenberg 1979, J. Theor. Biol. 81; Madzvamuse 2006, J. Comput. Phys. 214"
    reference_kind = "cosine series, ETDRK4 extrapolated, refined"
    components = 2

    d: int = parameter(1, "dimension", least=1, most=2)
    gamma: float = parameter(29.0, "reaction rate γ", least=1.0, most=100.0)
    a: float = parameter(0.1, "supply a of the activator", least=0, most=1)
    b: float = parameter(0.9, "supply b of the inhibitor", above=0, most=2)
    ratio: float = parameter(10.0, "diffusivity D of the inhibitor; that of the activator is 1", least=1, most=40)
    amplitude: float = parameter(0.1, "amplitude ε of the disturbance", above=0, most=0.5)
    T: float = parameter(2.0, "final time", above=0, most=4)

    presets = {"plane": {"d": 2}}

    def domain(self) -> Box:
        """(0, 1)ᵈ."""
        return Box((0.0,) * self.d, (1.0,) * self.d)

    def final_time(self) -> float:
        """T."""
        return self.T

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """1 and D."""
        return (1.0, 0.0), (0.0, self.ratio)

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        """The activator feeds on the inhibitor, and makes more of itself."""
        made = u[0] * u[0] * u[1]
        return self.gamma * (self.a - u[0] + made), self.gamma * (self.b - made)

    def initial(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        """The uniform state, its activator disturbed."""
        total = self.a + self.b
        wave = ops.cos(math.pi * x[0])
        if self.d == 2:
            wave = wave + 0.5 * ops.cos(math.pi * x[1])
        return total + self.amplitude * wave, self.b / total**2 + 0.0 * wave

    def condition(self, axis: int, side: int) -> Condition:
        """No flux through the walls."""
        return Neumann(_insulated)

    def reference(self, points: Array) -> Array:
        """Both components, shape (n, 2)."""
        return cosine_modes(self, points, (1.0, self.ratio), 1.0 / (STEPS * self.gamma))

    def reference_error(self) -> float:
        """The largest changes at the evaluation points from steps and from modes, added.

        A 15th of that when the steps are halved, since the order is 4 at least, and all of that from the last sixth of
        the modes.
        """
        points = self.points()
        found, diffusivities, dt = self.reference(points), (1.0, self.ratio), 1.0 / (STEPS * self.gamma)
        steps = float(abs(found - cosine_modes(self, points, diffusivities, 2.0 * dt)).max()) / 15.0
        return steps + float(abs(found - cosine_modes(self, points, diffusivities, dt, 5 * NODES // 6)).max())
