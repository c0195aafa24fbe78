"""How a cost grows with the dimension: a fitted exponent with its confidence interval.

The law is  y = a + b dᵖ  with a ≥ 0, or  y = a + b qᵈ  for what multiplies with each dimension, fitted by least squares
in ln y, so that relative deviations count alike. The constant a (parameters, buffers, the launch of a step) would
flatten a line in double logarithmic scales at small d. It may be at most `MOST_CONSTANT` times what grows is at the
largest d: where it comes to that, or where the interval of p has no end or is wider than `WIDEST`, the cost has hardly
grown for its scatter, and no exponent is given. Fewer than `OFFSET_FROM` points cannot tell a constant from an
exponent: they have none.

Intervals come from the profile of the sum of squares S: all p with  S(p) ≤ S(p̂) (1 + F₁,ν(level)/ν),  where ν are the
degrees of freedom that the fit leaves (Bates & Watts 1988, Nonlinear Regression Analysis, section 6.1). They hold for
independent deviations of one size in ln y; a figure is one point however often it was repeated.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from scipy import optimize, stats

from problems.base import Array
from reports.words import factor

LEAST_POINTS = 3
OFFSET_FROM = 5
LEVEL = 0.95
ROUNDING = 1e-3
"""Relative scatter that every figure is taken to have: allocators round, and no law holds to the last digit."""
LEAST_FACTOR = 1.5
"""What multiplies by less with each dimension is no grid, which has two nodes along an axis at least."""
BOUNDS = (-3.0, 8.0)
"""Exponents among which the best one and the ends of its interval are sought."""
LOOSE = 0.25
"""Costs that deviate by more than this from every law, in the root mean square, follow none."""
WIDEST = 1.0
"""Between the ends of the interval of an exponent that is told: a wider one does not tell one power from the next."""
MOST_CONSTANT = 10.0
OFFSETS = np.concatenate([[0.0], np.geomspace(1e-12, MOST_CONSTANT, 53)])
"""Constants a that are tried first, in parts of the largest of what grows."""
Law = Literal["power", "exponential"]


class Least(NamedTuple):
    """The least sum of squares for an exponent, and its constant a in parts of the largest of what grows."""

    squares: float
    offset: float


@dataclass(frozen=True)
class Size:
    """A size that a law gives for a cost, with the standard deviation of its logarithm and its degrees of freedom."""

    value: float
    deviation: float
    freedom: int

    @property
    def room(self) -> float:
        """The factor by which the ends of the interval lie off."""
        return math.exp(float(stats.t.ppf(0.5 + LEVEL / 2, self.freedom)) * self.deviation)

    @property
    def words(self) -> str:
        """The size with its interval."""
        ends = f"{factor(self.value / self.room)} to {factor(self.value * self.room)}"
        return f"{factor(self.value)} ({ends})" if self.room > 1.05 else factor(self.value)

    def probability(self, size: float) -> float:
        """Two-sided p-value of the hypothesis that it is the given one."""
        return float(2.0 * stats.t.sf(abs(math.log(self.value / size)) / self.deviation, self.freedom))


@dataclass(frozen=True, eq=False)
class Growth:
    """y = a + b s dᵖ, or a + b s eᵖᵈ, fitted to `cost` y (n,) at `dimensions` d (n,), with known factors `sizes` s.

    `lower` and `upper` bound the exponent p, infinite where the points do not bound it.
    """

    dimensions: Array
    cost: Array
    sizes: Array
    law: Law
    exponent: float = field(init=False)
    lower: float = field(init=False)
    upper: float = field(init=False)

    def __post_init__(self) -> None:
        """Fit."""
        grid = np.linspace(*BOUNDS, 111)
        near = grid[int(np.argmin([self._coarse(p) for p in grid]))]
        step = grid[1] - grid[0]
        bounds = (max(near - step, BOUNDS[0]), min(near + step, BOUNDS[1]))
        found = optimize.minimize_scalar(self.squares, bounds=bounds, method="bounded", options={"xatol": 1e-6})
        object.__setattr__(self, "exponent", float(found.x))
        object.__setattr__(self, "lower", self._end(BOUNDS[0]))
        object.__setattr__(self, "upper", self._end(BOUNDS[1]))

    @property
    def freedom(self) -> int:
        """Degrees of freedom ν that are left."""
        return len(self.cost) - (3 if self._offsets.size > 1 else 2)

    @property
    def misfit(self) -> float:
        """Root mean square deviation of ln y from the law: a relative error where it is small."""
        return math.sqrt(self._best.squares / len(self.cost))

    @property
    def constant(self) -> float:
        """The part of the cost at the largest dimension that does not grow."""
        return self._best.offset / (1.0 + self._best.offset)

    def squares(self, exponent: float) -> float:
        """S(p): the least sum of squares of the deviations in ln y, over a and b."""
        return self._at(exponent).squares

    def probability(self, exponent: float) -> float:
        """Two-sided p-value of the hypothesis that the exponent is the given one."""
        least = self._floored(self.squares(self.exponent))
        excess = max(self._floored(self.squares(exponent)) - least, 0.0)
        return float(stats.f.sf(excess / (least / self.freedom), 1, self.freedom))

    def size_for(self, cost: float, dimension: float) -> Size | None:
        """The size s at which the cost comes to `cost`; None where that is less than the constant."""
        offset, scale, top = self._scales
        if cost <= scale * offset:
            return None
        size = (cost / scale - offset) / math.exp(self.exponent * self._abscissa(dimension) - top)
        # ln y at the size and dimension asked for, by the linearised law: parameters ln b, p, and a where it is not 0.
        rows = self._gradient(self.dimensions, self.sizes)
        here = self._gradient(np.array([dimension], dtype=float), np.array([size]))[0]
        spread = self._floored(self._best.squares) / self.freedom
        deviation = math.sqrt(spread * float(here @ np.linalg.pinv(rows.T @ rows) @ here))
        return Size(size, deviation, self.freedom)

    @property
    def settled(self) -> bool:
        """Whether the points say how the cost grows: the interval is narrow, and the constant is below its bound."""
        return self.upper - self.lower <= WIDEST and self._best.offset < MOST_CONSTANT * (1.0 - 1e-3)

    @property
    def words(self) -> str:
        """The law with its interval; where that is not settled, by how much the cost has grown."""
        if not self.settled:
            first, last = int(np.argmin(self.dimensions)), int(np.argmax(self.dimensions))
            ratio = float(self.cost[last] / self.cost[first])
            ends = f"from d = {self.dimensions[first]:g} to d = {self.dimensions[last]:g}"
            return f"{factor(ratio)} times {ends}"
        exponents = self.exponent, self.lower, self.upper
        if self.law == "power":
            middle, lower, upper = (f"{round(value, 2) + 0.0:.2f}".replace("-", "−") for value in exponents)
            law = f"d^{middle} ({lower} to {upper})"
        else:
            middle, lower, upper = (f"{math.exp(value):.3g}" for value in exponents)
            law = f"{middle}^d ({lower} to {upper})"
        return f"{law} above a constant {100.0 * self.constant:.0f} %" if self.constant >= 0.5 else law

    @functools.cached_property
    def _best(self) -> Least:
        return self._at(self.exponent)

    @functools.cached_property
    def _scales(self) -> tuple[float, float, float]:
        """Offset a/(b'), factor b' and the largest exponent of what grows: y = b' (offset + s e^{p x − top})."""
        grown = self._grown(self.exponent)
        top = float(grown.max())
        shape = _log_sum(np.array([self._best.offset]), grown - top)[0]
        return self._best.offset, math.exp(float(np.mean(np.log(self.cost) - shape))), top

    @functools.cached_property
    def _offsets(self) -> Array:
        return OFFSETS if len(self.cost) >= OFFSET_FROM else OFFSETS[:1]

    def _abscissa(self, dimensions: float | Array) -> float | Array:
        return np.log(dimensions) if self.law == "power" else dimensions

    def _grown(self, exponent: float) -> Array:
        return np.asarray(exponent * self._abscissa(self.dimensions) + np.log(self.sizes))

    def _deviations(self, exponent: float, offsets: Array) -> Array:
        """Sum of squares for each offset."""
        grown = self._grown(exponent)
        rest = np.log(self.cost) - _log_sum(offsets, grown - grown.max())
        return np.asarray(((rest - rest.mean(axis=1, keepdims=True)) ** 2).sum(axis=1))

    def _coarse(self, exponent: float) -> float:
        return float(self._deviations(exponent, self._offsets).min())

    def _at(self, exponent: float) -> Least:
        values = self._deviations(exponent, self._offsets)
        at = int(np.argmin(values))
        best = Least(float(values[at]), float(self._offsets[at]))
        if len(values) == 1 or at == 0:
            return best
        ends = np.log(self._offsets[max(at - 1, 1)]), np.log(self._offsets[min(at + 1, len(values) - 1)])
        found = optimize.minimize_scalar(
            lambda log: float(self._deviations(exponent, np.exp([log]))[0]), bounds=ends, method="bounded"
        )
        return min(best, Least(float(found.fun), math.exp(found.x)))

    def _floored(self, squares: float) -> float:
        return squares + self.freedom * ROUNDING**2

    def _end(self, bound: float) -> float:
        """Where the profile leaves the interval on the side of `bound`."""

        def outside(exponent: float) -> float:
            return (1.0 - LEVEL) - self.probability(exponent)

        if outside(bound) <= 0.0:
            return math.copysign(math.inf, bound)
        return float(optimize.brentq(outside, self.exponent, bound, xtol=1e-5))

    def _gradient(self, dimensions: Array, sizes: Array) -> Array:
        """Derivatives of ln y with respect to ln b, p and a/b', shape (n, 2 or 3)."""
        offset, _, top = self._scales
        x = np.asarray(self._abscissa(dimensions))
        grown = np.log(sizes) + self.exponent * x - top
        whole = _log_sum(np.array([offset]), grown)[0]
        columns = [np.ones_like(x), np.exp(grown - whole) * x]
        if offset > 0.0:
            columns.append(np.exp(-whole))
        return np.column_stack(columns)


def _log_sum(offsets: Array, grown: Array) -> Array:
    """ln(a + e^g) for each offset a ≥ 0 (m,) and each g (n,), as (m, n): e^g alone may be too small for a number."""
    with np.errstate(divide="ignore"):
        return np.logaddexp(np.log(offsets)[:, None], grown)


def fit(
    dimensions: Sequence[float], cost: Sequence[float], law: Law = "power", sizes: Sequence[float] | None = None
) -> Growth | None:
    """The law fitted to positive costs; None for fewer than `LEAST_POINTS` dimensions."""
    d, y = np.asarray(dimensions, dtype=float), np.asarray(cost, dtype=float)
    s = np.ones_like(d) if sizes is None else np.asarray(sizes, dtype=float)
    known = np.isfinite(y) & (y > 0.0)
    if len(np.unique(d[known])) < LEAST_POINTS:
        return None
    return Growth(d[known], y[known], s[known], law)


def fitted(dimensions: Sequence[float], cost: Sequence[float]) -> Growth | None:
    """The power or the exponential, whichever leaves the smaller deviations; both have as many parameters.

    What each dimension multiplies by less than `LEAST_FACTOR` is no grid's, but a power above a constant.
    """
    power, exponential = (fit(dimensions, cost, law) for law in ("power", "exponential"))
    if power is None or exponential is None:
        return None
    grid = exponential.misfit < power.misfit and math.exp(exponential.exponent) >= LEAST_FACTOR
    return exponential if grid else power
