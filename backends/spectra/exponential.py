"""Exponential time stepping: functions of a linear operator, and the fourth-order scheme made of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from problems.base import Array

TERMS = 18
"""Of the Taylor series at a scaled argument of at most 1/2: the first one left out is below 2⁻¹⁸/18! ≈ 10⁻²¹."""

Map = Callable[[Array], Array]


class LinearOperator(ABC):
    """L of y' = L y + N(t, y), with the functions of hL that exponential schemes are made of.

    φ₀(z) = eᶻ, φₖ₊₁(z) = (φₖ(z) − 1/k!)/z (Hochbruck & Ostermann 2010, Acta Numerica 19, eq. 2.10).
    """

    @abstractmethod
    def __call__(self, y: Array) -> Array:
        """L y."""

    @abstractmethod
    def phis(self, h: float) -> list[Array]:
        """φ₀ … φ₃ of hL, in the operator's own form: anything that can be added and scaled."""

    @abstractmethod
    def map(self, function: Array) -> Map:
        """A sum of such functions as a map on states."""

    def leave(self, v: Array) -> Array:
        """Values at the free nodes of a state that steps are taken with; here they are the same."""
        return v


class DenseOperator(LinearOperator):
    """A matrix; its functions by scaling and doubling (Skaflestad & Wright 2009, Appl. Numer. Math. 59)."""

    def __init__(self, matrix: Array) -> None:
        self.matrix = matrix

    def __call__(self, y: Array) -> Array:
        """L y."""
        return (self.matrix @ y.ravel()).reshape(y.shape)

    def phis(self, h: float) -> list[Array]:
        """Matrices."""
        doublings = halvings(h * self.matrix)
        z = h * self.matrix / 2.0**doublings
        phi = taylor(z, np.eye(len(z)), np.matmul)
        for _ in range(doublings):
            phi = doubled(phi, np.matmul)
        return phi

    def map(self, function: Array) -> Map:
        """One product."""
        return lambda y: (function @ y.ravel()).reshape(y.shape)


class DiagonalisedOperator(LinearOperator):
    """κ_c Σₐ Aₐ + r_c along the axes a of each component, which one eigenbasis per axis makes diagonal.

    A product costs O(nᵈ⁺¹) instead of O(n²ᵈ) (Lynch, Rice & Thomas 1964, Numer. Math. 6).
    """

    def __init__(self, matrices: list[Array], kappas: Array, reaction: Array | float = 0.0) -> None:
        pairs = [np.linalg.eig(matrix) for matrix in matrices]
        # Second derivatives with these conditions have real eigenvalues; rounding may pair two of them.
        self._bases = [np.real_if_close(vectors, tol=1e6) for _, vectors in pairs]
        self._inverses = [np.linalg.inv(vectors) for vectors in self._bases]
        self.values = np.zeros(())
        for values, _ in pairs:
            self.values = np.add.outer(self.values, np.real_if_close(values, tol=1e6))
        self.values = np.multiply.outer(kappas, self.values)
        self.values = self.values + np.reshape(reaction, (-1, *[1] * len(pairs)))

    def __call__(self, y: Array) -> Array:
        """L y."""
        return self.map(self.values)(y)

    def phis(self, h: float) -> list[Array]:
        """Values on the eigenvalues."""
        z = h * self.values
        count = doublings(float(np.abs(z).max()))
        phi = taylor(z / 2.0**count, np.ones_like(z), np.multiply)
        for _ in range(count):
            phi = doubled(phi, np.multiply)
        return phi

    def map(self, function: Array) -> Map:
        """To the eigenbasis and back; along a single axis that is one product with a matrix."""
        if len(self._bases) == 1:
            rows = np.stack([np.real((self._bases[0] * values) @ self._inverses[0]) for values in function])
            return lambda y: np.matmul(rows, y[..., None])[..., 0]
        return lambda y: np.real(_along_axes(self._bases, function * _along_axes(self._inverses, y)))

    def solve(self, y: Array) -> Array:
        """L⁻¹ y."""
        return self.map(1.0 / self.values)(y)


def _along_axes(matrices: list[Array], y: Array) -> Array:
    """One matrix along each axis of y (m, n₀, n₁, …)."""
    for a, matrix in enumerate(matrices):
        y = np.moveaxis(np.tensordot(matrix, y, axes=(1, a + 1)), 0, a + 1)
    return y


def halvings(matrix: Array) -> int:
    """How often a matrix must be halved for a row sum norm of at most 1/2."""
    norm = float(np.abs(matrix).sum(axis=1).max())
    return max(0, math.ceil(math.log2(norm)) + 1) if norm > 0 else 0


def doublings(norm: float) -> int:
    """How often an argument of this norm is to be halved before the series is summed."""
    return max(0, math.ceil(math.log2(norm)) + 1) if norm > 0.0 else 0


def taylor(z: Array, one: Array, times: Callable[[Array, Array], Array], count: int = 4) -> list[Array]:
    """φ₀ … φ₃, or the first `count` of them, at a small argument, by Horner's rule on Σ zʲ/(j + k)!."""
    found = []
    for k in range(count):
        total = one / math.factorial(TERMS + k)
        for j in range(TERMS - 1, -1, -1):
            total = times(z, total) + one / math.factorial(j + k)
        found.append(total)
    return found


def exponential(parts: Array) -> Array:
    """e^A for the matrix A = parts[0], and its derivatives in the directions parts[1:]: all of shape (1 + p, n, n).

    The same series and squarings as for A alone, on A + Σ εₖ Bₖ with εⱼ εₖ = 0, so that derivatives are as exact as
    the exponential (Al-Mohy & Higham 2009, SIAM J. Matrix Anal. Appl. 30).
    """
    one = np.zeros_like(parts)
    one[0] = np.eye(parts.shape[1])

    def times(a: Array, b: Array) -> Array:
        product = a[0] @ b
        product[1:] += a[1:] @ b[0]
        return product

    doublings = halvings(parts[0])
    (found,) = taylor(parts / 2.0**doublings, one, times, 1)
    for _ in range(doublings):
        found = times(found, found)
    return found


def doubled(phi: list[Array], times: Callable[[Array, Array], Array]) -> list[Array]:
    """φ₀ … φ₃ at twice the argument."""
    p0, p1, p2, p3 = phi
    return [
        times(p0, p0),
        (times(p0, p1) + p1) / 2.0,
        (times(p1, p1) + 2.0 * p2) / 4.0,
        (times(p1, p2) + p2 + 2.0 * p3) / 8.0,
    ]


@dataclass(frozen=True)
class ETDRK4:
    """One step of length h of the scheme of Cox & Matthews 2002 (J. Comput. Phys. 176, eq. 26–29).

    Fourth order in h, exact where N is constant. Four evaluations of N and eight products per step.
    """

    h: float
    whole: Map
    half: Map
    forced: Map
    first: Map
    middle: Map
    last: Map

    @classmethod
    def make(cls, operator: LinearOperator, h: float) -> ETDRK4:
        """The maps of a step."""
        e, p1, p2, p3 = operator.phis(h)
        e2, q1, *_ = operator.phis(h / 2.0)
        return cls(
            h,
            operator.map(e),
            operator.map(e2),
            operator.map(h / 2.0 * q1),
            operator.map(h * (p1 - 3.0 * p2 + 4.0 * p3)),
            operator.map(h * (2.0 * p2 - 4.0 * p3)),
            operator.map(h * (4.0 * p3 - p2)),
        )

    def __call__(self, rest: Callable[[float, Array], Array], t: float, y: Array) -> Array:
        """The state at t + h; `rest(t, y)` is N."""
        h, half_way = self.h, self.half(y)
        n = rest(t, y)
        a = half_way + self.forced(n)
        n_a = rest(t + h / 2.0, a)
        b = half_way + self.forced(n_a)
        n_b = rest(t + h / 2.0, b)
        c = self.half(a) + self.forced(2.0 * n_b - n)
        n_c = rest(t + h, c)
        return self.whole(y) + self.first(n) + self.middle(n_a + n_b) + self.last(n_c)
