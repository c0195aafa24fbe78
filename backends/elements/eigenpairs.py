"""An eigenproblem discretised by Lagrange elements, K ψ = E M ψ, and its lowest pairs by SLEPc."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.base import Diverged
from backends.elements import dolfinx_versions as versions
from backends.elements.unknowns import Field, Unknowns
from backends.operations import ufl_operations
from problems.base import Array, Dirichlet
from problems.families.eigenproblem import Eigenproblem

MORE_QUADRATURE = 8
"""Degree of the quadrature above that of two shape functions, for coefficients that are no polynomials, or singular."""
FACTORISATIONS = ("mumps", "petsc")
LOWERINGS = COMPLETIONS = 8
SAME = 1e-6
"""Eigenvalues nearer than this, relative to their size or range, are counted together."""


class Pencil:
    """K and M of `problem` in elements of `degree` on `mesh`, without the unknowns that vanish on Dirichlet faces.

    Quadrature points lie inside the cells, so that coefficients may be singular on the boundary.
    """

    def __init__(self, problem: Eigenproblem, mesh: Any, degree: int) -> None:
        import ufl
        from dolfinx import fem

        self._mesh = mesh
        self.space = versions.lagrange_space(mesh, degree, 1)
        self._unknowns = Unknowns(problem, self.space)
        psi, v = ufl.TrialFunction(self.space), ufl.TestFunction(self.space)
        ops, x = ufl_operations(), list(ufl.SpatialCoordinate(mesh))
        dx = ufl.Measure("dx", domain=mesh, metadata={"quadrature_degree": 2 * degree + MORE_QUADRATURE})
        stiffness = problem.diffusivity(ops, x) * ufl.inner(ufl.grad(psi), ufl.grad(v)) * dx
        self._stiffness = fem.form(stiffness + problem.reaction(ops, x) * psi * v * dx)
        self._mass = fem.form(problem.weight(ops, x) * psi * v * dx)
        fixed = np.zeros(len(self._unknowns.nodes), dtype=bool)
        for axis, side, condition in problem.faces():
            if isinstance(condition, Dirichlet):
                fixed |= self._unknowns.on_face(axis, side)
        self._free = np.flatnonzero(~fixed)
        self.total = sum(self._unknowns.comm.allgather(len(self._free)))

    def matrices(self) -> tuple[Any, Any]:
        """K and M over the free unknowns."""
        from petsc4py import PETSc

        rows = PETSc.IS().createGeneral((self._free + self._unknowns.first).astype(PETSc.IntType), self._unknowns.comm)
        whole = (self._unknowns.matrix(versions.assemble_matrix(form)) for form in (self._stiffness, self._mass))
        stiffness, mass = (matrix.createSubMatrix(rows, rows) for matrix in whole)
        return stiffness, mass

    def nodal(self, functions: Array) -> Array:
        """From free unknowns (states, count) to values at all nodes of this process's cells (1, nodes, states)."""
        field, unknowns = Field(self.space), np.zeros(self._unknowns.count)
        columns = []
        for function in functions:
            unknowns[self._free] = function
            self._unknowns.spread(unknowns, field)
            columns.append(field.array.copy())
        return np.stack(columns, axis=1)[None]


def lowest_by_dense_algebra(stiffness: Array, mass: Array, count: int) -> Array:
    """The lowest eigenvalues of a small pencil, which are upper bounds (Rayleigh and Ritz)."""
    inverse = np.linalg.inv(np.linalg.cholesky(mass))
    return np.asarray(np.linalg.eigvalsh(inverse @ stiffness @ inverse.T)[:count])


class ShiftInvert:
    """The `count` lowest eigenpairs by Krylov–Schur iteration with (K − σM)⁻¹, counted by Sylvester's law of inertia.

    As many eigenvalues lie below σ as pivots of the factorisation L D Lᵀ of K − σM are negative. From a first guess, σ
    is lowered until that are none, so that those nearest to it are the lowest. A Krylov space may hold one of several
    equal states only, or pass one over: where more lie below the last one than were found, it goes on at right angles
    to those. `values` and `functions` (count, unknowns of this process) come in ascending order, with ψᵀMψ = 1.
    """

    def __init__(self, stiffness: Any, mass: Any, count: int, guesses: Array, tolerance: float) -> None:
        from slepc4py import SLEPc

        self._stiffness, self._mass = stiffness, mass
        self.factorisations, self.description = 0, ""
        eps = SLEPc.EPS().create(stiffness.comm)
        eps.setOperators(stiffness, mass)
        eps.setProblemType(SLEPc.EPS.ProblemType.GHEP)
        eps.setWhichEigenpairs(SLEPc.EPS.Which.TARGET_REAL)
        eps.setDimensions(nev=count)
        eps.setTolerances(tol=tolerance)
        eps.getST().setType("sinvert")
        self._put_below_all(eps, guesses)
        values: list[float] = []
        vectors: list[Any] = []
        for _ in range(COMPLETIONS):
            eps.solve()
            for k in range(eps.getConverged()):
                vector = stiffness.createVecRight()
                values.append(eps.getEigenpair(k, vector).real)
                vectors.append(vector)
            order = np.argsort(values)[:count]
            if len(order) == count and self._complete(np.array(values), values[order[-1]]):
                break
            eps.setDeflationSpace(vectors)
        else:
            raise Diverged(f"not all of the {count} lowest eigenpairs were found; take more cells")
        self.values = np.array(values)[order]
        self.functions = np.stack([vectors[k].array.copy() for k in order])

    def _complete(self, found: Array, last: float) -> bool:
        """Whether there are no more eigenvalues up to a little above the last wanted one than were found there."""
        from petsc4py import PETSc

        above = last + SAME * max(abs(last), abs(float(found.max() - found.min())))
        shifted = self._stiffness.copy()
        shifted.axpy(-above, self._mass, shifted.Structure.SAME_NONZERO_PATTERN)
        pc = PETSc.PC().create(shifted.comm)
        pc.setOperators(shifted)
        self._factorise(pc)
        pc.setUp()
        return self._negative(pc) <= int((found <= above).sum())

    def _put_below_all(self, eps: Any, guesses: Array) -> None:
        transform = eps.getST()
        transform.getKSP().setType("preonly")
        pc = transform.getKSP().getPC()
        self._factorise(pc)
        gap = max(float(guesses[-1] - guesses[0]), 1e-3 * abs(float(guesses[0])), 1e-6)
        for lowering in range(LOWERINGS):
            shift = float(guesses[0]) - 0.5 * gap * 4.0**lowering
            eps.setTarget(shift)
            transform.setShift(shift)
            eps.setUp()
            # A shift that was moved is not factorised before it is needed.
            transform.getKSP().setUp()
            if self._negative(pc) == 0:
                return
        raise Diverged("no shift below all eigenvalues was found; take more cells")

    def _factorise(self, pc: Any) -> None:
        """Have `pc` factorise symmetric matrices, and count pivots."""
        from petsc4py import PETSc

        alone = pc.comm.size == 1
        package = next(p for p in FACTORISATIONS if PETSc.Sys.hasExternalPackage(p) or (p == "petsc" and alone))
        pc.setType("cholesky")
        pc.setFactorSolverType(package)
        self.description = f"LDLᵀ ({package})"
        # MUMPS counts negative pivots where it looks for null ones (24) and leaves no root to ScaLAPACK (13).
        for control in (13, 24):
            PETSc.Options()[f"{pc.getOptionsPrefix() or ''}mat_mumps_icntl_{control}"] = 1

    def _negative(self, pc: Any) -> int:
        self.factorisations += 1
        return int(pc.getFactorMatrix().getInertia()[0])
