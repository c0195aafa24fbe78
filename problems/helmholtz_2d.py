"""Helmholtz' equation:  −Δu − k²u = f  on (−1, 1)², values given on the faces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Box, Condition, Dirichlet
from problems.operations import Operations
from problems.parameters import InputError, parameter

RESONANCE = 1e-3
"""Distance of 4k²/π² from an eigenvalue m² + n² below which a wave number is refused."""


@register
@dataclass(frozen=True)
class Helmholtz2D(PDE):
    """−Δu − k²u = f, not definite for k > π/√2, so that neither conjugate gradients nor energies minimise to it.

    `solution="wave"`: u = cos(k (x cos θ + y sin θ) + ½) with θ = 0.4, a plane wave, for which f = 0: the larger k, the
    more nodes per wave a method of low order needs (Babuška & Sauter 1997, SIAM J. Numer. Anal. 34).
    `solution="sines"`: u = sin(πa₁x) sin(πa₂y) whatever k; with a = (1, 4) and k = 1 that of Wang, Teng & Perdikaris.

    Wave numbers at which (−1, 1)² resonates, k² = (m² + n²) π²/4, have no unique solution and are refused.
    """

    name = "helmholtz-2d"
    title = "Helmholtz' equation in the plane"
    equation = "−Δu − k²u = f"
    citation = "manufactured; preset wang-2021: Wang, Teng & Perdikaris 2021, SIAM J. Sci. Comput. 43"

    k: float = parameter(6.0, "wave number k", above=0, most=200)
    solution: str = parameter("wave", "solution", choices=("wave", "sines"))
    a1: int = parameter(1, "half periods a₁ per unit length along x, of the sines", least=1)
    a2: int = parameter(4, "half periods a₂ per unit length along y, of the sines", least=1)

    presets = {"wang-2021": {"k": 1.0, "solution": "sines"}, "short-wave": {"k": 20.0}}

    def __post_init__(self) -> None:
        """Refuse wave numbers at which the square resonates.

        Raises:
            InputError: naming the wave number.

        """
        super().__post_init__()
        wanted = 4.0 * self.k**2 / math.pi**2
        most = math.isqrt(math.ceil(wanted)) + 1
        nearest = min(abs(m * m + n * n - wanted) for m in range(1, most + 1) for n in range(m, most + 1))
        if nearest < RESONANCE:
            raise InputError(
                f"{self.name}: parameter 'k' is {self.k:g}, a wave number at which the square resonates (4k²/π² is a "
                "sum of two squares), so the solution is not unique; take another one"
            )

    def domain(self) -> Box:
        """(−1, 1)²."""
        return Box((-1.0, -1.0), (1.0, 1.0))

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """1."""
        return 1.0

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        """k²u + f."""
        if self.solution == "wave":
            return (self.k**2 * u[0],)
        rest = (self.a1**2 + self.a2**2) * math.pi**2 - self.k**2
        return (self.k**2 * u[0] + rest * self.exact(ops, x, t)[0],)

    def condition(self, axis: int, side: int) -> Condition:
        """The solution on every face."""
        return Dirichlet() if self.solution == "sines" else Dirichlet(self.exact)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """A plane wave, or the product of sines."""
        if self.solution == "wave":
            return (ops.cos(self.k * (math.cos(0.4) * x[0] + math.sin(0.4) * x[1]) + 0.5),)
        return (ops.sin(self.a1 * math.pi * x[0]) * ops.sin(self.a2 * math.pi * x[1]),)
