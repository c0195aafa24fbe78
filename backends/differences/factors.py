"""Solvers of (I − s A) x = r for the matrices of finite differences on a grid: factorised once, used at every step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from backends.base import Diverged
from problems.base import Array


class Factorisation(ABC):
    """A matrix of one sparsity, factorised anew whenever its entries change."""

    @abstractmethod
    def factor(self, matrix: Any) -> None:
        """Take a matrix (n, n) in compressed columns.

        Raises:
            Diverged: if it is singular.

        """

    @abstractmethod
    def solve(self, r: Array) -> Array:
        """The solution x for the right-hand side r, both of shape (n,)."""


class Banded(Factorisation):
    """LAPACK's gbtrf and gbtrs with the components of a node side by side: O(n c²) for c components on one axis."""

    def __init__(self, order: Array, bandwidth: int) -> None:
        from scipy.linalg import lapack

        self._lapack, self._order, self._width = lapack, order, bandwidth
        self._place = np.argsort(order)

    def factor(self, matrix: Any) -> None:
        """Lay the entries out in a band, and factorise it with partial pivoting."""
        width, entries = self._width, matrix.tocoo()
        rows, columns = self._place[entries.row], self._place[entries.col]
        inside = np.abs(rows - columns) <= width
        band = np.zeros((3 * width + 1, len(self._order)), order="F")
        band[(2 * width + rows - columns)[inside], columns[inside]] = entries.data[inside]
        self._band, self._pivots, info = self._lapack.dgbtrf(band, width, width, overwrite_ab=True)
        if info > 0:
            raise Diverged("the system matrix is singular")

    def solve(self, r: Array) -> Array:
        """Two triangular bands."""
        x = np.empty_like(r)
        x[self._order], _ = self._lapack.dgbtrs(self._band, self._width, self._width, r[self._order], self._pivots)
        return x


class SparseLU(Factorisation):
    """SuperLU with a minimum-degree ordering: O(n^{3/2}) to factorise in two dimensions, O(n²) in three."""

    def factor(self, matrix: Any) -> None:
        """Order, factorise."""
        from scipy.sparse.linalg import splu

        # A difference matrix is nearly symmetric in structure and dominated by its diagonal.
        try:
            self._lu = splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.01, options={"SymmetricMode": True})
        except RuntimeError as error:
            raise Diverged("the system matrix is singular") from error

    def solve(self, r: Array) -> Array:
        """Two sparse triangles."""
        return np.asarray(self._lu.solve(r))


class FastSine:
    """Sines diagonalise the second differences of a box whose faces hold given values: O(n log n) both ways.

    R. W. Hockney 1965, J. ACM 12; type I of the discrete sine transform on the inner nodes.
    """

    def __init__(self, shape: tuple[int, ...], spacing: tuple[float, ...], kappas: Array, rates: Array) -> None:
        self._shape = shape
        self._axes = tuple(range(1, len(shape)))
        self._inside = (slice(None), *(slice(1, -1),) * len(spacing))
        second = np.zeros(tuple(n - 2 for n in shape[1:]))
        for a, (n, h) in enumerate(zip(shape[1:], spacing, strict=True)):
            angle = 0.5 * np.pi * np.arange(1, n - 1) / (n - 1)
            second = second - (4.0 / h**2) * (np.sin(angle) ** 2).reshape([-1 if b == a else 1 for b in self._along])
        lead = (-1,) + (1,) * len(spacing)
        self.eigenvalues = kappas.reshape(lead) * second + rates.reshape(lead)

    @property
    def _along(self) -> range:
        return range(len(self._shape) - 1)

    def forward(self, y: Array) -> Array:
        """Coefficients (components, nodes…) of a flat state."""
        from scipy.fft import dstn

        return np.asarray(dstn(y.reshape(self._shape)[self._inside], type=1, axes=self._axes))

    def backward(self, coefficients: Array) -> Array:
        """States (…, components, nodes…) from coefficients (…, components, inner nodes…), zero on the faces."""
        from scipy.fft import idstn

        dimension = len(self._shape) - 1
        y = np.zeros((*coefficients.shape[: -dimension - 1], *self._shape))
        inside: tuple[Any, ...] = (..., *(slice(1, -1),) * dimension)
        y[inside] = idstn(coefficients, type=1, axes=tuple(range(-dimension, 0)))
        return y
