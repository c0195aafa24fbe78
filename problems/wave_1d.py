"""The wave equation as a first-order system:  uₜ = v,  vₜ = c² uₓₓ  on (0, L),  both zero at the ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Box, Condition, Dirichlet
from problems.operations import Operations
from problems.parameters import parameter


def _at_rest(ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
    return 0.0, 0.0


@register
@dataclass(frozen=True)
class Wave1D(PDE):
    """A string fixed at both ends: displacement u and velocity v, uₜ = v, vₜ = c² uₓₓ, v = 0 at the start.

    The exact solution is a standing wave, u = sin(πx/L) cos(πct/L) + a sin(mπx/L) cos(mπct/L) with the amplitude a and
    the mode m of an overtone. The preset `wang-2022` is the example of Wang, Yu & Perdikaris, on which networks with
    fixed weights of their loss fail.

    Displacement and velocity, and not the two conserved quantities cuₓ and v: both are then known on both faces, the
    second difference of u couples next neighbours, where a central difference of the flux leaves even and odd nodes
    apart, and nothing depends on characteristic fields, which few backends have. The matrix of diffusivities is
    ((0, 0), (c², 0)); it damps nothing. The velocity is larger than the displacement by the factor πc/L (m times that
    for the overtone), and so is its share in the error.
    """

    name = "wave-1d"
    title = "Wave equation, vibrating string"
    equation = "uₜ = v, vₜ = c² uₓₓ"
    citation = "d'Alembert 1747; preset wang-2022: Wang, Yu & Perdikaris 2022, J. Comput. Phys. 449, 110768"
    components = 2

    c: float = parameter(1.0, "speed c", above=0)
    length: float = parameter(1.0, "length L", above=0)
    T: float = parameter(1.0, "final time", above=0)
    overtone: float = parameter(0.0, "amplitude a of the overtone")
    mode: int = parameter(4, "number m of half waves of the overtone", least=2)

    presets = {"wang-2022": {"c": 2.0, "overtone": 0.5, "mode": 4}}

    def domain(self) -> Box:
        """(0, L)."""
        return Box((0.0,), (self.length,))

    def final_time(self) -> float:
        """T."""
        return self.T

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """The velocity is driven by c² uₓₓ."""
        return (0.0, 0.0), (self.c**2, 0.0)

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        """The displacement changes by the velocity."""
        return u[1], 0.0

    def condition(self, axis: int, side: int) -> Condition:
        """The ends rest."""
        return Dirichlet(_at_rest)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """Standing waves, and their velocities."""
        k, w = math.pi / self.length, math.pi * self.c / self.length
        u = ops.sin(k * x[0]) * ops.cos(w * t)
        v = -w * ops.sin(k * x[0]) * ops.sin(w * t)
        if self.overtone:
            m, a = self.mode, self.overtone
            u = u + a * ops.sin(m * k * x[0]) * ops.cos(m * w * t)
            v = v - a * m * w * ops.sin(m * k * x[0]) * ops.sin(m * w * t)
        return u, v
