"""Time levels of a stepping method, and what must be kept of them to answer at given instants."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from problems.base import Array
from problems.parameters import InputError

Indices = npt.NDArray[np.intp]


def lagrange(nodes: Array, x: Array, width: int = 4) -> tuple[Indices, Array]:
    """Piecewise polynomial interpolation of degree `width − 1` on ascending nodes.

    Returns for every x of shape (n,) the indices (n, w) of the w = min(width, len(nodes)) nodes around it and their
    weights (n, w). At a node the weights are exactly 1 and 0.
    """
    width = min(width, len(nodes))
    first = np.searchsorted(nodes, x, side="right") - width // 2
    index = np.clip(first, 0, len(nodes) - width)[:, None] + np.arange(width)
    near = nodes[index]
    weights = np.ones_like(near)
    for k in range(width):
        for m in range(width):
            if m != k:
                weights[:, k] *= (x - near[:, m]) / (near[:, k] - near[:, m])
    return index, weights


class Timeline:
    """Levels t₀ = 0 < t₁ < … ≤ T, the levels to keep for output at `times`, and interpolation between them (cubic).

    With `exact_step` the step is kept as given and only the last one is shortened; otherwise all are shortened
    equally, which a method with a factorised matrix needs.
    """

    def __init__(self, final: float, dt: float, times: Array, *, exact_step: bool = False) -> None:
        if dt > final * (1 + 1e-9):
            raise InputError(f"time step dt = {dt:g} is longer than the whole interval T = {final:g}; make it smaller")
        self.steps = max(1, math.ceil(final / dt - 1e-9))
        self.dt = dt if exact_step else final / self.steps
        self.levels = self.dt * np.arange(self.steps + 1)
        self.levels[-1] = final
        snapped = self._snap(times)
        index, self._weights = lagrange(self.levels, snapped)
        self._times = snapped
        used = np.unique(index[self._weights != 0.0])
        self.kept: Indices = used
        self._index = np.searchsorted(used, index).clip(max=len(used) - 1)

    @property
    def last_step(self) -> float:
        """Length of the last step."""
        return float(self.levels[-1] - self.levels[-2])

    def at(self, stored: Array, t: Array) -> Array:
        """Interpolate `stored` (kept levels, ...) at the instants t.

        Raises:
            ValueError: if one of them is none of `times`, around which levels were kept.

        """
        wanted = self._snap(t)
        row = np.searchsorted(self._times, wanted).clip(max=len(self._times) - 1)
        if not np.array_equal(self._times[row], wanted):
            raise ValueError("an instant was asked for that was not announced; no level was kept around it")
        index, weights = self._index[row], self._weights[row]
        shape = (len(t),) + (1,) * (stored.ndim - 1)
        result = np.zeros((len(t), *stored.shape[1:]))
        for k in range(index.shape[1]):
            weight = weights[:, k]
            used = weight != 0.0
            result[used] += weight[used].reshape((-1, *shape[1:])) * stored[index[used, k]]
        return result

    def _snap(self, t: Array) -> Array:
        """An instant within rounding of a level is that level."""
        nearest = np.clip(np.searchsorted(self.levels, t), 1, self.steps)
        nearest = nearest - (t - self.levels[nearest - 1] < self.levels[nearest] - t)
        return np.where(np.abs(self.levels[nearest] - t) <= 1e-9 * self.levels[-1], self.levels[nearest], t)


def levels_kept(final: float, dt: float, times: Array, *, exact_step: bool = False) -> int:
    """How many levels a `Timeline` keeps, without making it: it may have more levels than fit in memory."""
    steps = max(1, math.ceil(final / dt - 1e-9))
    length = dt if exact_step else final / steps
    kept: set[int] = set()
    for t in times:
        nearest = steps if abs(t - final) <= 1e-9 * final else min(round(t / length), steps - 1)
        if nearest == steps or abs(nearest * length - t) <= 1e-9 * final:
            kept.add(nearest)
        else:
            width = min(4, steps + 1)
            first = min(max(math.floor(t / length) + 1 - width // 2, 0), steps + 1 - width)
            kept.update(range(first, first + width))
    return len(kept)


def _leading(values: Array) -> int:
    """How many entries at the front are equal to the first."""
    other = np.flatnonzero(values != values[0])
    return int(other[0]) if len(other) else len(values)


def as_product(points: Array) -> tuple[Array, Array] | None:
    """Split rows (x…, t) into times and places if they hold every place at every time, time varying slowest."""
    times = points[:, -1]
    count = _leading(times) if len(times) else 0
    if count == 0 or len(points) % count:
        return None
    blocks = points.reshape(-1, count, points.shape[1])
    if np.any(blocks[:, :, :-1] != blocks[:1, :, :-1]) or np.any(blocks[:, :, -1] != blocks[:, :1, -1]):
        return None
    return blocks[:, 0, -1], blocks[0, :, :-1]


def at_points(points: Array, values: Callable[[Array, Array], Array]) -> Array:
    """Answer at rows (x…, t), shape (n, components); `values(times, places)` gives (times, components, places)."""
    product = as_product(points)
    if product is not None:
        return values(*product).transpose(0, 2, 1).reshape(len(points), -1)
    rows = [(points[:, -1] == t).nonzero()[0] for t in np.unique(points[:, -1])]
    parts = [values(points[index[:1], -1], points[index, :-1])[0].T for index in rows]
    result = np.empty((len(points), parts[0].shape[1]))
    for index, part in zip(rows, parts, strict=True):
        result[index] = part
    return result
