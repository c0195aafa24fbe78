"""The θ-scheme on assembled forms: with matrices made once where they are constant, else by Newton's method.

A steady equation is one step without the time derivative: 1/dt = 0, θ = 1.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from backends.base import Diverged
from backends.elements.galerkin import Galerkin
from backends.elements.petsc_linear import LinearSolver
from problems.base import Array

NEWTON_ITERATIONS = 25


class Stepper(ABC):
    """The state `u` (unknowns,) at one time level, and how to reach the next; both kinds of iterations are counted."""

    def __init__(self, galerkin: Galerkin, dt: float | None, theta: float, direct: bool, tolerance: float) -> None:
        self._galerkin, self._tolerance, self._direct = galerkin, tolerance, direct
        self._rate = 0.0 if dt is None else 1.0 / dt
        self._theta = 1.0 if dt is None else theta
        self._boundary = galerkin.boundary
        self.u = galerkin.initial()
        self.newton_iterations = self.linear_iterations = 0

    @abstractmethod
    def advance(self, n: int, times: Sequence[float]) -> None:
        """Step from level n to level n + len(times), the levels in between being `times`.

        Raises:
            Diverged: naming the step.

        """

    def _linear_solver(self, matrix: Any) -> LinearSolver:
        symmetric = not self._direct and bool(matrix.isSymmetric(1e-12))
        return LinearSolver(matrix, direct=self._direct, symmetric=symmetric, tolerance=self._tolerance)

    def check(self, n: int) -> None:
        """Whether the state at level n is finite; in a linear scheme a value that is not stays so to the end.

        Raises:
            Diverged: naming the level.

        """
        if not math.isfinite(float(self.u.sum())):
            raise Diverged(f"the solution left every bound by step {n}")


def stepper(galerkin: Galerkin, dt: float | None, theta: float, *, direct: bool, tolerance: float) -> Stepper:
    """The cheapest stepper for the equation; `dt` is None for a steady one."""
    kind = ConstantMatrices if galerkin.autonomous else Newton
    return kind(galerkin, dt, theta, direct, tolerance)


class ConstantMatrices(Stepper):
    """M u' + K u = f(t): per step one product with B = M/dt − (1 − θ) K and one solve with A = M/dt + θ K.

    Rows and columns of Dirichlet unknowns leave A; what the columns did to the others goes to the right-hand side.
    """

    def __init__(self, galerkin: Galerkin, dt: float | None, theta: float, direct: bool, tolerance: float) -> None:
        super().__init__(galerkin, dt, theta, direct, tolerance)
        stiffness = galerkin.stiffness()
        system = stiffness
        self._explicit = None
        if dt is not None:
            system = stiffness.copy()
            system.scale(self._theta)
            system.axpy(self._rate, galerkin.mass(), system.Structure.SAME_NONZERO_PATTERN)
            self._explicit = system.copy()
            self._explicit.axpy(-1.0, stiffness, system.Structure.SAME_NONZERO_PATTERN)
            self._explicit.zeroRows(self._boundary, diag=0.0)
        self._coupling = system.copy()
        system.zeroRowsColumns(self._boundary, diag=1.0)
        self._system = system
        # The factorisation is set-up only where many steps share it; that of a steady equation is its solution.
        self._solver = None if dt is None else self._linear_solver(system)
        self._b, self._forcing, self._product = (np.zeros(galerkin.unknowns) for _ in range(3))
        vectors = (self.u, self._b, self._forcing, self._product)
        self._u_vec, self._b_vec, self._forcing_vec, self._product_vec = (_vector(array) for array in vectors)
        self._old_load = galerkin.load(0.0)
        self._make_forcing(0.0)

    def advance(self, n: int, times: Sequence[float]) -> None:
        """Solve A uⁿ⁺¹ = B uⁿ + θ fⁿ⁺¹ + (1 − θ) fⁿ, with Dirichlet values at the new level."""
        # On a small mesh a step takes microseconds, so nothing avoidable happens in these loops.
        solver = self._solver or self._linear_solver(self._system)
        solve, u, b, forcing = solver.solve, self._u_vec, self._b_vec, self._forcing_vec
        if self._explicit is None:
            solve(forcing, u)
            self._demand_unique_solution()
        elif self._galerkin.load_moves or self._galerkin.boundary_moves:
            for t in times:
                self._make_forcing(t)
                self._explicit.multAdd(u, forcing, b)
                solve(b, u)
        elif self._forced:
            product = self._explicit.multAdd
            for _ in times:
                product(u, forcing, b)
                solve(b, u)
        else:
            product = self._explicit.mult
            for _ in times:
                product(u, b)
                solve(b, u)
        self.linear_iterations = solver.iterations

    def _demand_unique_solution(self) -> None:
        """A matrix singular but for rounding is factorised all the same, and answers with multiples of its kernel."""
        self._system.mult(self._u_vec, self._product_vec)
        if not np.linalg.norm(self._product - self._forcing) <= 1e-6 * np.linalg.norm(self._forcing):
            raise Diverged(
                "the system matrix is singular: no condition, or no reaction, fixes the level of the solution"
            )

    def _make_forcing(self, t: float) -> None:
        """Set everything on the right-hand side that does not depend on the state."""
        load = self._galerkin.load(t) if self._galerkin.load_moves else self._old_load
        forcing = self._forcing
        forcing[:] = self._theta * load + (1.0 - self._theta) * self._old_load
        self._old_load = load
        values = self._galerkin.boundary_values(t)
        if np.any(values):
            lift = np.zeros_like(forcing)
            lift[self._boundary] = values
            self._coupling.mult(_vector(lift), self._product_vec)
            forcing -= self._product
        forcing[self._boundary] = values
        self._forced = bool(np.any(forcing))


class Newton(Stepper):
    """M (uⁿ⁺¹ − uⁿ)/dt + θ r(uⁿ⁺¹) + (1 − θ) r(uⁿ) = 0 by Newton's method, one iteration where r is linear in u.

    The first guess is extrapolated from the last two levels, which saves about one iteration per step.
    """

    def __init__(self, galerkin: Galerkin, dt: float | None, theta: float, direct: bool, tolerance: float) -> None:
        super().__init__(galerkin, dt, theta, direct, tolerance)
        self._mass = None if dt is None else galerkin.mass()
        self._previous = self.u.copy()
        self._matrix = galerkin.jacobian(self.u, 0.0)
        self._matrix.setOption(self._matrix.Option.KEEP_NONZERO_PATTERN, True)
        self._solver: LinearSolver | None = None
        self._g, self._delta, self._change, self._product = (np.zeros(galerkin.unknowns) for _ in range(4))
        vectors = (self._g, self._delta, self._change, self._product)
        self._g_vec, self._delta_vec, self._change_vec, self._product_vec = (_vector(a) for a in vectors)
        self._old_residual = np.zeros(galerkin.unknowns)
        if self._theta < 1.0:
            self._old_residual = galerkin.residual(self.u, 0.0)

    def advance(self, n: int, times: Sequence[float]) -> None:
        """Iterate to each level in turn."""
        for step, t in enumerate(times, n + 1):
            self._advance(step, t)

    def _advance(self, n: int, t: float) -> None:
        old = self.u.copy()
        if n > 1:
            self.u += old - self._previous
        self._previous = old
        self.u[self._boundary] = self._galerkin.boundary_values(t)
        last = math.inf
        for _ in range(NEWTON_ITERATIONS):
            size = self._iterate(old, t)
            self.check(n)
            if self._galerkin.linear or self._error_left(size, last) <= self._tolerance * np.abs(self.u).max():
                break
            last = size
        else:
            raise Diverged(f"Newton's method did not converge at step {n}; take a smaller time step or a finer mesh")
        if self._theta < 1.0:
            self._old_residual = self._galerkin.residual(self.u, t)

    def _iterate(self, old: Array, t: float) -> float:
        """One Newton iteration; returns the size of the update."""
        galerkin, matrix = self._galerkin, self._matrix
        self._g[:] = self._theta * galerkin.residual(self.u, t) + (1.0 - self._theta) * self._old_residual
        galerkin.jacobian(self.u, t, matrix)
        if self._mass is not None:
            self._change[:] = self.u - old
            self._mass.mult(self._change_vec, self._product_vec)
            self._g += self._rate * self._product
            matrix.scale(self._theta)
            matrix.axpy(self._rate, self._mass, matrix.Structure.SAME_NONZERO_PATTERN)
        self._g[self._boundary] = 0.0
        matrix.zeroRowsColumns(self._boundary, diag=1.0)
        if self._solver is None:
            self._solver = self._linear_solver(matrix)
        else:
            self._solver.update()
        self._delta[:] = 0.0
        self._solver.solve(self._g_vec, self._delta_vec)
        self.u -= self._delta
        self.newton_iterations += 1
        self.linear_iterations = self._solver.iterations
        return float(np.abs(self._delta).max())

    @staticmethod
    def _error_left(size: float, last: float) -> float:
        """Error after an update of this size: quadratic convergence makes the next one size · (size/last)²."""
        return size * min(1.0, size / last) ** 2 if math.isfinite(last) else size


def _vector(array: Array) -> Any:
    """A PETSc vector on the memory of `array`."""
    from petsc4py import PETSc

    return PETSc.Vec().createWithArray(array, comm=PETSc.COMM_SELF)
