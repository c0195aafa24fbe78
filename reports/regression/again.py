"""What looks larger is measured again, old code and new code by turns, before it is called a regression."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.again import Bench, tree
from benchmarks.environment import revision
from benchmarks.interpreters import ROOT
from benchmarks.record import Record
from problems import InputError
from reports.regression.comparison import Comparison, Difference, Pair, Verdict, label
from reports.regression.costs import Cost, costs
from reports.regression.quantities import sound
from reports.regression.weighing import FACTOR, LOOKS, Weighed, Weight, decide, weigh
from reports.run import Run
from reports.words import factor as factor_words

MOST_SECONDS = 300.0
Progress = Callable[[str], None]
Measure = Callable[[Record, str], Record]
"""Measures the case of a record once more, by a pass of a kind."""


def measure_again(
    comparison: Comparison,
    bench: Bench,
    *,
    every: bool = False,
    factor: float = FACTOR,
    most_s: float = MOST_SECONDS,
    progress: Progress = lambda words: None,
) -> Comparison:
    """Settle what looks larger, or with `every` each cost that both runs have; at most `most_s` seconds for a case.

    What is confirmed joins what is worse.

    Raises:
        InputError: if the code of a run is not to be had.

    """
    asked = _every(comparison.common) if every else _suspects(comparison)
    if not asked:
        return comparison
    larger: list[Difference] = []
    as_before: list[Difference] = []
    undecided: list[Difference] = []
    with _code(comparison.base, now=False) as old_code, _code(comparison.head, now=True) as new_code:
        for pair, kind, questions in asked:
            sides = (_measurer(bench, old_code), _measurer(bench, new_code))
            for difference, weight in _settle(pair, kind, questions, sides, factor, most_s, progress):
                {Weight.LARGER: larger, Weight.AS_BEFORE: as_before, Weight.OPEN: undecided}[weight].append(difference)
    return dataclasses.replace(
        comparison,
        worse=(*comparison.worse, *sorted(larger, key=lambda d: -d.size)),
        suspicious=tuple(undecided),
        acquitted=tuple(as_before),
    )


Question = tuple[Pair, str, Sequence[Cost]]


def _suspects(comparison: Comparison) -> list[Question]:
    """Costs that looked larger, those of one pass together."""
    pairs = {now.case: (old, now) for old, now in comparison.common}
    asked: dict[tuple[str, str], list[Cost]] = {}
    for difference in comparison.suspicious:
        cost = next(cost for cost in costs(pairs[difference.case][1]) if cost.title == difference.title)
        asked.setdefault((difference.case, cost.kind), []).append(cost)
    return [(pairs[case], kind, found) for (case, kind), found in asked.items()]


def _every(pairs: Iterable[Pair]) -> list[Question]:
    asked: dict[tuple[str, str], list[Cost]] = {}
    both = {now.case: (old, now) for old, now in pairs if sound(old) and sound(now)}
    for case, (_, now) in both.items():
        for cost in costs(now):
            if cost.read(now) <= cost.floor:
                continue
            asked.setdefault((case, cost.kind), []).append(cost)
    return [(both[case], kind, found) for (case, kind), found in asked.items()]


def _settle(
    pair: Pair,
    kind: str,
    questions: Sequence[Cost],
    sides: tuple[Measure, Measure],
    factor: float,
    most_s: float,
    progress: Progress,
) -> Iterator[tuple[Difference, Weight]]:
    """Measure pairs until every cost is decided, or time is up."""
    begun = time.monotonic()
    seen: Mapping[str, list[tuple[float, float]]] = {cost.title: [] for cost in questions}
    waiting = list(questions)
    for number in range(LOOKS[-1]):
        progress(f"{label(pair[1])}, pair {number + 1}")
        first = number % 2
        found = {side: sides[side](pair[side], kind) for side in (first, 1 - first)}
        for cost in list(waiting):
            values = cost.read(found[0]), cost.read(found[1])
            if not all(value > 0.0 for value in values):  # A process that failed, or a cost that is none.
                waiting.remove(cost)
                yield _difference(pair, cost, seen[cost.title], found[0].reason or found[1].reason), Weight.OPEN
                continue
            seen[cost.title].append(values)
            weighed = weigh(seen[cost.title])
            weight = decide(weighed, factor)
            if weight is Weight.LARGER and weighed.ratio * values[0] - values[0] <= cost.floor:
                weight = Weight.AS_BEFORE
            if weight is not Weight.OPEN:
                waiting.remove(cost)
                yield _difference(pair, cost, seen[cost.title]), weight
        spent = time.monotonic() - begun
        if not waiting or spent * (number + 2) / (number + 1) > most_s:
            break
    for cost in waiting:
        yield _difference(pair, cost, seen[cost.title], f"stopped after {most_s:g} s"), Weight.OPEN


def _difference(pair: Pair, cost: Cost, seen: Sequence[tuple[float, float]], why: str = "") -> Difference:
    """Medians of what was seen, with the estimate of their ratio in the title."""
    _, now = pair
    base, head = (statistics.median(values) for values in zip(*seen, strict=True)) if seen else (math.nan, math.nan)
    title = f"{cost.title}, " + (_weighed_words(weigh(seen)) if seen else "not measured again")
    title += f" ({why})" if why else ""
    return Difference(label(now), now.case, title, cost.words, base, head, Verdict.WORSE)


def _weighed_words(weighed: Weighed) -> str:
    interval = f"{weighed.ratio:.2f} × ({weighed.low:.2f} to {weighed.high:.2f})"
    if weighed.ratio >= 10.0:
        interval = f"{factor_words(weighed.ratio)} × ({factor_words(weighed.low)} to {factor_words(weighed.high)})"
    return f"measured again {weighed.pairs} times by turns: {interval}"


def _measurer(bench: Bench, root: Path) -> Measure:
    return lambda record, kind: bench.measure(record, root, kind)


@contextlib.contextmanager
def _code(run: Run, *, now: bool) -> Iterator[Path]:
    """The code that a run was made with: its commit's, or `now` this checkout, uncommitted changes and all."""
    commit, dirty = str(run.environment.get("git_commit") or ""), bool(run.environment.get("git_dirty"))
    if commit and not dirty:
        with tree(commit) as folder:
            yield folder
    elif now and (commit, dirty) == revision():
        yield ROOT
    else:
        raise InputError(
            f"{run.path} was made with code that is in no commit, so that nothing of it can be measured again; "
            "commit, and make the run again"
        )
