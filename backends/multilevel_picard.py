"""Semilinear equations by full-history recursive multilevel Picard iterations."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from backends.estimators.drivers import driver_at_zero, looks_at_slope
from backends.estimators.sampling import BATCH, Estimate, Seed, mean_of_repetitions
from backends.estimators.value import ValueSession
from backends.structure import Untouchable
from problems import Problem
from problems.base import Array
from problems.families.terminal import TerminalValueProblem
from problems.operations import NUMPY
from problems.parameters import parameter


@register
@dataclass(frozen=True)
class MultilevelPicard(Solver):
    """u = E[g(X_T) + ∫ f(s, X_s, u) ds] as a fixed point, whose iterates are told apart by fewer samples the later.

    U₀ = 0, and Uₙ is the mean of g over Mⁿ samples plus, for every l < n, the mean of (T − t)(f(U_l) − f(U_{l−1})) over
    M^{n−l} samples at even times, all of them with values of U_l that were sampled anew. Its mean is Picard's n-th
    iterate, so that the bias falls like (c T)ⁿ/n! for a driver with the Lipschitz constant c; the rest is seen in the
    spread of `repetitions`. f(0) is not sampled where it is the same everywhere. A repetition takes at most
    d (5 M)ⁿ random numbers; with M = n growing an error ε costs d ε^{−2−δ} for every δ > 0, in any dimension. The
    driver must not look at ∇u. Sources: E, Hutzenthaler, Jentzen & Kruse 2019, J. Sci. Comput. 79; Hutzenthaler,
    Jentzen, Kruse, Nguyen & von Wurstemberger 2020, Proc. R. Soc. A 476.
    """

    name = "multilevel-picard"
    title = "Multilevel Picard iteration"
    family = "classical"
    libraries = ("numpy",)

    levels: int = parameter(4, "iterations n", least=1, most=10)
    basis: int | None = parameter(None, "samples M of the last correction; as many as levels if none", least=1)
    repetitions: int = parameter(16, "independent repetitions, of which the mean is taken", least=2)

    def unsupported(self, problem: Problem) -> str | None:
        """Terminal-value problems whose driver does not look at ∇u."""
        if not isinstance(problem, TerminalValueProblem):
            return f"a terminal-value problem is needed, and this is one of the family {problem.family}"
        if looks_at_slope(problem):
            return "the driver looks at ∇u, and these iterations approximate u alone"
        return None

    def begin(self, problem: Problem, context: Context) -> Session:
        """Nothing to set up."""
        assert isinstance(problem, TerminalValueProblem)
        return PicardIterationSession(self, problem, context.seed)


class PicardIterationSession(ValueSession):
    """The mean of independent repetitions."""

    def __init__(self, solver: MultilevelPicard, problem: TerminalValueProblem, seed: int) -> None:
        self._solver, self._problem, self._seed = solver, problem, seed
        self._evaluations: list[int] = []

    def estimate(self) -> Estimate:
        """Repeat."""
        solver, problem, self._evaluations = self._solver, self._problem, []

        def one(stream: Seed) -> float:
            iterates = Iterates(problem, solver.basis or solver.levels, stream)
            value = iterates.at(solver.levels, np.zeros(1), problem.start()[:, None])
            self._evaluations.append(iterates.evaluations)
            return float(value[0])

        return mean_of_repetitions(one, solver.repetitions, np.random.SeedSequence(self._seed))

    def facts(self) -> Mapping[str, Any]:
        """The error bar, and values of the driver, all repetitions together."""
        return {**super().facts(), "evaluations": sum(self._evaluations)}


class Iterates:
    """Samples of Picard's iterates, each call with random numbers of its own."""

    def __init__(self, problem: TerminalValueProblem, basis: int, seed: Seed) -> None:
        self.evaluations = 0
        self._problem, self._basis = problem, basis
        self._stream = np.random.Generator(np.random.SFC64(seed))
        self._most = max(1, BATCH // problem.d)
        self._at_rest = driver_at_zero(problem)

    def at(self, level: int, t: Array, x: Array) -> Array:
        """U_level at times (n,) and places (d, n), shape (n,)."""
        if level == 0:
            return np.zeros_like(t)
        value = self._mean(self._basis**level, t, x, self._end)
        if self._at_rest is not None:
            value += (self._problem.T - t) * self._at_rest
        for lower in range(0 if self._at_rest is None else 1, level):
            value += self._mean(self._basis ** (level - lower), t, x, functools.partial(self._gain, lower))
        return value

    def _end(self, t: Array, x: Array) -> Array:
        """g(X_T), one sample from each place."""
        return np.asarray(self._problem.terminal(NUMPY, self._moved(x, self._problem.T - t)))

    def _gain(self, level: int, t: Array, x: Array) -> Array:
        """(T − t)(f(U_level) − f(U_{level − 1})) at an even time between t and T, one sample from each place."""
        left = self._problem.T - t
        wait = left * self._stream.random(len(t))
        t, x = t + wait, self._moved(x, wait)
        gain = self._driver(t, x, self.at(level, t, x))
        if level:
            gain = gain - self._driver(t, x, self.at(level - 1, t, x))
        return left * gain

    def _driver(self, t: Array, x: Array, u: Array) -> Any:
        self.evaluations += len(t)
        return self._problem.driver(NUMPY, t, x, u, Untouchable())

    def _moved(self, x: Array, elapsed: Array) -> Array:
        """Where particles from `x` (d, n) are some time (n,) later."""
        step = self._stream.standard_normal(x.shape)
        step *= self._problem.volatility() * np.sqrt(elapsed)
        step += x
        return step

    def _mean(self, count: int, t: Array, x: Array, sample: Callable[[Array, Array], Array]) -> Array:
        """Means of `count` samples from each place, shape (n,), in batches whose memory does not grow."""
        total = np.zeros_like(t)
        for first in range(0, count * len(t), self._most):
            place = np.arange(first, min(first + self._most, count * len(t))) // count
            total += np.bincount(place, sample(t[place], x[:, place]), len(t))
        return total / count
