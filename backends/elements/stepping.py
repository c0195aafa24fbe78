"""Steps in time on assembled forms: with matrices made once where they are constant, else by Newton's method.

A steady equation is one stage without the time derivative.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from backends.base import Diverged
from backends.elements.galerkin import Galerkin
from backends.elements.petsc_linear import LinearSolver, Method
from backends.elements.time_schemes import Scheme
from problems.base import Array

NEWTON_ITERATIONS = 25


class Stepper(ABC):
    """The state `u` (unknowns of this process) at one time level, and how to reach the next; what it took is counted.

    `scheme` and `dt` are None for a steady equation.
    """

    def __init__(
        self, galerkin: Galerkin, scheme: Scheme | None, dt: float | None, method: Method, tolerance: float
    ) -> None:
        self._galerkin, self._method, self._tolerance = galerkin, method, tolerance
        self._unknowns = galerkin.unknowns
        self._scheme, self._dt = scheme, dt or 0.0
        self._rate = 0.0 if dt is None or scheme is None else 1.0 / (scheme.gamma * dt)
        self._rho = scheme.rho if scheme else 0.0
        self._boundary, self._rows = galerkin.boundary, galerkin.boundary_rows
        self._linear: LinearSolver | None = None
        self.u = galerkin.initial()
        self.newton_iterations = 0

    @abstractmethod
    def advance(self, n: int, times: Sequence[float]) -> None:
        """Step from level n to level n + len(times), the levels in between being `times`.

        Raises:
            Diverged: naming the step.

        """

    def check(self, n: int) -> None:
        """Whether the state at level n is finite; in a linear scheme a value that is not stays so to the end.

        Raises:
            Diverged: naming the level.

        """
        if not math.isfinite(self._unknowns.sum(float(self.u.sum()))):
            raise Diverged(f"the solution left every bound by step {n}")

    @property
    def linear(self) -> LinearSolver:
        """The solver of the linear systems, after the first of them."""
        assert self._linear is not None
        return self._linear

    def _stages(self, level: float) -> list[tuple[float, tuple[float, ...]]]:
        """Instant and weights of the stages that lead to the time `level`."""
        scheme = self._scheme
        if scheme is None:
            return [(level, ())]
        return [(level - (1.0 - c) * self._dt, scheme.before(i)) for i, c in enumerate(scheme.instants)]


def stepper(
    galerkin: Galerkin, scheme: Scheme | None, dt: float | None, *, method: Method, tolerance: float
) -> Stepper:
    """The cheapest stepper for the equation; `scheme` and `dt` are None for a steady one."""
    kind = ConstantMatrices if galerkin.autonomous else Newton
    return kind(galerkin, scheme, dt, method, tolerance)


class ConstantMatrices(Stepper):
    """M u' + K u = f(t): per stage one product with B = M/(γ dt) − ρ K and one solve with A = M/(γ dt) + K.

    Rows and columns of Dirichlet unknowns leave A; what the columns did to the others goes to the right-hand side.
    """

    def __init__(
        self, galerkin: Galerkin, scheme: Scheme | None, dt: float | None, method: Method, tolerance: float
    ) -> None:
        super().__init__(galerkin, scheme, dt, method, tolerance)
        stiffness = galerkin.stiffness()
        system = stiffness
        self._explicit: Any = None
        if scheme is not None:
            same = system.Structure.SAME_NONZERO_PATTERN
            mass = galerkin.mass()
            system = stiffness.copy()
            system.axpy(self._rate, mass, same)
            self._explicit = mass
            mass.scale(self._rate)
            if self._rho:
                mass.axpy(-self._rho, stiffness, same)
            mass.zeroRows(self._rows, diag=0.0)
        self._coupling = system.copy()
        system.zeroRowsColumns(self._rows, diag=1.0)
        self._system = system
        # The factorisation is set-up only where many steps share it; that of a steady equation is its solution.
        if scheme is not None:
            self._linear = LinearSolver(system, method, tolerance)
        self._b, self._forcing, self._product, self._old = (np.zeros(self._unknowns.count) for _ in range(4))
        vectors = (self.u, self._b, self._forcing, self._product, self._old)
        made = [self._unknowns.vector(array) for array in vectors]
        self._u_vec, self._b_vec, self._forcing_vec, self._product_vec, self._old_vec = made
        self._old_load = galerkin.load(0.0)
        self._make_forcing(0.0)

    def advance(self, n: int, times: Sequence[float]) -> None:
        """Solve A U = B ũ + f(s) + ρ f(t), with Dirichlet values at the instant s of the stage."""
        if self._linear is None:
            self._linear = LinearSolver(self._system, self._method, self._tolerance)
        # On a small mesh a step takes microseconds, so nothing avoidable happens in these loops.
        solve, u, b, forcing = self._linear.solve, self._u_vec, self._b_vec, self._forcing_vec
        moving = self._galerkin.load_moves or self._galerkin.boundary_moves
        if self._explicit is None:
            solve(forcing, u)
            self._demand_unique_solution()
        elif self._scheme is not None and len(self._scheme.rows) > 1:
            for t in times:
                self._advance_by_stages(t, moving)
        elif moving:
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

    def _advance_by_stages(self, t: float, moving: bool) -> None:
        start = self.u.copy()
        changes: list[Array] = []
        for instant, weights in self._stages(t):
            self._old[:] = start
            for weight, change in zip(weights, changes, strict=True):
                self._old += weight * change
            if moving:
                self._make_forcing(instant)
            self._explicit.multAdd(self._old_vec, self._forcing_vec, self._b_vec)
            self.linear.solve(self._b_vec, self._u_vec)
            changes.append(self.u - self._old)

    def _demand_unique_solution(self) -> None:
        """A matrix singular but for rounding is factorised all the same, and answers with multiples of its kernel.

        An iterative solver stops at a preconditioned residual, which a singular or indefinite matrix may deceive; where
        neither is the case, the true one is not far above.
        """
        self._system.mult(self._u_vec, self._product_vec)
        self._product_vec.axpy(-1.0, self._forcing_vec)
        most = 1e-6 if self.linear.direct else max(1e-6, 100.0 * self._tolerance)
        if not self._product_vec.norm() <= most * self._forcing_vec.norm():
            raise Diverged(
                "the system matrix is singular: no condition, or no reaction, fixes the level of the solution"
                if self.linear.direct
                else "the iterative linear solver met a singular or indefinite matrix; try linear_solver=direct"
            )

    def _make_forcing(self, t: float) -> None:
        """Set everything on the right-hand side that does not depend on the state."""
        load = self._galerkin.load(t) if self._galerkin.load_moves else self._old_load
        forcing = self._forcing
        forcing[:] = load + self._rho * self._old_load
        self._old_load = load
        values = self._galerkin.boundary_values(t)
        if self._unknowns.largest(values):
            lift = np.zeros_like(forcing)
            lift[self._boundary] = values
            self._coupling.mult(self._unknowns.vector(lift), self._product_vec)
            forcing -= self._product
        forcing[self._boundary] = values
        self._forced = self._unknowns.largest(forcing) > 0


class Newton(Stepper):
    """Stages by Newton's method, in one iteration where r is linear in u.

    The first guess ũ + w takes w = U − ũ from the stage before, which is γ dt ∂ₜu there and saves about one iteration.
    """

    def __init__(
        self, galerkin: Galerkin, scheme: Scheme | None, dt: float | None, method: Method, tolerance: float
    ) -> None:
        super().__init__(galerkin, scheme, dt, method, tolerance)
        self._mass = None if scheme is None else galerkin.mass()
        self._matrix = galerkin.jacobian(self.u, 0.0)
        self._matrix.setOption(self._matrix.Option.KEEP_NONZERO_PATTERN, True)
        arrays = [np.zeros(self._unknowns.count) for _ in range(5)]
        self._g, self._delta, self._change, self._product, self._last_change = arrays
        made = [self._unknowns.vector(array) for array in arrays[:4]]
        self._g_vec, self._delta_vec, self._change_vec, self._product_vec = made
        self._old_residual = galerkin.residual(self.u, 0.0) if self._rho else np.zeros(self._unknowns.count)

    def advance(self, n: int, times: Sequence[float]) -> None:
        """Iterate to each level in turn."""
        for step, t in enumerate(times, n + 1):
            start = self.u.copy()
            changes: list[Array] = []
            for instant, weights in self._stages(t):
                old = start.copy()
                for weight, change in zip(weights, changes, strict=True):
                    old += weight * change
                self._solve_stage(step, old, instant)
                self._last_change = self.u - old
                changes.append(self._last_change)
            if self._rho:
                self._old_residual = self._galerkin.residual(self.u, t)

    def _solve_stage(self, n: int, old: Array, t: float) -> None:
        self.u[:] = old + self._last_change
        self.u[self._boundary] = self._galerkin.boundary_values(t)
        last = math.inf
        for _ in range(NEWTON_ITERATIONS):
            size = self._iterate(old, t)
            self.check(n)
            near = self._tolerance * self._unknowns.largest(self.u)
            if self._galerkin.linear or self._error_left(size, last) <= near:
                return
            last = size
        raise Diverged(f"Newton's method did not converge at step {n}; take a smaller time step or a finer mesh")

    def _iterate(self, old: Array, t: float) -> float:
        """One Newton iteration; returns the size of the update."""
        galerkin, matrix = self._galerkin, self._matrix
        self._g[:] = galerkin.residual(self.u, t) + self._rho * self._old_residual
        galerkin.jacobian(self.u, t, matrix)
        if self._mass is not None:
            self._change[:] = self.u - old
            self._mass.mult(self._change_vec, self._product_vec)
            self._g += self._rate * self._product
            matrix.axpy(self._rate, self._mass, matrix.Structure.SAME_NONZERO_PATTERN)
        self._g[self._boundary] = 0.0
        matrix.zeroRowsColumns(self._rows, diag=1.0)
        if self._linear is None:
            self._linear = LinearSolver(matrix, self._method, self._tolerance)
        else:
            self._linear.update()
        self._delta[:] = 0.0
        self._linear.solve(self._g_vec, self._delta_vec)
        self.u -= self._delta
        self.newton_iterations += 1
        return self._unknowns.largest(self._delta)

    @staticmethod
    def _error_left(size: float, last: float) -> float:
        """Error after an update of this size: quadratic convergence makes the next one size · (size/last)²."""
        return size * min(1.0, size / last) ** 2 if math.isfinite(last) else size
