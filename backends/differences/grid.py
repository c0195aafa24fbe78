"""A uniform grid on a box, with one layer of ghost nodes around it."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

from backends.timeline import lagrange
from problems.base import PDE, Array, Periodic

AT_ONCE = 2**20
"""Values that interpolation gathers at a time: 8 MiB."""


def grid_shape(problem: PDE, cells: int) -> tuple[int, ...]:
    """(components, nodes per axis…) of a grid with `cells` along each axis; nothing of that size is made."""
    closed = (isinstance(problem.condition(a, 0), Periodic) for a in range(problem.dimension))
    return (problem.components, *(cells if periodic else cells + 1 for periodic in closed))


class Grid:
    """Nodes at spacing hₐ = Lₐ / cells along each axis a; a periodic axis leaves out its last node.

    `axes[a]` holds the node coordinates with one ghost node before and after; `shape` is that of the nodes alone.
    """

    def __init__(self, problem: PDE, cells: int) -> None:
        box = problem.domain()
        self.periodic = tuple(isinstance(problem.condition(a, 0), Periodic) for a in range(box.dimension))
        self.spacing = tuple(length / cells for length in box.lengths)
        self.shape = grid_shape(problem, cells)[1:]
        self._box, self._cells = box, cells

    @functools.cached_property
    def axes(self) -> list[Array]:
        """Node coordinates along each axis, made when they are first asked for: sizes may be all that is wanted."""
        axes = []
        for a, h in enumerate(self.spacing):
            nodes = np.linspace(self._box.lower[a], self._box.upper[a], self._cells + 1)[: self.shape[a]]
            axes.append(np.concatenate([[nodes[0] - h], nodes, [nodes[-1] + h]]))
        return axes

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def coordinates(self) -> list[Array]:
        """Node coordinates per axis, shaped to broadcast over the grid."""
        return [
            nodes[1:-1].reshape([-1 if b == a else 1 for b in range(self.dimension)])
            for a, nodes in enumerate(self.axes)
        ]

    def interpolate(self, values: Array, places: Array) -> Array:
        """Cubic interpolation of `values` (..., n₀, n₁, …) at `places` (m, d): shape (..., m), exact at nodes."""
        periods = [length if closed else None for length, closed in zip(self._box.lengths, self.periodic, strict=True)]
        return interpolate([nodes[1:-1] for nodes in self.axes], periods, values, places)


def interpolate(axes: Sequence[Array], periods: Sequence[float | None], values: Array, places: Array) -> Array:
    """Cubic interpolation of `values` (..., n₀, n₁, …) on the nodes of `axes` at `places` (m, d): shape (..., m).

    An axis with a period is closed; on others, the outermost cubics go on beyond the outermost nodes. Of every place
    the 4ᵈ nodes around it are taken together, for as many places at a time as `AT_ONCE` allows.
    """
    strides = [math.prod(values.shape[values.ndim - k :]) for k in range(len(axes))]
    around, weights, size = [], [], 1
    for nodes, period, x, stride in zip(axes, periods, places.T, reversed(strides), strict=True):
        index, weight = _cubic(nodes, period, x)
        around.append(index * stride)
        weights.append(weight)
        size *= index.shape[1]
    flat = values.reshape(-1, strides[-1] * len(axes[0]))
    result = np.empty((len(flat), len(places)))
    step = max(1, AT_ONCE // (len(flat) * size))
    for first in range(0, len(places), step):
        some = slice(first, first + step)
        index = np.zeros((1,) * (len(axes) + 1), dtype=np.intp)
        for a, part in enumerate(around):
            index = index + part[some][:, *(slice(None) if b == a else None for b in range(len(axes)))]
        found = flat[:, index]
        for weight in reversed(weights):
            found = np.einsum("vp...k,pk->vp...", found, weight[some])
        result[:, some] = found
    return result.reshape(*values.shape[: -len(axes)], len(places))


def _cubic(nodes: Array, period: float | None, x: Array) -> tuple[Array, Array]:
    """Indices and weights (len(x), 4) of the nodes around each x."""
    if period is None:
        return lagrange(nodes, x)
    # Two nodes on either side are those of the neighbouring period.
    index, weight = lagrange(np.concatenate([nodes[-2:] - period, nodes, nodes[:2] + period]), x)
    return (index - 2) % len(nodes), weight


def sample(fields: Sequence[object], shape: tuple[int, ...]) -> Array:
    """Component fields (arrays or numbers) as one array of shape (components, *shape)."""
    return np.stack([np.broadcast_to(np.asarray(f, dtype=float), shape) for f in fields])
