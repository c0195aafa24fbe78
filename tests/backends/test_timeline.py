"""Levels, kept levels and interpolation between them."""

from __future__ import annotations

import numpy as np
import pytest

from backends.timeline import Timeline, as_product, lagrange
from problems.parameters import InputError


def test_weights_are_exactly_one_at_a_node() -> None:
    nodes = np.linspace(0, 1, 11)
    index, weights = lagrange(nodes, nodes)
    assert np.array_equal(np.sort(weights, axis=1)[:, -1], np.ones(11))
    assert np.array_equal((weights * nodes[index]).sum(axis=1), nodes)


def test_interpolation_reproduces_cubics() -> None:
    nodes, x = np.linspace(-1, 2, 9), np.linspace(-1, 2, 101)
    index, weights = lagrange(nodes, x)
    cubic = np.poly1d([2.0, -1.0, 0.5, 3.0])
    assert np.abs((weights * cubic(nodes)[index]).sum(axis=1) - cubic(x)).max() < 1e-13


def test_step_that_does_not_divide_is_shortened_equally_or_at_the_end() -> None:
    equal = Timeline(1.0, 0.3, np.array([1.0]))
    assert equal.steps == 4
    assert equal.dt == 0.25
    last = Timeline(1.0, 0.3, np.array([1.0]), exact_step=True)
    assert last.steps == 4
    assert last.dt == 0.3
    assert last.last_step == pytest.approx(0.1, abs=1e-15)


def test_only_levels_around_output_times_are_kept() -> None:
    timeline = Timeline(1.0, 1e-3, np.array([0.5, 1.0]))
    assert timeline.kept.tolist() == [500, 1000]
    between = Timeline(1.0, 1e-3, np.array([0.50025]))
    assert between.kept.tolist() == [499, 500, 501, 502]
    stored = np.sin(between.levels[between.kept])[:, None]
    assert between.at(stored, np.array([0.50025]))[0, 0] == pytest.approx(np.sin(0.50025), abs=1e-12)


def test_step_longer_than_the_interval_is_refused() -> None:
    with pytest.raises(InputError, match="longer than the whole interval"):
        Timeline(0.5, 0.6, np.array([0.5]))


def test_product_points_are_recognised_and_others_are_not() -> None:
    places, times = np.array([[0.1], [0.7]]), np.array([0.0, 0.5, 1.0])
    points = np.column_stack([np.tile(places, (3, 1)), np.repeat(times, 2)])
    found = as_product(points)
    assert found is not None
    assert np.array_equal(found[0], times)
    assert np.array_equal(found[1], places)
    points[3, 0] = 0.8
    assert as_product(points) is None
