"""Product integration: weights for ∫ₐᵇ p(|x − t|) g(t) dt that are exact for piecewise polynomials g."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from problems.base import Array
from problems.families.integral_equation import Singularity
from problems.operations import NUMPY

NEAR = 2.0
"""Distance from an element's middle, in half lengths, up to which moments are taken in closed form.

Closer, p is not smooth enough for Gauss's rule; farther, differences of primitives cancel.
"""
GAUSS = 14
"""Nodes of Gauss's rule where an element is not near, as (2 + √3)^{−28} is rounding; `degree` more for polynomials."""
AT_ONCE = 1 << 21
"""Values of p held at once."""


@dataclass(frozen=True)
class Mesh:
    """Elements with the ends `edges` (m + 1,), each with polynomials of `degree` on its Chebyshev points.

    Neighbours share the point between them, so there are m · degree + 1 `nodes`.
    """

    edges: Array
    degree: int

    @classmethod
    def graded(cls, a: float, b: float, elements: int, degree: int, grading: float) -> Mesh:
        """Ends at distances (2j/m)^grading · (b − a)/2 from the nearer end of [a, b], m even; 1 for equal elements."""
        distances = (b - a) / 2.0 * (2.0 * np.arange(elements // 2 + 1) / elements) ** grading
        if grading == 1.0 or elements % 2:
            return cls(np.linspace(a, b, elements + 1), degree)
        return cls(np.concatenate([a + distances, (b - distances[:-1])[::-1]]), degree)

    @property
    def local(self) -> Array:
        """The points of an element on [−1, 1], ascending, shape (degree + 1,)."""
        return -np.cos(np.pi * np.arange(self.degree + 1) / self.degree)

    @property
    def nodes(self) -> Array:
        """All nodes, ascending."""
        middle, half = self._middles()
        inner = middle[:, None] + half[:, None] * self.local[:-1]
        inner[:, 0] = self.edges[:-1]
        return np.append(inner.ravel(), self.edges[-1])

    def weights(self, singularity: Singularity, x: Array) -> Array:
        """W with ∫ p(|x − t|) g(t) dt = W g(nodes) for piecewise polynomials g, shape (len(x), nodes)."""
        rows = max(1, AT_ONCE // (len(self.edges) * (GAUSS + self.degree)))
        return np.concatenate([self._weights(singularity, x[i : i + rows]) for i in range(0, len(x), rows)])

    def _weights(self, singularity: Singularity, x: Array) -> Array:
        middle, half = self._middles()
        place, gauss = np.polynomial.legendre.leggauss(GAUSS + self.degree)
        basis = np.linalg.inv(
            np.vander(self.local, increasing=True)
        )  # Column k holds the coefficients of Lagrange's k.
        apart = x[:, None] - middle
        far = np.abs(apart) > NEAR * half
        distance = np.abs(apart[:, :, None] - half[:, None] * place)
        values = singularity.value(NUMPY, np.where(far[:, :, None], distance, 1.0))
        powers = np.vander(place, self.degree + 1, increasing=True)
        parts = half[:, None] * (values @ (gauss[:, None] * (powers @ basis)))
        row, element = np.nonzero(~far)
        parts[row, element] = _moments(singularity, apart[row, element], half[element], self.degree) @ basis
        result = np.zeros((len(x), len(middle) * self.degree + 1))
        result[:, :-1] = parts[:, :, :-1].reshape(len(x), -1)
        result[:, self.degree :: self.degree] += parts[:, :, -1]
        return result

    def _middles(self) -> tuple[Array, Array]:
        return (self.edges[1:] + self.edges[:-1]) / 2.0, np.diff(self.edges) / 2.0


def _moments(singularity: Singularity, apart: Array, half: Array, degree: int) -> Array:
    """∫ p(|x − t|) sᵏ dt over |s| ≤ 1 with t = middle + half · s and apart = x − middle, shape (n, degree + 1).

    With t = x + u it is half^{−k} Σᵢ (k over i) apart^{k−i} ∫ p(|u|) uⁱ du.
    """
    result = np.zeros((len(apart), degree + 1))
    pure = [
        (singularity.primitive(half - apart, i) - singularity.primitive(-half - apart, i)) / half**i
        for i in range(degree + 1)
    ]
    for k in range(degree + 1):
        for i in range(k + 1):
            result[:, k] += math.comb(k, i) * (apart / half) ** (k - i) * pure[i]
    return result
