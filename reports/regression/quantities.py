"""What of a case is compared between two runs, and how much it may differ before that is a change.

All of these are the same in every run of the same code. What a training comes to depends on every rounding, so it is
the same only on one machine with one set of packages; all others may differ from machine to machine by rounding. Less
is better.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from backends.neural.training import TIME
from benchmarks.record import Record, Status
from reports.cells import count
from reports.frame import headline
from reports.words import known, memory, metric, scientific

COUNTS = {
    "steps": "time steps",
    "iterations": "iterations",
    "newton_iterations": "Newton iterations",
    "linear_iterations": "iterations of linear solvers",
    "evaluations": "evaluations of the right-hand side",
    "factorisations": "factorisations",
    "forward_solves": "forward solves",
}
"""Facts of solvers that count work, and what they are called."""
STRICT, ADAPTIVE, TRAINED = 1e-3, 0.05, 0.05
"""Relative differences that rounding may leave in errors; with a tolerance it may decide on a step."""
DOUBLED = 1.0
"""The same of the error of a reference, which is an estimate."""
COUNT_SLACK, ADAPTIVE_COUNT_SLACK = 0.02, 0.15
BYTES_SLACK = 0.01
ROUNDING = {"float64": 1e-11, "float32": 1e-5}
"""Errors below these are rounding themselves: some 10⁵ or 10² units, which conditioning multiplies."""


@dataclass(frozen=True)
class Quantity:
    """A figure of a record, NaN where it has none, and the relative and absolute difference that is none."""

    title: str
    words: Callable[[float], str]
    read: Callable[[Record], float]
    slack: Callable[[Record], tuple[float, float]]
    of_training: bool = False


def quantities(record: Record) -> list[Quantity]:
    """Those that can be compared of such a record."""
    trained = record.family == "neural"
    found = [
        Quantity(metric(record.headline), partial(scientific, digits=5), error, _error_slack, trained),
        Quantity("unknowns", count, lambda r: number(r.unknowns), lambda r: (0.0, 0.0)),
        Quantity("error of the reference", scientific, _reference_error, lambda r: (DOUBLED, ROUNDING["float64"])),
    ]
    found += [
        Quantity(words, count, partial(_counter, name), partial(_count_slack, name), trained)
        for name, words in COUNTS.items()
    ]
    if record.device == "cpu":
        method = record.device_method
        of_method = partial(_bytes, method)
        found.append(Quantity(f"device memory ({method})", memory, of_method, lambda r: (BYTES_SLACK, 0.0), trained))
    return [quantity for quantity in found if not math.isnan(quantity.read(record))]


def sound(record: Record) -> bool:
    """Whether the row finished, with an error to show where it is judged."""
    return record.status == Status.FINISHED and (not record.judged or math.isfinite(headline(record)))


def error(record: Record) -> float:
    """The headline error; NaN where none is meant, or where the clock decided on it."""
    return headline(record) if sound(record) and record.judged and not by_the_clock(record) else math.nan


def _error_slack(record: Record) -> tuple[float, float]:
    relative = TRAINED if record.family == "neural" else ADAPTIVE if "tolerance" in record.facts else STRICT
    # The reference's error is an absolute one.
    scale = abs(headline(record)) / record.max_abs if record.max_abs else 0.0
    return relative, ROUNDING.get(record.precision, 0.0) + 10.0 * scale * (record.reference_error or 0.0)


def _reference_error(record: Record) -> float:
    return number(record.reference_error) if record.judged else math.nan


def _count_slack(name: str, record: Record) -> tuple[float, float]:
    adaptive = "tolerance" in record.facts
    if name == "steps" and (record.dt is not None or not adaptive):
        return 0.0, 0.0  # Where no tolerance chooses them; one of Newton's method may be there as well.
    return ADAPTIVE_COUNT_SLACK if adaptive else COUNT_SLACK, 1.0


def by_the_clock(record: Record) -> bool:
    """Whether training ended at a time, so that its length and its error are not the same in every run."""
    return record.facts.get("stopped_by") == TIME


def _counter(name: str, record: Record) -> float:
    return math.nan if by_the_clock(record) else number(record.facts.get(name))


def _bytes(method: str, record: Record) -> float:
    """What is counted and not sampled: the plan of a compiler, or the tensors of an allocator."""
    return number(record.device_bytes) if record.device_method == method else math.nan


def number(value: object) -> float:
    """A figure of a record, NaN for none."""
    return float(value) if known(value) else math.nan  # type: ignore[arg-type]
