"""What goes into the archive: figures of a run's rows, or the benchmarks in a file of pytest-benchmark."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.record import Record
from problems import InputError
from reports.cells import count
from reports.history.archive import Origin, Series
from reports.regression.comparison import case_key, label
from reports.regression.costs import COSTS, costs
from reports.regression.quantities import number, quantities, sound
from reports.regression.stored import revision_of
from reports.run import Run
from reports.words import memory, seconds

UNITS: Mapping[Callable[[float], str], str] = {seconds: "s", memory: "bytes", count: "count"}
"""Units by the words that a figure is told in; others are plain numbers."""


def of_run(run: Run) -> tuple[Origin, list[tuple[Series, float]]]:
    """Where a run comes from, and its figures: of each row that finished what is counted, and what it costs."""
    environment = run.environment
    origin = Origin(
        str(run.info.get("run") or run.path.resolve().name),
        str(run.info.get("created") or min((r.finished_at for r in run.records), default="")),
        str(environment.get("git_commit") or ""),
        # What went on with another commit is of the first one with changes.
        bool(environment.get("git_commit")) and not revision_of(run.info),
        str(environment.get("fingerprint") or ""),
        environment.get("packages") if isinstance(environment.get("packages"), Mapping) else {},
    )
    return origin, [figure for record in run.records if sound(record) for figure in _of_record(record)]


def _of_record(record: Record) -> Iterator[tuple[Series, float]]:
    identity = case_key(record), label(record)
    for quantity in quantities(record):
        # What a training comes to is the same on one machine alone.
        machine = record.environment if quantity.of_training else ""
        unit = UNITS.get(quantity.words, "1")
        yield Series(*identity, quantity.title, unit, machine, counted=True), quantity.read(record)
    for cost in costs(record):
        series = Series(*identity, cost.title, UNITS[cost.words], record.environment)
        value = cost.read(record)
        if value > 0.0:
            yield series, value


def of_pytest_benchmark(path: Path) -> tuple[Origin, list[tuple[Series, float]]]:
    """The same of a file that `pytest --benchmark-json` or `--benchmark-autosave` wrote, from whatever suite.

    Benchmarks of this suite continue the series of its runs.

    Raises:
        InputError: if it is not such a file.

    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        machine, commit = dict(stored["machine_info"]), dict(stored["commit_info"])
        own = next(
            (str(info["environment"]) for b in stored["benchmarks"] if (info := _extra(b)).get("environment")), ""
        )
        origin = Origin(
            path.name,
            str(stored["datetime"]),
            str(commit.get("id") or ""),
            bool(commit.get("dirty")),
            own or _fingerprint(machine),
            {"python": machine.get("python_version"), "pytest-benchmark": stored.get("version")},
        )
        return origin, [figure for b in stored["benchmarks"] for figure in _of_benchmark(b, origin.machine)]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} was not written by pytest-benchmark ({type(error).__name__}: {error})") from error


def _of_benchmark(benchmark: Mapping[str, Any], machine: str) -> Iterator[tuple[Series, float]]:
    info = _extra(benchmark)
    case, fastest = info.get("case"), float(benchmark["stats"]["min"])
    if not fastest > 0.0:
        return
    if case:
        name = str(benchmark["name"]).partition("[")[2].rstrip("]").replace("|", " · ")
        yield Series(str(case), name, COSTS[0].title, "s", machine), fastest
    else:
        name = str(benchmark["fullname"])
        yield Series(_hash(name), name, "fastest round", "s", machine), fastest
    held = number(info.get("host_bytes")) - number(info.get("host_base_bytes"))
    if case and math.isfinite(held) and held > 0.0:
        yield Series(str(case), name, COSTS[2].title, "bytes", machine), held


def _extra(benchmark: Mapping[str, Any]) -> Mapping[str, Any]:
    found = benchmark.get("extra_info")
    return found if isinstance(found, Mapping) else {}


def _fingerprint(machine: Mapping[str, Any]) -> str:
    cpu = machine.get("cpu")
    decisive = [cpu.get("brand_raw"), cpu.get("count")] if isinstance(cpu, Mapping) else [machine.get("node")]
    return _hash(json.dumps(decisive))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
