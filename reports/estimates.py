"""Pictures of few numbers with their errors: estimates of inverse problems, beside observations, and single values."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.lines import Line2D

from problems.base import Array
from problems.families.inverse import COVERAGE, InverseProblem
from problems.families.terminal import TerminalValueProblem
from reports.drawing import Figure, Palette, canvas, finish, instant_colours, legend
from reports.run import Run
from reports.summary import Configuration, Section
from reports.svg import INK

LABEL = 30
"""Letters in a line beside a row."""
MOST_TIMES = 4
"""Instants that are drawn; more would hide each other."""


def observations(problem: InverseProblem, c: Configuration, theta: Array, name: str) -> Figure | None:
    """Observations along a line at some instants, and the exact solution for the estimate θ (p,); None for others."""
    points, values = problem.observations()
    if problem.dimension != 1 or points.shape[1] != 2:
        return None
    times = np.unique(points[:, 1])
    times = times[np.unique(np.linspace(0, len(times) - 1, MOST_TIMES).astype(int))]
    box = problem.forward(theta).domain()
    x = np.linspace(box.lower[0], box.upper[0], 201)
    shades = instant_colours(len(times))
    with canvas(2.8) as (figure, (axes,)):
        for t, shade in zip(times, shades, strict=True):
            at = points[:, 1] == t
            fitted = problem.forward(theta).reference(np.column_stack([x, np.full_like(x, t)]))
            axes.plot(points[at, 0], values[at, 0], "o", color=shade, ms=3.5, mew=0.4, mec=INK)
            axes.plot(x, fitted[:, 0], color=shade, lw=1.1)
        axes.set(xlabel="x", ylabel="u")
        legend(axes, [Line2D([], [], color=s, label=f"t = {t:.3g}") for t, s in zip(times, shades, strict=True)], 4)
        whose = ", its best seed" if len(c.rows) > 1 else ""
        note = f"Observations, and the exact solution with the parameters that {c.label} found{whose}."
        return finish(figure, name, note)


def estimates(
    problem: InverseProblem, found: Mapping[Configuration, Mapping[str, Array]], palette: Palette, name: str
) -> Figure:
    """Parameters found by each configuration, with the intervals that they state, beside truth and exact estimate."""
    unknowns, best, allowed = problem.unknowns(), problem.estimate(), COVERAGE * problem.standard_errors()
    with canvas(0.8 + 0.3 * len(found), columns=len(unknowns)) as (figure, panels):
        for k, (unknown, axes) in enumerate(zip(unknowns, panels, strict=True)):
            # Distances from the truth: those without noise differ from it in their eighth digit.
            axes.axvspan(-allowed[k], allowed[k], color=INK, alpha=0.12, lw=0)
            axes.axvline(0.0, color=INK, lw=1.2)
            axes.axvline(best[k] - unknown.true, color=INK, lw=0.8, ls=":")
            for row, (c, arrays) in enumerate(found.items()):
                stated = arrays.get("standard_errors")
                width = COVERAGE * stated[k] if stated is not None and stated.shape == best.shape else None
                off = arrays["solution"][k, 0] - unknown.true
                axes.errorbar(off, row, xerr=width, fmt="o", color=palette[c.solver], ms=4, lw=1.2, capsize=3)
            axes.set(xlabel=f"{unknown.name} − {unknown.true:g}", ylim=(len(found) - 0.5, -0.5))
            axes.locator_params(axis="x", nbins=3)
            axes.set_yticks(range(len(found)), [c.solver for c in found])
        note = (
            "Distance from the truth of the best seed of each solver, with the interval of 95 % where one is stated. "
            "The band is the interval that the noise allows, the dotted line the exact least-squares estimate."
        )
        return finish(figure, name, note)


def single_values(
    run: Run, section: Section, problem: TerminalValueProblem, palette: Palette, name: str
) -> Figure | None:
    """The one value found by every seed of each configuration, as its distance from the reference; None for none."""
    found = []
    for c in section.configurations:
        values = [(run.arrays(run.record(str(row["case"]))).get("solution"), row) for _, row in c.shown.iterrows()]
        known = [(float(v.ravel()[0]), row.get("fact.standard_error")) for v, row in values if v is not None]
        if known:
            found.append((c, known))
    if not found:
        return None
    truth = float(problem.reference(problem.points())[0, 0])
    stated = False
    with canvas(0.8 + 0.3 * len(found)) as (figure, (axes,)):
        axes.axvline(0.0, color=INK, lw=1.2)
        for row, (c, known) in enumerate(found):
            for place, (value, deviation) in enumerate(known):
                at = row + 0.5 * ((place + 0.5) / len(known) - 0.5)
                width = COVERAGE * float(deviation) if deviation is not None and np.isfinite(deviation) else None
                stated = stated or width is not None
                axes.errorbar(value - truth, at, xerr=width, fmt="o", color=palette[c.solver], ms=3, lw=1.0, capsize=2)
        axes.set(xlabel=f"u(0, ξ) − {truth:.6g}", ylim=(len(found) - 0.5, -0.5))
        axes.locator_params(axis="x", nbins=4)
        axes.set_yticks(range(len(found)), [textwrap.fill(c.label, LABEL) for c, _ in found])
        note = "Distance of what was found from the reference, one dot per seed"
        return finish(figure, name, note + (", with the interval of 95 % where one is stated." if stated else "."))
