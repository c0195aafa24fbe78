"""Pictures of solutions along a line: trajectories, eigenfunctions and flows, each beside its error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from problems import Problem
from problems.base import Array, MatrixEigenproblem
from problems.families.integral_equation import IntegralEquation
from reports.drawing import (
    LINES,
    Figure,
    Palette,
    canvas,
    component_colours,
    finish,
    legend,
    log_axis,
)
from reports.summary import Configuration
from reports.svg import INK
from reports.words import scientific

FEW_INSTANTS = 100
"""Fewer of them are drawn as dots: a line through them would show corners that no solution has."""
LEAST_ERROR = 1e-17
DECADES = 3
MOST_STATES = 4
VANISHED = 0.1
"""A state is drawn at unit length; where one was shorter than this, the legend says how long it was."""
SUBSCRIPTS = "₁₂₃₄₅₆₇₈₉"
SUBSCRIPTS_FROM_ZERO = "₀" + SUBSCRIPTS


@dataclass(frozen=True)
class Scene:
    """A problem with its evaluation points (n, k) and the reference there (n, components), computed once."""

    problem: Problem
    points: Array
    reference: Array

    @classmethod
    def of(cls, problem: Problem) -> Scene:
        """Evaluate the reference."""
        points = problem.points()
        return cls(problem, points, problem.reference(points))


def residual(arrays: Mapping[str, Array], points: Array) -> Array | None:
    """The residual (n,) kept for the evaluation points; None where there is none, or it is not finite or zero."""
    left = arrays.get("residual")
    if left is None or left.shape != (len(points),) or left.dtype.kind != "f" or not np.isfinite(left).all():
        return None
    return left if (left > 0.0).any() else None


def residual_limits(residuals: Sequence[Array]) -> tuple[float, float]:
    """The range of residuals (n,), down to `DECADES` below the largest."""
    known = np.concatenate([left[left > 0.0] for left in residuals])
    low = max(float(np.quantile(known, 0.02)), float(known.max()) * 10.0**-DECADES, LEAST_ERROR)
    return low, max(float(known.max()), 10.0 * low)


def states(scene: Scene, found: Mapping[Configuration, Mapping[str, Array]], palette: Palette, name: str) -> Figure:
    """Solutions of an initial value problem or an integral equation over the reference, and their errors.

    `found` holds the arrays of each configuration; where one of them answers outside the domain, the picture goes on.
    """
    outside = {
        name: points
        for name, points in scene.problem.further_points().items()
        if any(_fits(arrays.get(f"solution_{name}"), points) for arrays in found.values())
    }
    t, order = _merged([scene.points, *outside.values()])
    reference = scene.problem.reference(t[:, None])
    left = {c: r for c, arrays in found.items() if (r := residual(arrays, scene.points)) is not None}
    with canvas(4.4 + 1.8 * bool(left), rows=2 + bool(left)) as (figure, (top, bottom, *lowest)):
        top.plot(t, reference, color=INK, lw=3.0, alpha=0.25, label=_labels("reference", reference))
        handles = [Line2D([], [], color=INK, lw=3.0, alpha=0.25, label="reference")]
        extremes: list[float] = []
        for c, arrays in found.items():
            style = _style(c, palette)
            parts = [arrays["solution"]]
            for key, points in outside.items():
                there = arrays.get(f"solution_{key}")
                missing = np.full((len(points), reference.shape[1]), np.nan)
                parts.append(there if there is not None and _fits(there, points) else missing)
            solution = np.concatenate(parts)[order]
            top.plot(t, solution, label=_labels(c.label, solution), **style)
            error = np.maximum(np.abs(solution - reference).max(axis=1), LEAST_ERROR)
            bottom.plot(t, error, label=c.label, **style)
            extremes += [float(np.nanquantile(error, 0.02)), float(np.nanmax(error))]
            handles.append(Line2D([], [], label=c.label, **style))
        log_axis(bottom, "y", extremes)
        caption = "Solutions and their errors at the evaluation points, best seed of each solver."
        for axes in lowest:
            along = np.argsort(scene.points[:, 0])
            for c, size in left.items():
                shown = np.maximum(size[along], LEAST_ERROR)
                axes.plot(scene.points[along, 0], shown, label=c.label, **_style(c, palette))
            log_axis(axes, "y", residual_limits(list(left.values())))
            axes.set(ylabel="|residual|")
            caption += " Below is what the equation leaves, of solvers that have a residual at any point."
        if 1 < reference.shape[1] <= len(SUBSCRIPTS):
            _name_components(top, t, reference)
        if outside:
            for axes in (top, bottom):
                axes.axvline(float(scene.points[:, 0].max()), color=INK, lw=0.8, ls=":")
            caption += " The domain ends at the dotted line; networks are asked beyond it as well."
        top.set(ylabel="y")
        bottom.set(ylabel="|error|")
        last = (bottom, *lowest)[-1]
        last.set(xlabel="x" if isinstance(scene.problem, IntegralEquation) else "t")
        legend(last, handles, 1, -0.32)
        return finish(figure, name, caption)


def _style(c: Configuration, palette: Palette) -> dict[str, Any]:
    """How the line of a configuration is drawn."""
    return {"color": palette[c.solver], "ls": LINES.get(c.family, "-"), "lw": 1.1}


def _labels(label: str, values: Array) -> list[str]:
    """A label for each component of values (n, components)."""
    count = values.shape[1]
    return [label] if count == 1 else [f"{label}, y{i + 1}" for i in range(count)]


def phase_plane(
    scene: Scene, found: Mapping[Configuration, Mapping[str, Array]], palette: Palette, name: str
) -> Figure | None:
    """Both components of an initial value problem against each other; None where it has another number of them."""
    if scene.reference.shape[1] != 2:
        return None
    t = scene.points[:, 0]
    path = scene.problem.reference(np.linspace(t.min(), t.max(), 1000)[:, None])
    marker = "." if len(t) < FEW_INSTANTS else ""
    with canvas(3.4) as (figure, (axes,)):
        axes.plot(*path.T, color=INK, lw=3.0, alpha=0.25, label="reference")
        axes.plot(*path[0], "o", color=INK, ms=4)
        handles = [Line2D([], [], color=INK, lw=3.0, alpha=0.25, label="reference")]
        for c, arrays in found.items():
            style = _style(c, palette) | {"marker": marker, "lw": 0.0 if marker else 1.1}
            axes.plot(*arrays["solution"].T, label=c.label, **style)
            handles.append(Line2D([], [], label=c.label, **style))
        axes.set(xlabel="y₁", ylabel="y₂")
        legend(axes, handles, 1, -0.22)
        return finish(figure, name, "The same in the phase plane, from the dot on.")


def eigenfunctions(
    scene: Scene, found: Mapping[Configuration, Mapping[str, Array]], palette: Palette, name: str
) -> Figure:
    """Eigenfunctions of a problem on an interval over the exact ones, one panel per state, and their largest errors."""
    reference, (points, k) = scene.reference, (scene.points[:, 0], scene.reference.shape[1])
    shown = min(k, MOST_STATES)
    # Far out there is nothing to be seen.
    reach = np.abs(reference).max(axis=1)
    seen = points <= points[np.flatnonzero(reach > 1e-3 * reach.max())[-1]]
    with canvas(1.3 * (shown + 1), rows=shown + 1) as (figure, (*panels, bottom)):
        for state, axes in enumerate(panels):
            axes.plot(points[seen], reference[seen, state], color=INK, lw=3.0, alpha=0.25, label="exact")
            axes.set(ylabel=f"ψ{SUBSCRIPTS_FROM_ZERO[state]}")
        handles = [Line2D([], [], color=INK, lw=3.0, alpha=0.25, label="exact")]
        extremes: list[float] = []
        vanished = False
        for c, arrays in found.items():
            style = _style(c, palette)
            norm = float(c.shown.loc[c.shown["error"].idxmin()].get("metric.norm", np.nan))
            vanished |= norm < VANISHED
            label = f"{c.label}, norm {scientific(norm, 1)}" if norm < VANISHED else c.label
            aligned = scene.problem.align(arrays["solution"], reference)
            for state, axes in enumerate(panels):
                axes.plot(points[seen], aligned[seen, state], label=c.label, **style)
            error = np.maximum(np.abs(aligned - reference).max(axis=1), LEAST_ERROR)
            bottom.plot(points[seen], error[seen], label=c.label, **style)
            extremes += [float(np.quantile(error[seen], 0.02)), float(error[seen].max())]
            handles.append(Line2D([], [], label=label, **style))
        log_axis(bottom, "y", extremes)
        bottom.set(xlabel="x", ylabel="|error|")
        legend(bottom, handles, 1, -0.5)
        more = f" {k - shown} higher states are not shown." if k > shown else ""
        caption = "Eigenfunctions of unit length and, of all states, the largest error, best seed of each solver."
        if vanished:
            more += f" A norm below {VANISHED:g} means that a state had all but vanished and is drawn enlarged."
        return finish(figure, name, caption + more)


def flow(problem: MatrixEigenproblem, c: Configuration, t: Array, y: Array, name: str) -> Figure:
    """Normalised states of an eigenvector flow; diamonds at the end are the true eigenvector."""
    length = np.linalg.norm(y, axis=1, keepdims=True)
    paths = y / np.where(length > 0.0, length, 1.0)
    true = problem.wanted()[1]
    true = true * (np.sign(paths[-1] @ true) or 1.0)
    keep = np.unique(np.linspace(0, len(t) - 1, min(len(t), 400)).astype(int))
    with canvas(2.9) as (figure, (axes,)):
        for i, colour in enumerate(component_colours(len(true))):
            axes.plot(t[keep], paths[keep, i], color=colour, lw=1.3, label=f"x{i + 1}")
            axes.plot(
                t[-1],
                true[i],
                "D",
                label=f"true x{i + 1}",
                color=colour,
                ms=5,
                mew=0.5,
                mec=INK,
                clip_on=False,
                zorder=3,
            )
        axes.set(xlabel="t", ylabel="entries of x(t) / ‖x(t)‖", xlim=(float(t[0]), float(t[-1])))
        whose = ", best seed" if len(c.rows) > 1 else ""
        note = f"{c.label}: the flow{whose}; diamonds are the entries of the true eigenvector, its sign aligned"
        return finish(figure, name, note + ".")


def _name_components(axes: Axes, t: Array, states: Array) -> None:
    """Write y₁, y₂, … where each of the lines is farthest from its next neighbour."""
    for i, subscript in zip(range(states.shape[1]), SUBSCRIPTS, strict=False):
        distance = np.abs(np.delete(states, i, axis=1) - states[:, i : i + 1]).min(axis=1)
        k = int(np.argmax(distance))
        upper = bool(states[k, i] > np.delete(states[k], i).mean())
        shift, side = ((6, 0), "left") if upper else ((-6, 0), "right")
        axes.annotate(f"y{subscript}", (t[k], states[k, i]), xytext=shift, textcoords="offset points", ha=side)


def _fits(solution: Array | None, points: Array) -> bool:
    return solution is not None and solution.ndim == 2 and len(solution) == len(points)


def _merged(sets: Sequence[Array]) -> tuple[Array, Array]:
    """Instants of all sets, ascending, and the order that sorts what is listed set by set."""
    t = np.concatenate([points[:, 0] for points in sets])
    order = np.argsort(t, kind="stable")
    return t[order], order
