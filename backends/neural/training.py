"""What training sessions of every engine share: preparation with numpy, evaluation in pieces, and facts."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from backends.base import Context, Diverged, Session, as_ode, read_out
from backends.neural.collocation import Grid, region
from backends.neural.description import PINN
from backends.neural.residual import Calculus
from problems.base import PDE, Array, Problem

CHECKPOINTS = 200
LARGEST_PIECE = 32_768


class TrainingSession(Session):
    """One training run; an engine sets up its arrays, trains, and evaluates one piece of points."""

    engine = ""
    extrapolates = True

    def __init__(self, solver: PINN, problem: Problem, context: Context, calculus: Calculus) -> None:
        self.solver, self.problem, self.context = solver, problem, context
        self.formulation = solver.formulation(problem, calculus)
        self.scale, self.shift = solver.input_map(self.formulation)
        self.layers = solver.network.initial(len(self.formulation.lower), self.formulation.components, context.seed)
        self.inside = solver.points.within(self.formulation.lower, self.formulation.upper)
        self.conditions = self.formulation.conditions
        self.stride = math.ceil(solver.iterations / CHECKPOINTS)
        self.checkpoints = np.append(np.arange(self.stride, solver.iterations, self.stride), solver.iterations)
        self.losses = np.empty(0)
        self.piece = min(LARGEST_PIECE, 1 << (max(101, len(problem.points())) - 1).bit_length())

    @abstractmethod
    def evaluate(self, points: Array) -> Array:
        """The trained trial function at `piece` points (piece, k), shape (piece, m)."""

    def finish(self, losses: Array) -> None:
        """Keep the losses noted at the checkpoints.

        Raises:
            Diverged: if one is not finite; training stopped there, at most 1/200 of the run after the first such.

        """
        bad = np.flatnonzero(~np.isfinite(losses))
        if len(bad):
            raise Diverged(
                f"the loss was not finite at iteration {self.checkpoints[bad[0]]} of {self.solver.iterations}; "
                "use a lower learning rate"
            )
        self.losses = losses

    def solution(self, points: Array) -> Array:
        """The trial function at `points`, or the last state of a flow as an eigenvector."""
        if isinstance(self.problem, PDE):
            return self._values(points)
        return read_out(self.problem, lambda t: self._values(t[:, None]), points)

    def facts(self) -> Mapping[str, Any]:
        """Network size, loss curve, spacing of grids, and the trajectory of an initial value problem."""
        facts: dict[str, Any] = {
            "unknowns": sum(part.size for layer in self.layers for part in layer),
            "iterations": self.solver.iterations,
            "engine": self.engine,
        }
        if len(self.losses):
            facts |= {
                "final_loss": float(self.losses[-1]),
                "loss_iterations": self.checkpoints,
                "loss_history": self.losses,
            }
        equation = self.problem if isinstance(self.problem, PDE) else as_ode(self.problem)
        assert equation is not None
        if isinstance(self.solver.points, Grid):
            spacings = self.solver.points.spacings(*region(equation))
            if isinstance(equation, PDE):
                facts["dx"] = float(spacings[: equation.dimension].max())
            if not (isinstance(equation, PDE) and equation.steady):
                facts["dt"] = float(spacings[-1])
        if not isinstance(equation, PDE) and len(self.losses):
            facts["trajectory_t"] = np.linspace(equation.start_time(), equation.final_time(), 101)
            facts["trajectory_y"] = self._values(facts["trajectory_t"][:, None])
        return facts

    def _values(self, points: Array) -> Array:
        """In pieces of one size, the last one padded, so that memory is bounded and nothing is compiled twice."""
        result = np.empty((len(points), self.formulation.components))
        for start in range(0, len(points), self.piece):
            part = points[start : start + self.piece]
            padded = np.concatenate([part, np.repeat(part[-1:], self.piece - len(part), axis=0)])
            result[start : start + len(part)] = self.evaluate(padded)[: len(part)]
        return result
