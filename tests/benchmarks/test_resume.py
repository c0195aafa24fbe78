"""A run that is killed loses nothing, leaves nothing behind, and goes on where it stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import cli, runner, store
from benchmarks.interpreters import Interpreter
from reports.page import compose
from reports.run import Run
from tests.benchmarks.conftest import (
    FAULTY,
    ROOT,
    alive,
    environment,
    group_members,
    make_case,
    run_cases,
    wait_until,
)


def tallied(tally: Path) -> list[tuple[str, int]]:
    """Fault and process of every solve so far."""
    lines = tally.read_text().splitlines() if tally.exists() else []
    return [(line.split()[0], int(line.split()[1])) for line in lines]


def slow_run(tmp_path: Path) -> tuple[list[str], Path, Path]:
    """A run of three cases, of which the last takes 2 s."""
    tally, out = tmp_path / "tally", tmp_path / "run"
    specs = [
        f"faulty:fault={fault},tally={tally},pause={pause}"
        for fault, pause in (("fine", 0), ("nan", 0), ("outcome", 2))
    ]
    words = ["run", "--problem", "decay:T=1", "--plugin", str(FAULTY), "--out", str(out), "--no-memory"]
    for spec in specs:
        words += ["--solver", spec]
    return words, tally, out


def test_kill_leaves_no_orphan_and_resume_repeats_only_what_is_unfinished(debench, tmp_path):
    words, tally, out = slow_run(tmp_path)
    parent = debench(*words)
    assert wait_until(lambda: "outcome" in dict(tallied(tally)), 60)
    worker = dict(tallied(tally))["outcome"]
    assert alive(worker)
    parent.send_signal(signal.SIGKILL)
    parent.communicate()
    assert wait_until(lambda: not alive(worker), 2)
    assert [record.status for record in store.read(out)[0]] == ["finished", "not finite"]
    before = (out / "records.jsonl").read_bytes()

    again = debench(*words, "--resume")
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert (out / "records.jsonl").read_bytes().startswith(before)
    records, complaints = store.read(out)
    assert [record.status for record in records] == ["finished", "not finite", "diverged"]
    assert not complaints
    workers = Counter(fault for fault, _ in set(tallied(tally)))
    assert workers == {"fine": 1, "nan": 1, "outcome": 2}


def test_kill_ends_even_a_worker_that_is_stuck_in_c(debench, tmp_path):
    tally = tmp_path / "tally"
    solver = f"faulty:fault=hang-in-c,tally={tally}"
    parent = debench("run", "--problem", "decay", "--solver", solver, "--plugin", FAULTY, "--out", tmp_path / "run")
    assert wait_until(lambda: bool(tallied(tally)), 60)
    ((_, worker),) = tallied(tally)
    assert alive(worker)
    parent.kill()
    parent.communicate()
    assert wait_until(lambda: not alive(worker), 2)


def test_worker_and_its_children_end_when_nobody_listens_any_more():
    """Where the kernel does not tell a worker that its parent died, the end of its input does."""
    parameters = make_case("decay", "faulty:fault=child-and-hang").solver.parameters()
    request = {"pass": "timing", "problem": "decay", "problem_parameters": {}, "solver": "faulty"}
    request |= {"solver_parameters": parameters, "seed": 0, "device": "cpu", "precision": "float64", "libraries": []}
    request |= {"threads": 1, "plugins": [str(FAULTY)], "rounds": 1, "rounds_budget_s": 1.0}
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=environment(),
        start_new_session=True,
    )
    worker.stdin.write(json.dumps(request).encode() + b"\n")
    worker.stdin.flush()
    assert wait_until(lambda: len(group_members(worker.pid)) == 2, 60)
    worker.stdin.close()
    worker.wait(timeout=2)
    assert wait_until(lambda: not group_members(worker.pid), 2)


def test_backend_that_was_installed_meanwhile_is_run_on_resume(tmp_path, monkeypatch):
    monkeypatch.delenv("DEBENCH_REQUIRE_BACKENDS", raising=False)  # Continuous integration sets it.

    class Nowhere:
        def find(self, solver):
            return Interpreter((), "it is nowhere")

    cases = [make_case(f"decay:T={T}", "noop") for T in (1, 2)]
    run_cases(cases[:1], tmp_path / "run")
    run_cases(cases, tmp_path / "run", resume=True, interpreters=Nowhere())
    assert [(r.status, r.reason) for r in store.read(tmp_path / "run")[0]] == [
        ("finished", ""),
        ("not installed", "it is nowhere"),
    ]
    run_cases(cases, tmp_path / "run", resume=True, interpreters=Nowhere())
    lines = (tmp_path / "run" / "records.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == 2
    records = run_cases(cases, tmp_path / "run", resume=True)
    assert [record.status for record in records] == ["finished", "finished"]
    assert [record.status for record in store.read(tmp_path / "run")[0]] == ["finished", "finished"]
    assert len((tmp_path / "run" / "records.jsonl").read_text("utf-8").splitlines()) == 3


def test_interrupt_ends_the_worker_and_says_how_to_go_on(debench, tmp_path):
    words, tally, out = slow_run(tmp_path)
    parent = debench(*words)
    assert wait_until(lambda: "outcome" in dict(tallied(tally)), 60)
    worker = dict(tallied(tally))["outcome"]
    parent.send_signal(signal.SIGINT)
    printed, said = parent.communicate(timeout=10)
    assert parent.returncode == 130, said
    assert not alive(worker)
    assert "Traceback" not in said
    assert printed.startswith("Interrupted; go on with: debench run --problem decay:T=1")
    assert printed.rstrip().endswith("--resume")
    assert len(store.read(out)[0]) == 2


def test_half_written_last_line_is_cut_off_and_its_case_repeated(tmp_path):
    cases = [make_case(f"decay:T={T}", "noop") for T in (1, 2, 3)]
    run_cases(cases, tmp_path / "run")
    path = tmp_path / "run" / "records.jsonl"
    whole = path.read_bytes()
    first, second, third = whole.splitlines(keepends=True)
    for kept in (1, len(third) // 2, len(third) - 1):
        path.write_bytes(first + second + third[:kept])
        records = run_cases(cases, tmp_path / "run", resume=True)
        assert path.read_bytes().startswith(first + second)
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert [row["case"] for row in rows] == [case.hash for case in cases]
        assert [record.case for record in records] == [case.hash for case in cases]


def test_only_line_half_written_is_no_empty_run(tmp_path):
    case = make_case("decay", "noop")
    run_cases([case], tmp_path / "run")
    path = tmp_path / "run" / "records.jsonl"
    path.write_bytes(path.read_bytes()[:40])
    run_cases([case], tmp_path / "run", resume=True)
    assert [record.case for record in store.read(tmp_path / "run")[0]] == [case.hash]


def test_run_killed_before_its_description_was_written_gets_one(tmp_path):
    case = make_case("decay", "noop")
    run_cases([case], tmp_path / "run")
    (tmp_path / "run" / "run.json").unlink()
    run_cases([case], tmp_path / "run", resume=True)
    assert store.read_meta(tmp_path / "run")["suite"] == "test"


def test_run_that_goes_on_with_other_code_says_so(tmp_path, monkeypatch):
    """Also in its report; what it began with stays as it was."""
    cases, folder = [make_case(f"decay:T={T}", "noop") for T in (1, 2)], tmp_path / "run"
    for commit, part in (("a" * 40, cases[:1]), ("b" * 40, cases)):
        found = {"fingerprint": "f", "git_commit": commit, "git_dirty": commit[0] == "b"}
        monkeypatch.setattr(runner, "describe", lambda found=found: found)
        run_cases(part, folder, resume=part is cases)
    meta = store.read_meta(folder)
    assert meta["environment"]["git_commit"] == "a" * 40
    (again,) = meta["resumed"]
    assert (again["git_commit"], again["git_dirty"]) == ("b" * 40, True)
    page = dict(compose(Run.open(folder)).environment)
    assert page["commit"] == "a" * 40
    assert page["resumed"].endswith(f"commit {'b' * 40} with uncommitted changes")


def test_resume_goes_on_with_the_last_run_of_that_suite_and_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("heat-20240101-000000", "heat-20250101-000000", "heat-fine-20260101-000000"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "records.jsonl").touch()
    assert cli._folder("heat", resume=True) == Path("results/heat-20250101-000000")
    with pytest.raises(cli.InputError, match="no run of poisson"):
        cli._folder("poisson", resume=True)
