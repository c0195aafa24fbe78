"""Figures over the dimension: time, memory and error against d on logarithmic axes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from reports.dimension.sentences import representative
from reports.dimension.studies import BOTH, MEMORY, QUANTITIES, Quantity, Series, Study, Track, predicted
from reports.drawing import Figure, Palette, canvas, finish, legend, log_axis
from reports.words import STRATEGIES, memory

SHADES = dict(zip(STRATEGIES, (3, 1, 0, 2, 4), strict=True))
"""Places of the ways of taking derivatives in the colour-blind palette."""
STYLES = (("-", "D"), ("--", "s"), ("-.", "^"), (":", "v"))
"""Lines and markers of the solvers of a figure."""
TICKS = 7
TITLE = 52
"""Letters in a line above a panel of the whole width."""


def of_study(study: Study, palette: Palette, anchor: str) -> Iterator[Figure]:
    """One figure per quantity and family, with a panel for each device, precision and method of measurement."""
    chosen = representative(study.series)
    for quantity in QUANTITIES:
        for family in BOTH:
            drawn = [
                (series, track)
                for series in chosen
                if series.family == family
                for track in series.tracks
                if track.quantity is quantity and (len(track.spreads) > 1 or _missing(series, quantity))
            ]
            if drawn:
                left_out = sum(s.family == family for s in study.series) - sum(s.family == family for s in chosen)
                yield _figure(quantity, drawn, palette, f"{anchor}-{quantity.key}-{family}", left_out)


def _figure(
    quantity: Quantity, drawn: Sequence[tuple[Series, Track]], palette: Palette, name: str, left_out: int
) -> Figure:
    panels: dict[tuple[str, ...], list[tuple[Series, Track]]] = {}
    for series, track in drawn:
        panels.setdefault((*series.place, track.method), []).append((series, track))
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    solvers = list(dict.fromkeys(series.solver for series, _ in drawn))
    styles = {solver: STYLES[i % len(STYLES)] for i, solver in enumerate(solvers)}
    ends = [v for _, t in drawn for s in t.spreads.values() for v in (s.least, s.most)]
    ends += [v for series, _ in drawn for _, v in _missing(series, quantity)]
    at = sorted({d for series, track in drawn for d in (*track.spreads, *(d for d, _ in _missing(series, quantity)))})
    with canvas(3.1 * rows, rows, columns, gap=0.42) as (figure, axes_of):
        for (place, members), axes in zip(panels.items(), axes_of, strict=False):
            for series, track in members:
                _draw(axes, series, track, _colour(series, palette), styles[series.solver])
            log_axis(axes, "y", ends)
            log_axis(axes, "x", at)
            every = max(1, math.ceil(len(at) / (TICKS if columns == 1 else TICKS // 2 + 1)))
            axes.set_xticks(at[::every], [str(d) for d in at[::every]])
            if quantity.key in MEMORY:
                _byte_ticks(axes)
            axes.set_xlabel("dimension d")
            axes.set_title(_wrapped(place, columns), loc="left", fontsize=7.5)
        for axes in axes_of[::columns]:
            axes.set_ylabel(_unit(quantity))
        for axes in axes_of[len(panels) :]:
            axes.set_visible(False)
        legend(axes_of[columns * (rows - 1)], _handles(drawn, palette, styles), 1, -0.24)
        return finish(figure, name, _caption(quantity, drawn, left_out))


def _draw(axes: Axes, series: Series, track: Track, colour: str, style: tuple[str, str]) -> None:
    line, marker = style
    at = np.array(list(track.spreads), dtype=float)
    spreads = list(track.spreads.values())
    axes.plot(at, [s.median for s in spreads], color=colour, ls=line, lw=1.2, label=series.label)
    for d, spread in zip(track.spreads, spreads, strict=True):
        hollow = track.quantity.key == "error" and not series.answers.get(d, True)
        look: dict[str, Any] = {"mfc": "none" if hollow else colour, "mec": colour, "mew": 0.9}
        axes.plot([d], [spread.median], marker, ms=3.6, **look)
    if any(s.count > 1 for s in spreads):
        lower, upper = ([getattr(s, f"{end}_quartile") for s in spreads] for end in ("lower", "upper"))
        axes.fill_between(at, lower, upper, color=colour, alpha=0.2, lw=0)
    missing = _missing(series, track.quantity)
    if missing:
        axes.plot(*zip(*missing, strict=True), "x", color=colour, ms=6, mew=1.6)
        if spreads:
            first = missing[0]
            axes.plot([at[-1], first[0]], [spreads[-1].median, first[1]], color=colour, ls=":", lw=0.8)


def _missing(series: Series, quantity: Quantity) -> list[tuple[int, float]]:
    """The first dimension that did not fit, with the bytes predicted, for figures of memory; an empty list for none."""
    if quantity.key not in MEMORY or series.unfit is None:
        return []
    foreseen = predicted(series.unfit)
    return [(series.unfit.dimension, foreseen)] if foreseen and math.isfinite(foreseen) else []


def _colour(series: Series, palette: Palette) -> str:
    if series.strategy in SHADES:
        return str(sns.color_palette("colorblind").as_hex()[SHADES[series.strategy]])
    return palette[series.solver]


def _handles(
    drawn: Sequence[tuple[Series, Track]], palette: Palette, styles: dict[str, tuple[str, str]]
) -> list[Line2D]:
    """One entry per series, with its growth where it is drawn in one panel alone."""
    found: dict[str, tuple[Series, list[Track]]] = {}
    for series, track in drawn:
        found.setdefault(series.label, (series, []))[1].append(track)
    handles = []
    for label, (series, tracks) in found.items():
        line, marker = styles[series.solver]
        growth = tracks[0].growth if len(tracks) == 1 else None
        colour = _colour(series, palette)
        told = f"{label}: {growth.words}" if growth else label
        handles.append(Line2D([], [], color=colour, ls=line, marker=marker, ms=3.6, lw=1.2, label=told))
    return handles


def _unit(quantity: Quantity) -> str:
    units = {"step": "time per step / s", "solve": "solve time / s", "device": "device memory", "host": "host memory"}
    return units.get(quantity.key, quantity.title if len(quantity.title) < 20 else "relative scatter")


def _byte_ticks(axes: Axes) -> None:
    """Ticks at powers of 1024, or of 4 or 32 where there are few, in words."""
    low, high = axes.get_ylim()
    for base in (1024.0, 32.0, 4.0, 2.0):
        powers = range(math.ceil(math.log(low, base)), math.floor(math.log(high, base)) + 1)
        if len(powers) >= 3 or base == 2.0:
            stride = max(1, math.ceil(len(powers) / 7))
            ticks = [base**k for k in powers][::stride]
            axes.set_yticks(ticks, [memory(tick) for tick in ticks])
            return


def _wrapped(place: tuple[str, ...], columns: int) -> str:
    device, precision, method = place
    lines = [f"{ {'cpu': 'CPU', 'cuda': 'GPU'}.get(device, device) }, {precision}"]
    return "\n".join(lines + textwrap.wrap(method, TITLE // columns))


def _caption(quantity: Quantity, drawn: Sequence[tuple[Series, Track]], left_out: int) -> str:
    words = quantity.heading
    if any(s.count > 1 for _, track in drawn for s in track.spreads.values()):
        words += ", the bands are quartiles over rounds and seeds"
    if quantity.key in MEMORY:
        words += "; panels tell devices, precisions and methods of measurement apart"
        if any(_missing(series, quantity) for series, _ in drawn):
            words += "; crosses are bytes predicted for the first dimension that does not fit"
    if len({(series.place, track.method) for series, track in drawn}) == 1 and any(t.growth for _, t in drawn):
        words += "; beside each series its fitted growth with the interval of 95 %"
    if quantity.key == "error" and not all(s.answers.get(d, True) for s, track in drawn for d in track.spreads):
        words += "; hollow where what was found is no answer"
    more = f" {left_out} more series with other settings are in the tables." if left_out > 0 else ""
    return f"{words}.{more}"
