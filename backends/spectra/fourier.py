"""A PDE with constant coefficients on a box that closes on itself along every axis: one small matrix per wave."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backends.spectra.exponential import LinearOperator, Map, doubled, halvings, phis_of_numbers, taylor
from backends.structure import Structure
from problems.base import PDE, Array
from problems.operations import NUMPY

FINER = {1: 16, 2: 4, 3: 2}
"""How much finer than the nodes an initial state is sampled: the modes of a kink that nodes cannot tell apart from
others then err by that factor squared less. In more than three dimensions twice as many are too many."""


class FourierOperator(LinearOperator):
    """A(k) = −|k|² K − i Σₐ kₐ Cₐ + R between the m components of every wave k, from constant K, Cₐ and R.

    States are complex modes (m, *modes), that is real transforms over all axes; going to values at nodes and back
    costs O(n log n), and a function of the operator m² products per wave.
    """

    def __init__(self, problem: PDE, shape: tuple[int, ...], structure: Structure) -> None:
        self._problem, self._shape = problem, shape
        self._axes = tuple(range(1, len(shape) + 1))
        box, d, m = problem.domain(), len(shape), problem.components
        self._x = self._nodes(1)
        counts = [np.fft.fftfreq(n, 1.0 / n) for n in shape[:-1]] + [np.arange(shape[-1] // 2 + 1.0)]
        self.waves = [
            (2.0 * np.pi / box.lengths[a] * counts[a]).reshape([-1 if a == b else 1 for b in range(d)])
            for a in range(d)
        ]
        kappa, self._reaction = structure.diffusivity, structure.reaction
        assert kappa is not None
        self._speeds = structure.speeds if structure.convected else None
        self.complete = self._reaction is not None and (self._speeds is not None or not structure.convected)
        flat = -np.multiply.outer(kappa, sum(wave**2 for wave in self.waves)) + 0j
        for speed, wave in zip(self._speeds if self._speeds is not None else (), self.waves, strict=False):
            flat -= 1j * np.multiply.outer(speed, wave)
        if self._reaction is not None:
            flat += self._reaction.reshape(m, m, *[1] * d)
        self.values = flat if flat.imag.any() else flat.real

    def enter(self, y: Array) -> Array:
        """Modes (m, *modes) of values at the nodes (m, *shape)."""
        return np.fft.rfftn(y, axes=self._axes)

    def leave(self, v: Array) -> Array:
        """Values at the nodes."""
        return np.fft.irfftn(v, self._shape, axes=self._axes)

    def initial(self) -> Array:
        """Modes of the initial state."""
        finer = FINER.get(len(self._shape), 1)
        fine = self._on_nodes(self._problem.initial(NUMPY, self._nodes(finer)), finer)
        modes = np.fft.rfftn(fine, axes=self._axes)
        for a, n in enumerate(self._shape):
            half = n // 2
            kept = np.arange(half + 1) if a == len(self._shape) - 1 else np.r_[0 : half + 1, -half:0]
            modes = np.take(modes, kept, axis=a + 1)
        return modes / finer ** len(self._shape)

    def rest(self, t: float, v: Array) -> Array:
        """Modes of what is not in A: fluxes and sources that are not linear, or depend on place or time."""
        u, total = list(self.leave(v)), np.zeros_like(v)
        source = self._problem.source(NUMPY, self._x, t, u)
        if source is not None:
            total += self.enter(self._on_nodes(source, 1))
        if self._reaction is not None:
            total -= np.einsum("ce,e...->c...", self._reaction, v)
        flux = None if self._speeds is not None else self._problem.flux(NUMPY, self._x, t, u)
        for a, wave in enumerate(self.waves if flux is not None else ()):
            total -= 1j * wave * self.enter(self._on_nodes([row[a] for row in flux or ()], 1))
        return total

    def __call__(self, y: Array) -> Array:
        """A v."""
        return self.map(self.values)(y)

    def phis(self, h: float, count: int = 4) -> list[Array]:
        """Matrices (m, m, …) of every wave."""
        if len(self.values) == 1:
            return phis_of_numbers(h * self.values, count)
        z = np.moveaxis(h * self.values, (0, 1), (-2, -1))
        scale = _balance(z)
        z = z * scale[..., None, :] / scale[..., :, None]
        # Each wave is doubled as often as it needs: a doubling costs a bit.
        times = halvings(z)
        phi = taylor(z / 2.0 ** times[..., None, None], np.eye(z.shape[-1]) + 0.0 * z, np.matmul, count)
        for k in range(times.max()):
            left = times > k
            for function, twice in zip(phi, doubled([part[left] for part in phi], np.matmul), strict=True):
                function[left] = twice
        back = scale[..., :, None] / scale[..., None, :]
        return [np.moveaxis(function * back, (-2, -1), (0, 1)) for function in phi]

    def map(self, function: Array) -> Map:
        """Products wave by wave, without those entries that vanish for all waves."""
        m = len(function)
        used = [[(e, function[c, e]) for e in range(m) if function[c, e].any()] for c in range(m)]
        return lambda v: np.stack([sum((f * v[e] for e, f in row), np.zeros_like(v[0])) for row in used])

    def _nodes(self, finer: int) -> list[Array]:
        box, d = self._problem.domain(), len(self._shape)
        return [
            (box.lower[a] + box.lengths[a] * np.arange(finer * n) / (finer * n)).reshape(
                [-1 if a == b else 1 for b in range(d)]
            )
            for a, n in enumerate(self._shape)
        ]

    def _on_nodes(self, fields: Sequence[Any], finer: int) -> Array:
        shape = tuple(finer * n for n in self._shape)
        return np.stack([np.broadcast_to(np.asarray(field, dtype=float), shape) for field in fields])


def _balance(z: Array) -> Array:
    """Scales (…, m) that make rows and columns of the matrices z (…, m, m) alike (Osborne 1960, J. ACM 7).

    The wave equation as a system couples by 1 one way and by c²k² the other; squaring that as it is loses digits.
    """
    size = np.abs(z) * (1.0 - np.eye(z.shape[-1]))
    scale = np.ones(z.shape[:-1])
    for _ in range(4):
        now = size * scale[..., None, :] / scale[..., :, None]
        rows, columns = now.sum(axis=-1), now.sum(axis=-2)
        both = (rows > 0.0) & (columns > 0.0)
        # Half of the exponent each: all scales are changed at once.
        scale = scale * np.where(both, rows / np.where(both, columns, 1.0), 1.0) ** 0.25
    return scale
