"""Solutions that depend on |x| alone, in any number of dimensions, by a reduction to one."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from problems.base import Array

Terminal = Callable[[Array], Array]
"""s → g."""

Driver = Callable[[Array, Array], Array]
"""u and |∇u|² → f."""

FAR = 10.0
"""Standard deviations of |X_T|² beyond its mean up to which the reduced equation is solved."""


def radial_value(
    d: int, volatility: float, final_time: float, terminal: Terminal, driver: Driver, nodes: int = 200
) -> float:
    """u(0, 0) for uₜ + ½ σ² Δu + f(u, |∇u|²) = 0 in d dimensions with u(T, x) = g(|x|²).

    In s = |x|² the Laplacian is 4 s u_ss + 2 d u_s, and |∇u|² is 4 s u_s². Its coefficient vanishes at s = 0, where
    nothing has to be prescribed; at the far end, which the process does not reach, Δu keeps its value at time T. What
    is smooth in x is smooth in s, so Chebyshev collocation converges geometrically (Trefethen 2000, Spectral Methods in
    MATLAB, ch. 6). Radau IIA of order 5 steps in time. With 200 nodes 1e-10 was seen from one to a thousand dimensions.

    Raises:
        ArithmeticError: if the steps in time become too small.

    """
    from scipy.integrate import solve_ivp

    length = volatility**2 * final_time * (d + FAR * math.sqrt(2.0 * d) + FAR**2 / 2.0)
    s, slope = _chebyshev(nodes, length)
    laplacian = 4.0 * s[:, None] * (slope @ slope) + 2.0 * d * slope
    start = terminal(s)
    far = float(laplacian[-1] @ start)

    def rate(_: float, u: Array) -> Array:
        bend = laplacian @ u
        bend[-1] = far
        return np.asarray(0.5 * volatility**2 * bend + driver(u, 4.0 * s * (slope @ u) ** 2))

    result = solve_ivp(rate, (0.0, final_time), start, method="Radau", rtol=1e-11, atol=1e-13)
    if not result.success:
        raise ArithmeticError(f"the reduced equation was not solved: {result.message}")
    return float(result.y[0, -1])


def _chebyshev(nodes: int, length: float) -> tuple[Array, Array]:
    """Extrema of a Chebyshev polynomial on [0, length], ascending, and the matrix that differentiates there."""
    k = np.arange(nodes)
    x = np.sin(0.5 * np.pi * k / (nodes - 1)) ** 2
    # Differences of squared sines, by a product that keeps their digits.
    half = 0.5 * np.pi * k / (nodes - 1)
    apart = np.sin(half[:, None] + half) * np.sin(half[:, None] - half) + np.eye(nodes)
    signs = np.where((k == 0) | (k == nodes - 1), 2.0, 1.0) * (-1.0) ** k
    matrix = np.outer(signs, 1.0 / signs) / apart
    matrix -= np.diag(matrix.sum(1))
    return length * x, matrix / length
