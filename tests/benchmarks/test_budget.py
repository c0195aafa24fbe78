"""What is foreseen to need too much memory is a row, and no worker."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

import reports
from benchmarks.budget import LARGEST, Foreseen, foresee, in_bytes, in_words, most_of_memory
from benchmarks.execute import Limits, execute
from benchmarks.plugins import load_plugin
from benchmarks.record import REMEDY, Record, Status
from reports.frame import frame
from tests.benchmarks.conftest import HERE, PLUGINS, QUICK, make_case, run_cases
from tests.benchmarks.test_pytest_entry import SUITE, pytest_

FORESEEN = PLUGINS / "foreseen.py"
MEBIBYTE = 2**20


@pytest.fixture(autouse=True)
def _registered() -> None:
    load_plugin(FORESEEN)


def allowed(size: int | None) -> Limits:
    return dataclasses.replace(QUICK, memory_bytes=size)


def run_one(spec: str, limits: Limits = QUICK, **circumstances: object) -> Record:
    return execute(make_case("decay", spec, **circumstances), HERE, limits, plugins=[FORESEEN]).record


def test_what_does_not_fit_is_not_started(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    record = run_one(f"foreseen:nodes=200,mark={mark}", allowed(32 * MEBIBYTE))
    assert record.status == Status.OVER_BUDGET
    assert record.reason == "200^3 = 8000000 unknowns: some 61.0 MiB are needed, and the budget is 32.0 MiB"
    assert record.unknowns == 200**3
    assert record.facts == {"predicted_bytes": 8 * 200**3, "budget_bytes": 32 * MEBIBYTE}
    assert record.wall_s is None
    assert not mark.exists()


def test_what_fits_runs_and_tells_what_was_foreseen(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    record = run_one(f"foreseen:nodes=200,mark={mark}", allowed(1024 * MEBIBYTE))
    assert record.status == Status.FINISHED, record.reason
    assert record.facts["predicted_bytes"] == 8 * 200**3
    assert "budget_bytes" not in record.facts
    assert mark.exists()


def test_budget_itself_still_fits() -> None:
    need = 8 * 100**3
    assert run_one("foreseen:nodes=100", allowed(need - 1)).status == Status.OVER_BUDGET
    # What Python itself holds is no part of what is foreseen, but it counts for the limit of a worker.
    assert run_one("foreseen:nodes=100", allowed(need)).status != Status.OVER_BUDGET


def test_precision_counts() -> None:
    case = make_case("decay", "foreseen:nodes=10")
    assert foresee(case) == Foreseen(8000, (1, 10, 10, 10))
    single = foresee(dataclasses.replace(case, precision="float32"))
    assert single is not None
    assert single.bytes == 4000


def test_what_cannot_be_foreseen_is_started() -> None:
    record = run_one("foreseen:per_node=0,nodes=1000000,axes=9")
    assert record.status == Status.FINISHED, record.reason
    assert "predicted_bytes" not in record.facts


def test_without_a_limit_the_budget_is_the_machine() -> None:
    record = run_one("foreseen:nodes=1000000,axes=9", allowed(None))
    assert record.status == Status.OVER_BUDGET
    assert record.facts["budget_bytes"] == most_of_memory()


def test_memory_of_a_device_is_not_that_of_the_host() -> None:
    assert foresee(make_case("decay", "foreseen:nodes=1000000,axes=9", device="cuda")) is None


@pytest.mark.parametrize(("nodes", "axes"), [(2, 60), (2, 63), (101, 100), (10_001, 300)])
def test_numbers_beyond_every_range_are_told_all_the_same(nodes: int, axes: int) -> None:
    record = run_one(f"foreseen:nodes={nodes},axes={axes}", allowed(2**30))
    assert record.status == Status.OVER_BUDGET
    assert f"{nodes}^{axes} = " in record.reason
    assert record.unknowns == (nodes**axes if nodes**axes <= LARGEST else None)
    again = Record.from_json(record.to_json())
    assert again.reason == record.reason
    rows = frame([again, run_one("foreseen:nodes=10")])
    assert list(rows["ok"]) == [False, True]
    assert str(rows["unknowns"].dtype).startswith(("float", "int"))


def test_a_backend_that_is_absent_changes_nothing() -> None:
    """The row is the same on a machine where the method could not have run."""
    case = make_case("decay", "foreseen:nodes=200")
    absent = dataclasses.replace(HERE, command=(), reason="not here")
    assert not absent.available
    record = execute(case, absent, allowed(MEBIBYTE), plugins=[FORESEEN]).record
    assert record.status == Status.OVER_BUDGET


def test_row_is_in_the_list_of_what_did_not_finish(tmp_path: Path) -> None:
    cases = [make_case("decay", f"foreseen:nodes={n}") for n in (10, 400)]
    run_cases(cases, tmp_path / "run", allowed(256 * MEBIBYTE), plugins=[str(FORESEEN)])
    reports.render(tmp_path / "run")
    text = (tmp_path / "run" / "report.md").read_text()
    failures = text[text.index("## Failures") :]
    assert "over budget" in failures
    assert "400^3 = 64000000 unknowns: some 488.3 MiB are needed, and the budget is 256.0 MiB" in failures
    assert REMEDY[Status.OVER_BUDGET] in failures


def test_small_budget_on_the_command_line_gives_the_row_and_no_failure(invoke, tmp_path: Path) -> None:
    words = ("run", "--problem", "decay", "--solver", "foreseen:nodes=400", "--plugin", FORESEEN, "--no-memory")
    result = invoke(*words, "--memory-limit", "256M", "--out", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert "over budget (1 of 1)." in result.output
    row = json.loads((tmp_path / "run" / "records.jsonl").read_text())
    assert row["status"] == "over budget"
    assert row["facts"]["predicted_bytes"] == 8 * 400**3


def test_entry_of_pytest_skips_it_as_it_skips_what_is_not_supported(tmp_path: Path) -> None:
    suite = tmp_path / "entry.toml"
    suite.write_text(SUITE.format(solvers=json.dumps(["foreseen", "foreseen:nodes=1000000,axes=9"])))
    options = ["--benchmark", f"--benchmark-suite={suite}", f"--benchmark-plugin={FORESEEN}", "-rs"]
    done = pytest_(*options, f"--benchmark-storage={tmp_path / 'storage'}")
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 skipped" in done.stdout
    assert "over budget: 1000000^9 = 1.0e+54 unknowns" in done.stdout


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((1, 21, 21), "21^2 = 441"),
        ((2, 9, 9, 9), "2·9^3 = 1458"),
        ((1, 20, 21, 21), "20·21^2 = 8820"),
        ((1, 250), "250"),
        ((1, 1), "1"),
        ((1, *[101] * 100), "101^100 = 2.7e+200"),
    ],
)
def test_products_are_told_with_what_they_come_to(shape: tuple[int, ...], words: str) -> None:
    assert in_words(shape) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 bytes"),
        (1023, "1023 bytes"),
        (1024, "1.0 KiB"),
        (3 * 2**29, "1.5 GiB"),
        (2**69, "512.0 EiB"),
        (10**40, "1.0e+40 bytes"),
    ],
)
def test_sizes_are_told_in_the_largest_unit(count: int, words: str) -> None:
    assert in_bytes(count) == words
