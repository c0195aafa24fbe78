"""Measuring a case again, with the code of any commit of this repository."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import Case
from benchmarks.execute import Limits, fill_memory, fill_times, worker_request
from benchmarks.interpreters import ROOT, Interpreters
from benchmarks.record import Record, Status
from benchmarks.supervision import run_worker
from problems import InputError

CODE = (".", ":(exclude)results")


@contextlib.contextmanager
def tree(commit: str) -> Iterator[Path]:
    """The files of a commit, in a folder that is there as long as the context is.

    Raises:
        InputError: if this repository does not have the commit.

    """
    try:
        done = subprocess.run(["git", "archive", commit, "--", *CODE], cwd=ROOT, capture_output=True)
    except OSError as error:
        raise InputError(f"git does not start ({error.strerror}); install it to measure a commit again") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [""]
        raise InputError(f"commit {commit[:10]} is not here ({said[-1]}); fetch it with its history, then try again")
    with tempfile.TemporaryDirectory(prefix="debench-tree-") as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


@dataclass(frozen=True)
class Bench:
    """What is needed to measure: where backends run, how long a process may take, and the plugins of the run."""

    interpreters: Interpreters
    limits: Limits
    plugins: Sequence[str] = ()

    def measure(self, record: Record, root: Path, kind: str) -> Record:
        """The case of `record` in one more process, with the code in `root`, `kind` being "timing" or "memory".

        The record has times or memory alone; compilation is cold. Plugins inside this checkout are those in `root`.

        Raises:
            InputError: if this installation does not know the problem or the solver.

        """
        solver = Case.from_record(record).solver
        place = self.interpreters.find(solver)
        times: dict[str, Any] = {"solve_s": [], "setup_s": [], "compile_s": [], "evaluate_s": []}
        memory: dict[str, Any] = {"host_bytes": None, "host_base_bytes": None, "device_bytes": None}
        found = dataclasses.replace(record, **times, **memory, facts={})
        if not place.available:
            return dataclasses.replace(found, status=Status.NOT_INSTALLED, reason=place.reason)
        plugins = [_moved(Path(plugin).resolve(), root) for plugin in self.plugins]
        request = worker_request(record, solver.libraries, self.limits, plugins, kind)
        with tempfile.TemporaryDirectory(prefix="debench-", ignore_cleanup_errors=True) as cache:
            done = run_worker(request, place, cache, self.limits.timeout_s, self.limits.memory_bytes, root)
        found = dataclasses.replace(found, status=done.status, reason=done.reason)
        if done.status is Status.FINISHED:
            (fill_memory if kind == "memory" else fill_times)(found, done)
        return found


def _moved(plugin: Path, root: Path) -> Path:
    """The same file in another checkout."""
    return root / plugin.relative_to(ROOT) if plugin.is_relative_to(ROOT) else plugin
