"""Time of an explicit step on a large grid, against that of a plain copy of the same array.

`python examples/ftcs_bandwidth.py` measures four grids, `--shape 2:4096` others; it says something where an array is
larger than the cache. An explicit step has little to compute, so what it can reach is what memory gives, and a copy
(`numpy.copyto`) shows how much that is. Both run in one thread, in turns, and the median over the rounds of each is
printed with the ratio of the medians: 1 means that a step takes no longer than a copy.

With `--py-pde` the same step by py-pde, a library of finite differences that also compiles with numba, takes its turn
(`python -m pip install py-pde`; compiling takes it some ten seconds per grid). It is left out where it is missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
import time
from collections.abc import Callable, Sequence
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


def measure(d: int, cells: int, rounds: int, beside: bool) -> dict[str, float]:
    """Median milliseconds of a step of the heat equation on `cells` per axis, of a copy, and `beside` of py-pde."""
    session: Any = FTCS(cells=cells).begin(CoolingBox(d=d), Context())
    session.compile()
    state = np.random.default_rng(0).random((1, *(cells + 3,) * d))
    copy = state.copy()

    def copies() -> None:
        for _ in range(STEPS):
            np.copyto(copy, state)

    actions: dict[str, Callable[[], Any]] = {"step": lambda: session.step(state, copy, STEPS), "copy": copies}
    if beside:
        actions["py-pde"] = by_py_pde(d, cells)
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(rounds):
        for name, action in actions.items():
            begun = time.perf_counter()
            action()
            seconds[name].append(time.perf_counter() - begun)
    return {name: 1e3 * median(measured) / STEPS for name, measured in seconds.items()}


def by_py_pde(d: int, cells: int) -> Callable[[], Any]:
    """`STEPS` steps of Euler's method by py-pde, compiled."""
    import pde

    grid = pde.CartesianGrid([[0.0, 1.0]] * d, cells)
    state = pde.ScalarField(grid, np.random.default_rng(0).random((cells,) * d))
    equation = pde.DiffusionPDE(diffusivity=1.0, bc={"value": 0.0})
    dt = 0.5 / (d * cells**2)
    advance = pde.EulerSolver(equation, backend="numba").make_stepper(state, dt=dt)
    advance(state, 0.0, dt)
    return lambda: advance(state, 0.0, STEPS * dt)


def main() -> None:
    """Print one line per grid."""
    parser = argparse.ArgumentParser(description="An explicit step against a copy of its array.")
    parser.add_argument("--shape", action="append", help="dimension:cells, as in 2:1024; may be repeated")
    parser.add_argument("--rounds", type=int, default=25, help="rounds of 8 steps and 8 copies")
    parser.add_argument("--py-pde", action="store_true", help="time py-pde's step too")
    arguments = parser.parse_args()
    beside = arguments.py_pde and importlib.util.find_spec("pde") is not None
    if arguments.py_pde and not beside:
        print("py-pde is not installed and is left out", file=sys.stderr)
    for shape in arguments.shape or SHAPES:
        d, cells = (int(part) for part in shape.split(":"))
        times = measure(d, cells, arguments.rounds, beside)
        shown = [f"{name} {value:.3g} ms" for name, value in times.items()]
        shown += [f"{name} / step {value / times['step']:.2f}" for name, value in times.items() if name != "step"]
        print(f"{' × '.join([str(cells)] * d)} cells: {', '.join(shown)}")


if __name__ == "__main__":
    main()
