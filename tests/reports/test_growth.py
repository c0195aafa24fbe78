"""Fitted exponents of growth: known laws come back, and intervals cover as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from problems.base import Array
from reports.dimension.growth import LEVEL, Growth, fit, fitted

DIMENSIONS = 2.0 ** np.arange(11)
DRAWS = 120


def power(exponent: float, constant: float, dimensions: Array = DIMENSIONS) -> Array:
    return constant + dimensions**exponent


def made(dimensions: Array, cost: Array, **options: object) -> Growth:
    growth = fit(list(dimensions), list(cost), **options)  # type: ignore[arg-type]
    assert growth is not None
    return growth


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.37, 2.0, 3.0])
@pytest.mark.parametrize("constant", [0.0, 3.0, 25.0])
def test_exponent_of_a_law_without_scatter_comes_back_whatever_the_constant(exponent: float, constant: float) -> None:
    growth = made(DIMENSIONS, power(exponent, constant))
    assert growth.exponent == pytest.approx(exponent, abs=2e-3)
    assert growth.lower < exponent < growth.upper
    assert growth.upper - growth.lower < 0.15
    assert growth.constant == pytest.approx(constant / power(exponent, constant)[-1], abs=2e-3)
    assert growth.misfit < 1e-3


@pytest.mark.parametrize(("exponent", "constant"), [(1.0, 0.0), (1.0, 20.0), (2.0, 100.0), (0.5, 0.0)])
def test_interval_covers_the_exponent_about_as_often_as_it_says(exponent: float, constant: float) -> None:
    """Of 120 draws 114 on average, with a deviation of 2.4; where the constant is at its bound of 0 some more."""
    rng = np.random.default_rng(11)
    covered, widths = 0, []
    for _ in range(DRAWS):
        cost = power(exponent, constant) * np.exp(0.05 * rng.standard_normal(len(DIMENSIONS)))
        growth = made(DIMENSIONS, cost)
        covered += growth.lower <= exponent <= growth.upper
        widths.append(growth.upper - growth.lower)
    spread = math.sqrt(DRAWS * LEVEL * (1.0 - LEVEL))
    assert DRAWS * LEVEL - 3.0 * spread < covered <= DRAWS - 1
    assert 0.01 < np.median(widths) < 0.2


def test_p_value_of_the_true_exponent_is_uniform() -> None:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(DRAWS):
        cost = power(1.0, 5.0) * np.exp(0.03 * rng.standard_normal(len(DIMENSIONS)))
        found.append(made(DIMENSIONS, cost).probability(1.0))
    assert 0.35 < np.mean(found) < 0.65
    assert 0.0 < np.mean(np.array(found) < 0.25) < 0.45


def test_three_points_have_an_interval_from_one_degree_of_freedom() -> None:
    """ln y deviates from a line of slope 1 by (e, −2e, e): the slope's interval is that of a straight line."""
    dimensions, e = np.array([1.0, 2.0, 4.0]), 0.02
    growth = made(dimensions, dimensions * np.exp([e, -2 * e, e]))
    width = 12.7062 * math.sqrt(6 * e**2 / (2 * math.log(2.0) ** 2))
    assert growth.exponent == pytest.approx(1.0, abs=1e-5)
    assert growth.upper - 1.0 == pytest.approx(width, rel=1e-2)
    assert 1.0 - growth.lower == pytest.approx(width, rel=1e-2)
    assert growth.freedom == 1


def test_cost_that_hardly_grows_has_no_exponent_and_says_by_how_much_it_grew() -> None:
    growth = made(DIMENSIONS, 4e4 + DIMENSIONS)
    assert not growth.settled
    assert growth.words == "1.0 times from d = 1 to d = 1024"
    assert "constant" not in made(DIMENSIONS, 1e3 + DIMENSIONS).words
    assert made(DIMENSIONS, 3e3 + DIMENSIONS).words.endswith(" above a constant 75 %")


def test_grid_is_told_from_a_power_and_gives_its_factor() -> None:
    dimensions = [1.0, 2.0, 3.0, 4.0, 5.0]
    growth = fitted(dimensions, [40.0 * 17.0**d for d in dimensions])
    assert growth is not None
    assert growth.law == "exponential"
    assert math.exp(growth.exponent) == pytest.approx(17.0, rel=1e-3)
    assert growth.words.startswith("17^d (")
    flat = fitted([10.0, 20.0, 100.0], [110.0, 120.0, 200.0])
    assert flat is not None
    assert flat.law == "power"
    straight = fitted(dimensions, [40.0 * d**3 for d in dimensions])
    assert straight is not None
    assert straight.words.startswith("d^3.00 (")


@pytest.mark.parametrize("cost", [[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 1.0, 1.0]])
def test_dimensions_far_apart_have_a_law_whatever_the_exponent_that_is_tried(cost: list[float]) -> None:
    """e^(−3 · 990) is no number any more."""
    growth = fitted([10.0, 100.0, 1000.0], cost)
    assert growth is not None
    assert growth.law == "power"
    assert growth.exponent == pytest.approx(math.log10(cost[2] / cost[0]) / 2, abs=1e-4)


def test_size_at_which_a_cost_is_reached_comes_from_the_law() -> None:
    """10⁵ + 7 s d^1.1 bytes are 2³⁵ at s = (2³⁵ − 10⁵)/(7 · 10^1.1) for d = 10."""
    dimensions = np.tile([4.0, 8.0, 16.0, 32.0, 64.0], 3)
    sizes = np.repeat([64.0, 256.0, 1024.0], 5)
    exact = 1e5 + 7.0 * sizes * dimensions**1.1
    true = (2.0**35 - 1e5) / (7.0 * 10.0**1.1)
    found = made(dimensions, exact, sizes=sizes).size_for(2.0**35, 10.0)
    assert found is not None
    assert found.value == pytest.approx(true, rel=1e-3)
    assert 1.0 < found.room < 1.01
    assert made(dimensions, exact, sizes=sizes).size_for(5e4, 10.0) is None
    rng = np.random.default_rng(8)
    covered, probable = 0, []
    for _ in range(DRAWS):
        found = made(dimensions, exact * np.exp(0.05 * rng.standard_normal(15)), sizes=sizes).size_for(2.0**35, 10.0)
        assert found is not None
        covered += true / found.room <= found.value <= true * found.room
        probable.append(found.probability(true))
    assert 0.87 * DRAWS < covered < DRAWS
    assert 0.35 < np.mean(probable) < 0.65


def test_two_dimensions_are_no_series() -> None:
    assert fit([1.0, 2.0, 2.0], [1.0, 2.0, 2.1]) is None
    assert fit([1.0, 2.0, 4.0], [1.0, math.nan, 2.1]) is None


def test_an_exponent_is_told_where_its_interval_tells_one_power_from_the_next() -> None:
    """Three points leave one degree of freedom: a scatter of 20 % leaves the exponent open, one of 1 % does not."""
    three = np.array([2.0, 4.0, 8.0])
    scattered = made(three, three * np.array([1.0, 1.2, 1.0]))
    assert math.isfinite(scattered.lower + scattered.upper)
    assert not scattered.settled
    assert scattered.words == "4.0 times from d = 2 to d = 8"
    assert made(three, three * np.array([1.0, 1.01, 1.0])).settled
