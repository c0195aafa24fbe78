"""Advection and diffusion:  uₜ + uₓ = uₓₓ/Pe  on (0, 1), a boundary layer and a pulse that travels towards it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Box, Condition, Dirichlet
from problems.operations import Operations
from problems.parameters import parameter


@register
@dataclass(frozen=True)
class AdvectionDiffusion(PDE):
    """uₜ + uₓ = uₓₓ/Pe, u = (e^{Pe x} − 1)/(e^{Pe} − 1) + a pulse, or the first alone where it is steady.

    The first part rises from 0 to 1 in a layer of width 1/Pe at the outflow, where central differences and elements
    swing as long as their cells are wider than 2/Pe. The pulse is a Gaussian of half-width w at x₀, carried along and
    widened: √(w²/(w² + 4t/Pe)) exp(−(x − x₀ − t)²/(w² + 4t/Pe)).
    """

    name = "advection-diffusion"
    title = "Advection and diffusion with a boundary layer"
    equation = "uₜ + uₓ = uₓₓ/Pe"
    citation = "Roos, Stynes & Tobiska 2008, Robust Numerical Methods for Singularly Perturbed Differential Equations"

    peclet: float = parameter(100.0, "Péclet number Pe", above=0, most=1e5)
    steady_state: bool = parameter(False, "the boundary layer alone, without time")
    width: float = parameter(0.1, "half-width w of the pulse at the start", above=0, most=0.5)
    start: float = parameter(0.25, "place x₀ of the pulse at the start")
    T: float = parameter(0.5, "final time", above=0)

    presets = {"steady": {"steady_state": True}, "layer-1e3": {"steady_state": True, "peclet": 1e3}}

    def domain(self) -> Box:
        """(0, 1)."""
        return Box((0.0,), (1.0,))

    def final_time(self) -> float | None:
        """T, or None for the steady state."""
        return None if self.steady_state else self.T

    def flux(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
        """The unknown itself: the speed is 1."""
        return ((u[0],),)

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """1/Pe."""
        return 1.0 / self.peclet

    def condition(self, axis: int, side: int) -> Condition:
        """The exact solution."""
        return Dirichlet(self.exact)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """Layer and pulse; both in powers that cannot overflow."""
        pe, least = self.peclet, math.exp(-self.peclet)
        layer = (ops.exp(pe * (x[0] - 1.0)) - least) / (1.0 - least)
        if self.steady_state:
            return (layer,)
        spread = self.width**2 + 4.0 / pe * t
        away = x[0] - self.start - t
        return (layer + self.width / ops.sqrt(spread) * ops.exp(-away * away / spread),)
