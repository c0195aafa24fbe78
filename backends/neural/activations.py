"""Activation functions with closed-form derivatives, for Taylor propagation through a network."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Protocol

Derivatives = tuple[Any, ...]


class Functions(Protocol):
    """What an engine must offer: elementwise functions on its own arrays."""

    def tanh(self, x: Any) -> Any: ...  # noqa: D102
    def sigmoid(self, x: Any) -> Any: ...  # noqa: D102
    def sin(self, x: Any) -> Any: ...  # noqa: D102
    def cos(self, x: Any) -> Any: ...  # noqa: D102
    def exp(self, x: Any) -> Any: ...  # noqa: D102
    def erf(self, x: Any) -> Any: ...  # noqa: D102
    def step(self, x: Any) -> Any:
        """1 where x > 0, else 0, in the type of x."""


def _tanh(f: Functions, z: Any, order: int) -> Derivatives:
    s = f.tanh(z)
    slope = 1.0 - s * s
    if order < 2:
        return s, slope
    second = -2.0 * s * slope
    return (s, slope, second) if order < 3 else (s, slope, second, slope * (4.0 - 6.0 * slope))


def _sigmoid(f: Functions, z: Any, order: int) -> Derivatives:
    s = f.sigmoid(z)
    slope = s - s * s
    if order < 2:
        return s, slope
    second = slope * (1.0 - 2.0 * s)
    return (s, slope, second) if order < 3 else (s, slope, second, slope * (1.0 - 6.0 * slope))


def _sine(f: Functions, z: Any, order: int) -> Derivatives:
    s, slope = f.sin(z), f.cos(z)
    return (s, slope, -s, -slope)[: order + 1]


def _cosine(f: Functions, z: Any, order: int) -> Derivatives:
    s, slope = f.cos(z), -f.sin(z)
    return (s, slope, -s, -slope)[: order + 1]


def _silu(f: Functions, z: Any, order: int) -> Derivatives:
    inner = _sigmoid(f, z, order)
    products = (z * inner[0], *(k * inner[k - 1] + z * inner[k] for k in range(1, len(inner))))
    return products[: order + 1]


def _gelu(f: Functions, z: Any, order: int) -> Derivatives:
    below = 0.5 * (1.0 + f.erf(z * 0.5**0.5))
    density = 0.3989422804014327 * f.exp(-0.5 * z * z)
    all_orders = (z * below, below + z * density, density * (2.0 - z * z), density * z * (z * z - 4.0))
    return all_orders[: order + 1]


def _leaky(leak: float) -> Callable[[Functions, Any, int], Derivatives]:
    def rectifier(f: Functions, z: Any, order: int) -> Derivatives:
        slope = leak + (1.0 - leak) * f.step(z)
        return (z * slope, slope, 0.0 * z, 0.0 * z)[: order + 1]

    return rectifier


ACTIVATIONS = MappingProxyType(
    {
        "tanh": _tanh,
        "sigmoid": _sigmoid,
        "sine": _sine,
        "cosine": _cosine,
        "gelu": _gelu,
        "silu": _silu,
        "relu": _leaky(0.0),
        "leaky-relu": _leaky(0.01),
    }
)
"""name → function (f, z, order) → at least (s(z), s'(z), …, s⁽ᵒʳᵈᵉʳ⁾(z)) for order 1, 2 or 3."""

PIECEWISE_LINEAR = frozenset({"relu", "leaky-relu"})
"""Their second derivative vanishes almost everywhere."""
