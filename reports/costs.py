"""What an accuracy costs: the fastest configuration of each family that came to it, and the ratio of their times."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from reports import intervals
from reports.intervals import Interval
from reports.summary import Configuration, Section

ROUNDING = 1e-14
"""No relative error below this is told apart from another."""
USEFUL = -1
"""Relative errors above 10 to this power are no answer: zero has a relative error of 1."""
EIGENVALUE = re.compile(r"metric\.eigenvalue(_\d+)?")


@dataclass(frozen=True)
class Cost:
    """The fastest configuration of each family that answers, with a median error of at most `accuracy`."""

    accuracy: float
    classical: Configuration | None
    neural: Configuration | None
    classical_s: float
    """Solve time until the accuracy was reached; NaN where nobody reached it."""
    neural_s: float
    """The same of the network, which may be a part of its training."""
    total_ratio: float
    """Total time of the network that is fastest in total, over that of the classical solver that is."""
    fastest_in_total: tuple[Configuration | None, Configuration | None] = (None, None)
    """These two, the classical one first."""
    interval: Callable[[], Interval | None] = lambda: None
    """Where `ratio` lies with 95 % confidence, None where too few seeds and rounds were run; found when asked for."""

    @property
    def ratio(self) -> float:
        """Solve time of the network over that of the classical solver; NaN unless both got there."""
        return self.neural_s / self.classical_s if self.classical_s else math.nan


@functools.lru_cache(maxsize=256)
def costs(section: Section) -> tuple[Cost, ...]:
    """The cost of each power of ten that somebody reached; of powers that cost the same only the smallest.

    Empty where nobody came to a useful accuracy.
    """
    classical, neural = section.of_family("classical"), section.of_family("neural")
    errors = [c.median("error") for c in classical + neural]
    if not errors:
        return ()
    floor = _floor(section)
    tightest = math.ceil(math.log10(max(min(errors), floor)) - 1e-9)
    loosest = max(tightest, math.ceil(math.log10(max(*errors, floor))))
    if section.ways:
        # On its way to a small error, training passes those that no configuration ends with.
        loosest = max(loosest, USEFUL)
    limit = useful(section)
    if limit is not None:
        loosest = min(loosest, limit)
    found: list[Cost] = []
    for power in range(loosest, tightest - 1, -1):
        cost = _cost(section, 10.0**power)
        if found and _alike(found[-1], cost):
            found.pop()
        if cost.classical or cost.neural:
            found.append(cost)
    return tuple(found)


def useful(section: Section) -> int | None:
    """The power of ten above which an error is no answer; None where errors have no scale."""
    size = _scale(section)
    return None if math.isnan(size) else math.floor(math.log10(size) + 1e-9) + USEFUL


def _scale(section: Section) -> float:
    """What errors are compared with: 1 for relative ones, the smallest eigenvalue for those of eigenvalues, else NaN.

    The eigenvalue is that of the most accurate configuration.
    """
    if section.headline.startswith("relative"):
        return 1.0
    known = [c for c in section.configurations if c.answers]
    if section.headline != "eigenvalue_error" or not known:
        return math.nan
    best = min(known, key=lambda c: c.median("error"))
    sizes = [abs(best.median(column)) for column in best.shown if EIGENVALUE.fullmatch(column)]
    return min((size for size in sizes if size > 0.0), default=math.nan)


def _floor(section: Section) -> float:
    """Errors below are rounding; those without a scale are taken for relative ones."""
    size = _scale(section)
    return ROUNDING if math.isnan(size) else ROUNDING * size


def _alike(one: Cost, other: Cost) -> bool:
    winners = (one.classical, one.neural, one.fastest_in_total)
    same = winners == (other.classical, other.neural, other.fastest_in_total)
    return same and (one.neural is None or one.neural_s == other.neural_s)


def total(c: Configuration, solve_s: float) -> float:
    """Total time of a configuration that solves for `solve_s` seconds: set-up and compilation stay as they are."""
    return c.median("total_s") - c.median("solve_median") + solve_s


def shared(table: Sequence[Cost]) -> Cost | None:
    """The smallest error that both families reached, and what it cost them."""
    return next((cost for cost in reversed(table) if math.isfinite(cost.ratio)), None)


def most_accurate(section: Section, family: str) -> Configuration | None:
    """The configuration of a family that answers with the smallest median error; the fastest of those at rounding.

    One whose training was idle only where there is no other.
    """
    floor = _floor(section)
    order = {c: (section.idle(c), max(c.median("error"), floor)) for c in section.of_family(family)}
    return min(order, key=order.__getitem__, default=None)


def _cost(section: Section, accuracy: float) -> Cost:
    fastest: list[tuple[float, Configuration | None]] = []
    totals: list[tuple[float, Configuration | None]] = []
    for family in ("classical", "neural"):
        times = [(section.seconds_to(c, accuracy), c) for c in section.of_family(family)]
        reached = [(time, c) for time, c in times if math.isfinite(time)]
        fastest.append(min(reached, key=lambda pair: pair[0], default=(math.nan, None)))
        whole = [(total(c, time), c) for time, c in reached]
        totals.append(min(whole, key=lambda pair: pair[0], default=(math.nan, None)))
    (classical_s, classical), (neural_s, neural) = fastest
    (below, one), (above, other) = totals
    ratio = above / below if below else math.nan
    found = Cost(accuracy, classical, neural, classical_s, neural_s, ratio, (one, other))
    if neural is None or classical is None:
        return found
    return replace(found, interval=functools.cache(lambda: intervals.of_ratio(section, neural, classical, accuracy)))
