"""A solver for which memory runs out, in the ways and words of the libraries that others use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from problems import Problem
from problems.base import Array
from problems.parameters import parameter


class OutOfMemoryError(RuntimeError):
    """Named like torch's."""


class JaxRuntimeError(RuntimeError):
    """Named like XLA's."""


DEVICE = "CUDA out of memory. Tried to allocate 2.00 GiB."


def raises(error: Exception) -> Callable[[], Any]:
    def fault() -> None:
        raise error

    return fault


def in_a_compiler() -> None:
    try:
        raise OutOfMemoryError(DEVICE)
    except OutOfMemoryError as error:
        raise ValueError("the backend failed") from error


def in_a_capture() -> None:
    """The capture is ended by a context manager, whose error takes the place of the first one."""
    try:
        raise OutOfMemoryError(DEVICE)
    finally:
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture")


def in_a_group() -> None:
    raise ExceptionGroup("two shares failed", [ValueError("one"), OutOfMemoryError(DEVICE)])


def went_on_without() -> None:
    try:
        raise MemoryError("no scratch")
    except MemoryError:
        raise ValueError("another fault altogether") from None


def aborts() -> None:
    sys.stderr.write("terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n")
    sys.stderr.flush()
    os.abort()


def refused_by_torch() -> Any:
    import torch

    return torch.empty(2**57)


def refused_by_xla() -> Any:
    import jax.numpy as jnp

    return jnp.zeros(2**50).block_until_ready()


def refused_inside_a_call() -> Any:
    """One block for all that lies between argument and result."""
    import jax
    import jax.numpy as jnp

    large = jax.jit(lambda x: jnp.sort(x * jnp.arange(2.0**40)).sum())
    return large(np.float32(3.0)).block_until_ready()


FAULTS: dict[str, Callable[[], Any]] = {
    "compiler": in_a_compiler,
    "capture": in_a_capture,
    "group": in_a_group,
    "xla": raises(JaxRuntimeError("RESOURCE_EXHAUSTED: Failed to allocate request for 1.2GiB on device ordinal 0")),
    "xla-inside": raises(JaxRuntimeError("INTERNAL: Failed to load in-memory CUBIN: CUDA_ERROR_OUT_OF_MEMORY")),
    "library": raises(RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")),
    "abort": aborts,
    "numpy": lambda: np.empty(2**57),
    "torch": refused_by_torch,
    "jax": refused_by_xla,
    "jax-call": refused_inside_a_call,
    "went-on": went_on_without,
    "shared": raises(JaxRuntimeError("RESOURCE_EXHAUSTED: Shared memory size limit exceeded: requested 300000")),
    "points": raises(ValueError("cannot allocate seven points to 2 processors")),
}


class HungrySession(Session):
    def __init__(self, fault: str, problem: Problem) -> None:
        self._fault, self._problem = fault, problem

    def solve(self) -> None:
        FAULTS[self._fault]()

    def solution(self, points: Array) -> Array:
        return self._problem.reference(points)


@register
@dataclass(frozen=True)
class Hungry(Solver):
    """It has what it asked for, or fails."""

    name = "hungry"
    title = "Never enough"
    family = "classical"

    fault: str = parameter("numpy", "who has no memory left", choices=tuple(FAULTS))

    def unsupported(self, problem: Problem) -> str | None:
        return None

    def begin(self, problem: Problem, context: Context) -> Session:
        return HungrySession(self.fault, problem)
