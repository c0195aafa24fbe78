"""Time of an explicit step on a large grid, against that of a plain copy of the same array.

`python examples/ftcs_bandwidth.py` measures four grids, `--shape 2:4096` others; it says something where an array is
larger than the cache. An explicit step has little to compute, so what it can reach is what memory gives, and a copy
(`numpy.copyto`) shows how much that is. Both run in one thread, in turns, and the median over the rounds of each is
printed with the ratio of the medians: 1 means that a step takes no longer than a copy.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

# The file stands beside the packages, which need not be installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from backends.base import Context
from backends.ftcs import FTCS
from problems.base import PDE, Box
from problems.operations import Operations


@dataclass(frozen=True)
class CoolingBox(PDE):
    """uₜ = Δu on the unit box with cold walls; exact e^{−dπ²t} Πᵢ sin πxᵢ."""

    name = "cooling-box"
    title = "Box with cold walls"
    equation = "uₜ = Δu"
    citation = "separation of variables"

    d: int = 2

    def domain(self) -> Box:
        """The unit box."""
        return Box((0.0,) * self.d, (1.0,) * self.d)

    def final_time(self) -> float:
        """0.1."""
        return 0.1

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """1."""
        return 1.0

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """One decaying mode."""
        value = ops.exp(-self.d * math.pi**2 * t)
        for i in range(self.d):
            value = value * ops.sin(math.pi * x[i])
        return (value,)


SHAPES = ("2:1024", "2:2048", "3:128", "3:192")
STEPS = 8


def measure(d: int, cells: int, rounds: int) -> tuple[float, float]:
    """Median milliseconds of a step of the heat equation on `cells` per axis, and of a copy of its state."""
    session: Any = FTCS(cells=cells).begin(CoolingBox(d=d), Context())
    session.compile()
    state = np.random.default_rng(0).random((1, *(cells + 3,) * d))
    copy = state.copy()
    steps, copies = [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        session.step(state, copy, STEPS)
        between = time.perf_counter()
        for _ in range(STEPS):
            np.copyto(copy, state)
        copies.append(time.perf_counter() - between)
        steps.append(between - begun)
    return 1e3 * median(steps) / STEPS, 1e3 * median(copies) / STEPS


def main() -> None:
    """Print one line per grid."""
    parser = argparse.ArgumentParser(description="An explicit step against a copy of its array.")
    parser.add_argument("--shape", action="append", help="dimension:cells, as in 2:1024; may be repeated")
    parser.add_argument("--rounds", type=int, default=25, help="rounds of 8 steps and 8 copies")
    arguments = parser.parse_args()
    for shape in arguments.shape or SHAPES:
        d, cells = (int(part) for part in shape.split(":"))
        step, copy = measure(d, cells, arguments.rounds)
        grid = " × ".join([str(cells)] * d)
        print(f"{grid} cells: step {step:.3g} ms, copy {copy:.3g} ms, copy / step {copy / step:.2f}")


if __name__ == "__main__":
    main()
