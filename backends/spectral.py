"""Chebyshev and Fourier collocation with exponential time steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Diverged, Session, Solver
from backends.spectra.collocated import Collocation, matrix_of, periodic_axes
from backends.spectra.exponential import ETDRK4, DenseOperator, DiagonalisedOperator, LinearOperator
from backends.spectra.fourier import FourierOperator
from backends.timeline import at_points
from problems import InputError, Problem
from problems.base import PDE, Array, Dirichlet, Neumann, Periodic, diffusivity_rows
from problems.operations import NUMPY
from problems.parameters import parameter

DENSE = 1500
"""Unknowns up to which a matrix of them is made: 18 MB, and some seconds for its functions."""

CHECK_EVERY = 64
NEWTON = 50
"""Iterations at most."""


@register
@dataclass(frozen=True)
class Spectral(Solver):
    """Collocation on Chebyshev points (Fourier on periodic axes) in 1–3 dimensions, and ETDRK4 in time.

    The error in space falls faster than any power of the number of nodes where the solution is smooth (Trefethen 2000,
    Spectral Methods in MATLAB). A thin front in a known place takes few nodes where `front` names it: polynomials are
    then those in a stretched coordinate (Bayliss & Turkel 1992, J. Comput. Phys. 101).

    In time the linear part is exact: that is the whole equation where it is linear with coefficients that do not
    change, and then every step is exact; elsewhere it is the diffusion at the start, and the scheme is of fourth order
    in dt (Cox & Matthews 2002; Kassam & Trefethen 2005, SIAM J. Sci. Comput. 26), less where boundary values change in
    time. The rest is treated explicitly, so a step must resolve convection. One step costs some ten products with
    matrices n × n in one dimension, O(nᵈ⁺¹) in d with a constant diffusivity. Where all axes are periodic and the
    diffusivity, which may mix components, is constant, steps are taken with the modes: eight fast transforms a step,
    and n is rounded up to a length that they like.

    Steady equations: diagonalised directly where they are linear with constant diffusivity and reaction, else Newton's
    method with a dense Jacobian.
    """

    name = "spectral"
    title = "Chebyshev and Fourier collocation, ETDRK4"
    family = "classical"
    libraries = ("numpy",)

    nodes: int = parameter(32, "collocation points per axis", least=4, most=2048)
    dt: float | None = parameter(None, "longest time step; 1/400 of the interval where none is given", above=0)
    front: float | None = parameter(None, "place of a front or layer, at which points crowd (one dimension)")
    sharpness: float = parameter(
        20.0, "half the interval over the distance from the front within which points crowd", above=0
    )

    def unsupported(self, problem: Problem) -> str | None:
        """PDEs on a tensor product that is not too large, with conditions that a line of nodes can be closed by."""
        if not isinstance(problem, PDE):
            return f"collocation in space needs a PDE, and this is a problem of the family {problem.family}"
        if problem.dimension > 3:
            return f"a full tensor product in {problem.dimension} dimensions; collocation here goes up to 3"
        faces = problem.faces()
        for axis, closes in enumerate(periodic_axes(problem)):
            if isinstance(problem.condition(axis, 1), Periodic) != closes:
                return "one face of an axis is periodic and the other is not"
        if problem.steady and not any(isinstance(condition, Dirichlet) for _, _, condition in faces):
            return "no value is given on any face, so the steady solution is determined up to a constant only"
        if any(isinstance(condition, Neumann) for _, _, condition in faces) and _depends_on_state(problem):
            return "a prescribed flux together with a diffusivity that depends on the unknown"
        return None

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
        if unknowns > DENSE and _common_kappas(problem) is None and not _is_fourier(problem):
            least = math.floor((DENSE / problem.components) ** (1.0 / problem.dimension))
            raise InputError(
                f"spectral: nodes = {self.nodes} per axis are {unknowns} unknowns, and the diffusivity of "
                f"{problem.name} is not a constant of each component, so matrices would be dense; take nodes ≤ {least}"
            )

    def begin(self, problem: Problem, context: Context) -> Session:
        """Matrices, and the functions of the linear part that all steps share."""
        assert isinstance(problem, PDE)
        return SteadySession(self, problem) if problem.steady else SteppingSession(self, problem)


class SpectralSession(Session):
    """What steady and stepping runs share."""

    def __init__(self, solver: Spectral, problem: PDE) -> None:
        self.solver, self.problem = solver, problem
        self.space = Collocation(problem, solver.nodes, solver.front, solver.sharpness)
        self.kappas = _common_kappas(problem)

    def diagonalised(self, reaction: Array | float = 0.0) -> DiagonalisedOperator:
        """The diffusion, of constants κ per component, and a constant reaction of each."""
        axes = range(self.problem.dimension)
        return DiagonalisedOperator([self.space.second(a) for a in axes], np.asarray(self.kappas), reaction)

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
        reaction = self._reaction()
        if reaction is not None:
            operator = self.diagonalised(reaction)
            for _ in range(2):
                self._y = self._y - operator.solve(self._residual(self._y))
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

    def _reaction(self) -> Array | None:
        """The constants c of an equation that is ∇·(κ∇u) + c u and data, one per component; None for any other."""
        if self.kappas is None or 0.0 in self.kappas:
            return None
        random = np.random.default_rng(0).standard_normal(self.space.free_shape)
        change = self._residual(random) - self._residual(np.zeros_like(random))
        rest = change - self.space.diffusion(0.0, random)(random)
        flat, along = rest.reshape(len(rest), -1), random.reshape(len(rest), -1)
        constants = (flat * along).sum(axis=1) / (along * along).sum(axis=1)
        error = float(np.abs(flat - constants[:, None] * along).max())
        return np.asarray(constants) if error <= 1e-10 * float(np.abs(change).max()) else None

    def _newton(self) -> None:
        """Ends when a step no longer becomes smaller: rounding is reached."""
        last = math.inf
        while self.iterations < NEWTON:
            self.iterations += 1
            step = np.linalg.solve(self._jacobian(self._y), self._residual(self._y).ravel()).reshape(self._y.shape)
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
        self._operator, self._rest, self._exact = self._linear_part(final)
        if isinstance(self._operator, FourierOperator):
            self._start = self._operator.initial()
        self._times = np.unique(np.append(problem.times(), final))
        stops = np.unique(np.append(0.0, self._times))
        counts = [1 if self._exact else math.ceil(gap / longest - 1e-9) for gap in np.diff(stops)]
        # Instants a rounding error apart are one length of step.
        lengths = [float(f"{gap / count:.12g}") for gap, count in zip(np.diff(stops), counts, strict=True)]
        steps = {h: ETDRK4.make(self._operator, h) for h in set(lengths)}
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

    def _linear_part(self, final: float) -> tuple[LinearOperator, Callable[[float, Array], Array], bool]:
        """L, N, and whether N is nothing but a constant."""
        space, y = self.space, self._start
        if _is_fourier(self.problem):
            kappa = _constant_kappa(self.problem)
            assert kappa is not None
            fourier = FourierOperator(self.problem, space.shape, kappa)
            return fourier, fourier.rest, self._is_constant(fourier, final)
        affine = self._affine(final)
        if space.unknowns <= DENSE and (affine is not None or self.kappas is None):
            dense = DenseOperator(matrix_of(affine or space.diffusion(0.0, y), y.shape))
            return dense, lambda t, y: space.rhs(t, y) - dense(y), affine is not None
        return self.diagonalised(), self._beside_diffusion(final), False

    def _beside_diffusion(self, final: float) -> Callable[[float, Array], Array]:
        """N of a constant diffusion: convection, source, and what values on the faces drive."""
        space = self.space
        driven = space.diffused_data(0.0)
        if any(not np.array_equal(space.diffused_data(t), driven) for t in (0.37 * final, final)):
            return lambda t, y: space.without_diffusion(t, y) + space.diffused_data(t)
        if driven.any():
            return lambda t, y: space.without_diffusion(t, y) + driven
        return space.without_diffusion

    @staticmethod
    def _is_constant(operator: FourierOperator, final: float) -> bool:
        """Whether N depends neither on the state nor on time."""
        zero = 0.0 * operator.initial()
        some = operator.enter(np.random.default_rng(0).standard_normal(operator.leave(zero).shape))
        constant, size = operator.rest(0.0, zero), float(np.abs(operator(some)).max())
        with np.errstate(all="ignore"):
            changes = [np.abs(operator.rest(t, some) - constant).max() for t in (0.0, 0.37 * final, final)]
        return bool(max(changes) <= 1e-12 * size)

    def _affine(self, final: float) -> Callable[[Array], Array] | None:
        """v ↦ f(t, v) − f(t, 0) if that is linear in v, and f the same at all times; None otherwise."""
        zero, rhs = np.zeros_like(self._start), self.space.rhs
        random = np.random.default_rng(0)
        v, w = random.standard_normal((2, *zero.shape)) * max(1.0, float(np.abs(self._start).max()))
        constant = rhs(0.0, zero)
        with np.errstate(all="ignore"):
            both, one, other = rhs(0.0, v + 2.0 * w), rhs(0.0, v), rhs(0.0, w)
            error = both + 2.0 * constant - one - 2.0 * other
            size = float(np.abs(both).max())
            moved = max(float(np.abs(rhs(t, v) - one).max()) for t in (0.37 * final, final))
        if not (float(np.abs(error).max()) <= 1e-10 * size and moved <= 1e-13 * size):
            return None
        return lambda v: rhs(0.0, v) - constant


def _constant_kappa(problem: PDE) -> Array | None:
    """κ as a matrix (m, m), if it is the same everywhere, at all times and for all states."""
    if _depends_on_state(problem):
        return None
    box, final = problem.domain(), problem.final_time() or 0.0
    middle = [np.array([a + f * (b - a) for f in (0.23, 0.71)]) for a, b in zip(box.lower, box.upper, strict=True)]
    found = []
    for t in (0.37 * final, final):
        rows = diffusivity_rows(problem.diffusivity(NUMPY, middle, t, ()), problem.components)
        if any(np.ndim(entry) for row in rows for entry in row):
            return None
        found.append(np.array(rows, dtype=float))
    return found[0] if np.array_equal(found[0], found[1]) else None


def _common_kappas(problem: PDE) -> tuple[float, ...] | None:
    """The constant κ of each component, if there are such numbers and components do not mix."""
    kappa = _constant_kappa(problem)
    if kappa is None or np.any(kappa - np.diag(np.diag(kappa))):
        return None
    return tuple(float(entry) for entry in np.diag(kappa))


def _is_fourier(problem: PDE) -> bool:
    """Whether waves do not mix in the diffusion: constant, on a box that closes on itself along every axis."""
    return not problem.steady and all(periodic_axes(problem)) and _constant_kappa(problem) is not None


def _depends_on_state(problem: PDE) -> bool:
    """Whether κ looks at the unknown."""
    box = problem.domain()
    try:
        problem.diffusivity(NUMPY, [np.array([a]) for a in box.lower], 0.0, ())
    except (IndexError, TypeError):
        return True
    return False
