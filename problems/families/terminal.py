"""Semilinear parabolic equations with a terminal value, on all of space, in any number of dimensions.

To declare one, give `terminal` and `driver` over `ops`, the volatility, the place where the answer is wanted, and a
reference. Coordinates come as one array with an axis for them in front, so that a declaration in a thousand dimensions
is as short as in one: x[0] is the first coordinate, `ops.dot(x, x)` is |x|², `ops.sum(x)` is Σ xᵢ.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import Array, Problem
from problems.operations import Operations
from problems.parameters import parameter


@dataclass(frozen=True)
class Expectation:
    """A solution as a function of one mean: u(0, ξ) = `back`(E[`of`(ops, X_T)]) with X_T = ξ + σ √T · normal.

    `of` takes coordinates (d, …) and gives an array (…); `back` takes a number and is monotonic.
    """

    of: Callable[[Operations, Any], Any]
    back: Callable[[float], float]


@dataclass(frozen=True)
class TerminalValueProblem(Problem):
    """∂ₜu + ½ σ² Δu + f(t, x, u, ∇u) = 0 on ℝᵈ for 0 ≤ t < T, u(T, x) = g(x); u is wanted at t = 0 and x = ξ.

    Along X_t = ξ + σ W_t, with W a Brownian motion, u(t, X_t) and σ∇u(t, X_t) solve a backward stochastic differential
    equation (Pardoux & Peng 1990, Syst. Control Lett. 14), by which methods that sample work in any dimension. A drift
    of its own is part of f, or is taken out by a change of variables.
    """

    family: ClassVar[str] = "terminal-value problem"
    smooth: ClassVar[bool] = True
    """Whether g has two continuous derivatives."""

    d: int = parameter(100, "dimension", least=1, most=1024)
    T: float = parameter(1.0, "final time", above=0)

    @abstractmethod
    def volatility(self) -> float:
        """σ."""

    @abstractmethod
    def terminal(self, ops: Operations, x: Any) -> Any:
        """g(x) for coordinates (d, …), shape (…)."""

    @abstractmethod
    def driver(self, ops: Operations, t: Any, x: Any, u: Any, slope: Any) -> Any:
        """f(t, x, u, ∇u) for t and u (…), x and ∇u (d, …); a plain 0.0 where there is none."""

    @abstractmethod
    def value(self) -> float:
        """u(0, ξ), exact or from an independent calculation."""

    def reference(self, points: Array) -> Array:
        """u(0, ξ) for every one of `points`, which are all that place, shape (n, 1)."""
        return np.full((len(points), 1), self.value())

    def start(self) -> Array:
        """ξ, shape (d,); the origin by default."""
        return np.zeros(self.d)

    def expectation(self) -> Expectation | None:
        """The solution as a function of one mean, where a transformation makes the equation linear."""
        return None

    @property
    def dimension(self) -> int:
        """d."""
        return self.d

    def points(self) -> Array:
        """ξ and t = 0, shape (1, d + 1)."""
        return np.append(self.start(), 0.0)[None]
