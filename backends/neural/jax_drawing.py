"""Points and directions drawn by JAX, inside a compiled loop."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from backends.neural.directions import Estimator
from backends.neural.pointsets import PointSet


def draw(key: Any, described: PointSet, base: Any, span: Any, rows: Any) -> Any:
    """New points of a set, or its own where they stay."""
    if not described.noise:
        return base
    sample = jax.random.uniform if described.noise == "uniform" else jax.random.normal
    noise = sample(key, (described.draws, base.shape[1]), base.dtype)
    if described.noise == "brownian":
        time = jax.random.uniform(jax.random.fold_in(key, 1), (described.draws, 1), base.dtype)
        noise = jnp.concatenate([time**0.5 * noise[:, :-1], time], 1)
    return base + span * noise[rows]


def draw_directions(key: Any, estimator: Estimator, dtype: Any) -> Any:
    """Two independent sets of directions (2, V, k)."""
    count, spatial = estimator.count, estimator.spatial
    if estimator.kind == "hutchinson":
        rows = jax.random.rademacher(key, (2, count, spatial), dtype)
    else:
        axes = [jax.random.choice(one, spatial, (count,), replace=False) for one in jax.random.split(key)]
        rows = jax.nn.one_hot(jnp.stack(axes), spatial, dtype=dtype)
    return jnp.pad(estimator.factor * rows, ((0, 0), (0, 0), (0, estimator.coordinates - spatial)))
