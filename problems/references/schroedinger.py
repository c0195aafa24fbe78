"""The cubic Schrödinger equation by split steps on Fourier modes."""

from __future__ import annotations

import functools
import math

import numpy as np

from problems.base import PDE, Array
from problems.operations import NUMPY
from problems.references.instants import at_instants

STEPS_PER_UNIT = 1200
MODES_PER_UNIT = 28.8
"""Wave numbers up to 90: the modes of two solitons at their highest fall to rounding at 70."""

_OUTER = 1.0 / (4.0 - 4.0 ** (1.0 / 3.0))
STAGES = (_OUTER, _OUTER, 1.0 - 4.0 * _OUTER, _OUTER, _OUTER)
"""Five symmetric steps whose composition is of fourth order (Suzuki 1990, Phys. Lett. A 146)."""


def split_step(problem: PDE, points: Array, coarser: int = 1, modes_per_unit: float = MODES_PER_UNIT) -> Array:
    """h = u + i v at `points` (n, 2) as (n, 2); i hₜ + ½ hₓₓ + |h|² h = 0, periodic on the domain of `problem`.

    Both parts of the equation are solved exactly in turn, and ∫|h|², which neither changes, is restored after every
    step: what rounding takes from it in thousands of steps would turn the phase. The composition is symmetric, so its
    error has even powers of the step alone and two runs extrapolate from order 4 to 6. `coarser` multiplies both steps.
    """

    def states(times: tuple[float, ...]) -> Array:
        one, half = (_run(problem, times, STEPS_PER_UNIT // coarser, parts, modes_per_unit) for parts in (1, 2))
        return (16.0 * half - one) / 15.0

    def values(state: Array, places: Array) -> Array:
        box = problem.domain()
        wave = 2j * np.pi * np.fft.fftfreq(len(state), 1.0 / len(state)) / box.lengths[0]
        h = np.exp((places - box.lower[0]) * wave) @ state
        return np.column_stack([h.real, h.imag])

    return at_instants(points, states, values)


@functools.lru_cache(maxsize=8)
def _run(problem: PDE, times: tuple[float, ...], steps_per_unit: int, parts: int, modes_per_unit: float) -> Array:
    """Fourier coefficients at the ascending `times`, shape (len(times), modes); every step is cut into `parts`."""
    box = problem.domain()
    modes = 2 * math.ceil(modes_per_unit * box.lengths[0] / 2.0)
    x = box.lower[0] + box.lengths[0] * np.arange(modes) / modes
    wave = 2.0 * np.pi * np.fft.fftfreq(modes, 1.0 / modes) / box.lengths[0]
    u, v = problem.initial(NUMPY, [x])
    h, now, states = u + 1j * v, 0.0, []
    length = np.linalg.norm(h)
    # Strang's step is half of the nonlinear part, the linear one, and the other half; neighbouring halves are one.
    shares = np.array([0.0, *STAGES]) / 2.0 + np.array([*STAGES, 0.0]) / 2.0
    for t in times:
        steps = parts * max(1, math.ceil((t - now) * steps_per_unit - 1e-9))
        dt = (t - now) / steps
        spread = [np.exp(-0.5j * dt * share * wave**2) for share in STAGES]
        for _ in range(steps if t > now else 0):
            for share, factor in zip(shares, spread, strict=False):
                h = np.fft.ifft(factor * np.fft.fft(_turned(h, dt * share)))
            h = _turned(h, dt * shares[-1])
            h *= length / np.linalg.norm(h)
        now = t
        states.append(np.fft.fft(h, norm="forward"))
    return np.stack(states)


def _turned(h: Array, dt: float) -> Array:
    """The nonlinear part alone leaves |h| as it is."""
    return np.asarray(h * np.exp(1j * dt * (h.real**2 + h.imag**2)))
