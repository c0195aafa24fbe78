"""The forward Laplacian over many directions, divided into groups, so that memory hardly grows with their number.

L = L₀ + f Σ ∂ₐ² is a sum over its directions, and a network passes on what each group of them gives alone; the first
group carries L₀ too. Training needs the jets of every layer again on its way back; engines compute those of a group
anew where they have to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from backends.neural.jets import Orders


@dataclass(frozen=True)
class Groups:
    """Seeds of `directions` in equal groups with `orders`: `value` (n, w), `slopes` (G, B, ·, w), `bends` (G, 1, ·, w).

    With batch normalisation the value has to pass alone before any group, since no group may find the statistics.
    """

    directions: int
    orders: Orders
    value: Any
    slopes: Any
    bends: Any

    @classmethod
    def of(cls, xp: Any, seeds: Any, orders: Orders, most: int) -> Groups | None:
        """Groups of at most so many directions, for seeds (J, n, w) or a pair; None where one piece is small enough."""
        if orders.laplacian is None or orders.first <= most:
            return None
        value, others = seeds if isinstance(seeds, tuple) else (seeds[0], seeds[1:])
        count = math.ceil(orders.first / most)
        size = math.ceil(orders.first / count)
        # Directions of length zero fill up the last group and add nothing.
        nothing = 0.0 * others[:1]
        slopes = xp.concatenate([others[: orders.first], *[nothing] * (count * size - orders.first)])
        bends = xp.stack([others[orders.first :], *[nothing] * (count - 1)])
        slopes = slopes.reshape(count, size, *slopes.shape[1:])
        return cls(orders.first, Orders(size, 1, orders.laplacian), value, slopes, bends)

    @property
    def alone(self) -> tuple[Any, Any]:
        """Seeds of the value without derivatives."""
        return self.value, self.slopes[0][:0]
