"""Exponential Runge–Kutta steps of order 4 for v' = L v + N(v) with a diagonal L, as references take them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from problems.base import Array

CONTOUR = 32
"""Points on half a circle of radius 1, on which the coefficients are means: exact to rounding (ibid., §2)."""


def integrate(linear: Array, rest: Callable[[Array], Array], start: Array, times: Sequence[float], dt: float) -> Array:
    """The states at the ascending `times`, shape (len(times), *start.shape), from `start` at t = 0.

    `linear` is the real diagonal of L, in a shape that broadcasts with the state, and `rest` is N. Kassam & Trefethen
    2005, SIAM J. Sci. Comput. 26, 1214: the error is of fourth order in dt, at a fixed dt whatever the size of L. Steps
    of at most dt and dt/2 extrapolate it to the fifth.
    """
    one, half = (_run(linear, rest, start, times, dt, parts) for parts in (1, 2))
    return np.asarray((16.0 * half - one) / 15.0)


def _run(
    linear: Array, rest: Callable[[Array], Array], start: Array, times: Sequence[float], dt: float, parts: int
) -> Array:
    """Every step of at most `dt` is cut into so many parts."""
    states, v, now = [], start, 0.0
    for t in times:
        count = parts * max(1, math.ceil((t - now) / dt - 1e-9))
        if t > now:
            step = _step(linear, (t - now) / count)
            for _ in range(count):
                v = step(rest, v)
            now = t
        states.append(v)
    return np.stack(states)


def _step(linear: Array, h: float) -> Callable[[Callable[[Array], Array], Array], Array]:
    z = h * linear[..., None] + np.exp(1j * np.pi * (np.arange(CONTOUR) + 0.5) / CONTOUR)
    e, e2 = np.exp(h * linear), np.exp(h * linear / 2.0)
    q, f1, f2, f3 = (
        h * values.mean(axis=-1).real
        for values in (
            (np.exp(z / 2.0) - 1.0) / z,
            (-4.0 - z + np.exp(z) * (4.0 - 3.0 * z + z**2)) / z**3,
            (2.0 + z + np.exp(z) * (z - 2.0)) / z**3,
            (-4.0 - 3.0 * z - z**2 + np.exp(z) * (4.0 - z)) / z**3,
        )
    )

    def step(rest: Callable[[Array], Array], v: Array) -> Array:
        half, n = e2 * v, rest(v)
        a = half + q * n
        n_a = rest(a)
        n_b = rest(half + q * n_a)
        n_c = rest(e2 * a + q * (2.0 * n_b - n))
        return e * v + f1 * n + 2.0 * f2 * (n_a + n_b) + f3 * n_c

    return step
