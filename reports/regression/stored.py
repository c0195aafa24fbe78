"""Finding runs by their folder, by their name, or by the revision that they were made of."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import store
from problems import InputError


@dataclass(frozen=True)
class Stored:
    """A run's folder with what its description says of it."""

    path: Path
    suite: str
    created: str
    commit: str


def find(base: str, head: str, results: Path) -> tuple[Path, Path]:
    """The folders of two runs, each a folder, the name of one in `results`, or there a run of a git revision.

    Of revisions it is the newest runs of one suite. A run of a tree with uncommitted changes is none of its revision,
    nor one that went on with another.

    Raises:
        InputError: if there is no such folder and no such run, or none of one suite.

    """
    pairs = list(itertools.product(_candidates(base, results), _candidates(head, results)))
    alike = [(old, now) for old, now in pairs if old.suite == now.suite] or (pairs if len(pairs) == 1 else [])
    if not alike:
        raise InputError(f"{base} and {head} have no runs of one suite in {results}; name the folders of two runs")
    old, now = max(alike, key=lambda pair: (pair[1].created, pair[0].created))
    return old.path, now.path


def _candidates(name: str, results: Path) -> list[Stored]:
    for path in (Path(name), results / name):
        if (path / store.RECORDS).exists():
            return [_describe(path)]
    made_of = commit(name)
    if made_of is None:
        raise InputError(f"{name!r} is no run, neither here nor in {results}, and no git revision")
    made = [run for path in results.glob(f"**/{store.RECORDS}") if (run := _describe(path.parent)).commit == made_of]
    if not made:
        raise InputError(
            f"there is no run of {name} ({made_of[:10]}, without uncommitted changes) in {results}; check it out and "
            "make one with `debench run`"
        )
    return made


def _describe(path: Path) -> Stored:
    meta = store.read_meta(path)
    return Stored(path, str(meta.get("suite", "")), str(meta.get("created", "")), revision_of(meta))


def revision_of(meta: Mapping[str, Any]) -> str:
    """The commit that a whole run was made with, "" if there is none: it may have gone on with another one."""
    commits = commits_of(meta)
    dirty = any(made.get("git_dirty") for made in _makings(meta))
    return commits.pop() if len(commits) == 1 and not dirty else ""


def commits_of(meta: Mapping[str, Any]) -> set[str]:
    """All commits that a run was made with, as they were or with uncommitted changes."""
    return {str(made.get("git_commit") or "") for made in _makings(meta)}


def _makings(meta: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What `run.json` notes of the code when a run began, and whenever it went on."""
    resumed = meta.get("resumed")
    found = [meta.get("environment"), *(resumed if isinstance(resumed, list) else ())]
    return [made for made in found if isinstance(made, Mapping)]


def commit(revision: str) -> str | None:
    """The commit that a revision names in the repository of the working folder, None if it names none."""
    if revision.startswith("-"):
        return None
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"], capture_output=True, text=True
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
