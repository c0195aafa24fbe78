"""A uniform grid on a box, with one layer of ghost nodes around it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from backends.timeline import lagrange
from problems.base import PDE, Array, Periodic


class Grid:
    """Nodes at spacing hₐ = Lₐ / cells along each axis a; a periodic axis leaves out its last node.

    `axes[a]` holds the node coordinates with one ghost node before and after; `shape` is that of the nodes alone.
    """

    def __init__(self, problem: PDE, cells: int) -> None:
        box = problem.domain()
        self.periodic = tuple(isinstance(problem.condition(a, 0), Periodic) for a in range(box.dimension))
        self.spacing = tuple(length / cells for length in box.lengths)
        self.shape = tuple(cells if periodic else cells + 1 for periodic in self.periodic)
        self.axes = []
        for a, h in enumerate(self.spacing):
            nodes = np.linspace(box.lower[a], box.upper[a], cells + 1)[: self.shape[a]]
            self.axes.append(np.concatenate([[nodes[0] - h], nodes, [nodes[-1] + h]]))
        self._box = box

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

    An axis with a period is closed; on others, the outermost cubics go on beyond the outermost nodes.
    """
    indices, weights = [], []
    for nodes, period, x in zip(axes, periods, places.T, strict=True):
        if period is not None:
            # Two nodes on either side are those of the neighbouring period.
            around = np.concatenate([nodes[-2:] - period, nodes, nodes[:2] + period])
            index, weight = lagrange(around, x)
            index = (index - 2) % len(nodes)
        else:
            index, weight = lagrange(nodes, x)
        indices.append(index)
        weights.append(weight)
    result = np.zeros((*values.shape[: -len(axes)], len(places)))
    for corner in product(*(range(index.shape[1]) for index in indices)):
        weight = np.prod([w[:, k] for w, k in zip(weights, corner, strict=True)], axis=0)
        if weight.any():
            chosen: tuple[Any, ...] = tuple(i[:, k] for i, k in zip(indices, corner, strict=True))
            result += weight * values[(..., *chosen)]
    return result


def sample(fields: Sequence[object], shape: tuple[int, ...]) -> Array:
    """Component fields (arrays or numbers) as one array of shape (components, *shape)."""
    return np.stack([np.broadcast_to(np.asarray(f, dtype=float), shape) for f in fields])
