"""Groups of directions in torch: of each, nothing is kept but what it adds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from backends.neural.groups import Groups
from backends.neural.jets import Orders

SIZES = {"cpu": 32, "cuda": 256}
"""Directions in a group at most: on a CPU jets that stay in its caches, on a GPU enough to keep it busy.

Four layers of 128, 128 points and d = 64 on one processor: 59 ms and 28 MB for a training step, against 51 ms and 50 MB
in one piece; 66 ms and 16 MB with half as many.
"""


def in_groups(through: Callable[[Orders, Any], Any], groups: Groups) -> Any:
    """Jets (2 + A, n, m) of a network, for which `through` has those of some directions and their seeds."""
    field = through(Orders(), groups.alone)[0]

    def one(slopes: Any, bend: Any) -> Any:
        return through(groups.orders, (groups.value, torch.cat([slopes, bend])))

    *others, last = zip(groups.slopes, groups.bends, strict=True)
    found = [checkpoint(one, *group, use_reentrant=False, preserve_rng_state=False) for group in others]
    # What the last group computes is needed next, on the way back, and need not be computed anew.
    found.append(one(*last))
    slopes = torch.cat([jets[1:-1] for jets in found])[: groups.directions]
    total = torch.stack([jets[-1] for jets in found]).sum(0)
    return torch.cat([field[None], slopes, total[None]])
