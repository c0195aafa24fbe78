"""Two reacting components between insulated walls, by cosine modes."""

from __future__ import annotations

import functools

import numpy as np

from problems.base import PDE, Array
from problems.operations import NUMPY
from problems.references.etdrk4 import integrate
from problems.references.instants import at_instants

NODES = 48
"""Per axis, two thirds of the modes of which are kept."""


def cosine_modes(problem: PDE, points: Array, diffusivities: tuple[float, ...], dt: float, nodes: int = NODES) -> Array:
    """Solution at `points` (n, d + 1) as (n, m) of uₜ = Dₘ Δuₘ + S(u) on (0, 1)ᵈ, d = 1 or 2, no flux through walls.

    The even continuation of such a solution is periodic and smooth, so cosines are its Fourier series.
    """
    d = problem.dimension

    def values(state: Array, places: Array) -> Array:
        rows = [np.cos(np.pi * places[:, a, None] * np.arange(nodes)) for a in range(d)]
        if d == 1:
            return np.asarray(rows[0] @ state.T)
        return np.einsum("ki,kj,mij->km", *rows, state, optimize=True)

    return at_instants(points, lambda times: _run(problem, times, diffusivities, dt, nodes), values)


@functools.lru_cache(maxsize=8)
def _run(problem: PDE, times: tuple[float, ...], diffusivities: tuple[float, ...], dt: float, nodes: int) -> Array:
    """Coefficients of products of cosines at the ascending `times`, shape (len(times), m, *(nodes,) * d)."""
    d = problem.dimension
    places, modes = (np.arange(nodes) + 0.5) / nodes, np.arange(nodes)
    to_nodes = np.cos(np.pi * np.outer(places, modes))
    to_modes = 2.0 / nodes * to_nodes.T
    to_modes[0] /= 2.0
    to_modes[2 * nodes // 3 :] = 0.0
    x = [places.reshape([-1 if a == b else 1 for b in range(d)]) for a in range(d)]
    squares = (np.pi * modes) ** 2
    size = functools.reduce(np.add.outer, [squares] * d)
    linear = -np.multiply.outer(np.array(diffusivities), size)

    def rest(v: Array) -> Array:
        u = _along(to_nodes, v)
        return _along(to_modes, _stacked(problem.source(NUMPY, x, 0.0, list(u)) or (), u.shape[1:]))

    start = _along(to_modes, _stacked(problem.initial(NUMPY, x), (nodes,) * d))
    return integrate(linear, rest, start, times, dt)


def _stacked(fields: tuple[object, ...], shape: tuple[int, ...]) -> Array:
    return np.stack([np.broadcast_to(np.asarray(field, dtype=float), shape) for field in fields])


def _along(matrix: Array, v: Array) -> Array:
    """`matrix` along every axis of v but the first."""
    return v @ matrix.T if v.ndim == 2 else matrix @ v @ matrix.T
