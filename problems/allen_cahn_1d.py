"""The Allen–Cahn equation:  uₜ = d uₓₓ + r (u − u³)  on (−1, 1), periodic, u(x, 0) = x² cos πx."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problems import register
from problems.base import PDE, Array, Box, Condition, Periodic
from problems.operations import Operations
from problems.parameters import parameter
from problems.references.allen_cahn import allen_cahn


@register
@dataclass(frozen=True)
class AllenCahn1D(PDE):
    """uₜ = d uₓₓ + r (u − u³): two phases, u = ±1, and layers between them of width about √(8d/r).

    Two settings are in use and not to be mixed up: `d-1e-3` (the test of many adaptive samplings, such as Wu et al.
    2023, and of DeepXDE) and `d-1e-4` (Raissi et al. 2019; Wight & Zhao 2021), whose layers are three times as thin.
    The periodic initial state has a kink at x = ±1, from a slope of −2 to one of 2, which diffusion takes away.
    """

    name = "allen-cahn-1d"
    title = "Allen–Cahn equation"
    equation = "uₜ = d uₓₓ + r(u − u³)"
    citation = "Raissi et al. 2019, J. Comput. Phys. 378, §4.1; Wight & Zhao 2021, Commun. Comput. Phys. 29"
    reference_kind = "Fourier, ETDRK4 extrapolated, refined"

    d: float = parameter(1e-3, "diffusivity d", least=1e-4, most=1.0)
    rate: float = parameter(5.0, "rate r of the reaction", above=0, most=10.0)
    T: float = parameter(1.0, "final time", least=0.1, most=2.0)

    presets = {"d-1e-3": {"d": 1e-3}, "d-1e-4": {"d": 1e-4}}

    def domain(self) -> Box:
        """(−1, 1)."""
        return Box((-1.0,), (1.0,))

    def final_time(self) -> float:
        """T."""
        return self.T

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """The constant d."""
        return self.d

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        """r (u − u³)."""
        return (self.rate * (u[0] - u[0] * u[0] * u[0]),)

    def initial(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        """x² cos πx."""
        return (x[0] * x[0] * ops.cos(math.pi * x[0]),)

    def condition(self, axis: int, side: int) -> Condition:
        """Periodic."""
        return Periodic()

    def reference(self, points: Array) -> Array:
        """Fourier series, and the initial state itself at t = 0; shape (n, 1)."""
        at_start = points[:, 1] == 0.0
        u = allen_cahn(points, self.d, self.rate)
        u[at_start] = points[at_start, :1] ** 2 * np.cos(np.pi * points[at_start, :1])
        return u

    def reference_error(self) -> float:
        """Largest change at the evaluation points from half as many modes and steps; a kink leaves no sure order."""
        points = self.points()
        coarse = allen_cahn(points, self.d, self.rate, coarser=2)
        return float(abs(coarse - self.reference(points)).max())
