"""A solver that tells how many processes share its work, and one of them may fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from problems import Problem
from problems.base import Array
from problems.parameters import parameter


@register
@dataclass(frozen=True)
class Ranks(Solver):
    """Sums 1 over the processes."""

    name = "ranks"
    title = "Processes of a launcher"
    family = "classical"
    libraries = ("mpi4py",)
    parallel = True

    failing: int = parameter(-1, "rank of the process that fails; -1 for none, -2 for all")

    def unsupported(self, problem: Problem) -> str | None:
        return None

    def begin(self, problem: Problem, context: Context) -> Session:
        return Counting(self.failing)


class Counting(Session):
    def __init__(self, failing: int) -> None:
        from mpi4py import MPI

        self._world, self._failing = MPI.COMM_WORLD, failing

    def solve(self) -> None:
        if self._failing in (-2, self._world.rank):
            raise RuntimeError("asked to fail")
        self._sum = self._world.allreduce(1)

    def solution(self, points: Array) -> Array:
        return np.full((len(points), 1), float(self._sum))

    def facts(self) -> Mapping[str, Any]:
        return {"unknowns": self._sum}


@register
@dataclass(frozen=True)
class Solitary(Ranks):
    """The same without knowing of others."""

    name = "solitary"
    parallel = False
