"""Series over the dimension: rows of a run that differ in nothing but their problem's dimension and the seed."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.record import Record, Status
from reports.dimension.growth import LEAST_POINTS, Growth, fit, fitted
from reports.summary import NO_ANSWER, Section, Spread
from reports.words import memory, number, scientific, seconds, strategy

DIMENSION = "d"
"""The parameter of a problem that is its dimension."""
BATCHES = ("points.batch", "points.count", "batch")
"""Parameters of solvers that say how many points a training step has."""
ROUNDINGS = 1e3
"""Relative scatter of as many units of rounding is none."""
UNFIT = (Status.OVER_BUDGET, Status.MEMORY_LIMIT)
"""Statuses of rows that did not fit into memory."""


@dataclass(frozen=True)
class Quantity:
    """What is followed over the dimension: `read` gives the figures of a row, and the method that measured them.

    What does not grow is an error, and rows that are not judged have none.
    """

    key: str
    title: str
    families: tuple[str, ...]
    words: Callable[[float], str]
    read: Callable[[Record], tuple[Sequence[float | None], str]]
    grows: bool = True

    @property
    def heading(self) -> str:
        """The title as the beginning of a caption."""
        return f"{self.title[:1].upper()}{self.title[1:]} against the dimension: medians"


def _steps(record: Record) -> tuple[Sequence[float | None], str]:
    iterations = record.facts.get("iterations")
    return ([s / iterations for s in record.solve_s if s is not None] if iterations else []), ""


def _solves(record: Record) -> tuple[Sequence[float | None], str]:
    return record.solve_s, ""


def _device(record: Record) -> tuple[Sequence[float | None], str]:
    return [record.device_bytes], record.device_method


def _host(record: Record) -> tuple[Sequence[float | None], str]:
    if record.host_bytes is None or record.host_base_bytes is None:
        return [], record.host_method
    return [record.host_bytes - record.host_base_bytes], f"{record.host_method}, above what was held before"


def _error(record: Record) -> tuple[Sequence[float | None], str]:
    value = getattr(record, record.headline, None)
    return [record.metrics.get(record.headline) if value is None else value], ""


def _deviation(record: Record) -> tuple[Sequence[float | None], str]:
    """Where all coordinates are drawn an estimate is exact, and only rounding scatters."""
    value = record.facts.get("estimator_deviation")
    return [value if value and value > ROUNDINGS * np.finfo(record.precision).eps else None], ""


def memory_of(record: Record) -> tuple[float, str]:
    """Bytes of a row and what measured them: those of the device, which are the method's alone, or else of the host."""
    for read in (_device, _host):
        values, method = read(record)
        known = [float(value) for value in values if value is not None and value > 0]
        if known:
            return known[0], method
    return math.nan, ""


def batch_of(record: Record) -> float:
    """Points in a training step, NaN where no parameter of the solver says it."""
    named = (record.solver_parameters.get(name) for name in BATCHES)
    return next((float(value) for value in named if value is not None), math.nan)


def step_of(record: Record) -> float:
    """Median seconds of a training step, NaN where it was not measured."""
    spread = Spread.of(_steps(record)[0])
    return spread.median if spread else math.nan


BOTH = ("neural", "classical")
QUANTITIES = (
    Quantity("step", "time per training step", ("neural",), seconds, _steps),
    Quantity("solve", "solve time", ("classical",), seconds, _solves),
    Quantity("device", "device memory", BOTH, memory, _device),
    Quantity("host", "host memory", BOTH, memory, _host),
    Quantity("error", "error", BOTH, scientific, _error, grows=False),
    Quantity("deviation", "scatter of the estimated second-order term", ("neural",), scientific, _deviation),
)
MEMORY = ("device", "host")


@dataclass(frozen=True, eq=False)
class Track:
    """One quantity of a series at each dimension where there is a figure, over rounds and seeds, by one method."""

    quantity: Quantity
    method: str
    family: str
    spreads: Mapping[int, Spread]

    @functools.cached_property
    def growth(self) -> Growth | None:
        """How it grows, fitted when somebody asks; None for what does not."""
        if not self.quantity.grows:
            return None
        # What multiplies with each dimension is a grid's; a network has none.
        law = fit if self.family == "neural" else fitted
        return law(list(self.spreads), list(self.medians.values()))

    @property
    def medians(self) -> dict[int, float]:
        """Median per dimension."""
        return {d: spread.median for d, spread in self.spreads.items()}


@dataclass(frozen=True, eq=False)
class Series:
    """One solver with one set of parameters on one problem in three or more dimensions.

    `settings` is what tells it from other series of its solver, but for how second derivatives are taken; `place` is
    device and precision.
    """

    solver: str
    family: str
    strategy: str
    settings: tuple[tuple[str, str], ...]
    place: tuple[str, str]
    records: tuple[Record, ...]

    @property
    def label(self) -> str:
        """Solver, strategy and settings."""
        words = [self.solver]
        if self.strategy:
            words.append(strategy(self.strategy))
        told = ", ".join(f"{name} = {value}" for name, value in self.settings)
        return ", ".join(words) + (f" · {told}" if told else "")

    @property
    def batch(self) -> float:
        """Points in a training step, NaN where they are not known."""
        return batch_of(self.records[0])

    @functools.cached_property
    def dimensions(self) -> list[int]:
        """Every dimension that was tried."""
        return sorted({record.dimension for record in self.records})

    @functools.cached_property
    def tracks(self) -> list[Track]:
        """What was measured, in the order of `QUANTITIES`, one for each method."""
        return [
            track for quantity in QUANTITIES if self.family in quantity.families for track in self._tracks(quantity)
        ]

    def track(self, key: str, method: str | None = None) -> Track | None:
        """The track of a quantity, by whatever method or by the given one."""
        return next((t for t in self.tracks if t.quantity.key == key and method in (None, t.method)), None)

    @functools.cached_property
    def unfit(self) -> Record | None:
        """The row of the first dimension that did not fit into memory."""
        lost = [record for record in self.records if record.status in UNFIT]
        return min(lost, key=lambda record: record.dimension, default=None)

    @functools.cached_property
    def answers(self) -> dict[int, bool]:
        """Whether what was found is like the solution, by its median relative L2 error at each dimension."""
        known = {
            d: Spread.of(r.relative_l2 for r in self.records if r.dimension == d and r.relative_l2 is not None)
            for d in self.dimensions
        }
        return {d: spread.median <= NO_ANSWER for d, spread in known.items() if spread}

    def _tracks(self, quantity: Quantity) -> Iterator[Track]:
        found: dict[str, dict[int, list[float]]] = {}
        for record in self.records:
            if not record.answered or not (record.judged or quantity.grows):
                continue
            values, method = quantity.read(record)
            known = [float(v) for v in values if v is not None and math.isfinite(v) and v > 0.0]
            if known:
                found.setdefault(method, {}).setdefault(record.dimension, []).extend(known)
        for method, by_dimension in found.items():
            spreads = {d: s for d in sorted(by_dimension) if (s := Spread.of(by_dimension[d]))}
            yield Track(quantity, method, self.family, spreads)


@dataclass(frozen=True)
class Study:
    """All series of one problem; `title` is what its parameters, but for the dimension, differ in from other studies.

    `key` identifies the problem and these parameters.
    """

    problem: str
    title: str
    key: str
    series: tuple[Series, ...]

    @property
    def dimensions(self) -> list[int]:
        """Every dimension that some series was tried in."""
        return sorted({d for series in self.series for d in series.dimensions})


def studies(records: Iterable[Record]) -> list[Study]:
    """Every problem with at least one series, in the order in which they were run."""
    groups: dict[str, dict[str, list[Record]]] = {}
    for record in records:
        if record.problem_parameters.get(DIMENSION) == record.dimension:
            key = _study_key(record.problem, record.problem_parameters)
            groups.setdefault(key, {}).setdefault(_identity(record), []).append(record)
    found = []
    for key, members in groups.items():
        series = [part for part in members.values() if len({r.dimension for r in part}) >= LEAST_POINTS]
        made = [one for one in _told_apart(series) if one.tracks]
        if made:
            found.append((key, series[0][0], tuple(made)))
    return [Study(first.problem, _title(first, [f for _, f, _ in found]), key, s) for key, first, s in found]


def sections_of(study: Study, found: Sequence[Section]) -> list[tuple[int, Section]]:
    """The sections of a study's problem by dimension, in its order."""
    members = []
    for section in found:
        problem, parameters = json.loads(str(section.configurations[0].first["section"]))
        d = parameters.get(DIMENSION)
        if d is not None and _study_key(problem, parameters) == study.key:
            members.append((int(d), section))
    return sorted(members, key=lambda member: member[0])


def predicted(record: Record) -> float | None:
    """Bytes that a row was foreseen to take, infinite where no float is that large; None where nothing was foreseen."""
    value = record.facts.get("predicted_bytes")
    try:
        return None if value is None else float(value)
    except OverflowError:
        return math.inf


def strategy_of(record: Record) -> str:
    """How second derivatives were taken, as reported, or as asked for by a row that could not report; "" for none."""
    said = record.facts.get("derivatives") or record.solver_parameters.get("derivatives") or ""
    return str(said) if record.family == "neural" else ""


def _study_key(problem: str, parameters: Mapping[str, Any]) -> str:
    """Identifies a problem with all of its parameters but the dimension."""
    rest = {name: value for name, value in parameters.items() if name != DIMENSION}
    return json.dumps([problem, rest], sort_keys=True, default=str)


def _identity(record: Record) -> str:
    # One way of taking derivatives has two names: its own, and "auto" where it is the usual one.
    parameters = record.solver_parameters | ({"derivatives": way} if (way := strategy_of(record)) else {})
    parts = (record.solver, parameters, record.device, record.precision, record.threads)
    return json.dumps(parts, sort_keys=True, default=str)


def _told_apart(parts: Sequence[Sequence[Record]]) -> Iterator[Series]:
    for part in parts:
        first = part[0]
        mates = [other[0] for other in parts if other[0].solver == first.solver]
        names = dict.fromkeys(name for mate in mates for name in mate.solver_parameters)
        varying = [
            name
            for name in names
            if name != "derivatives" and len({str(mate.solver_parameters.get(name)) for mate in mates}) > 1
        ]
        settings = [(name.rpartition(".")[2], first.solver_parameters.get(name)) for name in varying]
        if len({mate.threads for mate in mates}) > 1:
            settings.append(("threads", first.threads))
        strategy = next((strategy_of(record) for record in part if record.answered), strategy_of(first))
        shown = tuple((name, number(value)) for name, value in settings if value is not None)
        ordered = tuple(sorted(part, key=lambda record: record.dimension))
        yield Series(first.solver, first.family, strategy, shown, (first.device, first.precision), ordered)


def _title(record: Record, others: Sequence[Record]) -> str:
    alike: list[Mapping[str, Any]] = [o.problem_parameters for o in others if o.problem == record.problem]
    mine = record.problem_parameters
    varying = [n for n in mine if n != DIMENSION and len({str(other.get(n)) for other in alike}) > 1]
    return ", ".join([record.problem, *(f"{name} = {number(mine[name])}" for name in varying)])
