"""Running one case: its timing pass, its memory pass, and the record made from both."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cases import Case
from benchmarks.errors import error_norms
from benchmarks.interpreters import ROOT, Interpreter, worker_environment
from benchmarks.record import Record, Status
from problems.base import Array

POLL_S = 0.05
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
CACHE_VARIABLES = ("XDG_CACHE_HOME", "DIJITSO_CACHE_DIR", "NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")


@dataclass(frozen=True)
class Limits:
    """What a worker may use: seconds and bytes per pass, and how many rounds of a fast case are run."""

    timeout_s: float = 300.0
    memory_bytes: int | None = None
    rounds: int = 10
    rounds_budget_s: float = 1.0
    measure_memory: bool = True


@dataclass
class Pass:
    """What came back from one worker process."""

    status: Status = Status.CRASHED
    reason: str = ""
    rounds: list[dict[str, float]] = field(default_factory=list)
    started: dict[str, Any] = field(default_factory=dict)
    done: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    wall_s: float = 0.0


@dataclass
class Outcome:
    """A record, with the arrays that belong to it ("solution" first)."""

    record: Record
    arrays: dict[str, Array] = field(default_factory=dict)


def execute(
    case: Case, interpreter: Interpreter, limits: Limits, run: str = "", plugins: Sequence[str | Path] = ()
) -> Outcome:
    """Measure `case`; whatever happens to its workers, there is a record."""
    reason = case.unsupported()
    if reason is not None:
        return Outcome(_finish(case.blank_record(run, Status.UNSUPPORTED, reason)))
    if not interpreter.available:
        return Outcome(_finish(case.blank_record(run, Status.NOT_INSTALLED, interpreter.reason)))
    with tempfile.TemporaryDirectory(prefix="debench-") as cache:
        timing = _run_pass(case, interpreter, limits, plugins, "timing", cache)
        memory = Pass()
        if timing.status is Status.FINISHED and limits.measure_memory:
            memory = _run_pass(case, interpreter, limits, plugins, "memory", cache)
    arrays = {name: _unpack(text) for name, text in timing.done.get("arrays", {}).items()}
    record = case.blank_record(run, timing.status, timing.reason)
    _fill_times(record, timing)
    _fill_memory(record, memory)
    if "solution" in arrays:
        _judge(record, case, arrays["solution"], timing.done["outcome"])
    return Outcome(_finish(record), arrays)


def _fill_times(record: Record, timing: Pass) -> None:
    record.rounds = len(timing.rounds)
    for phase in ("setup", "compile", "solve", "evaluate"):
        setattr(record, f"{phase}_s", [times[phase] for times in timing.rounds])
    record.wall_s = timing.wall_s
    record.python = timing.started.get("python", "")
    record.backend_version = timing.started.get("version", "")
    facts = dict(timing.done.get("facts", {}))
    record.dx, record.dt, record.unknowns = (facts.pop(key, None) for key in ("dx", "dt", "unknowns"))
    record.facts = facts


def _fill_memory(record: Record, memory: Pass) -> None:
    if memory.memory:
        for key in ("host_bytes", "host_base_bytes", "host_method", "device_bytes", "device_method"):
            setattr(record, key, memory.memory[key])
        record.facts |= memory.memory["further"]
    elif memory.reason:
        record.host_method = f"not measured: {memory.reason}"


def _judge(record: Record, case: Case, solution: Array, outcome: str) -> None:
    """Errors are computed here, by the problem, never by the solver."""
    if outcome:
        record.status, record.reason = Status.DIVERGED, outcome
    finite = np.isfinite(solution)
    if not finite.all():
        record.status = Status.NOT_FINITE
        record.reason = outcome or f"{finite.size - finite.sum()} of {finite.size} values are NaN or infinite"
        return
    for name, value in error_norms(case.problem, solution).items():
        setattr(record, name, value)
    record.metrics = dict(case.problem.measures(solution))
    record.reference_error = case.problem.reference_error()


def _finish(record: Record) -> Record:
    return dataclasses.replace(record, finished_at=datetime.now(UTC).isoformat(timespec="seconds"))


def _unpack(text: str) -> Array:
    loaded: Array = np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False)
    return loaded


def _run_pass(
    case: Case, interpreter: Interpreter, limits: Limits, plugins: Sequence[str | Path], kind: str, cache: str
) -> Pass:
    """One worker from start to end; a private cache folder makes compilation cold in the first pass."""
    result = Pass()
    begun = time.monotonic()
    environment = worker_environment() | dict.fromkeys(CACHE_VARIABLES, cache)
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                [*interpreter.command, "-m", "benchmarks.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            result.reason = f"the worker did not start: {error}"
            return result
        try:
            assert process.stdin is not None
            process.stdin.write((json.dumps(_request(case, limits, plugins, kind)) + "\n").encode())
            process.stdin.flush()
        except BrokenPipeError:
            pass  # It ended at once; its exit status tells why.
        try:
            _listen(process, limits, result)
        finally:
            _end(process)
        result.wall_s = time.monotonic() - begun
        if not result.done and not result.memory and not result.reason:
            result.status, result.reason = _death(process.returncode, log)
    return result


def _request(case: Case, limits: Limits, plugins: Sequence[str | Path], kind: str) -> dict[str, Any]:
    return {
        "pass": kind,
        "problem": case.problem.name,
        "problem_parameters": case.problem.parameters(),
        "solver": case.solver.name,
        "solver_parameters": case.solver.parameters(),
        "seed": case.seed,
        "device": case.device,
        "precision": case.precision,
        "threads": case.threads,
        "plugins": [str(Path(plugin).resolve()) for plugin in plugins],
        "rounds": limits.rounds,
        "rounds_budget_s": limits.rounds_budget_s,
    }


def _listen(process: subprocess.Popen[bytes], limits: Limits, result: Pass) -> None:
    """Take the worker's lines as they come, and stop it at its limits."""
    deadline = time.monotonic() + limits.timeout_s
    for line in _lines(process):
        if line:
            _take(json.loads(line), result)
            continue
        if time.monotonic() > deadline:
            result.status, result.reason = Status.TIMEOUT, f"still running after {limits.timeout_s:g} s"
            return
        if limits.memory_bytes is not None:
            used = _resident_bytes(process.pid)
            if used > limits.memory_bytes:
                result.status = Status.MEMORY_LIMIT
                result.reason = f"held {used / 2**20:.0f} MiB, more than {limits.memory_bytes / 2**20:.0f} MiB"
                return


def _lines(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Lines of the worker's answer, and an empty one whenever it is time to look at the limits."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    buffer = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            if selector.select(POLL_S):
                block = os.read(descriptor, 1 << 20)
                if not block:
                    return
                buffer += block
                *complete, rest = bytes(buffer).split(b"\n") if b"\n" in block else [bytes(buffer)]
                buffer = bytearray(rest)
                yield from (line for line in complete if line)
            yield b""


def _take(event: dict[str, Any], result: Pass) -> None:
    kind = event.pop("event")
    if kind == "round":
        result.rounds.append(event)
    elif kind == "started":
        result.started = event
    elif kind == "failed":
        known = {"diverged": Status.DIVERGED, "memory": Status.MEMORY_LIMIT}
        result.status, result.reason = known.get(event["kind"], Status.CRASHED), event["reason"]
    else:
        result.status = Status.FINISHED
        setattr(result, kind, event)


def _resident_bytes(group: int) -> int:
    """Bytes held by the worker's process and its children (its process group), as far as the kernel tells."""
    total = 0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(entry.name)) == group:
                total += int((entry / "statm").read_text().split()[1]) * PAGE_BYTES
        except (OSError, IndexError, ValueError):
            continue
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the worker's standard input, on which it ends by itself; what then still lives is killed."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            try:
                pipe.close()
            except BrokenPipeError:
                pass
    try:
        process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _death(code: int, log: Any) -> tuple[Status, str]:
    """Why a worker ended without an answer, with its last words."""
    log.seek(0)
    said = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    last = f"; its last line: {said[-1][:300]}" if said else ""
    if code < 0:
        return Status.KILLED, f"ended by signal {signal.Signals(-code).name}{last}"
    return Status.CRASHED, f"ended with exit status {code} and no answer{last}"
