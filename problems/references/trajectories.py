"""Solutions of smooth initial value problems to rounding, as references: piecewise polynomials of high degree.

On each of many short intervals y(t) = y₀ + ∫ f(s, y(s)) ds is solved by Picard iteration, y being a polynomial through
Chebyshev points. It contracts where the interval is short against 1/‖∂f/∂y‖, and nothing but rounding is left then
(Clenshaw & Norton 1963, Comput. J. 6; Fukushima 1997, Astron. J. 113). Nothing here is for stiff equations.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev

from problems.base import Array

DEGREE = 24
"""Of the polynomials; a smooth solution over an interval of contraction needs fewer."""
ITERATIONS = 100
"""Enough for a contraction by a third per iteration."""
ROUNDING = 1e-15


@functools.cache
def _chebyshev_matrices() -> tuple[Array, Array, Array]:
    """Points s on [−1, 1], values there → integrals from −1 to s, values there → Chebyshev coefficients."""
    s = np.cos(np.pi * np.arange(DEGREE, -1, -1) / DEGREE)
    to_coefficients = np.linalg.inv(chebyshev.chebvander(s, DEGREE))
    integrals = chebyshev.chebvander(s, DEGREE + 1) @ chebyshev.chebint(to_coefficients, lbnd=-1, axis=0)
    return s, integrals, to_coefficients


@dataclass(frozen=True)
class Trajectory:
    """A solution on intervals of equal length from `start` on: `coefficients` (intervals, DEGREE + 1, components)."""

    start: float
    length: float
    coefficients: Array

    def __call__(self, t: Array) -> Array:
        """States at the instants t (n,), shape (n, components)."""
        index = np.clip(((t - self.start) / self.length).astype(int), 0, len(self.coefficients) - 1)
        basis = chebyshev.chebvander(2.0 * ((t - self.start) / self.length - index) - 1.0, DEGREE)
        return np.asarray((basis[:, :, None] * self.coefficients[index]).sum(axis=1))


def trajectory(
    rhs: Callable[[Array, Array], Array], start: float, end: float, state: Array, intervals: int
) -> Trajectory:
    """Solve y' = rhs(t, y) on [start, end] from y = `state`, for instants t (n,) and states y (components, n).

    Raises:
        ArithmeticError: if the iteration does not settle, since the intervals are too long.

    """
    points, integrals, to_coefficients = _chebyshev_matrices()
    length = (end - start) / intervals
    coefficients = np.empty((intervals, DEGREE + 1, len(state)))
    for k in range(intervals):
        t = start + length * (k + 0.5 * (points + 1.0))
        y = np.repeat(np.asarray(state, dtype=float)[:, None], len(t), axis=1)
        for _ in range(ITERATIONS):
            before, y = y, state[:, None] + 0.5 * length * rhs(t, y) @ integrals.T
            change = np.abs(y - before).max()
            if change <= 4.0 * ROUNDING * np.abs(y).max():
                break
        else:
            raise ArithmeticError(
                f"Picard iteration did not settle at t = {t[0]:g}; take more than {intervals} intervals"
            )
        coefficients[k] = to_coefficients @ y.T
        state = y[:, -1]
    return Trajectory(start, length, coefficients)
