"""Collocation points on tensor grids: equidistant, jittered, and the nodes of quadrature rules with their weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from backends.neural.pointsets import Kind, PointSet, free_coordinates
from backends.neural.sampling import chebyshev, chebyshev_weights
from problems.base import Array
from problems.parameters import InputError, parameter

MOST = 20_000_000
"""Points of a tensor grid; each takes some hundred bytes and more."""


def per_coordinate(kind: str, counts: tuple[int, ...], coordinates: int) -> tuple[int, ...]:
    """One count for each coordinate; a single one serves all.

    Raises:
        InputError: if there are neither one nor as many as coordinates, or more points than fit anywhere.

    """
    counts = counts * coordinates if len(counts) == 1 else counts
    if len(counts) != coordinates:
        raise InputError(
            f"{kind}: parameter 'counts' is {list(counts)}; the problem has {coordinates} coordinates "
            "(time last), give one number for each, or a single one for all"
        )
    if math.prod(counts) > MOST:
        raise InputError(
            f"{kind}: parameter 'counts' is {list(counts)}, which are {math.prod(counts):.2g} points; give fewer, or "
            "take points.kind=sobol, whose number does not grow with the coordinates"
        )
    return counts


def tensor(axes: Sequence[Array]) -> Array:
    """All combinations (n, k) of the places on k axes, the last one varying fastest."""
    return np.stack([c.ravel() for c in np.meshgrid(*axes, indexing="ij")], axis=1)


def tensor_weights(axes: Sequence[Array]) -> Array:
    """Products (n,) of the weights along k axes, divided by their mean, in the order of `tensor`."""
    weights = tensor(axes).prod(axis=1)
    return np.asarray(weights / weights.mean())


@dataclass(frozen=True)
class Grid(Kind):
    """A uniform tensor grid, boundaries and both ends of the time interval included."""

    kind: ClassVar[str] = "grid"

    counts: tuple[int, ...] = parameter((33,), "nodes per coordinate, time last; one entry serves all", least=2)

    def check(self, lower: Array, upper: Array) -> None:
        """As many counts as coordinates, or a single one."""
        per_coordinate(self.kind, self.counts, len(lower))

    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """All nodes, shape (n, k)."""
        counts = per_coordinate(self.kind, self.counts, len(lower))
        axes = [
            np.linspace(a, b, count) if b > a else np.array([a])
            for a, b, count in zip(lower, upper, counts, strict=True)
        ]
        return PointSet.fixed(tensor(axes))

    def weights(self, lower: Array, upper: Array) -> Array | None:
        """Those of the trapezoidal rule."""
        counts = per_coordinate(self.kind, self.counts, len(lower))
        axes = [np.ones(count if b > a else 1) for a, b, count in zip(lower, upper, counts, strict=True)]
        for along in axes:
            if len(along) > 1:
                along[[0, -1]] = 0.5
        return tensor_weights(axes)

    def spacings(self, lower: Array, upper: Array, count: int) -> Array:
        """That of the nodes, from which noise moves points but for a while."""
        spacings: Array = (upper - lower) / (np.array(per_coordinate(self.kind, self.counts, len(lower))) - 1)
        return spacings


@dataclass(frozen=True)
class JitteredGrid(Grid):
    """A uniform tensor grid whose nodes are displaced by fresh normal noise at each iteration; conditions are not."""

    kind: ClassVar[str] = "jittered-grid"
    integrates: ClassVar[bool] = False

    deviation: float = parameter(0.1, "standard deviation of the displacement, in units of the coordinates", above=0)

    @property
    def fresh(self) -> bool:
        """They are."""
        return True

    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """All nodes, shape (n, k); those of a flat region stay."""
        nodes = super().within(lower, upper)
        if free_coordinates(lower, upper) < len(lower):
            return nodes
        return replace(nodes, span=np.full_like(nodes.base, self.deviation), noise="normal")

    def weights(self, lower: Array, upper: Array) -> None:
        """None that would belong to nodes which have moved, some of them out of the region."""


@dataclass(frozen=True)
class Chebyshev(Kind):
    """A tensor grid of Chebyshev points, which crowd at both ends of every coordinate.

    By default the roots of Chebyshev polynomials (Gauss), all of them inside; with `ends` the extrema (Gauss–Lobatto),
    which include both ends. Trefethen 2000, Spectral Methods in MATLAB, chapters 5 and 6.
    """

    kind: ClassVar[str] = "chebyshev"

    counts: tuple[int, ...] = parameter((33,), "points per coordinate, time last; one entry serves all", least=1)
    ends: bool = parameter(False, "include both ends of every coordinate")

    def __post_init__(self) -> None:
        """Two ends are two points at least."""
        super().__post_init__()
        if self.ends and min(self.counts, default=2) < 2:
            raise InputError(
                f"{self.kind}: parameter 'counts' is {list(self.counts)}, which leaves no room for both ends; "
                "give at least 2 per coordinate, or ends=false"
            )

    def check(self, lower: Array, upper: Array) -> None:
        """As many counts as coordinates, or a single one."""
        per_coordinate(self.kind, self.counts, len(lower))

    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """All points, shape (n, k)."""
        counts = per_coordinate(self.kind, self.counts, len(lower))
        axes = [
            a + chebyshev(count, ends=self.ends) * (b - a) if b > a else np.array([a])
            for a, b, count in zip(lower, upper, counts, strict=True)
        ]
        return PointSet.fixed(np.minimum(tensor(axes), upper))

    def weights(self, lower: Array, upper: Array) -> Array:
        """Those of Fejér's rule, or with `ends` of Clenshaw and Curtis'."""
        counts = per_coordinate(self.kind, self.counts, len(lower))
        return tensor_weights(
            [
                chebyshev_weights(count, ends=self.ends) if b > a else np.ones(1)
                for a, b, count in zip(lower, upper, counts, strict=True)
            ]
        )


@dataclass(frozen=True)
class Gauss(Kind):
    """The nodes of tensor-product Gauss–Legendre quadrature; where a loss is an integral, its weights are used."""

    kind: ClassVar[str] = "gauss"

    counts: tuple[int, ...] = parameter((24,), "nodes per coordinate, time last; one entry serves all", least=1)

    def check(self, lower: Array, upper: Array) -> None:
        """As many counts as coordinates, or a single one."""
        per_coordinate(self.kind, self.counts, len(lower))

    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """All nodes, shape (n, k)."""
        axes = [0.5 * (a + b) + 0.5 * (b - a) * nodes for a, b, (nodes, _) in self._rules(lower, upper)]
        return PointSet.fixed(tensor(axes))

    def weights(self, lower: Array, upper: Array) -> Array:
        """Products of the weights along each coordinate."""
        return tensor_weights([weights for _, _, (_, weights) in self._rules(lower, upper)])

    def _rules(self, lower: Array, upper: Array) -> list[tuple[float, float, tuple[Array, Array]]]:
        counts = per_coordinate(self.kind, self.counts, len(lower))
        return [
            (float(a), float(b), np.polynomial.legendre.leggauss(count if b > a else 1))
            for a, b, count in zip(lower, upper, counts, strict=True)
        ]
