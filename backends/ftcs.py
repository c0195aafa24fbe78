"""The explicit scheme: forward in time, centred in space (FTCS)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Diverged, Session, Solver
from backends.differences.grid import Grid, grid_shape, sample
from backends.differences.memory import DOUBLE, compiler_bytes, ghosted, kept_numbers, read_out_numbers
from backends.differences.stencil import ENGINES, Stencil, build_kernels, refused
from backends.timeline import Timeline, at_points
from problems import InputError, Problem
from problems.base import PDE, Array, diffusivity_rows, scattered_points
from problems.operations import NUMPY
from problems.parameters import parameter

CHECK_EVERY = 256
BLOW_UP = 1e6

MOST_NODES = 2**20
SCATTERED = 2**16
"""Points for a grid of more nodes than that."""


@register
@dataclass(frozen=True)
class FTCS(Solver):
    """Explicit Euler in time, central (or upwind) differences in space on a uniform grid in any dimension.

    First order in dt and second in dx (first with upwinding), hence second order in dx at a fixed ratio α = κ dt/dx²,
    and fourth for the heat equation in one dimension at α = 1/6. Stable for dt ≤ 1/(2 Σₐ κ/hₐ²) in pure diffusion;
    central convection also needs dt ≤ 2κ/Σₐ cₐ², upwinding 1/(Σₐ 2κ/hₐ² + |cₐ|/hₐ). One step costs a few operations
    per node; on several axes with values given on every face, one passage over the grid makes two steps, so that memory
    is read and written half as often. Source: LeVeque 2007, Finite Difference Methods for Ordinary and Partial
    Differential Equations, ch. 9–10.

    The inner loop is compiled by numba: 7 to 90 times faster than numpy on slices at every size measured, from 11 nodes
    in one dimension to 96³, so `engine="numpy"` is for comparison only.

    The step is `dt`, or `alpha` · min hₐ²/κ, or without both 0.9 of the stability limit.
    """

    name = "ftcs"
    title = "Explicit finite differences (FTCS)"
    family = "classical"
    libraries = ("numba",)

    cells: int = parameter(100, "cells per axis", least=2)
    dt: float | None = parameter(None, "time step", above=0)
    alpha: float | None = parameter(None, "κ dt/dx²", above=0)
    convection: str = parameter("central", "differences for ∇·F(u)", choices=("central", "upwind"))
    engine: str = parameter("numba", "how the inner loop runs", choices=ENGINES)
    allow_unstable: bool = parameter(False, "run a step beyond the stability limit")

    presets = {"s1": {"cells": 10, "alpha": 0.5}}

    def unsupported(self, problem: Problem) -> str | None:
        """Only PDEs with time, on a grid that fits."""
        if not isinstance(problem, PDE):
            return f"finite differences in space need a PDE, and this is a problem of the family {problem.family}"
        if problem.steady:
            return "an explicit scheme steps in time, and this equation is steady"
        if _undamped(problem):
            return "waves that nothing damps: explicit Euler makes the shortest of them grow at every step"
        return refused(problem, self.convection)

    def validate(self, problem: Problem) -> None:
        """Refuse contradictory or unstable steps."""
        if not isinstance(problem, PDE):
            return
        if self.dt is not None and self.alpha is not None:
            raise InputError(f"ftcs: dt = {self.dt:g} and alpha = {self.alpha:g} are both given; give one of them")
        grid = Grid(problem, self.cells)
        scales = Scales.at_start(problem, grid)
        if scales.kappa == 0 and (self.alpha is not None or self.convection == "central"):
            raise InputError(
                f"ftcs: {problem.name} has no diffusion, so explicit Euler with central differences is unstable at "
                "every step and alpha = κ dt/dx² has no meaning; take convection=upwind, with dt or without any step"
            )
        step, limit = self.step(problem, grid), stability_limit(problem, grid, self.convection)
        if step > limit * (1 + 1e-9) and not self.allow_unstable:
            given = f"alpha = {self.alpha:g}" if self.alpha is not None else f"dt = {step:g}"
            least = f"alpha ≤ {self.alpha * limit / step:.4g}" if self.alpha is not None else f"dt ≤ {limit:.4g}"
            raise InputError(
                f"ftcs: {given} is beyond the stability limit of {problem.name} with {self.cells} cells; "
                f"take {least}, or run it all the same with allow_unstable=true"
            )

    def step(self, problem: PDE, grid: Grid) -> float:
        """The time step that the parameters ask for."""
        if self.dt is not None:
            return self.dt
        if self.alpha is not None:
            return self.alpha * min(grid.spacing) ** 2 / Scales.at_start(problem, grid).kappa
        final = problem.final_time()
        assert final is not None
        return min(final, 0.9 * stability_limit(problem, grid, self.convection))

    def predicted_shape(self, problem: Problem) -> tuple[int, ...] | None:
        """(components, nodes per axis…)."""
        assert isinstance(problem, PDE)
        return grid_shape(problem, self.cells)

    def predicted_bytes(self, problem: Problem, precision: str = "float64") -> int | None:
        """The levels that are kept, with two or three more while stepping, or what is read out of them afterwards."""
        assert isinstance(problem, PDE)
        shape, dt = grid_shape(problem, self.cells), self.step(problem, Grid(problem, self.cells))
        n, ghosts = math.prod(shape), ghosted(shape)
        numbers = kept_numbers(problem, n, dt, exact_step=True)
        numbers += max((3 if self.engine == "numba" else 8) * ghosts, ghosts + read_out_numbers(problem, n))
        levels = 3 * math.ceil((problem.final_time() or 0.0) / dt)
        return DOUBLE * (numbers + levels) + (compiler_bytes(problem.dimension) if self.engine == "numba" else 0)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Grid, stencil source and initial state."""
        assert isinstance(problem, PDE)
        return FTCSSession(self, problem)


@dataclass(frozen=True)
class Scales:
    """Largest diffusivity, wave speed per axis and reaction rate at the initial state.

    Over all nodes, or where there are more than `MOST_NODES` over scattered points: a step must be known before memory
    is spent on a grid.
    """

    kappa: float
    least_kappa: float
    speeds: tuple[float, ...]
    rate: float

    @classmethod
    def at_start(cls, problem: PDE, grid: Grid) -> Scales:
        """Evaluate the declaration."""
        if math.prod(grid.shape) <= MOST_NODES:
            x, shape = grid.coordinates(), grid.shape
        else:
            box = problem.domain()
            x, shape = list(scattered_points(SCATTERED, box.lower, box.upper).T), (SCATTERED,)
        u = list(sample(problem.initial(NUMPY, x), shape))
        kappa = problem.diffusivity(NUMPY, x, 0.0, u)
        rows = [sample(row, shape) for row in diffusivity_rows(kappa, problem.components)]
        matrices = np.moveaxis(np.stack(rows), (0, 1), (-2, -1))
        # Growth is bounded by the norm of the matrix, decay at least by the least eigenvalue of its symmetric part.
        largest = float(np.abs(matrices).sum(axis=-1).max())
        least = float(np.linalg.eigvalsh((matrices + np.swapaxes(matrices, -1, -2)) / 2.0).min())
        flux = _derivative(lambda v: problem.flux(NUMPY, x, 0.0, v), u)
        source = _derivative(lambda v: problem.source(NUMPY, x, 0.0, v), u)
        speeds = tuple(max((_largest(row[a]) for row in flux), default=0.0) for a in range(grid.dimension))
        rate = max((_largest(s) for s in source), default=0.0)
        return cls(largest, least, speeds, rate)


def _undamped(problem: PDE) -> bool:
    """Whether κ couples components and an eigenvalue of it has no positive real part, in the middle of the domain.

    Waves then turn (κ antisymmetric, as in Schrödinger's equation) or bounce (κ nilpotent, as in the wave equation as
    a system) at rates imaginary to leading order, and |1 + dt λ| > 1 for every imaginary λ.
    """
    box = problem.domain()
    x = [np.array(0.5 * (a + b)) for a, b in zip(box.lower, box.upper, strict=True)]
    kappa = problem.diffusivity(NUMPY, x, 0.0, problem.initial(NUMPY, x))
    matrix = np.array(diffusivity_rows(kappa, problem.components), dtype=float)
    if not np.any(matrix - np.diag(np.diag(matrix))):
        return False
    return bool(np.linalg.eigvals(matrix).real.min() <= 1e-9 * np.abs(matrix).max())


def _largest(value: Any) -> float:
    """Largest finite size: a coefficient may be singular on a face, where values are given and none is computed."""
    size = np.abs(np.asarray(value, dtype=float))
    return float(np.max(size, where=np.isfinite(size), initial=0.0))


def _derivative(field: Any, u: Sequence[Array]) -> Any:
    """|∂field/∂u| summed over the components, by central differences; empty if there is no such field."""
    if field(u) is None:
        return ()
    eps = 1e-6
    total: Any = None
    for c in range(len(u)):
        up, down = ([v + s * (k == c) for k, v in enumerate(u)] for s in (eps, -eps))
        change = _map2(lambda a, b: np.abs(np.asarray(a) - np.asarray(b)) / (2 * eps), field(up), field(down))
        total = change if total is None else _map2(np.add, total, change)
    return total


def _map2(function: Any, a: Any, b: Any) -> Any:
    if isinstance(a, (tuple, list)):
        return [_map2(function, x, y) for x, y in zip(a, b, strict=True)]
    return function(a, b)


def stability_limit(problem: PDE, grid: Grid, convection: str) -> float:
    """Largest stable step of explicit Euler, estimated at the initial state (von Neumann analysis)."""
    scales = Scales.at_start(problem, grid)
    decay = sum(4.0 * scales.kappa / h**2 for h in grid.spacing) + scales.rate
    if convection == "upwind":
        decay += sum(2.0 * speed / h for speed, h in zip(scales.speeds, grid.spacing, strict=True))
    limit = 2.0 / decay if decay > 0 else np.inf
    fastest = sum(speed**2 for speed in scales.speeds)
    if convection == "central" and fastest > 0:
        limit = min(limit, 2.0 * scales.least_kappa / fastest)
    return float(limit)


class FTCSSession(Session):
    """State, kernels and kept levels of one run."""

    def __init__(self, solver: FTCS, problem: PDE) -> None:
        self._problem = problem
        self._grid = Grid(problem, solver.cells)
        final = problem.final_time()
        assert final is not None
        self._limit = stability_limit(problem, self._grid, solver.convection)
        step = solver.step(problem, self._grid)
        self._timeline = Timeline(final, step, problem.times(), exact_step=True)
        self._kernels = build_kernels(
            Stencil(problem, self._grid, solver.convection), self._grid.dimension, solver.engine
        )
        values = sample(problem.initial(NUMPY, self._grid.coordinates()), self._grid.shape)
        self._u = np.pad(values, [(0, 0)] + [(1, 1)] * self._grid.dimension)
        self._kernels.impose(0.0, self._u, *self._grid.axes)
        self._out = np.zeros((len(self._timeline.kept), *values.shape))
        self._blow_up_step: int | None = None

    def compile(self) -> None:
        """Numba compiles when called; no steps are taken here."""
        self._advance(self._u.copy(), self._u, 0, 0, 0.0, 0)

    def solve(self) -> None:
        """All steps, in stretches between which the size of the solution is looked at."""
        kept, steps = self._timeline.kept, self._timeline.steps
        u, row = self._u, 0
        if kept[0] == 0:
            self._out[0] = self._inside(u)
            row = 1
        bound = BLOW_UP * max(1.0, float(np.abs(self._inside(u)).max()))
        new = u.copy()
        at = 0
        while at < steps:
            end = steps if at == steps - 1 else min(at + CHECK_EVERY, steps - 1)
            length = self._timeline.last_step if end == steps and at == steps - 1 else self._timeline.dt
            before, row_before = u.copy(), row
            u, new, row = self._advance(u, new, at, end, length, row)
            size = float(np.abs(self._inside(u)).max())
            if self._blow_up_step is None and not size <= bound:
                self._blow_up_step = self._find_blow_up(before, at, end, length, row_before, bound)
                self.outcome = f"the solution passed {bound:.0e} at step {self._blow_up_step} of {steps}"
            if not np.isfinite(size):
                raise Diverged(f"{self.outcome} and left the range of floating-point numbers by step {end}")
            at = end

    def solution(self, points: Array) -> Array:
        """Cubic interpolation in space and time, exact at nodes and levels."""
        return at_points(
            points, lambda times, places: self._grid.interpolate(self._timeline.at(self._out, times), places)
        )

    def facts(self) -> Mapping[str, Any]:
        """Steps, limits and engine."""
        facts = {
            "dx": max(self._grid.spacing),
            "dt": self._timeline.dt,
            "unknowns": int(np.prod(self._grid.shape)) * self._problem.components,
            "steps": self._timeline.steps,
            "stability_limit": self._limit,
            "engine": self._kernels.engine,
        }
        return facts if self._blow_up_step is None else facts | {"blow_up_step": self._blow_up_step}

    def _inside(self, u: Array) -> Array:
        return u[(slice(None), *(slice(1, -1),) * self._grid.dimension)]

    def step(self, u: Array, new: Array, count: int) -> tuple[Array, Array]:
        """`count` steps from u, with `new` to work in, both with ghosts; returns the two arrays, the newest first."""
        u, new, _ = self._advance(u, new, 0, count, self._timeline.dt, len(self._timeline.kept))
        return u, new

    def _advance(self, u: Array, new: Array, first: int, last: int, length: float, row: int) -> Any:
        timeline = self._timeline
        return self._kernels.advance(
            u, new, first, last, timeline.dt, length, timeline.kept, row, self._out, *self._grid.axes
        )

    def _find_blow_up(self, u: Array, first: int, last: int, length: float, row: int, bound: float) -> int:
        """Repeat a stretch step by step to find the one at which the bound was passed."""
        new = u.copy()
        for step in range(first, last):
            u, new, row = self._advance(u, new, step, step + 1, length, row)
            if not float(np.abs(self._inside(u)).max()) <= bound:
                return step + 1
        return last
