"""The archive of runs: appended to, safe under two writers; and where its figures stepped."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.cli import main
from benchmarks.interpreters import ROOT
from problems import InputError
from reports import history
from reports.history.archive import Archive, Origin, Series
from reports.history.steps import steps
from reports.run import Run
from tests.reports.synthetic import HOSTILE
from tests.reports.test_regression import row, write

SERIES = Series("abc", "problem · solver", "solve time", "s", "machine")
COUNTED = Series("abc", "problem · solver", "iterations", "count", counted=True)


def origin(number: int) -> Origin:
    return Origin(f"run {number}", f"2026-01-{number + 1:02}T00:00:00+00:00", f"{number:040x}", False, "machine")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with history.open_archive(tmp_path / "a.sqlite", create=True) as opened:
        yield opened


def test_what_was_appended_is_there_once_and_in_order(archive: Archive) -> None:
    added = [archive.append(origin(number), [(SERIES, 1.0 + number)]) for number in (2, 0, 1, 0)]
    assert added == [1, 1, 1, 0]
    (trend,) = archive.trends()
    assert trend.series == SERIES
    assert [value for _, value in trend.points] == [1.0, 2.0, 3.0]
    assert trend.points[0][0] == dataclasses.replace(origin(0), surroundings={})


@pytest.mark.parametrize("table", ["run", "series", "point", "reason"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "UPDATE {} SET rowid = 7"])
def test_nothing_can_be_changed_or_removed(table: str, statement: str, tmp_path: Path) -> None:
    with history.open_archive(tmp_path / "a.sqlite", create=True) as opened:
        opened.append(origin(0), [(SERIES, 1.0)])
        opened.explain("0", "", "because", "2026-01-01")
    connection = sqlite3.connect(tmp_path / "a.sqlite")
    statement = statement.replace("rowid", "value" if table == "point" else "rowid")
    with pytest.raises(sqlite3.IntegrityError, match="only appended to"):
        connection.execute(statement.format(table))
    connection.close()


WRITER = """
import sys
from pathlib import Path
from reports import history
from reports.history.archive import Origin, Series
for number in range(40):
    with history.open_archive(Path(sys.argv[1]), create=True) as opened:
        origin = Origin(f"{sys.argv[2]} {number}", f"2026-{number:03}", "", False, "machine")
        opened.append(origin, [(Series(f"case {k}", "", "time", "s"), 1.0) for k in range(5)])
"""


def test_two_writers_lose_nothing(tmp_path: Path) -> None:
    """Both find no archive, and make it."""
    path = tmp_path / "a.sqlite"
    words = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*words, name], cwd=ROOT, stderr=subprocess.PIPE) for name in ("one", "two")]
    for writer in writers:
        _, said = writer.communicate(timeout=60)
        assert writer.returncode == 0, said.decode()
    with history.open_archive(path) as opened:
        assert [len(trend.points) for trend in opened.trends()] == [80] * 5


def test_a_writer_that_is_killed_leaves_all_of_a_run_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"

    def broken() -> Iterator[tuple[Series, float]]:
        yield SERIES, 1.0
        raise KeyboardInterrupt

    with history.open_archive(path, create=True) as opened, pytest.raises(KeyboardInterrupt):
        opened.append(origin(0), broken())
    with history.open_archive(path) as opened:
        assert list(opened.trends()) == []
        assert opened.append(origin(0), [(SERIES, 1.0), (COUNTED, 2.0)]) == 2


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    path.write_bytes(b"this is no archive" * 100)
    with pytest.raises(InputError, match=r"a\.sqlite"), history.open_archive(path):
        pass
    assert path.read_bytes() == b"this is no archive" * 100


def test_an_empty_file_becomes_an_archive(tmp_path: Path) -> None:
    """What `mktemp` made, or a writer that was killed before it had written anything."""
    path = tmp_path / "a.sqlite"
    path.touch()
    with history.open_archive(path) as opened:
        assert list(opened.trends()) == []
        assert opened.append(origin(0), [(SERIES, 1.0)]) == 1


def test_an_archive_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.execute("CREATE TABLE something (x)")
    connection.close()
    with pytest.raises(InputError, match="no archive that this version can read"), history.open_archive(path):
        pass


def test_figures_of_a_run_are_its_counts_on_all_machines_and_its_costs_on_one(tmp_path: Path) -> None:
    times = {"environment": "machine", "solve_s": [0.3, 0.2], "setup_s": [0.1], "compile_s": [0.4]}
    failed = row("other", solver="other", status="crashed", solve_s=[1.0])
    run = Run.open(write(tmp_path / "run", [row(facts={"steps": 7}, **times), failed], created="2026-05-01"))
    made, figures = history.of_run(run)
    assert (made.name, made.created) == ("run", "2026-05-01")
    found = {(series.figure, series.unit, series.machine, series.counted): value for series, value in figures}
    assert found == {
        ("relative L2 error", "1", "", True): 1e-3,
        ("unknowns", "count", "", True): 19.0,
        ("time steps", "count", "", True): 7.0,
        ("solve time", "s", "machine", False): 0.2,
        ("set-up and compilation", "s", "machine", False): 0.5,
    }


def test_what_a_training_comes_to_is_a_series_of_its_machine(tmp_path: Path) -> None:
    run = Run.open(write(tmp_path / "run", [row(family="neural", environment="machine")]))
    machines = {series.figure: series.machine for series, _ in history.of_run(run)[1]}
    assert machines == {"relative L2 error": "machine", "unknowns": ""}


def _scattered(rng: np.random.Generator, levels: Sequence[float], length: int) -> list[float]:
    """Levels that scatter by a tenth, one in twenty points half again to three times as slow."""
    values = np.repeat(levels, length) * np.exp(0.1 * rng.standard_normal(len(levels) * length))
    slow = rng.random(len(values)) < 0.05
    values[slow] *= rng.uniform(1.5, 3.0, slow.sum())
    return [float(value) for value in values]


def test_a_series_without_a_step_hardly_ever_shows_one() -> None:
    rng = np.random.default_rng(5)
    false = [steps(_scattered(rng, [1.0], 40), counted=False) for _ in range(100)]
    assert sum(map(bool, false)) <= 3


def test_steps_of_a_series_that_scatters_are_found_where_they_are() -> None:
    rng = np.random.default_rng(6)
    found = [steps(_scattered(rng, [1.0, 1.5, 0.9], 15), counted=False) for _ in range(40)]
    exact = [s for s in found if len(s) == 2 and abs(s[0].at - 15) <= 1 and abs(s[1].at - 30) <= 1]
    assert len(exact) >= 34
    assert np.median([s[0].ratio for s in exact]) == pytest.approx(1.5, rel=0.05)


def test_a_bad_moment_is_no_step() -> None:
    values = [1.0, 1.01, 0.99, 1.0, 1.02, 1.0, 5.0, 5.0, 1.0, 1.01, 1.0, 0.99, 1.0]
    assert steps(values, counted=False) == []
    assert steps([1.0, 9.0], counted=False) == []


def test_rounding_of_another_processor_is_no_step() -> None:
    assert steps([2.2e-15, 1.3e-15, 2.2e-15, 8e-14], counted=True) == []
    assert [step.at for step in steps([2.2e-15, 1.3e-15, 2.2e-10], counted=True)] == [2]


@pytest.mark.parametrize(("before", "after", "found"), [(6, 5, 1), (12, 3, 1), (5, 5, 0), (11, 3, 0)])
def test_a_step_shows_as_soon_as_its_significance_can(before: int, after: int, found: int) -> None:
    """With 5 and 5 runs the smallest p-value of ranks is 2/252, above the level of 0.005; with 6 and 5 it is 2/462."""
    values = [1.0 + 1e-3 * k for k in range(before)] + [2.0 + 1e-3 * k for k in range(after)]
    assert len(steps(values, counted=False)) == found


def test_what_is_counted_steps_at_every_change() -> None:
    found = steps([100.0, 100.0, 100.01, 120.0, 120.0, 100.0], counted=True)
    assert [(step.at, step.before, step.after) for step in found] == [(3, 100.0, 120.0), (5, 120.0, 100.0)]


def filled(path: Path) -> None:
    with history.open_archive(path, create=True) as opened:
        for number in range(24):
            time = (0.1 if number < 14 else 0.2) * (1.0 + 0.01 * (number % 3))
            hostile = Series("def", HOSTILE, "solve time", "s", "machine")
            points = [(SERIES, time), (COUNTED, 50.0 if number < 9 else 60.0), (hostile, 1.0 + 0.01 * (number % 2))]
            opened.append(origin(number), points)


def test_steps_are_shown_with_their_revision_and_the_reason_that_was_given(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    filled(path)
    revisions = [origin(number).revision for number in (9, 14)]
    run = CliRunner().invoke
    told = run(main, ["history", "explain", revisions[1], "a finer grid", "--case", "abc", "--archive", str(path)])
    assert told.exit_code == 0, told.output
    shown = run(main, ["history", "show", "--archive", str(path)])
    assert shown.exit_code == 0, shown.output
    assert "24 runs, 3 series, 2 steps, of which 1 are not explained." in shown.output
    page = (tmp_path / "history" / "history.html").read_text()
    text = (tmp_path / "history" / "history.md").read_text()
    for words in (page, text):
        assert "a finer grid" in words
        assert "not explained" in words
        assert "2026-01-15 00:00" in words
    assert HOSTILE not in page
    assert page.count("<svg") == len(list((tmp_path / "history" / "figures").glob("*.svg"))) == 2


def test_a_reason_without_its_revision_in_the_archive_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.sqlite"
    filled(path)
    told = CliRunner().invoke(main, ["history", "explain", "feedbeef", "later", "--archive", str(path)])
    assert "No run of feedbeef is in" in told.output


def test_runs_are_added_by_the_command_once(tmp_path: Path) -> None:
    folder, path = write(tmp_path / "run", [row()], created="2026-05-01"), tmp_path / "a.sqlite"
    words = ["history", "add", str(folder), "--archive", str(path)]
    assert "2 figures added" in CliRunner().invoke(main, words).output
    assert "0 figures added" in CliRunner().invoke(main, words).output


def stored(**more: Any) -> dict[str, Any]:
    """As pytest-benchmark 5 writes it."""
    benchmark = {"name": "test_case[decay|noop]", "fullname": "a.py::test_case", "stats": {"min": 0.25}, **more}
    return {
        "machine_info": {"node": "n", "cpu": {"brand_raw": "cpu", "count": 2}, "python_version": "3.11"},
        "commit_info": {"id": "abcdef", "dirty": False},
        "datetime": "2026-05-01T10:00:00+00:00",
        "version": "5.0",
        "benchmarks": [benchmark],
    }


def test_files_of_pytest_benchmark_are_imported(tmp_path: Path) -> None:
    foreign, own, broken = (tmp_path / name for name in ("foreign.json", "own.json", "broken.json"))
    foreign.write_text(json.dumps(stored()))
    info = {"case": "123", "environment": "machine", "host_bytes": 30, "host_base_bytes": 10}
    own.write_text(json.dumps(stored(extra_info=info)))
    broken.write_text("{}")
    words = ["history", "import", str(foreign), str(own), "--archive", str(tmp_path / "a.sqlite")]
    assert CliRunner().invoke(main, words).exit_code == 0
    with history.open_archive(tmp_path / "a.sqlite") as opened:
        found = {(t.series.label, t.series.figure): (t.series.machine, t.points[0][1]) for t in opened.trends()}
    assert found["a.py::test_case", "fastest round"][1] == 0.25
    assert found["decay · noop", "solve time"] == ("machine", 0.25)
    assert found["decay · noop", "host memory"] == ("machine", 20.0)
    refused = CliRunner().invoke(main, ["history", "import", str(broken), "--archive", str(tmp_path / "a.sqlite")])
    assert refused.exit_code == 2
    assert "was not written by pytest-benchmark" in refused.output
