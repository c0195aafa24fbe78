"""Integral equations of the second kind:  y(x) = f(x) + λ ∫ₐᵇ K(x, t) y(t) dt  (Fredholm)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import Array, Problem, fields_to_array, scattered_points
from problems.operations import NUMPY, Operations


class Singularity(ABC):
    """The factor p(|x − t|) of a kernel that is unbounded at t = x, but integrable."""

    @abstractmethod
    def value(self, ops: Operations, distance: Any) -> Any:
        """p at a distance |x − t| > 0."""

    @abstractmethod
    def primitive(self, u: Array, k: int) -> Array:
        """∫₀ᵘ p(|s|) sᵏ ds in closed form, for u of either sign or 0: what moments over an interval are made of."""


@dataclass(frozen=True)
class Algebraic(Singularity):
    """|x − t|^{−α}, 0 < α < 1."""

    alpha: float

    def value(self, ops: Operations, distance: Any) -> Any:
        """d^{−α}."""
        return distance**-self.alpha

    def primitive(self, u: Array, k: int) -> Array:
        """|u|^{k+1−α} / (k + 1 − α), with the sign of u^{k+1}."""
        power = k + 1.0 - self.alpha
        return np.sign(u) ** (k + 1) * np.abs(u) ** power / power


@dataclass(frozen=True)
class Logarithmic(Singularity):
    """log |x − t|."""

    def value(self, ops: Operations, distance: Any) -> Any:
        """Log d."""
        return ops.log(distance)

    def primitive(self, u: Array, k: int) -> Array:
        """u^{k+1} (log |u| − 1/(k + 1)) / (k + 1)."""
        logarithm = np.log(np.where(u == 0.0, 1.0, np.abs(u)))
        return u ** (k + 1) * (logarithm - 1.0 / (k + 1)) / (k + 1)


@dataclass(frozen=True)
class IntegralEquation(Problem):
    """y(x) = f(x) + λ ∫ₐᵇ K(x, t) y(t) dt on [a, b] for a scalar y, with K(x, t) = p(|x − t|) k(x, t).

    k is smooth, and p a weak `singularity`, or 1 where there is none. Coordinates and results of `free_term`,
    `smooth_factor` and `exact` are one array, tensor or number each; x and t may have different shapes that broadcast,
    and a result that does not depend on them may be a plain number.
    """

    family: ClassVar[str] = "integral equation"
    evaluation_count: ClassVar[int] = 400

    @abstractmethod
    def interval(self) -> tuple[float, float]:
        """a and b."""

    @abstractmethod
    def multiplier(self) -> float:
        """λ."""

    @abstractmethod
    def free_term(self, ops: Operations, x: Any) -> Any:
        """f(x)."""

    @abstractmethod
    def smooth_factor(self, ops: Operations, x: Any, t: Any) -> Any:
        """k(x, t), the kernel without its singular factor."""

    def singularity(self) -> Singularity | None:
        """p, or None for a kernel that is smooth as a whole."""
        return None

    def exact(self, ops: Operations, x: Any) -> Any:
        """The exact solution, where there is one."""
        raise NotImplementedError(f"{self.name} has no exact solution in closed form")

    @property
    def dimension(self) -> int:
        """One."""
        return 1

    def points(self) -> Array:
        """Scattered points of the interval, ascending, shape (n, 1)."""
        a, b = self.interval()
        return np.sort(scattered_points(self.evaluation_count, (a,), (b,)), axis=0)

    def reference(self, points: Array) -> Array:
        """The exact solution, evaluated with numpy."""
        return fields_to_array((self.exact(NUMPY, points[:, 0]),), len(points))
