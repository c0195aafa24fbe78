"""Multilevel Picard iterations: their mean is Picard's iterate, their error falls by the level, their cost is known."""

from __future__ import annotations

import functools
import math
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from backends.estimators.sampling import BATCH
from backends.multilevel_picard import MultilevelPicard
from problems.families.terminal import TerminalValueProblem
from problems.parameters import parameter
from tests.backends.estimator_cases import estimate, made, traced_peak

run = functools.partial(estimate, MultilevelPicard)


@dataclass(frozen=True)
class Forced(TerminalValueProblem):
    """uₜ + ½σ²Δu + c u + |x|² + t = 0, u(T) = 0; u(0, 0) = ∫ e^{cs} (d σ² s + s) ds, linear and exactly known."""

    name = "forced"
    title = equation = citation = "manufactured"

    c: float = parameter(1.5, "growth")

    def volatility(self):
        return 0.7

    def terminal(self, ops, x):
        return 0.0 * ops.sum(x)

    def driver(self, ops, t, x, u, slope):
        return self.c * u + ops.dot(x, x) + t

    def value(self):
        return self.iterate(60)

    def iterate(self, level: int) -> float:
        """Picard's: the exponential's series up to the power `level` − 1."""
        force, c, T = 1.0 + self.d * self.volatility() ** 2, self.c, self.T
        return force * sum(c**k / math.factorial(k) * T ** (k + 2) / (k + 2) for k in range(level))


@pytest.mark.parametrize("levels", [1, 2, 3])
def test_mean_is_picards_iterate_of_a_forced_linear_equation(levels: int) -> None:
    problem = Forced(d=3)
    assert problem.value() == pytest.approx(2.47 * (0.5 * math.exp(1.5) + 1.0) / 1.5**2, rel=1e-12)
    value, bar, _ = run(problem, levels=levels, basis=3, repetitions=1000)
    assert bar < 0.03 * problem.value()
    assert abs(value - problem.iterate(levels)) < 4.0 * bar
    assert abs(value - problem.iterate(levels + 1)) > 4.0 * bar


@pytest.mark.parametrize("levels", [1, 2, 3, 4])
def test_mean_is_a_partial_sum_of_the_discount(levels: int) -> None:
    """Picard's iterates of f = −r u are the partial sums of e^{−rT} times the mean pay-off."""
    problem = made("black-scholes-nd", d=5, rate=0.9, strike=200.0)
    series = sum((-0.9) ** k / math.factorial(k) for k in range(levels))
    value, bar, _ = run(problem, levels=levels, basis=4, repetitions=1000)
    assert bar < 2.0
    assert abs(value - series * math.exp(0.9) * problem.value()) < 4.0 * bar


@pytest.mark.parametrize("d", [10, 100])
def test_errors_fall_with_the_levels(d: int) -> None:
    """The bias of uₜ + Δu + u is that of e^{0.3} after n terms: 26, 3.7, 0.36 and 0.027 %; sampling adds to it."""
    problem = made("allen-cahn-nd", d=d)
    errors, samples = [], (300, 200, 100, 30)
    for levels, seeds in zip((1, 2, 3, 4), samples, strict=True):
        found = np.array([run(problem, seed, levels=levels, repetitions=2)[0] for seed in range(seeds)])
        errors.append(float(np.sqrt(np.mean((found / problem.value() - 1.0) ** 2))))
    ratios = np.divide(errors[:-1], errors[1:])
    assert (ratios > 1.3).all()
    assert (ratios < 8.0).all()
    assert 15.0 < errors[0] / errors[-1] < 60.0
    assert errors[-1] < 0.02


def test_cost_is_that_of_the_recursion() -> None:
    """Every sample of a correction takes the driver at two levels, and values of both."""

    def work(level: int, basis: int) -> int:
        per = [1 + work(0, basis), *(2 + work(k, basis) + work(k - 1, basis) for k in range(1, level))] if level else []
        return sum(basis ** (level - k) * count for k, count in enumerate(per))

    def evaluations(problem: Any, **parameters: Any) -> int:
        return run(problem, **parameters)[2].facts()["evaluations"]

    for levels, basis in ((1, 5), (2, 3), (3, 3), (4, 2)):
        assert evaluations(Forced(d=2), levels=levels, basis=basis, repetitions=3) == 3 * work(levels, basis)
    # What does not look at t and x is known for u = 0, and not sampled.
    assert evaluations(made("allen-cahn-nd", d=2), levels=1) == 0
    assert evaluations(made("allen-cahn-nd", d=2), levels=2, basis=3, repetitions=2) == 2 * 3 * 2


def test_memory_is_bounded_by_batches_and_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
    peak = traced_peak(MultilevelPicard, made("allen-cahn-nd", d=1000), levels=3, basis=12, repetitions=2)
    assert peak < 10 * 8 * BATCH


def test_driver_that_looks_at_the_slope_is_refused() -> None:
    assert "looks at ∇u" in MultilevelPicard().unsupported(made("hjb-lq"))
