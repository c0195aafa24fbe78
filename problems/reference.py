"""Independent reference solutions that take numerics of their own."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from problems.base import Array
from problems.operations import NUMPY
from problems.quadrature import gauss_legendre

if TYPE_CHECKING:
    from problems.families.integral_equation import IntegralEquation


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
