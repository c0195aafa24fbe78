"""The store of one run: a folder with `run.json`, `records.jsonl` and the solutions; it is only ever appended to."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import zipfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import Newer, Record
from problems import InputError
from problems.base import Array

RECORDS, META, SOLUTIONS = "records.jsonl", "run.json", "solutions"
TORN = "was cut off while it was written"


def read(folder: Path) -> tuple[list[Record], list[str]]:
    """All records of a run, and a sentence for each line that could not be read; the last line of a case counts."""
    path = folder / RECORDS
    rows: dict[str, Record] = {}
    complaints = []
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; check the folder's permissions") from error
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            record = Record.from_json(line.decode("utf-8"))
        except Newer as error:
            complaints.append(f"{RECORDS}, line {number} is {error}")
            continue
        except (ValueError, TypeError):
            torn = number == text.count(b"\n") + 1
            complaints.append(f"{RECORDS}, line {number} {TORN if torn else 'is unreadable'}")
            continue
        rows.pop(record.case, None)
        rows[record.case] = record
    return list(rows.values()), complaints


def read_meta(folder: Path) -> dict[str, Any]:
    """`run.json` of a run; empty if it is missing or unreadable."""
    with contextlib.suppress(OSError, ValueError):
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        if isinstance(meta, dict):
            return meta
    return {}


def read_arrays(folder: Path, case: str, names: Collection[str] | None = None) -> dict[str, Array]:
    """Solution and further arrays of a case, or those called `names`; empty if there are none, or they are damaged."""
    try:
        with np.load(folder / SOLUTIONS / f"{case}.npz", allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files if names is None or name in names}
    except Exception:  # A damaged archive raises whatever the layer raises that meets the damage: zip, zlib, numpy.
        return {}


class Store:
    """An open run, locked against a second writer."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self._descriptor = descriptor
        self.records: list[Record] = []

    def append(self, record: Record, arrays: Mapping[str, Array]) -> None:
        """Write a case's arrays, then its line; a crash in between repeats the case, never loses it."""
        if arrays:
            target = self.folder / SOLUTIONS / f"{record.case}.npz"
            partial = target.with_suffix(".part")
            with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, array in arrays.items():
                    with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                        np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
            partial.replace(target)
        line = (record.to_json() + "\n").encode("utf-8")
        if os.write(self._descriptor, line) != len(line):
            raise OSError(errno.ENOSPC, "the record was not written whole", str(self.folder / RECORDS))
        os.fsync(self._descriptor)
        self.records.append(record)


@contextlib.contextmanager
def open_store(folder: Path, meta: Mapping[str, Any], *, resume: bool) -> Iterator[Store]:
    """Create the run's folder, or open it again with `resume`.

    Raises:
        InputError: if it exists and `resume` is not asked for, cannot be written, is in use, or holds damaged lines.

    """
    known = (folder / RECORDS).exists()
    taken = f"{folder} holds a run already; give another --out, or --resume to go on with it"
    if known and not resume:
        raise InputError(taken)
    if resume and not known:
        raise InputError(f"{folder} holds no run to resume; leave out --resume, or name the right folder")
    try:
        (folder / SOLUTIONS).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / RECORDS, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}; choose another folder with --out") from error
    try:
        _lock(descriptor, folder)
        if not resume and os.fstat(descriptor).st_size:  # Another run began and ended meanwhile.
            raise InputError(taken)
        _check_same_suite(folder, meta)
        _refuse_damage(folder)
        _mend_last_line(descriptor)
        store = Store(folder, descriptor)
        store.records, _ = read(folder)
        if not (folder / META).exists():
            _describe(folder, meta)
        elif earlier := read_meta(folder):
            _describe(folder, {**earlier, "resumed": [*earlier.get("resumed", ()), _resumption(meta)]})
        yield store
    finally:
        os.close(descriptor)


def _describe(folder: Path, meta: Mapping[str, Any]) -> None:
    partial = folder / f"{META}.part"
    partial.write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(folder / META)


def _resumption(meta: Mapping[str, Any]) -> dict[str, Any]:
    """When, and with which code, a run went on: it may be another than that it began with."""
    environment = meta.get("environment", {})
    return {"created": meta.get("created"), **{key: environment.get(key) for key in ("git_commit", "git_dirty")}}


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InputError(f"{folder} is being written by another run; wait for it, or give another --out") from None


def _check_same_suite(folder: Path, meta: Mapping[str, Any]) -> None:
    earlier, now = read_meta(folder).get("suite"), meta.get("suite")
    if earlier is not None and earlier != now:
        raise InputError(f"{folder} holds a run of {earlier}, which cannot go on with {now}; give another --out")


def _refuse_damage(folder: Path) -> None:
    """Only a torn last line has an innocent cause; a person has to look at any other damage."""
    damage = [complaint for complaint in read(folder)[1] if not complaint.endswith(TORN)]
    if damage:
        raise InputError(
            f"{folder}: {'; '.join(damage)}; nothing was changed: take that line out of the file to go on, "
            "or start a new run with another --out"
        )


def _mend_last_line(descriptor: int) -> None:
    """Cut off a last line without its newline: the run was killed while writing it, and the case is repeated."""
    size = os.fstat(descriptor).st_size
    content = os.pread(descriptor, size, 0)
    if content and not content.endswith(b"\n"):
        os.ftruncate(descriptor, content.rfind(b"\n") + 1)
