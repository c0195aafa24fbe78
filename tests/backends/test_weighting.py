"""Weights in time and between the terms of the loss, against their formulas."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from backends.neural.weighting import Balanced, Causal, balanced, causal_weights, chunk_matrix
from problems.parameters import InputError

# Coordinates (x, t); with four chunks of [1, 3] the points lie in chunks 2, 0, 3, 0 and 3, and none in chunk 1.
POINTS = np.array([[0.3, 2.2], [0.1, 1.0], [0.7, 3.0], [0.9, 1.4], [0.2, 2.5]])
CHUNKS = [2, 0, 3, 0, 3]
SQUARES = np.array([0.5, 0.25, 8.0, 0.75, 2.0])
# Means per chunk: 0.5, none, 0.5, 5. Those before chunks 0, 2, 3 add up to 0, 0.5, 1.
EPSILON = 0.4
EXPECTED = np.exp(-EPSILON * np.array([0.5, 0.0, 1.0, 0.0, 1.0]))

ENGINES = {
    "numpy": (np, lambda values: values),
    "torch": (torch, torch.tensor),
    "jax": (jnp, jnp.asarray),
}


def weights(xp, points, squares):
    return causal_weights(squares, chunk_matrix(points, 1.0, 3.0, 4, xp), EPSILON, xp)


def test_a_point_is_in_the_chunk_of_its_time():
    matrix = chunk_matrix(POINTS, 1.0, 3.0, 4, np)
    assert matrix.tolist() == np.eye(4)[CHUNKS].tolist()


def test_rounding_at_the_ends_leaves_no_point_without_a_chunk():
    points = np.array([[1.0 - 1e-9], [3.0 + 1e-9]])
    assert chunk_matrix(points, 1.0, 3.0, 4, np).tolist() == np.eye(4)[[0, 3]].tolist()


@pytest.mark.parametrize(
    ("engine", "dtype"),
    [("numpy", "float32"), ("numpy", "float64"), ("torch", "float32"), ("torch", "float64"), ("jax", "float32")],
)
def test_causal_weights_are_those_worked_out_by_hand(engine, dtype):
    xp, array = ENGINES[engine]
    result = weights(xp, array(POINTS.astype(dtype)), array(SQUARES.astype(dtype)))
    assert str(result.dtype).removeprefix("torch.") == dtype
    assert np.asarray(result) == pytest.approx(EXPECTED, rel=1e-6 if dtype == "float32" else 1e-14)


def test_causal_weights_can_be_compiled():
    compiled = jax.jit(lambda points, squares: weights(jnp, points, squares))
    assert np.asarray(compiled(POINTS, SQUARES)) == pytest.approx(EXPECTED, rel=1e-6)


def test_a_large_late_residual_does_not_blur_small_early_ones():
    """The sum before the last chunk is 1 in single precision, whatever the last chunk adds."""
    squares = np.array([0.5, 0.25, 1e12, 0.75, 1e12], dtype=np.float32)
    assert weights(np, POINTS.astype(np.float32), squares) == pytest.approx(EXPECTED, rel=1e-6)


def test_weights_of_large_residuals_fall_to_zero_and_not_below():
    late = weights(np, POINTS, 1e6 * SQUARES)
    assert late.tolist() == [0.0, 1.0, 0.0, 1.0, 0.0]


def test_balanced_weights_make_weighted_gradients_equally_long():
    norms = np.array([4.0, 1.0, 0.5])
    new = balanced(np.ones(3), norms, 0.0)
    assert new == pytest.approx(np.array([5.5 / 4.0, 5.5, 11.0]))
    assert new * norms == pytest.approx(np.full(3, 5.5))


def test_balanced_weights_move_as_a_moving_average():
    new = balanced(np.array([1.0, 2.0]), np.array([3.0, 1.0]), 0.9)
    assert new == pytest.approx(np.array([0.9 + 0.1 * 4.0 / 3.0, 1.8 + 0.1 * 4.0]))


@pytest.mark.parametrize("gone", [0.0, 1e-300, 1e-16])
def test_a_vanishing_gradient_keeps_its_weight(gone):
    new = balanced(np.array([1.0, 7.0]), np.array([2.0, gone]), 0.5)
    assert new == pytest.approx(np.array([1.0, 7.0]))


@pytest.mark.parametrize("norms", [[0.0, 0.0], [math.nan, 1.0], [math.inf, 1.0]])
def test_gradients_that_say_nothing_keep_all_weights(norms):
    assert balanced(np.array([3.0, 4.0]), np.array(norms), 0.5).tolist() == [3.0, 4.0]


@pytest.mark.parametrize(
    "make",
    [lambda: Causal(epsilon=0.0), lambda: Causal(chunks=1), lambda: Balanced(every=0), lambda: Balanced(memory=1)],
)
def test_nonsense_is_refused(make):
    with pytest.raises(InputError, match="it must be"):
        make()
