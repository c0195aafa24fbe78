"""A run that is killed loses nothing, leaves nothing behind, and goes on where it stopped."""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import cli, store
from tests.benchmarks.conftest import FAULTY, alive, make_case, run_cases, wait_until


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


def test_resume_goes_on_with_the_last_run_of_that_suite_and_no_other(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("heat-20240101-000000", "heat-20250101-000000", "heat-fine-20260101-000000"):
        (tmp_path / "results" / name).mkdir(parents=True)
        (tmp_path / "results" / name / "records.jsonl").touch()
    assert cli._folder("heat", resume=True) == Path("results/heat-20250101-000000")
    with pytest.raises(cli.InputError, match="no run of poisson"):
        cli._folder("poisson", resume=True)
