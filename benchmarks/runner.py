"""Running a suite: every case in turn, each result stored as it comes."""

from __future__ import annotations

import dataclasses
import errno
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import backends
from benchmarks import store
from benchmarks.cases import Case
from benchmarks.environment import describe
from benchmarks.execute import Limits, execute
from benchmarks.interpreters import Interpreters, backends_required
from benchmarks.record import Record, Status
from benchmarks.suites import Suite
from benchmarks.supervision import Pass
from problems import InputError

Progress = Callable[[Case, int, int], None]


class MissingBackend(RuntimeError):
    """A backend is not installed although it is required."""


def run_suite(
    suite: Suite,
    folder: Path,
    *,
    command: str,
    limits: Limits,
    interpreters: Interpreters,
    plugins: Sequence[str] = (),
    resume: bool = False,
    progress: Progress = lambda case, done, total: None,
) -> list[Record]:
    """Run what has no record yet in `folder`; returns the records of the whole suite in its order.

    A case whose backend was not installed is run again once it is.

    Raises:
        InputError: if the folder cannot be used.
        MissingBackend: if a backend is not installed and `DEBENCH_REQUIRE_BACKENDS` is set.

    """
    found = {name: interpreters.find(backends.REGISTRY.get(name)) for name in {c.solver.name for c in suite.cases}}
    missing = [f"{name}: {place.reason}" for name, place in sorted(found.items()) if not place.available]
    if missing and backends_required():
        raise MissingBackend("not installed, although required — " + " — ".join(missing))
    environment = describe()
    meta: dict[str, Any] = {
        "run": folder.name,
        "suite": suite.name,
        "title": suite.title,
        "command": command,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": environment,
        "backends": {
            name: {"available": p.available, "interpreter": p.shown, "reason": p.reason}
            for name, p in sorted(found.items())
        },
        "plugins": [str(plugin) for plugin in plugins],
        "cases": len(suite.cases),
    }
    with store.open_store(folder, meta, resume=resume) as run:
        done = {record.case: record for record in run.records}
        memories: dict[str, Pass] = {}
        for number, case in enumerate(suite.cases):
            progress(case, number, len(suite.cases))
            earlier = done.get(case.hash)
            appeared = earlier and earlier.status == Status.NOT_INSTALLED and found[case.solver.name].available
            if earlier and not appeared:
                continue
            try:
                outcome = execute(case, found[case.solver.name], limits, folder.name, plugins, memories)
                record = dataclasses.replace(outcome.record, environment=environment["fingerprint"])
                run.append(record, outcome.arrays)
            except OSError as error:
                what = "the disk is full" if error.errno == errno.ENOSPC else os.strerror(error.errno or 0)
                raise InputError(
                    f"{folder}: {what}; {len(run.records)} records are kept: make room and go on with --resume"
                ) from error
            done[case.hash] = record
    return [done[case.hash] for case in suite.cases]
