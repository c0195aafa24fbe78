"""The watch of the timing pass: unfinished solutions are judged while its clock stands still.

It runs in a worker, with the standard library and numpy alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from backends.base import Diverged, Watch
from benchmarks.errors import headline_error
from problems.base import Array, Problem


class JudgingWatch(Watch):
    """Notes (iteration, seconds of solving so far, headline error) at every look since the last start.

    What judges is made once, here, before any clock runs. A solution that is not finite has the error NaN. So has one
    that cannot be judged; the first reason for that is kept in `failure`, and solving goes on, since what happens
    while somebody looks is no part of the method that is measured.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem, self._points = problem, problem.points()
        self._reference: Array | None = None
        self._unjudged = ""
        try:
            self._reference = problem.reference(self._points)
        except Exception as error:
            # Only a solver that looks needs it here; the harness says the same of the final solution.
            self._unjudged = _words(error)
        super().__init__()

    def start(self) -> None:
        """Begin at zero, with nothing noted."""
        self.failure = ""
        self._notes: list[tuple[int, float, float]] = []
        super().start()

    def look(
        self,
        iteration: int,
        solution: Callable[[Array], Array],
        findings: Callable[[], Mapping[str, Array]] | None = None,
    ) -> None:
        """Judge `solution(points)` at the problem's evaluation points, with the arrays `findings()` beside it.

        Raises:
            Diverged: if `solution` does; that is the method's own verdict.

        """
        seconds, error = self.elapsed(), math.nan
        with self.paused():
            try:
                error = self._error(solution, findings)
            except Diverged:
                raise
            except Exception as fault:
                self.failure = self.failure or f"iteration {iteration}: {_words(fault)}"
            self._notes.append((int(iteration), seconds, error))

    def trace(self) -> dict[str, Array]:
        """The notes as arrays (looks,), under their names in `FACTS`; empty where nobody looked."""
        if not self._notes:
            return {}
        iterations, seconds, errors = zip(*self._notes, strict=True)
        return {
            "trace_iterations": np.array(iterations, dtype=np.int64),
            "trace_seconds": np.array(seconds),
            "trace_errors": np.array(errors),
        }

    def _error(self, solution: Callable[[Array], Array], findings: Callable[[], Mapping[str, Array]] | None) -> float:
        if self._reference is None:
            raise ValueError(self._unjudged)
        values = np.asarray(solution(self._points))
        if not np.isfinite(values).all():
            return math.nan
        return headline_error(self._problem, values, self._reference, findings)


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
