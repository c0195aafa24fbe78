"""One worker process from start to end: its request, its answer, its limits, and what is left of it afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.exhaustion import exhausted
from benchmarks.interpreters import ROOT, Interpreter, worker_environment
from benchmarks.record import Status, one_line

POLL_S = 0.05
GRACE_S = 0.5
LOG_BYTES = 64 * 2**20
TAIL_BYTES = 64 * 2**10
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MARK = "DEBENCH_WORKER"
CACHE_VARIABLES = ("XDG_CACHE_HOME", "DIJITSO_CACHE_DIR", "NUMBA_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR")
FAILURES = {"diverged": Status.DIVERGED, "memory": Status.MEMORY_LIMIT, "absent": Status.NOT_INSTALLED}


@dataclass
class Pass:
    """What came back from one worker process."""

    status: Status = Status.CRASHED
    reason: str = ""
    rounds: list[dict[str, float]] = field(default_factory=list)
    started: dict[str, Any] = field(default_factory=dict)
    done: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, str] = field(default_factory=dict)
    more: bool = False
    """Whether the worker is done, and goes on to something that the case does not depend on."""
    wall_s: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether the worker has said its last."""
        return bool(self.done or self.memory or self.reason) and not self.more

    def end(self, status: Status, reason: str) -> None:
        """The worker has come to an end that it did not tell; a case that was done before stays so."""
        if self.more:
            self.more = False
            self.done["facts"]["residual_failure"] = reason
        else:
            self.status, self.reason = status, reason


def run_worker(
    request: Mapping[str, Any],
    interpreter: Interpreter,
    cache: str,
    timeout_s: float,
    memory_bytes: int | None,
    root: Path = ROOT,
) -> Pass:
    """Run one pass to its end, whatever that is; `cache` is a folder where compilation leaves its products.

    `root` is the checkout whose code runs.
    """
    result = Pass()
    begun = time.monotonic()
    mark = uuid.uuid4().hex
    environment = worker_environment(root) | dict.fromkeys(CACHE_VARIABLES, cache) | {MARK: mark}
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                [*interpreter.command, "-m", "benchmarks.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=root,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            result.reason = f"the worker did not start: {error}"
            return result
        try:
            assert process.stdin is not None
            with contextlib.suppress(BrokenPipeError):  # It ended at once; its exit status tells why.
                process.stdin.write((json.dumps(request) + "\n").encode())
                process.stdin.flush()
            _listen(process, log, begun + timeout_s, memory_bytes, result)
            if not result.complete:
                result.end(*_death(process, log))
        finally:
            _end(process, mark)
    if result.status is Status.TIMEOUT:
        result.reason = f"still running after {timeout_s:g} s"
    result.wall_s = time.monotonic() - begun
    return result


def _listen(
    process: subprocess.Popen[bytes], log: IO[bytes], deadline: float, memory_bytes: int | None, result: Pass
) -> None:
    """Take the worker's lines as they come until its last one, its end, or a limit."""
    for line in _lines(process):
        if line:
            try:
                _take(json.loads(line), result)
            except (ValueError, KeyError, TypeError):
                said = one_line(repr(line[:80]))
                result.end(Status.CRASHED, f"something else than the worker wrote to its answer: {said}")
            if result.complete:
                return
            continue
        if time.monotonic() > deadline:
            result.end(Status.TIMEOUT, "still running")
            return
        used = _resident_bytes(process.pid) if memory_bytes is not None else 0
        if memory_bytes is not None and used > memory_bytes:
            reason = f"held {used / 2**20:.0f} MiB, more than {memory_bytes / 2**20:.0f} MiB"
            result.end(Status.MEMORY_LIMIT, reason)
            return
        if os.fstat(log.fileno()).st_size > LOG_BYTES:
            # The worker goes on writing behind its last position: what lies before becomes a hole without blocks.
            os.ftruncate(log.fileno(), 0)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Lines of the worker's answer, and an empty one whenever it is time to look at the limits."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    pieces: list[bytes] = []
    looked = time.monotonic()
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while True:
            ended = _ended(process)  # Asked before the pipe: what it had to say it has said by then.
            if selector.select(POLL_S):
                block = os.read(descriptor, 1 << 20)
                if not block:
                    return
                *complete, rest = block.split(b"\n")
                for line in complete:
                    yield b"".join([*pieces, line])
                    pieces = []
                pieces.append(rest)
            elif ended:
                return  # A child that it left behind may hold the other end of the pipe for ever.
            if time.monotonic() > looked + POLL_S:
                yield b""
                looked = time.monotonic()


def _take(event: dict[str, Any], result: Pass) -> None:
    kind = event.pop("event")
    if kind == "round":
        result.rounds.append({phase: float(event[phase]) for phase in ("setup", "compile", "solve", "evaluate")})
    elif kind == "started":
        result.started = event
    elif kind == "failed":
        result.status, result.reason = FAILURES.get(event["kind"], Status.CRASHED), one_line(event["reason"])
        result.arrays = event.get("arrays", {})
    elif kind == "done":
        result.arrays, result.more = event.pop("arrays"), event.pop("more")
        result.status, result.done = Status.FINISHED, event
    elif kind == "residual":
        result.more = False
        result.arrays |= event["arrays"]
        result.done["facts"] |= event["facts"]
    elif kind == "memory":
        result.status, result.memory = Status.FINISHED, event
    else:
        raise ValueError(f"unknown event {kind!r}")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it is dead; it stays unburied, so that no other process group can take its number meanwhile."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _resident_bytes(session: int) -> int:
    """Bytes held by the worker's process and its children (its session), as far as the kernel tells.

    An MPI launcher gives each of its processes a group of its own.
    """
    total = 0
    for pid in _processes():
        with contextlib.suppress(OSError, IndexError, ValueError):
            if os.getsid(pid) == session:
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    return total


def _processes() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208  (read 20 times a second)
    except OSError:
        return []


def _death(process: subprocess.Popen[bytes], log: IO[bytes]) -> tuple[Status, str]:
    """Why a worker fell silent without an answer, with its last words."""
    patience = time.monotonic() + GRACE_S
    while not _ended(process) and time.monotonic() < patience:
        time.sleep(0.005)
    end = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    log.seek(max(0, os.fstat(log.fileno()).st_size - TAIL_BYTES))
    said = [text for line in log.read().decode(errors="replace").splitlines() if (text := one_line(line))]
    last = f"; its last line: {said[-1]}" if said else ""
    if end is None:
        return Status.CRASHED, f"closed its answer without giving one, and was stopped{last}"
    if end.si_code == os.CLD_EXITED:
        return Status.CRASHED, f"ended with exit status {end.si_status} and no answer{last}"
    try:
        name = signal.Signals(end.si_status).name
    except ValueError:  # Real-time signals have no names.
        name = str(end.si_status)
    # C++ gives up where nobody catches its std::bad_alloc.
    aborted_for_memory = name == "SIGABRT" and exhausted(last)
    return Status.MEMORY_LIMIT if aborted_for_memory else Status.KILLED, f"ended by signal {name}{last}"


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Close the worker's standard input, on which it ends by itself; what then still lives is killed."""
    try:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        patience = time.monotonic() + GRACE_S
        while not _ended(process) and time.monotonic() < patience:
            time.sleep(0.002)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _kill_marked(mark)


def _kill_marked(mark: str) -> None:
    """End the children that left the worker's process group; they are known by the environment they inherited."""
    wanted = f"{MARK}={mark}".encode()
    for pid in _processes():
        with contextlib.suppress(OSError):
            if wanted in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)
