"""Estimates of Σᵢ ∂ᵢ² along few random directions, for dimensions in which all of them are too many.

With rows v of which the sum of v vᵀ has the mean I, the sum of the second derivatives along them has the mean Δu:

- `hutchinson`: V rows of random signs over √V (Hutchinson 1989, Commun. Stat. Simul. Comput. 18; for networks Hu, Shi,
  Karniadakis & Kawaguchi 2024, Comput. Methods Appl. Mech. Eng. 424). Its variance comes from the mixed derivatives.
- `stde`: V of the d coordinates, drawn without replacement, times √(d/V): the sparse choice of the stochastic Taylor
  derivative estimator (Shi, Hu, Lin & Kawaguchi 2024, NeurIPS). Its variance comes from how the ∂ᵢ² differ, and
  vanishes for V = d.

All points of an iteration share the rows, and each iteration draws two independent sets: the product of two estimates
of a residual has the mean that the exact residual's square has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from problems.base import Array

ESTIMATORS = ("hutchinson", "stde")

DRAWS, PLACES = 32, 32
"""Estimates, and points at which each is made, from which their scatter is told."""


@dataclass(frozen=True)
class Estimator:
    """V = `count` directions among the first `spatial` of `coordinates` coordinates."""

    kind: str
    count: int
    spatial: int
    coordinates: int

    @property
    def factor(self) -> float:
        """What random signs, or ones in place of the coordinates drawn, are multiplied by."""
        return float((1.0 if self.kind == "hutchinson" else self.spatial) / self.count) ** 0.5

    def drawn(self, generator: np.random.Generator) -> Array:
        """One set of directions (V, k), drawn on the host as engines draw them on the device."""
        rows = np.zeros((self.count, self.coordinates))
        if self.kind == "hutchinson":
            rows[:, : self.spatial] = generator.choice([-1.0, 1.0], (self.count, self.spatial))
        else:
            rows[np.arange(self.count), generator.choice(self.spatial, self.count, replace=False)] = 1.0
        return self.factor * rows

    def deviation(self, operator: Callable[[Array], Array], generator: np.random.Generator) -> float:
        """Root mean square error of an estimate, relative to that of the term estimated.

        `operator` takes directions (V, k) and gives ∂ₜu + f Σ ∂ᵥ²u along them at some points.
        """
        rest = operator(np.zeros((1, self.coordinates)))
        true = operator(np.eye(self.spatial, self.coordinates)) - rest
        errors = [operator(self.drawn(generator)) - rest - true for _ in range(DRAWS)]
        return float(np.sqrt(np.mean(np.square(errors)) / np.mean(true**2)))
