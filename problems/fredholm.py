"""Fredholm's integral equation of the second kind:  y(x) = f(x) + λ ∫ₐᵇ K(x, t) y(t) dt  with four kernels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from problems import register
from problems.base import Array, Published
from problems.families.integral_equation import Algebraic, IntegralEquation, Logarithmic, Singularity
from problems.operations import Operations
from problems.parameters import InputError, parameter
from problems.primer import check_nodes
from problems.references.integral_equation import second_kind

DISTANCE, ALPHA = 1.0, 0.5
NYSTROM = "Nyström's method refined to rounding"


@register
@dataclass(frozen=True)
class Fredholm(IntegralEquation):
    """One equation per `kernel`.

    `separable`, S3's example: y = sin x + ∫₀^{π/2} sin x cos t y(t) dt, solved by 2 sin x.

    `love`: y = 1 + (1/π) ∫₋₁¹ d / (d² + (x − t)²) y(t) dt, the charge on two coaxial discs at opposite potentials, d
    radii apart (Love 1949). Smooth and not separable; its poles at t = x ± id make it harder as d becomes small. There
    is no closed form.

    `algebraic` and `logarithmic`: y = f + λ ∫₋₁¹ p(|x − t|) y(t) dt with p = |x − t|^{−α}, λ = (1 − α)/4, and with
    p = log |x − t|, λ = 1/4; both operators then have norms of one half or less in L∞. f is manufactured from a
    solution whose slope is unbounded at both ends, as for such kernels it is even where f is smooth (Atkinson 1997,
    The Numerical Solution of Integral Equations of the Second Kind, section 4.2):

        ∫₋₁¹ |x − t|^{−α} (1 − t²)^{(1+α)/2} dt = π (1 + α) / (2 cos(πα/2)) · (1 − α x²),
        ∫₋₁¹ log|x − t| (1 − t²)^{1/2} dt = (π/4) (2x² − 1) − (π/2) log 2,

    the first from Gegenbauer polynomials of index α/2 of degree 0 and 2 (Popov 1963), its limit from Chebyshev's.

    `nodes` > 0 judges the solution as S3 does: at as many equidistant points, both ends of the interval included.
    """

    name = "fredholm"
    title = "Fredholm's equation of the second kind"
    equation = "y(x) = f(x) + λ ∫ K(x, t) y(t) dt"
    citation = "S3: arXiv 2408.11266, eq. 31; Love 1949, Q. J. Mech. Appl. Math. 2; manufactured solutions"
    reference_kind = f"exact; for love, {NYSTROM}"

    kernel: str = parameter("separable", "K", choices=("separable", "love", "algebraic", "logarithmic"))
    distance: float = parameter(DISTANCE, "distance d of the discs for love, in radii", least=0.1)
    alpha: float = parameter(ALPHA, "exponent α for algebraic", above=0, most=0.9)
    nodes: int = parameter(0, "points of S3's evaluation grid; 0 for scattered ones", least=0)

    presets = {
        "s3": {"kernel": "separable"},
        "s3-grid": {"kernel": "separable", "nodes": 50},
        "love": {"kernel": "love"},
        "algebraic": {"kernel": "algebraic"},
        "logarithmic": {"kernel": "logarithmic"},
    }
    published = {
        "primer/fredholm/mean": Published(
            "S3 (arXiv 2408.11266v1)",
            "Fredholm example",
            "mean_abs",
            0.0134,
            None,
            "Judged there at 50 nodes, as fredholm@s3-grid is.",
        )
    }

    def __post_init__(self) -> None:
        """Refuse parameters that would not be used, and an evaluation grid of a single node.

        Raises:
            InputError: naming them.

        """
        super().__post_init__()
        for name, value, default, kernel in (
            ("distance", self.distance, DISTANCE, "love"),
            ("alpha", self.alpha, ALPHA, "algebraic"),
        ):
            if value != default and self.kernel != kernel:
                raise InputError(
                    f"{self.name}: parameter {name!r} is {value:g}, and kernel = {self.kernel} has none; "
                    f"leave it out, or set kernel={kernel}"
                )
        check_nodes(self.name, self.nodes)

    def interval(self) -> tuple[float, float]:
        """(0, π/2) for S3's kernel, else (−1, 1)."""
        return (0.0, math.pi / 2.0) if self.kernel == "separable" else (-1.0, 1.0)

    def multiplier(self) -> float:
        """λ."""
        return {
            "separable": 1.0,
            "love": 1.0 / math.pi,
            "algebraic": (1.0 - self.alpha) / 4.0,
            "logarithmic": 0.25,
        }[self.kernel]

    def free_term(self, ops: Operations, x: Any) -> Any:
        """f."""
        if self.kernel == "separable":
            return ops.sin(x)
        if self.kernel == "love":
            return 1.0
        if self.kernel == "algebraic":
            scale = math.pi * (1.0 + self.alpha) / (2.0 * math.cos(math.pi * self.alpha / 2.0))
            integral = scale * (1.0 - self.alpha * x * x)
        else:
            integral = math.pi / 4.0 * (2.0 * x * x - 1.0) - math.pi / 2.0 * math.log(2.0)
        return self.exact(ops, x) - self.multiplier() * integral

    def smooth_factor(self, ops: Operations, x: Any, t: Any) -> Any:
        """K without |x − t|^{−α} or log |x − t|."""
        if self.kernel == "separable":
            return ops.sin(x) * ops.cos(t)
        if self.kernel == "love":
            return self.distance / (self.distance**2 + (x - t) * (x - t))
        return 1.0

    def singularity(self) -> Singularity | None:
        """|x − t|^{−α}, log |x − t|, or none."""
        if self.kernel == "algebraic":
            return Algebraic(self.alpha)
        return Logarithmic() if self.kernel == "logarithmic" else None

    def exact(self, ops: Operations, x: Any) -> Any:
        """The solution where it is known."""
        if self.kernel == "separable":
            return 2.0 * ops.sin(x)
        if self.kernel == "love":
            return super().exact(ops, x)
        # As a product, since 1 − x² has no digits left where x is close to an end.
        return ((1.0 - x) * (1.0 + x)) ** ((1.0 + self.alpha) / 2.0 if self.kernel == "algebraic" else 0.5)

    def points(self) -> Array:
        """S3's points where asked for, else those of every integral equation."""
        return np.linspace(*self.interval(), self.nodes)[:, None] if self.nodes else super().points()

    def reference(self, points: Array) -> Array:
        """The exact solution, or that of Love's equation by a refined method."""
        if self.kernel != "love":
            return super().reference(points)
        return second_kind(self, points[:, 0], self._order())[:, None]

    def reference_method(self) -> str:
        """The refined method for Love's kernel; closed forms for the others."""
        return NYSTROM if self.kernel == "love" else "exact"

    def reference_error(self) -> float:
        """Absolute error of the computed reference, found by refining it at the evaluation points."""
        if self.kernel != "love":
            return 0.0
        x = self.points()[:, 0]
        return float(abs(second_kind(self, x, self._order()) - second_kind(self, x, 2 * self._order())).max())

    def _order(self) -> int:
        """Gauss points with which (d + √(1 + d²))^{−2·order} is rounding: the kernel's poles are at t = x ± id."""
        return 12 + math.ceil(18.0 / math.asinh(self.distance))
