"""What each method takes for each accuracy, read off the front of everything that it was run with.

A method is a solver with all its settings and presets. Its front is made of the points (time, error) that no other of
its points beats in both; networks that were watched have one for every look. Between two points of a front the time is
interpolated, linearly in logarithms; what is looser than its first point takes at most as long as that.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from problems.base import Array
from reports import intervals
from reports.cells import Cell, Column, Table, text
from reports.costs import useful
from reports.drawing import (
    LINES,
    MARKERS,
    WIDE,
    Figure,
    Palette,
    bars,
    canvas,
    finish,
    legend,
    log_axis,
    solver_handle,
)
from reports.intervals import Interval
from reports.summary import FLOOR, Configuration, Section, pareto
from reports.words import WORK, metric, scientific, seconds

ACCURACIES = tuple(10.0**-power for power in range(2, 11))


@dataclass(frozen=True)
class Reach:
    """Seconds to an accuracy, and where they lie with 95 % confidence; `least` says that less may do."""

    seconds: float
    interval: Interval | None
    least: bool


@dataclass(frozen=True)
class Method:
    """A solver, and what it took for each of `ACCURACIES` that it reached."""

    solver: str
    family: str
    reaches: dict[float, Reach]


@functools.lru_cache(maxsize=256)
def methods(section: Section, work: str = "solve_median") -> tuple[Method, ...]:
    """Every solver with an answer, classical ones first; `work` is a column of times in `WORK`."""
    found = []
    for family in ("classical", "neural"):
        answering = [c for c in section.configurations if c.family == family and c.answers]
        for solver in dict.fromkeys(c.solver for c in answering):
            its = [c for c in answering if c.solver == solver and c.median(work) > 0.0]
            found.append(Method(solver, family, _reaches(section, its, work)))
    return tuple(found)


def interpolated(times: Array, errors: Array, accuracy: float) -> Array:
    """Times at which fronts reach an accuracy, infinite where they do not; (…, points) both, the result (…,)."""
    order = np.argsort(times, axis=-1, kind="stable")
    times = np.take_along_axis(times, order, -1)
    errors = np.minimum.accumulate(np.take_along_axis(errors, order, -1), axis=-1)
    there = errors <= accuracy * (1.0 + 1e-9)
    after = there.argmax(axis=-1)[..., None]
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(errors, at, -1) for at in (after, before))
    # The point before on the front is where its error came up first.
    first = (errors == high).argmax(axis=-1)[..., None]
    start, end = (np.take_along_axis(times, at, -1) for at in (first, after))
    between = np.isfinite(high) & (high > low) & (start > 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(between, np.log(high / accuracy) / np.log(high / low), 1.0).clip(0.0, 1.0)
        time = np.where(between, start ** (1.0 - share) * end**share, end)
    return np.where(there.any(axis=-1), time[..., 0], np.inf)


def table(section: Section) -> Table | None:
    """Solve times of every method to the accuracies that any of them reached; None where there is nothing to tell."""
    found = methods(section, "solve_median")
    shown = [accuracy for accuracy in ACCURACIES if any(accuracy in m.reaches for m in found)]
    if not shown:
        return None
    columns = (
        Column(f"solver, {metric(section.headline)}", numeric=False),
        *(Column(scientific(accuracy, 1), "solve time, 95 % interval") for accuracy in shown),
    )
    rows = tuple((text(m.solver, m.family), *(_cell(m.reaches.get(a)) for a in shown)) for m in found)
    return Table(
        "Time to an accuracy by method, interpolated on the front of its configurations; or less, where its fastest "
        "one is more accurate than that",
        columns,
        rows,
    )


def figure(section: Section, work: str, palette: Palette, name: str) -> Figure | None:
    """Time against accuracy, one line per method; None where no two accuracies were reached by any."""
    found = [m for m in methods(section, work) if m.reaches]
    if max((len(m.reaches) for m in found), default=0) < 2:
        return None
    with canvas(3.5, width=WIDE) as (drawn, (axes,)):
        bounds: list[float] = []
        for m in found:
            accuracies, reaches = list(m.reaches), list(m.reaches.values())
            times = [r.seconds for r in reaches]
            colour = palette[m.solver]
            known = [(a, r.interval) for a, r in m.reaches.items() if r.interval and math.isfinite(r.interval.high)]
            bars(axes, [(colour, [a, a], [i.low, i.high]) for a, i in known], 2.6, 0.4)
            bounds += [bound for _, i in known for bound in (i.low, i.high)]
            (line,) = axes.plot(accuracies, times, color=colour, ms=4.5, mew=0, lw=1.1, label=m.solver)
            line.set(marker=MARKERS.get(m.family, "s"), linestyle=LINES.get(m.family, "-"))
            bounds += times
        log_axis(axes, "x", [a for m in found for a in m.reaches])
        log_axis(axes, "y", bounds)
        axes.invert_xaxis()
        axes.set(xlabel=metric(section.headline), ylabel=WORK[work])
        legend(axes, [solver_handle(m.solver, m.family, palette) for m in found], 2, -0.2)
        return finish(
            drawn,
            name,
            f"What an accuracy costs: {WORK[work].removesuffix(' / s')} of each method against the error, which falls "
            "to the right, interpolated on the front of its configurations. A line ends where a method goes no "
            f"further, or at {scientific(ACCURACIES[-1], 1)}; it is level where the fastest configuration is more "
            "accurate than asked for, so that less might do. Bars are intervals of 95 % over seeds and rounds of "
            "solving, where they have an upper end.",
        )


def _cell(reach: Reach | None) -> Cell:
    if reach is None:
        return Cell("—", "not reached", kind="muted")
    interval = reach.interval
    bounds = f"{seconds(interval.low)} – {seconds(interval.high) or 'never'}" if interval else ""
    detail = ", ".join(filter(None, ("or less" if reach.least else "", bounds)))
    return Cell(seconds(reach.seconds), detail, reach.seconds)


def _reaches(section: Section, its: Sequence[Configuration], work: str) -> dict[float, Reach]:
    """What a method takes for each accuracy; only the points of its front are drawn again for the intervals."""
    moments = {c: section.reached(c, work) for c in its}
    points = [
        (c, k, (float(time), float(error)))
        for c, way in moments.items()
        for k, (time, error) in enumerate(zip(*way, strict=True))
        if math.isfinite(error)
    ]
    front = [points[i] for i in pareto([point for _, _, point in points])]
    if not front:
        return {}
    times, errors = (np.array([point[side] for _, _, point in front]) for side in (0, 1))
    repeated = [intervals.repetitions(c) >= intervals.FEWEST for c, _, _ in front]
    draws = _draws(section, front, moments, work) if any(repeated) else None
    found = {}
    limit = useful(section)
    for accuracy in ACCURACIES:
        if limit is not None and accuracy > 10.0**limit * (1.0 + 1e-9):
            continue
        time = float(interpolated(times, errors, accuracy))
        if not math.isfinite(time):
            break
        after = int((errors <= accuracy * (1.0 + 1e-9)).argmax())
        between = all(repeated[max(0, after - 1) : after + 1])
        interval = intervals.of_draws(interpolated(*draws, accuracy)) if draws is not None and between else None
        found[accuracy] = Reach(time, interval, bool(errors[0] < accuracy))
    return found


def _draws(
    section: Section,
    front: Sequence[tuple[Configuration, int, tuple[float, float]]],
    moments: Mapping[Configuration, tuple[Array, Array]],
    work: str,
) -> tuple[Array, Array] | None:
    """Times and errors of the points of a front, (draws, points) both; None where no round of one was kept."""
    members = list(dict.fromkeys(c for c, _, _ in front))
    drawn = {c: intervals.drawn(section, c) for c in members}
    if any(drawn[c][0].shape[1] != len(moments[c][0]) for c in members):
        return None
    before = {c: c.median(work) - c.median("solve_median") for c in members}
    times = np.stack([drawn[c][0][:, k] + before[c] for c, k, _ in front], axis=1)
    return times, np.maximum(np.stack([drawn[c][1][:, k] for c, k, _ in front], axis=1), FLOOR)
