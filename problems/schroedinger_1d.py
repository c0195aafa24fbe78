"""The cubic nonlinear Schrödinger equation:  i hₜ + ½ hₓₓ + |h|² h = 0,  periodic, from h(x, 0) = 2 sech x."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from problems import register
from problems.base import PDE, Array, Box, Condition, Periodic
from problems.operations import Operations
from problems.parameters import parameter
from problems.references.schroedinger import MODES_PER_UNIT, split_step

IMAGES = 3
"""On either side; what the next one would add to the slope at the ends is below 10⁻¹⁴ on (−5, 5)."""
FEWER = 8.0 / 9.0
"""Part of the modes that the reference is compared with."""


@register
@dataclass(frozen=True)
class Schroedinger1D(PDE):
    """i hₜ + ½ hₓₓ + |h|² h = 0 on (−a, a) with h = u + i v: uₜ = −½ vₓₓ − |h|² v, vₜ = ½ uₓₓ + |h|² u.

    The initial state 2 sech x is a bound pair of solitons, which on the whole line returns to its modulus after a time
    of π/2 and is 4 high at half of it (Satsuma & Yajima 1974, Prog. Theor. Phys. Suppl. 55). On the published interval,
    a = 5, it is not small enough at the ends to be periodic: its slope would jump by 0.054 there, and the jump would
    travel, since nothing damps it. The images of 2 sech x from the neighbouring periods are therefore part of the
    initial state, which makes it analytic and differs from the published one by 0.027 at the ends.

    The matrix of diffusivities, ((0, −½), (½, 0)), is antisymmetric: ∫|h|² stays as it is.
    """

    name = "schroedinger-1d"
    title = "Nonlinear Schrödinger equation"
    equation = "i hₜ + ½ hₓₓ + |h|² h = 0"
    citation = "Raissi, Perdikaris & Karniadakis 2019, J. Comput. Phys. 378, §3.1.1"
    reference_kind = "Fourier, split steps of order 4 extrapolated, refined"
    components = 2

    half_width: float = parameter(5.0, "half a of the period", least=4.0, most=40.0)
    T: float = parameter(math.pi / 2.0, "final time", above=0, most=2.0)

    def domain(self) -> Box:
        """(−a, a)."""
        return Box((-self.half_width,), (self.half_width,))

    def final_time(self) -> float:
        """T."""
        return self.T

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """½ hₓₓ turned by a right angle."""
        return (0.0, -0.5), (0.5, 0.0)

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        """|h|² h turned by a right angle."""
        square = u[0] * u[0] + u[1] * u[1]
        return -square * u[1], square * u[0]

    def initial(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        """2 sech x and its images."""
        total = 2.0 / ops.cosh(x[0])
        for k in range(1, IMAGES + 1):
            away = 2.0 * k * self.half_width
            total = total + (2.0 / ops.cosh(x[0] - away) + 2.0 / ops.cosh(x[0] + away))
        return total, 0.0 * x[0]

    def condition(self, axis: int, side: int) -> Condition:
        """Periodic."""
        return Periodic()

    def reference(self, points: Array) -> Array:
        """Real and imaginary part, shape (n, 2)."""
        return split_step(self, points)

    def reference_error(self) -> float:
        """The largest changes at the evaluation points from steps and from modes, added.

        A 15th of that when the steps are halved, since the order is 4 at least, and all of that from the last ninth of
        the modes, which shows what rounding does as well.
        """
        points = self.points()
        found = split_step(self, points)
        steps = float(abs(found - split_step(self, points, coarser=2)).max()) / 15.0
        return steps + float(abs(found - split_step(self, points, modes_per_unit=FEWER * MODES_PER_UNIT)).max())
