"""Linear systems with PETSc: one factorisation used many times, or a Krylov method with algebraic multigrid."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from backends.base import Diverged

# PETSc's own LU (nested dissection) beats MUMPS up to 10⁵ unknowns in one and two dimensions; it does not pivot, so
# the others are there for the matrices that it cannot factorise.
FACTORISATIONS = ("petsc", "mumps", "superlu")


class LinearSolver:
    """Solves A x = b for a sequential PETSc matrix whose entries may change (call `update` after that).

    `solve(b, x)` takes PETSc vectors; an iterative method starts from x and raises `Diverged` when it fails, and a
    factorisation that fails does so on construction or in `update`.
    """

    solve: Callable[[Any, Any], None]

    def __init__(self, matrix: Any, *, direct: bool, symmetric: bool, tolerance: float) -> None:
        from petsc4py import PETSc

        self.iterations = 0
        self._direct, self._matrix = direct, matrix
        self._zero, self._scratch = matrix.createVecRight(), matrix.createVecRight()
        self._ksp = PETSc.KSP().create(matrix.comm)
        self._ksp.setOperators(matrix)
        if direct:
            self._ksp.setType("preonly")
            self._ksp.getPC().setType("lu")
            self._choose_factorisation()
            self.solve = self._ksp.getPC().getFactorMatrix().solve
        else:
            self._ksp.setType("cg" if symmetric else "gmres")
            self._ksp.setTolerances(rtol=tolerance, max_it=1000)
            self._ksp.setInitialGuessNonzero(True)
            _multigrid(self._ksp.getPC())
            self._ksp.setUp()
            self.solve = self._iterate

    def update(self) -> None:
        """Factorise again, or rebuild the multigrid hierarchy, after the matrix has changed."""
        self._ksp.setOperators(self._matrix)
        if self._direct:
            self._try_out()
        else:
            self._ksp.setUp()

    def _iterate(self, b: Any, x: Any) -> None:
        self._ksp.solve(b, x)
        if self._ksp.getConvergedReason() < 0 and self._ksp.getType() == "cg":
            # A symmetric matrix may still be indefinite, on which conjugate gradients break down.
            self._ksp.setType("gmres")
            x.set(0.0)
            self._ksp.solve(b, x)
        if self._ksp.getConvergedReason() < 0:
            self._fail("the iterative linear solver did not converge")
        self.iterations += self._ksp.getIterationNumber()

    def _choose_factorisation(self) -> None:
        from petsc4py import PETSc

        pc = self._ksp.getPC()
        for package in FACTORISATIONS:
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
