"""A baseline is whole, and is replaced whole or not at all."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.cli import main
from tests.reports.test_regression import row, write


def test_a_baseline_is_made_compared_with_and_replaced(tmp_path: Path) -> None:
    old, now = write(tmp_path / "old", [row()]), write(tmp_path / "now", [row(relative_l2=2e-3)])
    base = tmp_path / "baseline"
    made = CliRunner().invoke(main, ["compare", str(base), str(old), "--accept"])
    assert (made.exit_code, "is a new baseline" in made.output) == (0, True), made.output
    assert CliRunner().invoke(main, ["compare", str(base), str(now)]).exit_code == 1
    accepted = CliRunner().invoke(main, ["compare", str(base), str(now), "--accept"])
    assert accepted.exit_code == 0
    assert "1.0000e-3" in accepted.output
    assert "2.0000e-3" in accepted.output
    assert CliRunner().invoke(main, ["compare", str(base), str(now)]).exit_code == 0
    assert sorted(path.name for path in base.iterdir()) == ["records.jsonl", "run.json"]


LACKING = {
    "unreadable": ([row()], {}, "records.jsonl, line 2 is unreadable"),
    "incomplete": ([row()], {"cases": 2}, "it has 1 of its 2 cases"),
    "not installed": ([row(), row("b", seed=1, status="not installed")], {}, "ftcs not installed"),
}


@pytest.mark.parametrize("kind", LACKING)
def test_a_run_that_lacks_something_is_no_baseline(tmp_path: Path, kind: str) -> None:
    rows, info, words = LACKING[kind]
    base, now = write(tmp_path / "base", [row(relative_l2=2e-3)]), write(tmp_path / "now", rows, **info)
    if kind == "unreadable":
        with (now / "records.jsonl").open("a") as file:
            file.write("{}\n")
    before = (base / "records.jsonl").read_bytes()
    refused = CliRunner().invoke(main, ["compare", str(base), str(now), "--accept"])
    assert refused.exit_code == 2
    assert words in refused.output
    assert (base / "records.jsonl").read_bytes() == before


def test_a_baseline_with_nothing_in_common_can_be_replaced(tmp_path: Path) -> None:
    base, now = write(tmp_path / "base", [row()]), write(tmp_path / "now", [row("other", threads=2)])
    assert CliRunner().invoke(main, ["compare", str(base), str(now)]).exit_code == 2
    assert CliRunner().invoke(main, ["compare", str(base), str(now), "--accept"]).exit_code == 0
    assert CliRunner().invoke(main, ["compare", str(base), str(now)]).exit_code == 0


def test_a_damaged_baseline_is_no_gate(tmp_path: Path) -> None:
    """What its unreadable lines held would be new, and pass."""
    base, now = write(tmp_path / "base", [row()]), write(tmp_path / "now", [row(), row("b", seed=1, relative_l2=1.0)])
    assert CliRunner().invoke(main, ["compare", str(base), str(now)]).exit_code == 0
    with (base / "records.jsonl").open("a") as file:
        file.write("<<<<<<< HEAD\n")
    said = CliRunner().invoke(main, ["compare", str(base), str(now)])
    assert said.exit_code == 2
    assert "records.jsonl, line 2 is unreadable" in said.output


def test_a_full_disk_leaves_the_baseline_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base, now = write(tmp_path / "base", [row()]), write(tmp_path / "now", [row(relative_l2=2e-3)])
    before = {path.name: path.read_bytes() for path in base.iterdir()}
    whole = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "records.jsonl.part":
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    refused = CliRunner().invoke(main, ["compare", str(base), str(now), "--accept"])
    assert refused.exit_code == 2
    assert "No space left on device" in refused.output
    assert {path.name: path.read_bytes() for path in base.iterdir()} == before


def test_a_run_with_its_solutions_is_no_baseline(tmp_path: Path) -> None:
    old, now = write(tmp_path / "old", [row()]), write(tmp_path / "now", [row(relative_l2=2e-3)])
    (old / "solutions").mkdir()
    refused = CliRunner().invoke(main, ["compare", str(old), str(now), "--accept"])
    assert refused.exit_code == 2
    assert "no baseline" in refused.output
