"""How points and terms of the loss are weighted during training: causally in time, and by their gradients.

The functions that run inside compiled code take the array module as `xp` (numpy, torch or jax.numpy) and use nothing
in which those differ. They return numbers; keeping them out of the gradient is up to the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import Array
from problems.parameters import Parameterised, parameter

NEGLIGIBLE = 1e-12
"""A gradient this much smaller than all together is rounding: its term is met, and no weight would change that."""


@dataclass(frozen=True)
class Causal(Parameterised):
    """Residuals count for little until those of earlier times are small.

    The time interval is cut into chunks; a point's weight is exp(−ε Σ mean r²), summed over the chunks before its own.
    Wang, Sankaran & Perdikaris 2024 (Comput. Methods Appl. Mech. Eng. 421, 116813; arXiv 2203.07404).
    """

    kind: ClassVar[str] = "causal"

    epsilon: float = parameter(1.0, "steepness: more makes later times wait longer", above=0)
    chunks: int = parameter(16, "pieces of the time interval", least=2)


@dataclass(frozen=True)
class Balanced(Parameterised):
    """Weights of the terms of the loss that make their gradients equally long.

    At regular times each weight moves towards Σ‖∇Lᵢ‖ / ‖∇Lⱼ‖, as a moving average. Wang, Teng & Perdikaris 2021 (SIAM
    J. Sci. Comput. 43, A3055–A3081), in the form with norms of Wang, Sankaran, Wang & Perdikaris 2023 (arXiv
    2308.08468).
    """

    kind: ClassVar[str] = "balanced"

    every: int = parameter(100, "iterations from one update of the weights to the next", least=1)
    memory: float = parameter(0.9, "share of the old weights that an update keeps", least=0, most=0.999)


def chunk_matrix(points: Any, t_lower: float, t_upper: float, chunks: int, xp: Any) -> Any:
    """1 where a point lies in a chunk of the time interval, else 0, shape (n, chunks), for points (n, k), time last.

    Chunks include their beginning, and the last one its end too.
    """
    t = points[:, -1]
    one = xp.ones_like(t)
    # Made from the points themselves, the numbers of the chunks are on their device and in their precision.
    numbers = xp.cumsum(xp.broadcast_to(one[:1], (chunks,)), 0) - 1.0
    index = xp.clip(xp.floor((t - t_lower) * (chunks / (t_upper - t_lower))), 0.0, chunks - 1.0)
    return (index[:, None] == numbers[None, :]) * one[:, None]


def causal_weights(squares: Any, matrix: Any, epsilon: float, xp: Any) -> Any:
    """exp(−ε Σ mean r²) over the chunks before that of each point, shape (n,).

    `squares` (n,) are squared residuals, `matrix` (n, chunks) says which point is in which chunk; chunks without
    points count as solved.
    """
    population = xp.clip(matrix.sum(0), 1.0, float(matrix.shape[0]))
    means = (matrix * squares[:, None]).sum(0) / population
    # Shifted before it is summed: subtracting a chunk from a sum that includes it would lose the small ones before.
    earlier = xp.cumsum(xp.concatenate([xp.zeros_like(means[:1]), means[:-1]]), 0)
    return (matrix * xp.exp(-epsilon * earlier)[None, :]).sum(1)


def balanced(weights: Array, norms: Array, memory: float) -> Array:
    """New weights (j,) of the terms of the loss from the norms (j,) of their gradients, each without its weight.

    A term whose gradient vanishes keeps its weight, and all do if a norm is not finite.
    """
    weights, norms = np.asarray(weights, dtype=float), np.asarray(norms, dtype=float)
    total = norms.sum()
    usable = norms > NEGLIGIBLE * total
    if not np.isfinite(total):
        return weights.copy()
    wanted = np.divide(total, norms, out=weights.copy(), where=usable)
    return memory * weights + (1.0 - memory) * wanted
