"""Lowest eigenpairs by finite elements with FEniCSx and SLEPc."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from backends.elements import dolfinx_versions as versions
from backends.elements.eigenpairs import Pencil, ShiftInvert, lowest_by_dense_algebra
from backends.elements.lagrange_points import PointValues
from backends.structure import half_glued
from problems import InputError, Problem
from problems.base import Array
from problems.families.eigenproblem import Eigenproblem
from problems.parameters import parameter

COARSE = {1: 64, 2: 12, 3: 6}
"""Nodes per axis of the mesh on which the lowest state is guessed by dense algebra; more for many states."""


@register
@dataclass(frozen=True)
class FenicsEigen(Solver):
    """Continuous Lagrange elements P1–P3, and SLEPc's Krylov–Schur iteration with shift and inversion.

    The weak form ∫ κ∇ψ·∇v + Vψv = E ∫ wψv gives K ψ = E M ψ, whose eigenvalues are of order 2·degree in the cell size
    and, up to quadrature, lie above the true ones; functions are of order degree + 1 (L², smooth ones). The shift is
    put below the lowest state, as a coarse mesh finds it, and the inertia of the factors of K − σM proves that it is.
    Costs one sparse factorisation L D Lᵀ and a pair of triangular solves per Krylov vector, some tens for a few states
    whatever the mesh; a second factorisation counts the states up to the last, so that none of several equal ones is
    missed. Coefficients may be singular on the boundary, where no quadrature point lies. Runs on several processes
    under a command prefix such as `mpirun -n 2 python3`.

    Source: Boffi 2010, Acta Numerica 19, 1–120; Hernández, Román & Vidal 2005, SLEPc, ACM TOMS 31, 351–362; Stewart
    2002, SIAM J. Matrix Anal. Appl. 23.
    """

    name = "fenics-eigen"
    title = "FEniCSx and SLEPc"
    family = "classical"
    libraries = ("dolfinx", "slepc4py", "petsc4py", "ufl")
    imports = ("mpi4py.MPI", "petsc4py.PETSc", "slepc4py.SLEPc", "dolfinx.fem.petsc")
    parallel = True

    degree: int = parameter(2, "polynomial degree of the Lagrange elements", least=1, most=3)
    cells: int | None = parameter(None, "cells per axis; 400 in one dimension, 40 in two, 8 in three if none", least=2)
    tolerance: float = parameter(1e-13, "relative tolerance of the Krylov–Schur iteration", above=0, most=0.1)

    def unsupported(self, problem: Problem) -> str | None:
        """Only eigenproblems of operators, in up to three dimensions."""
        if not isinstance(problem, Eigenproblem):
            return f"an eigenproblem of an operator is needed, and this is a problem of the family {problem.family}"
        if problem.dimension > 3:
            return f"FEniCSx has meshes in one, two and three dimensions, and this problem has {problem.dimension}"
        return half_glued(problem)

    def validate(self, problem: Problem) -> None:
        """Refuse a mesh with too few unknowns for the states.

        Raises:
            InputError: naming the cells.

        """
        if isinstance(problem, Eigenproblem):
            per_axis = self.degree * self.cells_of(problem) - 1
            if per_axis**problem.dimension < 2 * problem.states:
                raise InputError(
                    f"{self.name}: cells = {self.cells_of(problem)} leave about {per_axis**problem.dimension} unknowns "
                    f"for {problem.states} states; take more cells"
                )

    def cells_of(self, problem: Eigenproblem) -> int:
        """Cells per axis, those given or the default ones."""
        return self.cells or {1: 400, 2: 40, 3: 8}[problem.dimension]

    def begin(self, problem: Problem, context: Context) -> Session:
        """The mesh."""
        assert isinstance(problem, Eigenproblem)
        return FenicsEigenSession(self, problem)


class FenicsEigenSession(Session):
    """One pencil of matrices and its lowest pairs."""

    def __init__(self, solver: FenicsEigen, problem: Eigenproblem) -> None:
        self._solver, self._problem = solver, problem
        self._cells = solver.cells_of(problem)
        self._mesh = versions.box_mesh(problem.domain(), self._cells, versions.world())

    def compile(self) -> None:
        """Compile the forms on the coarsest mesh."""
        world = versions.world()
        if world.rank == 0:
            self._pencil_of(1)
        world.barrier()

    def prepare(self) -> None:
        """Both matrices, and those of the coarse mesh."""
        self._pencil = Pencil(self._problem, self._mesh, self._solver.degree)
        self._stiffness, self._mass = self._pencil.matrices()
        nodes = max(COARSE[self._problem.dimension], 4 * self._problem.states)
        coarse = self._pencil_of(min(self._cells, 1 + nodes // self._solver.degree))
        # PETSc's memory goes with its matrices.
        stiffness, mass = (matrix.convert("dense").getDenseArray().copy() for matrix in coarse.matrices())
        self._coarse = stiffness, mass

    def solve(self) -> None:
        """A guess of the lowest states, the factorisation and the iteration."""
        states = self._problem.states
        # Two at least: how far the shift is lowered depends on how far states are apart.
        guesses = lowest_by_dense_algebra(*self._coarse, max(2, states))
        self._pairs = ShiftInvert(self._stiffness, self._mass, states, guesses, self._solver.tolerance)

    def solution(self, points: Array) -> Array:
        """The functions, shape (n, states)."""
        box, degree = self._problem.domain(), self._solver.degree
        return PointValues(self._mesh, self._pencil.space, degree, box, points)(
            self._pencil.nodal(self._pairs.functions)
        )[0]

    def facts(self) -> Mapping[str, Any]:
        """Eigenvalues and counts."""
        return {
            "dx": max(self._problem.domain().lengths) / self._cells,
            "unknowns": self._pencil.total,
            "eigenvalues": np.asarray(self._pairs.values),
            "linear_solver": self._pairs.description,
            "factorisations": self._pairs.factorisations,
            "tolerance": self._solver.tolerance,
        }

    def _pencil_of(self, cells: int) -> Pencil:
        mesh = versions.box_mesh(self._problem.domain(), cells, versions.alone())
        return Pencil(self._problem, mesh, self._solver.degree)
