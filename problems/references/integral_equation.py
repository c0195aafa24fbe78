"""Integral equations of the second kind by Nyström's method, refined to rounding."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from problems.base import Array
from problems.operations import NUMPY
from problems.quadrature import gauss_legendre

if TYPE_CHECKING:
    from problems.families.integral_equation import IntegralEquation


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
