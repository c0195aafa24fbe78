"""Exponential time stepping: functions of a linear operator, and the fourth-order scheme made of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from problems.base import Array

TERMS = 18
"""Last power in the Taylor series, of arguments of at most 1: the next one is below 1/19! ≈ 10⁻¹⁷."""
INDEPENDENT = 1e5
"""Condition number of eigenvectors up to which functions are made of them."""

Map = Callable[[Array], Array]


class LinearOperator(ABC):
    """L of y' = L y + N(t, y), with the functions of hL that exponential schemes are made of.

    φ₀(z) = eᶻ, φₖ₊₁(z) = (φₖ(z) − 1/k!)/z (Hochbruck & Ostermann 2010, Acta Numerica 19, eq. 2.10).
    """

    @abstractmethod
    def __call__(self, y: Array) -> Array:
        """L y."""

    @abstractmethod
    def phis(self, h: float, count: int = 4) -> list[Array]:
        """φ₀ … φ₃ of hL, or the first `count` of them, in the operator's own form: it can be added and scaled."""

    def both(self, h: float) -> tuple[list[Array], list[Array]]:
        """φ₀ … φ₃ of hL and of ½hL."""
        return self.phis(h), self.phis(h / 2.0)

    @abstractmethod
    def map(self, function: Array) -> Map:
        """A sum of such functions as a map on states."""

    def leave(self, v: Array) -> Array:
        """Values at the free nodes of a state that steps are taken with; here they are the same."""
        return v


class DenseOperator(LinearOperator):
    """A matrix; its functions by scaling and doubling (Skaflestad & Wright 2009, Appl. Numer. Math. 59).

    That loses a bit of the slow modes with every doubling that the fast ones need. With `vectors`, functions are made
    of eigenvectors instead, at several times the price for a large matrix, where these are far enough from each other.
    """

    def __init__(self, matrix: Array, *, vectors: bool = False) -> None:
        self.matrix = matrix
        self._inverse: Array | None = None
        if not vectors:
            return
        self._values, self._vectors = np.linalg.eig(matrix)
        try:
            inverse = np.linalg.inv(self._vectors)
        except np.linalg.LinAlgError:
            return
        # Rounding in a function is that in its values times this condition number.
        if np.linalg.norm(self._vectors, 1) * np.linalg.norm(inverse, 1) <= INDEPENDENT:
            self._inverse = inverse

    def __call__(self, y: Array) -> Array:
        """L y."""
        return (self.matrix @ y.ravel()).reshape(y.shape)

    def phis(self, h: float, count: int = 4) -> list[Array]:
        """Matrices."""
        if self._inverse is not None:
            values = phis_of_numbers(h * self._values, count)
            return [np.real((self._vectors * function) @ self._inverse) for function in values]
        doublings = halvings(h * self.matrix)
        z = h * self.matrix / 2.0**doublings
        phi = taylor(z, np.eye(len(z)), np.matmul, count)
        for _ in range(doublings):
            phi = doubled(phi, np.matmul)
        return phi

    def both(self, h: float) -> tuple[list[Array], list[Array]]:
        """By doubling, the former are the latter at twice the argument."""
        if self._inverse is not None:
            return super().both(h)
        half = self.phis(h / 2.0)
        return doubled(half, np.matmul), half

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

    def phis(self, h: float, count: int = 4) -> list[Array]:
        """Values on the eigenvalues."""
        return phis_of_numbers(h * self.values, count)

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


def phis_of_numbers(z: Array, count: int) -> list[Array]:
    """φ₀ … φ₃, or the first `count` of them, at each of the numbers z, to some units of rounding of each.

    Series up to |z| = 1, and beyond it their definitions, of which each then loses a bit or two. Doubling would lose as
    many bits as the largest z needs doublings, and lose them in all modes.
    """
    near = np.abs(z) <= 1.0
    small = taylor(np.where(near, z, 0.0), np.ones_like(z), np.multiply, count)
    far = np.where(near, 1.0, z)
    large = [np.exp(far), np.expm1(far) / far]
    while len(large) < count:
        large.append((large[-1] - 1.0 / math.factorial(len(large) - 1)) / far)
    return [np.where(near, a, b) for a, b in zip(small, large, strict=False)]


def halvings(matrices: Array) -> Any:
    """How often matrices (…, n, n) must be halved for row sum norms of at most 1/2."""
    norms = np.abs(matrices).sum(axis=-1).max(axis=-1)
    return np.maximum(0, np.ceil(np.log2(np.where(norms > 0.0, norms, 0.5))) + 1).astype(int)


def taylor(z: Array, one: Array, times: Callable[[Array, Array], Array], count: int = 4) -> list[Array]:
    """φ₀ … φ₃, or the first `count` of them, at a small argument.

    The last one by Horner's rule on Σ zʲ/(j + k)!, those before it from φₖ = z φₖ₊₁ + 1/k!.
    """
    k = count - 1
    total = one / math.factorial(TERMS + k)
    for j in range(TERMS - 1, -1, -1):
        total = times(z, total) + one / math.factorial(j + k)
    found = [total]
    while k:
        k -= 1
        found.insert(0, times(z, found[0]) + one / math.factorial(k))
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

    doublings = int(halvings(parts[0]))
    (found,) = taylor(parts / 2.0**doublings, one, times, 1)
    for _ in range(doublings):
        found = times(found, found)
    return found


def doubled(phi: list[Array], times: Callable[[Array, Array], Array]) -> list[Array]:
    """φ₀ … φ₃ at twice the argument, or as many of them as are given."""
    p0, p1, *others = phi
    found = [times(p0, p0), (times(p0, p1) + p1) / 2.0]
    if others:
        p2, p3 = others
        found += [(times(p1, p1) + 2.0 * p2) / 4.0, (times(p1, p2) + p2 + 2.0 * p3) / 8.0]
    return found


@dataclass(frozen=True)
class ExactStep:
    """One step of length h where N is a constant n: e^{hL} y + h φ₁(hL) n, one product."""

    h: float
    whole: Map
    gained: Array

    @classmethod
    def make(cls, operator: LinearOperator, h: float, constant: Array) -> ExactStep:
        """The map of a step, and what n adds in it."""
        e, p1 = operator.phis(h, 2)
        return cls(h, operator.map(e), operator.map(h * p1)(constant))

    def __call__(self, rest: Callable[[float, Array], Array], t: float, y: Array) -> Array:
        """The state at t + h."""
        return self.whole(y) + self.gained


@dataclass(frozen=True)
class ForcedStep:
    """One step of length h where N(t) does not depend on the state: what ETDRK4 is then, with half of its products."""

    h: float
    whole: Map
    first: Map
    middle: Map
    last: Map

    @classmethod
    def make(cls, operator: LinearOperator, h: float) -> ForcedStep:
        """The maps of a step."""
        e, *others = operator.phis(h)
        return cls(h, operator.map(e), *(operator.map(h * weight) for weight in simpson(*others)))

    def __call__(self, rest: Callable[[float, Array], Array], t: float, y: Array) -> Array:
        """The state at t + h; `rest(t, y)` is N."""
        h = self.h
        middle = self.middle(2.0 * rest(t + h / 2.0, y))
        return self.whole(y) + self.first(rest(t, y)) + middle + self.last(rest(t + h, y))


def simpson(p1: Array, p2: Array, p3: Array) -> tuple[Array, Array, Array]:
    """Weights of N at the beginning of a step, of each of two values half-way, and at its end."""
    return p1 - 3.0 * p2 + 4.0 * p3, 2.0 * p2 - 4.0 * p3, 4.0 * p3 - p2


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
        (e, *others), (e2, q1, *_) = operator.both(h)
        return cls(
            h,
            operator.map(e),
            operator.map(e2),
            operator.map(h / 2.0 * q1),
            *(operator.map(h * weight) for weight in simpson(*others)),
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
