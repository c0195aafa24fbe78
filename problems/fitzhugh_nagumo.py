"""The FitzHugh–Nagumo model of a nerve cell:  y' = y − y³/3 − w + I,  w' = (α + y − βw)/τ."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from problems import primer, register
from problems.base import ODE, Array, Published, fields_to_array
from problems.operations import NUMPY, Operations
from problems.parameters import parameter
from problems.references.trajectories import Trajectory, trajectory

INTERVALS = 4
"""Of the reference per unit of time; 1 is enough for rounding at the published parameters."""


@register
@dataclass(frozen=True)
class FitzHughNagumo(ODE):
    """y' = y − y³/3 − w + I, w' = (α + y − βw)/τ: a fast membrane potential y and a slow recovery w.

    Beyond some current I the rest state is unstable and the cell fires periodically: y jumps between two branches of
    the cubic, along which w creeps, the more slowly the larger τ. `nodes` > 0 judges the solution as S3 does: at as
    many equidistant instants, both ends of the interval included.
    """

    name = "fitzhugh-nagumo"
    title = "FitzHugh–Nagumo model"
    equation = "y' = y − y³/3 − w + I, w' = (α + y − βw)/τ"
    citation = "FitzHugh 1961, Biophys. J. 1; Nagumo, Arimoto & Yoshizawa 1962, Proc. IRE 50; S3: arXiv 2408.11266"
    reference_kind = "Picard iteration on Chebyshev points, to rounding"

    alpha: float = parameter(0.7, "α", least=-2, most=2)
    beta: float = parameter(0.8, "β", least=0, most=2)
    tau: float = parameter(2.5, "τ: how much slower the recovery is", least=0.5)
    current: float = parameter(0.5, "I: stimulating current", least=-2, most=2)
    y0: float = parameter(0.0, "potential at the start", least=-3, most=3)
    w0: float = parameter(0.0, "recovery at the start", least=-3, most=3)
    T: float = parameter(30.0, "final time", above=0, most=1000)
    nodes: int = parameter(0, "instants of S3's evaluation grid; 0 for scattered ones", least=0)

    presets = {
        "s3": {},
        "s3-grid": {"nodes": 50},
        "classical": {"tau": 12.5, "y0": 1.0, "w0": 1.0, "T": 10.0},
    }
    published = {
        "primer/fitzhugh-nagumo/mean": Published(
            "S3 (arXiv 2408.11266v1)",
            "FitzHugh–Nagumo example",
            "mean_abs",
            0.0088,
            None,
            "Judged there at 50 nodes against odeint, as fitzhugh-nagumo@s3-grid is against its reference.",
        )
    }

    def __post_init__(self) -> None:
        """Refuse an evaluation grid of a single node."""
        super().__post_init__()
        primer.check_nodes(self.name, self.nodes)

    def rhs(self, ops: Operations, t: Any, y: Any) -> Any:
        """The two rates."""
        v, w = y[0], y[1]
        return (v - v * v * v / 3.0 - w + self.current, (self.alpha + v - self.beta * w) / self.tau)

    def start(self) -> Array:
        """(y₀, w₀)."""
        return np.array([self.y0, self.w0])

    def final_time(self) -> float:
        """T."""
        return self.T

    def points(self) -> Array:
        """S3's instants where asked for, else those of every ODE."""
        return np.linspace(0.0, self.T, self.nodes)[:, None] if self.nodes else super().points()

    def reference(self, points: Array) -> Array:
        """States computed to rounding, shape (n, 2)."""
        return _solved(self, INTERVALS)(points[:, 0])

    def reference_error(self) -> float:
        """Absolute error at the evaluation points, found by halving the intervals."""
        t = self.points()[:, 0]
        return float(np.abs(_solved(self, INTERVALS)(t) - _solved(self, 2 * INTERVALS)(t)).max())


@functools.lru_cache(maxsize=16)
def _solved(problem: FitzHughNagumo, per_unit: int) -> Trajectory:
    def rhs(t: Array, y: Array) -> Array:
        return fields_to_array(problem.rhs(NUMPY, t, y), len(t)).T

    return trajectory(rhs, 0.0, problem.T, problem.start(), math.ceil(per_unit * problem.T))
