"""Linear systems with PETSc: one factorisation used many times, or a Krylov method with algebraic multigrid."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable
from typing import Any

from backends.base import Diverged

# PETSc's own LU (nested dissection) beats MUMPS up to 10⁵ unknowns in one and two dimensions; it does not pivot, so
# the others are there for the matrices that it cannot factorise. It and SuperLU work on one process alone.
FACTORISATIONS = ("petsc", "mumps", "superlu")
PARALLEL_FACTORISATIONS = ("mumps", "superlu_dist")
MOST_ITERATIONS = 200


# Unknowns from which multigrid was faster than a factorisation on one core, by dimension: for a matrix used once, and
# for one that many steps share. In the plane P1 elements break even at 4,000, P2 at 4,000 and P3 at 37,000 (Poisson,
# multigrid in 5 to 13 iterations); in space, where fill-in grows like n^(4/3), all three do near 1,000. A pair of
# triangular solves costs a hundredth of its factorisation, so that in the plane none of these sizes outweighs steps.
USED_ONCE = {1: math.inf, 2: 20_000, 3: 1_000}
SHARED = {1: math.inf, 2: math.inf, 3: 5_000}


class Method(enum.Enum):
    """How linear systems are solved; a factorisation takes over from multigrid that fails, except in ITERATIVE."""

    DIRECT = enum.auto()
    ITERATIVE = enum.auto()
    ITERATIVE_THEN_DIRECT = enum.auto()
    ITERATIVE_IF_SYMMETRIC = enum.auto()


def cheapest(dimension: int, unknowns: int, *, shared: bool) -> Method:
    """The method for matrices of this size, of which each is used once or by many steps.

    In the plane, where a factorisation is affordable, multigrid is kept for what it was made for.
    """
    if unknowns <= (SHARED if shared else USED_ONCE)[dimension]:
        return Method.DIRECT
    return Method.ITERATIVE_IF_SYMMETRIC if dimension == 2 else Method.ITERATIVE_THEN_DIRECT


class LinearSolver:
    """Solves A x = b for a PETSc matrix whose entries may change (call `update` after that).

    `direct` tells whether it factorises, and `solve(b, x)` takes PETSc vectors; an iterative method starts from x:
    conjugate gradients if the matrix is symmetric, else GMRES, both with algebraic multigrid. Multigrid is made for
    elliptic operators: on an indefinite matrix conjugate gradients notice a direction of negative curvature, and a
    factorisation takes over.

    Failures raise `Diverged`, of a factorisation on construction or in `update`, else in `solve`.
    """

    solve: Callable[[Any, Any], None]

    def __init__(self, matrix: Any, method: Method, tolerance: float) -> None:
        self.iterations = self.factorisations = 0
        self._method, self._matrix, self._tolerance = method, matrix, tolerance
        self._zero, self._scratch = matrix.createVecRight(), matrix.createVecRight()
        # What adding up in another order changes is not asymmetry.
        symmetric = method is not Method.DIRECT and matrix.isSymmetric(1e-12 * matrix.norm())
        if method is Method.DIRECT or (method is Method.ITERATIVE_IF_SYMMETRIC and not symmetric):
            self._begin_direct()
        else:
            self._begin_iterative("cg" if symmetric else "gmres")

    @property
    def description(self) -> str:
        """The method with its package, as a record shows it."""
        pc = self._ksp.getPC()
        if self.direct:
            return f"LU ({pc.getFactorSolverType()})"
        hypre = pc.getType() == "hypre"
        return f"{self._ksp.getType().upper()}, {'BoomerAMG (hypre)' if hypre else 'GAMG (petsc)'}"

    def update(self) -> None:
        """Factorise again, or rebuild the multigrid hierarchy, after the matrix has changed."""
        self._ksp.setOperators(self._matrix)
        if self.direct:
            self._try_out()
        else:
            self._ksp.setUp()

    def _begin_direct(self) -> None:
        self.direct = True
        self._ksp = self._empty_solver()
        self._ksp.setType("preonly")
        self._ksp.getPC().setType("lu")
        self._choose_factorisation()
        self.solve = self._ksp.getPC().getFactorMatrix().solve

    def _begin_iterative(self, kind: str) -> None:
        self.direct = False
        self._ksp = self._empty_solver()
        self._ksp.setType(kind)
        self._ksp.setTolerances(rtol=self._tolerance, max_it=MOST_ITERATIONS)
        self._ksp.setInitialGuessNonzero(True)
        _multigrid(self._ksp.getPC())
        self._ksp.setUp()
        self.solve = self._iterate

    def _empty_solver(self) -> Any:
        from petsc4py import PETSc

        ksp = PETSc.KSP().create(self._matrix.comm)
        ksp.setOperators(self._matrix)
        return ksp

    def _iterate(self, b: Any, x: Any) -> None:
        if self.direct:  # A caller may still hold this method from before.
            self.solve(b, x)
            return
        self._ksp.solve(b, x)
        self.iterations += self._ksp.getIterationNumber()
        if self._ksp.getConvergedReason() > 0:
            return
        if self._method is Method.ITERATIVE:
            self._fail("the iterative linear solver did not converge; try linear_solver=direct")
        self._begin_direct()
        self.solve(b, x)

    def _choose_factorisation(self) -> None:
        from petsc4py import PETSc

        pc = self._ksp.getPC()
        for package in FACTORISATIONS if self._matrix.comm.size == 1 else PARALLEL_FACTORISATIONS:
            if package != "petsc" and not PETSc.Sys.hasExternalPackage(package):
                continue
            pc.setFactorSolverType(package)
            try:
                self._try_out()
                return
            except Diverged:
                pc.reset()
                self._ksp.setOperators(self._matrix)
        self._fail("no factorisation of the system matrix succeeded")

    def _try_out(self) -> None:
        """Factorise; that a pivot vanished shows in the outcome of a first solve."""
        self.factorisations += 1
        self._ksp.solve(self._zero, self._scratch)
        if self._ksp.getConvergedReason() < 0:
            self._fail("the system matrix could not be factorised")

    def _fail(self, what: str) -> None:
        reason = self._ksp.getConvergedReason()
        raise Diverged(f"{what} (PETSc reason {reason}); check that the problem has one solution")


def _multigrid(pc: Any) -> None:
    from petsc4py import PETSc

    if PETSc.Sys.hasExternalPackage("hypre"):
        pc.setType("hypre")
        pc.setHYPREType("boomeramg")
        # The value that hypre's manual recommends in three dimensions.
        PETSc.Options()["pc_hypre_boomeramg_strong_threshold"] = 0.5
        pc.setFromOptions()
    else:
        pc.setType("gamg")
