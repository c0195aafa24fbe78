"""Reading a solution that is known at chosen instants at arbitrary points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from problems.base import Array


def at_instants(points: Array, states: Callable[[tuple[float, ...]], Array], values: Callable[..., Array]) -> Array:
    """Values at `points` (n, d + 1), time last, shape (n, m).

    `states(times)` gives one state for each of the ascending instants that occur, and `values(state, places)` what a
    state is at places (k, d): shape (k, m).
    """
    times, row = np.unique(points[:, -1], return_inverse=True)
    parts = [values(state, points[row == k, :-1]) for k, state in enumerate(states(tuple(times.tolist())))]
    result = np.empty((len(points), parts[0].shape[1]))
    for k, part in enumerate(parts):
        result[row == k] = part
    return result
