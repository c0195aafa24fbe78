"""Initial value problems for library integrators: an ODE, an eigenproblem's flow, a PDE by the method of lines."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.base import TRAJECTORY_LEVELS, Session, Solver, as_ode, read_out
from backends.differences.grid import grid_shape
from backends.differences.lines import Lines, bandwidth
from backends.differences.memory import DOUBLE, compiler_bytes, ghosted
from backends.differences.rates import scalar_rates
from backends.differences.stencil import refused
from backends.timeline import at_points
from problems import Problem
from problems.base import ODE, PDE, Array
from problems.operations import NUMPY
from problems.parameters import parameter

MULTISTEP, READ_OUT = 24, 3
"""States that a multistep integrator holds, and those held for every instant asked for."""


@dataclass(frozen=True)
class InitialValueSolver(Solver):
    """Parameters that all integrators share; `cells` and `convection` matter for PDEs only."""

    tolerance: float = parameter(1e-8, "relative and absolute tolerance", above=0, most=0.1)
    cells: int = parameter(100, "cells per axis of the method of lines", least=2)
    convection: str = parameter("central", "differences for ∇·F(u)", choices=("central", "upwind"))

    def unsupported(self, problem: Problem) -> str | None:
        """Anything that can be written as y' = f(t, y)."""
        if as_ode(problem) is not None:
            return None
        if not isinstance(problem, PDE):
            return f"an initial value problem is needed, and this is a {problem.family}"
        if problem.steady:
            return "the equation is steady: there is no initial value to start from"
        return refused(problem, self.convection)

    @property
    def states(self) -> int:
        """States of the method of lines that the integrator works with."""
        return MULTISTEP

    def predicted_shape(self, problem: Problem) -> tuple[int, ...] | None:
        """(components, nodes per axis…) of a PDE."""
        return grid_shape(problem, self.cells) if isinstance(problem, PDE) else None

    def predicted_bytes(self, problem: Problem, precision: str = "float64") -> int | None:
        """For a PDE: the integrator's states, those at the instants asked for, and its Jacobian."""
        if not isinstance(problem, PDE):
            return None
        shape = grid_shape(problem, self.cells)
        n = math.prod(shape)
        numbers = (self.states + READ_OUT * len(problem.times())) * n + 2 * ghosted(shape)
        return DOUBLE * numbers + self.jacobian_bytes(problem, shape) + compiler_bytes(problem.dimension)

    def jacobian_bytes(self, problem: PDE, shape: tuple[int, ...]) -> int:
        """The Jacobian of a multistep method that knows no sparsity: a band on one axis, else a dense matrix."""
        n, width = math.prod(shape), bandwidth(problem)
        return DOUBLE * n * (n if width is None else 3 * width + 1)

    def system(self, problem: Problem) -> System:
        """`problem` as y' = f(t, y)."""
        ode = as_ode(problem)
        if ode is not None:
            return DirectSystem(problem, ode)
        assert isinstance(problem, PDE)
        return LinesSystem(problem, self.cells, self.convection)


class System(ABC):
    """y' = f(t, y) with y(t₀) = y₀ as flat arrays, and the way back from states to the problem's answer."""

    span: tuple[float, float]
    start: Array
    times: Array
    bandwidth: int | None = None

    @abstractmethod
    def rhs(self, t: float, y: Array) -> Any:
        """f(t, y) as an array (n,) or a tuple of n numbers."""

    @abstractmethod
    def answer(self, states: Array, points: Array) -> Array:
        """The problem's answer at `points` from the states (times, n)."""

    def rows(self, t: Array) -> Any:
        """Indices of the instants t among `times`.

        Raises:
            ValueError: if one of them was not integrated to.

        """
        index = np.searchsorted(self.times, t).clip(max=len(self.times) - 1)
        if not np.array_equal(self.times[index], t):
            raise ValueError("an instant was asked for that was not announced; the integrator did not stop there")
        return index

    def sparsity(self) -> Any:
        """Pattern of ∂f/∂y as a sparse matrix, or None where it is small or dense."""
        return None

    def facts(self, states: Array) -> Mapping[str, Any]:
        """What the discretisation adds to a session's facts."""
        return {"unknowns": len(self.start)}


class DirectSystem(System):
    """An ODE, or the flow of an eigenproblem, of which a trajectory is kept for those who want to see it."""

    def __init__(self, problem: Problem, ode: ODE) -> None:
        self._problem, self._ode = problem, ode
        self.span = (ode.start_time(), ode.final_time())
        self.start = np.asarray(ode.start(), dtype=float)
        self._trajectory = None if problem is ode else np.linspace(*self.span, TRAJECTORY_LEVELS)
        self.times = np.unique(problem.points()[:, 0]) if self._trajectory is None else self._trajectory
        self._scalar = scalar_rates(ode)

    def rhs(self, t: float, y: Array) -> Any:
        """f(t, y), on plain numbers where the declaration allows it: numpy is slow on a handful of them."""
        if self._scalar is not None:
            try:
                return self._scalar(t, y)
            except (ArithmeticError, ValueError):
                pass  # Where plain numbers raise an error numpy answers inf or nan, from which integrators step back.
        return np.asarray(self._ode.rhs(NUMPY, t, y), dtype=float)

    def answer(self, states: Array, points: Array) -> Array:
        """States at the instants asked for."""
        return read_out(self._problem, lambda t: states[self.rows(t)], points)

    def facts(self, states: Array) -> Mapping[str, Any]:
        """The trajectory of a flow at equidistant instants."""
        facts = super().facts(states)
        if self._trajectory is None:
            return facts
        return {**facts, "trajectory_t": self._trajectory, "trajectory_y": states}


class LinesSystem(System):
    """The method of lines; integrators see the components of a node side by side where that makes a band of ∂f/∂y."""

    def __init__(self, problem: PDE, cells: int, convection: str, engine: str = "numba") -> None:
        self._lines = Lines(problem, cells, convection, engine)
        self.bandwidth = self._lines.bandwidth
        final = problem.final_time()
        assert final is not None
        self.span = (0.0, final)
        self.times = problem.times()
        # A permutation costs time at each call, and one component needs none.
        self._order = None if self.bandwidth is None or problem.components == 1 else self._lines.interleaved()
        self._back = None if self._order is None else np.argsort(self._order)
        self.start = self._lines.start if self._order is None else self._lines.start[self._order]

    def rhs(self, t: float, y: Array) -> Array:
        """Slopes of all nodes."""
        if self._order is None:
            return self._lines.rhs(t, y)
        return self._lines.rhs(t, y[self._back])[self._order]

    def sparsity(self) -> Any:
        """Each node depends on its neighbours along every axis, and on all components there."""
        pattern = self._lines.sparsity()
        return pattern if self._order is None else pattern[self._order][:, self._order]

    def seen(self, t: float, y: Array, places: Array) -> Array:
        """The state y of the instant t at places (k, d), shape (k, m)."""
        return np.asarray(self._lines.grid.interpolate(self._field(t, y), places).T)

    def answer(self, states: Array, points: Array) -> Array:
        """Dirichlet values put back, then cubic interpolation in space."""
        levels = np.stack([self._field(t, y) for t, y in zip(self.times, states, strict=True)])
        return at_points(points, lambda times, places: self._lines.grid.interpolate(levels[self.rows(times)], places))

    def facts(self, states: Array) -> Mapping[str, Any]:
        """Spacing and size of the grid."""
        return {"unknowns": len(self.start), "dx": max(self._lines.grid.spacing)}

    def _field(self, t: float, y: Array) -> Array:
        return self._lines.imposed(t, y if self._back is None else y[self._back])


class InitialValueSession(Session):
    """Set-up and read-out around an integrator; subclasses integrate."""

    def __init__(self, system: System, tolerance: float) -> None:
        self._system = system
        self._tolerance = tolerance
        self._states: Array = np.empty((0, 0))
        self._evaluations = 0

    def compile(self) -> None:
        """The first call of the right-hand side compiles the stencil."""
        self._system.rhs(self._system.span[0], self._system.start)

    def rhs(self, t: float, y: Array) -> Any:
        """The right-hand side, counted: integrators differ in what they count, and some leave out their Jacobians."""
        self._evaluations += 1
        return self._system.rhs(t, y)

    def solution(self, points: Array) -> Array:
        """The problem's answer at its own evaluation points."""
        return self._system.answer(self._states, points)

    def facts(self) -> Mapping[str, Any]:
        """Tolerance, evaluations, and what the system adds."""
        return {
            "tolerance": self._tolerance,
            "evaluations": self._evaluations,
            **self._system.facts(self._states),
        }
