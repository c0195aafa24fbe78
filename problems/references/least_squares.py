"""Nonlinear least squares to rounding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from problems.base import Array

Map = Callable[[Array], Array]


def least_squares(residuals: Map, jacobian: Map, start: Array) -> Array:
    """The minimum of |r(θ)|² next to `start` (p,), by Gauss–Newton steps that are halved until they lower it.

    `residuals(θ)` gives (n,), `jacobian(θ)` its exact derivatives (n, p). Columns are scaled to unit length, and the
    iteration ends when small steps no longer become smaller, since rounding is reached (Björck 1996, Numerical Methods
    for Least Squares Problems, ch. 9).

    Raises:
        ArithmeticError: if that takes more than a hundred steps, or leaves the range of floating-point numbers.

    """
    theta = np.array(start, dtype=float)
    value, last = residuals(theta), np.inf
    for _ in range(100):
        slopes = jacobian(theta)
        if not np.isfinite(slopes).all():
            break
        scale = np.linalg.norm(slopes, axis=0)
        step = -np.linalg.lstsq(slopes / scale, value, rcond=None)[0] / scale
        size = float(np.abs(step / theta).max())
        if size == 0.0 or 0.5 * last <= size < 1e-12:
            return theta
        length, last = 1.0, size
        with np.errstate(all="ignore"):
            # What a small step gains is lost in the rounding of the sums.
            while not (new := residuals(theta + length * step)) @ new <= value @ value and 1e-6 < length * size:
                length /= 2.0
        theta, value = theta + length * step, new
    raise ArithmeticError("the least-squares estimate did not converge in a hundred Gauss–Newton steps")
