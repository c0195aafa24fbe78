"""What the series over the dimension say, in sentences computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.record import Record, Status
from reports.dimension import MEMORY, Series, Study, predicted
from reports.summary import Spread
from reports.words import STRATEGIES, factor, memory

COSTLIEST = "nested-reverse"
"""What the other strategies are compared with."""
ESTIMATORS = ("hutchinson", "stde")
NAMED = 64
"""A dimension at which strategies are compared, where it was run, beside the largest."""
LOW, HIGH = 10, 1000
"""Dimensions between which the cost of an estimator is compared, or the nearest that were run."""

SAME = 0.95
"""A ratio that is a little below 1 is told as 1.0."""


def no_gpu(records: Iterable[Record]) -> list[str]:
    """That there are no figures of a GPU, where there are none."""
    measured = any(record.device != "cpu" and record.answered for record in records)
    return [] if measured else ["No GPU figures were taken: all figures below are of a CPU."]


def conclude(study: Study) -> list[str]:
    """Strategies against each other, estimators over the dimension, growth, and what did not fit."""
    chosen = representative(study.series)
    sentences = [sentence for _, mates in _alike(chosen) for sentence in _strategies(mates)]
    sentences += [sentence for series in chosen if series.strategy in ESTIMATORS for sentence in _estimator(series)]
    sentences += [sentence for _, mates in _alike(chosen) for sentence in _growth(mates)]
    return sentences + [sentence for series in study.series for sentence in _unfit(series)]


def representative(series: Sequence[Series]) -> list[Series]:
    """Of each network on each device and in each precision the settings that were run in most dimensions and ways.

    Further settings would bury the comparison of the ways; classical solvers are all kept.
    """
    best: dict[tuple[str, tuple[str, str]], tuple[tuple[str, str], ...]] = {}
    for one in series:
        mates = [other for other in series if (other.solver, other.place) == (one.solver, one.place)]
        settings = list(dict.fromkeys(other.settings for other in mates))
        best[one.solver, one.place] = max(
            settings, key=lambda s: sum(len(other.dimensions) for other in mates if other.settings == s)
        )
    return [s for s in series if s.family != "neural" or s.settings == best[s.solver, s.place]]


def share(ratio: float) -> str:
    """A ratio as a part or a multiple: 1/5.3 of, 1.3 times."""
    return f"1/{factor(1.0 / ratio)} of" if ratio < SAME else f"{factor(ratio)} times"


def named(strategy: str) -> str:
    """A way of taking second derivatives, with its article."""
    words = STRATEGIES.get(strategy, strategy)
    return words if words[:1].isupper() else f"the {words}"


def _alike(series: Sequence[Series]) -> Iterator[tuple[tuple[object, ...], list[Series]]]:
    """Series of one solver that differ in their strategy alone."""
    groups: dict[tuple[object, ...], list[Series]] = {}
    for one in series:
        groups.setdefault((one.solver, one.place, one.settings), []).append(one)
    yield from groups.items()


def _strategies(mates: Sequence[Series]) -> Iterator[str]:
    reference = next((series for series in mates if series.strategy == COSTLIEST), None)
    if reference is None:
        return
    for series in mates:
        if series is reference:
            continue
        common = sorted(
            {d for t in series.tracks for d in t.spreads if t.quantity.key != "error"}
            & {d for t in reference.tracks for d in t.spreads}
        )
        for d in dict.fromkeys([*([NAMED] if NAMED in common else []), *common[-1:]]):
            parts = [_compared(series, reference, key, d) for key in (*MEMORY, "step")]
            told = [part for part in parts if part]
            if told:
                yield (
                    f"At d = {d} {named(series.strategy)} takes {_listed(told)} of {named(COSTLIEST)} "
                    f"({_circumstances(series)})."
                )


def _compared(series: Series, reference: Series, key: str, d: int) -> str:
    mine = series.track(key)
    other = reference.track(key, mine.method) if mine else None
    if mine is None or other is None or d not in mine.spreads or d not in other.spreads:
        return ""
    method = f" ({mine.method})" if mine.method else ""
    name = "time per step" if key == "step" else mine.quantity.title
    return f"{_ratio(mine.spreads[d], other.spreads[d])} the {name}{method}"


def _ratio(mine: Spread, other: Spread) -> str:
    """The ratio of the medians, and of quartile to opposite quartile where there are any."""
    middle = share(mine.median / other.median)
    ends = mine.lower_quartile / other.upper_quartile, mine.upper_quartile / other.lower_quartile
    if mine.count < 2 or other.count < 2 or ends[0] == ends[1]:
        return middle
    lower, upper = (share(end).removesuffix(" of").removesuffix(" times") for end in ends)
    bare, _, unit = middle.rpartition(" ")
    return f"{bare} ({lower} to {upper} between quartiles) {unit}"


def _estimator(series: Series) -> Iterator[str]:
    for track in (series.track("device"), series.track("host"), series.track("step")):
        if track is None or len(track.spreads) < 2:
            continue
        low = min(track.spreads, key=lambda d: (abs(d - LOW), d))
        high = min(track.spreads, key=lambda d: (abs(d - HIGH), d))
        if low == high:
            continue
        method = f" ({track.method})" if track.method else ""
        yield (
            f"The {track.quantity.title}{method} of {named(series.strategy)} at d = {high} is "
            f"{_ratio(track.spreads[high], track.spreads[low])} that at d = {low} ({_circumstances(series)})."
        )


def _growth(mates: Sequence[Series]) -> Iterator[str]:
    tracks = [(series, track) for series in mates for track in series.tracks if track.growth]
    for key in dict.fromkeys((track.quantity.key, track.method) for _, track in tracks):
        mine = [(series, track) for series, track in tracks if (track.quantity.key, track.method) == key]
        quantity, method = mine[0][1].quantity, mine[0][1].method
        told = [
            f"{track.growth.words}{f' with {named(s.strategy)}' if s.strategy else ''}"
            for s, track in mine
            if track.growth
        ]
        title = quantity.title.capitalize() if quantity.key != "deviation" else "The " + quantity.title
        yield f"{title}{f' ({method})' if method else ''} grows as {_listed(told)} ({_circumstances(mates[0])})."


def _unfit(series: Series) -> Iterator[str]:
    lost = series.unfit
    if lost is None:
        return
    foreseen = predicted(lost)
    what = f", {memory(foreseen)} predicted" if foreseen else ""
    how = "not started" if lost.status == Status.OVER_BUDGET else "stopped at the memory limit"
    yield (
        f"d = {lost.dimension} is the first dimension that does not fit into memory with {series.label} "
        f"({series.circumstances}): {how}{what}."
    )


def _circumstances(series: Series) -> str:
    told = [f"{name} = {value}" for name, value in series.settings]
    return ", ".join([series.solver, *told, *series.place])


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
