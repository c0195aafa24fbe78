"""Errors that say that host or device has no memory left, in the words of whichever library met it."""

from __future__ import annotations

import re
from collections.abc import Iterator

WORDS = re.compile(
    r"out[ _]of[ _]memory|not enough memory|bad_alloc|_ALLOC_FAILED|RESOURCE_EXHAUSTED(?!: shared memory)"
    r"|(can't|cannot|unable to|failed to) allocate (memory|request|\d)",
    re.IGNORECASE,
)
"""numpy and Python raise MemoryError; torch's allocators, CUDA's libraries, XLA, PETSc and C++ say it in a text."""


def exhausted(text: str) -> bool:
    """Whether a library says so in `text`; XLA's shared memory is no store but a part of each multiprocessor."""
    return WORDS.search(text) is not None


def out_of_memory(error: BaseException) -> BaseException | None:
    """The error that says so: `error`, or one that led to it.

    What ran out of memory while a compiler worked or a graph was captured comes wrapped, or gave way to the error of
    the capture that it broke.
    """
    for found in _chain(error):
        named = isinstance(found, MemoryError) or type(found).__name__ == "OutOfMemoryError"
        if named or (isinstance(found, Exception) and exhausted(str(found))):
            return found
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """`error` and what Python would print as its reasons, each once."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        found = waiting.pop(0)
        if found is None or id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        waiting.append(found.__cause__)
        if not found.__suppress_context__:
            waiting.append(found.__context__)
        if isinstance(found, BaseExceptionGroup):
            waiting += found.exceptions
