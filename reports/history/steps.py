"""Where a series of figures steps from one level to another: a fit by constant pieces."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import ruptures

from problems.base import Array
from reports.rank_tests import larger_p, two_sided

SHORTEST = 3
"""Points of a piece of what scatters: fewer are a bad moment of the machine."""
PENALTY = 2.0
"""Of a step, in deviations times the logarithm of the number of points."""
LEVEL, LEAST = 5e-3, 1.05
"""Neighbouring pieces differ significantly (Mann–Whitney, two-sided), and by more than this factor."""
SAME, ROUNDING = 1e-3, 1e-11
"""A relative difference of counted figures that is none, and an absolute one: processors round differently."""
QUIETEST = 5e-3
"""No series scatters less, relative to its level: one that repeats a value has no deviation at all."""


@dataclass(frozen=True)
class Step:
    """From the point `at` (counted from 0) on, the median is `after`; in the piece before it was `before`."""

    at: int
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """The new level by the old one."""
        return self.after / self.before if self.before else math.inf


def pieces(values: Sequence[float], *, counted: bool) -> list[tuple[int, int]]:
    """First and last-plus-one index of each piece of a series."""
    if counted:
        pairs = enumerate(itertools.pairwise(values), 1)
        breaks = [k for k, (old, new) in pairs if abs(new - old) > SAME * abs(old) + ROUNDING]
    else:
        breaks = _breaks(np.asarray(values, dtype=float))
    return list(itertools.pairwise([0, *breaks, len(values)]))


def steps(values: Sequence[float], *, counted: bool) -> list[Step]:
    """The steps of a series; what is counted steps at every change, what scatters only for good."""
    found = pieces(values, counted=counted)
    levels = [statistics.median(values[first:last]) for first, last in found]
    return [Step(at, *pair) for (at, _), pair in zip(found[1:], itertools.pairwise(levels), strict=True)]


def _breaks(values: Array) -> list[int]:
    """Killick, Fearnhead and Eckley's PELT (2012) on logarithms, with absolute deviations: outliers count little."""
    if len(values) < 2 * SHORTEST:
        return []
    logs = np.log(values)
    # Of differences, so that steps do not count as scatter.
    deviation = 1.4826 * float(np.median(np.abs(np.diff(logs)))) / math.sqrt(2.0)
    penalty = PENALTY * max(deviation, QUIETEST) * math.log(len(values))
    search = ruptures.Pelt(model="l1", min_size=SHORTEST, jump=1).fit(logs[:, None])
    return _significant(logs, search.predict(pen=penalty)[:-1])


def _significant(logs: Array, breaks: list[int]) -> list[int]:
    """Take out the least significant break, until all that remain are significant."""
    while breaks:
        bounds = [0, *breaks, len(logs)]
        doubts = []
        for first, at, last in zip(bounds, bounds[1:], bounds[2:], strict=False):
            old, new = logs[first:at], logs[at:last]
            p = two_sided(larger_p(old, new), larger_p(new, old))
            small = abs(np.median(new) - np.median(old)) <= math.log(LEAST)
            doubts.append((1.0 if small else p, at))
        p, at = max(doubts)
        if p <= LEVEL:
            break
        breaks = [other for other in breaks if other != at]
    return breaks
