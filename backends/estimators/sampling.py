"""Means over normal random numbers, and over Sobol's points in their place, with standard errors."""

from __future__ import annotations

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np

from problems.base import Array
from problems.parameters import InputError, Parameterised, parameter

BATCH = 2**19
"""Random numbers drawn at once (4 MiB), which later stages find in the cache where that is large."""
BITS = 30
"""Binary digits of a Sobol' point."""

Function = Callable[[Array], Array]
"""Normal numbers (d, n) → values (n,)."""

Seed = np.random.SeedSequence

Item = TypeVar("Item")


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error."""

    mean: float
    standard_error: float


class Sampling(Parameterised, ABC):
    """What every kind of sampling offers."""

    kind: ClassVar[str]

    @abstractmethod
    def refuse(self, samples: int, label: str) -> None:
        """Raise InputError where `samples` cannot be taken, with the nearest number that can."""

    @abstractmethod
    def mean(self, function: Function, d: int, samples: int, seed: Seed) -> Estimate:
        """The mean of `function` over the standard normal distribution in `d` dimensions."""


@dataclass(frozen=True)
class Random(Sampling):
    """Independent pseudo-random numbers."""

    kind: ClassVar[str] = "random"

    def refuse(self, samples: int, label: str) -> None:
        """Any number will do."""

    def mean(self, function: Function, d: int, samples: int, seed: Seed) -> Estimate:
        """In batches of a few megabytes."""
        return mean_of_draws(lambda stream, n: function(stream.standard_normal((d, n))), samples, BATCH // d, seed)


@dataclass(frozen=True)
class Sobol(Sampling):
    """Sobol' points, mapped by the quantiles of the normal distribution, in several independent scramblings.

    The mean over one scrambling has no bias; the spread between them is the error bar (Owen 1997, Ann. Stat. 25).
    """

    kind: ClassVar[str] = "sobol"

    scramblings: int = parameter(16, "independent scramblings", least=2, most=1024)

    def refuse(self, samples: int, label: str) -> None:
        """The points of a scrambling are balanced where their number is a power of two."""
        each = samples / self.scramblings
        nearest = 2 ** round(math.log2(max(each, 1.0)))
        if each != nearest:
            raise InputError(
                f"{label}: samples = {samples} in {self.scramblings} scramblings; each takes a power of two of them, "
                f"so give {nearest * self.scramblings}"
            )

    def mean(self, function: Function, d: int, samples: int, seed: Seed) -> Estimate:
        """One scrambling per thread at a time."""
        each = samples // self.scramblings

        def one(stream: Seed) -> float:
            batches = _normal_points(d, each, np.random.default_rng(stream))
            return math.fsum(float(function(z).sum()) for z in batches) / each

        return mean_of_repetitions(one, self.scramblings, seed)


def mean_of_draws(draw: Callable[[np.random.Generator, int], Array], samples: int, most: int, seed: Seed) -> Estimate:
    """The mean of independent `draw(stream, n)` (n,), at most `most` at once.

    Each batch has a stream of its own, so that the number of threads changes nothing.
    """
    sizes = np.full(-(-samples // max(1, most)), max(1, most))
    sizes[-1] -= sizes.sum() - samples
    streams = seed.spawn(len(sizes))

    def moments(index: int) -> tuple[float, float]:
        values = draw(np.random.Generator(np.random.SFC64(streams[index])), int(sizes[index]))
        return float(values.mean()), float(values.var())

    means, variances = np.array(list(_in_threads(moments, range(len(sizes))))).T
    mean = float(sizes @ means) / samples
    variance = float(sizes @ (variances + (means - mean) ** 2)) / (samples - 1)
    return Estimate(mean, math.sqrt(variance / samples))


def mean_of_repetitions(estimate: Callable[[Seed], float], repetitions: int, seed: Seed) -> Estimate:
    """The mean of independent estimates, each from a stream of its own."""
    found = np.array(list(_in_threads(estimate, seed.spawn(repetitions))))
    return Estimate(float(found.mean()), float(found.std(ddof=1)) / math.sqrt(repetitions))


def _in_threads(function: Callable[[Item], Any], items: Iterable[Item]) -> Iterator[Any]:
    """`function` of each item in order, on all processors that this process may use; numpy lets threads run at once."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with ThreadPoolExecutor(there) as pool:
        yield from pool.map(function, items)


def _normal_points(d: int, count: int, generator: np.random.Generator) -> Iterator[Array]:
    """One scrambled sequence of `count` points, a power of two, in batches (d, n)."""
    from scipy.special import ndtri
    from scipy.stats import qmc

    engine = qmc.Sobol(d, scramble=True, bits=BITS, seed=generator)
    size = min(count, 2 ** int(math.log2(max(1, BATCH // d))))
    for _ in range(count // size):
        # In the middle of its cell no point is 0, of which the quantile is infinite.
        yield ndtri(engine.random(size) + 0.5 ** (BITS + 1)).T
