"""Finite elements with FEniCSx, from a weak form generated out of the declaration."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from backends.differences.grid import grid_shape
from backends.differences.memory import DOUBLE, MEBIBYTE, fill, kept_numbers, read_out_numbers
from backends.elements import dolfinx_versions as versions
from backends.elements.galerkin import Galerkin
from backends.elements.grading import Grading, largest_spacing
from backends.elements.lagrange_points import PointValues
from backends.elements.petsc_linear import Method, cheapest
from backends.elements.stepping import stepper
from backends.elements.time_schemes import SCHEMES
from backends.structure import half_glued
from backends.timeline import Timeline, at_points
from problems import InputError, Problem
from problems.base import PDE, Array
from problems.parameters import parameter

DEFAULT_STEPS = 200

BYTES = 20 * MEBIBYTE
"""What every run takes beside its mesh and its unknowns."""
CELL_BYTES = {1: 1000, 2: 1000, 3: 800}
"""What a mesh takes for an interval, a triangle and a tetrahedron, nearly all of it while it is made (dolfinx 0.5)."""
UNKNOWN_BYTES = {1: (300, 400, 500), 2: (450, 770, 1330), 3: (500, 2000, 4000)}
"""Matrix and multigrid for every unknown, by dimension and degree."""
FACTOR_BYTES = 26
"""For every entry of the factors of differences on as many nodes: elements couple more of them."""


@register
@dataclass(frozen=True)
class Fenics(Solver):
    """Continuous Lagrange elements P1–P3 in space, implicit one-step methods in time.

    Space: order degree + 1 in the cell size (L², smooth solutions). The mesh has intervals, triangles (two per grid
    cell) or tetrahedra (six); nothing stabilises convection at cell Péclet numbers |c|h/2κ above 1. Periodic faces are
    glued: their nodes are one. Systems are solved as a whole. A `focus` on the first axis makes cells finest around it,
    and grow with the distance once that is larger than `width`: for a front or layer at a known place.

    Time, for M u' + r(u, t) = 0: each scheme solves stages M (U − ũ)/(γ dt) + r(U, s) + … = 0, and all are A-stable.

    - `backward-euler`: order 1, one stage, L-stable.
    - `crank-nicolson`: order 2, one stage, keeps the energy of waves. Does not damp what a rough initial state or a
      long step leaves in the highest modes.
    - `sdirk2`: order 2, two stages, L-stable: for stiff reactions and rough data.
    - `sdirk4`: order 4, five stages, L-stable. Values on the boundary that move in time bring it down to about 2.

    When the equation is linear and its matrices do not depend on time, which is read off the Jacobian, they are
    assembled and factorised once and a stage costs one matrix–vector product and one pair of triangular solves;
    otherwise it costs an assembly and a factorisation per Newton iteration, with UFL's exact Jacobian.

    `linear_solver=auto` factorises (sparse LU) in one dimension and small systems, and takes conjugate gradients
    (GMRES where a matrix in three dimensions is not symmetric) with algebraic multigrid for the others. Where that
    fails, as it may on an indefinite matrix, a factorisation takes over. A row tells which it was.

    Runs on several processes under a command prefix such as `mpirun -n 2 python3`.

    Source: Larson & Bengzon 2013, The Finite Element Method, ch. 4–5; Hairer & Wanner 1996, Solving ODEs II, ch. IV.6;
    Baratta et al. 2023, DOLFINx.
    """

    name = "fenics"
    title = "FEniCSx finite elements"
    family = "classical"
    libraries = ("dolfinx", "petsc4py", "ufl")
    imports = ("mpi4py.MPI", "petsc4py.PETSc", "dolfinx.fem.petsc")
    parallel = True

    degree: int = parameter(2, "polynomial degree of the Lagrange elements", least=1, most=3)
    cells: int = parameter(64, "grid cells per axis", least=1)
    focus: float | None = parameter(None, "place on the first axis around which cells are finer")
    width: float | None = parameter(None, "width of the layer there, outside of which cells grow", above=0)
    dt: float | None = parameter(None, "time step; none for a 200th of the time interval", above=0)
    scheme: str = parameter("crank-nicolson", "scheme in time", choices=tuple(SCHEMES))
    linear_solver: str = parameter(
        "auto",
        "solution of linear systems; auto decides by dimension and size",
        choices=("auto", "direct", "iterative"),
    )
    tolerance: float = parameter(1e-10, "relative tolerance of Newton and iterative solvers", above=0, most=1e-3)

    def unsupported(self, problem: Problem) -> str | None:
        """Only PDEs, in up to three dimensions."""
        if not isinstance(problem, PDE):
            return f"finite elements need a PDE, and this is a problem of the family {problem.family}"
        if problem.dimension > 3:
            return f"FEniCSx has meshes in one, two and three dimensions, and this problem has {problem.dimension}"
        return half_glued(problem)

    def validate(self, problem: Problem) -> None:
        """Refuse a step longer than the time interval, and a layer outside the domain or half described.

        Raises:
            InputError: naming it.

        """
        if (self.focus is None) != (self.width is None):
            raise InputError(f"{self.name}: focus = {self.focus} and width = {self.width}; give both or neither")
        if isinstance(problem, PDE):
            lower, upper = problem.domain().lower[0], problem.domain().upper[0]
            if self.focus is not None and not lower <= self.focus <= upper:
                raise InputError(
                    f"{self.name}: focus = {self.focus:g} is outside the domain; take {lower:g} to {upper:g}"
                )
            self.timeline(problem)

    @property
    def grading(self) -> Grading | None:
        """How cells are graded, if they are."""
        return None if self.focus is None or self.width is None else Grading(self.focus, self.width)

    def timeline(self, problem: PDE) -> Timeline | None:
        """Time levels; None for a steady equation."""
        final = problem.final_time()
        return None if final is None else Timeline(final, self.dt or final / DEFAULT_STEPS, problem.times())

    def method(self, problem: PDE, unknowns: int, *, shared: bool) -> Method:
        """How linear systems are solved, of which each matrix is used once or shared by all steps."""
        if self.linear_solver == "auto":
            return cheapest(problem.dimension, unknowns, shared=shared)
        return Method.DIRECT if self.linear_solver == "direct" else Method.ITERATIVE

    def predicted_shape(self, problem: Problem) -> tuple[int, ...] | None:
        """(components, nodes of the elements along each axis…)."""
        assert isinstance(problem, PDE)
        return grid_shape(problem, self.degree * self.cells)

    def predicted_bytes(self, problem: Problem, precision: str = "float64") -> int | None:
        """Mesh, matrix, and its factors or the hierarchy of multigrid."""
        assert isinstance(problem, PDE)
        shape, final = grid_shape(problem, self.degree * self.cells), problem.final_time()
        unknowns, d = math.prod(shape), problem.dimension
        total = BYTES + CELL_BYTES[d] * math.factorial(d) * self.cells**d
        if self.method(problem, unknowns, shared=final is not None) is Method.DIRECT:
            total += FACTOR_BYTES * shape[0] ** 2 * fill(unknowns // shape[0], d)
        else:
            total += UNKNOWN_BYTES[d][self.degree - 1] * unknowns
        if final is not None:
            kept = kept_numbers(problem, unknowns, self.dt or final / DEFAULT_STEPS)
            total += DOUBLE * (kept + read_out_numbers(problem, unknowns))
        return total

    def begin(self, problem: Problem, context: Context) -> Session:
        """The mesh."""
        assert isinstance(problem, PDE)
        return FenicsSession(self, problem)


class FenicsSession(Session):
    """Time steps, or one solve of a steady equation."""

    def __init__(self, solver: Fenics, problem: PDE) -> None:
        self._solver, self._problem = solver, problem
        self._timeline = solver.timeline(problem)
        self._mesh = versions.box_mesh(problem.domain(), solver.cells, versions.world(), solver.grading)
        self._values: Array = np.empty(0)

    def compile(self) -> None:
        """Compile the forms on the coarsest mesh; the code does not depend on its size, so the real one finds it."""
        world, own = versions.world(), versions.alone()
        if world.rank == 0:
            Galerkin(self._problem, versions.box_mesh(self._problem.domain(), 1, own), self._solver.degree)
        world.barrier()

    def prepare(self) -> None:
        """Function space and matrices; their factorisation too, where many steps share it."""
        self._galerkin = Galerkin(self._problem, self._mesh, self._solver.degree)
        scheme = dt = None
        if self._timeline is not None:
            scheme, dt = SCHEMES[self._solver.scheme], self._timeline.dt
            self._kept, self._levels = self._timeline.kept.tolist(), self._timeline.levels.tolist()
            self._values = np.empty((len(self._kept), self._galerkin.unknowns.count))
        shared = self._timeline is not None and self._galerkin.autonomous
        method = self._solver.method(self._problem, self._galerkin.unknowns.total, shared=shared)
        self._stepper = stepper(self._galerkin, scheme, dt, method=method, tolerance=self._solver.tolerance)

    def solve(self) -> None:
        """Step through the time levels and keep those needed for output."""
        if self._timeline is None:
            self._stepper.advance(0, (0.0,))
            self._stepper.check(1)
            self._values = self._stepper.u[None].copy()
            return
        levels = self._levels
        done = 0
        for k, level in enumerate(self._kept):
            if level > done:
                self._stepper.advance(done, levels[done + 1 : level + 1])
            done = level
            self._values[k] = self._stepper.u
        self._stepper.check(done)

    def solution(self, points: Array) -> Array:
        """Evaluate each kept level once at all places, then interpolate in time."""
        levels = self._galerkin.nodal(self._values)
        if self._timeline is None:
            return self._at_places(points)(levels)[0]
        timeline = self._timeline
        return at_points(
            points, lambda times, places: timeline.at(self._at_places(places)(levels), times).transpose(0, 2, 1)
        )

    def facts(self) -> Mapping[str, Any]:
        """Sizes and counts."""
        linear = self._stepper.linear
        facts: dict[str, Any] = {
            "dx": largest_spacing(self._problem.domain(), self._solver.cells, self._solver.grading),
            "unknowns": self._galerkin.unknowns.total,
            "linear_solver": linear.description,
        }
        counts = {
            "newton_iterations": self._stepper.newton_iterations,
            "linear_iterations": linear.iterations,
            "factorisations": linear.factorisations,
        }
        facts |= {name: count for name, count in counts.items() if count}
        if "newton_iterations" in facts or "linear_iterations" in facts:
            facts["tolerance"] = self._solver.tolerance
        if self._timeline is not None:
            facts |= {"dt": self._timeline.dt, "steps": self._timeline.steps}
        return facts

    def _at_places(self, places: Array) -> PointValues:
        galerkin = self._galerkin
        return PointValues(self._mesh, galerkin.space, self._solver.degree, self._problem.domain(), places)
