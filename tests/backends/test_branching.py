"""Branching diffusions: no bias, honest error bars, order ½, several powers at once, and where they fail."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import pytest

from backends.branching import Branching
from backends.estimators.drivers import driver_at_zero, looks_at_slope, polynomial
from backends.multilevel_picard import MultilevelPicard
from problems import InputError
from problems.families.terminal import TerminalValueProblem
from problems.parameters import parameter
from tests.backends.estimator_cases import estimate, made

run = functools.partial(estimate, Branching)


@dataclass(frozen=True)
class Flat(TerminalValueProblem):
    """uₜ + ½Δu + a + b u + c u² + e u³ = 0 from a constant, which stays one: an ordinary equation."""

    name = "flat"
    title = equation = citation = "manufactured"

    coefficients: tuple[float, ...] = parameter((0.0, 1.0, -1.0, 0.0), "those of 1, u, u², u³")
    level: float = parameter(0.3, "terminal value")
    wavy: bool = parameter(False, "whether sin u is added to f")
    moving: bool = parameter(False, "whether t is added to f")

    def volatility(self):
        return 1.0

    def terminal(self, ops, x):
        return self.level + 0.0 * ops.sum(x)

    def driver(self, ops, t, x, u, slope):
        a, b, c, e = self.coefficients
        value = a + b * u + c * u * u + e * u**3
        value = value + ops.sin(u) if self.wavy else value
        return value + t if self.moving else value

    def value(self):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("coefficients", "level", "T", "wanted"),
    [
        # A logistic curve, a tangent, a pole that is 1/(4 − 1) away, and decay by cubes.
        ((0.0, 1.0, -1.0, 0.0), 0.3, 0.5, 0.3 * math.exp(0.5) / (1.0 + 0.3 * (math.exp(0.5) - 1.0))),
        ((1.0, 0.0, 1.0, 0.0), 0.2, 0.4, math.tan(0.4 + math.atan(0.2))),
        ((0.0, 0.0, 1.0, 0.0), 0.5, 0.5, 0.5 / (1.0 - 0.5 * 0.5)),
        ((0.0, 0.0, 0.0, -0.5), 0.8, 0.5, 0.8 / math.sqrt(1.0 + 0.5 * 0.8**2)),
        ((0.0, -2.0, 0.0, 0.0), 0.8, 0.5, 0.8 * math.exp(-1.0)),
    ],
)
def test_reactions_of_a_constant_follow_their_ordinary_equation(
    coefficients: tuple[float, ...], level: float, T: float, wanted: float
) -> None:
    problem = Flat(d=2, T=T, coefficients=coefficients, level=level)
    value, bar, _ = run(problem, samples=64, trees=100_000, rate=0.3)
    assert abs(value - wanted) < 4.0 * bar + 1e-14
    assert bar < 5e-3 * wanted


@pytest.mark.parametrize("d", [1, 10])
def test_error_bar_covers_the_truth_as_often_as_it_says(d: int) -> None:
    problem = made("allen-cahn-nd", d=d)
    found = [run(problem, seed, samples=1000, trees=1000, sampling="random")[:2] for seed in range(400)]
    inside = [abs(value - problem.value()) < 1.96 * bar for value, bar in found]
    assert 0.95 - 0.033 < np.mean(inside) < 0.95 + 0.033


def test_trees_have_order_one_half() -> None:
    problem = Flat(d=1, T=0.5)
    wanted = 0.3 * math.exp(0.5) / (1.0 + 0.3 * (math.exp(0.5) - 1.0))
    errors = [
        math.sqrt(np.mean([(run(problem, seed, samples=64, trees=n)[0] - wanted) ** 2 for seed in range(200)]))
        for n in (64, 4096)
    ]
    assert 0.45 < math.log(errors[0] / errors[1], 64.0) < 0.55
    assert errors[1] < 2e-3


def test_fewer_particles_than_random_numbers_of_nested_iterations_say_more() -> None:
    """The classical rival of the same cost: 16 repetitions of four levels draw some 400,000 places."""
    problem = made("allen-cahn-nd", d=100)
    _, nested_bar, _ = estimate(MultilevelPicard, problem, levels=4)
    _, bar, session = run(problem, samples=2**15, trees=2**12)
    assert session.facts()["particles"] < 50_000
    assert bar < nested_bar / 10.0


def test_later_divisions_cost_variance_or_work_but_no_bias() -> None:
    problem = made("allen-cahn-nd", d=3)
    found = {rate: run(problem, samples=2**15, trees=2**15, rate=rate) for rate in (0.02, 0.1, 1.0)}
    crowds = [session.facts()["particles"] for _, _, session in found.values()]
    assert crowds[0] < crowds[1] < crowds[2]
    for value, bar, _ in found.values():
        assert abs(value - problem.value()) < 4.0 * bar


def test_nothing_divides_where_the_reaction_is_linear() -> None:
    facts = run(made("black-scholes-nd", d=5), samples=4096)[2].facts()
    assert facts["samples"] == facts["particles"] == 4096
    facts = run(made("allen-cahn-nd", d=5), samples=4096, trees=100)[2].facts()
    assert facts["samples"] == 4196
    # The first particle of a tree divides into three, and each of these at times.
    assert 4096 + 300 <= facts["particles"] < 4096 + 600


def test_trees_without_bounds_are_no_answer() -> None:
    session = run(made("allen-cahn-nd", d=1, T=2.0), samples=1024, trees=10_000)[2]
    assert "the trees vary too much" in session.outcome


def test_drivers_are_read_for_what_they_look_at() -> None:
    cubic, controlled, linear = made("allen-cahn-nd"), made("hjb-lq", strength=2.0), made("black-scholes-nd")
    assert list(polynomial(cubic)) == [0.0, 1.0, 0.0, -1.0]
    assert list(polynomial(linear)) == [0.0, -linear.rate]
    assert list(polynomial(Flat(coefficients=(1.0, 2.0, 3.0, 4.0)))) == [1.0, 2.0, 3.0, 4.0]
    for other in (controlled, Flat(wavy=True), Flat(moving=True)):
        assert polynomial(other) is None
    assert [looks_at_slope(problem) for problem in (cubic, controlled, linear)] == [False, True, False]
    assert driver_at_zero(Flat(coefficients=(0.5, 1.0, 0.0, 0.0))) == 0.5
    assert driver_at_zero(Flat(moving=True)) is None


def test_what_is_no_polynomial_is_refused() -> None:
    assert "polynomial in u" in Branching().unsupported(made("hjb-lq"))
    assert "polynomial in u" in Branching().unsupported(Flat(wavy=True))
    with pytest.raises(InputError, match="give 65536"):
        Branching.create({"samples": 70_000}).validate(made("allen-cahn-nd"))
