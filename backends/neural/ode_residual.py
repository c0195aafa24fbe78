"""Residual of y' = f(t, y) and its initial value, from Taylor jets (see `residual.py`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from backends.base import TRAJECTORY_LEVELS
from backends.neural.calculus import Calculus
from backends.neural.jets import Orders
from backends.neural.pointsets import join
from backends.neural.residual import Jets, Setting, Term
from backends.neural.squares import PointwiseFormulation
from problems.base import ODE, Array


class ODEFormulation(PointwiseFormulation):
    """y' − f(t, y), with the initial value built in or as a penalty."""

    def __init__(self, problem: ODE, calculus: Calculus, setting: Setting) -> None:
        super().__init__(problem, calculus, setting)
        self.problem = problem
        self.components, self.spatial = problem.dimension, 0
        self.orders = Orders(1, 0)
        if setting.trial is None:
            self.conditions = join([[setting.points.within(self.lower, self.lower, setting.seed)]])
            self.terms = (Term("initial", setting.weights[0], slice(0, 1), (self.lower, self.lower)),)

    def residual(self, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What y' − f(t, y) leaves."""
        slope = self.problem.rhs(self.calculus.ops, place["points"][:, 0], u.value)
        if isinstance(slope, tuple):
            return [a - b for a, b in zip(u.first[0], slope, strict=True)]
        return [u.first[0] - slope]

    def mismatch(self, term: Term, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What the initial value leaves."""
        return [a - float(b) for a, b in zip(u.value, self.problem.start(), strict=True)]

    def facts(self, values: Callable[[Array], Array], coefficients: Array) -> Mapping[str, Any]:
        """The trajectory at equidistant instants."""
        instants = np.linspace(self.problem.start_time(), self.problem.final_time(), TRAJECTORY_LEVELS)
        return {"trajectory_t": instants, "trajectory_y": values(instants[:, None])}
