"""The store: appended to by one writer at a time, strict JSON, no pickle, and nothing overwritten by mistake."""

from __future__ import annotations

import fcntl
import io
import json
import math
import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks import store
from benchmarks.cases import Case
from benchmarks.errors import error_norms
from benchmarks.record import Newer
from problems import InputError
from tests.benchmarks.conftest import make_case, run_cases

META = {"suite": "test"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run of two cases."""
    folder = tmp_path_factory.mktemp("store") / "run"
    cases = [make_case("decay:T=1", "noop"), make_case("decay:T=1", "faulty:fault=outcome")]
    run_cases(cases, folder)
    return folder


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it, to be spoilt."""
    folder = tmp_path / "run"
    (folder / "solutions").mkdir(parents=True)
    for file in finished.rglob("*.*"):
        (folder / file.relative_to(finished)).write_bytes(file.read_bytes())
    return folder


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def refuses(folder: Path, words: str, *, resume: bool, meta=META) -> None:
    before = contents(folder) if folder.is_dir() else {}
    with pytest.raises(InputError, match=words) as caught, store.open_store(folder, meta, resume=resume):
        pass
    assert "\n" not in str(caught.value)
    assert before == (contents(folder) if folder.is_dir() else {})


def test_existing_run_is_not_written_to_without_resume(run):
    refuses(run, "holds a run already; give another --out, or --resume", resume=False)


def test_resume_needs_a_run(tmp_path):
    refuses(tmp_path / "nothing", "holds no run to resume", resume=True)
    assert not (tmp_path / "nothing").exists()


def test_resume_refuses_the_run_of_another_suite(run):
    refuses(run, "holds a run of test, which cannot go on with quick", resume=True, meta={"suite": "quick"})


@pytest.mark.parametrize("where", ["file", "file/run", "/proc/run"])
def test_folder_that_cannot_be_made_is_refused(where, tmp_path):
    (tmp_path / "file").touch()
    refuses(tmp_path / where, "cannot write to .*; choose another folder with --out", resume=False)


def test_second_writer_is_refused(run):
    with store.open_store(run, META, resume=True):
        refuses(run, "is being written by another run; wait for it", resume=True)


def test_lock_ends_with_its_writer(run):
    with store.open_store(run, META, resume=True):
        pass
    with (run / "records.jsonl").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@pytest.mark.parametrize(
    "damage",
    [b"{\n", b"\xff\xfe\x00\n", b"[]\n", b"{}\n", b'{"schema": 1}\n', b'{"schema": "x"}\n', b'{"schema": true}\n'],
)
@pytest.mark.parametrize("torn", [b"", b'{"run": "ru'])
def test_damaged_line_in_the_middle_is_refused_and_kept(damage, torn, run):
    path = run / "records.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + damage + second + torn)
    refuses(run, "records.jsonl, line 2 is unreadable; nothing was changed: take that line out", resume=True)


def test_line_of_a_newer_version_is_named_as_such_and_kept(run):
    path = run / "records.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + first.replace(b'"schema": 1}', b'"schema": 99}') + second)
    complaint = "records.jsonl, line 2 is of a newer version (schema 99, this version reads 1)"
    records, complaints = store.read(run)
    assert (len(records), complaints) == (2, [complaint])
    refuses(run, f"{re.escape(complaint)}; nothing was changed", resume=True)


def test_line_of_an_older_version_has_defaults_for_what_it_could_not_know(run):
    """Rows had no `judged` once, and no `host_base_bytes`; columns that are gone are passed over."""
    path = run / "records.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for row in rows:
        del row["judged"], row["host_base_bytes"]
        row["peak_mb"] = 17
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    records, complaints = store.read(run)
    assert complaints == []
    assert [(r.judged, r.host_base_bytes) for r in records] == [(True, None)] * 2


@pytest.mark.parametrize(
    ("name", "value"),
    [("facts", None), ("relative_l2", "x"), ("solve_s", [[]]), ("judged", 1), ("device", 7), ("metrics", {"gap": "x"})],
)
def test_line_with_a_value_of_another_type_is_unreadable(name, value, run):
    """Whoever uses the row would stumble over it."""
    lines = (run / "records.jsonl").read_text("utf-8").splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | {name: value})
    (run / "records.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    rows, complaints = store.read(run)
    assert len(rows) == 1
    assert complaints == ["records.jsonl, line 1 is unreadable"]


def test_half_of_a_pair_in_a_text_is_replaced(run):
    """No file could be written with it."""
    lines = (run / "records.jsonl").read_text("utf-8").splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | {"reason": "a \ud800 b"})
    (run / "records.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    assert store.read(run)[0][0].reason == "a ? b"


def test_run_that_was_made_meanwhile_is_not_appended_to(finished, tmp_path, monkeypatch):
    """The file is there when it is locked, and was not when it was looked for."""
    folder = tmp_path / "run"
    lock = store._lock

    def late(descriptor, where):
        (folder / "records.jsonl").write_bytes((finished / "records.jsonl").read_bytes())
        lock(descriptor, where)

    monkeypatch.setattr(store, "_lock", late)
    with pytest.raises(InputError, match="holds a run already"), store.open_store(folder, META, resume=False):
        pass
    assert (folder / "records.jsonl").read_bytes() == (finished / "records.jsonl").read_bytes()


def test_rows_around_a_damaged_line_are_read(run):
    path = run / "records.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"{\n" + second + b'{"run"')
    records, complaints = store.read(run)
    assert len(records) == 2
    assert complaints == [
        "records.jsonl, line 2 is unreadable",
        "records.jsonl, line 4 was cut off while it was written",
    ]


def test_repeated_case_counts_once_with_its_last_line(run):
    path = run / "records.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second + first.replace(b'"finished"', b'"timeout"'))
    assert [record.status for record in store.read(run)[0]] == ["diverged", "timeout"]


def test_errors_can_be_recomputed_from_the_stored_solution(run):
    records, _ = store.read(run)
    for record in records:
        case = Case.from_record(record)
        solution = store.read_arrays(run, record.case)["solution"]
        for name, value in error_norms(case.problem, solution).items():
            assert value == getattr(record, name)
    assert records[0].relative_l2 == pytest.approx(1.0, rel=1e-14)


class Bomb:
    """Pickled, it makes the folder `exploded` wherever it is read."""

    def __reduce__(self):
        return os.mkdir, ("exploded",)


def pickled(array_file: bool) -> bytes:
    if not array_file:
        return pickle.dumps(Bomb())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("solution.npy", "w") as file:
        np.lib.format.write_array(file, np.array([Bomb()], dtype=object), allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize("array_file", [True, False])
def test_pickle_in_a_solution_is_never_run(array_file, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    record = store.read(run)[0][0]
    (run / "solutions" / f"{record.case}.npz").write_bytes(pickled(array_file))
    assert store.read_arrays(run, record.case) == {}
    assert not (tmp_path / "exploded").exists()


def test_pickle_would_have_been_run(tmp_path, monkeypatch):
    """The test above can fail."""
    monkeypatch.chdir(tmp_path)
    np.load(io.BytesIO(pickled(True)), allow_pickle=True)["solution"]
    assert (tmp_path / "exploded").exists()


def test_solution_that_would_need_pickle_is_not_written(run):
    record = store.read(run)[0][0]
    with store.open_store(run, META, resume=True) as opened, pytest.raises(ValueError, match="allow_pickle=False"):
        opened.append(record, {"solution": np.array([None])})
    assert "solution" in store.read_arrays(run, record.case)


def test_damaged_solution_is_a_missing_one(run):
    record = store.read(run)[0][0]
    path = run / "solutions" / f"{record.case}.npz"
    whole = path.read_bytes()
    for spoilt in (b"", whole[:50], whole[: len(whole) // 2], whole[:60] + bytes(20) + whole[80:], b"\x93NUMPY"):
        path.write_bytes(spoilt)
        assert store.read_arrays(run, record.case) == {}
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    path.write_bytes(buffer.getvalue())
    assert store.read_arrays(run, record.case) == {}
    path.unlink()
    assert store.read_arrays(run, record.case) == {}


def test_arrays_come_back_as_they_were(run):
    record = store.read(run)[0][0]
    arrays = {"solution": np.array([[0.1], [1e-320]]), "file": np.arange(3), "nothing": np.zeros((0, 2), "float32")}
    with store.open_store(run, META, resume=True) as opened:
        opened.append(record, arrays)
    back = store.read_arrays(run, record.case)
    assert back.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(back[name], array, strict=True)
    assert store.read_arrays(run, record.case, ("file", "other")).keys() == {"file"}


def test_json_is_strict_and_numbers_that_are_none_become_null():
    record = make_case("decay", "noop").blank_record("run", "finished")
    record.max_abs, record.metrics = math.inf, {"energy": math.nan, "mass": 1.0}
    record.facts = {"loss_history": [1.0, -math.inf], "engine": "\udcff κ\n"}

    def refuse(name):
        raise AssertionError(name)

    line = record.to_json()
    assert "\n" not in line
    row = json.loads(line.encode("utf-8"), parse_constant=refuse)
    assert row["max_abs"] is None
    assert row["metrics"] == {"energy": None, "mass": 1.0}
    assert row["facts"] == {"loss_history": [1.0, None], "engine": "? κ\n"}


def test_record_of_a_newer_version_is_refused():
    record = make_case("decay", "noop").blank_record("run", "finished")
    record.schema += 1
    with pytest.raises(Newer, match=r"of a newer version \(schema 2, this version reads 1\)"):
        type(record).from_json(record.to_json())


def test_record_comes_back_whole(run):
    for record in store.read(run)[0]:
        assert type(record).from_json(record.to_json()) == record


def test_full_disk_ends_the_run_with_a_sentence_and_keeps_what_is_there(tmp_path, monkeypatch):
    cases = [make_case(f"decay:T={T}", "noop") for T in (1, 2)]
    write, written = os.write, []

    def write_half(descriptor, data):
        written.append(data)
        return write(descriptor, data[: len(data) // 2] if len(written) == 2 else data)

    monkeypatch.setattr(store.os, "write", write_half)
    with pytest.raises(InputError, match="the disk is full; 1 records are kept: make room and go on with --resume"):
        run_cases(cases, tmp_path / "run")
    assert [record.case for record in store.read(tmp_path / "run")[0]] == [cases[0].hash]
    monkeypatch.undo()
    run_cases(cases, tmp_path / "run", resume=True)
    assert [record.case for record in store.read(tmp_path / "run")[0]] == [case.hash for case in cases]
