"""What looks larger is measured again, old code and new code by turns, before it is called a regression."""

from __future__ import annotations

import contextlib
import dataclasses
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.again import Bench, tree
from benchmarks.environment import revision
from benchmarks.interpreters import ROOT
from benchmarks.record import Record, Status
from problems import InputError
from reports.regression.comparison import Comparison, Difference, Pair, Verdict, label, surroundings
from reports.regression.costs import Cost, costs
from reports.regression.quantities import sound
from reports.regression.stored import commits_of, revision_of
from reports.regression.weighing import FACTOR, LOOKS, PROOF, Weighed, Weight, decide, weigh
from reports.run import Run
from reports.words import factor as factor_words

MOST_SECONDS, MOST_IN_ALL = 300.0, 1800.0
EVIDENT = 2.0
"""What every pair shows to have grown by more is worth the pairs that make it certain, whatever they take."""
FAILURES = 2
"""Processes of the newer code in a row that fail, while those of the older one do not, until that counts as larger."""
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
    most_in_all_s: float = MOST_IN_ALL,
    progress: Progress = lambda words: None,
) -> Comparison:
    """Settle what looks larger, or with `every` each cost that both runs have; what looks largest comes first.

    A pass of a case may take `most_s` seconds, or as long as seven pairs where all show an evident growth; all of them
    together may take `most_in_all_s`. What is confirmed joins what is worse. Where python or packages changed between
    the runs, nothing is acquitted unless `every` cost was asked for: both codes are measured with today's.

    Raises:
        InputError: if the code of a run is not to be had.

    """
    asked = _every(comparison.common) if every else _suspects(comparison)
    if not asked:
        return comparison
    larger: list[Difference] = []
    as_before: list[Difference] = []
    undecided: list[Difference] = []
    moved = "" if every or not surroundings(comparison.base, comparison.head) else OTHER_PACKAGES
    end = time.monotonic() + most_in_all_s
    with _code(comparison.base, now=False) as old_code, _code(comparison.head, now=True) as new_code:
        for pair, kind, questions in asked:
            sides = (_measurer(bench, old_code), _measurer(bench, new_code))
            for difference, weight in _settle(pair, kind, questions, sides, factor, most_s, end, progress):
                if weight is Weight.AS_BEFORE and moved:
                    undecided.append(dataclasses.replace(difference, title=f"{difference.title} ({moved})"))
                    continue
                {Weight.LARGER: larger, Weight.AS_BEFORE: as_before, Weight.OPEN: undecided}[weight].append(difference)
    return dataclasses.replace(
        comparison,
        other_machine=comparison.other_machine and not every,
        worse=(*comparison.worse, *sorted(larger, key=lambda d: -d.size)),
        suspicious=tuple(undecided),
        acquitted=tuple(as_before),
    )


OTHER_PACKAGES = "python or packages changed between the runs, and both codes were measured with today's"
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
    end: float,
    progress: Progress,
) -> Iterator[tuple[Difference, Weight]]:
    """Measure pairs until every cost is decided, or time is up; `end` is that of all cases."""
    begun = time.monotonic()
    seen: Mapping[str, list[tuple[float, float]]] = {cost.title: [] for cost in questions}
    waiting = list(questions)
    why = "no time was left"
    in_a_row = failures = 0
    for number in range(LOOKS[-1] + FAILURES if begun < end else 0):
        progress(f"{label(pair[1])}, pair {number + 1}")
        first = number % 2
        found, took = {}, {}
        try:
            for side in (first, 1 - first):
                started = time.monotonic()
                found[side] = sides[side](pair[side], kind)
                took[side] = time.monotonic() - started
        except InputError as error:
            why = str(error)
            break
        fails = [found[side].status != Status.FINISHED for side in (0, 1)]
        # A limit that the older code all but reaches proves nothing of the newer one.
        late = found[1].status == Status.TIMEOUT and factor * took[0] > most_s
        in_a_row = in_a_row + 1 if fails == [False, True] and not late else 0
        failures += fails[1]
        why = f"{failures} of {number + 1} processes of the newer code failed"
        if 0 < in_a_row < FAILURES:
            continue
        for cost in list(waiting):
            values = cost.read(found[0]), cost.read(found[1])
            if not all(value > 0.0 for value in values):  # A process that failed, or a cost that is none.
                waiting.remove(cost)
                ends = [f"{found[side].status}: {found[side].reason}" for side in (0, 1) if fails[side]]
                weight = Weight.LARGER if in_a_row == FAILURES else Weight.OPEN
                yield _difference(pair, cost, seen[cost.title], "; ".join(ends) or "there is none of it"), weight
                continue
            seen[cost.title].append(values)
            weighed = weigh(seen[cost.title])
            weight = decide(weighed, factor)
            if weight is Weight.LARGER and weighed.ratio * values[0] - values[0] <= cost.floor:
                weight = Weight.AS_BEFORE
            if weight is not Weight.OPEN:
                waiting.remove(cost)
                yield _difference(pair, cost, seen[cost.title]), weight
        now = time.monotonic()
        next_one = now + (now - begun) / (number + 1)
        evident = any(_evident(seen[cost.title]) for cost in waiting)
        if not waiting or now > end or (next_one - begun > most_s and not evident):
            why = f"stopped after {now - begun:.0f} s"
            break
    for cost in waiting:
        yield _difference(pair, cost, seen[cost.title], why), Weight.OPEN


def _evident(seen: Sequence[tuple[float, float]]) -> bool:
    """Whether a few more pairs like those that were seen prove that the cost is larger."""
    return 0 < len(seen) < PROOF and all(head > EVIDENT * base for base, head in seen)


def _difference(pair: Pair, cost: Cost, seen: Sequence[tuple[float, float]], why: str = "") -> Difference:
    """Medians of what was seen, with the estimate of their ratio in the title; as stored where nothing was."""
    _, now = pair
    base, head = (statistics.median(values) for values in zip(*seen, strict=True)) if seen else map(cost.read, pair)
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
    commit = revision_of(run.info)
    here, dirty = revision()
    if commit:
        with tree(commit) as folder:
            yield folder
    elif now and here and dirty and commits_of(run.info) == {here}:
        yield ROOT
    else:
        raise InputError(
            f"{run.path} was made with code that is in no commit, so that nothing of it can be measured again; "
            "commit, and make the run again"
        )
