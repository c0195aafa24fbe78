"""The right-hand side of an ODE as a function of plain numbers, generated from its declaration."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from backends.tracing import TRACING, Expression, code
from problems.base import ODE, Array
from problems.operations import UNARY

MOST_COMPONENTS = 16
"""With more of them one operation of numpy on all is as fast."""


def scalar_rates(ode: ODE) -> Callable[[float, Array], tuple[float, ...]] | None:
    """f(t, y) for y (n,) as a tuple of n numbers; None where the declaration needs arrays or branches on its values.

    For two components it takes a fifth of the time that the declaration takes on numpy's scalars, as little as compiled
    code that is called from Python, and needs no compiling.
    """
    count = ode.dimension
    if count > MOST_COMPONENTS:
        return None
    names = [f"y{i}" for i in range(count)]
    try:
        rates = ode.rhs(TRACING, Expression.symbol("t"), np.array([Expression.symbol(n) for n in names], dtype=object))
        body = [f"    {', '.join(names)}, = y.tolist()", f"    return {', '.join(code(rate) for rate in rates)},"]
    except TypeError:
        return None
    if len(rates) != count:
        return None
    functions: dict[str, Any] = {name: getattr(math, name) for name in UNARY if name != "abs"}
    exec("\n".join(["def rates(t, y):", *body]), functions)
    rates_of: Callable[[float, Array], tuple[float, ...]] = functions["rates"]
    return rates_of
