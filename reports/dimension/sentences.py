"""What the series over the dimension say, in sentences computed from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.record import Record, Status
from reports.dimension.studies import MEMORY, Series, Study, Track, predicted
from reports.summary import Spread
from reports.words import factor, listed, memory, the_strategy

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
    """Strategies against each other, estimators over the dimension, and what did not fit."""
    chosen = [series for series in representative(study.series) if series.family == "neural"]
    groups = list(_alike(chosen))
    sentences = [sentence for mates in groups for sentence in _strategies(mates)]
    sentences += [sentence for mates in groups for sentence in _estimators(mates)]
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
    """A ratio as a part or a multiple: 1/5.3, 1.3 times."""
    return f"1/{factor(1.0 / ratio)}" if ratio < SAME else f"{factor(ratio)} times"


def _alike(series: Sequence[Series]) -> Iterator[list[Series]]:
    """Series of one solver that differ in their strategy alone."""
    groups: dict[tuple[object, ...], list[Series]] = {}
    for one in series:
        groups.setdefault((one.solver, one.place, one.settings), []).append(one)
    yield from groups.values()


def _strategies(mates: Sequence[Series]) -> Iterator[str]:
    """What the strategies take of what the costliest one takes, in one sentence for each dimension, mostly one."""
    reference = next((series for series in mates if series.strategy == COSTLIEST), None)
    if reference is None:
        return
    found: dict[tuple[int, str], list[str]] = {}
    for series in mates:
        common = _measured(series) & _measured(reference) if series is not reference else set()
        if common:
            d = NAMED if NAMED in common else max(common)
            _add(found, series, (d, reference, d))
    for (d, names), told in found.items():
        yield f"At d = {d}, of {names} of {the_strategy(COSTLIEST)}, {listed(told)} ({_circumstances(reference)})."


def _estimators(mates: Sequence[Series]) -> Iterator[str]:
    """What the estimators take in many dimensions of what they take in few."""
    found: dict[tuple[int, int], dict[tuple[int, str], list[str]]] = {}
    for series in mates:
        measured = _measured(series) if series.strategy in ESTIMATORS else set()
        low, high = (min(measured, key=lambda d: (abs(d - wanted), d), default=0) for wanted in (LOW, HIGH))
        if low < high:
            _add(found.setdefault((low, high), {}), series, (high, series, low))
    for (low, _), by_names in found.items():
        for (high, names), told in by_names.items():
            yield f"At d = {high}, of {names} at d = {low}, {listed(told)} ({_circumstances(mates[0])})."


def _add(found: dict[tuple[int, str], list[str]], series: Series, pair: tuple[int, Series, int]) -> None:
    """Add what a series takes at one dimension of what another one takes at another, in memory and time."""
    d, other, there = pair
    pairs = [
        (mine, _ratio(mine.spreads[d], its.spreads[there]))
        for key in (_memory(series), "step")
        if (mine := series.track(key)) and (its := other.track(key, mine.method))
        if d in mine.spreads and there in its.spreads
    ]
    if pairs:
        names = " and ".join(f"the {_title(track)}" for track, _ in pairs)
        ratios = " and ".join(ratio for _, ratio in pairs)
        found.setdefault((d, names), []).append(f"{the_strategy(series.strategy)} takes {ratios}")


def _measured(series: Series) -> set[int]:
    """Dimensions with a figure of time or memory."""
    return {d for track in series.tracks if track.quantity.key in (*MEMORY, "step") for d in track.spreads}


def _memory(series: Series) -> str:
    """The memory to speak of: that of the device, which is the method's alone, where it was measured."""
    return "device" if series.track("device") else "host"


def _title(track: Track) -> str:
    name = "time per step" if track.quantity.key == "step" else track.quantity.title
    return f"{name} ({track.method})" if track.method else name


def _ratio(mine: Spread, other: Spread) -> str:
    """The ratio of the medians, and of quartile to opposite quartile where there are any."""
    middle = share(mine.median / other.median)
    ends = mine.lower_quartile / other.upper_quartile, mine.upper_quartile / other.lower_quartile
    if mine.count < 2 or other.count < 2 or ends[0] == ends[1]:
        return middle
    lower, upper = (share(end).removesuffix(" times") for end in ends)
    return f"{middle} ({lower} to {upper} between quartiles)"


def _unfit(series: Series) -> Iterator[str]:
    lost = series.unfit
    if lost is None:
        return
    foreseen = predicted(lost)
    what = f", {memory(foreseen)} predicted" if foreseen else ""
    how = "not started" if lost.status == Status.OVER_BUDGET else "stopped at the memory limit"
    yield (
        f"d = {lost.dimension} is the first dimension that does not fit into memory with {series.label} "
        f"({', '.join(series.place)}): {how}{what}."
    )


def _circumstances(series: Series) -> str:
    told = [f"{name} = {value}" for name, value in series.settings]
    return ", ".join([series.solver, *told, *series.place])
