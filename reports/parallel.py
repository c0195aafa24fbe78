"""Jobs of a large report, shared among processors."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
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
    if len(jobs) >= 2 * SHARE and _forks():
        processes = min(len(os.sched_getaffinity(0)), len(jobs) // SHARE)
        fork = multiprocessing.get_context("fork")
        # Where a process is killed, for its memory perhaps, this one still may do them all.
        with (
            contextlib.suppress(BrokenProcessPool),
            ProcessPoolExecutor(processes, mp_context=fork, initializer=_inherit, initargs=(jobs,)) as pool,
        ):
            return list(pool.map(_run, range(len(jobs))))
    return [job() for job in jobs]


def _forks() -> bool:
    """Whether another process would help, and can be had by forking this one."""
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        return False
    return threading.active_count() == 1 and not any(name in sys.modules for name in THREADED)


def _inherit(jobs: Sequence[Callable[[], Any]]) -> None:
    global _jobs
    _jobs = jobs
    # Each has one processor: threads of linear algebra would take it from the others. Without the library, as in a tree
    # that is not installed, it only takes longer.
    with contextlib.suppress(ImportError):
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
    # It ends soon, and looking for garbage in all that was read before would take a quarter of its time.
    gc.disable()


def _run(number: int) -> Any:
    return _jobs[number]()
