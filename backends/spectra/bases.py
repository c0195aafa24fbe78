"""Collocation bases on an interval: nodes, differentiation and interpolation matrices."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from problems.base import Array


@dataclass(frozen=True)
class Crowding:
    """x = β + tan(λ(s − s₀))/α between [−1, 1] and itself: nodes crowd within 1/α of the front β.

    Bayliss & Turkel 1992, J. Comput. Phys. 101. `lower` and `length` are those of the interval that x and s stand for.
    """

    lower: float
    length: float
    front: float
    sharpness: float

    def out(self, s: Array) -> tuple[Array, Array]:
        """x and dx/ds at s, all in coordinates of the interval."""
        beta, centre, rate = self._constants()
        angle = rate * (self._unit(s) - centre)
        x = beta + np.tan(angle) / self.sharpness
        return self.lower + self.length * (x + 1.0) / 2.0, rate / self.sharpness / np.cos(angle) ** 2

    def back(self, x: Array) -> Array:
        """s at x."""
        beta, centre, rate = self._constants()
        s = centre + np.arctan(self.sharpness * (self._unit(x) - beta)) / rate
        return self.lower + self.length * (s + 1.0) / 2.0

    def _unit(self, x: Array) -> Array:
        return np.asarray(2.0 * (x - self.lower) / self.length - 1.0)

    def _constants(self) -> tuple[float, float, float]:
        beta = 2.0 * (self.front - self.lower) / self.length - 1.0
        left, right = (float(np.arctan(self.sharpness * (1.0 + side * beta))) for side in (1, -1))
        return beta, (left - right) / (left + right), (left + right) / 2.0


@dataclass(frozen=True)
class Basis:
    """Global interpolation on `nodes` (n,), ascending; `slope` (n, n) differentiates the interpolant at the nodes."""

    nodes: Array
    slope: Array
    length: float
    periodic: bool
    crowding: Crowding | None = None

    @classmethod
    def chebyshev(cls, lower: float, upper: float, count: int) -> Basis:
        """Polynomials on the `count` Chebyshev points with both ends (Trefethen 2000, ch. 6).

        Differences of nodes come from a product of sines and diagonal entries from the row sums, which keeps rounding
        down (Baltensperger & Trummer 2003, SIAM J. Sci. Comput. 24).
        """
        angles = np.pi * np.arange(count) / (count - 1)
        half = (upper - lower) / 2.0
        plus, minus = angles[:, None] + angles, angles[:, None] - angles
        difference = 2.0 * half * np.sin(plus / 2.0) * np.sin(minus / 2.0)
        weights = _barycentric_weights(count)
        np.fill_diagonal(difference, 1.0)
        slope = weights / weights[:, None] / difference
        np.fill_diagonal(slope, 0.0)
        np.fill_diagonal(slope, -slope.sum(axis=1))
        # sin², since 1 − cos loses the digits of the nodes near the ends.
        nodes = lower + 2.0 * half * np.sin(angles / 2.0) ** 2
        nodes[-1] = upper
        return cls(nodes, slope, upper - lower, periodic=False)

    def crowded(self, front: float, sharpness: float) -> Basis:
        """Polynomials in s(x) instead of x (see `Crowding`)."""
        lower, upper = float(self.nodes[0]), float(self.nodes[-1])
        crowding = Crowding(lower, self.length, front, sharpness)
        nodes, stretch = crowding.out(self.nodes)
        nodes[[0, -1]] = lower, upper
        return replace(self, nodes=nodes, slope=self.slope / stretch[:, None], crowding=crowding)

    @classmethod
    def fourier(cls, lower: float, upper: float, count: int) -> Basis:
        """Trigonometric polynomials on `count` equidistant points, an odd number, of a periodic interval.

        With an even number the highest frequency would have no derivative, and the square of the matrix would not be
        that of the second one (Trefethen 2000, ch. 3).
        """
        if count % 2 == 0:
            raise ValueError(f"{count} points; a Fourier basis here needs an odd number")
        index = np.arange(count)
        apart = index[:, None] - index
        np.fill_diagonal(apart, 1)
        slope = np.pi / (upper - lower) * (-1.0) ** apart / np.sin(np.pi * apart / count)
        np.fill_diagonal(slope, 0.0)
        nodes = lower + (upper - lower) * index / count
        return cls(nodes, slope, upper - lower, periodic=True)

    def interpolation(self, x: Array) -> Array:
        """Matrix (len(x), n) from values at the nodes to those at x, exact where x is a node."""
        n, nodes = len(self.nodes), self.nodes
        if self.crowding is not None:
            x, nodes = self.crowding.back(x), self.crowding.back(nodes)
        difference = x[:, None] - nodes
        if self.periodic:
            angle = np.pi * difference / self.length
            node = np.abs(np.sin(angle)) < 1e-15
            matrix = np.sin(n * angle) / (n * np.where(node, 1.0, np.sin(angle)))
        else:
            node = difference == 0.0
            terms = _barycentric_weights(n) / np.where(node, 1.0, difference)
            matrix = terms / terms.sum(axis=1, keepdims=True)
        hit = node.any(axis=1)
        matrix[hit] = node[hit]
        return matrix


def _barycentric_weights(count: int) -> Array:
    """Of the Chebyshev points with both ends (Berrut & Trefethen 2004, SIAM Review 46)."""
    weights = (-1.0) ** np.arange(count)
    weights[[0, -1]] *= 0.5
    return weights
