"""Points of the unit cube and places along one coordinate, from which the kinds of collocation points are made.

Everything here is numpy on the host; scipy is imported where it is used.
"""

from __future__ import annotations

import math

import numpy as np

from problems.base import Array

_POINTS_STREAM = 1
"""Keeps points apart from initial weights, which are drawn from the bare seed."""


def points_generator(seed: int, *place: float) -> np.random.Generator:
    """The generator of a case's points, independent of that of its initial weights; another one for each `place`.

    A place is any sequence of numbers, such as the ends of a region: what is drawn there depends on neither the other
    regions nor on their order, and the bare generator, from which points are renewed, never repeats a first set.
    """
    # Adding zero turns -0.0 into 0.0: two names of one place must not be two streams.
    words = (np.array(place, dtype=float) + 0.0).view(np.uint32).tolist()
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_POINTS_STREAM, *words)))


def sobol(count: int, coordinates: int, generator: np.random.Generator) -> Array:
    """The first `count` points of a scrambled Sobol sequence (Owen 1998, J. Complexity 14), shape (count, coordinates).

    They are balanced where `count` is a power of two. Any other number is the beginning of the next larger balanced
    set: still well spread, and hence no reason for a warning.
    """
    from scipy.stats import qmc

    engine = qmc.Sobol(coordinates, scramble=True, seed=_child(generator))
    return np.asarray(engine.random_base2((count - 1).bit_length())[:count])


def latin_hypercube(count: int, coordinates: int, generator: np.random.Generator) -> Array:
    """One point in each of `count` equal strata of every coordinate (McKay, Beckman & Conover 1979, Technometrics 21).

    Shape (count, coordinates).
    """
    from scipy.stats import qmc

    return np.asarray(qmc.LatinHypercube(coordinates, seed=_child(generator)).random(count))


def chebyshev(count: int, *, ends: bool = False) -> Array:
    """Chebyshev points on [0, 1], ascending, shape (count,).

    The roots of T_count, or with `ends` the extrema of T_(count − 1), which include 0 and 1.
    """
    i = np.arange(count)
    # sin² of half the angle, and not (1 − cos)/2, keeps all digits of the points that crowd at the lower end.
    half_angle = np.pi * (i / (count - 1) if ends else (i + 0.5) / count) / 2.0
    return np.sin(half_angle) ** 2


def chebyshev_weights(count: int, *, ends: bool = False) -> Array:
    """Weights (count,) of sum 2 for an integral by the values at `chebyshev` points.

    Fejér's first rule, or with `ends` that of Clenshaw and Curtis: both are exact for polynomials of a degree below
    `count`, and all weights are positive (Davis & Rabinowitz 1984, Methods of Numerical Integration, section 2.5.5).
    """
    i, intervals = np.arange(count), count - 1 if ends else count
    angles = np.pi * (i if ends else i + 0.5) / intervals
    j = np.arange(1, intervals // 2 + 1)
    shares = np.where(ends & (2 * j == intervals), 1.0, 2.0) / (4.0 * j**2 - 1.0)
    weights = 2.0 / intervals * (1.0 - np.cos(2.0 * np.outer(angles, j)) @ shares)
    if ends:
        weights[[0, -1]] /= 2.0
    return np.asarray(weights)


def weighted_choice(densities: Array, count: int, generator: np.random.Generator) -> np.ndarray:
    """Rows (count,) drawn one after the other without replacement, each in proportion to its density (q,).

    The `count` first of independent exponential times with these rates (Efraimidis & Spirakis 2006, Inf. Process.
    Lett. 97); rows of density 0 come after all others.
    """
    with np.errstate(divide="ignore"):
        arrivals = generator.standard_exponential(len(densities)) / densities
    return np.argpartition(arrivals, count - 1)[:count]


def residual_densities(residuals: Array, power: float, offset: float) -> Array:
    """|r|^power / mean(|r|^power) + offset (q,) for residuals (q,); even where they all vanish or one is not finite."""
    size = np.abs(np.asarray(residuals, dtype=float))
    largest = size.max()
    if not (np.isfinite(largest) and largest > 0.0):
        return np.ones_like(size)
    raised = (size / largest) ** power
    return raised / raised.mean() + offset


def near(profile: str, unit: Array, lower: float, upper: float, centre: float, width: float) -> Array:
    """Uniform numbers `unit` (n,) made into places around `centre`, the profile cut off at `lower` and `upper`.

    `width` is the standard deviation of a "normal" profile, the half-width at half maximum of a "cauchy" one, and half
    the base of a "triangular" one.
    """
    first, last = ((end - centre) / width for end in (lower, upper))
    if profile == "normal":
        from scipy.special import ndtr, ndtri

        places = ndtri(ndtr(first) + unit * (ndtr(last) - ndtr(first)))
    elif profile == "cauchy":
        places = np.tan(math.atan(first) + unit * (math.atan(last) - math.atan(first)))
    else:
        low, high = (_triangle_share(end) for end in (first, last))
        share = low + unit * (high - low)
        places = np.where(share < 0.5, np.sqrt(2.0 * share) - 1.0, 1.0 - np.sqrt(np.maximum(2.0 * (1.0 - share), 0.0)))
    # ndtri is infinite at 0 and 1, and rounding may leave the interval.
    return np.clip(centre + width * places, lower, upper)


def _triangle_share(end: float) -> float:
    """Share of the triangle on [-1, 1] that lies below `end`."""
    end = min(max(end, -1.0), 1.0)
    return (1.0 + end) ** 2 / 2.0 if end < 0.0 else 1.0 - (1.0 - end) ** 2 / 2.0


def _child(generator: np.random.Generator) -> np.random.Generator:
    """A generator for scipy, which may spawn from what it is given and would leave its state where it was."""
    return np.random.default_rng(generator.integers(2**32, size=4).tolist())
