"""A solver that shows its unfinished solution: at iteration k it is the exact one times 1 + 2⁻ᵏ."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Diverged, Session, Solver
from problems import Problem
from problems.base import Array
from problems.parameters import parameter


def raises(values: Array) -> Array:
    raise ValueError("no such point")


def hangs(values: Array) -> Array:
    time.sleep(600)
    return values


def dies(values: Array) -> Array:
    os._exit(3)


FAULTS = {
    "": lambda values: values,
    "nan": lambda values: np.full_like(values, np.nan),
    "shape": lambda values: values[:-1],
    "raise": raises,
    "hang": hangs,
    "die": dies,
}


class LookingSession(Session):
    extrapolates = True

    def __init__(self, solver: Looking, problem: Problem, context: Context) -> None:
        self._solver, self._problem, self._watch = solver, problem, context.watch
        self._iteration = self._evaluations = 0
        self._elapsed = 0.0

    def compile(self) -> None:
        self._watch.look(-1, self.solution)  # Before the clock has started, this is no part of any trace.

    def solve(self) -> None:
        for k in range(1, self._solver.iterations + 1):
            time.sleep(self._solver.step_s)
            self._iteration = k
            if self._solver.diverges == k:
                raise Diverged(f"left every bound at iteration {k}")
            self._watch.look(k, self.unfinished)
        self._elapsed = self._watch.elapsed()

    def unfinished(self, points: Array) -> Array:
        if self._solver.tally:
            with Path(self._solver.tally).open("a") as file:
                file.write(f"{self._iteration}\n")
        values = self.solution(points)
        return FAULTS[self._solver.fault](values) if self._iteration == 2 else values

    def residual(self, points: Array) -> Array:
        return FAULTS[self._solver.residual_fault](np.full(len(points), 0.5**self._iteration))

    def solution(self, points: Array) -> Array:
        self._evaluations += 1
        time.sleep(self._solver.evaluate_s)
        return self._problem.reference(points) * (1.0 + 0.5**self._iteration)

    def facts(self) -> dict[str, Any]:
        return {
            "iterations": self._iteration,
            "evaluations": self._evaluations,
            "seen_s": self._elapsed,
            "trace_errors": np.zeros(1),  # Nobody grades himself.
        }


@register
@dataclass(frozen=True)
class Looking(Solver):
    """Twice as accurate at each iteration."""

    name = "looking"
    title = "Shows itself"
    family = "neural"

    iterations: int = parameter(4, "iterations", least=0)
    step_s: float = parameter(0.0, "seconds per iteration", least=0)
    evaluate_s: float = parameter(0.0, "seconds of an evaluation", least=0)
    diverges: int = parameter(0, "iteration at which it blows up, 0 for never", least=0)
    fault: str = parameter("", "what is wrong with the solution shown at iteration 2", choices=tuple(FAULTS))
    residual_fault: str = parameter("", "what is wrong with the residual", choices=tuple(FAULTS))

    tally: str = parameter("", "file that gets a line for every look")

    def unsupported(self, problem: Problem) -> str | None:
        return None

    def begin(self, problem: Problem, context: Context) -> Session:
        return LookingSession(self, problem, context)
