"""Time schemes as stages, each of which solves  M (U − ũ)/(γ dt) + r(U, s) + ρ r(u, t) = 0  for a stage value U.

In a diagonally implicit Runge–Kutta method with one γ on its diagonal, ũ = u + Σⱼ (aᵢⱼ/γ) wⱼ over earlier stages,
wⱼ = Uⱼ − ũⱼ, and ρ = 0. Those below are stiffly accurate: the last stage is the new level, so that no derivative of the
state is ever formed and Dirichlet values hold exactly. All stages of a linear equation share one matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """Rows of the tableau up to the diagonal, instants of the stages in units of dt, and ρ."""

    rows: tuple[tuple[float, ...], ...]
    instants: tuple[float, ...]
    rho: float = 0.0

    @property
    def gamma(self) -> float:
        """The diagonal of the tableau."""
        return self.rows[0][0]

    def before(self, stage: int) -> tuple[float, ...]:
        """What earlier stages count for in ũ, aᵢⱼ/γ."""
        return tuple(a / self.gamma for a in self.rows[stage][:-1])


ALEXANDER = 1.0 - 1.0 / math.sqrt(2.0)
SCHEMES = {
    "crank-nicolson": Scheme(((0.5,),), (1.0,), rho=1.0),
    "backward-euler": Scheme(((1.0,),), (1.0,)),
    "sdirk2": Scheme(((ALEXANDER,), (1.0 - ALEXANDER, ALEXANDER)), (ALEXANDER, 1.0)),
    "sdirk4": Scheme(
        (
            (1 / 4,),
            (1 / 2, 1 / 4),
            (17 / 50, -1 / 25, 1 / 4),
            (371 / 1360, -137 / 2720, 15 / 544, 1 / 4),
            (25 / 24, -49 / 48, 125 / 16, -85 / 12, 1 / 4),
        ),
        (1 / 4, 3 / 4, 11 / 20, 1 / 2, 1.0),
    ),
}
"""Crank–Nicolson; Euler; Alexander 1977 (SIAM J. Numer. Anal. 14), eq. for s = 2; Hairer & Wanner 1996, table 6.5."""
