"""What the driver f(t, x, u, ∇u) of a terminal-value problem looks at."""

from __future__ import annotations

import numpy as np
from numpy.polynomial import Polynomial

from backends.structure import Touched, Untouchable, looks_at
from problems.base import Array
from problems.families.terminal import TerminalValueProblem
from problems.operations import NUMPY


def looks_at_slope(problem: TerminalValueProblem) -> bool:
    """Whether f depends on ∇u."""
    x, u = problem.start()[:, None], np.zeros(1)
    return looks_at(lambda slope: problem.driver(NUMPY, np.zeros(1), x, u, slope))


def driver_at_zero(problem: TerminalValueProblem) -> float | None:
    """f for u = 0, if it is the same at all times and places; else None."""
    nothing = Untouchable()
    try:
        return float(problem.driver(NUMPY, nothing, nothing, 0.0, nothing))
    except Touched:
        return None


def polynomial(problem: TerminalValueProblem) -> Array | None:
    """The coefficients (degree + 1,) of f, from that of 1 on, if it is a polynomial in u alone; else None."""
    nothing = Untouchable()
    try:
        found = problem.driver(NUMPY, nothing, nothing, Polynomial([0.0, 1.0]), nothing)
    except (Touched, TypeError, ValueError):
        return None
    return found.coef if isinstance(found, Polynomial) else np.array([float(found)])
