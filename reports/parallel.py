"""Jobs of a large report, shared among processors."""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

SHARE = 8
"""Fewer jobs than this are not worth a process."""
THREADED = ("jax", "torch")
"""Libraries whose threads a forked process would miss."""

_jobs: Sequence[Callable[[], Any]] = ()


def each(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """What the jobs return, in their order; what else they change may be changed in another process alone.

    Processes are forked, so that jobs may hold what cannot be sent, such as a plugin's problem. Where that is not
    safe, one process does everything.
    """
    processes = min(os.cpu_count() or 1, len(jobs) // SHARE)
    if processes < 2 or sys.platform != "linux" or any(name in sys.modules for name in THREADED):
        return [job() for job in jobs]
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, mp_context=fork, initializer=_inherit, initargs=(jobs,)) as pool:
        return list(pool.map(_run, range(len(jobs))))


def _inherit(jobs: Sequence[Callable[[], Any]]) -> None:
    global _jobs
    _jobs = jobs
    # It ends soon, and looking for garbage in all that was read before would take a quarter of its time.
    gc.disable()


def _run(number: int) -> Any:
    return _jobs[number]()
