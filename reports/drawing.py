"""Common ground of all figures: one colour per solver, one marker per family, and SVG that follows its page.

Figures are drawn in two stand-in colours for ink and rules. `Figure.inline` turns them into CSS (`currentColor` and
`--rule`), so a figure follows a dark page; `Figure.standalone` turns them into plain colours on white.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from problems.base import Array
from reports import renderer, svg
from reports.svg import INK, RULE

MARKERS = {"classical": "o", "neural": "D"}
LINES = {"classical": "-", "neural": "--"}
WIDE, WIDTH = 5.0, 4.4
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
ROW, LEGEND_DEPTH = 0.2, 1.0
"""Inches that a legend takes at most for a line, and at most lies below its axes."""
MOST_POINTS, MOST_SAMPLES = 400, 1600
"""Points of a curve, and of a map, that are handed on as data."""
OLIVE, ULTRAMARINE = "#999933", "#4848f8"
"""For when the colours of seaborn do not suffice: one of the muted ones of P. Tol (SRON/EPS/TN/09-002, 2021), and one
that has a contrast of 3 to a white and to a dark page and lies far from the others in CIELAB, also for those who see no
red or no green (Machado et al. 2009, IEEE TVCG 15, 1291)."""
HEAT, DIVERGING = "viridis", "RdBu_r"
VISIBLE = (0.35, 0.75)
"""Ends of the part of `HEAT` that thin lines are seen in."""
STYLE: Any = {
    "svg.fonttype": "none",
    # Names come from anybody; nothing here is a formula.
    "text.parse_math": False,
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    # No title has to evade ticks above its axes, of which there are none.
    "axes.titley": 1.0,
    "axes.labelsize": 9.0,
    "legend.fontsize": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "path.simplify_threshold": 0.25,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


@dataclass(frozen=True)
class Curve:
    """Points that were drawn, as a line or as markers; `step` is a line that falls at the next point.

    Markers may be `hollow`. What has no colour is drawn in that of the text.
    """

    label: str
    colour: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    line: bool
    step: bool = False
    hollow: bool = False


@dataclass(frozen=True)
class Panel:
    """The curves of one pair of axes that have a label."""

    title: str
    x: str
    y: str
    x_log: bool
    y_log: bool
    curves: tuple[Curve, ...]
    x_falls: bool = False
    """Whether x falls to the right."""

    @property
    def zoomable(self) -> bool:
        """Whether no line turns back: a chart to zoom into has one value for each x."""
        return all(not curve.line or curve.x in (to := tuple(sorted(curve.x)), to[::-1]) for curve in self.curves)


@dataclass(frozen=True)
class Samples:
    """What a map is drawn from, thinned where that is much: names of columns, and their values."""

    names: tuple[str, ...]
    columns: tuple[tuple[float | None, ...], ...]

    @classmethod
    def of(cls, columns: Mapping[str, Array]) -> Samples:
        """Arrays (n,) under their names, of which at most `MOST_SAMPLES` rows are kept, evenly spread.

        What is not finite becomes None.
        """
        n = len(next(iter(columns.values())))
        kept = np.unique(np.linspace(0, n - 1, min(n, MOST_SAMPLES)).astype(int))
        shown = (_short(values[kept], 4) for values in columns.values())
        return cls(tuple(columns), tuple(tuple(v if math.isfinite(v) else None for v in values) for values in shown))


@dataclass(frozen=True)
class Figure:
    """A drawn figure: its name (unique in a report), caption, SVG in stand-in colours, and what it shows as data.

    These are the curves of its panels, and of a map `samples`.
    """

    name: str
    caption: str
    svg: str
    panels: tuple[Panel, ...] = ()
    samples: Samples | None = None

    @property
    def zoomable(self) -> bool:
        """Whether it has curves, all of which fit a chart to zoom into."""
        return bool(self.panels) and all(panel.zoomable for panel in self.panels)

    @property
    def inline(self) -> str:
        """SVG for a page that defines `--rule`."""
        return self.svg.replace(INK, "currentColor").replace(RULE, "var(--rule)")

    @property
    def standalone(self) -> str:
        """SVG for a file of its own, on white."""
        coloured = svg.on_white(self.svg).replace(INK, "#222222").replace(RULE, "#dddddd")
        return '<?xml version="1.0" encoding="utf-8"?>\n' + coloured + "\n"


class Palette:
    """A colour for each solver, the same one in every figure of a report: warm for networks, cool for the others."""

    def __init__(self, families: Mapping[str, str], together: Iterable[Collection[str]] = ()) -> None:
        """`families` maps each solver to its family; there are more solvers than colours.

        Those that stand `together` in a figure share one only where their family has none left.
        """
        colours = sns.color_palette("colorblind").as_hex()
        # Pale yellow and pink are last or left out: they are hard to see on white.
        warm, cool = [colours[i] for i in (3, 1, 4, 6)], [*(colours[i] for i in (0, 2, 9, 5, 7)), ULTRAMARINE, OLIVE]
        groups = [set(group) for group in together]
        self._colours: dict[str, str] = {}
        for shades, neural in ((warm, True), (cool, False)):
            used: Counter[str] = Counter()
            for solver in (name for name, family in families.items() if (family == "neural") == neural):
                beside = set().union(*(group for group in groups if solver in group)) & self._colours.keys()
                taken = {self._colours[other] for other in beside}
                self._colours[solver] = min(shades, key=lambda shade: (shade in taken, used[shade]))
                used[self._colours[solver]] += 1

    def __getitem__(self, solver: str) -> str:
        """Hexadecimal colour of a solver."""
        return self._colours[solver]


_styled = False


@contextmanager
def style() -> Iterator[None]:
    """Draw as reports do; inside of it a further one costs nothing."""
    global _styled
    if _styled:
        yield
        return
    with mpl.rc_context(STYLE):
        _styled = True
        try:
            yield
        finally:
            _styled = False


@contextmanager
def canvas(
    height: float, rows: int = 1, columns: int = 1, width: float = WIDTH, gap: float = 0.22
) -> Iterator[tuple[Canvas, list[Axes]]]:
    """A figure with its axes, under the report's style; `gap` lies between rows, in heights of one."""
    with style():
        figure = Canvas(figsize=(width, height))
        grid = figure.subplots(
            rows,
            columns,
            squeeze=False,
            sharex=columns == 1,
            sharey=rows == 1,
            gridspec_kw={"hspace": gap, "wspace": 0.6},
        )
        for axes in grid.flat:
            axes.locator_params(axis="x", nbins=6)
        yield figure, list(grid.flat)


def finish(figure: Canvas, name: str, caption: str, samples: Samples | None = None) -> Figure:
    """Write the figure of a `canvas` as SVG, cropped, without identifiers that would clash with another figure's.

    Lines that were given a label are handed on as data.
    """
    panels = tuple(panel for axes in figure.axes if (panel := _panel(axes)).curves)
    return Figure(name, caption, renderer.write(figure, name), panels, samples)


def _panel(axes: Axes) -> Panel:
    curves = [_curve(line) for line in axes.get_lines() if not str(line.get_label()).startswith("_")]
    return Panel(
        axes.get_title(loc="left").replace("\n", ", "),
        axes.get_xlabel(),
        axes.get_ylabel(),
        axes.get_xscale() == "log",
        axes.get_yscale() == "log",
        tuple(curve for curve in curves if curve.x),
        bool(axes.xaxis_inverted()),
    )


def _curve(line: Line2D) -> Curve:
    x, y = (np.asarray(values, dtype=float) for values in (line.get_xdata(), line.get_ydata()))
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    kept = known[np.unique(np.linspace(0, len(known) - 1, min(len(known), MOST_POINTS)).astype(int))]
    colour = mpl.colors.to_hex(line.get_color())
    return Curve(
        str(line.get_label()),
        "" if colour == INK else colour,
        _short(x[kept]),
        _short(y[kept]),
        line.get_linestyle() not in ("", " ", "None"),
        line.get_drawstyle() == "steps-post",
        str(line.get_markerfacecolor()) == "none",
    )


def _short(values: Array, digits: int = 5) -> tuple[float, ...]:
    """Few digits, which are more than anybody reads off."""
    return tuple(float(f"{value:.{digits}g}") for value in values)


Bar = tuple[str, Sequence[float], Sequence[float]]
"""A straight line: its colour, the x of both ends, and the y of both ends."""


def bars(axes: Axes, lines: Sequence[Bar], width: float, alpha: float = 1.0) -> None:
    """Straight lines of one width, drawn as one."""
    ends = [list(zip(x, y, strict=True)) for _, x, y in lines]
    colours = [colour for colour, _, _ in lines]
    axes.add_collection(LineCollection(ends, colors=colours, linewidths=width, alpha=alpha), autolim=False)


def legend(axes: Axes, handles: Sequence[Line2D], columns: int = 2, drop: float = -0.2) -> None:
    """A legend below the data; `drop` is its distance from the axes in axes heights."""
    if handles:
        figure = axes.get_figure()
        assert isinstance(figure, Canvas)
        # What lies beyond the figure would not be drawn.
        lines = sum(1 + str(handle.get_label()).count("\n") for handle in handles)
        _deepen(figure, LEGEND_DEPTH + ROW * math.ceil(lines / columns))
        axes.legend(
            handles=list(handles),
            loc="upper left",
            bbox_to_anchor=(-0.02, drop),
            ncols=min(columns, len(handles)),
            handlelength=1.8,
            columnspacing=1.4,
            borderaxespad=0.0,
        )


def _deepen(figure: Canvas, room: float) -> None:
    """Add room, in inches, below what is there."""
    width, height = figure.get_size_inches()
    ends = {end: (getattr(figure.subplotpars, end) * height + room) / (height + room) for end in ("bottom", "top")}
    figure.set_size_inches(width, height + room)
    figure.subplots_adjust(**ends)


def solver_handle(solver: str, family: str, palette: Palette) -> Line2D:
    """The entry of a solver in a legend."""
    return Line2D([], [], color=palette[solver], marker=MARKERS.get(family, "s"), ls="", ms=5.5, mew=0, label=solver)


def log_ticks(low: float, high: float) -> list[float]:
    """At most about eight powers of ten between the bounds; 1, 2 and 5 times them where there is hardly one."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    stride = max(1, math.ceil((last - first) / 8))
    powers = [10.0**k for k in range(first, last + 1, stride) if low <= 10.0**k <= high]
    if len(powers) > 1:
        return powers
    return [m * 10.0**k for k in range(first, last + 1) for m in (1, 2, 5) if low <= m * 10.0**k <= high]


def log_axis(axes: Axes, which: str, values: Sequence[float]) -> None:
    """A logarithmic axis that covers the values with some room around them, its ticks in plain text.

    Mathtext would take ten times longer, and no font of the page has its glyphs. Where no value has a logarithm, the
    axis stays as it is.
    """
    known = [v for v in values if v > 0.0 and math.isfinite(v)]
    if not known:
        return
    low, high = min(known), max(known)
    room = max(10.0 ** (0.06 * math.log10(high / low)), 1.6)
    getattr(axes, f"set_{which}scale")("log")
    getattr(axes, f"set_{which}lim")(low / room, high * room)
    ticks = log_ticks(low / room, high * room)
    getattr(axes, f"set_{which}ticks")(ticks, [power_of_ten(tick) for tick in ticks])
    getattr(axes, f"set_{which}ticks")([], minor=True)


def power_of_ten(value: float) -> str:
    """10⁻³, or 2·10⁻³."""
    exponent = math.floor(math.log10(value) + 1e-9)
    mantissa = round(value / 10.0**exponent)
    power = f"10{str(exponent).translate(SUPERSCRIPTS)}"
    return power if mantissa == 1 else f"{mantissa}·{power}"


@functools.cache
def component_colours(count: int) -> list[str]:
    """Colours for the components of a vector."""
    if count <= 8:
        return list(sns.color_palette("colorblind").as_hex()[:count])
    return list(sns.husl_palette(count, l=0.55).as_hex())


def instant_colours(count: int) -> list[str]:
    """Colours for instants, early ones first; the ends of the map would vanish on a dark or on a white page."""
    return [mpl.colors.to_hex(mpl.colormaps[HEAT](place)) for place in np.linspace(*VISIBLE, count)]
