"""The operations in which the physics of a problem is written.

A declaration calls `ops.sin(x[0])` and so on; numpy's version stands here, those of torch, jax.numpy and UFL in
`backends/operations.py`, those that read a declaration as source code in `backends/tracing.py`. Arithmetic
(`+ - * / **`) is that of the operands themselves.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class Operations(Protocol):
    """What every backend offers to a declaration; arguments are that backend's own scalars, arrays or expressions."""

    def sin(self, x: Any) -> Any: ...  # noqa: D102
    def cos(self, x: Any) -> Any: ...  # noqa: D102
    def tan(self, x: Any) -> Any: ...  # noqa: D102
    def exp(self, x: Any) -> Any: ...  # noqa: D102
    def log(self, x: Any) -> Any: ...  # noqa: D102
    def sqrt(self, x: Any) -> Any: ...  # noqa: D102
    def sinh(self, x: Any) -> Any: ...  # noqa: D102
    def cosh(self, x: Any) -> Any: ...  # noqa: D102
    def tanh(self, x: Any) -> Any: ...  # noqa: D102
    def abs(self, x: Any) -> Any: ...  # noqa: D102

    def matvec(self, matrix: np.ndarray, y: Any) -> Any:
        """A y for a constant (n, n) matrix and y of shape (n, ...); ODEs only."""

    def dot(self, a: Any, b: Any) -> Any:
        """Σᵢ aᵢ bᵢ over the first axis; ODEs and terminal-value problems only."""

    def sum(self, a: Any) -> Any:
        """Σᵢ aᵢ over the first axis; ODEs and terminal-value problems only."""


UNARY = ("sin", "cos", "tan", "exp", "log", "sqrt", "sinh", "cosh", "tanh", "abs")


class NumpyOperations:
    """The operations on numpy arrays."""

    sin, cos, tan, exp, log, sqrt = np.sin, np.cos, np.tan, np.exp, np.log, np.sqrt
    sinh, cosh, tanh, abs = np.sinh, np.cosh, np.tanh, np.abs

    @staticmethod
    def matvec(matrix: np.ndarray, y: np.ndarray) -> np.ndarray:
        """A y for y of shape (n, ...)."""
        return np.tensordot(matrix, y, axes=1)

    @staticmethod
    def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Σᵢ aᵢ bᵢ over the first axis."""
        return np.asarray((a * b).sum(axis=0))

    @staticmethod
    def sum(a: np.ndarray) -> np.ndarray:
        """Σᵢ aᵢ over the first axis."""
        return np.asarray(a.sum(axis=0))


NUMPY: Operations = NumpyOperations()
