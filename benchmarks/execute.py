"""Running one case: its timing pass, its memory pass, and the record made from both."""

from __future__ import annotations

import base64
import dataclasses
import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.budget import foresee, most_of_memory
from benchmarks.cases import Case
from benchmarks.errors import error_norms, further_norms
from benchmarks.interpreters import Interpreter
from benchmarks.record import Record, Status, one_line
from benchmarks.supervision import Pass, run_worker
from problems.base import Array


@dataclass(frozen=True)
class Limits:
    """What a worker may use: seconds and bytes per pass, and how many rounds of a fast case are run."""

    timeout_s: float = 300.0
    memory_bytes: int | None = None
    rounds: int = 10
    rounds_budget_s: float = 1.0
    measure_memory: bool = True


@dataclass
class Outcome:
    """A record, with the arrays that belong to it ("solution" first)."""

    record: Record
    arrays: dict[str, Array] = field(default_factory=dict)


def execute(
    case: Case,
    interpreter: Interpreter,
    limits: Limits,
    run: str = "",
    plugins: Sequence[str | Path] = (),
    memories: dict[str, Pass] | None = None,
) -> Outcome:
    """Measure `case`; whatever happens to its workers, there is a record.

    What is foreseen to need more memory than `limits` allow (or four fifths of the machine's, where they do not say) is
    not started. `memories` holds the memory passes made so far by `Case.rehearsal`: one that would be the same is not
    repeated.
    """
    reason = case.unsupported()
    if reason is not None:
        return Outcome(_finish(case.blank_record(run, Status.UNSUPPORTED, reason)))
    foreseen = foresee(case)
    budget = limits.memory_bytes or most_of_memory()
    if foreseen is not None and foreseen.bytes > budget:
        record = case.blank_record(run, Status.OVER_BUDGET, foreseen.reason(budget))
        record.unknowns = foreseen.unknowns
        record.facts = {**foreseen.facts, "budget_bytes": budget}
        return Outcome(_finish(record))
    if not interpreter.available:
        return Outcome(_finish(case.blank_record(run, Status.NOT_INSTALLED, interpreter.reason)))
    with tempfile.TemporaryDirectory(prefix="debench-", ignore_cleanup_errors=True) as cache:
        timing = _run_pass(case, interpreter, limits, plugins, "timing", cache)
        known = {} if memories is None else memories
        if timing.status is Status.FINISHED and limits.measure_memory and case.rehearsal not in known:
            known[case.rehearsal] = _run_pass(case, interpreter, limits, plugins, "memory", cache)
    arrays = {name: _unpack(text) for name, text in timing.arrays.items()}
    record = case.blank_record(run, timing.status, timing.reason)
    fill_times(record, timing)
    if foreseen is not None:
        record.facts |= foreseen.facts
    if timing.status is Status.FINISHED and case.rehearsal in known:
        fill_memory(record, known[case.rehearsal])
    if "solution" in arrays:
        _judge(record, case, arrays, timing.done["outcome"])
    return Outcome(_finish(record), arrays)


def fill_times(record: Record, timing: Pass) -> None:
    """Put what a timing pass found into a record."""
    record.rounds = len(timing.rounds)
    for phase in ("setup", "compile", "solve", "evaluate"):
        setattr(record, f"{phase}_s", [times[phase] for times in timing.rounds])
    record.wall_s = timing.wall_s
    record.python = timing.started.get("python", "")
    record.backend_version = timing.started.get("version", "")
    facts = dict(timing.done.get("facts", {}))
    record.dx, record.dt, record.unknowns = (facts.pop(key, None) for key in ("dx", "dt", "unknowns"))
    record.facts = facts


def fill_memory(record: Record, memory: Pass) -> None:
    """Put what a memory pass found into a record."""
    if memory.memory:
        for key in ("host_bytes", "host_base_bytes", "host_method", "device_bytes", "device_method"):
            setattr(record, key, memory.memory[key])
        record.facts |= memory.memory["further"]
    elif memory.reason:
        record.host_method = f"not measured: {memory.reason}"


def _judge(record: Record, case: Case, arrays: Mapping[str, Array], outcome: str) -> None:
    """Errors are computed here, by the problem, never by the solver."""
    solution = arrays["solution"]
    if outcome:
        record.status, record.reason = Status.DIVERGED, one_line(outcome)
    if solution.dtype.kind not in "fiu":
        record.status = Status.CRASHED
        record.reason = f"the solution holds {solution.dtype}, not real numbers"
        return
    finite = np.isfinite(solution)
    if not finite.all():
        record.status = Status.NOT_FINITE
        record.reason = one_line(outcome) or f"{finite.size - finite.sum()} of {finite.size} values are NaN or infinite"
        return
    try:
        for name, value in error_norms(case.problem, solution).items():
            setattr(record, name, value)
        record.metrics = {**case.problem.measures(solution, arrays), **further_norms(case.problem, arrays)}
        record.reference_error = case.problem.reference_error()
    except Exception as error:  # A problem from a plugin may fail here; the other cases have a right to be run.
        record.status = Status.CRASHED
        record.reason = one_line(f"the errors cannot be computed: {type(error).__name__}: {error}")


def _finish(record: Record) -> Record:
    return dataclasses.replace(record, finished_at=datetime.now(UTC).isoformat(timespec="seconds"))


def _unpack(text: str) -> Array:
    loaded: Array = np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False)
    return loaded


def _run_pass(
    case: Case, interpreter: Interpreter, limits: Limits, plugins: Sequence[str | Path], kind: str, cache: str
) -> Pass:
    """One worker; a private cache folder makes compilation cold in the first pass."""
    request = worker_request(case.blank_record("", ""), case.solver.libraries, limits, plugins, kind)
    return run_worker(request, interpreter, cache, limits.timeout_s, limits.memory_bytes)


def worker_request(
    record: Record, libraries: Sequence[str], limits: Limits, plugins: Sequence[str | Path], kind: str
) -> dict[str, Any]:
    """What a worker is told for the case of `record`; `kind` is "timing" or "memory"."""
    return {
        "pass": kind,
        "problem": record.problem,
        "problem_parameters": record.problem_parameters,
        "solver": record.solver,
        "solver_parameters": record.solver_parameters,
        "libraries": list(libraries),
        "seed": record.seed,
        "device": record.device,
        "precision": record.precision,
        "threads": record.threads,
        "plugins": [str(Path(plugin).resolve()) for plugin in plugins],
        "rounds": limits.rounds,
        "rounds_budget_s": limits.rounds_budget_s,
    }
