"""A solver that does nothing, quickly: what remains is the cost of the harness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from problems import Problem
from problems.base import Array


class NoSession(Session):
    """Answers with zeros."""

    def __init__(self, components: int) -> None:
        self._components = components

    def solve(self) -> None:
        """Nothing."""

    def solution(self, points: Array) -> Array:
        """Zeros."""
        return np.zeros((len(points), self._components))


@register
@dataclass(frozen=True)
class Noop(Solver):
    """Zero everywhere."""

    name = "noop"
    title = "Nothing at all"
    family = "classical"

    def unsupported(self, problem: Problem) -> str | None:
        """It takes anything with one component."""
        return None

    def begin(self, problem: Problem, context: Context) -> Session:
        """No set-up."""
        return NoSession(1)
