"""Sections and configurations: rows that belong together, with their spread over seeds.

A section is a problem with one set of parameters. A configuration is a solver with one set of parameters in a
section; its rows differ in nothing but the seed.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.record import Status
from problems.base import Array
from problems.claims import CLAIM
from reports.words import number

NO_ANSWER = 0.5
"""A configuration whose median relative L2 error is above this has no answer: the zero function has an error of 1."""

DIMENSION = "problem.d"
"""The column of a problem's dimension, where that is one of its parameters."""

FLOOR = 1e-16
"""Errors below are shown as this: rounding alone decides about them, and zero has no logarithm."""

Path = tuple[Array, Array]
"""Seconds of training and errors, both of shape (looks,)."""


@dataclass(frozen=True)
class Spread:
    """Order statistics of a quantity over seeds."""

    median: float
    lower_quartile: float
    upper_quartile: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Iterable[Any]) -> Spread | None:
        """The spread of the finite values, or None where there is none."""
        known = np.array([v for v in values if v is not None and math.isfinite(v)], dtype=float)
        if not known.size:
            return None
        if known.size == 1:
            return cls(*(float(known[0]),) * 5, 1)
        least, lower, median, upper, most = np.quantile(known, [0.0, 0.25, 0.5, 0.75, 1.0])
        return cls(float(median), float(lower), float(upper), float(least), float(most), known.size)


@dataclass(frozen=True, eq=False)
class Configuration:
    """One solver with one set of parameters; `rows` has one row per seed.

    `settings` holds only what tells it from its neighbours: pairs of a column of the frame and its value in words.
    """

    name: str
    settings: tuple[tuple[str, str], ...]
    rows: pd.DataFrame
    tag: str = ""

    @property
    def label(self) -> str:
        """Solver, preset and the settings that matter."""
        return self.label_without(())

    def label_without(self, names: Collection[str]) -> str:
        """The label without the settings called `names`."""
        kept = [(name, value) for name, value in self.settings if name not in names]
        short = [name.rpartition(".")[2] for name, _ in kept]
        parts = [
            f"{brief if short.count(brief) == 1 else name.removeprefix('solver.')} = {value}"
            for brief, (name, value) in zip(short, kept, strict=True)
        ]
        tag = f" [{self.tag}]" if self.tag else ""
        return self.name + (f" · {', '.join(parts)}" if parts else "") + tag

    @functools.cached_property
    def first(self) -> dict[str, Any]:
        """Columns that do not depend on the seed can be read here."""
        return self.rows.iloc[0].to_dict()

    @property
    def solver(self) -> str:
        """Name of the solver."""
        return str(self.first["solver"])

    @property
    def family(self) -> str:
        """`neural` or `classical`."""
        return str(self.first["family"])

    @property
    def published(self) -> bool:
        """Whether it is the set-up of a figure that a source prints, and not of what a source claims alone."""
        return any(not tag.startswith(CLAIM) for tag in str(self.first["published"]).split())

    @functools.cached_property
    def finished(self) -> int:
        """Number of seeds that gave a finite answer."""
        return int(self.rows["ok"].sum())

    @property
    def failed(self) -> int:
        """Number of seeds that did not."""
        return len(self.rows) - self.finished

    @property
    def reliable(self) -> bool:
        """Whether more seeds finished than failed; only then a median says what a user would get."""
        return self.finished > self.failed

    @property
    def answers(self) -> bool:
        """Whether it is reliable and what it found is like the solution at all, however good its headline looks."""
        return self.reliable and self.median("relative_l2") <= NO_ANSWER

    @functools.cached_property
    def shown(self) -> pd.DataFrame:
        """Finished rows; where there are none, those that diverged with an answer to show."""
        return self.rows[self.rows["ok"]] if self.finished else self.rows[self.rows["answered"]]

    def spread(self, column: str) -> Spread | None:
        """Spread of a column over the shown rows."""
        if column not in self._spreads:
            self._spreads[column] = Spread.of(self.shown[column]) if column in self.shown else None
        return self._spreads[column]

    @functools.cached_property
    def _spreads(self) -> dict[str, Spread | None]:
        """Those that were asked for: a report asks for the same ones again and again."""
        return {}

    def median(self, column: str) -> float:
        """Median of a column over the shown rows, NaN where nothing was measured."""
        found = self.spread(column)
        return found.median if found else math.nan


@dataclass(frozen=True, eq=False)
class Looks:
    """What was seen of a training by seeds that were looked at after the same iterations.

    `iterations` is of shape (looks,), `seconds` and `errors` are (seeds, looks).
    """

    iterations: Array
    seconds: Array
    errors: Array

    def way(self) -> Path:
        """Median seconds of each look, and the median error that training stays below from there on."""
        return np.median(self.seconds, axis=0), self.kept(np.median(self.errors, axis=0))

    def kept(self, errors: Array) -> Array:
        """The largest error from each look on, along the last axis.

        What an error dips to and leaves again, nobody would have stopped at who does not know the solution. A first
        guess, before any iteration, is no work of training: as long as that has not improved on it for good, it is
        infinite.
        """
        known = np.where(np.isnan(errors), np.inf, errors)
        ahead = np.maximum.accumulate(known[..., ::-1], axis=-1)[..., ::-1]
        return np.where(ahead < known[..., :1], ahead, np.inf) if self.iterations[0] == 0 else ahead

    def idle(self, errors: Array) -> Array:
        """Whether training ended no nearer to the solution than its first guess, along the last axis of errors."""
        return np.asarray(errors[..., -1] >= errors[..., 0]) & (self.iterations[0] == 0)


@dataclass(frozen=True, eq=False)
class Section:
    """A problem with one set of parameters, and every configuration that was tried on it.

    `title` is the preset, or the parameters in which the sections of the problem differ; empty for a single section.
    `looks` has what was seen of networks that were watched.
    """

    problem: str
    title: str
    headline: str
    configurations: tuple[Configuration, ...]
    looks: Mapping[Configuration, Looks] = field(default_factory=dict)

    @functools.cached_property
    def ways(self) -> dict[Configuration, Path]:
        """Of networks that were watched the median error over seeds that training stays below from each look on."""
        return {c: looks.way() for c, looks in self.looks.items()}

    def idle(self, c: Configuration) -> bool:
        """Whether `c` was watched, and training it came to nothing that its first guess was not."""
        looks = self.looks.get(c)
        return looks is not None and bool(looks.idle(np.median(looks.errors, axis=0)))

    def unfinished(self, family: str) -> str:
        """Why nothing of a family finished: "not run", or how its rows ended; empty where something did."""
        tried = [c for c in self.configurations if c.family == family]
        if any(c.finished for c in tried):
            return ""
        ends = dict.fromkeys(str(status) for c in tried for status in c.rows["status"])
        # A row that finished without a finite error to judge it by is not `ok`.
        return ", ".join(str(Status.NOT_FINITE) if end == Status.FINISHED else end for end in ends) or "not run"

    def of_family(self, family: str) -> list[Configuration]:
        """Configurations of a family that answer, on most of their seeds, fastest first."""
        found = [c for c in self.configurations if c.family == family and c.answers]
        return sorted(found, key=lambda c: c.median("solve_median"))

    def seconds_to(self, c: Configuration, accuracy: float) -> float:
        """Median solve time after which the median error of `c` is at most `accuracy` for good; infinite if never.

        A network that was watched could have been stopped there, unless its training was idle. Of all others the whole
        solve counts.
        """
        within = accuracy * (1.0 + 1e-9)
        if not c.median("error") <= within or self.idle(c):
            return math.inf
        whole = c.median("solve_median")
        seconds, errors = self.ways.get(c, (np.empty(0), np.empty(0)))
        there = np.flatnonzero(errors <= within)
        return min(whole, float(seconds[there[0]])) if len(there) else whole

    def reached(self, c: Configuration, work: str) -> Path:
        """Median times (moments,) of `c`, and what it had come to by them for good, the end of solving last.

        `work` is a column of times. A network that was watched has a moment for every look before its end; one whose
        training was idle has come to nothing, an infinite error.
        """
        time, error = c.median(work), math.inf if self.idle(c) else c.median("error")
        before = time - c.median("solve_median")
        way, errors = self.ways.get(c, (np.empty(0), np.empty(0)))
        # What it ended worse than does not count.
        errors = np.maximum(np.append(np.maximum(errors, error), error), FLOOR)
        return np.append(before + way, time), errors


def sections(rows: pd.DataFrame) -> list[Section]:
    """Sections in the order in which they were run, those of one problem next to each other.

    Those that differ in their dimension alone are ordered by it.
    """
    found = []
    for problem, of_problem in rows.groupby("problem", sort=False):
        parts = _by_dimension([part for _, part in of_problem.groupby("section", sort=False)])
        presets = [", ".join(preset for preset in part["problem_preset"].unique() if preset) for part in parts]
        alike = {
            preset: pd.concat([part for part, its in zip(parts, presets, strict=True) if its == preset])
            for preset in set(filter(None, presets))
        }
        for part, preset in zip(parts, presets, strict=True):
            title = _title(part, preset, alike.get(preset, of_problem))
            headline = str(part.iloc[0]["headline"])
            found.append(Section(str(problem), title, headline, tuple(_configurations(part))))
    return found


def _by_dimension(parts: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Parts with the same parameters but for the one called `DIMENSION` next to each other, by that one."""
    groups: dict[tuple[str, ...], list[pd.DataFrame]] = {}
    for part in parts:
        row = part.iloc[0]
        names = [name for name in row.index if name.startswith("problem.") and name != DIMENSION]
        groups.setdefault(tuple(str(row[name]) for name in names), []).append(part)
    if DIMENSION not in (parts[0].columns if parts else ()):
        return list(parts)
    return [part for group in groups.values() for part in sorted(group, key=lambda part: part.iloc[0][DIMENSION])]


def _title(part: pd.DataFrame, preset: str, alike: pd.DataFrame) -> str:
    """The preset, and the parameters that tell the section from those with the same preset, or from all others."""
    row = part.iloc[0]
    different = [f"{name.removeprefix('problem.')} = {number(row[name])}" for name in _varying(alike, "problem.")]
    return ", ".join(([preset] if preset else []) + different)


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points that no other one beats in both coordinates (less is better), by the first coordinate."""
    front: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: points[i]):
        if not front or points[i][1] < points[front[-1]][1]:
            front.append(i)
    return front


def _configurations(part: pd.DataFrame) -> list[Configuration]:
    found: list[Configuration] = []
    # The preset stands in the label and says how its rows differ from those of another one.
    for _, alike in part.groupby(["solver", "solver_preset"], sort=False):
        varying = _varying(alike, "solver.") + [
            name for name in ("device", "precision", "threads") if alike[name].nunique() > 1
        ]
        drafts = [_configuration(rows, varying) for _, rows in alike.groupby("configuration", sort=False)]
        labels = [draft.label for draft in drafts]
        found += [
            dataclasses.replace(d, tag=str(d.first["published"])) if labels.count(d.label) > 1 else d for d in drafts
        ]
    return found


def _configuration(rows: pd.DataFrame, varying: Sequence[str]) -> Configuration:
    solver, preset = rows["solver"].iloc[0], rows["solver_preset"].iloc[0]
    values = [(name, rows[name].iloc[0]) for name in varying]
    settings = tuple((name, number(value)) for name, value in values if not absent(value))
    return Configuration(f"{solver}@{preset}" if preset else str(solver), settings, rows)


def _varying(rows: pd.DataFrame, prefix: str) -> list[str]:
    names = [name for name in rows.columns if name.startswith(prefix)]
    # In a run of many solvers most columns are those of others; one by one pandas would take ten times as long.
    columns = rows[names].to_numpy(dtype=object).T
    return [
        name
        for name, column in zip(names, columns, strict=True)
        if len({str(value) for value in column}) > 1 and not all(map(absent, column))
    ]


def absent(value: Any) -> bool:
    """Whether a cell of the frame holds nothing."""
    return value is None or (isinstance(value, float) and math.isnan(value))
