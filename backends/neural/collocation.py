"""Where the residual is sampled: kinds of collocation points that are scattered, and all kinds there are.

They are fixed, drawn anew at each iteration, or renewed at times. Wu, Zhu, Tan, Kartha & Lu 2023 (Comput. Methods
Appl. Mech. Eng. 403, 115671) compare most of them. Those on grids are in `tensor_points.py`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from backends.neural.pointsets import Kind, PointSet, ResidualAt, free_coordinates, matching
from backends.neural.sampling import (
    latin_hypercube,
    near,
    points_generator,
    residual_densities,
    sobol,
    weighted_choice,
)
from backends.neural.tensor_points import Chebyshev, Gauss, Grid, JitteredGrid
from problems.base import Array, scattered_points
from problems.parameters import InputError, parameter

TRAINING_START = 1.0 / math.e
"""Start of the sequence of scattered points, another one than that of evaluation points."""


@dataclass(frozen=True)
class Uniform(Kind):
    """Fresh uniform points at each iteration: `batch` inside, and `batch` for each condition."""

    kind: ClassVar[str] = "uniform"

    batch: int = parameter(512, "points drawn per iteration and region", least=1)

    @property
    def fresh(self) -> bool:
        """They are."""
        return True

    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """`batch` points, shape (batch, k); one where the region is a single point."""
        count = self.batch if free_coordinates(lower, upper) else 1
        base, span = np.tile(lower, (count, 1)), np.tile(upper - lower, (count, 1))
        return PointSet(base, span, np.arange(count), count, "uniform")


@dataclass(frozen=True)
class Paths(Kind):
    """Fresh places of a Brownian motion at uniform times: where a terminal-value problem's solution is followed.

    The motion starts from the middle of the region at its first instant, and spreads along each coordinate to a
    standard deviation of half the region at its last; `batch` places inside, and `batch` for the terminal value.
    """

    kind: ClassVar[str] = "paths"
    integrates: ClassVar[bool] = False

    batch: int = parameter(256, "places drawn per iteration and region", least=1)

    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """`batch` points, shape (batch, k), the last coordinate a time."""
        base, span = 0.5 * (lower + upper), 0.5 * (upper - lower)
        flat = upper[-1] == lower[-1]
        base[-1], span[-1] = lower[-1], upper[-1] - lower[-1]
        rows = np.arange(self.batch)
        tiled = np.tile(base, (self.batch, 1)), np.tile(span, (self.batch, 1))
        return PointSet(*tiled, rows, self.batch, "normal" if flat else "brownian")


@dataclass(frozen=True)
class Scattered(Kind):
    """A fixed low-discrepancy set: `count` points inside, and equally dense ones for each condition."""

    kind: ClassVar[str] = "scattered"

    count: int = parameter(512, "points inside", least=1)

    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """Points of shape (n, k)."""
        count = matching(self.count, lower, upper)
        return PointSet.fixed(scattered_points(count, tuple(lower), tuple(upper), TRAINING_START))


class Sampled(Kind):
    """Points drawn on the host from the case's seed, all at once."""

    @abstractmethod
    def sample(self, lower: Array, upper: Array, generator: np.random.Generator) -> Array:
        """Points (n, k) of a region."""

    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """The points of the case's seed, shape (n, k)."""
        return PointSet.fixed(self.sample(lower, upper, points_generator(seed, *lower, *upper)))

    def renewed(
        self, lower: Array, upper: Array, generator: np.random.Generator, residual_at: ResidualAt | None = None
    ) -> Array:
        """Another sample."""
        return self.sample(lower, upper, generator)


def fill(
    unit: Callable[[int, int, np.random.Generator], Array],
    count: int,
    lower: Array,
    upper: Array,
    generator: np.random.Generator,
) -> Array:
    """`count` points (count, k) of a region from a rule (count, coordinates, generator) for the unit cube.

    The rule sees only the coordinates in which the region is not flat; a single point is repeated.
    """
    points = np.tile(lower, (count, 1))
    free = np.flatnonzero(upper > lower)
    if count and len(free):
        extent = upper[free] - lower[free]
        points[:, free] = np.minimum(lower[free] + unit(count, len(free), generator) * extent, upper[free])
    return points


@dataclass(frozen=True)
class Sobol(Sampled):
    """A scrambled Sobol set: `count` points inside, and equally dense ones for each condition.

    A power of two gives a balanced set. Other numbers are accepted without a warning: they are the beginning of the
    next larger balanced set.
    """

    kind: ClassVar[str] = "sobol"

    count: int = parameter(512, "points inside, best a power of two", least=1)
    every: int = parameter(0, "iterations after which the set is drawn anew; 0 for never", least=0)

    def sample(self, lower: Array, upper: Array, generator: np.random.Generator) -> Array:
        """Points of shape (n, k)."""
        return fill(sobol, matching(self.count, lower, upper), lower, upper, generator)


@dataclass(frozen=True)
class LatinHypercube(Sampled):
    """A Latin hypercube: each of n equal strata of every coordinate holds one of the n points.

    `count` points inside, and equally dense ones for each condition.
    """

    kind: ClassVar[str] = "latin-hypercube"

    count: int = parameter(512, "points inside", least=1)
    every: int = parameter(0, "iterations after which the set is drawn anew; 0 for never", least=0)

    def sample(self, lower: Array, upper: Array, generator: np.random.Generator) -> Array:
        """Points of shape (n, k)."""
        return fill(latin_hypercube, matching(self.count, lower, upper), lower, upper, generator)


@dataclass(frozen=True)
class Adaptive(Sampled):
    """Points that go where the residual is: the residual-based adaptive distribution RAD of Wu et al. 2023.

    Every `every` iterations all `count` points are replaced. A share `kept` of them stays evenly spread, a fresh Sobol
    set, so that nowhere is left empty. The others are drawn from `pool` fresh candidates, without replacement, with
    probabilities in proportion to |r|^power / mean(|r|^power) + offset, where the mean is over the candidates. The
    first set, and those of the conditions, which are equally dense, are Sobol sets.
    """

    kind: ClassVar[str] = "adaptive"
    integrates: ClassVar[bool] = False

    count: int = parameter(512, "points inside", least=1)
    every: int = parameter(1000, "iterations after which points follow the residual anew", least=1)
    pool: int = parameter(8192, "candidates at which the residual is looked at", least=1)
    power: float = parameter(1.0, "power of the residual in the density; more sharpens it", least=0)
    offset: float = parameter(1.0, "what is added to the density everywhere; more flattens it", least=0)
    kept: float = parameter(0.25, "share of points that stay evenly spread", least=0, most=1)

    def __post_init__(self) -> None:
        """Something is to be drawn, and from enough candidates."""
        super().__post_init__()
        drawn = self._drawn(self.count)
        if not drawn:
            raise InputError(
                f"{self.kind}: parameter 'kept' is {self.kept}, which leaves none of {self.count} points to follow the "
                "residual; give a smaller share, or choose the kind 'sobol'"
            )
        if self.pool < drawn:
            raise InputError(
                f"{self.kind}: parameter 'pool' is {self.pool}, but {drawn} points are drawn from it; "
                f"give at least {drawn}, better ten times as many"
            )

    def sample(self, lower: Array, upper: Array, generator: np.random.Generator) -> Array:
        """Evenly spread points, shape (n, k)."""
        return fill(sobol, matching(self.count, lower, upper), lower, upper, generator)

    def renewed(
        self, lower: Array, upper: Array, generator: np.random.Generator, residual_at: ResidualAt | None = None
    ) -> Array:
        """Evenly spread points, then those drawn by the residual; all evenly spread if it is not given."""
        if residual_at is None:
            return self.sample(lower, upper, generator)
        count = matching(self.count, lower, upper)
        drawn = self._drawn(count)
        spread = fill(sobol, count - drawn, lower, upper, generator)
        candidates = fill(sobol, self.pool, lower, upper, generator)
        densities = residual_densities(residual_at(candidates), self.power, self.offset)
        return np.concatenate([spread, candidates[weighted_choice(densities, drawn, generator)]])

    def _drawn(self, count: int) -> int:
        """How many of `count` points follow the residual."""
        return count - round(self.kept * count)


@dataclass(frozen=True)
class Concentrated(Sampled):
    """A Sobol set of which a share lies close to a plane x_axis = centre, for a front whose place is known.

    Whoever uses it tells the method where the solution is steep. That is knowledge about the answer, given at setup,
    which the other kinds do without; a comparison with them has to say so.

    The share's distance from the plane has a normal, Cauchy or triangular profile, cut off at the ends of the region.
    Along the other coordinates, and for the rest of the set, points are spread evenly. Conditions get equally dense
    sets, those of faces that the plane crosses with the same share.
    """

    kind: ClassVar[str] = "concentrated"
    integrates: ClassVar[bool] = False

    count: int = parameter(512, "points inside, best a power of two", least=1)
    axis: int = parameter(0, "coordinate across the plane, counted from 0, time last", least=0)
    centre: float = parameter(0.0, "where the plane is along that coordinate")
    width: float = parameter(
        0.1, "spread over the extent of the coordinate (standard deviation, half-width, half of the base)", above=0
    )
    share: float = parameter(0.5, "share of points close to the plane", least=0, most=1)
    profile: str = parameter("normal", "density across the plane", choices=("normal", "cauchy", "triangular"))
    every: int = parameter(0, "iterations after which the set is drawn anew; 0 for never", least=0)

    def check(self, lower: Array, upper: Array) -> None:
        """The plane goes through the region."""
        if self.axis >= len(lower):
            raise InputError(
                f"{self.kind}: parameter 'axis' is {self.axis}; the problem has {len(lower)} coordinates (time last), "
                f"give at most {len(lower) - 1}"
            )
        low, high = float(lower[self.axis]), float(upper[self.axis])
        if not low <= self.centre <= high:
            raise InputError(
                f"{self.kind}: parameter 'centre' is {self.centre}; coordinate {self.axis} runs from {low:g} to "
                f"{high:g}, give a number between them"
            )

    def sample(self, lower: Array, upper: Array, generator: np.random.Generator) -> Array:
        """Evenly spread points, then those close to the plane, shape (n, k)."""
        count = matching(self.count, lower, upper)
        low, high = float(lower[self.axis]), float(upper[self.axis])
        if not high > low:
            return fill(sobol, count, lower, upper, generator)
        close = round(self.share * count)
        spread = fill(sobol, count - close, lower, upper, generator)
        points = fill(sobol, close, lower, upper, generator)
        unit = (points[:, self.axis] - low) / (high - low)
        points[:, self.axis] = near(self.profile, unit, low, high, self.centre, self.width * (high - low))
        return np.concatenate([spread, points])


@dataclass(frozen=True)
class Normal(Sampled):
    """Normal points around the middle of the region, for a function that vanishes outside a small part of it.

    In many dimensions evenly spread points all lie where such a function is nothing. Whoever uses it tells the method
    how wide the solution is. That is knowledge about the answer, given at setup, and a comparison has to say so. Where
    a loss is an integral, points have weights in proportion to 1/density, of mean 1 over each set (self-normalised
    importance sampling; Owen 2013, Monte Carlo theory, methods and examples, ch. 9). With a width s, an integral of
    functions whose squares are wider than s √2 has no finite variance: a width too small shows as an energy that jumps
    and need not be above the true one, one too large wastes points, by a factor that grows exponentially with the
    number of coordinates.

    By default a scrambled Sobol set, cut off at the ends of the region; with `fresh` independent points, drawn anew at
    each iteration.
    """

    kind: ClassVar[str] = "normal"

    count: int = parameter(2048, "points inside, best a power of two", least=1)
    width: float = parameter(1.0, "standard deviation along every coordinate, in its units", above=0)
    fresh: bool = parameter(False, "draw points anew at each iteration")
    every: int = parameter(0, "iterations after which a set that is not fresh is drawn anew; 0 for never", least=0)

    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """The points of the case's seed, or the noise of which each iteration makes its own, shape (n, k)."""
        if not self.fresh or not free_coordinates(lower, upper):
            return super().within(lower, upper, seed)
        count = matching(self.count, lower, upper)
        base = np.tile(0.5 * (lower + upper), (count, 1))
        return PointSet(base, np.tile(self.width * (upper > lower), (count, 1)), np.arange(count), count, "normal")

    def sample(self, lower: Array, upper: Array, generator: np.random.Generator) -> Array:
        """Points of shape (n, k)."""
        points = fill(sobol, matching(self.count, lower, upper), lower, upper, generator)
        for axis in np.flatnonzero(upper > lower):
            low, high = float(lower[axis]), float(upper[axis])
            unit = (points[:, axis] - low) / (high - low)
            points[:, axis] = near("normal", unit, low, high, 0.5 * (low + high), self.width)
        return points

    def log_density(self, points: Any, lower: Any, upper: Any) -> Any:
        """That of the normal distribution."""
        z = (points - 0.5 * (lower + upper)) / self.width
        return -0.5 * (z * z).sum(1)


Points = (
    Grid
    | JitteredGrid
    | Chebyshev
    | Gauss
    | Uniform
    | Paths
    | Scattered
    | Sobol
    | LatinHypercube
    | Adaptive
    | Concentrated
    | Normal
)
