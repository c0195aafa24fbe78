"""Deciding from pairs of measurements whether a cost is larger than it was.

The two of a pair are measured right after each other, by turns in either order, each in a process of its own. So what
drifts on a machine meets both, and without a change the logarithm of their ratio is as likely above zero as below.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from problems.base import Array

LEVEL = 0.01
"""Significance, one-sided (Wilcoxon's signed-rank test): seven pairs that all point one way reach it."""
FACTOR = 1.15
"""A cost that grew by less is no regression."""
LOOKS = (4, 7, 12, 20)
"""Numbers of pairs at which a decision is tried; the last one decides."""
PROOF = 7
"""The first of them at which a cost can be called larger: 1/2⁷ is below the level, 1/2⁴ is not."""
CONFIDENCE = 0.95


class Weight(enum.StrEnum):
    """What pairs say of a cost."""

    LARGER = "larger"
    AS_BEFORE = "as before"
    OPEN = "not decided"


@dataclass(frozen=True)
class Weighed:
    """The newer cost by the older one: Hodges and Lehmann's estimate, its 95 % interval, and the p-value of no growth.

    With fewer than six pairs the interval is the range of what was seen.
    """

    pairs: int
    ratio: float
    low: float
    high: float
    p: float


def weigh(pairs: Sequence[tuple[float, float]]) -> Weighed:
    """Weigh pairs of positive costs, older and newer; all of it is exact for few pairs (Hollander and Wolfe 1999)."""
    logs = np.array([math.log(head / base) for base, head in pairs])
    count = len(logs)
    # Without ties Walsh averages above zero number as many as the sum of the positive ranks.
    walsh = np.sort(np.add.outer(logs, logs)[np.triu_indices(count)] / 2.0)
    distribution = np.cumsum(_signed_rank(count))
    out = int(np.searchsorted(distribution, (1.0 - CONFIDENCE) / 2.0, side="right"))
    low, high = walsh[max(out - 1, 0)], walsh[-max(out, 1)]
    p = float(stats.wilcoxon(logs, alternative="greater").pvalue) if logs.any() else 1.0
    ratio, low, high = (float(math.exp(value)) for value in (np.median(walsh), low, high))
    return Weighed(count, ratio, low, high, p)


def decide(weighed: Weighed, factor: float = FACTOR) -> Weight:
    """Larger only if that is significant *and* more than `factor`; what is half of that, or less, is as before."""
    if weighed.pairs not in LOOKS:
        return Weight.OPEN
    if weighed.p <= LEVEL and weighed.ratio > factor:
        return Weight.LARGER
    if weighed.ratio <= math.sqrt(factor) or weighed.pairs == LOOKS[-1]:
        return Weight.AS_BEFORE
    return Weight.OPEN


def _signed_rank(count: int) -> Array:
    """Probabilities of 0, 1, 2 … as the sum of the positive ranks of so many symmetric differences."""
    ways = np.ones(1)
    for rank in range(1, count + 1):
        more = np.zeros(len(ways) + rank)
        more[: len(ways)] += ways
        more[rank:] += ways
        ways = more
    return ways / ways.sum()
