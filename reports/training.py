"""What happened while networks were trained: losses, their terms, and the error against the time spent so far."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from problems.base import Array
from reports.drawing import Figure, Palette, canvas, component_colours, finish, legend, log_axis
from reports.run import Run
from reports.summary import FLOOR, Configuration, Looks, Path, Section
from reports.svg import INK
from reports.words import metric, scientific

LOSS = ("loss_iterations", "loss_history")
TRACE = ("trace_iterations", "trace_seconds", "trace_errors")
KEPT = (*LOSS, *TRACE, "loss_terms")
DASHES = ("-", "--", ":", "-.")
SEEDS: tuple[dict[str, Any], ...] = ({"ls": "-", "lw": 0.6, "alpha": 0.6}, {"ls": ":", "lw": 1.0})
"""Lines of finished and of failed seeds."""
DRAWN = 250
MOST_CURVES, MOST_PANELS = 12, 6
SPAN = 1e5
"""How far a time axis reaches back from its end: what was seen before is set-up rather than training."""


@dataclass(frozen=True, eq=False)
class Course:
    """The arrays that the training runs of a configuration left behind, by seed; failed runs are kept apart."""

    configuration: Configuration
    finished: tuple[dict[str, Array], ...]
    failed: tuple[dict[str, Array], ...]

    def losses(self) -> tuple[list[Path], list[Path]]:
        """(iterations, loss) of the finished and of the failed seeds."""
        return _together(self.finished, *LOSS), _together(self.failed, *LOSS)

    def paths(self) -> tuple[list[Path], list[Path]]:
        """(seconds, errors) of the finished and of the failed seeds."""
        return _together(self.finished, *TRACE[1:]), _together(self.failed, *TRACE[1:])

    def typical(self) -> Path | None:
        """(seconds, errors): the median over finished seeds at each look, None where they cannot be averaged."""
        looks = self.looks()
        return None if looks is None else (np.median(looks.seconds, axis=0), np.median(looks.errors, axis=0))

    def looks(self) -> Looks | None:
        """What was seen after those iterations at which every finished seed was looked at, or had ended already.

        A seed that has ended stays at what it came to. None where there are fewer than two such iterations.
        """
        seen = [a for a in self.finished if len({a[name].size if name in a else -1 for name in TRACE}) == 1]
        traces = [[np.asarray(a[name], dtype=float).ravel() for name in TRACE] for a in seen if TRACE[0] in a]
        traces = [trace for trace in traces if trace[0].size]
        common = [
            iteration
            for iteration in np.unique([at for iterations, _, _ in traces for at in iterations])
            if all(iteration in iterations or iteration > iterations[-1] for iterations, _, _ in traces)
        ]
        if len(common) < 2:
            return None
        # Of two looks after the same iteration the second one is at the parameters that were kept.
        places = [np.searchsorted(iterations, common, side="right") - 1 for iterations, _, _ in traces]
        seconds, errors = (np.array([t[k][at] for t, at in zip(traces, places, strict=True)]) for k in (1, 2))
        return Looks(np.array(common), seconds, errors)


def read(run: Run, section: Section) -> list[Course]:
    """The training runs of every network of a section, also of those that failed; a fault in looking is noted."""
    courses = []
    for c in section.configurations:
        if c.family != "neural":
            continue
        parts: tuple[list[dict[str, Array]], list[dict[str, Array]]] = ([], [])
        for _, row in c.rows.iterrows():
            parts[0 if row["ok"] else 1].append(run.arrays(run.record(str(row["case"])), KEPT))
            fault = row.get("fact.look_failure")
            if isinstance(fault, str):
                run.note(f"An unfinished solution of {c.label} on {section.problem} could not be judged: {fault}.")
        courses.append(Course(c, tuple(parts[0]), tuple(parts[1])))
    return courses


def lost_seeds(configurations: Iterable[Configuration]) -> str:
    """A sentence that counts the seeds that failed, with a space before it; empty where none did."""
    lost = [f"{c.label} {c.failed} of {len(c.rows)}" for c in configurations if c.failed]
    return f" Seeds that failed: {'; '.join(lost)}." if lost else ""


def losses(courses: Sequence[Course], palette: Palette, name: str) -> Figure | None:
    """Training loss against iterations, one band per configuration; None where no loss was kept."""
    shown, left_out = _chosen([course for course in courses if any(course.losses())])
    if not shown:
        return None
    with canvas(2.8) as (figure, (axes,)):
        handles: list[Line2D] = []
        extent: list[float] = []
        lifted = False
        for i, course in enumerate(shown):
            style: dict[str, Any] = {"color": palette[course.configuration.solver], "ls": DASHES[i % len(DASHES)]}
            (good, bad), base = _raised(course.losses())
            label = course.configuration.label
            last = float(np.median([loss[-1] for _, loss in good])) if good else float("nan")
            if base is not None:
                label += f", less its smallest {scientific(base, 4)}"
                lifted = True
            for at, loss in bad:
                axes.plot(*_thinned(at, loss), color=style["color"], ls=":", lw=0.7)
                extent += _positive(loss)
            if good:
                at, stack = common_losses(good)
                middle = np.median(stack, axis=0)
                axes.plot(at, middle, lw=1.3, label=course.configuration.label, **style)
                if len(stack) > 1:
                    low, high = stack.min(axis=0), stack.max(axis=0)
                    axes.fill_between(at, low, high, color=style["color"], alpha=0.18, lw=0)
                extent += _positive(stack)
                label += f": {scientific(last, 2)} at the end" if np.isfinite(last) else ""
            handles.append(Line2D([], [], label=label, lw=1.3, **(style if good else style | {"ls": ":"})))
        if not extent:
            return None
        log_axis(axes, "y", extent)
        axes.set(xlabel="iteration", ylabel="training loss")
        legend(axes, handles, 1, -0.24)
        caption = "Training loss: median over seeds, the band is their range, dotted lines are seeds that failed. "
        if lifted:
            caption += "A loss that is not always positive is drawn less the smallest of all that were noted. "
        lost = lost_seeds(course.configuration for course in courses)
        return finish(figure, name, f"{caption}A loss is not an error.{left_out}{lost}")


def trajectories(courses: Sequence[Course], headline: str, palette: Palette, name: str) -> Figure | None:
    """Error against solve time while training, one colour per configuration; None where nobody looked."""
    shown, left_out = _chosen([course for course in courses if any(course.paths())])
    if not shown:
        return None
    colours = shades([course.configuration for course in shown], palette)
    with canvas(3.1) as (figure, (axes,)):
        handles, times, errors = [], [], []
        for course in shown:
            colour = colours[course.configuration]
            for paths, style in zip(course.paths(), SEEDS, strict=True):
                for seconds, error in paths:
                    axes.plot(seconds, np.maximum(error, FLOOR), color=colour, **style)
                    # The first look often comes before the first step; its line enters from the left.
                    times += _positive(seconds[1:])
                    errors += _positive(np.maximum(error, FLOOR))
            typical = course.typical()
            if typical is not None:
                shown_errors = np.maximum(typical[1], FLOOR)
                axes.plot(typical[0], shown_errors, color=colour, lw=1.8, label=course.configuration.label)
            line = "-" if course.finished else ":"
            handles.append(Line2D([], [], color=colour, lw=1.8, ls=line, label=course.configuration.label))
        if not times or not errors:
            return None
        log_axis(axes, "x", [max(t, max(times) / SPAN) for t in times])
        log_axis(axes, "y", errors)
        axes.set(xlabel="solve time / s", ylabel=metric(headline))
        legend(axes, handles, 1, -0.22)
        caption = (
            "Error against solve time during training, without the time spent judging: thin lines are seeds (dotted "
            "where they failed in the end), thick ones their median after the iterations at which all were looked at, "
            "where a seed that ended before stays at its end."
        )
        return finish(figure, name, caption + left_out + lost_seeds(course.configuration for course in courses))


def terms(courses: Sequence[Course], name: str) -> Figure | None:
    """The terms of the loss and their total, one panel per configuration; None where no terms were kept."""
    found = [(course.configuration, arrays) for course in courses if (arrays := _with_terms(course)) is not None]
    if not found:
        return None
    shown = found[:MOST_PANELS]
    names = list(dict.fromkeys(name for c, arrays in shown for name in _term_names(c, arrays)))
    colours = dict(zip(names, component_colours(len(names)), strict=True))
    with canvas(0.6 + 1.3 * len(shown), len(shown), gap=0.4) as (figure, panels):
        for (c, arrays), axes in zip(shown, panels, strict=True):
            _panel(axes, c, arrays, colours)
        panels[-1].set_xlabel("iteration")
        handles = [Line2D([], [], color=colour, lw=1.0, label=name) for name, colour in colours.items()]
        legend(panels[-1], handles, 3, -0.6)
        caption = "Total loss (dark) and its terms, of the first seed that finished."
        if any(_lifted(arrays) for _, arrays in shown):
            caption += " What is not always positive is drawn less its smallest value, which the title gives."
        if len(found) > len(shown):
            more = len(found) - len(shown)
            caption += f" {more} more configuration{'s are' if more > 1 else ' is'} not shown."
        return finish(figure, name, caption)


def behind(courses: Sequence[Course]) -> list[tuple[Configuration, Path]]:
    """One path for each configuration: the median over seeds, or that of the seed with the median final error."""
    found = []
    for course in courses:
        paths = [path for path in course.paths()[0] if np.isfinite(path[1]).any()]
        if paths:
            middle = sorted(paths, key=lambda path: path[1][np.isfinite(path[1])][-1])[(len(paths) - 1) // 2]
            found.append((course.configuration, course.typical() or middle))
    return found


def looks(courses: Sequence[Course]) -> dict[Configuration, Looks]:
    """What was seen of every configuration whose seeds were looked at alike."""
    return {course.configuration: seen for course in courses if (seen := course.looks())}


def shades(configurations: Sequence[Configuration], palette: Palette) -> dict[Configuration, str]:
    """A colour for each configuration: that of its solver, as long as no two configurations share one."""
    solvers = [c.solver for c in configurations]
    if len(set(solvers)) == len(solvers):
        return {c: palette[c.solver] for c in configurations}
    return dict(zip(configurations, component_colours(len(configurations)), strict=True))


def _chosen(courses: Sequence[Course]) -> tuple[list[Course], str]:
    """As many courses as can be told apart, in their order, and a sentence on those that are left out."""
    if len(courses) <= MOST_CURVES:
        return list(courses), ""
    errors = [course.configuration.median("error") for course in courses]
    best = set(sorted(range(len(courses)), key=lambda i: (np.isnan(errors[i]), errors[i]))[:MOST_CURVES])
    shown = [course for i, course in enumerate(courses) if i in best]
    return shown, f" Of {len(courses)} configurations the {MOST_CURVES} most accurate ones are shown."


def _together(seeds: Iterable[dict[str, Array]], along: str, values: str) -> list[Path]:
    """Both arrays of the seeds that have them, where they fit together and show more than one moment."""
    kept = [(a[along], np.asarray(a[values], dtype=float)) for a in seeds if along in a and values in a]
    pairs = [(at.ravel(), value.ravel()) for at, value in kept]
    return [(at, value) for at, value in pairs if at.size == value.size > 1]


def common_losses(histories: Sequence[Path]) -> Path:
    """Losses of several seeds at the iterations that all noted: (n,) and (seeds, n); what has no logarithm is NaN."""
    at = functools.reduce(np.intersect1d, [at for at, _ in histories])
    stack = np.array([loss[np.searchsorted(own, at)] for own, loss in histories])
    stack = np.where(np.isfinite(stack) & (stack > 0.0), stack, np.nan)
    keep = _kept(at.size)
    return at[keep], stack[:, keep]


def _raised(losses: tuple[list[Path], list[Path]]) -> tuple[tuple[list[Path], list[Path]], float | None]:
    """Losses that have logarithms: less the smallest of all seeds where one is not positive, and that smallest loss."""
    base = _smallest(np.concatenate([loss for part in losses for _, loss in part]))
    if base is None:
        return losses, None
    good, bad = ([(at, loss - base) for at, loss in part] for part in losses)
    return (good, bad), base


def _smallest(values: Array) -> float | None:
    """The smallest finite value where it is negative, else None."""
    finite = values[np.isfinite(values)]
    return float(finite.min()) if finite.size and finite.min() < 0.0 else None


def _lifted(arrays: dict[str, Array]) -> list[tuple[int, float]]:
    """Curves of a panel that are drawn less their smallest value, and that value: 0 is the total, then the terms."""
    curves = [np.asarray(arrays[LOSS[1]], dtype=float).ravel(), *arrays["loss_terms"].T]
    smallest = ((k, _smallest(curve)) for k, curve in enumerate(curves))
    return [(k, value) for k, value in smallest if value is not None]


def _thinned(at: Array, values: Array) -> Path:
    keep = _kept(at.size)
    return at[keep], values[keep]


def _kept(length: int) -> Array:
    return np.unique(np.linspace(0, length - 1, min(length, DRAWN)).astype(int))


def _positive(values: Array) -> list[float]:
    """The extremes of what a logarithmic axis can show."""
    good = values[np.isfinite(values) & (values > 0.0)]
    return [float(good.min()), float(good.max())] if good.size else []


def _with_terms(course: Course) -> dict[str, Array] | None:
    for arrays in course.finished:
        terms = arrays.get("loss_terms")
        if terms is not None and all(name in arrays for name in LOSS):
            notes = arrays[LOSS[0]].size
            if terms.ndim == 2 and len(terms) == notes == arrays[LOSS[1]].size > 1 and np.isfinite(terms).any():
                return arrays
    return None


def _term_names(c: Configuration, arrays: dict[str, Array]) -> list[str]:
    """What the solver calls the terms, or numbers."""
    said, count = c.first.get("fact.term_names"), arrays["loss_terms"].shape[1]
    names = [part.strip() for part in said.split(",")] if isinstance(said, str) else []
    return names if len(names) == count else [f"term {i + 1}" for i in range(count)]


def _panel(axes: Axes, c: Configuration, arrays: dict[str, Array], colours: dict[str, str]) -> None:
    at, names = arrays[LOSS[0]].ravel(), _term_names(c, arrays)
    curves = [np.asarray(arrays[LOSS[1]], dtype=float).ravel(), *np.asarray(arrays["loss_terms"], dtype=float).T]
    title, extent = c.label, []
    for k, base in _lifted(arrays):
        curves[k] = curves[k] - base
        title += f"; {names[k - 1] if k else 'total'} less {scientific(base, 4)}"
    styles: list[dict[str, Any]] = [{"color": INK, "lw": 1.3}, *({"color": colours[name], "lw": 1.0} for name in names)]
    for curve, style in zip(curves, styles, strict=True):
        axes.plot(*_thinned(at, curve), **style)
        extent += _positive(curve)
    log_axis(axes, "y", extent)
    axes.set_title(title, loc="left", fontsize=7.5)
