"""Monte Carlo: order ½ and the exact constant, honest error bars, what Sobol' points gain, bounded memory, refusals."""

from __future__ import annotations

import itertools
import math
import os
from typing import Any

import numpy as np
import pytest

from backends.base import Diverged, Session
from backends.estimators.sampling import BATCH
from backends.monte_carlo import MonteCarlo
from problems import InputError
from tests.backends.estimator_cases import estimate, made, traced_peak


def run(problem: Any, seed: int = 0, **parameters: Any) -> tuple[float, float, Session]:
    """Error, stated standard error, session."""
    value, bar, session = estimate(MonteCarlo, problem, seed, **parameters)
    return value - problem.value(), bar, session


def spread(problem: Any, seeds: int, **parameters: Any) -> float:
    return math.sqrt(np.mean([run(problem, seed, **parameters)[0] ** 2 for seed in range(seeds)]))


def test_random_samples_have_order_one_half_with_the_constant_of_the_pay_off() -> None:
    """The standard deviation of one pay-off, by quadrature, over √N; a ratio of two spreads is known within 7 %."""
    basket = made("black-scholes-nd", d=20, rate=0.05)
    nodes, weights = np.polynomial.hermite_e.hermegauss(300)
    paid = np.maximum(100.0 * np.exp(basket.start()[0] + 0.2 / math.sqrt(20.0) * nodes) - 100.0, 0.0)
    weights /= weights.sum()
    deviation = math.exp(-0.05) * math.sqrt(weights @ paid**2 - (weights @ paid) ** 2)
    counts = (64, 512, 4096)
    errors = [spread(basket, 200, sampling="random", samples=n) for n in counts]
    for n, error in zip(counts, errors, strict=True):
        assert error == pytest.approx(deviation / math.sqrt(n), rel=0.2)
    for coarse, fine in itertools.pairwise(errors):
        assert 0.45 < math.log(coarse / fine, 8.0) < 0.55


# Sixteen scramblings have fifteen degrees of freedom, and 95 % of Student's distribution lie within 2.13.
@pytest.mark.parametrize(("sampling", "samples", "quantile"), [("random", 500, 1.96), ("sobol", 1024, 2.131)])
@pytest.mark.parametrize("problem", [made("hjb-lq", d=10), made("black-scholes-nd", d=10)], ids=lambda p: p.name)
def test_error_bar_covers_the_truth_as_often_as_it_says(
    problem: Any, sampling: str, samples: int, quantile: float
) -> None:
    inside = [
        abs(error) < quantile * bar
        for error, bar, _ in (run(problem, seed, sampling=sampling, samples=samples) for seed in range(400))
    ]
    assert 0.95 - 0.033 < np.mean(inside) < 0.95 + 0.033


def test_sobol_points_have_a_higher_order_in_few_dimensions() -> None:
    """3/2 for a smooth function, so long as logarithms of N do not weigh."""
    problem = made("hjb-lq", d=2)
    coarse, fine = (spread(problem, 40, samples=16 * n) for n in (64, 4096))
    assert 1.2 < math.log(coarse / fine, 64.0) < 1.8
    assert fine < 1e-5


@pytest.mark.parametrize(("name", "gain"), [("hjb-lq", 3.0), ("black-scholes-nd", 2.0)])
def test_sobol_points_are_better_in_a_hundred_dimensions(name: str, gain: float) -> None:
    problem = made(name)
    plain, sobol = (spread(problem, 16, sampling=kind, samples=2**13) for kind in ("random", "sobol"))
    assert sobol < plain / gain


@pytest.mark.parametrize("d", [1, 10, 1000])
def test_value_lies_within_five_error_bars_in_any_dimension(d: int) -> None:
    for name in ("hjb-lq", "black-scholes-nd"):
        for parameters in ({"sampling": "random", "samples": 20_000}, {"samples": 2**13}):
            error, bar, session = run(made(name, d=d), seed=1, **parameters)
            assert abs(error) < 5.0 * bar
            assert session.facts()["samples"] == parameters["samples"]


@pytest.mark.parametrize("sampling", ["random", "sobol"])
def test_memory_does_not_grow_with_samples(monkeypatch: pytest.MonkeyPatch, sampling: str) -> None:
    """A batch, what the declaration and the quantiles make of it, and the directions of Sobol' points."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
    problem = made("hjb-lq", d=100)
    run(problem, sampling=sampling, samples=32)
    peak = traced_peak(MonteCarlo, problem, sampling=sampling, samples=2**18)
    assert peak < 5 * 8 * BATCH < 2**18 * 100 * 8 / 5


def test_what_no_sample_meets_is_no_answer() -> None:
    session = run(made("black-scholes-nd", strike=1e4), samples=1024)[2]
    assert "all samples gave the same value" in session.outcome
    with pytest.raises(Diverged, match="cannot be undone"):
        run(made("hjb-lq", T=1e5, strength=50.0, d=1000), samples=1024)


def test_what_has_no_mean_is_refused() -> None:
    assert "not known as a function of one mean" in MonteCarlo().unsupported(made("allen-cahn-nd"))


def test_sobol_points_out_of_balance_are_refused_with_the_nearest_number() -> None:
    with pytest.raises(InputError, match=r"samples = 100000 in 16 scramblings.*give 131072"):
        MonteCarlo.create({"samples": 100_000}).validate(made("hjb-lq"))
    MonteCarlo.create({"samples": 100_000, "sampling": "random"}).validate(made("hjb-lq"))
