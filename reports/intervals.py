"""How well costs and their ratios are known: bootstrap intervals over the seeds and rounds of both sides.

Seeds are drawn with replacement, then the rounds of each; the cost of an accuracy is found anew from what was drawn,
for a training from the errors of the drawn seeds at every look. What differs from process to process, and which
configuration is the fastest, is not drawn again.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from problems.base import Array
from reports.summary import Configuration, Section

DRAWS, CONFIDENCE = 1000, 0.95
FEWEST = 3
"""Seeds or rounds on either side below which nothing is said: an interval of one value is a point."""


@dataclass(frozen=True)
class Interval:
    """Where a cost or a ratio of two lies with 95 % confidence.

    The upper bound is infinite where too many draws never got there.
    """

    low: float
    high: float


def of_ratio(section: Section, above: Configuration, below: Configuration, accuracy: float) -> Interval | None:
    """The interval of the time that `above` takes to an accuracy by that of `below`; None where too little was run."""
    if min(repetitions(above), repetitions(below)) < FEWEST:
        return None
    times = [_draw(section, c, accuracy) for c in (above, below)]
    if not all((time > 0.0).all() for time in times) or np.isinf(times[1]).any():
        return None
    return of_draws(times[0] / times[1])


def of_draws(values: Array) -> Interval | None:
    """Where the middle of draws (draws,) lies; None where hardly any is finite."""
    tails = [(1.0 - CONFIDENCE) / 2.0, (1.0 + CONFIDENCE) / 2.0]
    # Of values that were drawn: there is nothing between a finite time and none.
    low, high = np.quantile(values, tails, method="nearest")
    return Interval(float(low), float(high)) if math.isfinite(low) else None


def repetitions(c: Configuration) -> int:
    """Seeds, or where there is but one the rounds of it."""
    rows = c.shown
    return len(rows) if len(rows) > 1 else sum(map(len, rows["solve_rounds"]))


def _draw(section: Section, c: Configuration, accuracy: float) -> Array:
    """Times to an accuracy of (draws,), infinite where it was not reached."""
    seconds, errors = drawn(section, c)
    within = accuracy * (1.0 + 1e-9)
    return np.where(errors <= within, seconds, np.inf).min(axis=1, initial=np.inf)


@functools.lru_cache(maxsize=128)
def drawn(section: Section, c: Configuration) -> tuple[Array, Array]:
    """Solve times and the errors that were reached by them for good, (draws, moments) both, the end of solving last.

    The moments before are those at which a training was looked at. Without any where no round was kept. Draws of one
    configuration are the same wherever it is compared, and independent of those of the others.
    """
    rng = np.random.default_rng(section.configurations.index(c))
    rounds = [np.asarray(values, dtype=float) for values in c.shown["solve_rounds"]]
    if not rounds or not all(values.size for values in rounds):
        return np.empty((DRAWS, 0)), np.empty((DRAWS, 0))
    seeds = rng.integers(len(rounds), size=(DRAWS, len(rounds)))
    medians = np.stack([np.median(rng.choice(values, (DRAWS, values.size)), axis=1) for values in rounds], axis=1)
    whole = np.median(np.take_along_axis(medians, seeds, axis=1), axis=1)[:, None]
    errors = np.median(c.shown["error"].to_numpy(dtype=float)[seeds], axis=1)[:, None]
    looks = section.looks.get(c)
    if looks is None or len(looks.errors) != len(rounds):
        return whole, errors
    seen = np.median(looks.errors[seeds], axis=1)
    errors = np.where(looks.idle(seen)[:, None], np.inf, errors)
    # What training ended worse than does not count.
    kept = np.maximum(looks.kept(seen), errors)
    on_the_way = np.minimum(np.median(looks.seconds[seeds], axis=1), whole)
    return np.hstack([on_the_way, whole]), np.hstack([kept, errors])
