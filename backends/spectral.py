"""Chebyshev and Fourier collocation with exponential time steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Diverged, Session, Solver
from backends.differences.memory import DOUBLE
from backends.spectra.collocated import Collocation, matrix_of, odd_length, periodic_axes
from backends.spectra.exponential import (
    ETDRK4,
    DenseOperator,
    DiagonalisedOperator,
    ExactStep,
    ForcedStep,
    LinearOperator,
)
from backends.spectra.fourier import FINER, FourierOperator
from backends.structure import Structure, half_glued, undetermined
from backends.timeline import at_points
from problems import InputError, Problem
from problems.base import PDE, Array, Neumann
from problems.operations import NUMPY
from problems.parameters import parameter

DENSE = 1024
"""Unknowns up to which a matrix of them is made: 8 MB, and some two seconds for its functions on one core."""

MOVED = 256
"""The same where data change in time, so that every step takes several products."""

SINGULAR = 1e-14
"""Eigenvalues are zero but for rounding if they are smaller than this times the largest one."""
UNSOLVED = 1e-4
"""What may be left of the residual: rounding leaves 10⁻⁷ of it on 2000 nodes."""
RESONANT = "the system matrix is singular: no condition, or no reaction, fixes the solution"

FEWEST = 4
"""Nodes per axis, with those on the faces."""

READ_OUT, STEADY, STEPPING, WAVES = 3, 8, 8, 13
"""Arrays of the size of the grid that are held: for every instant that is read out; by a steady solve, by steps at the
nodes and by steps with the modes beside that."""
FINER_GRID = 3.2
"""The same of the finer grid from which modes of the initial state are taken."""
FUNCTIONS = 4
"""Functions of the diagonal operator that steps take, of the size of the unknowns."""
LINES = 6
"""Matrices of one line of nodes, for each axis."""
MATRICES, JACOBIANS = 12, 4
"""Matrices of all unknowns: while their functions are made, and in Newton's method."""

CHECK_EVERY = 64
NEWTON = 50
"""Iterations at most."""


@register
@dataclass(frozen=True)
class Spectral(Solver):
    """Collocation on Chebyshev points (Fourier on periodic axes) in any dimension, and ETDRK4 in time.

    The error in space falls faster than any power of the number of nodes where the solution is smooth (Trefethen 2000,
    Spectral Methods in MATLAB). A thin front in a known place takes few nodes where `front` names it: polynomials are
    then those in a stretched coordinate (Bayliss & Turkel 1992, J. Comput. Phys. 101).

    In time the linear part is exact: that is the whole equation where it is linear with coefficients that do not
    change, and then every step is exact; elsewhere it is the diffusion at the start, and the scheme is of fourth order
    in dt (Cox & Matthews 2002; Kassam & Trefethen 2005, SIAM J. Sci. Comput. 26), less where boundary values change in
    time. The rest is treated explicitly, so a step must resolve convection. One step costs eight products with
    matrices n × n in one dimension, half as many where the rest does not depend on the solution and one where it is
    constant; O(nᵈ⁺¹) in d with a constant diffusivity. With one that varies they are nᵈ × nᵈ, and made in O(n³ᵈ): two
    seconds on one core for 32 nodes per axis in the plane. Where all axes are periodic and the diffusivity, which may
    mix components, is constant, steps are taken with the modes: eight fast transforms a step, and n is rounded up to a
    length that they like.

    Steady equations: diagonalised directly where they are linear with constant diffusivity and reaction, else Newton's
    method with a dense Jacobian.
    """

    name = "spectral"
    title = "Chebyshev and Fourier collocation, ETDRK4"
    family = "classical"
    libraries = ("numpy",)

    nodes: int = parameter(32, "collocation points per axis", least=FEWEST, most=2048)
    dt: float | None = parameter(None, "longest time step; 1/400 of the interval where none is given", above=0)
    front: float | None = parameter(None, "place of a front or layer, at which points crowd (one dimension)")
    sharpness: float = parameter(
        20.0, "half the interval over the distance from the front within which points crowd", above=0
    )

    def unsupported(self, problem: Problem) -> str | None:
        """PDEs on a tensor product that is not too large, with conditions that a line of nodes can be closed by."""
        if not isinstance(problem, PDE):
            return f"collocation in space needs a PDE, and this is a problem of the family {problem.family}"
        given = any(isinstance(condition, Neumann) for _, _, condition in problem.faces())
        if given and Structure.of(problem).kappa_depends_on_state:
            return "a prescribed flux together with a diffusivity that depends on the unknown"
        return half_glued(problem) or self._too_dense(problem) or undetermined(problem)

    def _too_dense(self, problem: PDE) -> str | None:
        """Why matrices are too large with any number of nodes, or None."""
        least = problem.components * FEWEST**problem.dimension
        structure = Structure.of(problem)
        if least <= DENSE or structure.diffusivities is not None or _is_fourier(problem, structure):
            return None
        return (
            f"the diffusivity is not a constant of each component, so matrices would be dense, and in "
            f"{problem.dimension} dimensions even {FEWEST} nodes per axis are {least} unknowns"
        )

    def validate(self, problem: Problem) -> None:
        """Refuse a step longer than the interval, and matrices that would not fit."""
        if not isinstance(problem, PDE):
            return
        final = problem.final_time()
        if self.dt is not None and final is not None and self.dt > final * (1 + 1e-9):
            raise InputError(f"spectral: dt = {self.dt:g} is longer than the whole interval T = {final:g}; shorten it")
        if self.front is not None:
            box = problem.domain()
            if problem.dimension > 1 or any(periodic_axes(problem)):
                raise InputError(
                    f"spectral: front = {self.front:g} is given, but points crowd on a single axis that is not "
                    f"periodic, which {problem.name} does not have; leave it out"
                )
            if not box.lower[0] <= self.front <= box.upper[0]:
                raise InputError(
                    f"spectral: front = {self.front:g} lies outside of the domain; give a place from {box.lower[0]:g} "
                    f"to {box.upper[0]:g}"
                )
        unknowns = problem.components * self.nodes**problem.dimension
        structure = Structure.of(problem)
        if unknowns > DENSE and structure.diffusivities is None and not _is_fourier(problem, structure):
            least = math.floor((DENSE / problem.components) ** (1.0 / problem.dimension))
            raise InputError(
                f"spectral: nodes = {self.nodes} per axis are {unknowns} unknowns, and the diffusivity of "
                f"{problem.name} is not a constant of each component, so matrices would be dense; take nodes ≤ {least}"
            )

    def predicted_shape(self, problem: Problem) -> tuple[int, ...] | None:
        """(components, unknowns per axis…): nodes on faces are none."""
        assert isinstance(problem, PDE)
        nodes, closed = self._nodes(problem), periodic_axes(problem)
        return (problem.components, *(n if periodic else n - 2 for n, periodic in zip(nodes, closed, strict=True)))

    def predicted_bytes(self, problem: Problem, precision: str = "float64") -> int | None:
        """Arrays on all nodes, functions of the operator on the unknowns, and matrices."""
        assert isinstance(problem, PDE)
        nodes, shape = self._nodes(problem), self.predicted_shape(problem)
        assert shape is not None
        whole, unknowns = problem.components * math.prod(nodes), math.prod(shape)
        kind = _kind(problem, Structure.of(problem), unknowns)
        numbers = LINES * sum(n * n for n in nodes) + READ_OUT * len(problem.times()) * whole
        if kind == "dense":
            numbers += (JACOBIANS if problem.steady else MATRICES) * unknowns**2
        if kind == "fourier":
            finer = FINER.get(problem.dimension, 1) ** problem.dimension
            numbers = max(numbers + WAVES * whole, math.ceil(FINER_GRID * finer) * whole)
        else:
            numbers += (STEADY if problem.steady else STEPPING) * whole
            numbers += (2 if problem.steady else FUNCTIONS) * unknowns
        return DOUBLE * numbers

    def _nodes(self, problem: PDE) -> list[int]:
        """Nodes along each axis."""
        return [odd_length(self.nodes) if periodic else self.nodes for periodic in periodic_axes(problem)]

    def begin(self, problem: Problem, context: Context) -> Session:
        """Matrices, and the functions of the linear part that all steps share."""
        assert isinstance(problem, PDE)
        return SteadySession(self, problem) if problem.steady else SteppingSession(self, problem)


class SpectralSession(Session):
    """What steady and stepping runs share."""

    def __init__(self, solver: Spectral, problem: PDE) -> None:
        self.solver, self.problem = solver, problem
        self.space = Collocation(problem, solver.nodes, solver.front, solver.sharpness)
        self.structure = self.space.structure

    def diagonalised(self, reaction: Array | float = 0.0) -> DiagonalisedOperator:
        """The diffusion, of constants κ per component, and a constant reaction of each."""
        axes, kappas = range(self.problem.dimension), self.structure.diffusivities
        assert kappas is not None
        return DiagonalisedOperator([self.space.second(a) for a in axes], kappas, reaction)

    def facts(self) -> Mapping[str, Any]:
        """Size of the discretisation."""
        widest = max(float(np.diff(basis.nodes).max()) for basis in self.space.bases)
        return {"dx": widest, "unknowns": self.space.unknowns}


class SteadySession(SpectralSession):
    """f(y) = 0: one solve with the diagonalised operator, or Newton's method."""

    def solve(self) -> None:
        """From zero; a second correction removes what rounding left in the first."""
        self.iterations = 0
        self._y = np.zeros(self.space.free_shape)
        reaction = _steady_reaction(self.structure)
        if reaction is not None:
            operator, first = self.diagonalised(reaction), self._residual(self._y)
            sizes = np.abs(operator.values)
            if sizes.min() <= SINGULAR * sizes.max():
                raise Diverged(RESONANT)
            for _ in range(2):
                self._y = self._y - operator.solve(self._residual(self._y))
            if not np.abs(self._residual(self._y)).max() <= UNSOLVED * np.abs(first).max():
                raise Diverged(RESONANT)
        else:
            self._newton()
        self._values = self.space.spread(0.0, self._y)[None]

    def solution(self, points: Array) -> Array:
        """The interpolant."""
        return np.asarray(self.space.interpolate(self._values, points)[0].T)

    def facts(self) -> Mapping[str, Any]:
        """Newton iterations too."""
        how = "diagonalised" if self.iterations == 0 else "dense Jacobian"
        return {**super().facts(), "newton_iterations": self.iterations, "engine": how}

    def _residual(self, y: Array) -> Array:
        return self.space.rhs(0.0, y)

    def _newton(self) -> None:
        """Ends when a step no longer becomes smaller: rounding is reached."""
        last = math.inf
        while self.iterations < NEWTON:
            self.iterations += 1
            try:
                step = np.linalg.solve(self._jacobian(self._y), self._residual(self._y).ravel()).reshape(self._y.shape)
            except np.linalg.LinAlgError as error:
                raise Diverged(RESONANT) from error
            self._y = self._y - step
            size, scale = float(np.abs(step).max()), max(1.0, float(np.abs(self._y).max()))
            if not math.isfinite(size):
                raise Diverged(f"Newton's method left the range of floating-point numbers at {self.iterations}")
            if size >= 0.5 * last and size < 1e-6 * scale:
                return
            last = size
        self.outcome = f"Newton's method had not converged after {self.iterations} iterations"

    def _jacobian(self, y: Array) -> Array:
        """By central differences, exact for quadratic terms; the step balances rounding and third derivatives."""
        eps = 1e-5 * max(1.0, float(np.abs(y).max()))
        return matrix_of(lambda v: (self._residual(y + eps * v) - self._residual(y - eps * v)) / (2.0 * eps), y.shape)


class SteppingSession(SpectralSession):
    """y' = L y + N(t, y) from one instant that is asked for to the next, in equal steps."""

    def __init__(self, solver: Spectral, problem: PDE) -> None:
        super().__init__(solver, problem)
        final = problem.final_time()
        assert final is not None
        longest = solver.dt or final / 400.0
        self._start = np.stack(
            [
                np.broadcast_to(np.asarray(v, dtype=float), self.space.shape)
                for v in problem.initial(NUMPY, self.space.x)
            ]
        )[self.space.free]
        self._operator, self._rest, forced = self._linear_part()
        self._exact = forced and not self.structure.data_move
        if isinstance(self._operator, FourierOperator):
            self._start = self._operator.initial()
        self._times = np.unique(np.append(problem.times(), final))
        stops = np.unique(np.append(0.0, self._times))
        counts = [1 if self._exact else math.ceil(gap / longest - 1e-9) for gap in np.diff(stops)]
        # Instants a rounding error apart are one length of step.
        lengths = [float(f"{gap / count:.12g}") for gap, count in zip(np.diff(stops), counts, strict=True)]
        steps: dict[float, ExactStep | ForcedStep | ETDRK4] = {}
        for h in set(lengths):
            if self._exact:
                steps[h] = ExactStep.make(self._operator, h, self._rest(0.0, np.zeros_like(self._start)))
            else:
                steps[h] = (ForcedStep if forced else ETDRK4).make(self._operator, h)
        self._course = [(float(t), n, steps[h]) for t, n, h in zip(stops, counts, lengths, strict=False)]
        self._steps, self._dt = sum(counts), max(lengths)

    def solve(self) -> None:
        """All steps."""
        y, levels = self._start, []
        if self._times[0] == 0.0:
            levels.append(self._values(0.0, y))
        done = 0
        for start, count, step in self._course:
            for k in range(count):
                y = step(self._rest, start + k * step.h, y)
                done += 1
                if done % CHECK_EVERY == 0 and not np.isfinite(y).all():
                    raise Diverged(f"the solution left the range of floating-point numbers by step {done}")
            levels.append(self._values(start + count * step.h, y))
        self._levels = np.stack(levels)
        if not np.isfinite(self._levels).all():
            raise Diverged(f"the solution left the range of floating-point numbers by step {done}")

    def solution(self, points: Array) -> Array:
        """The interpolant at the instants stepped to."""

        def values(times: Array, places: Array) -> Array:
            rows = np.searchsorted(self._times, times).clip(max=len(self._times) - 1)
            if not np.array_equal(self._times[rows], times):
                raise ValueError("an instant was asked for that was not announced; no step ended there")
            return self.space.interpolate(self._levels[rows], places)

        return at_points(points, values)

    def facts(self) -> Mapping[str, Any]:
        """Steps and how they were made."""
        kinds = {DenseOperator: "dense", FourierOperator: "fast Fourier transforms"}
        engine = f"{'exact steps' if self._exact else 'ETDRK4'}, {kinds.get(type(self._operator), 'diagonalised')}"
        return {**super().facts(), "dt": self._dt, "steps": self._steps, "engine": engine}

    def _values(self, t: float, y: Array) -> Array:
        """At all nodes."""
        return self.space.spread(t, self._operator.leave(y))

    def _linear_part(self) -> tuple[LinearOperator, Callable[[float, Array], Array], bool]:
        """L, N, and whether N does not depend on the state."""
        space, structure, zero = self.space, self.structure, np.zeros_like(self._start)
        kind = _kind(self.problem, structure, space.unknowns)
        if kind == "fourier":
            fourier = FourierOperator(self.problem, space.shape, structure)
            return fourier, fourier.rest, fourier.complete

        def data(t: float, y: Array) -> Array:
            return space.rhs(t, zero)

        if kind == "diagonalised":
            reactions = structure.reactions
            assert reactions is not None
            return self.diagonalised(reactions), data, True
        affine = structure.linear and not structure.coefficients_move
        if kind == "dense":
            constant = data(0.0, zero)
            diffusion = None if affine else space.diffusion(0.0, self._start)
            matrix = matrix_of(diffusion or (lambda v: space.rhs(0.0, v) - constant), zero.shape)
            dense = DenseOperator(matrix, vectors=self.problem.dimension == 1)
            return dense, data if affine else lambda t, y: space.rhs(t, y) - dense(y), affine
        return self.diagonalised(), self._beside_diffusion(), False

    def _beside_diffusion(self) -> Callable[[float, Array], Array]:
        """N of a constant diffusion: convection, source, and what values on the faces drive."""
        space = self.space
        if self.structure.faces_move:
            return lambda t, y: space.without_diffusion(t, y) + space.diffused_data(t)
        driven = space.diffused_data(0.0)
        if driven.any():
            return lambda t, y: space.without_diffusion(t, y) + driven
        return space.without_diffusion


def _kind(problem: PDE, structure: Structure, unknowns: int) -> str:
    """How the linear part is written: "fourier", "diagonalised", "dense", or "split" where only diffusion is in it."""
    if _is_fourier(problem, structure):
        return "fourier"
    if problem.steady:
        return "dense" if _steady_reaction(structure) is None else "diagonalised"
    known = structure.diffusivities is not None
    if known and structure.reactions is not None and not structure.convected:
        return "diagonalised"
    affine = structure.linear and not structure.coefficients_move
    small = affine and unknowns <= (DENSE if structure.settled else MOVED)
    return "dense" if small or not known else "split"


def _steady_reaction(structure: Structure) -> Array | None:
    """The constants c of an equation that is ∇·(κ∇u) + c u and data, one per component; None for any other."""
    kappas = structure.diffusivities
    return None if kappas is None or 0.0 in kappas or structure.convected else structure.reactions


def _is_fourier(problem: PDE, structure: Structure) -> bool:
    """Whether waves do not mix in the diffusion: constant, on a box that closes on itself along every axis."""
    return not problem.steady and all(periodic_axes(problem)) and structure.diffusivity is not None
