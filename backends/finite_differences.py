"""Implicit finite differences: a direct solver for every matrix, and fast sine transforms where they apply."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from backends import register
from backends.base import Context, Session, Solver
from backends.differences.factors import Banded, Factorisation, FastSine, SparseLU
from backends.differences.grid import grid_shape
from backends.differences.implicit import (
    SCHEMES,
    AffineSteps,
    ModalSteps,
    NewtonSteps,
    march,
    steady_by_factors,
    steady_by_newton,
    steady_by_sines,
    steady_matrix,
)
from backends.differences.lines import Lines, affinity, bandwidth, constant_coefficients
from backends.differences.memory import (
    DOUBLE,
    compiler_bytes,
    ghosted,
    kept_numbers,
    read_out_numbers,
    sparse_bytes,
)
from backends.differences.stencil import refused
from backends.differences.tridiagonal import TridiagonalSteps
from backends.structure import Structure, undetermined
from backends.timeline import Timeline, at_points
from problems import InputError, Problem
from problems.base import PDE, Array, Periodic
from problems.parameters import parameter

EXPONENTIAL = "exponential"

STEADY, STEPPING = 8, 5
"""Arrays of the grid that a steady solve holds, and steps beside the levels that are kept and read out."""
ALL_AT_ONCE = 4
"""The same for every level that is kept, where all of them are made at once."""
BANDED = 400
"""Bytes for every node and pair of components: the band, its factors, and the matrix that they are made of."""


@register
@dataclass(frozen=True)
class FiniteDifferences(Solver):
    """Central (or upwind) differences in space on a uniform grid in any number of dimensions, implicit in time.

    Second order in dx (first with upwinding). In time: Crank–Nicolson, second order and A-stable; backward Euler, first
    order and L-stable; TR-BDF2, second order and L-stable, two solves per step; and, where the fast sine transform
    applies, the exponential of the differences, exact in time for a source and boundary values that stand still and of
    second order for others. `order=4` extrapolates from two runs, the second with half the spacing and half the step
    (Richardson), which is of fourth order in both where the solution is smooth.

    Cost per step, where f(t, y) is affine in y: one solve with a matrix of n unknowns, cellsᵈ of them, factorised once.
    Banded on one axis, O(n); sparse LU in two and three dimensions, O(n log n) and O(n^{4/3}) per solve after
    O(n^{3/2}) and O(n²) for the factorisation, and close to those of a dense matrix in more; fast sine transform,
    O(n log n) without one in any dimension, for constant coefficients and given values on every face. Otherwise
    Newton's method, whose Jacobian by coloured differences is kept while it converges fast. A steady equation is one
    such solve, or Newton's method.

    Sources: LeVeque 2007, Finite Difference Methods for Ordinary and Partial Differential Equations, ch. 2, 3 and 8;
    Bank et al. 1985, IEEE Trans. Electron Devices 32 (TR-BDF2); Hockney 1965, J. ACM 12 (fast Poisson solver).
    """

    name = "finite-differences"
    title = "Implicit finite differences"
    family = "classical"
    libraries = ("numba", "scipy")
    imports = ("scipy.sparse.linalg", "scipy.linalg.lapack", "scipy.fft")

    cells: int = parameter(100, "cells per axis", least=2)
    dt: float | None = parameter(None, "time step; without one as many steps as there are cells", above=0)
    scheme: str = parameter("crank-nicolson", "scheme in time", choices=(*SCHEMES, EXPONENTIAL))
    solver: str = parameter("auto", "how linear systems are solved", choices=("auto", "banded", "sparse", "fast-sine"))
    order: int = parameter(2, "order in space: 2, or 4 by extrapolation from two grids", least=2, most=4)
    convection: str = parameter("central", "differences for ∇·F(u)", choices=("central", "upwind"))

    def unsupported(self, problem: Problem) -> str | None:
        """PDEs on a grid that fits, and steady ones only with a value or a reaction to hold on to."""
        if not isinstance(problem, PDE):
            return f"finite differences in space need a PDE, and this is a problem of the family {problem.family}"
        return undetermined(problem) or refused(problem, self.convection)

    def validate(self, problem: Problem) -> None:
        """Refuse solvers that do not fit the problem, orders that are not reached, and steps that are too long."""
        if not isinstance(problem, PDE):
            return
        final = problem.final_time()
        if self.dt is not None and final is not None and self.dt > final * (1 + 1e-9):
            raise InputError(
                f"{self.name}: dt = {self.dt:g} is longer than the whole interval T = {final:g}; shorten it"
            )
        if self.order == 3:
            raise InputError(f"{self.name}: order = 3 is not reached by extrapolation; take order=2 or order=4")
        if self.order == 4 and (self.convection == "upwind" or self.scheme == "backward-euler"):
            first = "convection=upwind" if self.convection == "upwind" else "scheme=backward-euler"
            raise InputError(
                f"{self.name}: order = 4 extrapolates from errors of second order, and {first} makes one of first "
                "order; take convection=central with crank-nicolson, tr-bdf2 or exponential"
            )
        if self.solver == "banded" and (problem.dimension > 1 or isinstance(problem.condition(0, 0), Periodic)):
            raise InputError(
                f"{self.name}: solver = banded needs one axis that is not periodic, and {problem.name} has other axes; "
                "take solver=sparse or auto"
            )
        if (self.solver == "fast-sine" or self.scheme == EXPONENTIAL) and constant_coefficients(problem) is None:
            asked = "solver = fast-sine" if self.solver == "fast-sine" else "scheme = exponential"
            raise InputError(
                f"{self.name}: {asked} needs constant coefficients, no convection and values on every face, which "
                f"{problem.name} does not have; take solver=auto with crank-nicolson or tr-bdf2"
            )
        if self.scheme == EXPONENTIAL and self.solver in ("banded", "sparse"):
            raise InputError(
                f"{self.name}: scheme = exponential works on sines, not with solver = {self.solver}; "
                "take solver=fast-sine or auto"
            )

    def begin(self, problem: Problem, context: Context) -> Session:
        """Grid, stencil source and initial state."""
        assert isinstance(problem, PDE)
        return Extrapolated(self, problem) if self.order == 4 else ImplicitSession(self, problem)

    def kind(self, problem: PDE) -> str:
        """The linear solver asked for, or the cheapest one that applies."""
        if self.solver != "auto":
            return self.solver
        if self.scheme == EXPONENTIAL:
            return "fast-sine"
        # On one axis a band is solved in less time than a forcing that moves is transformed in.
        alone = bandwidth(problem) is not None
        if constant_coefficients(problem) is not None and not (alone and self._affinity(problem) == "moving"):
            return "fast-sine"
        return "banded" if alone else "sparse"

    def predicted_shape(self, problem: Problem) -> tuple[int, ...] | None:
        """(components, nodes per axis…), of the finer grid where there are two."""
        assert isinstance(problem, PDE)
        return grid_shape(problem, self.cells * (2 if self.order == 4 else 1))

    def predicted_bytes(self, problem: Problem, precision: str = "float64") -> int | None:
        """Arrays of the grid, those with ghosts, the levels that are kept, and the factors of a matrix."""
        assert isinstance(problem, PDE)
        compiled = 0 if self._affinity(problem) == "settled" else compiler_bytes(problem.dimension)
        if self.order == 4:
            coarse = dataclasses.replace(self, order=2)
            return compiled + coarse._grid_bytes(problem) + coarse.halved(problem)._grid_bytes(problem)
        return compiled + self._grid_bytes(problem)

    def _grid_bytes(self, problem: PDE) -> int:
        shape, final, kind = grid_shape(problem, self.cells), problem.final_time(), self.kind(problem)
        n, ghosts = math.prod(shape), 2 * ghosted(shape)
        factors = sparse_bytes(problem, shape) if kind == "sparse" else 0
        if kind == "banded":
            factors = BANDED * shape[0] ** 2 * n
        if final is None:
            return DOUBLE * (STEADY * n + ghosts) + factors
        kept = kept_numbers(problem, n, self.dt or final / self.cells)
        if kind == "fast-sine" and self._affinity(problem) == "settled":
            kept *= ALL_AT_ONCE
        return DOUBLE * (kept + read_out_numbers(problem, n) + STEPPING * n + ghosts) + factors

    def _affinity(self, problem: PDE) -> str:
        return affinity(Structure.of(problem), upwind=self.convection == "upwind")

    def halved(self, problem: PDE) -> FiniteDifferences:
        """The same with half the spacing and half the step that is taken, which may be shorter than the one given."""
        final = problem.final_time()
        dt = None if final is None else 0.5 * Timeline(final, self.dt or final / self.cells, problem.times()).dt
        return dataclasses.replace(self, cells=2 * self.cells, dt=dt)


class ImplicitSession(Session):
    """One grid, one scheme."""

    def __init__(self, solver: FiniteDifferences, problem: PDE) -> None:
        self._solver, self._problem = solver, problem
        self._lines = Lines(problem, solver.cells, solver.convection, "numpy")
        self._coefficients = constant_coefficients(problem)
        self._affinity = self._lines.affinity()
        self._kind = solver.kind(problem)
        final = problem.final_time()
        self._timeline = None
        if final is not None:
            self._timeline = Timeline(final, solver.dt or final / solver.cells, problem.times())
        if self._affinity != "settled":
            self._lines.use("numba")
        self._loop: TridiagonalSteps | None = None
        if self._timeline is not None and self._kind == "banded" and self._lines.bandwidth == 1:
            self._loop = TridiagonalSteps(self._lines, self._affinity, solver.scheme, self._timeline)
        self._newton_iterations = 0

    def compile(self) -> None:
        """The stencil where it is needed at every step, and the loop around it."""
        if self._loop is not None:
            self._loop.compile()
        elif self._affinity != "settled":
            self._lines.rhs(0.0, self._lines.start)

    def prepare(self) -> None:
        """Matrices, and the factorisation where many steps share it."""
        lines, line, scheme = self._lines, self._timeline, self._solver.scheme
        self._matrix = None
        self._step: AffineSteps | NewtonSteps | None = None
        if self._kind == "fast-sine":
            assert self._coefficients is not None
            self._sines = FastSine(lines.shape, lines.grid.spacing, *self._coefficients)
            if line is not None:
                self._modes = ModalSteps(lines, self._sines, self._affinity == "moving", scheme, line)
            return
        if self._loop is not None:
            self._loop.prepare()
            return
        self._factors: Factorisation = SparseLU()
        if self._kind == "banded":
            assert lines.bandwidth is not None
            self._factors = Banded(lines.interleaved(), lines.bandwidth)
        if line is None:
            self._matrix = None if self._affinity == "nonlinear" else steady_matrix(lines, lines.matrix())
        elif self._affinity == "nonlinear":
            self._step = NewtonSteps(lines, self._factors, scheme, line.dt)
        else:
            self._step = AffineSteps(lines, self._affinity == "moving", self._factors, scheme, line.dt)

    def solve(self) -> None:
        """All steps, or the steady solve with its factorisation."""
        lines, line = self._lines, self._timeline
        if line is None:
            self._levels = lines.imposed(0.0, self._steady())[None]
        elif self._kind == "fast-sine":
            self._levels = self._modes.march()
        elif self._loop is not None:
            self._levels = self._loop.march()
            self._newton_iterations = self._loop.newton_iterations
        else:
            assert self._step is not None
            self._levels = march(self._step, line, lines)
            self._newton_iterations = self._step.newton_iterations

    def _steady(self) -> Array:
        if self._kind == "fast-sine":
            return steady_by_sines(self._lines, self._sines)
        if self._matrix is not None:
            return steady_by_factors(self._lines, self._matrix, self._factors)
        y, self._newton_iterations = steady_by_newton(self._lines, self._factors)
        return y

    def solution(self, points: Array) -> Array:
        """Cubic interpolation in space and time, exact at nodes and levels."""
        grid, line = self._lines.grid, self._timeline
        if line is None:
            return grid.interpolate(self._levels[0], points).T
        return at_points(points, lambda times, places: grid.interpolate(line.at(self._levels, times), places))

    def facts(self) -> Mapping[str, Any]:
        """Sizes, steps, and how systems were solved with the reason."""
        grid, line = self._lines.grid, self._timeline
        facts = {"dx": max(grid.spacing), "unknowns": self._lines.unknowns, "engine": self._engine()}
        if line is not None:
            facts |= {"dt": line.dt, "steps": line.steps}
        return facts | ({"newton_iterations": self._newton_iterations} if self._affinity == "nonlinear" else {})

    def _engine(self) -> str:
        if self._kind == "fast-sine":
            how, reason = "fast sine transform", "constant coefficients, values on every face"
        elif self._loop is not None:
            how, reason = "tridiagonal in a compiled loop", "one unknown on one axis"
        elif self._kind == "banded":
            how, reason = "banded LU", "one axis"
        else:
            how, reason = "sparse LU", "several axes or periodic ones"
        newton = ", Newton" if self._affinity == "nonlinear" else ""
        return f"{how}{newton}: {reason if self._solver.solver == 'auto' else 'asked for'}"


class Extrapolated(Session):
    """(4 · fine − coarse) / 3 of two runs, whose errors are C₁ dx² + C₂ dt² and a quarter of that."""

    def __init__(self, solver: FiniteDifferences, problem: PDE) -> None:
        self._coarse, self._fine = ImplicitSession(solver, problem), ImplicitSession(solver.halved(problem), problem)

    def compile(self) -> None:
        """Both."""
        self._coarse.compile()
        self._fine.compile()

    def prepare(self) -> None:
        """Both."""
        self._coarse.prepare()
        self._fine.prepare()

    def solve(self) -> None:
        """Both."""
        self._coarse.solve()
        self._fine.solve()

    def solution(self, points: Array) -> Array:
        """The extrapolated values; cubic interpolation is of fourth order as well."""
        return (4.0 * self._fine.solution(points) - self._coarse.solution(points)) / 3.0

    def facts(self) -> Mapping[str, Any]:
        """Those of the finer run, with the work of both."""
        coarse, facts = self._coarse.facts(), dict(self._fine.facts())
        for name in ("steps", "newton_iterations"):
            if name in facts:
                facts[name] += coarse[name]
        return facts
