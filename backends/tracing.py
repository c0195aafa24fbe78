"""Reading a declaration as source code.

A stencil is compiled from the physics, so the declaration is called once with symbols instead of arrays. What comes
back is an expression that knows its own source text and which symbols it depends on: a constant coefficient is then
seen to be one, and an absent source costs nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from problems.operations import UNARY, Operations


class Traced:
    """What a declaration may be called with instead of numbers."""

    def applied(self, name: str) -> Any:
        """An elementary function of it."""
        raise NotImplementedError

    def __bool__(self) -> bool:
        raise TypeError("a declaration must not branch on the value of x, t or u: write it with arithmetic and ops")


class Expression(Traced):
    """A scalar expression over named symbols."""

    def __init__(self, code: str, symbols: frozenset[str]) -> None:
        self.code = code
        self.symbols = symbols

    @classmethod
    def symbol(cls, code: str, name: str | None = None) -> Expression:
        """A symbol spelt `code`, that dependencies are told of as `name`."""
        return cls(code, frozenset({name or code}))

    def _with(self, other: Any, template: str) -> Expression:
        if not isinstance(other, (Expression, int, float, np.floating, np.integer)):
            return NotImplemented
        return Expression(template.format(self.code, code(other)), self.symbols | symbols(other))

    def __add__(self, other: Any) -> Expression:
        return self._with(other, "({0} + {1})")

    def __radd__(self, other: Any) -> Expression:
        return self._with(other, "({1} + {0})")

    def __sub__(self, other: Any) -> Expression:
        return self._with(other, "({0} - {1})")

    def __rsub__(self, other: Any) -> Expression:
        return self._with(other, "({1} - {0})")

    def __mul__(self, other: Any) -> Expression:
        return self._with(other, "({0} * {1})")

    def __rmul__(self, other: Any) -> Expression:
        return self._with(other, "({1} * {0})")

    def __truediv__(self, other: Any) -> Expression:
        return self._with(other, "({0} / {1})")

    def __rtruediv__(self, other: Any) -> Expression:
        return self._with(other, "({1} / {0})")

    def __pow__(self, other: Any) -> Expression:
        return self._with(other, "({0} ** {1})")

    def __rpow__(self, other: Any) -> Expression:
        return self._with(other, "({1} ** {0})")

    def __neg__(self) -> Expression:
        return Expression(f"(-{self.code})", self.symbols)

    def __pos__(self) -> Expression:
        return self

    def __abs__(self) -> Expression:
        return self.applied("abs")

    def applied(self, name: str) -> Expression:
        """A call of it."""
        return Expression(f"{name}({self.code})", self.symbols)


def code(value: Any) -> str:
    """Source text of an expression or a number (all its digits)."""
    return value.code if isinstance(value, Expression) else repr(float(value))


def symbols(value: Any) -> frozenset[str]:
    """Names that an expression depends on; none for a number."""
    return value.symbols if isinstance(value, Expression) else frozenset()


class _TracingOperations:
    def __init__(self) -> None:
        for name in UNARY:
            setattr(self, name, self._unary(name))

    @staticmethod
    def _unary(name: str) -> Any:
        numeric = getattr(np, name)

        def apply(x: Any) -> Any:
            return x.applied(name) if isinstance(x, Traced) else float(numeric(x))

        return apply

    @staticmethod
    def matvec(matrix: Any, y: Any) -> Any:
        """Spelt out, a product would be as long as its matrix has entries."""
        raise TypeError("operations on whole arrays are not read as source code")

    dot = matvec


TRACING: Operations = _TracingOperations()  # type: ignore[assignment]
