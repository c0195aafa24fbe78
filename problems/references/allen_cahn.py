"""The Allen–Cahn equation from a kinked initial state, by Fourier modes."""

from __future__ import annotations

import functools

import numpy as np

from problems.base import Array
from problems.references.etdrk4 import integrate
from problems.references.instants import at_instants

MODES = 4096
STEP = 1.0 / 500.0


def allen_cahn(points: Array, d: float, rate: float, *, coarser: int = 1) -> Array:
    """Solution of uₜ = d uₓₓ + rate (u − u³), 2-periodic, u(x, 0) = x² cos πx on (−1, 1), at `points` (n, 2) as (n, 1).

    The periodic initial state has a kink at x = ±1, so that its values at nodes would give every mode an error of
    second order; its modes are therefore integrals in closed form, and diffusion makes those left out, above
    a third of MODES, smaller than rounding within a tenth of a unit of time for d ≥ 1e-4; until then their share in u³
    is missed. `coarser` multiplies the step and divides the number of modes.
    """

    def values(state: Array, places: Array) -> Array:
        return np.cos(np.pi * places * np.arange(len(state))) @ state[:, None]

    return at_instants(points, lambda times: _run(times, d, rate, STEP * coarser, MODES // coarser), values)


@functools.lru_cache(maxsize=8)
def _run(times: tuple[float, ...], d: float, rate: float, dt: float, modes: int) -> Array:
    """Coefficients of cos nπx at the ascending `times`, shape (len(times), modes kept)."""
    kept = np.arange(modes // 3)
    # x² cos πx cos nπx is a sum of two terms x² cos mπx, and each is integrated by parts.
    start = 0.5 * (_moment(kept + 1) + _moment(kept - 1))
    start[0] /= 2.0
    linear = rate - d * (np.pi * kept) ** 2

    def rest(v: Array) -> Array:
        both = np.concatenate([v[:1], 0.5 * v[1:]])
        u = np.fft.irfft(both, modes, norm="forward")
        cube = np.fft.rfft(u * u * u, norm="forward").real[: len(v)]
        return -rate * np.concatenate([cube[:1], 2.0 * cube[1:]])

    return integrate(linear, rest, start, times, dt)


def _moment(m: Array) -> Array:
    """∫ x² cos mπx dx over (−1, 1) for integers m."""
    return np.where(m == 0, 2.0 / 3.0, 4.0 * (-1.0) ** np.abs(m) / (np.where(m == 0, 1, m) * np.pi) ** 2)
