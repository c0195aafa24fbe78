"""Inverse problems: coefficients of an equation from noisy observations of its solution.

To declare one, give the unknown parameters θ in `unknowns()`, the equation that they belong to in `forward(theta)`, and
the derivatives of its exact solution in `sensitivities(theta)`. Its observations are taken at the evaluation points of
the forward problem, so that every method that solves an equation can answer there.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import PDE, Array, Problem
from problems.parameters import parameter
from problems.references.least_squares import least_squares

COVERAGE = 1.959964
"""Half-width, in standard errors, of an interval that covers the truth in 95 % of all samples of the noise."""


Theta = Sequence[Any] | Array
"""Parameters (p,), or scalars of any array library in their place."""


@dataclass(frozen=True)
class Unknown:
    """A parameter to be found: its true value, not zero, and what a solver may know of it, lower < guess < upper."""

    name: str
    true: float
    guess: float
    lower: float
    upper: float


@dataclass(frozen=True)
class InverseProblem(Problem):
    """Find θ from observations yᵢ = u(xᵢ, tᵢ; θ) + σ ηᵢ of the solution u(·; θ) of an equation, ηᵢ standard normal.

    Two different distances tell two different things, and `measures` gives both. The distance of an answer from the
    true θ mixes what a solver does with what the noise did to the data: no unbiased method comes closer than about the
    standard error of the Cramér–Rao bound, and one that does was lucky. The distance from the exact least-squares
    estimate, which is the most likely θ and what an exact solver makes of these data, goes to zero as a solver is
    refined, whatever the noise. It is the headline, since it is solvers that are compared; where it is below the
    standard error, further digits of it say nothing about θ. Without noise the two distances are the same.

    The answer of a solver is θ, its evaluation points are the indices of the parameters, and its reference is the true
    θ. A solver may state the standard errors of its answer in an array `standard_errors` (p,) among its facts.
    """

    family: ClassVar[str] = "inverse problem"
    headline: ClassVar[str] = "estimate_error"

    noise: float = parameter(0.01, "standard deviation σ of the noise, in units of u", least=0)
    seed: int = parameter(0, "seed of the noise in numpy's legacy generator, whose stream stays as it is", least=0)

    @abstractmethod
    def unknowns(self) -> tuple[Unknown, ...]:
        """The parameters to be found, p of them."""

    @abstractmethod
    def forward(self, theta: Theta) -> PDE:
        """The equation for parameters θ (p,), which may be scalars of any array library: to be used arithmetically.

        Its evaluation points are the places and instants of the observations. It has an exact solution for every θ.
        """

    @abstractmethod
    def sensitivities(self, theta: Theta) -> Array:
        """∂u/∂θ of the exact solution at the places of the observations, shape (n, m, p)."""

    def at_guess(self) -> PDE:
        """The equation with the parameters of the first guess."""
        return self.forward([unknown.guess for unknown in self.unknowns()])

    @property
    def dimension(self) -> int:
        """Number of spatial dimensions of the equation."""
        return self.forward(self.truth()).dimension

    def truth(self) -> Array:
        """The true θ, shape (p,)."""
        return np.array([unknown.true for unknown in self.unknowns()])

    def observations(self) -> tuple[Array, Array]:
        """Places and instants (n, k) of the observations and what was observed there (n, m), the same for everybody."""
        points = self.forward(self.truth()).points()
        exact = self.prediction(self.truth())
        return points, exact + self.noise * np.random.RandomState(self.seed).standard_normal(exact.shape)

    def prediction(self, theta: Theta) -> Array:
        """The exact solution for parameters θ at the places of the observations, shape (n, m)."""
        equation = self.forward(theta)
        return equation.reference(equation.points())

    def estimate(self) -> Array:
        """The θ (p,) with the least sum of squares Σ (u(xᵢ, tᵢ; θ) − yᵢ)², by the exact solution, to rounding."""
        return _estimate(self)

    def standard_errors(self) -> Array:
        """Least standard deviation (p,) that an unbiased estimate of each parameter can have: σ √diag (SᵀS)⁻¹.

        The Cramér–Rao bound (Rao 1945; Cramér 1946), from the exact sensitivities S at the true θ.
        """
        slopes = self.sensitivities(self.truth()).reshape(-1, len(self.truth()))
        return np.asarray(self.noise * np.sqrt(np.diag(np.linalg.inv(slopes.T @ slopes))))

    def points(self) -> Array:
        """The indices of the parameters, shape (p, 1)."""
        return np.arange(float(len(self.unknowns())))[:, None]

    def reference(self, points: Array) -> Array:
        """The true parameters at the indices in `points`, shape (n, 1)."""
        return self.truth()[points[:, 0].astype(int)][:, None]

    def measures(self, solution: Array, findings: Mapping[str, Array] | None = None) -> dict[str, float]:
        """The parameters found, with their distances from the truth and from the exact least-squares estimate.

        `parameter_error` and `estimate_error` are the largest ones over the parameters, each relative to its true
        value; `…_in_standard_errors` are the same in units of what the noise allows, and `standard_error` is the
        latter relative to the true value, at its largest. Where a solver states standard errors,
        `stated_standard_error` is the largest of them, relative as well, and `interval_covers` the share of the
        parameters whose true value lies in the interval of 95 % that follows from them.
        """
        theta, truth = solution[:, 0], self.truth()
        names = [unknown.name for unknown in self.unknowns()]
        wrong, off = np.abs(theta - truth), np.abs(theta - self.estimate())
        found = dict(zip(names, map(float, theta), strict=True))
        found |= {f"{name}_error": float(e) for name, e in zip(names, wrong / np.abs(truth), strict=True)}
        found |= {"parameter_error": _largest(wrong / truth), "estimate_error": _largest(off / truth)}
        if self.noise == 0.0:
            return found
        deviations = self.standard_errors()
        found |= {
            "parameter_error_in_standard_errors": _largest(wrong / deviations),
            "estimate_error_in_standard_errors": _largest(off / deviations),
            "standard_error": _largest(deviations / truth),
        }
        stated = (findings or {}).get("standard_errors")
        if stated is not None and stated.shape == truth.shape:
            found |= {
                "stated_standard_error": _largest(stated / truth),
                "interval_covers": float((wrong <= COVERAGE * stated).mean()),
            }
        return found


def _largest(values: Array) -> float:
    return float(np.abs(values).max())


@functools.lru_cache(maxsize=32)
def _estimate(problem: InverseProblem) -> Array:
    _, values = problem.observations()
    p = len(problem.truth())
    found = least_squares(
        lambda theta: (problem.prediction(theta) - values).ravel(),
        lambda theta: problem.sensitivities(theta).reshape(-1, p),
        problem.truth(),
    )
    found.setflags(write=False)
    if not all(u.lower < value < u.upper for u, value in zip(problem.unknowns(), found, strict=True)):
        raise ArithmeticError(
            f"{problem.name}: with noise = {problem.noise:g} and seed = {problem.seed} the least-squares estimate "
            f"{', '.join(f'{value:.3g}' for value in found)} is not within the bounds; take less noise"
        )
    return found
