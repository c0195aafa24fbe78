"""One run's folder: its description, its records and the solutions saved beside them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import problems
from benchmarks import store
from benchmarks.cases import Case
from benchmarks.record import Record
from problems import InputError, Problem
from problems.base import Array


@dataclass
class Run:
    """What is read from a run's folder; `notes` names everything that could not be read."""

    path: Path
    info: Mapping[str, Any]
    records: list[Record]
    notes: list[str]
    unreadable: tuple[str, ...] = ()
    """A sentence for each line that is no row of this report."""
    missing: dict[str, str] = field(default_factory=dict)
    """Solutions that are missing or damaged: their files, and whose they are."""
    _problems: dict[str, Problem | None] = field(default_factory=dict)
    _by_case: dict[str, Record] = field(default_factory=dict)

    @classmethod
    def open(cls, run_dir: str | Path) -> Run:
        """Read the folder.

        Raises:
            InputError: if it holds no readable record.

        """
        path = Path(run_dir)
        records, complaints = store.read(path)
        if not records:
            why = f" ({'; '.join(complaints)})" if complaints else ""
            raise InputError(
                f"{path} holds no records{why}; make some with `debench run`, or name another run's folder"
            )
        notes = [f"{complaint}; the row is not in this report." for complaint in complaints]
        info = store.read_meta(path)
        if not info:
            notes.append(f"{store.META} is missing or unreadable, so the environment of this run is not known.")
        return cls(path, info, records, notes, tuple(complaints))

    @property
    def environment(self) -> Mapping[str, Any]:
        """The machine and its software, as the run noted them."""
        found = self.info.get("environment")
        return found if isinstance(found, Mapping) else {}

    def record(self, case: str) -> Record:
        """The record of a case."""
        if len(self._by_case) != len(self.records):
            self._by_case = {record.case: record for record in self.records}
        return self._by_case[case]

    def problem(self, record: Record) -> Problem | None:
        """The problem rebuilt from a record; None, with a note, where this installation does not know it."""
        key = json.dumps([record.problem, record.problem_parameters], sort_keys=True)
        if key not in self._problems:
            try:
                self._problems[key] = problems.REGISTRY.get(record.problem).create(record.problem_parameters)
            except InputError as error:
                self.note(f"{record.problem!r} has no equation and no pictures here: {error}.")
                self._problems[key] = None
        return self._problems[key]

    def arrays(self, record: Record, names: Collection[str] | None = None) -> dict[str, Array]:
        """The arrays saved for a record, or those called `names`.

        Empty, and `missing`, where the file is missing or damaged.
        """
        found = store.read_arrays(self.path, record.case, names)
        if not found and names is not None:
            # A sound file may have none of these.
            self.arrays(record)
            return {}
        # A method that diverged on its way has no solution; one whose solution was judged must have it.
        if not found and record.answered and record.max_abs is not None:
            self.missing[f"{store.SOLUTIONS}/{record.case}.npz"] = f"{record.solver} on {record.problem}"
        return found

    def commands(self, records: Sequence[Record]) -> list[str]:
        """The commands that run rows again that differ in their seed alone, or why they cannot be given."""
        try:
            case = Case.from_record(records[0])
            return [replace(case, seed=r.seed).command(self.info.get("plugins") or ()) for r in records]
        except InputError as error:
            return [f"# {r.solver} on {r.problem}: {error}" for r in records]

    def complaints(self) -> list[str]:
        """All notes, and one on all solutions that were missed."""
        if not self.missing:
            return self.notes
        name, whose = next(iter(self.missing.items()))
        more = f" and {len(self.missing) - 1} more" if len(self.missing) > 1 else ""
        verb = "are" if more else "is"
        return [
            *self.notes,
            f"The solution of {whose} ({name}){more} {verb} missing or damaged: pictures and training curves that need "
            "what is not there are left out.",
        ]

    def note(self, text: str) -> None:
        """Remember something that the reader of the report has to know, once."""
        if text not in self.notes:
            self.notes.append(text)
