"""Evaluation at any number of points with bounded memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from problems.base import Array


def in_pieces(points: Array, piece: int, evaluate: Callable[[Array], Array]) -> Array:
    """Values at points (n, k) in pieces of one size, so that memory is bounded and nothing is compiled twice.

    The last piece is padded.
    """
    parts = []
    for start in range(0, len(points), piece):
        part = points[start : start + piece]
        padded = np.concatenate([part, np.repeat(part[-1:], piece - len(part), axis=0)])
        parts.append(np.asarray(evaluate(padded), dtype=float)[: len(part)])
    return np.concatenate(parts)
