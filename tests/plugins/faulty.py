"""A solver that misbehaves in the way that its parameter names, for decay: what a worker may do to the harness."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Diverged, Session, Solver
from problems import Problem
from problems.base import ODE, Array
from problems.parameters import parameter

MEBIBYTE = 2**20
KEPT = []


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


def exits() -> None:
    sys.exit("no licence")


def grows() -> None:
    while True:
        KEPT.append(np.ones(10 * MEBIBYTE // 8))
        time.sleep(0.01)


def raises_in_many_words() -> None:
    raise RuntimeError("κ ≤ 0:\n\n  <script>alert('ü')</script> \x1b[31m[/red] \udcff\n")


def prints() -> None:
    print("garbage \x00\x1b[2J" * 100_000)
    sys.stderr.write("rubbish\n" * 100_000)
    os.write(1, b"\xff\xfe" * 100_000)
    ctypes.CDLL(None).puts(b'{"event": "done"}')
    ctypes.CDLL(None).fflush(None)


def prints_without_end() -> None:
    while True:
        os.write(2, b"x" * MEBIBYTE)


def closes_everything() -> None:
    os.closerange(0, 256)


def closes_everything_and_hangs() -> None:
    os.closerange(0, 256)
    time.sleep(60)


def writes_to_every_descriptor() -> None:
    for descriptor in range(1, 32):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"not for you\n")


def asks() -> None:
    input("How many steps? ")


def leaves_child() -> None:
    subprocess.Popen(["sleep", "61"])


def has_child_and_hangs() -> None:
    subprocess.Popen(["sleep", "64"])
    time.sleep(60)


def leaves_daemon() -> None:
    subprocess.Popen(["sleep", "62"], start_new_session=True)


def leaves_fork(then: Any = None) -> None:
    """A copy of the worker, which holds all its pipes."""
    if os.fork() == 0:
        time.sleep(63)
        os._exit(0)
    if then:
        then()


def kills_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hangs_in_c() -> None:
    """No other thread of the worker can move meanwhile."""
    ctypes.PyDLL(None).sleep(60)


FAULTS = {
    "fine": lambda: None,
    "killed": kills_itself,
    "real-time-signal": lambda: os.kill(os.getpid(), signal.SIGRTMIN + 3),
    "segfault": lambda: ctypes.string_at(0),
    "exit": exits,
    "os-exit": lambda: os._exit(7),
    "hang": lambda: time.sleep(60),
    "hang-in-c": hangs_in_c,
    "grow": grows,
    "prints": prints,
    "prints-without-end": prints_without_end,
    "raise": raises_in_many_words,
    "close": closes_everything,
    "close-and-hang": closes_everything_and_hangs,
    "write-anywhere": writes_to_every_descriptor,
    "ask": asks,
    "child": leaves_child,
    "child-and-hang": has_child_and_hangs,
    "daemon": leaves_daemon,
    "fork": leaves_fork,
    "fork-and-die": lambda: leaves_fork(kills_itself),
}
ERRORS = {
    "diverge": Diverged("left every bound at step 7"),
    "memory": MemoryError("cannot have 8 EiB"),
    "device-memory": OutOfMemoryError("CUDA out of memory"),
    "silent": RuntimeError(),
    "interrupt": KeyboardInterrupt(),
}
ANSWERS = ("nan", "outcome", "flat", "text", "object", "nothing", "huge")


class FaultySession(Session):
    def __init__(self, solver: Faulty, problem: Any) -> None:
        self._fault, self._problem, self._pause, self._tally = solver.fault, problem, solver.pause, solver.tally

    def solve(self) -> None:
        if self._tally:
            with Path(self._tally).open("a") as file:
                file.write(f"{self._fault} {os.getpid()}\n")
        time.sleep(self._pause)
        if self._fault in ERRORS:
            raise ERRORS[self._fault]
        FAULTS.get(self._fault, FAULTS["fine"])()

    def solution(self, points: Array) -> Array:
        exact = self._problem.reference(points)
        if self._fault == "outcome":
            self.outcome = "lost\nits energy"
        bad: dict[str, Any] = {
            "nan": np.where(np.arange(len(exact))[:, None] == 3, np.nan, exact),
            "flat": exact[:, 0],
            "text": exact.astype(str),
            "object": exact.astype(object),
            "nothing": None,
        }
        return bad.get(self._fault, exact)

    def facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {"final_loss": float("nan"), "engine": f"lone \udcff surrogate, {self._fault}"}
        if self._fault == "huge":
            facts["trajectory_y"] = np.zeros((6_000_000, 1))
        return facts


@register
@dataclass(frozen=True)
class Faulty(Solver):
    """Exact where it survives itself."""

    name = "faulty"
    title = "Misbehaviour"
    family = "classical"
    presets = {"dying": {"fault": "killed"}}

    fault: str = parameter("fine", "what goes wrong", choices=(*FAULTS, *ERRORS, *ANSWERS))
    pause: float = parameter(0.0, "seconds before it does", least=0)
    tally: str = parameter("", "file that gets a line for every solve")
    rehearses: str = parameter("", "what goes wrong in the memory pass instead")

    def unsupported(self, problem: Problem) -> str | None:
        return None if isinstance(problem, ODE) else "it only spoils initial value problems"

    def begin(self, problem: Problem, context: Context) -> Session:
        return FaultySession(self, problem)

    def rehearsal(self) -> Solver:
        return replace(self, fault=self.rehearses) if self.rehearses else self
