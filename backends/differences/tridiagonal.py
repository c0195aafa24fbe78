"""Implicit steps for one unknown on one axis, compiled as a whole: nothing of a step is left to the interpreter.

The elimination goes without pivoting (Thomas): I − s ∂f/∂y is dominated by its diagonal wherever a step resolves growth
and cells resolve convection; where it is not, rows stay bounded for as long as the symmetric part is positive.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from backends.base import Diverged
from backends.differences.implicit import GAMMA, MIDDLE, NEWTON_ITERATIONS, NEWTON_TOLERANCE, OLD, SCHEMES, SLOW, STAGE
from backends.differences.lines import ROOT_EPS, Lines
from backends.timeline import Timeline
from problems.base import Array


def _factor(lower: Array, diagonal: Array, upper: Array) -> None:
    """L D U in place of three diagonals (n,): multipliers of L, 1/D, multipliers of U."""
    diagonal[0] = 1.0 / diagonal[0]
    for i in range(1, len(diagonal)):
        multiplier = lower[i] * diagonal[i - 1]
        diagonal[i] = 1.0 / (diagonal[i] - multiplier * upper[i - 1])
        lower[i] = multiplier
    for i in range(len(diagonal)):
        upper[i] *= diagonal[i]


def _solve(lower: Array, diagonal: Array, upper: Array, r: Array) -> None:
    """The solution in place of the right-hand side r (n,)."""
    for i in range(1, len(r)):
        r[i] -= lower[i] * r[i - 1]
    for i in range(len(r)):
        r[i] *= diagonal[i]
    for i in range(len(r) - 2, -1, -1):
        r[i] -= upper[i] * r[i + 1]


def _nothing(t: float, u: Array, du: Array, x: Array) -> None:
    """A slope that is left as it stands."""


@functools.cache
def _jitted() -> tuple[Callable[..., Any], ...]:
    """`_factor`, `_solve` and `_nothing`, compiled when first called."""
    import numba

    jit = numba.njit(error_model="numpy", fastmath={"contract"})
    return jit(_factor), jit(_solve), jit(_nothing)


@functools.cache
def _marches() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The two marches; numba compiles them for each stencil that they are called with."""
    import numba

    jit = numba.njit(error_model="numpy", fastmath={"contract"})
    factor, solve, _ = _jitted()

    @jit
    def slopes(slope, t, z, u, du, x):  # type: ignore[no-untyped-def]
        """f(t, z) in du[0, 1:-1]."""
        for i in range(len(z)):
            u[0, i + 1] = z[i]
        slope(t, u, du, x)

    @jit
    def affine(slope, scheme, factors, dt, steps, y, kept, out, u, du, x):  # type: ignore[no-untyped-def]
        """y' = A y + b(t); `factors` are those of I − s A. A slope that does nothing leaves b as it stands in du."""
        n, row = len(y), 0
        lower, diagonal, upper = factors[0], factors[1], factors[2]
        forcing, zero = np.zeros(n), np.zeros(n)
        slopes(slope, 0.0, zero, u, du, x)
        b = du[0, 1:-1].copy()
        for step in range(steps + 1):
            if step > 0:
                t = (step - 1) * dt
                if scheme == 1:
                    slopes(slope, t + dt, zero, u, du, x)
                    for i in range(n):
                        y[i] += dt * du[0, i + 1]
                    solve(lower, diagonal, upper, y)
                else:
                    length = dt if scheme == 0 else GAMMA * dt
                    slopes(slope, t + length, zero, u, du, x)
                    for i in range(n):
                        forcing[i] = y[i] + 0.25 * length * (b[i] + du[0, i + 1])
                    solve(lower, diagonal, upper, forcing)
                    if scheme == 0:
                        for i in range(n):
                            y[i] = 2.0 * forcing[i] - y[i]
                    else:
                        slopes(slope, t + dt, zero, u, du, x)
                        for i in range(n):
                            middle = 2.0 * forcing[i] - y[i]
                            y[i] = MIDDLE * middle - OLD * y[i] + 0.5 * GAMMA * dt * du[0, i + 1]
                        solve(lower, diagonal, upper, y)
                    for i in range(n):
                        b[i] = du[0, i + 1]
            if row < len(kept) and kept[row] == step:
                out[row] = y
                row += 1

    @jit
    def renew(slope, t, z, s, lower, diagonal, upper, u, du, x):  # type: ignore[no-untyped-def]
        """Factors of I − s ∂f/∂y at z, by differences in three colours."""
        n, largest = len(z), 0.0
        for i in range(n):
            largest = max(largest, abs(z[i]))
        move = ROOT_EPS * largest if largest > 0.0 else ROOT_EPS
        slopes(slope, t, z, u, du, x)
        base = du[0, 1:-1].copy()
        for colour in range(3):
            for i in range(n):
                u[0, i + 1] = z[i]
            for i in range(colour, n, 3):
                u[0, i + 1] = z[i] + move
            slope(t, u, du, x)
            for i in range(colour, n, 3):
                change = (z[i] + move) - z[i]
                diagonal[i] = 1.0 - s * (du[0, i + 1] - base[i]) / change
                if i > 0:
                    upper[i - 1] = -s * (du[0, i] - base[i - 1]) / change
                if i < n - 1:
                    lower[i + 1] = -s * (du[0, i + 2] - base[i + 1]) / change
        factor(lower, diagonal, upper)

    @jit
    def newton(slope, scheme, stage, dt, steps, y, kept, out, u, du, x):  # type: ignore[no-untyped-def]
        """y' = f(t, y); returns the number of iterations, and the step at which they did not converge or 0."""
        n, row, iterations, factored, s = len(y), 0, 0, False, stage * dt
        lower, diagonal, upper = np.zeros(n), np.zeros(n), np.zeros(n)
        old, r, z, change, guess = y.copy(), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
        for step in range(steps + 1):
            if step > 0:
                start = (step - 1) * dt
                for i in range(n):
                    guess[i] = 2.0 * y[i] - old[i]
                    old[i] = y[i]
                parts = 2 if scheme == 2 else 1
                for part in range(parts):
                    t = start + dt if part == parts - 1 else start + GAMMA * dt
                    if part == 1:
                        for i in range(n):
                            r[i] = MIDDLE * z[i] - OLD * y[i]
                            z[i] = guess[i]
                    else:
                        explicit = 0.0 if scheme == 1 else s
                        if explicit != 0.0:
                            slopes(slope, start, y, u, du, x)
                        ahead = 1.0 if parts == 1 else GAMMA
                        for i in range(n):
                            r[i] = y[i] + explicit * du[0, i + 1]
                            z[i] = y[i] + ahead * (guess[i] - y[i])
                    converged, tried = False, 0
                    while not converged:
                        if tried == 2:
                            return iterations, step
                        if tried == 1 or not factored:
                            renew(slope, t, z, s, lower, diagonal, upper, u, du, x)
                            factored, tried = True, 1
                        tried += 1
                        last = 0.0
                        for k in range(NEWTON_ITERATIONS):
                            slopes(slope, t, z, u, du, x)
                            for i in range(n):
                                change[i] = r[i] - z[i] + s * du[0, i + 1]
                            solve(lower, diagonal, upper, change)
                            iterations += 1
                            size = largest = total = 0.0
                            for i in range(n):
                                z[i] += change[i]
                                size = max(size, abs(change[i]))
                                largest = max(largest, abs(z[i]))
                                total += z[i]
                            rate = size / last if last > 0.0 else float(k)
                            if not np.isfinite(total) or rate > 0.9:
                                break
                            if size * (rate if k > 0 else 1.0) <= NEWTON_TOLERANCE * largest:
                                converged, factored = True, rate <= SLOW
                                break
                            last = size
                        if not converged and not np.isfinite(z.sum()):
                            for i in range(n):
                                z[i] = y[i]
                for i in range(n):
                    y[i] = z[i]
            if row < len(kept) and kept[row] == step:
                out[row] = y
                row += 1
        return iterations, 0

    return affine, newton


class TridiagonalSteps:
    """All steps of a scheme for one problem, from its start; `affinity` is what `Lines.affinity` says."""

    def __init__(self, lines: Lines, affinity: str, scheme: str, timeline: Timeline) -> None:
        self._lines, self._affinity, self._scheme, self._timeline = lines, affinity, scheme, timeline
        self._factors = np.zeros((3, lines.unknowns))
        self.newton_iterations = 0

    def compile(self) -> None:
        """The loop, by calling it for no steps."""
        self._run(0)

    def prepare(self) -> None:
        """Factorise what all steps share."""
        if self._affinity != "nonlinear":
            s, matrix = STAGE[self._scheme] * self._timeline.dt, self._lines.matrix()
            self._factors[0, 1:], self._factors[2, :-1] = -s * matrix.diagonal(-1), -s * matrix.diagonal(1)
            self._factors[1] = 1.0 - s * matrix.diagonal()
            _jitted()[0](*self._factors)

    def march(self) -> Array:
        """The kept levels (kept, 1, nodes).

        Raises:
            Diverged: naming the step.

        """
        line = self._timeline
        levels = self._run(line.steps)
        if not np.isfinite(levels).all():
            raise Diverged(f"the solution left the range of floating-point numbers within {line.steps} steps")
        return np.stack([self._lines.imposed(line.levels[n], y) for n, y in zip(line.kept, levels, strict=True)])

    def _run(self, steps: int) -> Array:
        lines, line, scheme = self._lines, self._timeline, SCHEMES.index(self._scheme)
        levels, y, slope = np.zeros((len(line.kept), lines.unknowns)), lines.start.copy(), lines.kernels.slope
        rest = (line.dt, steps, y, line.kept, levels, lines.u, lines.du, *lines.grid.axes)
        affine, newton = _marches()
        if self._affinity != "nonlinear":
            if self._affinity == "settled":
                lines.rhs(0.0, np.zeros(lines.unknowns))
                slope = _jitted()[2]
            affine(slope, scheme, self._factors, *rest)
            return levels
        self.newton_iterations, failed = newton(slope, scheme, STAGE[self._scheme], *rest)
        if failed:
            raise Diverged(
                f"Newton's method did not converge at step {failed} of {steps}; take a smaller step or a finer grid"
            )
        return levels
