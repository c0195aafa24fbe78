"""Error against step size: which rows form a step-size study, the order fitted to it, and where it flattens out."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from problems.base import Array
from reports.summary import Configuration, Section, absent
from reports.words import number, scientific

STEPS = {"dx": "dx", "dt": "dt", "tolerance": "fact.tolerance"}
LEAST_POINTS, LEAST_EXPONENTIAL = 3, 4
"""Points of a fit: a coarsest grid that resolves nothing would bend three points of a power like an exponential."""
FLAT, BENT = 0.4, 0.75
"""Largest local slope between points of a plateau, in parts of that before it up to one, and on the step onto it."""
NOISE = 1e-2
"""Relative scatter of an error that is not worth describing."""
UNEVEN = 0.1
"""By how much the powers by which two steps are coupled may differ from point to point: grids are whole numbers."""
SHOWN = 0.005
"""Half an interval of an order below which it is not shown."""
ROUNDING = {"float64": 1e-11, "float32": 1e-4}
"""Plateaus below these are rounding: what 16 or 7 digits leave after some 10⁴ steps or a condition number like that."""
OPEN = 1.0
"""Half an interval of an order above which the error may as well follow no power of the step."""
OWN = 3.0
"""An error is that of the reference where it is not as many times larger."""
CLEAN = 0.9
"""Below this r² the error does not follow a power of the step, and no order is given."""


@dataclass(frozen=True)
class Fit:
    """error ≈ e^intercept · step^order on the `used` coarsest steps, and the level at which it stays after them.

    `margin` is half the 95 % interval of the order. There is none where the error falls `faster` than any power, like
    e^(−c/step).
    """

    order: float | None
    intercept: float
    r_squared: float
    used: int
    plateau: float | None
    margin: float = 0.0
    faster: bool = False

    @property
    def words(self) -> str:
        """The fit in a few words."""
        level = "" if self.plateau is None else f", plateau at {scientific(self.plateau, 2)}"
        if self.order is None:
            return f"faster than any power{level}" if self.faster else "no clean order"
        interval = ""
        if self.margin >= SHOWN:
            low, high = (f"{self.order + side * self.margin:.2f}".replace("-", "−") for side in (-1.0, 1.0))
            interval = f" ({low} to {high})"
        return f"order {self.order:.2f}{interval}{level}"


@dataclass(frozen=True)
class Study:
    """Configurations of one solver that differ in their step alone, coarsest first."""

    label: str
    solver: str
    family: str
    step: str
    coupled: tuple[tuple[str, float], ...]
    """Further steps that change along with it, and the power of it that they follow; NaN where they follow none."""
    steps: tuple[float, ...]
    configurations: tuple[Configuration, ...]
    fit: Fit
    free: tuple[str, ...] = ()
    """Columns of parameters in which its configurations differ."""
    cause: str = ""
    """What the plateau comes from, as far as the rows tell."""

    def belongs(self, c: Configuration) -> bool:
        """Whether a configuration differs from those of the study in nothing but what differs among them."""
        return self.differs(c) == 0

    def differs(self, c: Configuration) -> float:
        """In how many further parameters a configuration differs from those of the study; infinite for a solver's."""
        mine, its = _identity(self.configurations[0]), _identity(c)
        names = (mine.keys() | its.keys()) - set(self.free)
        return sum(str(mine.get(n)) != str(its.get(n)) for n in names) if c.solver == self.solver else math.inf

    @property
    def words(self) -> str:
        """The fit in a few words, with the cause of a plateau."""
        return self.fit.words + (f" ({self.cause})" if self.cause else "")

    @property
    def coupling(self) -> str:
        """How further steps change with this one: " (with dt ∝ dx^2)"; empty where none does."""
        told = [
            f"{name}, unevenly" if math.isnan(power) else f"{name} ∝ {self.step}{_exponent(power)}"
            for name, power in self.coupled
        ]
        return f" (with {', '.join(told)})" if told else ""


def _exponent(power: float) -> str:
    """A power as an exponent to one decimal, nothing for the first."""
    return "" if abs(power - 1.0) < 0.05 else f"^{number(round(power, 1))}"


def fit(steps: Sequence[float], errors: Sequence[float]) -> Fit:
    """Slope of log error against log step, for at least `LEAST_POINTS` steps in descending order.

    The finest points are set aside as a plateau if the error hardly falls between them, or onto a single one, and a
    line followed by a constant describes all points better than a line alone. There is no order where its interval
    does not tell it from none, nor where it is wide and an exponential describes the points better.
    """
    x, y = np.log(np.asarray(steps, dtype=float)), np.log(np.asarray(errors, dtype=float))
    criterion, used, line = _best(x, y, x)
    margin = float(stats.t.ppf(0.975, used - 2) * line.stderr)
    faster = False
    if margin > OPEN:
        other, its, exponential = _best(x, y, -np.exp(-x))
        falls = exponential.slope > 0.0 and exponential.rvalue**2 >= CLEAN
        if other < criterion and falls and its >= LEAST_EXPONENTIAL:
            faster, used = True, its
    clean = line.rvalue**2 >= CLEAN and line.slope > margin
    plateau = float(np.exp(y[used:].mean())) if (clean or faster) and used < len(x) else None
    order = float(line.slope) if clean and not faster else None
    return Fit(order, float(line.intercept), float(line.rvalue**2), used, plateau, margin, faster)


def _best(x: Array, y: Array, at: Array) -> tuple[float, int, Any]:
    """Akaike's criterion, the number of points before a plateau, and the line of these against `at`, at its best.

    `x` and `y` are the logarithms of steps and errors.
    """
    slopes, falls = np.diff(y) / np.diff(x), np.diff(y) / np.diff(at)
    candidates = []
    for used in range(LEAST_POINTS, len(x) + 1):
        line = stats.linregress(at[:used], y[:used])
        level_slope = FLAT * min((y[0] - y[used - 1]) / (x[0] - x[used - 1]), 1.0)
        # A single point has no slope of its own: the step onto it has to be flat itself.
        bent = falls[used - 1 : used] < BENT * line.slope if used < len(x) - 1 else slopes[used - 1 :] < level_slope
        flat = (slopes[used:] < level_slope).all() and bent.all()
        if used == len(x) or flat:
            level = y[used:].mean() if used < len(x) else 0.0
            misfit = np.sum((y[:used] - line.intercept - line.slope * at[:used]) ** 2) + np.sum((y[used:] - level) ** 2)
            # A plateau costs two parameters more, its level and where it begins.
            criterion = len(x) * np.log(misfit / len(x) + NOISE**2) + (4.0 if used < len(x) else 0.0)
            candidates.append((criterion, used, line))
    return min(candidates, key=lambda candidate: candidate[0])


def studies(section: Section) -> list[Study]:
    """Every step-size study among the rows of a section.

    A study is made of three or more configurations of one solver that agree in all parameters but one, or but a few
    that change together one to one (a grid and the time step coupled to it), and whose step changes with it.
    """
    usable = [c for c in section.configurations if c.finished and c.median("error") > 0.0]
    found: list[Study] = []
    for solver in dict.fromkeys(c.solver for c in usable):
        members = [c for c in usable if c.solver == solver]
        table = pd.DataFrame([_identity(c) for c in members]).astype(str)
        varying = [name for name in table.columns if table[name].nunique() >= LEAST_POINTS]
        for size in (1, 2, 3):
            for free in itertools.combinations(varying, size):
                fixed = [name for name in table.columns if name not in free]
                for _, part in table.groupby(fixed, sort=False, dropna=False):
                    if len(part) >= LEAST_POINTS and all(part[name].nunique() == len(part) for name in free):
                        found += _study([members[i] for i in part.index], free)
    return [dataclasses.replace(study, cause=_cause(study, usable)) for study in found]


def _cause(study: Study, usable: Sequence[Configuration]) -> str:
    """What limits the error on a plateau.

    That is the training of a network, the reference, or rounding; or another step, if the same solver with a smaller
    one of that, and one setting that makes it so, came to half the error or less. "" where there is no plateau, or
    nothing tells.
    """
    level = study.fit.plateau
    if level is None:
        return ""
    if study.family == "neural":
        return "training"
    finest = study.configurations[-1]
    if finest.median("max_abs") <= OWN * finest.median("reference_error"):
        return "the reference's own error"
    if level <= ROUNDING.get(str(finest.first["precision"]), 0.0):
        return "rounding"
    better = [c for c in usable if study.differs(c) <= 1 and c.median("error") <= level / 2.0]
    for name, column in STEPS.items():
        mine = finest.median(column)
        if name not in (study.step, *dict(study.coupled)) and any(c.median(column) < mine for c in better):
            return f"{name} = {number(mine)}"
    return ""


def _identity(c: Configuration) -> dict[str, Any]:
    names = ("device", "precision", "threads", "solver_preset")
    return {k: v for k, v in c.first.items() if (k.startswith("solver.") and not absent(v)) or k in names}


def _power(steps: Sequence[float], others: Sequence[float]) -> float:
    """The power of the steps that others follow, NaN where they do not follow one closely."""
    powers = np.diff(np.log(others)) / np.diff(np.log(steps))
    return float(np.median(powers)) if np.ptp(powers) <= UNEVEN else math.nan


def _study(members: list[Configuration], free: tuple[str, ...]) -> list[Study]:
    for step, column in STEPS.items():
        values = [c.median(column) for c in members]
        if not np.isfinite(values).all() or min(values) <= 0.0 or len(set(values)) < len(values):
            continue
        order = sorted(range(len(values)), key=lambda i: -values[i])
        chosen = tuple(members[i] for i in order)
        steps = tuple(values[i] for i in order)
        others = {name: [c.median(its) for c in chosen] for name, its in STEPS.items() if name != step}
        coupled = tuple(
            (name, _power(steps, its))
            for name, its in others.items()
            if len({value for value in its if np.isfinite(value)}) == len(chosen)
        )
        first = chosen[0]
        label = first.label_without(free)
        errors = [c.median("error") for c in chosen]
        return [Study(label, first.solver, first.family, step, coupled, steps, chosen, fit(steps, errors), free)]
    return []
