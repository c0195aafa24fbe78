"""Independent reference solutions that take numerics of their own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from problems.base import Array
from problems.operations import NUMPY
from problems.quadrature import gauss_legendre

if TYPE_CHECKING:
    from problems.families.integral_equation import IntegralEquation

Map = Callable[[Array], Array]


@functools.cache
def _gauss_hermite(order: int) -> tuple[Array, Array]:
    nodes, weights = np.polynomial.hermite.hermgauss(order)
    kept = weights > 1e-300
    return nodes[kept], weights[kept]


def cole_hopf(x: Array, t: Array, nu: float, order: int = 256) -> Array:
    """Solution of uₜ + u uₓ = ν uₓₓ on (−1, 1) with u(x, 0) = −sin πx, zero at ±1, at points x, t of shape (n,).

    The Cole–Hopf transform turns it into a heat equation on the line, whose two integrals over a Gaussian are taken
    by Gauss–Hermite quadrature with `order` nodes (Basdevant et al. 1986). Exponents are shifted by their maximum,
    since e^{1/(2πν)} alone reaches e^50 at ν = 0.01/π.
    """
    u = np.empty_like(x, dtype=float)
    nodes, weights = _gauss_hermite(order)
    for start in range(0, len(x), 4096):
        part = slice(start, start + 4096)
        y = x[part, None] - 2.0 * np.sqrt(nu * t[part, None]) * nodes
        exponent = -np.cos(np.pi * y) / (2.0 * np.pi * nu)
        mass = weights * np.exp(exponent - exponent.max(axis=1, keepdims=True))
        u[part] = -(mass * np.sin(np.pi * y)).sum(axis=1) / mass.sum(axis=1)
    return u


@functools.lru_cache(maxsize=16)
def _nystrom(equation: IntegralEquation, order: int) -> tuple[Array, Array]:
    """Gauss–Legendre nodes, and weight times solution there."""
    t, w = gauss_legendre(*equation.interval(), 1, order)
    matrix = np.eye(order) - equation.multiplier() * equation.smooth_factor(NUMPY, t[:, None], t) * w
    return t, w * np.linalg.solve(matrix, np.broadcast_to(equation.free_term(NUMPY, t), t.shape))


def second_kind(equation: IntegralEquation, x: Array, order: int) -> Array:
    """Solution of an integral equation of the second kind with an analytic kernel, at points x of shape (n,).

    Nyström's method on `order` Gauss–Legendre nodes, whose error is that of the quadrature of K(x, t) y(t) (Atkinson
    1997, The Numerical Solution of Integral Equations of the Second Kind, section 4.1).
    """
    t, charge = _nystrom(equation, order)
    integral = equation.smooth_factor(NUMPY, x[:, None], t) @ charge
    return equation.free_term(NUMPY, x) + equation.multiplier() * integral


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
