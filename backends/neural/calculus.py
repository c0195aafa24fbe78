"""What an engine brings to a formulation, so that the same equations run on torch and on JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backends.neural.jets import Orders
from problems.base import Array
from problems.operations import Operations

UNROLLED = 16
"""Directions along which a field is differentiated by a program of its own each; more of them share one."""


@dataclass(frozen=True)
class Calculus:
    """What the engine brings: array module, operations, forward derivatives.

    `jvp` can be nested; `total` (of a function with a tuple of values) need not be, but costs less at each iteration.
    `constant` cuts a value off from differentiation; `array` turns a host array into one like its second argument.
    `forward` solves L X = B for a lower triangle L, without asking the device whether it could. `gradient` is the
    reverse derivative of the sum of a function's values, `each` calls a function for one row of a matrix after the
    other and stacks what it gives.
    """

    xp: Any
    ops: Operations
    jvp: Callable[..., tuple[Any, Any]]
    total: Callable[..., tuple[Any, Any]]
    constant: Callable[[Any], Any]
    array: Callable[[Array, Any], Any]
    forward: Callable[[Any, Any], Any]
    gradient: Callable[[Callable[[Any], Any], Any], Any]
    each: Callable[[Callable[[Any], Any], Any], Any]


@dataclass(frozen=True)
class Network:
    """What is trained: `jets` of a network, and `coefficients` (q,) beside it, None where there are none.

    `jets` takes a prepared place and which derivatives are wanted, and gives those of the output, (J, n, m);
    `differentiable` does the same in a way that can be differentiated with respect to the place, where `jets` cannot.
    """

    jets: Callable[[Mapping[str, Any], Orders], Any]
    coefficients: Any = None
    differentiable: Callable[[Mapping[str, Any], Orders], Any] | None = None

    def __call__(self, place: Mapping[str, Any], orders: Orders) -> Any:
        """Jets (J, n, m)."""
        return self.jets(place, orders)
