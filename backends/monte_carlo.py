"""Solutions that are a function of one mean, by sampling it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Diverged, Session, Solver
from backends.estimators.sampling import Estimate, Random, Sobol
from backends.estimators.value import ValueSession
from problems import Problem
from problems.base import Array
from problems.families.terminal import Expectation, TerminalValueProblem
from problems.operations import NUMPY
from problems.parameters import parameter

STEP = 1e-5
"""Part of a mean by which it is moved to see what its error makes of the solution."""


@register
@dataclass(frozen=True)
class MonteCarlo(Solver):
    """u(0, ξ) from the mean of a function of X_T = ξ + σ W_T: Feynman's and Kac's formula, Hopf's and Cole's transform.

    X_T is drawn in one step, so that there is no error of discretisation. Random samples have order ½ in their number
    in every dimension, with a constant that need not grow with it; Sobol' points have up to order 1, and 3/2 for smooth
    functions, as far as few coordinates at a time matter (Owen 1997, Ann. Stat. 25; Caflisch, Morokoff & Owen 1997, J.
    Comput. Finance 1), and order ½ at worst. A sample costs d normal numbers and one value. Where the solution is a
    curved function of the mean, its bias is of order 1, far below the error bar. Source: Glasserman 2003, Monte Carlo
    Methods in Financial Engineering, ch. 1, 4 and 5.
    """

    name = "monte-carlo"
    title = "Monte Carlo"
    family = "classical"
    libraries = ("numpy", "scipy")
    imports = ("scipy.special", "scipy.stats")

    samples: int = parameter(2**17, "samples of X_T in all", least=2, most=2**34)
    sampling: Random | Sobol = parameter(Sobol(), "what is drawn")

    presets = {"plain": {"sampling": "random"}}

    def unsupported(self, problem: Problem) -> str | None:
        """Terminal-value problems with a linear equation behind them."""
        if not isinstance(problem, TerminalValueProblem):
            return f"a terminal-value problem is needed, and this is one of the family {problem.family}"
        if problem.expectation() is None:
            return "the equation is nonlinear, and its solution is not known as a function of one mean"
        return None

    def validate(self, problem: Problem) -> None:
        """Refuse numbers of samples that unbalance Sobol' points."""
        self.sampling.refuse(self.samples, self.name)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Nothing to set up."""
        assert isinstance(problem, TerminalValueProblem)
        return MonteCarloSession(self, problem, context.seed)


class MonteCarloSession(ValueSession):
    """One mean."""

    def __init__(self, solver: MonteCarlo, problem: TerminalValueProblem, seed: int) -> None:
        self._solver, self._problem, self._seed = solver, problem, seed

    def estimate(self) -> Estimate:
        """Draw, average, and undo the transformation.

        Raises:
            Diverged: if all samples vanish in floating-point numbers, where that cannot be done.

        """
        problem, solver = self._problem, self._solver
        expectation = problem.expectation()
        assert expectation is not None
        spread, start = problem.volatility() * math.sqrt(problem.T), problem.start()[:, None]

        def values(z: Array) -> Array:
            z *= spread
            z += start
            return np.asarray(expectation.of(NUMPY, z))

        seed = np.random.SeedSequence(self._seed)
        return transformed(expectation, solver.sampling.mean(values, problem.d, solver.samples, seed))

    def facts(self) -> Mapping[str, Any]:
        """The error bar, and what it cost."""
        return {**super().facts(), "samples": self._solver.samples}


def transformed(expectation: Expectation, found: Estimate) -> Estimate:
    """The solution from its mean; the error bar is multiplied by the slope of the transformation."""
    try:
        ends = [expectation.back((1.0 + sign * STEP) * found.mean) for sign in (-1.0, 1.0)]
        value = expectation.back(found.mean)
    except ValueError as error:
        raise Diverged(f"the transformation of the mean {found.mean} cannot be undone ({error})") from error
    slope = (ends[1] - ends[0]) / (2.0 * STEP * found.mean) if found.mean else 0.0
    return Estimate(value, abs(slope) * found.standard_error)
