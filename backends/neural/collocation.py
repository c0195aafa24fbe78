"""Where the residual is sampled: kinds of collocation points, fixed or drawn anew at each iteration.

Every set of points lies in a region lower ≤ (x₀, …, t) ≤ upper; faces and the initial instant are regions that are
flat in one coordinate, so the same rule serves them all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from problems.base import ODE, PDE, Array, scattered_points
from problems.parameters import InputError, Parameterised, parameter

TRAINING_START = 1.0 / math.e
"""Start of the sequence of scattered points, another one than that of evaluation points."""


@dataclass(frozen=True)
class PointSet:
    """Points base + span · noise[rows], base and span (n, k), noise (draws, k) drawn at each iteration.

    `noise` is "uniform" on [0, 1), "normal", or "" for points that stay where they are.
    """

    base: Array
    span: Array
    rows: np.ndarray
    draws: int
    noise: str = ""

    @classmethod
    def fixed(cls, points: Array) -> PointSet:
        """Points that stay where they are."""
        return cls(points, np.zeros_like(points), np.arange(len(points)), len(points))

    def moved(self, base: Array) -> PointSet:
        """The same noise on another base, such as that of the opposite face."""
        return replace(self, base=base)

    def __len__(self) -> int:
        """Number of points."""
        return len(self.base)


def join(groups: Sequence[Sequence[PointSet]]) -> PointSet:
    """All sets in one; those of a group share their noise."""
    rows: list[np.ndarray] = []
    start = 0
    for group in groups:
        rows.extend(start + part.rows for part in group)
        start += group[0].draws
    parts = [part for group in groups for part in group]
    noise = next((part.noise for part in parts if part.noise), "")
    base, span = (np.concatenate([getattr(part, name) for part in parts]) for name in ("base", "span"))
    return PointSet(base, span, np.concatenate(rows), start, noise)


def region(problem: PDE | ODE) -> tuple[Array, Array]:
    """Lower and upper ends (k,) of the coordinates (x₀, …, t) of an equation; t only where there is time."""
    if isinstance(problem, ODE):
        return np.array([problem.start_time()]), np.array([problem.final_time()])
    box, final = problem.domain(), problem.final_time()
    time = () if final is None else (final,)
    return np.array(box.lower + (0.0,) * len(time)), np.array(box.upper + time)


def free_coordinates(lower: Array, upper: Array) -> int:
    """Number of coordinates in which a region is not flat."""
    return int(np.count_nonzero(upper > lower))


@dataclass(frozen=True)
class Grid(Parameterised):
    """A uniform tensor grid, boundaries and both ends of the time interval included."""

    kind: ClassVar[str] = "grid"

    counts: tuple[int, ...] = parameter((33,), "nodes per coordinate, time last; one entry serves all", least=2)

    def within(self, lower: Array, upper: Array) -> PointSet:
        """All nodes, shape (n, k)."""
        axes = [
            np.linspace(a, b, count) if b > a else np.array([a])
            for a, b, count in zip(lower, upper, self._per_coordinate(len(lower)), strict=True)
        ]
        return PointSet.fixed(np.stack([c.ravel() for c in np.meshgrid(*axes, indexing="ij")], axis=1))

    def spacings(self, lower: Array, upper: Array) -> Array:
        """Distance between neighbours per coordinate, shape (k,)."""
        return (upper - lower) / (np.array(self._per_coordinate(len(lower))) - 1)

    def _per_coordinate(self, coordinates: int) -> tuple[int, ...]:
        counts = self.counts * coordinates if len(self.counts) == 1 else self.counts
        if len(counts) != coordinates:
            raise InputError(
                f"{self.kind}: parameter 'counts' is {list(self.counts)}; the problem has {coordinates} coordinates "
                "(time last), give one number for each, or a single one for all"
            )
        return counts


@dataclass(frozen=True)
class JitteredGrid(Grid):
    """A uniform tensor grid whose nodes are displaced by fresh normal noise at each iteration; conditions are not."""

    kind: ClassVar[str] = "jittered-grid"

    deviation: float = parameter(0.1, "standard deviation of the displacement, in units of the coordinates", above=0)

    def within(self, lower: Array, upper: Array) -> PointSet:
        """All nodes, shape (n, k); those of a flat region stay."""
        nodes = super().within(lower, upper)
        if free_coordinates(lower, upper) < len(lower):
            return nodes
        return replace(nodes, span=np.full_like(nodes.base, self.deviation), noise="normal")


@dataclass(frozen=True)
class Uniform(Parameterised):
    """Fresh uniform points at each iteration: `batch` inside, and `batch` for each condition."""

    kind: ClassVar[str] = "uniform"

    batch: int = parameter(512, "points drawn per iteration and region", least=1)

    def within(self, lower: Array, upper: Array) -> PointSet:
        """`batch` points, shape (batch, k); one where the region is a single point."""
        count = self.batch if free_coordinates(lower, upper) else 1
        base, span = np.tile(lower, (count, 1)), np.tile(upper - lower, (count, 1))
        return PointSet(base, span, np.arange(count), count, "uniform")


@dataclass(frozen=True)
class Scattered(Parameterised):
    """A fixed low-discrepancy set: `count` points inside, and equally dense ones for each condition."""

    kind: ClassVar[str] = "scattered"

    count: int = parameter(512, "points inside", least=1)

    def within(self, lower: Array, upper: Array) -> PointSet:
        """Points of shape (n, k)."""
        count = math.ceil(self.count ** (free_coordinates(lower, upper) / len(lower)))
        return PointSet.fixed(scattered_points(count, tuple(lower), tuple(upper), TRAINING_START))


Points = Grid | JitteredGrid | Uniform | Scattered
