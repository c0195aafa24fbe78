"""The archive as a page: every step of every series with its reason, and the trends of each case."""

from __future__ import annotations

import itertools
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib.transforms

from reports import files, html, markdown
from reports.cells import Cell, Column, Table, count, text
from reports.drawing import Figure, canvas, finish, log_axis
from reports.history.archive import Archive, Origin, Trend
from reports.history.steps import Step, pieces, steps
from reports.svg import INK
from reports.words import UNITS, factor, memory, scientific, seconds

UNEXPLAINED = "not explained"
WORDS: Mapping[str, Callable[[float], str]] = {"s": seconds, "bytes": memory, "count": count, "1": scientific}
SHADES = ("#0173b2", "#c44e00")
"""Of points and levels, and of steps."""
PANEL, ROOM, MOST_TICKS = 1.15, 0.55, 5
"""Height of a panel and of what surrounds them, in inches; ticks along the runs."""
WIDE = 30.0
"""A ratio of values from which on their axis is logarithmic; else it starts from zero."""
SHORT = 7
"""Letters of a revision that are shown."""


@dataclass(frozen=True)
class Shift:
    """A step of a series, at the run where it appears, with its reason ("" where none is known)."""

    trend: Trend
    step: Step
    origin: Origin
    reason: str


@dataclass(frozen=True)
class CaseHistory:
    """The trends of one case, of which those that moved or scatter are drawn."""

    label: str
    anchor: str
    figure: Figure


@dataclass(frozen=True)
class History:
    """What a page shows."""

    runs: Sequence[Origin]
    series: int
    shifts: Sequence[Shift]
    cases: Sequence[CaseHistory]

    @property
    def unexplained(self) -> int:
        """The number of steps without a reason."""
        return sum(not shift.reason for shift in self.shifts)


def compose(archive: Archive) -> History:
    """Read the archive, find the steps, and draw the trends."""
    trends, reasons = list(archive.trends()), archive.reasons()
    shifts = [shift for trend in trends for shift in _shifts(trend, reasons)]
    runs = _runs(trends)
    cases = []
    for number, (_, mine) in enumerate(itertools.groupby(trends, lambda trend: trend.series.case)):
        shown = [trend for trend in mine if _worth_showing(trend)]
        if shown:
            name = f"trend-{number}"
            figure = _draw(shown, [shift for shift in shifts if shift.trend in shown], name)
            cases.append(CaseHistory(shown[0].series.label, name, figure))
    shifts.sort(key=lambda shift: (shift.origin.created, abs(shift.step.ratio - 1.0)), reverse=True)
    return History(runs, len(trends), shifts, cases)


def write(history: History, folder: Path) -> tuple[Path, Path]:
    """Write `history.html`, which needs no other file, and `history.md` with `figures/`."""
    table = steps_table(history.shifts)
    drawn = {case.figure.name: case.figure.standalone for case in history.cases}
    markdown.write_all(folder / "figures", ".svg", drawn)
    return (
        files.write(folder / "history.html", html.fill("history.html.j2", history=history, steps=table)),
        files.write(folder / "history.md", markdown.fill("history.md.j2", history=history, steps=table)),
    )


def steps_table(shifts: Iterable[Shift]) -> Table:
    """Steps, the newest first."""
    columns = (
        *(Column(title, numeric=False) for title in ("case", "figure", "since")),
        *(Column(title) for title in ("before", "after", "ratio")),
        Column("reason", numeric=False),
    )
    rows = []
    for shift in shifts:
        series, step, origin = shift.trend.series, shift.step, shift.origin
        words = WORDS[series.unit]
        rows.append(
            (
                text(series.label, f"{series.case} · {series.machine}" if series.machine else series.case),
                text(series.figure),
                Cell(origin.created[:16].replace("T", " "), revision(origin), origin.created),
                Cell(words(step.before), sort=step.before),
                Cell(words(step.after), sort=step.after),
                Cell(f"{factor(step.ratio)}×" if step.ratio >= 2.0 else f"{step.ratio:.3g}×", sort=step.ratio),
                text(shift.reason) if shift.reason else text(UNEXPLAINED, kind="bad"),
            )
        )
    return Table("Steps", columns, tuple(rows))


def revision(origin: Origin) -> str:
    """The revision of a run in words."""
    return origin.revision[:SHORT] + (" and changes" if origin.dirty else "") if origin.revision else origin.name


def _runs(trends: Iterable[Trend]) -> list[Origin]:
    """Every run with a point, oldest first."""
    found = {_when(origin): origin for trend in trends for origin, _ in trend.points}
    return [found[when] for when in sorted(found)]


def _when(origin: Origin) -> tuple[str, str, str]:
    """What tells runs apart, by the time first: two machines may have made one in the same second."""
    return origin.created, origin.name, origin.machine


def _shifts(trend: Trend, reasons: Sequence[tuple[str, str, str]]) -> list[Shift]:
    found = []
    for step in steps([value for _, value in trend.points], counted=trend.series.counted):
        origin = trend.points[step.at][0]
        mine = (
            words
            for revision, case, words in reasons
            if revision and origin.revision.startswith(revision) and case in ("", trend.series.case)
        )
        found.append(Shift(trend, step, origin, next(mine, "")))
    return found


def _worth_showing(trend: Trend) -> bool:
    """Several points, which do not all say the same."""
    values = {value for _, value in trend.points}
    return len(trend.points) > 1 and (len(values) > 1 or not trend.series.counted)


def _draw(trends: Sequence[Trend], shifts: Sequence[Shift], name: str) -> Figure:
    """A panel for each figure of a case over its runs: points, levels, and steps with their numbers."""
    runs = _runs(trends)
    places = {_when(origin): place for place, origin in enumerate(runs)}
    with canvas(ROOM + PANEL * len(trends), rows=len(trends), gap=0.55) as (figure, panels):
        for trend, axes in zip(trends, panels, strict=True):
            scale, unit = _unit(trend)
            values = [value / scale for _, value in trend.points]
            xs = [places[_when(origin)] for origin, _ in trend.points]
            axes.plot(xs, values, "o", color=SHADES[0], ms=3, mew=0, alpha=0.8, label=f"{trend.series.figure}{unit}")
            found = pieces(values, counted=trend.series.counted)
            levels = [statistics.median(values[first:last]) for first, last in found]
            for (first, last), level in zip(found, levels, strict=True):
                axes.plot([xs[first] - 0.4, xs[last - 1] + 0.4], [level, level], color=SHADES[0], lw=1.2)
            for shift in (shift for shift in shifts if shift.trend == trend):
                at = xs[shift.step.at] - 0.5
                axes.axvline(at, color=SHADES[1], lw=1.0, ls="-" if not shift.reason else ":")
                across = matplotlib.transforms.blended_transform_factory(axes.transData, axes.transAxes)
                words = re.sub(r"\s+", " ", shift.reason)[:40] or "?"
                axes.text(at, 1.02, words, transform=across, color=INK, fontsize=7.5, ha="center", va="bottom")
            if min(values) > 0.0 and max(values) > WIDE * min(values):
                log_axis(axes, "y", values)
            else:
                axes.set_ylim(min(0.0, *values), 1.08 * max(values) or 1.0)
                axes.locator_params(axis="y", nbins=4)
            place = f", on {trend.series.machine}" if trend.series.machine else ""
            axes.set_title(f"{trend.series.figure}{unit}{place}", loc="left", pad=12.0)
        stride = max(1, -(-len(runs) // MOST_TICKS))
        shown = range(0, len(runs), stride)
        panels[-1].set_xticks(list(shown), [f"{runs[k].created[5:10]}\n{revision(runs[k])[:SHORT]}" for k in shown])
        panels[-1].set(xlim=(-0.7, len(runs) - 0.3), xlabel="run")
        note = "Each point is a run, each line the level of a piece; a step without a known reason is marked by “?”."
        return finish(figure, name, f"{trends[0].series.label}. {note}")


def _unit(trend: Trend) -> tuple[float, str]:
    """What the values of a trend are divided by to be drawn, and the unit that they have then, in words."""
    largest = max(value for _, value in trend.points)
    if trend.series.unit == "s":
        size, name = next((pair for pair in UNITS if largest >= pair[0]), UNITS[-1])
        return size, f" in {name}"
    return (2.0**20, " in MiB") if trend.series.unit == "bytes" else (1.0, "")
