"""One estimate of one number, by whichever method."""

from __future__ import annotations

import tracemalloc
from typing import Any

from backends.base import Context, Session, Solver
from problems import REGISTRY


def made(name: str, **parameters: Any) -> Any:
    """A problem with the given parameters."""
    return REGISTRY.get(name).create(parameters)


def estimate(method: type[Solver], problem: Any, seed: int = 0, **parameters: Any) -> tuple[float, float, Session]:
    """Value, stated standard error, session."""
    solver = method.create(parameters)
    assert solver.unsupported(problem) is None
    solver.validate(problem)
    session = solver.begin(problem, Context(seed=seed))
    session.solve()
    return float(session.solution(problem.points())[0, 0]), session.facts()["standard_error"], session


def traced_peak(method: type[Solver], problem: Any, **parameters: Any) -> int:
    """Most bytes held at once by what Python and numpy allocate during one estimate."""
    tracemalloc.start()
    estimate(method, problem, **parameters)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
