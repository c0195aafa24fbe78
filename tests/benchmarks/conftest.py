"""The harness seen from outside: cases that misbehave, and the command line in this process or in one of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.cases import Case, Spec
from benchmarks.cli import main
from benchmarks.execute import Limits, Outcome, execute
from benchmarks.interpreters import Interpreter
from benchmarks.plugins import load_plugin
from benchmarks.runner import run_suite
from benchmarks.suites import Suite

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "tests" / "plugins"
FAULTY = PLUGINS / "faulty.py"
NOOP = PLUGINS / "noop.py"
MEASURED = PLUGINS / "measured.py"
HERE = Interpreter((sys.executable,))
QUICK = Limits(timeout_s=60, rounds=1, measure_memory=False)


class ThisPython:
    """Every solver runs in the interpreter of the tests."""

    def find(self, solver: Any) -> Interpreter:
        return HERE


def make_case(problem: str, solver: str, **circumstances: Any) -> Case:
    load_plugin(FAULTY)
    load_plugin(NOOP)
    load_plugin(MEASURED)
    return Case.create(Spec.parse(problem), Spec.parse(solver), **circumstances)


def spoil(fault: str, limits: Limits = QUICK, **parameters: Any) -> Outcome:
    """Solve decay with the faulty solver."""
    spec = Spec("faulty", parameters=(("fault", fault), *parameters.items()))
    return execute(make_case("decay", str(spec)), HERE, limits, plugins=[FAULTY])


def run_cases(cases: list[Case], folder: Path, limits: Limits = QUICK, **how: Any) -> Any:
    suite = Suite("test", "Cases of a test", tuple(cases), limits)
    how = {"command": "debench", "interpreters": ThisPython(), "plugins": [str(FAULTY), str(NOOP)], **how}
    return run_suite(suite, folder, limits=limits, **how)


def environment(**more: str) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DEBENCH_", "PYTEST_"))}
    return kept | {"PYTHONPATH": str(ROOT)} | more


@pytest.fixture
def debench(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start `debench …` in an empty folder and a process of its own."""

    def start(*words: object) -> subprocess.Popen[str]:
        # Tests that were started in the background ignore interrupts, and a process would inherit that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                [sys.executable, "-m", "benchmarks", *map(str, words)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                cwd=tmp_path,
                env=environment(TMPDIR=str(tmp_path)),  # What is killed cannot tidy up.
            )
        finally:
            signal.signal(signal.SIGINT, before)

    return start


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Call `debench …` in this process, with an empty working folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


def wait_until(true: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not (held := true()) and time.monotonic() < end:
        time.sleep(0.02)
    return held


def alive(pid: int) -> bool:
    """Whether that process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def group_members(group: int) -> list[int]:
    """Living processes of a process group."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getpgid(int(entry.name)) == group and alive(int(entry.name)):
                found.append(int(entry.name))
    return found


def processes_with(words: list[str]) -> list[int]:
    """Processes whose command line is exactly `words`."""
    wanted, found = "\0".join([*words, ""]).encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (entry / "cmdline").read_bytes() == wanted and alive(int(entry.name)):
                found.append(int(entry.name))
    return found
