"""What XLA is asked for when it compiles for a CPU."""

from __future__ import annotations

import functools
from typing import Any

import jax

OWN_LOOPS = {"xla_cpu_experimental_ynn_fusion_type": ""}
"""No calls of YNNPACK, into which jaxlib 0.10 and 0.11 fuse products and sums in float32.

Many small products become slower by it (jax-ml/jax#37465): with it a training step with a Hessian of two
backpropagations takes 5 times as long in 64 dimensions, one with the forward Laplacian twice as long in 100. Without it
other networks took as long within the scatter of four runs (a deep BSDE step 1.02 times, three layers of 32 neurons on
the heat equation 1.05 and 0.91 times with 64 and 512 points), but for that last one with 2,048 points: 1.18 times.
"""
ONE_PROCESSOR = {"xla_cpu_multi_thread_eigen": False}


def compiled(function: Any, arguments: tuple[Any, ...], platform: str, *, alone: bool) -> Any:
    """A function compiled ahead of time for arguments like these.

    `alone` keeps one processor's work on it, which for small arrays costs less than to share it.
    """
    options: dict[str, Any] = {}
    if platform == "cpu":
        options = _known(OWN_LOOPS) | (ONE_PROCESSOR if alone else {})
    return jax.jit(function).lower(*arguments).compile(compiler_options=options or None)


def _known(options: dict[str, Any]) -> dict[str, Any]:
    """Those of `options` that there are; names with "experimental" in them come and go."""
    return {name: value for name, value in options.items() if knows(name, value)}


@functools.cache
def knows(name: str, value: str | bool) -> bool:
    """Whether this version of XLA has such an option and takes that value."""
    try:
        jax.jit(lambda x: x).lower(0.0).compile(compiler_options={name: value})
    except jax.errors.JaxRuntimeError as error:
        if name in str(error):
            return False
        raise
    return True
