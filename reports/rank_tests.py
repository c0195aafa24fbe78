"""Rank tests on few values, exact where that matters, and what their p-values can be at best."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from problems.base import Array

MOST_EXACT = 10_000
"""Pairs of values up to which ranks are counted: memory grows with the cube of the number of values."""


def holm(values: Sequence[float]) -> list[float]:
    """P-values adjusted so that the chance of any false rejection among them stays below the level (Holm 1979)."""
    adjusted, least = [0.0] * len(values), 0.0
    for rank, at in enumerate(sorted(range(len(values)), key=lambda k: values[k])):
        least = max(least, min(1.0, (len(values) - rank) * values[at]))
        adjusted[at] = least
    return adjusted


def two_sided(first: float, second: float) -> float:
    """The p-value of leaning to either side so far, from those of both sides."""
    return min(1.0, 2.0 * min(first, second))


def least_p(*samples: Array) -> float:
    """The smallest two-sided p-value of ranks: one order of the samples and its reverse, of all divisions."""
    divisions, total = 1, 0
    for sample in samples:
        total += len(sample)
        divisions *= math.comb(total, len(sample))
    return min(1.0, 2.0 / divisions)


def larger_p(first: Array, second: Array) -> float:
    """P-value of the hypothesis that values of the first sample are not larger than those of the second.

    Mann–Whitney, exact for tied values as well: of all divisions of the ranks, the part with as large a sum. Of more
    than `MOST_EXACT` pairs it is the normal approximation, as for `kruskal`.
    """
    if len(first) * len(second) > MOST_EXACT:
        return float(stats.mannwhitneyu(first, second, alternative="greater", method="asymptotic").pvalue)
    ranks = np.rint(2.0 * stats.rankdata(np.concatenate([first, second]))).astype(int)
    ways = np.zeros((len(first) + 1, int(ranks.sum()) + 1))
    ways[0, 0] = 1.0
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    return float(ways[-1, int(ranks[: len(first)].sum()) :].sum() / ways[-1].sum())


def kruskal(samples: Sequence[Array]) -> float:
    """P-value of the hypothesis that no sample differs from the others (Kruskal–Wallis, the χ² approximation)."""
    values = np.concatenate(samples)
    return 1.0 if (values == values[0]).all() else float(stats.kruskal(*samples).pvalue)


def least_kruskal(samples: Sequence[Array]) -> float:
    """The smallest p-value that `kruskal` gives for as many values: that of samples which do not overlap."""
    if len(samples) < 2:
        return 1.0
    ends = np.cumsum([len(sample) for sample in samples])
    apart = np.split(np.arange(float(ends[-1])), ends[:-1])
    return kruskal(apart)
