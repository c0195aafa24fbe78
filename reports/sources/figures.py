"""Figures behind the claims of the sources: losses for each value of a parameter, and the mean of them against one."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from problems import Problem
from problems.base import Array
from problems.claims import AttractorClaim, RankingClaim, TrendClaim
from reports.drawing import Figure, canvas, component_colours, finish, legend, log_axis
from reports.run import Run
from reports.sources.evidence import gather, loss_curve
from reports.svg import INK
from reports.training import MOST_PANELS, common_losses
from reports.words import number

TITLE = 34
"""Letters in a line above one of two panels."""


def of_claims(run: Run, rows: pd.DataFrame, problem: type[Problem], anchor: str) -> Iterator[Figure]:
    """One figure for each parameter that claims are about; claims on the same rows share it."""
    drawn: set[tuple[Any, ...]] = set()
    for key, claim in problem.claims.items():
        if isinstance(claim, AttractorClaim) and not gather(run, rows, key, claim).empty:
            figure = sizes(rows, claim, re.sub(r"\W+", "-", f"{anchor}-{key}"))
            if figure:
                yield figure
        if not isinstance(claim, (RankingClaim, TrendClaim)):
            continue
        part = gather(run, rows, key, claim)
        if part.empty or part["level"].nunique() < 2 or (what := (type(claim), *part["case"])) in drawn:
            continue
        kind = "losses" if isinstance(claim, RankingClaim) else "trend"
        name = re.sub(r"\W+", "-", f"{anchor}-claim-{claim.parameter}-{kind}")
        drawn.add(what)
        figure = curves(run, part, claim, name) if isinstance(claim, RankingClaim) else against(part, claim, name)
        if figure:
            yield figure


def curves(run: Run, rows: pd.DataFrame, claim: RankingClaim, name: str) -> Figure | None:
    """Mean loss over seeds for each value of a parameter, with the range over seeds; one panel per group of rows."""
    values = [str(value) for value in dict.fromkeys(rows["level"])]
    colours = dict(zip(values, component_colours(len(values)), strict=True))
    groups = list(rows.groupby("group", sort=False))
    shown = groups[:MOST_PANELS]
    columns = min(2, len(shown))
    height = -(-len(shown) // columns)
    with canvas(2.4 * height, height, columns, gap=0.45) as (figure, panels):
        extents = [
            _loss_panel(run, axes, str(g), part, colours) for (g, part), axes in zip(shown, panels, strict=False)
        ]
        for axes in panels[len(shown) :]:
            axes.set_visible(False)
        extent = [value for found in extents for value in found]
        if not extent:
            return None
        for axes in panels[: len(shown)]:
            log_axis(axes, "y", extent)
        handles = [Line2D([], [], color=colour, lw=1.5, label=value) for value, colour in colours.items()]
        for axes in panels[max(0, len(shown) - columns) : len(shown)]:
            axes.set_xlabel("iteration")
        legend(panels[columns * (height - 1)], handles, 3, -0.3)
        caption = (
            f"Training loss for each {claim.parameter}: mean over the seeds that finished, the band is their range."
        )
        failed = int(rows["lost"].sum())
        caption += f" {failed} of {len(rows)} seeds failed." if failed else ""
        caption += f" {len(groups) - len(shown)} more groups are not shown." if len(groups) > len(shown) else ""
        return finish(figure, name, caption)


def against(rows: pd.DataFrame, claim: TrendClaim, name: str) -> Figure | None:
    """Mean of the losses noted at first against a parameter: median over seeds and their range, one line per group."""
    finite = rows[np.isfinite(rows["value"])]
    if finite.empty:
        return None
    groups = list(finite.groupby("group", sort=False))
    with canvas(3.0) as (figure, (axes,)):
        handles = []
        for (group, part), colour in zip(groups, component_colours(len(groups)), strict=True):
            spread = part.assign(level=part["level"].astype(float)).groupby("level")["value"]
            x = np.array(sorted(spread.groups))
            axes.plot(part["level"].astype(float), part["value"], "o", color=colour, ms=2.5, mew=0, alpha=0.6)
            axes.plot(x, spread.median().loc[x], color=colour, lw=1.5)
            axes.fill_between(x, spread.min().loc[x], spread.max().loc[x], color=colour, alpha=0.18, lw=0)
            handles.append(Line2D([], [], color=colour, lw=1.5, label=str(group)))
        at = sorted({float(level) for level in finite["level"]})
        log_axis(axes, "x", at)
        every = -(-len(at) // 6)
        axes.set_xticks(at[::every], [number(value) for value in at[::every]])
        log_axis(axes, "y", list(finite["value"]))
        axes.set(xlabel=claim.parameter, ylabel=f"mean of the noted losses, first {claim.iterations:,} iterations")
        legend(axes, handles, 1, -0.22)
        caption = (
            f"Mean of the losses noted in the first {claim.iterations:,} iterations against {claim.parameter}: dots "
            "are seeds, lines their median, bands their range."
        )
        failed = int(rows["lost"].sum())
        return finish(figure, name, caption + (f" {failed} of {len(rows)} seeds failed." if failed else ""))


def sizes(rows: pd.DataFrame, claim: AttractorClaim, name: str) -> Figure | None:
    """Error against the size of what was found, one dot per seed of every network, by the loss that it made small."""
    column = f"metric.{claim.metric}"
    neural = rows[(rows["family"] == "neural") & rows["ok"]]
    if column not in neural or "solver.objective" not in neural:
        return None
    known = neural[(neural[column] > 0.0) & (neural["error"] > 0.0)]
    if known.empty:
        return None
    groups = list(known.groupby("solver.objective", sort=False))
    with canvas(3.0) as (figure, (axes,)):
        handles = []
        for (objective, part), colour in zip(groups, component_colours(len(groups)), strict=True):
            axes.plot(part[column], part["error"], "o", color=colour, ms=4, mew=0, alpha=0.6)
            handles.append(Line2D([], [], color=colour, marker="o", ls="", ms=4, label=f"objective = {objective}"))
        log_axis(axes, "x", [*known[column], claim.size, 2.0])
        log_axis(axes, "y", list(known["error"]))
        axes.axvline(claim.size, color=INK, lw=0.8, ls=":")
        axes.set(xlabel=f"{claim.metric} of what was found", ylabel="error")
        legend(axes, handles, 2, -0.22)
        return finish(
            figure,
            name,
            f"Error against the {claim.metric} of what was found, one dot per seed of every network here: 1 for a true "
            "answer, left of the dotted line for one that has vanished.",
        )


def _loss_panel(run: Run, axes: Axes, title: str, part: pd.DataFrame, colours: dict[str, str]) -> list[float]:
    """Draw one group; the extremes of what was drawn."""
    extent: list[float] = []
    for value, mine in part[~part["lost"]].groupby("level", sort=False):
        found = [loss_curve(run, str(case)) for case in mine["case"]]
        known: list[tuple[Array, Array]] = [curve for curve in found if curve is not None]
        if not known:
            continue
        at, stack = common_losses(known)
        colour = colours[str(value)]
        axes.plot(at, stack.mean(axis=0), color=colour, lw=1.4)
        axes.fill_between(at, stack.min(axis=0), stack.max(axis=0), color=colour, alpha=0.16, lw=0)
        good = stack[np.isfinite(stack)]
        extent += [float(good.min()), float(good.max())] if good.size else []
    axes.set_title(textwrap.fill(title, TITLE), loc="left", fontsize=7.5)
    axes.locator_params(axis="x", nbins=4)
    axes.set_ylabel("training loss")
    return extent
