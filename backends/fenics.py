"""Finite elements with FEniCSx, from a weak form generated out of the declaration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from backends.elements import dolfinx_versions as versions
from backends.elements.galerkin import Galerkin
from backends.elements.lagrange_points import PointValues
from backends.elements.theta_scheme import stepper
from backends.timeline import Timeline, at_points
from problems import Problem
from problems.base import PDE, Array, Periodic
from problems.parameters import parameter

THETA = {"crank-nicolson": 0.5, "backward-euler": 1.0}
DEFAULT_STEPS = 200


@register
@dataclass(frozen=True)
class Fenics(Solver):
    """Continuous Lagrange elements P1–P3 in space, the θ-scheme in time.

        M (uⁿ⁺¹ − uⁿ)/dt + θ r(uⁿ⁺¹, tⁿ⁺¹) + (1 − θ) r(uⁿ, tⁿ) = 0,

    r the weak form without ∂ₜu; θ = ½ is Crank–Nicolson (trapezoidal rule), θ = 1 backward Euler.

    Order degree + 1 in the cell size (L², smooth solutions); second order in dt by Crank–Nicolson, first by backward
    Euler. Both are A-stable: no step is too long for diffusion. Only backward Euler damps what a rough initial state
    or a long step leaves in the highest modes; nothing stabilises convection at cell Péclet numbers |c|h/2κ above 1.

    The mesh has intervals, triangles (two per grid cell) or tetrahedra (six). When the equation is linear and its
    matrices do not depend on time, which is read off the Jacobian, they are assembled and factorised once and a step
    costs one matrix–vector product and one pair of triangular solves; otherwise it costs an assembly and a
    factorisation per Newton iteration, with UFL's exact Jacobian.

    Systems are solved by sparse LU in one and two dimensions; in three, where its fill-in grows like n^(4/3), by
    conjugate gradients (GMRES where the matrix is not symmetric) with algebraic multigrid.

    Source: Larson & Bengzon 2013, The Finite Element Method, ch. 4–5; Baratta et al. 2023, DOLFINx.
    """

    name = "fenics"
    title = "FEniCSx finite elements"
    family = "classical"
    libraries = ("dolfinx", "petsc4py", "ufl")
    imports = ("mpi4py.MPI", "petsc4py.PETSc", "dolfinx.fem.petsc")

    degree: int = parameter(2, "polynomial degree of the Lagrange elements", least=1, most=3)
    cells: int = parameter(64, "grid cells per axis", least=1)
    dt: float | None = parameter(None, "time step; none for a 200th of the time interval", above=0)
    scheme: str = parameter("crank-nicolson", "scheme in time", choices=tuple(THETA))
    linear_solver: str = parameter(
        "auto",
        "solution of linear systems; auto is direct up to two dimensions",
        choices=("auto", "direct", "iterative"),
    )
    tolerance: float = parameter(1e-10, "relative tolerance of Newton and iterative solvers", above=0, most=0.1)

    def unsupported(self, problem: Problem) -> str | None:
        """Only PDEs, without periodic faces."""
        if not isinstance(problem, PDE):
            return f"finite elements need a PDE, and this is a problem of the family {problem.family}"
        if problem.dimension > 3:
            return f"FEniCSx has meshes in one, two and three dimensions, and this problem has {problem.dimension}"
        faces = [(axis, side) for axis in range(problem.dimension) for side in (0, 1)]
        if any(isinstance(problem.condition(*face), Periodic) for face in faces):
            return "periodic faces need the extension dolfinx_mpc, which this adapter does not use"
        return None

    def validate(self, problem: Problem) -> None:
        """Refuse a step longer than the time interval."""
        if isinstance(problem, PDE):
            self.timeline(problem)

    def timeline(self, problem: PDE) -> Timeline | None:
        """Time levels; None for a steady equation."""
        final = problem.final_time()
        return None if final is None else Timeline(final, self.dt or final / DEFAULT_STEPS, problem.times())

    def direct(self, problem: PDE) -> bool:
        """Whether linear systems are factorised."""
        return problem.dimension < 3 if self.linear_solver == "auto" else self.linear_solver == "direct"

    def begin(self, problem: Problem, context: Context) -> Session:
        """The mesh."""
        assert isinstance(problem, PDE)
        return FenicsSession(self, problem)


class FenicsSession(Session):
    """The θ-scheme, or one solve of a steady equation."""

    def __init__(self, solver: Fenics, problem: PDE) -> None:
        self._solver, self._problem = solver, problem
        self._timeline = solver.timeline(problem)
        self._mesh = versions.box_mesh(problem.domain(), solver.cells)
        self._values: Array = np.empty(0)

    def compile(self) -> None:
        """Compile the forms on the coarsest mesh; the code does not depend on its size, so the real one finds it."""
        Galerkin(self._problem, versions.box_mesh(self._problem.domain(), 1), self._solver.degree)

    def prepare(self) -> None:
        """Function space and matrices; their factorisation too, where many steps share it."""
        self._galerkin = Galerkin(self._problem, self._mesh, self._solver.degree)
        dt = None if self._timeline is None else self._timeline.dt
        direct, tolerance = self._solver.direct(self._problem), self._solver.tolerance
        if self._timeline is not None:
            self._kept, self._levels = self._timeline.kept.tolist(), self._timeline.levels.tolist()
            self._values = np.empty((len(self._kept), self._galerkin.unknowns))
        self._stepper = stepper(self._galerkin, dt, THETA[self._solver.scheme], direct=direct, tolerance=tolerance)

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
        levels = self._values.reshape(len(self._values), -1, self._problem.components)
        if self._timeline is None:
            return self._at_places(points)(levels)[0]
        timeline = self._timeline
        return at_points(
            points, lambda times, places: timeline.at(self._at_places(places)(levels), times).transpose(0, 2, 1)
        )

    def facts(self) -> Mapping[str, Any]:
        """Sizes and counts."""
        lengths = self._problem.domain().lengths
        facts: dict[str, Any] = {
            "dx": max(lengths) / self._solver.cells,
            "unknowns": self._galerkin.unknowns,
        }
        counts = {
            "newton_iterations": self._stepper.newton_iterations,
            "linear_iterations": self._stepper.linear_iterations,
        }
        facts |= {name: count for name, count in counts.items() if count}
        if any(counts.values()):
            facts["tolerance"] = self._solver.tolerance
        if self._timeline is not None:
            facts |= {"dt": self._timeline.dt, "steps": self._timeline.steps}
        return facts

    def _at_places(self, places: Array) -> PointValues:
        galerkin = self._galerkin
        return PointValues(self._mesh, galerkin.space, self._solver.degree, self._problem.domain(), places)
