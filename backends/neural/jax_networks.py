"""Networks in JAX: elementwise functions, and jets laid out as XLA handles them best on a CPU."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from backends.neural.activations import ACTIVATIONS
from backends.neural.jets import NORMALISING_EPSILON, JetAlgebra, moments


class Functions:
    """Elementwise functions for `backends.neural.activations`."""

    tanh, sin, cos, exp = map(staticmethod, (jnp.tanh, jnp.sin, jnp.cos, jnp.exp))
    sigmoid, erf = staticmethod(jax.nn.sigmoid), staticmethod(jax.scipy.special.erf)

    @staticmethod
    def step(x: Any) -> Any:
        """1 where x > 0, else 0."""
        return (x > 0).astype(x.dtype)


class ColumnAlgebra(JetAlgebra):
    """Jets as a list of parts (w, 1, n), or (w, 1, 1) where derivatives are the same at all points.

    XLA on a CPU leaves no copy of the parts behind, multiplies by columns faster than by rows, and spares the first
    layer all work on derivatives of coordinates, which are constants. Each part takes some time to compile: of many
    directions there are groups (see `jax_groups.py`).
    """

    def enter(self, seeds: Any) -> Any:
        """Parts, columns first."""
        if isinstance(seeds, tuple):
            value, others = seeds[0][None], seeds[1]
        else:
            value, others = seeds[:1], seeds[1:]
        return [part.transpose(2, 0, 1) for part in (value, *(others[k : k + 1] for k in range(len(others))))]

    def whole(self, y: Any) -> Any:
        """As it is: parts that are the same at all points need no copies."""
        return y

    def leave(self, y: Any) -> Any:
        """As the plain one."""
        points = y[0].shape[2]
        return jnp.concatenate([jnp.broadcast_to(p, (*p.shape[:2], points)).transpose(1, 2, 0) for p in y])

    def product(self, y: Any, k: int) -> Any:
        """As the plain one."""
        return self.project(y, self.parameters[k][0])

    def project(self, y: Any, matrix: Any) -> Any:
        """As the plain one."""
        return [(matrix.T @ part.reshape(len(part), -1)).reshape(-1, *part.shape[1:]) for part in y]

    def columns(self, y: Any, start: int, stop: int) -> Any:
        """As the plain one."""
        return [part[start:stop] for part in y]

    def add(self, a: Any, b: Any) -> Any:
        """As the plain one."""
        return [p + q for p, q in zip(a, b, strict=True)]

    def subtract(self, a: Any, b: Any) -> Any:
        """As the plain one."""
        return [p - q for p, q in zip(a, b, strict=True)]

    def dense(self, y: Any, k: int, activation: str = "") -> Any:
        """As the plain one."""
        value, *others = self.product(y, k)
        z = [value + self.parameters[k][1][:, None, None], *others]
        return self.activate(z, activation) if activation else z

    def activate(self, z: Any, activation: str) -> Any:
        """As the plain one."""
        s = ACTIVATIONS[activation](self.functions, z[0], 2 if self.second else 1)
        _, slopes, bends = self._by_order(z)
        squares = self._squares(slopes, slopes)
        curved = [s[1] * bend + s[2] * square for bend, square in zip(bends, squares, strict=True)]
        return [s[0], *(s[1] * slope for slope in slopes), *curved]

    def multiply(self, a: Any, b: Any) -> Any:
        """As the plain one."""
        (p, p1, p2), (q, q1, q2) = self._by_order(a), self._by_order(b)
        slopes = [x * q + p * y for x, y in zip(p1, q1, strict=True)]
        mixed = self._squares(p1, q1)
        return [p * q, *slopes, *(x * q + 2.0 * m + p * y for x, m, y in zip(p2, mixed, q2, strict=True))]

    def beside(self, fields: Any) -> Any:
        """As the plain one."""
        points = max(field[0].shape[2] for field in fields)
        return [
            jnp.concatenate([jnp.broadcast_to(part, (*part.shape[:2], points)) for part in parts])
            for parts in zip(*fields, strict=True)
        ]

    def normalise(self, z: Any, k: int) -> Any:
        """As the plain one."""
        scale, shift = self.parameters[k]
        if k not in self.statistics:
            batch = z[0][:, 0, : self.reference] if self.reference else z[0][:, 0]
            self.statistics[k] = moments(batch.T)
        mean, variance = self.statistics[k]
        factor = scale / (variance + NORMALISING_EPSILON) ** 0.5
        value, *others = (part * factor[:, None, None] for part in z)
        return [value + (shift - mean * factor)[:, None, None], *others]

    def _by_order(self, y: Any) -> tuple[Any, Any, Any]:
        bends = 1 if self.orders.laplacian is not None else self.second
        edge = len(y) - bends * (self.second > 0)
        return y[0], y[1:edge], y[edge:]

    def _squares(self, a: Any, b: Any) -> list[Any]:
        """What the rules for second order ask for, of products of slopes."""
        products = [p * q for p, q in zip(a, b, strict=True)]
        if self.orders.laplacian is None:
            return products[: self.second]
        return [self.orders.laplacian * sum(products)] if self.second else []
