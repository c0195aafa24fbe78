"""Jets: a field at n points with its derivatives, as one array (J, n, w) that passes through a network layer by layer.

J = 1 + A + D: the value, A first derivatives and D of second order: either the pure ones along the first D ≤ A
directions, or a single one that is all the equation needs, L = ∂_t + f Σ ∂_a² over the A directions, which follows the
same rules with f Σ y_a² where a pure one has y_a² (the forward Laplacian of Li et al. 2024, Nat. Mach. Intell. 6).
Directions are those of the coordinates, or random ones by which L is estimated (see `directions.py`). Propagating them
is forward differentiation in Taylor mode (Griewank & Walther 2008, ch. 13), with one matrix product per layer for all
of them. With A = D = 0 the same code is the plain network. Networks are written over `JetAlgebra` once; an engine may
override an operation with a faster one of its own.

The network's input comes as jets, or as a pair of its value (n, w) and derivatives (J − 1, 1, w) equal at all points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.neural.activations import ACTIVATIONS, Functions

NORMALISING_EPSILON = 1e-5
"""Added to the variance in batch normalisation (Ioffe & Szegedy 2015)."""


Statistics = dict[int, tuple[Any, Any]]
"""Pair k of a normalisation → (mean, variance)."""


def moments(batch: Any) -> tuple[Any, Any]:
    """Mean and variance (w,) over the points of a batch (n, w)."""
    deviation = batch - batch.mean(0)
    return batch.mean(0), (deviation * deviation).mean(0)


@dataclass(frozen=True)
class Orders:
    """Which derivatives jets hold: `first` A, `second` D, and f where the D = 1 of second order is L."""

    first: int = 0
    second: int = 0
    laplacian: float | None = None

    @property
    def count(self) -> int:
        """J."""
        return 1 + self.first + self.second

    def squares(self, products: Any) -> Any:
        """From products (A, …) of slopes what the rules for second order ask for, (D, …)."""
        if self.laplacian is None:
            return products[: self.second]
        return self.laplacian * (products if self.first == 1 else products.sum(0)[None])


class JetAlgebra:
    """Operations on jets with the parameters of one network.

    `parameters` is a list of pairs of arrays; `dense` and `normalise` use the pair k. `reference` > 0 says that the
    first so many points are those from which batch normalisation takes its statistics; else all of them are.
    `statistics` known from other points are used instead, so that the network is the same function at both, and those
    that are not known are left there.
    """

    def __init__(
        self,
        xp: Any,
        functions: Functions,
        parameters: Any,
        orders: Orders,
        constants: Any = None,
        reference: int = 0,
        statistics: Statistics | None = None,
    ) -> None:
        self.xp, self.functions, self.parameters = xp, functions, parameters
        self.orders, self.first, self.second = orders, orders.first, orders.second
        self.constants, self.reference = constants, reference
        self.statistics: Statistics = {} if statistics is None else statistics

    def enter(self, seeds: Any) -> Any:
        """The network's input as this algebra wants it."""
        return seeds

    def whole(self, y: Any) -> Any:
        """Jets (J, n, w), where an input may still be a pair."""
        if not isinstance(y, tuple):
            return y
        value, others = y
        return self.xp.concatenate([value[None], self.xp.broadcast_to(others, (len(others), *value.shape))])

    def leave(self, y: Any) -> Any:
        """Jets (J, n, w) as one array."""
        return y

    def product(self, y: Any, k: int) -> Any:
        """y W of the pair k, without its bias; as one product of matrices, since XLA makes J slow ones of a batch."""
        weights = self.parameters[k][0]
        if isinstance(y, tuple):
            # What is equal at all points passes once: in many dimensions that is nearly all of the first layer.
            return self.whole((y[0] @ weights, y[1] @ weights))
        return (y.reshape(-1, y.shape[-1]) @ weights).reshape(*y.shape[:-1], -1)

    def dense(self, y: Any, k: int, activation: str = "") -> Any:
        """Jets behind layer k: σ(y W + b), or y W + b where there is no activation."""
        z = self.product(y, k)
        z = self._with_value(z, z[0] + self.parameters[k][1])
        return self.activate(z, activation) if activation else z

    def activate(self, z: Any, activation: str) -> Any:
        """Jets of σ(z): σ' z_i and σ' z_ii + σ'' z_i², or σ' Lz + σ'' f Σ z_i²."""
        s = ACTIVATIONS[activation](self.functions, z[0], 2 if self.second else 1)
        parts = [s[0][None]]
        slopes = z[1 : 1 + self.first]
        if self.first:
            parts.append(s[1] * slopes)
        if self.second:
            parts.append(s[1] * z[1 + self.first :] + s[2] * self.orders.squares(slopes * slopes))
        return self.xp.concatenate(parts)

    def project(self, y: Any, matrix: Any) -> Any:
        """y M for a matrix that is not trained."""
        return self.whole(y) @ matrix

    def columns(self, y: Any, start: int, stop: int) -> Any:
        """Some of the fields that stand next to each other."""
        return y[..., start:stop]

    def add(self, a: Any, b: Any) -> Any:
        """a + b."""
        return a + b

    def subtract(self, a: Any, b: Any) -> Any:
        """a − b."""
        return a - b

    def multiply(self, a: Any, b: Any) -> Any:
        """Jets of the product of two fields of equal width."""
        parts = [(a[0] * b[0])[None]]
        slopes = slice(1, 1 + self.first)
        if self.first:
            parts.append(a[slopes] * b[0] + a[0] * b[slopes])
        if self.second:
            bends = slice(1 + self.first, None)
            parts.append(a[bends] * b[0] + 2.0 * self.orders.squares(a[slopes] * b[slopes]) + a[0] * b[bends])
        return self.xp.concatenate(parts)

    def beside(self, fields: Sequence[Any]) -> Any:
        """Jets of several fields next to each other, their widths added."""
        return self.xp.concatenate(tuple(self.whole(field) for field in fields), -1)

    def normalise(self, z: Any, k: int) -> Any:
        """Batch normalisation with the scale and shift of the pair k.

        The statistics are constants of the batch as far as coordinates are concerned, which makes the normalised
        network a function of one point; the loss is differentiated through them.
        """
        scale, shift = self.parameters[k]
        if k not in self.statistics:
            self.statistics[k] = moments(z[0, : self.reference] if self.reference else z[0])
        mean, variance = self.statistics[k]
        factor = scale / (variance + NORMALISING_EPSILON) ** 0.5
        scaled = z * factor
        return self._with_value(scaled, scaled[0] - mean * factor + shift)

    def _with_value(self, jets: Any, value: Any) -> Any:
        return self.xp.concatenate([value[None], jets[1:]]) if len(jets) > 1 else value[None]
