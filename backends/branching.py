"""Semilinear equations with a polynomial reaction, by branching diffusions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from backends.estimators.drivers import polynomial
from backends.estimators.sampling import BATCH, Estimate, Random, Sobol, mean_of_draws
from backends.estimators.value import ValueSession
from problems import Problem
from problems.base import Array
from problems.families.terminal import TerminalValueProblem
from problems.operations import NUMPY
from problems.parameters import parameter

ROOM = 8
"""Particles of a tree for which memory is held ready, on average."""
LARGEST = 0.05
"""Standard error relative to the value above which the latter is no answer, and the former likely too small."""


@register
@dataclass(frozen=True)
class Branching(Solver):
    """A reaction Σ cₖ uᵏ as particles that diffuse, and after an exponential time are replaced by k others.

    u(0, ξ) is the mean over trees of the product of g at their leaves, with a weight per branching that makes up for
    the probabilities; no error of discretisation, nor of truncation. Three things are done to keep the variance small:
    c₁ u is a factor e^{c₁(T − t)}, and no branching; the first particle is split into what arrives at T undivided, a
    mean as of a linear equation that Sobol' points may take, and what divides at a time drawn evenly; and the second
    part, usually a small one, has samples of its own. Order ½ in the number of trees, as long as their variance is
    finite: that wants small data, a weak reaction, or a short time. A tree costs d normal numbers per particle.
    Sources: Skorokhod 1964, Theory Probab. Appl. 9; Henry-Labordère, Oudjane, Tan, Touzi & Warin 2019, Ann. Inst. Henri
    Poincaré Probab. Stat. 55.
    """

    name = "branching"
    title = "Branching diffusions"
    family = "classical"
    libraries = ("numpy", "scipy")
    imports = ("scipy.special", "scipy.stats")

    samples: int = parameter(2**17, "samples of what arrives undivided", least=2, most=2**34)
    trees: int = parameter(2**14, "samples of what divides", least=2, most=2**34)
    rate: float = parameter(0.1, "divisions expected of a later particle from 0 to T", above=0, most=1)
    sampling: Random | Sobol = parameter(Sobol(), "what is drawn for what arrives undivided")

    def unsupported(self, problem: Problem) -> str | None:
        """Terminal-value problems whose driver is a polynomial in u."""
        if not isinstance(problem, TerminalValueProblem):
            return f"a terminal-value problem is needed, and this is one of the family {problem.family}"
        if polynomial(problem) is None:
            return "particles divide by a reaction that is a polynomial in u with constant coefficients"
        return None

    def validate(self, problem: Problem) -> None:
        """Refuse numbers of samples that unbalance Sobol' points."""
        self.sampling.refuse(self.samples, self.name)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Read the polynomial."""
        assert isinstance(problem, TerminalValueProblem)
        return BranchingSession(self, problem, context.seed)


class BranchingSession(ValueSession):
    """One mean of what arrives undivided, and one of what divides."""

    def __init__(self, solver: Branching, problem: TerminalValueProblem, seed: int) -> None:
        self._solver, self._problem, self._seed = solver, problem, seed
        coefficients = polynomial(problem)
        assert coefficients is not None
        self._growth = float(coefficients[1]) if len(coefficients) > 1 else 0.0
        self._powers = np.array([k for k, c in enumerate(coefficients) if k != 1 and c != 0.0], dtype=int)
        self._strengths = coefficients[self._powers]
        self._crowds: list[int] = []

    def estimate(self) -> Estimate:
        """Both parts of v = u e^{−c₁(T − t)}, with independent random numbers."""
        problem, solver = self._problem, self._solver
        spread, start = problem.volatility() * math.sqrt(problem.T), problem.start()[:, None]
        seeds, self._crowds = np.random.SeedSequence(self._seed).spawn(2), []
        parts = [
            solver.sampling.mean(
                lambda z: problem.terminal(NUMPY, start + spread * z), problem.d, solver.samples, seeds[0]
            )
        ]
        if len(self._powers):
            parts.append(mean_of_draws(self._divided, solver.trees, BATCH // (ROOM * problem.d), seeds[1]))
        factor = math.exp(self._growth * problem.T)
        found = Estimate(
            factor * math.fsum(part.mean for part in parts),
            factor * math.hypot(*(part.standard_error for part in parts)),
        )
        if not found.standard_error <= LARGEST * abs(found.mean):
            self.outcome = (
                f"the standard error is {found.standard_error:.1e} for a value of {found.mean:.1e}: the trees vary too "
                "much, perhaps without bounds, for a reaction that is this strong for so long"
            )
        return found

    def _divided(self, stream: np.random.Generator, count: int) -> Array:
        """T Σ cₖ vᵏ at an even time, from one tree each, shape (count,)."""
        problem, rate = self._problem, self._solver.rate / self._problem.T
        t = stream.uniform(0.0, problem.T, count)
        x = problem.start()[:, None] + self._moved(stream, t)
        weight, children = self._division(stream, t)
        weight *= problem.T
        tree = np.arange(count)
        while children.any():
            tree, t, x = np.repeat(tree, children), np.repeat(t, children), np.repeat(x, children, axis=1)
            self._crowds.append(len(tree))
            life, left = stream.exponential(1.0 / rate, len(tree)), problem.T - t
            arrives = life >= left
            elapsed = np.where(arrives, left, life)
            x += self._moved(stream, elapsed)
            # The density of a life is rate · e^{−rate · life}, and a leaf's probability e^{−rate · left}.
            factor = np.exp(rate * elapsed)
            factor[arrives] *= problem.terminal(NUMPY, x[:, arrives])
            divides = ~arrives
            t, x = (t + elapsed)[divides], x[:, divides]
            strength, children = self._division(stream, t)
            factor[divides] *= strength / rate
            np.multiply.at(weight, tree, factor)
            tree = tree[divides]
        return weight

    def _moved(self, stream: np.random.Generator, elapsed: Array) -> Array:
        """How far particles diffuse, shape (d, n)."""
        step = stream.standard_normal((self._problem.d, len(elapsed)))
        step *= self._problem.volatility() * np.sqrt(elapsed)
        return step

    def _division(self, stream: np.random.Generator, t: Array) -> tuple[Array, Array]:
        """Into how many particles each divides at t, all powers being as likely, and the weight of that, both (n,)."""
        which = stream.integers(len(self._powers), size=len(t))
        powers = self._powers[which]
        growth = np.exp((powers - 1) * self._growth * (self._problem.T - t))
        return len(self._powers) * self._strengths[which] * growth, powers

    def facts(self) -> Mapping[str, Any]:
        """The error bar, and what it cost."""
        samples = self._solver.samples + (self._solver.trees if len(self._powers) else 0)
        return {**super().facts(), "samples": samples, "particles": self._solver.samples + sum(self._crowds)}
