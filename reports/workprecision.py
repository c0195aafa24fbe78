"""Work–precision diagrams and step-size studies: errors on logarithmic axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from benchmarks.record import Status
from reports.convergence import STEPS, Study
from reports.drawing import (
    LINES,
    MARKERS,
    WIDE,
    Bar,
    Figure,
    Palette,
    bars,
    canvas,
    finish,
    legend,
    log_axis,
    solver_handle,
)
from reports.summary import FLOOR, Configuration, Path, Section, Spread, pareto
from reports.svg import INK
from reports.training import lost_seeds
from reports.words import WORK, metric

MOST_PATHS = 8
"""More trajectories than this behind the points would hide them."""


SAME_LIMIT = 1e-6


def work_precision(
    section: Section, work: str, palette: Palette, name: str, paths: Sequence[tuple[Configuration, Path]] = ()
) -> Figure | None:
    """Error against time for both families, or None where fewer than two configurations have both.

    `paths` are drawn behind, as the way on which a network came to its point; they do not widen the axes, and they are
    left out where they are more than `MOST_PATHS`.
    """
    points = [(c, c.spread(work), c.spread("error")) for c in section.configurations if c.finished]
    drawn = [(c, time, error) for c, time, error in points if time and error and time.least > 0.0]
    if len(drawn) < 2:
        return None
    with canvas(3.5, width=WIDE) as (figure, (axes,)):
        behind = [] if len(paths) > MOST_PATHS else list(paths)
        for c, (seconds, errors) in behind:
            label = f"{c.label}, while it was trained"
            shown = np.maximum(errors, FLOOR)
            axes.plot(seconds, shown, color=palette[c.solver], lw=0.7, alpha=0.35, zorder=1, label=label)
        _whiskers(axes, [(palette[c.solver], time, error) for c, time, error in drawn])
        for c, time, error in drawn:
            fill = palette[c.solver] if c.answers else "none"
            marker = Line2D([time.median], [max(error.median, FLOOR)], marker=MARKERS.get(c.family, "s"), ms=5.0, ls="")
            marker.set(label=c.label, color=palette[c.solver], markerfacecolor=fill, markeredgewidth=1.0, zorder=3)
            axes.add_line(marker)
        marks: list[Line2D] = []
        printed = [(time.median, max(error.median, FLOOR)) for c, time, error in drawn if c.published]
        if printed:
            ring: dict[str, Any] = {"color": INK, "marker": "o", "ls": "", "ms": 9.5, "mfc": "none", "mew": 0.8}
            ring["label"] = "set-up of a published figure"
            axes.plot(*zip(*printed, strict=True), zorder=4, **ring)
            marks.append(Line2D([], [], **ring))
        fronts: list[tuple[float, float]] = []
        for family, line in LINES.items():
            ways = [section.reached(c, work) for c, _, _ in drawn if c.family == family and c.answers]
            members = [(float(t), float(e)) for way in ways for t, e in zip(*way, strict=True) if math.isfinite(e)]
            front = [members[i] for i in pareto(members)]
            fronts += front
            if len(front) > 1:
                style: dict[str, Any] = {"color": INK, "lw": 0.9, "ls": line, "alpha": 0.55}
                style["label"] = f"{family} Pareto front"
                axes.step(*zip(*front, strict=True), where="post", **style)
                marks.append(Line2D([], [], **style))
        log_axis(axes, "x", [v for _, t, _ in drawn for v in (t.least, t.most)] + [time for time, _ in fronts])
        log_axis(
            axes, "y", [max(v, FLOOR) for _, _, e in drawn for v in (e.least, e.most)] + [error for _, error in fronts]
        )
        axes.set(xlabel=WORK[work], ylabel=metric(section.headline))
        legend(axes, _solver_handles((c for c, _, _ in drawn), palette) + marks, 2, -0.2)
        left_out = len(section.configurations) - len(drawn)
        caption = (
            f"Error against {WORK[work].removesuffix(' / s')}; the lower left is better. Markers are medians over "
            "seeds (hollow where no more seeds finished than failed, or where what was found is no answer), thick bars "
            "quartiles, thin bars the whole range; lines are the Pareto fronts."
        )
        if printed:
            caption += " Rings mark set-ups for which a source prints a figure."
        if section.ways:
            caption += " That of networks follows their training: after this time the median error stayed that small."
        if behind:
            caption += " Pale lines show the way of a network while it was trained."
        if left_out:
            caption += f" {left_out} of {len(section.configurations)} configurations have no answer to show."
        return finish(figure, name, caption + lost_seeds(c for c, _, _ in drawn))


def step_study(studies: Sequence[Study], section: Section, palette: Palette, name: str) -> Figure:
    """Error against one kind of step, with the fitted line where there is a clean order."""
    step = studies[0].step
    with canvas(3.2) as (figure, (axes,)):
        handles = []
        steps, errors = [], []
        shapes = ("o", "s", "^", "v", "D", "P", "X", "*")
        repeats: dict[str, int] = {}
        for study in studies:
            x = np.array(study.steps)
            spreads = [c.spread("error") for c in study.configurations]
            y = np.array([max(s.median, FLOOR) for s in spreads if s])
            shape = shapes[repeats.setdefault(study.solver, 0) % len(shapes)]
            repeats[study.solver] += 1
            colour = palette[study.solver]
            ranges = [(at, s) for at, s in zip(x, spreads, strict=True) if s and s.count > 1]
            bars(axes, [(colour, [at, at], [max(s.least, FLOOR), s.most]) for at, s in ranges], 0.8)
            axes.plot(x, y, shape, color=colour, ms=5, mew=0, label=study.label)
            fit = study.fit
            if fit.order is not None:
                law = np.exp(fit.intercept) * x[: fit.used] ** fit.order
                axes.plot(x[: fit.used], law, color=colour, lw=1.1, label=f"{study.label}: {study.words}")
            if fit.plateau is not None:
                axes.plot(x[fit.used - 1 :], [fit.plateau] * (len(x) - fit.used + 1), color=colour, lw=1.1, ls=":")
            handles.append(Line2D([], [], color=colour, marker=shape, ms=5, mew=0, lw=1.1))
            handles[-1].set_label(f"{study.label}{study.coupling}: {study.words}")
            limit = stability_limit(study)
            if limit is not None:
                axes.axvline(limit, color=colour, lw=1.0, ls="-.")
                handles.append(Line2D([], [], color=colour, lw=1.0, ls="-."))
                handles[-1].set_label(f"largest stable dt of {study.label}")
                steps.append(limit)
            steps += list(x)
            errors += list(y) + [v for s in spreads if s for v in (max(s.least, FLOOR), s.most)]
        lost = [point for study in studies for point in _diverged(study, section)]
        log_axis(axes, "x", [*steps, *(at for at, _ in lost)])
        log_axis(axes, "y", errors)
        for at, solver in lost:
            top = axes.get_xaxis_transform()
            axes.plot([at], [0.97], "x", color=palette[solver], ms=6, mew=1.4, transform=top, clip_on=False)
        unit = "relative tolerance" if step == "tolerance" else step
        axes.set(xlabel=unit, ylabel=metric(section.headline))
        legend(axes, handles, 1, -0.22)
        caption = (
            f"Error against {unit}. Solid lines are powers of the step fitted to the points before a plateau, dotted "
            "lines are plateaus, where something other than this step limits the error; what that is stands in "
            "brackets where the rows tell. So does the interval of 95 % of an order."
        )
        if step != "tolerance" and any(study.family == "neural" for study in studies):
            caption += f" The {step} of scattered collocation points is that of a grid of as many."
        if any(stability_limit(study) is not None for study in studies):
            caption += " Beyond a dash-dotted line the scheme is not stable, as estimated at the start."
        if lost:
            caption += " Crosses at the top are steps with which it diverged."
        return finish(figure, name, caption + lost_seeds(c for study in studies for c in study.configurations))


def stability_limit(study: Study) -> float | None:
    """The largest stable time step in a study of time steps, None where there is none or it moves with another step."""
    if study.step != "dt":
        return None
    limits = [c.median("fact.stability_limit") for c in study.configurations]
    same = all(math.isclose(limit, limits[0], rel_tol=SAME_LIMIT) for limit in limits)
    return limits[0] if same and limits[0] > 0.0 else None


def _diverged(study: Study, section: Section) -> list[tuple[float, str]]:
    """Steps of a study with which its solver diverged with something to show, and that solver."""
    if study.coupled:
        return []
    lost = [c for c in section.configurations if c.first["status"] == Status.DIVERGED and study.belongs(c)]
    steps = [c.median(STEPS[study.step]) for c in lost]
    return [(step, study.solver) for step in steps if step > 0.0]


def _whiskers(axes: Axes, points: Iterable[tuple[str, Spread, Spread]]) -> None:
    several = [(colour, t, e) for colour, t, e in points if max(t.count, e.count) > 1]
    for low, high, width in (("least", "most", 0.8), ("lower_quartile", "upper_quartile", 2.6)):
        lines: list[Bar] = []
        for colour, time, error in several:
            x, y = (time.median,) * 2, (max(error.median, FLOOR),) * 2
            lines.append((colour, x, [max(getattr(error, side), FLOOR) for side in (low, high)]))
            lines.append((colour, [getattr(time, side) for side in (low, high)], y))
        bars(axes, lines, width)


def _solver_handles(configurations: Iterable[Configuration], palette: Palette) -> list[Line2D]:
    solvers = {c.solver: c.family for c in configurations}
    ordered = sorted(solvers.items(), key=lambda item: item[1])
    return [solver_handle(solver, family, palette) for solver, family in ordered]
