"""The forward Laplacian over many directions, a group after the other, so that memory does not grow with their number.

L = L₀ + f Σ ∂ₐ² is a sum over its directions, and a network passes on what each group of them gives alone; the first
group carries L₀ too. Training needs the jets of every layer again on its way back. They are kept for the last group,
and computed anew for the others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from backends.neural.jets import Orders

SIZES = {"cpu": 16, "gpu": 256}
"""Directions in a group: on a CPU jets that stay in its caches, on a GPU enough to keep it busy.

On a CPU, four layers of 128, 128 points, d = 64: 26 ms and 18 MB for a training step, against 33 ms and 37 MB in one
piece; d = 1024: 28 MB.
"""


def size_on(platform: str) -> int:
    """Directions in a group."""
    return SIZES.get(platform, SIZES["gpu"])


def in_groups(through: Callable[[Orders, Any], Any], seeds: Any, orders: Orders, most: int) -> Any:
    """Jets (2 + A, n, m) of a network from `through`, which gives them for the seeds of at most so many directions."""
    value, others = seeds if isinstance(seeds, tuple) else (seeds[0], seeds[1:])
    count = math.ceil(orders.first / most)
    size = math.ceil(orders.first / count)
    # Directions of length zero fill up the last group and add nothing.
    slopes = jnp.pad(others[: orders.first], ((0, count * size - orders.first), (0, 0), (0, 0)))
    bends = jnp.pad(others[orders.first :][None], ((0, count - 1), (0, 0), (0, 0), (0, 0)))
    groups = slopes.reshape(count, size, *slopes.shape[1:]), bends
    # This also finds the statistics of batch normalisation, which no group may find for itself.
    field = through(Orders(), (value, others[:0]))[0]

    def add(total: Any, group: tuple[Any, ...]) -> tuple[Any, Any]:
        jets = through(Orders(size, 1, orders.laplacian), (value, jnp.concatenate(group)))
        return total + jets[-1], jets[1:-1]

    forgotten, last = (tuple(part[where] for part in groups) for where in (slice(-1), -1))
    total, found = jax.lax.scan(jax.checkpoint(add), jnp.zeros_like(field), forgotten)
    total, rest = add(total, last)
    first = jnp.concatenate([found.reshape(-1, *field.shape), rest])[: orders.first]
    return jnp.concatenate([field[None], first, total[None]])
