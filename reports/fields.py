"""Pictures of fields: profiles, heat maps and slices of the solution, its error, and what the equation leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.tri import Triangulation

from problems.base import PDE, Array
from reports.drawing import (
    DIVERGING,
    HEAT,
    MOST_SAMPLES,
    WIDTH,
    Figure,
    Samples,
    canvas,
    finish,
    instant_colours,
    legend,
    log_axis,
    log_ticks,
    power_of_ten,
)
from reports.pictures import DECADES, LEAST_ERROR, SUBSCRIPTS, Scene, residual, residual_limits
from reports.summary import Configuration
from reports.svg import INK

ERRORS = sns.color_palette("flare", as_cmap=True)
FEW_TIMES = 12
"""Up to this many instants are drawn as profiles: a map between so few would show the interpolation."""
MOST_POINTS = 20_000
SLICE = 0.1
MOST_SLICED = 3
"""In more dimensions than this a solution is not shown in space."""


@dataclass(frozen=True)
class Layer:
    """A quantity (n,) at the evaluation points: sign, title, and the bounds of its logarithmic axis if it has one."""

    sign: str
    title: str
    values: Array
    limits: tuple[float, float] | None = None

    @property
    def shown(self) -> Array:
        """What is drawn: on a logarithmic axis nothing below rounding."""
        return self.values if self.limits is None else np.maximum(self.values, LEAST_ERROR)


def field(
    scene: Scene, c: Configuration, arrays: Mapping[str, Array], limits: tuple[float, float], name: str
) -> Figure:
    """The first component of a field, its error, and what the equation leaves there, where that was kept.

    `arrays` are those of its best seed; `limits` bound the error in every picture of the section.
    """
    problem, points = scene.problem, scene.points
    assert isinstance(problem, PDE)
    values, reference = arrays["solution"][:, 0], scene.reference[:, 0]
    layers = [Layer("u", "solution u", values), Layer("|error|", "|error|", np.abs(values - reference), limits)]
    whose = " of its best seed" if len(c.rows) > 1 else ""
    caption = f"{c.label}: solution and pointwise error{whose}"
    left = residual(arrays, points)
    if left is not None:
        layers.append(Layer("|residual|", "|residual|", left, residual_limits([left])))
        caption = f"{c.label}: solution, pointwise error and residual{whose}"
    if problem.steady or problem.dimension > 1:
        if problem.dimension == 1:
            return _line(points[:, 0], layers, reference, name, caption)
        if problem.dimension > MOST_SLICED:
            return _against_reference(layers, reference, name, caption)
        return _map_of_space(problem, points, layers, name, caption)
    times = np.unique(points[:, 1])
    if len(times) <= FEW_TIMES:
        return _profiles(points, layers, reference, name, caption)
    return _map_of_time(points, layers, name, caption)


def error_limits(scene: Scene, solutions: Sequence[Array]) -> tuple[float, float]:
    """A common range for the errors of several solutions, down to `DECADES` below the maximum of the best one.

    Boundary values that are met exactly would otherwise stretch it down to rounding.
    """
    errors = [np.maximum(np.abs(s[:, 0] - scene.reference[:, 0]), LEAST_ERROR) for s in solutions]
    low = max(min(float(np.quantile(e, 0.02)) for e in errors), min(float(e.max()) for e in errors) * 10.0**-DECADES)
    high = max(float(e.max()) for e in errors)
    return low, max(high, 10.0 * low)


def _profiles(points: Array, layers: Sequence[Layer], reference: Array, name: str, caption: str) -> Figure:
    times = np.unique(points[:, 1])
    shades = instant_colours(len(times))
    with _stacked(layers) as (figure, panels):
        for time, shade in zip(times, shades, strict=True):
            at = points[:, 1] == time
            order = np.argsort(points[at, 0])
            x = points[at, 0][order]
            panels[0].plot(x, reference[at][order], color=INK, lw=2.6, alpha=0.22, label=f"reference, t = {time:.3g}")
            for layer, axes in zip(layers, panels, strict=True):
                axes.plot(x, layer.shown[at][order], color=shade, lw=1.0, label=f"{layer.sign}, t = {time:.3g}")
        panels[-1].set(xlabel="x")
        handles = [Line2D([], [], color=s, label=f"t = {t:.3g}") for t, s in zip(times, shades, strict=True)]
        handles.append(Line2D([], [], color=INK, lw=2.6, alpha=0.22, label="reference"))
        legend(panels[-1], handles, 3, -0.34)
        return finish(figure, name, caption + f" at {len(times)} instants.")


@contextmanager
def _stacked(layers: Sequence[Layer]) -> Iterator[tuple[Canvas, list[Axes]]]:
    """A figure with axes for each layer, one above the other."""
    with canvas(1.9 * len(layers), rows=len(layers)) as (figure, panels):
        for layer, axes in zip(layers, panels, strict=True):
            axes.set(ylabel=layer.sign)
            if layer.limits is not None:
                log_axis(axes, "y", layer.limits)
        yield figure, panels


def _map_of_time(points: Array, layers: Sequence[Layer], name: str, caption: str) -> Figure:
    x, t = np.unique(points[:, 0]), np.unique(points[:, 1])
    shape = (len(t), len(x))
    every = max(1, int(np.ceil(points.shape[0] / MOST_POINTS)))
    kept = np.unique(np.append(np.arange(0, len(t), every), len(t) - 1))
    with canvas(2.2 * len(layers), rows=len(layers)) as (figure, panels):
        for layer, axes in zip(layers, panels, strict=True):
            mesh = axes.pcolormesh(
                x, t[kept], layer.shown.reshape(shape)[kept], shading="nearest", rasterized=True, **_shades(layer)
            )
            _finish_map(figure, axes, mesh, layer.title)
            axes.set_ylabel("t")
        panels[-1].set_xlabel("x")
        thinned = f", one in {every} time levels" if every > 1 else ""
        return finish(figure, name, caption + thinned + ".", _grid_samples(x, t, layers, shape))


def _grid_samples(x: Array, t: Array, layers: Sequence[Layer], shape: tuple[int, int]) -> Samples:
    """Values on every so manieth place and instant of a grid, its shape (instants, places)."""
    side = int(np.sqrt(MOST_SAMPLES))
    # Where there are few of one, there is room for more of the other.
    most = (max(side, MOST_SAMPLES // size) for size in reversed(shape))
    i, k = (np.unique(np.linspace(0, n - 1, min(n, m)).astype(int)) for n, m in zip(shape, most, strict=True))
    times, places = np.meshgrid(t[i], x[k], indexing="ij")
    columns = {"x": places.ravel(), "t": times.ravel()}
    return Samples.of(columns | {layer.sign: layer.values.reshape(shape)[np.ix_(i, k)].ravel() for layer in layers})


def _map_of_space(problem: PDE, points: Array, layers: Sequence[Layer], name: str, caption: str) -> Figure:
    d = problem.dimension
    chosen = np.ones(len(points), dtype=bool)
    if not problem.steady:
        chosen &= points[:, d] == points[:, d].max()
        caption += f", t = {points[:, d].max():.3g}"
    box = problem.domain()
    for axis in range(2, d):
        middle = 0.5 * (box.lower[axis] + box.upper[axis])
        chosen &= np.abs(points[:, axis] - middle) <= 0.5 * SLICE * box.lengths[axis]
        caption += f", slice |x{SUBSCRIPTS[axis]} − {middle:g}| ≤ {0.5 * SLICE * box.lengths[axis]:g}"
    x, y = points[chosen, 0], points[chosen, 1]
    with canvas(2.5, columns=len(layers), width=0.5 * WIDTH * len(layers)) as (figure, panels):
        for layer, axes in zip(layers, panels, strict=True):
            mesh: ScalarMappable
            data, style = layer.shown[chosen], _shades(layer)
            if d == 2:
                mesh = axes.tripcolor(Triangulation(x, y), data, shading="gouraud", rasterized=True, **style)
            else:
                mesh = axes.scatter(x, y, c=data, s=7, lw=0, rasterized=True, **style)
            _finish_map(figure, axes, mesh, layer.title)
            axes.set(xlabel="x₁", ylabel="x₂" if axes is panels[0] else "", aspect="equal")
        columns = {"x₁": x, "x₂": y} | {layer.sign: layer.values[chosen] for layer in layers}
        return finish(figure, name, caption + ".", Samples.of(columns))


def _against_reference(layers: Sequence[Layer], reference: Array, name: str, caption: str) -> Figure:
    """Found against true values: a slice of a box with many axes holds hardly any point."""
    ends = float(reference.min()), float(reference.max())
    with _stacked(layers) as (figure, panels):
        panels[0].plot(ends, ends, color=INK, lw=2.6, alpha=0.22)
        for layer, axes in zip(layers, panels, strict=True):
            axes.plot(reference, layer.shown, ".", color=INK, ms=2.5, mew=0, rasterized=True)
        panels[-1].set(xlabel="reference")
        columns = {"reference": reference} | {layer.sign: layer.values for layer in layers}
        text = caption + ", against the reference at each evaluation point."
        return finish(figure, name, text, Samples.of(columns))


def _line(x: Array, layers: Sequence[Layer], reference: Array, name: str, caption: str) -> Figure:
    order = np.argsort(x)
    with _stacked(layers) as (figure, panels):
        panels[0].plot(x[order], reference[order], color=INK, lw=2.6, alpha=0.22, label="reference")
        for layer, axes in zip(layers, panels, strict=True):
            axes.plot(x[order], layer.shown[order], color=INK, lw=1.0, label=layer.sign)
        panels[-1].set(xlabel="x")
        return finish(figure, name, caption + "; the wide line is the reference.")


def _shades(layer: Layer) -> dict[str, Any]:
    """Colours of a map: logarithmic ones where there are bounds, those with a middle where there are both signs."""
    if layer.limits is not None:
        return {"cmap": ERRORS, "norm": LogNorm(*layer.limits, clip=True)}
    low, high = float(np.nanmin(layer.values)), float(np.nanmax(layer.values))
    bound = max(abs(low), abs(high))
    return {"cmap": DIVERGING, "vmin": -bound, "vmax": bound} if low < -0.05 * bound else {"cmap": HEAT}


def _finish_map(figure: Canvas, axes: Axes, mesh: ScalarMappable, title: str) -> None:
    axes.grid(visible=False)
    axes.locator_params(nbins=4)
    axes.set_title(title, loc="left")
    bar = figure.colorbar(mesh, ax=axes, fraction=0.05, pad=0.03)
    if isinstance(mesh.norm, LogNorm):
        ticks = log_ticks(*mesh.get_clim())
        bar.set_ticks(ticks, labels=[power_of_ten(tick) for tick in ticks])
        bar.ax.minorticks_off()
    bar.outline.set_visible(False)
    if bar.solids is not None:
        bar.solids.set_rasterized(True)
