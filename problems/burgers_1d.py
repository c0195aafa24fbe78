"""Viscous Burgers' equation:  uₜ + (½u²)ₓ = ν uₓₓ  on (−1, 1),  u = 0 at both ends,  u(x, 0) = −sin πx."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Array, Box
from problems.claims import CostClaim
from problems.operations import Operations
from problems.parameters import parameter
from problems.references.burgers import cole_hopf


@register
@dataclass(frozen=True)
class Burgers1D(PDE):
    """uₜ + (½u²)ₓ = ν uₓₓ, a front of width ~4ν at x = 0.

    For the published ν = 0.01/π its slope is steepest, −152.005, at t = 0.5105 (Basdevant et al.).
    """

    name = "burgers-1d"
    title = "Viscous Burgers' equation"
    equation = "uₜ + (½u²)ₓ = ν uₓₓ"
    citation = "Basdevant et al. 1986, Computers & Fluids 14; Raissi, Perdikaris & Karniadakis 2019"
    reference_kind = "Cole–Hopf transform, Gauss–Hermite quadrature"

    claims = {
        "claim/seconds-against-a-minute": CostClaim(
            "S4 (2021)",
            "on convergence",
            "FEniCS solves Burgers' equation on a laptop in seconds, where a network needs a minute or more on a GPU.",
            "fenics",
            1e-3,  # What published networks come to here.
            10.0,
            60.0,
            "cuda",
            chosen=True,
        )
    }

    nu: float = parameter(0.01 / math.pi, "viscosity ν", least=0.002, most=0.1)
    T: float = parameter(1.0, "final time", above=0, most=2)

    def domain(self) -> Box:
        """(−1, 1)."""
        return Box((-1.0,), (1.0,))

    def final_time(self) -> float:
        """T."""
        return self.T

    def flux(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[tuple[Any, ...], ...]:
        """½u²."""
        return ((0.5 * u[0] * u[0],),)

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """ν."""
        return self.nu

    def initial(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        """−sin πx."""
        return (-ops.sin(math.pi * x[0]),)

    def reference(self, points: Array) -> Array:
        """Cole–Hopf solution, shape (n, 1)."""
        return cole_hopf(points[:, 0], points[:, 1], self.nu)[:, None]

    def reference_error(self) -> float:
        """Absolute error of the quadrature, found by refining it at the evaluation points."""
        x, t = self.split(self.points())
        refined = cole_hopf(x[0], t, self.nu, order=360)
        return float(abs(cole_hopf(x[0], t, self.nu) - refined).max())
