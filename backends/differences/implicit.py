"""Implicit one-step schemes for y' = f(t, y), made of stages z − s f(t, z) = r that share one s = `stage` · dt.

Backward Euler; Crank–Nicolson (Crank & Nicolson 1947); TR-BDF2, a trapezoidal step to t + γ dt followed by the second
backward difference formula, with γ = 2 − √2 so that both stages have the same matrix (Bank et al. 1985; Hosea &
Shampine 1996, Appl. Numer. Math. 20).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from backends.base import Diverged
from backends.differences.factors import Factorisation, FastSine
from backends.differences.lines import Lines
from backends.timeline import Timeline
from problems.base import Array

SCHEMES = ("crank-nicolson", "backward-euler", "tr-bdf2")
GAMMA = 2.0 - math.sqrt(2.0)
STAGE = {"crank-nicolson": 0.5, "backward-euler": 1.0, "tr-bdf2": 0.5 * GAMMA}
"""s / dt of each scheme."""

# TR-BDF2: yⁿ⁺¹ = MIDDLE z − OLD yⁿ + ½γ dt fⁿ⁺¹.
MIDDLE = 1.0 / (GAMMA * (2.0 - GAMMA))
OLD = (1.0 - GAMMA) ** 2 / (GAMMA * (2.0 - GAMMA))

NEWTON_ITERATIONS = 12
NEWTON_TOLERANCE = 1e-10
"""Error left by an iteration, relative to the largest value."""
STEADY_ITERATIONS = 50
SLOW = 0.2
"""Rate of convergence beyond which the Jacobian is taken anew."""


def system_matrix(matrix: Any, scale: float) -> Any:
    """I − `scale` A in compressed columns."""
    import scipy.sparse as sp

    return sp.csc_array(sp.eye_array(matrix.shape[0], format="csc") - scale * matrix)


class AffineSteps:
    """y' = A y + b(t): per stage one solve with the matrix factorised once, and no product with A."""

    def __init__(self, lines: Lines, moving: bool, factors: Factorisation, scheme: str, dt: float) -> None:
        self._lines, self._moving, self._factors, self._scheme, self._dt = lines, moving, factors, scheme, dt
        factors.factor(system_matrix(lines.matrix(), STAGE[scheme] * dt))
        self._zero = np.zeros(lines.unknowns)
        self._b = lines.rhs(0.0, self._zero)
        self.newton_iterations = 0

    def __call__(self, t: float, y: Array) -> Array:
        """The state at t + dt."""
        return scheme_step(self._scheme, self._stage, self._forcing, t, self._dt, y)

    def _forcing(self, t: float) -> Array:
        return self._lines.rhs(t, self._zero) if self._moving else self._b

    def _stage(self, t: float, r: Array) -> Array:
        return self._factors.solve(r)


def scheme_step(
    scheme: str,
    stage: Callable[[float, Array], Array],
    b: Callable[[float], Array],
    t: float,
    dt: float,
    y: Array,
) -> Array:
    """One step of an affine equation; `stage(t, r)` solves (I − s A) x = r."""
    if scheme == "backward-euler":
        return stage(t, y + dt * b(t + dt))
    if scheme == "crank-nicolson":
        # The mean of old and new state needs no product with A.
        return 2.0 * stage(t, y + 0.25 * dt * (b(t) + b(t + dt))) - y
    middle = 2.0 * stage(t, y + 0.25 * GAMMA * dt * (b(t) + b(t + GAMMA * dt))) - y
    return stage(t, MIDDLE * middle - OLD * y + 0.5 * GAMMA * dt * b(t + dt))


class NewtonSteps:
    """y' = f(t, y): Newton's method per stage, with a Jacobian that is kept as long as it converges fast."""

    def __init__(self, lines: Lines, factors: Factorisation, scheme: str, dt: float) -> None:
        self._lines, self._factors, self._scheme, self._dt = lines, factors, scheme, dt
        self._scale = STAGE[scheme] * dt
        self._factored = False
        self._previous: Array | None = None
        self.newton_iterations = 0

    def __call__(self, t: float, y: Array) -> Array:
        """The state at t + dt."""
        dt, s, f = self._dt, self._scale, self._lines.rhs
        guess = y if self._previous is None else 2.0 * y - self._previous
        self._previous = y
        if self._scheme == "backward-euler":
            return self._stage(t + dt, y, guess)
        if self._scheme == "crank-nicolson":
            return self._stage(t + dt, y + s * f(t, y), guess)
        middle = self._stage(t + GAMMA * dt, y + s * f(t, y), y + GAMMA * (guess - y))
        return self._stage(t + dt, MIDDLE * middle - OLD * y, guess)

    def _stage(self, t: float, r: Array, z: Array) -> Array:
        """Solve z − s f(t, z) = r.

        Raises:
            Diverged: if that does not converge with a new Jacobian either.

        """
        for renewed in (False, True):
            if renewed or not self._factored:
                self._renew(t, z)
            solved = self._iterate(t, r, z)
            if solved is not None:
                return solved
        raise Diverged(f"Newton's method did not converge at t = {t:g}; take a smaller time step or a finer grid")

    def _renew(self, t: float, z: Array) -> None:
        self._factors.factor(system_matrix(self._lines.jacobian(t, z), self._scale))
        self._factored = True

    def _iterate(self, t: float, r: Array, z: Array) -> Array | None:
        last = 0.0
        for k in range(NEWTON_ITERATIONS):
            change = self._factors.solve(r - z + self._scale * self._lines.rhs(t, z))
            z = z + change
            self.newton_iterations += 1
            size = float(np.abs(change).max())
            rate = size / last if last else float(k)
            if not math.isfinite(size) or rate > 0.9:
                return None
            if size * (rate if k else 1.0) <= NEWTON_TOLERANCE * float(np.abs(z).max()):
                self._factored = rate <= SLOW
                return z
            last = size
        return None


def march(step: Callable[[float, Array], Array], timeline: Timeline, lines: Lines) -> Array:
    """All steps; the kept levels, shape (kept, components, nodes…), with the values on the faces.

    Raises:
        Diverged: naming the step.

    """
    kept, y = timeline.kept, lines.start
    out, row = np.zeros((len(kept), *lines.shape)), 0
    for n in range(timeline.steps + 1):
        if n:
            y = step((n - 1) * timeline.dt, y)
        if row < len(kept) and kept[row] == n:
            if not np.isfinite(y).all():
                raise Diverged(f"the solution left the range of floating-point numbers by step {n}")
            out[row] = lines.imposed(timeline.levels[n], y)
            row += 1
    return out


class ModalSteps:
    """The same steps on the coefficients of the sines, where A is diagonal and a stage one division.

    With a constant b nothing is done step by step: k steps multiply what a mode lacks of its limit by the k-th power of
    one number, which for the scheme "exponential" is that of the differential equation itself.
    """

    def __init__(self, lines: Lines, sines: FastSine, moving: bool, scheme: str, timeline: Timeline) -> None:
        self._lines, self._sines, self._scheme, self._timeline = lines, sines, scheme, timeline
        self._zero, self._moving = np.zeros(lines.unknowns), moving
        z, dt = sines.eigenvalues, timeline.dt
        if moving:
            self._stage = 1.0 / (1.0 - STAGE.get(scheme, 0.0) * dt * z)
            return
        b = self._forcing(0.0)
        self._growth = np.exp(z * dt) if scheme == "exponential" else _amplification(scheme, z * dt)
        with np.errstate(divide="ignore", invalid="ignore"):
            self._limit = np.where(z == 0.0, 0.0, -b / z)
        self._drift = np.where(z == 0.0, b * dt, 0.0)
        # Values on the faces are part of b, so they stand still as well.
        self._faces = lines.imposed(0.0, self._zero)

    def march(self) -> Array:
        """The kept levels, shape (kept, components, nodes…)."""
        lines, line, y = self._lines, self._timeline, self._sines.forward(self._lines.start)
        if not self._moving:
            # All of them at once: on a small grid a transform takes less time than the call.
            counts = line.kept.reshape(-1, *(1,) * y.ndim)
            levels = self._limit + self._growth**counts * (y - self._limit) + self._drift * counts
            return np.asarray(self._faces + self._sines.backward(levels))
        z, dt, stage = self._sines.eigenvalues, line.dt, self._stage
        exact = _exponential_step(z, self._forcing, dt) if self._scheme == "exponential" else None
        out, row = np.zeros((len(line.kept), *lines.shape)), 0
        for n in range(line.steps + 1):
            if n:
                t = (n - 1) * dt
                y = exact(t, y) if exact else scheme_step(self._scheme, lambda _, r: stage * r, self._forcing, t, dt, y)
            if row < len(line.kept) and line.kept[row] == n:
                out[row] = lines.imposed(line.levels[n], self._sines.backward(y))
                row += 1
        return out

    def _forcing(self, t: float) -> Array:
        return self._sines.forward(self._lines.rhs(t, self._zero))


def _amplification(scheme: str, z: Array) -> Array:
    """What one step of length 1 makes of y' = z y, y(0) = 1."""
    stage = 1.0 / (1.0 - STAGE[scheme] * z)
    nothing = np.zeros_like(z)
    return scheme_step(scheme, lambda _, r: stage * r, lambda _: nothing, 0.0, 1.0, np.ones_like(z))


def _exponential_step(z: Array, forcing: Callable[[float], Array], dt: float) -> Callable[[float, Array], Array]:
    """y' = z y + b(t) exactly for a b that is linear over the step: second order in dt (Cox & Matthews 2002)."""
    growth, small = np.exp(z * dt), np.abs(z * dt) < 1e-4
    safe = np.where(small, 1.0, z * dt)
    mean = np.where(small, 1.0 + z * dt / 2.0, np.expm1(z * dt) / safe)
    slope = np.where(small, 0.5 + z * dt / 6.0, (mean - 1.0) / safe)

    def step(t: float, y: Array) -> Array:
        before, after = forcing(t), forcing(t + dt)
        return growth * y + dt * (mean * before + slope * (after - before))

    return step


def steady_by_sines(lines: Lines, sines: FastSine) -> Array:
    """y with A y + b = 0, A diagonal on sines.

    Raises:
        Diverged: if A is singular.

    """
    residual = lines.rhs(0.0, np.zeros(lines.unknowns))
    with np.errstate(divide="ignore", invalid="ignore"):
        y = sines.backward(-sines.forward(residual) / sines.eigenvalues).reshape(-1)
    _demand_unique(lines.rhs(0.0, y), residual)
    return y


def steady_by_factors(lines: Lines, matrix: Any, factors: Factorisation) -> Array:
    """y with A y + b = 0.

    Raises:
        Diverged: if A is singular.

    """
    residual = lines.rhs(0.0, np.zeros(lines.unknowns))
    factors.factor(matrix)
    y = factors.solve(residual)
    _demand_unique(lines.rhs(0.0, y), residual)
    return y


def steady_by_newton(lines: Lines, factors: Factorisation) -> tuple[Array, int]:
    """y with f(0, y) = 0 and the number of iterations, from zero; a step is halved until the residual falls.

    Raises:
        Diverged: if the iteration does not converge.

    """
    y = np.zeros(lines.unknowns)
    residual = lines.rhs(0.0, y)
    size = float(np.linalg.norm(residual))
    for iteration in range(1, STEADY_ITERATIONS + 1):
        factors.factor(steady_matrix(lines, lines.jacobian(0.0, y)))
        change, damping = factors.solve(residual), 1.0
        while True:
            trial = y + damping * change
            residual = lines.rhs(0.0, trial)
            new_size = float(np.linalg.norm(residual))
            if new_size <= (1.0 - 0.25 * damping) * size or damping < 1e-3:
                break
            damping *= 0.5
        y, size = trial, new_size
        moved = damping * float(np.abs(change).max())
        if moved <= NEWTON_TOLERANCE * float(np.abs(y).max()):
            return y, iteration
        if not math.isfinite(moved):
            break
    raise Diverged("Newton's method did not converge to a steady state")


def steady_matrix(lines: Lines, jacobian: Any) -> Any:
    """−∂f/∂y, with ones on the diagonal at the nodes whose values are given: their rows are empty."""
    import scipy.sparse as sp

    given = np.isfinite(lines.imposed(0.0, np.full(lines.unknowns, np.nan))).reshape(-1)
    return sp.csc_array(sp.diags_array(given.astype(float), format="csc") - jacobian)


def _demand_unique(left: Array, residual: Array) -> None:
    """A matrix singular but for rounding is factorised all the same, and answers with multiples of its kernel.

    Raises:
        Diverged: if so.

    """
    if not np.linalg.norm(left) <= 1e-6 * np.linalg.norm(residual) + 1e-300:
        raise Diverged("the system matrix is singular: no condition, or no reaction, fixes the level of the solution")
