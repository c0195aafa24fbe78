"""Rules for integrals over intervals and boxes."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import numpy as np

from problems.base import Array


@functools.lru_cache(maxsize=64)
def gauss_legendre(lower: float, upper: float, panels: int, order: int) -> tuple[Array, Array]:
    """Nodes, ascending, and weights of Gauss–Legendre rules on equal panels of an interval, shape (panels · order,).

    Each panel is exact for polynomials of degree 2 · `order` − 1. No node is an end of the interval.
    """
    nodes, weights = np.polynomial.legendre.leggauss(order)
    half = 0.5 * (upper - lower) / panels
    middles = lower + half * (2.0 * np.arange(panels) + 1.0)
    x, w = (middles[:, None] + half * nodes).ravel(), np.tile(half * weights, panels)
    for shared in (x, w):
        shared.setflags(write=False)
    return x, w


def tensor_product(rules: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Points (n, d) and weights (n,) of the product of d rules; the last axis varies fastest."""
    points = np.array(list(itertools.product(*(nodes for nodes, _ in rules))))
    weights = functools.reduce(np.multiply.outer, (weights for _, weights in rules))
    return points.reshape(-1, len(rules)), np.asarray(weights).ravel()
