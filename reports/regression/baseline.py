"""A baseline: the records of a run, kept in the repository, that later runs are compared with."""

from __future__ import annotations

from pathlib import Path

from benchmarks import store
from benchmarks.record import Status
from problems import InputError
from reports.words import listed

KEPT = (store.META, store.RECORDS)


def accept(base: Path, head: Path) -> None:
    """Make the rows of `head` the baseline in the folder `base`, in place of those it has.

    Raises:
        InputError: if `base` is a run with its solutions, or cannot be written; if `head` is damaged, incomplete, or
            has rows of solvers that are not installed, which nothing would be held against any more.

    """
    records, complaints = store.read(head)
    cases = store.read_meta(head).get("cases")
    absent = sorted({record.solver for record in records if record.status == Status.NOT_INSTALLED})
    if complaints:
        raise InputError(f"{head} is no baseline: {'; '.join(complaints)}")
    if isinstance(cases, int) and len(records) < cases:
        raise InputError(f"{head} is no baseline: it has {len(records)} of its {cases} cases; go on with --resume")
    if absent:
        raise InputError(f"{head} is no baseline: {listed(absent)} not installed; `debench doctor` tells more")
    if (base / store.SOLUTIONS).exists():
        raise InputError(f"{base} is a run with its solutions, and no baseline; name a folder that holds rows alone")
    try:
        base.mkdir(parents=True, exist_ok=True)
        partial = {name: base / f"{name}.part" for name in KEPT}
        try:
            for name, path in partial.items():
                path.write_bytes((head / name).read_bytes())
            # Only now: rows and what describes them belong together.
            for name, path in partial.items():
                path.replace(base / name)
        finally:
            for path in partial.values():
                path.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot write the baseline {base}: {error.strerror}") from error
