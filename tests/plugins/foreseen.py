"""A solver that foresees what it needs: as many bytes as it is told, for a grid of `nodes` per component of an ODE."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from problems import Problem
from problems.base import Array
from problems.parameters import parameter


class ForeseenSession(Session):
    def __init__(self, problem: Problem) -> None:
        self._problem = problem

    def solve(self) -> None:
        pass

    def solution(self, points: Array) -> Array:
        return self._problem.reference(points)

    def facts(self) -> dict[str, int]:
        return {"unknowns": 1}


@register
@dataclass(frozen=True)
class Foreseen(Solver):
    """Exact, and leaves a mark where it was started."""

    name = "foreseen"
    title = "Exact, with a need that is foreseen"
    family = "classical"

    per_node: int = parameter(8, "bytes for every node; 0: they cannot be foreseen", least=0)
    nodes: int = parameter(10, "nodes per axis", least=1)
    axes: int = parameter(3, "axes", least=1)
    mark: str = parameter("", "file that is written when it is started")

    def unsupported(self, problem: Problem) -> str | None:
        return None

    def predicted_shape(self, problem: Problem) -> tuple[int, ...] | None:
        return (1,) + (self.nodes,) * self.axes

    def predicted_bytes(self, problem: Problem, precision: str = "float64") -> int | None:
        return self.per_node * np.dtype(precision).itemsize * self.nodes**self.axes // 8 or None

    def begin(self, problem: Problem, context: Context) -> Session:
        if self.mark:
            Path(self.mark).write_text("started")
        return ForeseenSession(problem)
