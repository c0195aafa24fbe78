"""Whatever a worker does, its case is one row with a status and a reason, and the run goes on."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import supervision
from benchmarks.cases import Case, Spec
from benchmarks.execute import Limits, execute
from benchmarks.interpreters import Interpreter
from benchmarks.plugins import load_plugin
from benchmarks.record import REMEDY, Record, Status
from tests.benchmarks.conftest import (
    FAULTY,
    HERE,
    QUICK,
    group_members,
    make_case,
    processes_with,
    run_cases,
    spoil,
    wait_until,
)

START = "from benchmarks.worker import main; main()"
OUTCOMES = {
    "fine": (Status.FINISHED, ""),
    "killed": (Status.KILLED, "ended by signal SIGKILL"),
    "real-time-signal": (Status.KILLED, "ended by signal 37"),
    "segfault": (Status.KILLED, "ended by signal SIGSEGV"),
    "exit": (Status.CRASHED, "SystemExit: no licence"),
    "os-exit": (Status.CRASHED, "ended with exit status 7 and no answer"),
    "raise": (Status.CRASHED, "RuntimeError: κ ≤ 0: <script>alert('ü')</script> [31m[/red]"),
    "silent": (Status.CRASHED, "RuntimeError"),
    "interrupt": (Status.CRASHED, "KeyboardInterrupt"),
    "diverge": (Status.DIVERGED, "left every bound at step 7"),
    "memory": (Status.MEMORY_LIMIT, "MemoryError: cannot have 8 EiB"),
    "device-memory": (Status.MEMORY_LIMIT, "OutOfMemoryError: CUDA out of memory"),
    "nan": (Status.NOT_FINITE, "1 of 201 values are NaN or infinite"),
    "outcome": (Status.DIVERGED, "lost its energy"),
    "flat": (Status.CRASHED, "the solution has shape (201,), the reference (201, 1)"),
    "text": (Status.CRASHED, "not real numbers"),
    "object": (Status.CRASHED, "Object arrays cannot be saved"),
    "nothing": (Status.CRASHED, "Object arrays cannot be saved"),
    "prints": (Status.FINISHED, ""),
    "close": (Status.CRASHED, "ended with exit status 1 and no answer"),
    "close-and-hang": (Status.CRASHED, "closed its answer without giving one, and was stopped"),
    "write-anywhere": (Status.CRASHED, "something else than the worker wrote to its answer"),
    "ask": (Status.CRASHED, "EOFError"),
    "huge": (Status.FINISHED, ""),
    "fork": (Status.FINISHED, ""),
    "fork-and-die": (Status.KILLED, "ended by signal SIGKILL"),
}


@pytest.mark.parametrize(("fault", "status", "reason"), [(fault, *end) for fault, end in OUTCOMES.items()])
def test_fault_is_a_record_with_its_status_and_reason(fault, status, reason):
    record = spoil(fault).record
    assert record.status == status, record.reason
    assert reason in record.reason
    assert bool(record.reason) == (status is not Status.FINISHED)
    assert record.reason.isprintable() or not record.reason
    assert len(record.reason) <= 400
    assert Record.from_json(record.to_json().encode("utf-8").decode("utf-8")).status == status


def test_every_status_but_success_has_a_remedy():
    assert {status for status in Status if not REMEDY[status]} == {Status.FINISHED}


def test_answer_is_taken_of_a_worker_that_ended_meanwhile(monkeypatch):
    """Whoever runs the suite may stop it for a while, from a look at the pipe to the next one at the process."""
    ended = supervision._ended
    monkeypatch.setattr(supervision, "_ended", lambda process: wait_until(lambda: ended(process), 20))
    record = spoil("fine").record
    assert record.status == Status.FINISHED, record.reason


def test_hanging_worker_is_stopped_at_its_time_limit(tmp_path):
    tally = tmp_path / "tally"
    begun = time.monotonic()
    record = spoil("hang", Limits(timeout_s=1.5, measure_memory=False), tally=str(tally)).record
    assert (record.status, record.reason) == (Status.TIMEOUT, "still running after 1.5 s")
    assert 1.5 <= time.monotonic() - begun < 8
    assert not Path(f"/proc/{tally.read_text().split()[1]}").exists()


def test_growing_worker_is_stopped_at_its_memory_limit():
    record = spoil("grow", Limits(timeout_s=30, memory_bytes=200 * 2**20, measure_memory=False)).record
    assert record.status == Status.MEMORY_LIMIT
    held = int(record.reason.split()[1])
    # It takes 10 MiB every 10 ms, and is looked at every 50 ms; a busy machine may look later.
    assert 200 < held < 1000
    assert record.reason == f"held {held} MiB, more than 200 MiB"


def test_memory_of_children_counts(tmp_path):
    """The limit holds for the worker's process group."""
    hog = [sys.executable, "-c", "import time; block = b'x' * (300 * 2**20); print(flush=True); time.sleep(60)"]
    child = subprocess.Popen(hog, start_new_session=True, stdout=subprocess.PIPE)
    try:
        child.stdout.readline()
        assert supervision._resident_bytes(child.pid) > 300 * 2**20
    finally:
        child.kill()
        child.communicate()


def test_worker_that_prints_without_end_does_not_fill_the_disk(monkeypatch):
    copies, make = [], tempfile.TemporaryFile

    def remember():
        file = make()
        copies.append(os.dup(file.fileno()))
        return file

    monkeypatch.setattr(supervision.tempfile, "TemporaryFile", remember)
    record = spoil("prints-without-end", Limits(timeout_s=1.5, measure_memory=False)).record
    assert record.status == Status.TIMEOUT
    log = os.fstat(copies[0])
    os.close(copies[0])
    assert log.st_size > supervision.LOG_BYTES
    assert log.st_blocks * 512 < log.st_size / 2


@pytest.mark.parametrize(("fault", "words"), [("child", ["sleep", "61"]), ("daemon", ["sleep", "62"])])
def test_child_does_not_outlive_its_worker(fault, words):
    begun = time.monotonic()
    assert spoil(fault).record.status == Status.FINISHED
    assert time.monotonic() - begun < 20
    assert wait_until(lambda: processes_with(words) == [], 2)


@pytest.mark.parametrize("fault", ["fork", "fork-and-die"])
def test_copy_of_a_worker_neither_delays_the_record_nor_survives(fault, tmp_path):
    tally = tmp_path / "tally"
    record = spoil(fault, tally=str(tally)).record
    assert record.wall_s < 20
    group = int(tally.read_text().split()[1])
    assert wait_until(lambda: not group_members(group), 2)


def test_run_goes_on_after_every_fault(tmp_path):
    faults = ["killed", "nan", "raise", "hang", "outcome", "fine"]
    cases = [make_case("decay", f"faulty:fault={fault}") for fault in faults]
    cases.insert(3, make_case("heat-1d", "faulty"))
    cases.insert(4, make_case("decay", "noop", precision="float32"))
    run_cases(cases, tmp_path / "run", Limits(timeout_s=3, rounds=1, measure_memory=False))
    rows = [Record.from_json(line) for line in (tmp_path / "run" / "records.jsonl").read_text("utf-8").splitlines()]
    assert [row.case for row in rows] == [case.hash for case in cases]
    assert [row.status for row in rows] == [
        *("killed", "not finite", "crashed", "unsupported", "unsupported", "timeout", "diverged", "finished")
    ]
    assert rows[3].reason == "it only spoils initial value problems"
    assert rows[4].reason == "noop computes in float64, not in float32"


def test_answer_with_an_outcome_is_still_judged():
    record = spoil("outcome").record
    assert record.max_abs == 0.0
    assert record.answered


@pytest.mark.parametrize(
    ("rehearses", "reason"),
    [("killed", "ended by signal SIGKILL"), ("hang", "still running after 3 s"), ("diverge", "left every bound")],
)
def test_failing_memory_pass_leaves_the_timing_pass_alone(rehearses, reason):
    record = spoil("fine", Limits(timeout_s=3, rounds=2), rehearses=rehearses).record
    assert record.status == Status.FINISHED
    assert len(record.solve_s) == record.rounds == 2
    assert record.host_bytes is None
    assert record.host_method.startswith(f"not measured: {reason}")


def test_interpreter_that_is_no_python_is_a_row():
    case = make_case("decay", "noop")
    for command, reason in (("/bin/false", "exit status 1"), ("/nonexistent/python", "did not start")):
        record = execute(case, Interpreter((command,)), QUICK).record
        assert record.status == Status.CRASHED
        assert reason in record.reason


def test_library_that_cannot_be_imported_is_a_row(tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('built for another numpy')")
    plugin = tmp_path / "needy.py"
    plugin.write_text(
        FAULTY.read_text("utf-8").replace('name = "faulty"', 'name = "needy"\n    libraries = ("broken",)')
    )
    load_plugin(plugin)
    case = Case.create(Spec.parse("decay"), Spec.parse("needy"))
    command = ("/usr/bin/env", sys.executable, "-c", f"import sys; sys.path.append({str(tmp_path)!r}); {START}")
    record = execute(case, Interpreter(command), QUICK, plugins=[plugin]).record
    assert (record.status, record.reason) == (Status.CRASHED, "RuntimeError: built for another numpy")


def test_problem_that_cannot_be_judged_is_a_row(tmp_path, monkeypatch):
    case = make_case("decay", "noop")
    monkeypatch.setattr(type(case.problem), "reference_error", lambda self: 1 / 0)
    record = execute(case, HERE, QUICK, plugins=[FAULTY.with_name("noop.py")]).record
    assert record.status == Status.CRASHED
    assert record.reason == "the errors cannot be computed: ZeroDivisionError: division by zero"


def test_zero_reference_has_absolute_errors_and_no_relative_ones():
    record = execute(make_case("decay:y0=0", "noop"), HERE, QUICK, plugins=[FAULTY.with_name("noop.py")]).record
    assert record.status == Status.FINISHED
    assert record.max_abs == record.mean_abs == 0.0
    assert record.relative_l2 is None
    assert record.relative_linf is None


def test_error_norms_are_those_of_the_exact_solution():
    """Zero against e^{−t}: relative errors are 1, the maximum is e^{−t} at the first instant."""
    case = make_case("decay:T=2", "noop")
    record = execute(case, HERE, QUICK, plugins=[FAULTY.with_name("noop.py")]).record
    first = float(case.problem.points()[0, 0])
    assert record.relative_l2 == pytest.approx(1.0, rel=1e-14)
    assert record.relative_linf == pytest.approx(1.0, rel=1e-14)
    assert record.max_abs == pytest.approx(math.exp(-first), rel=1e-14)
    assert record.mean_abs == pytest.approx(np.exp(-case.problem.points()).mean(), rel=1e-14)
