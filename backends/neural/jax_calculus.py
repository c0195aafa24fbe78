"""What JAX brings to a formulation."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import solve_triangular

from backends.neural.calculus import Calculus
from backends.operations import jax_operations


def jax_calculus() -> Calculus:
    """Array module, operations and derivatives."""
    return Calculus(
        jnp,
        jax_operations(),
        jax.jvp,
        jax.jvp,
        lax.stop_gradient,
        lambda values, like: jnp.asarray(values, dtype=like.dtype),
        partial(solve_triangular, lower=True),
        lambda function, points: jax.grad(lambda x: function(x).sum())(points),
        lax.map,
    )
