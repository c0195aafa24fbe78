"""Sets of collocation points, the regions that they lie in, and what every kind of them is asked.

Every set of points lies in a region lower ≤ (x₀, …, t) ≤ upper; faces and the initial instant are regions that are
flat in one coordinate, so the same rule serves them all.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from problems.base import ODE, PDE, Array
from problems.families.eigenproblem import Eigenproblem
from problems.families.integral_equation import IntegralEquation
from problems.families.terminal import TerminalValueProblem
from problems.parameters import Parameterised

ResidualAt = Callable[[Array], Array]
"""Points (q, k) → size |r| of the residual there (q,)."""


@dataclass(frozen=True)
class PointSet:
    """Points base + span · noise[rows], base and span (n, k), noise (draws, k) drawn at each iteration.

    `noise` is "uniform" on [0, 1), "normal", "brownian", or "" for points that stay where they are. The last entry of
    Brownian noise is uniform on [0, 1), a time, and the others are normal with that time as their variance.
    """

    base: Array
    span: Array
    rows: np.ndarray
    draws: int
    noise: str = ""

    @classmethod
    def fixed(cls, points: Array) -> PointSet:
        """Points that stay where they are."""
        return cls(points, np.zeros_like(points), np.arange(len(points)), len(points))

    def moved(self, base: Array) -> PointSet:
        """The same noise on another base, such as that of the opposite face."""
        return replace(self, base=base)

    def drawn(self, generator: np.random.Generator) -> Array:
        """The points (n, k) of one iteration, drawn on the host as engines draw them on the device."""
        if not self.noise:
            return self.base.copy()
        sample = generator.random if self.noise == "uniform" else generator.standard_normal
        noise = sample((self.draws, self.base.shape[1]))
        if self.noise == "brownian":
            time = generator.random((self.draws, 1))
            noise = np.concatenate([np.sqrt(time) * noise[:, :-1], time], axis=1)
        return self.base + self.span * noise[self.rows]

    def __len__(self) -> int:
        """Number of points."""
        return len(self.base)


def join(groups: Sequence[Sequence[PointSet]]) -> PointSet:
    """All sets in one; those of a group share their noise."""
    rows: list[np.ndarray] = []
    start = 0
    for group in groups:
        rows.extend(start + part.rows for part in group)
        start += group[0].draws
    parts = [part for group in groups for part in group]
    noise = next((part.noise for part in parts if part.noise), "")
    base, span = (np.concatenate([getattr(part, name) for part in parts]) for name in ("base", "span"))
    return PointSet(base, span, np.concatenate(rows), start, noise)


def region(problem: PDE | ODE | IntegralEquation | Eigenproblem | TerminalValueProblem) -> tuple[Array, Array]:
    """Lower and upper ends (k,) of the coordinates (x₀, …, t) of an equation; t only where there is time.

    Where space has no end, they are a standard deviation of its process at the final time from its start.
    """
    if isinstance(problem, TerminalValueProblem):
        start, spread = problem.start(), problem.volatility() * problem.T**0.5
        return np.append(start - spread, 0.0), np.append(start + spread, problem.T)
    if isinstance(problem, IntegralEquation):
        a, b = problem.interval()
        return np.array([a]), np.array([b])
    if isinstance(problem, ODE):
        return np.array([problem.start_time()]), np.array([problem.final_time()])
    box, final = problem.domain(), problem.final_time() if isinstance(problem, PDE) else None
    time = () if final is None else (final,)
    return np.array(box.lower + (0.0,) * len(time)), np.array(box.upper + time)


def free_coordinates(lower: Array, upper: Array) -> int:
    """Number of coordinates in which a region is not flat."""
    return int(np.count_nonzero(upper > lower))


def matching(count: int, lower: Array, upper: Array) -> int:
    """Number of points that fills a region, flat or not, as densely as `count` fill one that is not flat."""
    # A root such as 3125^(1/5) may come out a little too large.
    return math.ceil(count ** (free_coordinates(lower, upper) / len(lower)) - 1e-9)


class Kind(Parameterised, ABC):
    """What every kind of points offers; how many points a region gets depends on no seed."""

    kind: ClassVar[str]
    integrates: ClassVar[bool] = True
    """Whether means over the points, with their `weights`, tend to the mean over the region as points are added."""

    @property
    def every(self) -> int:
        """Iterations after which points are renewed on the host; 0 if they are not."""
        return 0

    @property
    def fresh(self) -> bool:
        """Whether each iteration draws points of its own."""
        return False

    @property
    def pool(self) -> int:
        """Points at which `renewed` asks for the residual, in one call; 0 if it does not."""
        return 0

    def check(self, lower: Array, upper: Array) -> None:
        """Refuse what makes no sense for an equation on lower ≤ (x₀, …, t) ≤ upper.

        Raises:
            InputError: naming the parameter, its value and the remedy.

        """

    @abstractmethod
    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """The first points of a region, shape (n, k)."""

    def weights(self, lower: Array, upper: Array) -> Array | None:
        """Weights (n,) of mean 1 that make a mean over the points of a region a quadrature; None for equal ones."""
        return None

    def spacings(self, lower: Array, upper: Array, count: int) -> Array | None:
        """Distance between neighbours along each coordinate (k,) where `count` points of a region stay in their places.

        That of scattered points is that of a grid of as many, evenly divided among the coordinates. None for points
        that are replaced.
        """
        if self.fresh or self.every:
            return None
        spacings: Array = (upper - lower) * count ** (-1.0 / len(lower))
        return spacings

    def log_density(self, points: Any, lower: Any, upper: Any) -> Any:
        """ln of the density of `points` (n, k) of a region, but for a constant, in their own kind of array (n,).

        None where it is even or known by `weights`.
        """
        return None

    def renewed(
        self, lower: Array, upper: Array, generator: np.random.Generator, residual_at: ResidualAt | None = None
    ) -> Array:
        """Points (n, k) in place of those of `within` or of the last renewal, as many as there were.

        Where residuals decide, `residual_at` is called once with `pool` points; without it points are drawn as if all
        residuals were the same.
        """
        return self.within(lower, upper).drawn(generator)
