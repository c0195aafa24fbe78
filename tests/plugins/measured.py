"""A solver whose cost is known: it sleeps, and holds a block of memory, for as long and as large as it is told."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from problems import Problem
from problems.base import Array
from problems.parameters import parameter


class MeasuredSession(Session):
    def __init__(self, solver: Measured, problem: Problem) -> None:
        self._solver, self._problem = solver, problem

    def compile(self) -> None:
        time.sleep(self._solver.compile_s)

    def prepare(self) -> None:
        time.sleep(self._solver.prepare_s)

    def solve(self) -> None:
        time.sleep(self._solver.solve_s)
        block = np.ones(self._solver.megabytes * 125_000)  # 8 bytes each
        del block

    def solution(self, points: Array) -> Array:
        time.sleep(self._solver.evaluate_s)
        return self._problem.reference(points)

    def planned_bytes(self) -> dict[str, int]:
        size = self._solver.megabytes
        return {"nothing": 0, "block": size * 10**6} if size else {}

    def facts(self) -> dict[str, Any]:
        time.sleep(self._solver.setup_s)  # No clock may see this.
        return {"unknowns": 3, "dt": np.float64(0.25), "steps": np.int64(4)}


@register
@dataclass(frozen=True)
class Measured(Solver):
    """Exact, at a price."""

    name = "measured"
    title = "A known price"
    family = "classical"

    setup_s: float = parameter(0.0, "seconds of set-up", least=0)
    compile_s: float = parameter(0.0, "seconds of compilation", least=0)
    prepare_s: float = parameter(0.0, "seconds of set-up that needs compiled code", least=0)
    solve_s: float = parameter(0.0, "seconds of solving", least=0)
    evaluate_s: float = parameter(0.0, "seconds of evaluation", least=0)
    megabytes: int = parameter(0, "10⁶ bytes held for a moment while solving", least=0)

    def unsupported(self, problem: Problem) -> str | None:
        return None

    def begin(self, problem: Problem, context: Context) -> Session:
        time.sleep(self.setup_s)
        return MeasuredSession(self, problem)
