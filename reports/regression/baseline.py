"""A baseline: the records of a run, kept in the repository, that later runs are compared with."""

from __future__ import annotations

from pathlib import Path

from benchmarks import store
from problems import InputError

KEPT = (store.META, store.RECORDS)


def accept(base: Path, head: Path) -> None:
    """Make the rows of `head` the baseline in the folder `base`, in place of those it has.

    Raises:
        InputError: if `base` is a run with its solutions, or cannot be written.

    """
    if (base / store.SOLUTIONS).exists():
        raise InputError(f"{base} is a run with its solutions, and no baseline; name a folder that holds rows alone")
    try:
        base.mkdir(parents=True, exist_ok=True)
        for name in KEPT:
            partial = base / f"{name}.part"
            partial.write_bytes((head / name).read_bytes())
            partial.replace(base / name)
    except OSError as error:
        raise InputError(f"cannot write the baseline {base}: {error.strerror}") from error
