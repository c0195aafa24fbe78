"""Heat conduction in a rod:  uₜ = κ uₓₓ  on (0, L),  u = 0 at both ends,  u(x, 0) = sin(mπx/L)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problems import primer, register
from problems.base import PDE, Array, Box, Published
from problems.claims import RefinementClaim
from problems.operations import Operations
from problems.parameters import InputError, parameter

S1 = "S1 (2020)"
ARTEFACT = (
    "The source compares 100 time levels spaced 0.005 with exact times spaced 0.5/99, because 0.5/dt = 99.999… was "
    "truncated; on the right 101 levels the scheme gives 1.8357e-03 (mean) and 6.1635e-03 (maximum)."
)
RERUNS = "Reruns of the source's own code gave 1.8e-4, 8.0e-4 and 0.252: the seed decides."
FINE_RERUN = "A rerun of the source's own code gave 1.77e-4 (mean) and 1.11e-3 (maximum)."


@register
@dataclass(frozen=True)
class Heat1D(PDE):
    """uₜ = κ uₓₓ with exact solution e^{−κ(mπ/L)²t} sin(mπx/L).

    `level_spacing` > 0 judges the solution as S1 does: on every node of the grid with that spacing, boundaries
    included, and at every time level t = n · `level_ratio` · spacing²/κ ≤ T. `nodes` > 0 judges it as S3 does: on a
    grid of as many equidistant nodes along the rod as in time, boundaries and both ends of the interval included.
    """

    name = "heat-1d"
    title = "Heat equation in a rod"
    equation = "uₜ = κ uₓₓ"
    citation = "S1: Torvund & Fredly 2020, eq. 2; S3: arXiv 2408.11266, eq. 20"

    kappa: float = parameter(1.0, "diffusivity κ", above=0)
    length: float = parameter(1.0, "length L of the rod", above=0)
    T: float = parameter(0.5, "final time", above=0)
    mode: int = parameter(1, "number m of half waves at the start", least=1)
    level_spacing: float = parameter(0.0, "spacing of S1's evaluation grid; 0 for scattered points", least=0)
    level_ratio: float = parameter(0.5, "κ dt/dx² of S1's evaluation levels", above=0)
    nodes: int = parameter(0, "nodes per coordinate of S3's evaluation grid; 0 for scattered points", least=0)

    presets = {
        "s1": {"length": 1.0, "T": 0.5},
        "s1-coarse": {"length": 1.0, "T": 0.5, "level_spacing": 0.1},
        "s1-fine": {"length": 1.0, "T": 0.5, "level_spacing": 0.01},
        "s3": {"length": math.pi, "T": 3.0},
        "s3-grid": {"length": math.pi, "T": 3.0, "nodes": 40},
    }
    published = {
        "table-1/explicit/0.1/mean": Published(S1, "Table I", "mean_abs", 7.3752e-4, None, ARTEFACT, True),
        "table-1/explicit/0.1/max": Published(S1, "Table I", "max_abs", 2.4663e-3, None, ARTEFACT, True),
        "table-1/explicit/0.01/mean": Published(S1, "Table I", "mean_abs", 2.0113e-5, deterministic=True),
        "table-1/explicit/0.01/max": Published(S1, "Table I", "max_abs", 6.0525e-5, deterministic=True),
        "table-1/network/0.1/mean": Published(S1, "Table I", "mean_abs", 1.5866e-4, None, RERUNS),
        "table-1/network/0.1/max": Published(S1, "Table I", "max_abs", 1.0476e-3, None, RERUNS),
        "table-1/network/0.01/mean": Published(S1, "Table I", "mean_abs", 1.5590e-3, None, FINE_RERUN),
        "table-1/network/0.01/max": Published(S1, "Table I", "max_abs", 4.3186e-3, None, FINE_RERUN),
        "figure-3/unstable/max": Published(S1, "figure 3 (recomputed)", "max_abs", 1.702e148, deterministic=True),
        "figure-3/unstable/mean": Published(S1, "figure 3 (recomputed)", "mean_abs", 2.88e145, deterministic=True),
        "primer/heat/mean": Published(
            "S3 (arXiv 2408.11266v1)",
            "heat example",
            "mean_abs",
            0.0529,
            None,
            "Judged there on a 40 × 40 grid with t = 0, as heat-1d@s3-grid is; its right boundary was never applied.",
        ),
    }

    claims = {
        "claim/smaller-dx": RefinementClaim(
            S1,
            "Table I",
            "The finer the grid that the network is trained on, the larger its error.",
            "dx",
            "mean_abs",
            0.1,
        ),
        **primer.NORMALISATION_CLAIMS,
        **primer.BATCH_CLAIMS,
    }

    def __post_init__(self) -> None:
        """Refuse two evaluation grids at once, and one that is a single node.

        Raises:
            InputError: naming them.

        """
        super().__post_init__()
        primer.check_nodes(self.name, self.nodes)
        if self.nodes and self.level_spacing:
            raise InputError(
                f"{self.name}: nodes = {self.nodes} and level_spacing = {self.level_spacing:g} are both given, and "
                "each is an evaluation grid; give one of them"
            )

    def domain(self) -> Box:
        """(0, L)."""
        return Box((0.0,), (self.length,))

    def final_time(self) -> float:
        """T."""
        return self.T

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """κ."""
        return self.kappa

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """One decaying sine."""
        k = self.mode * math.pi / self.length
        return (ops.exp(-self.kappa * k**2 * t) * ops.sin(k * x[0]),)

    def initial(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        """sin(mπx/L)."""
        return (ops.sin(self.mode * math.pi / self.length * x[0]),)

    def trial(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[tuple[Any, ...], Any]:
        """S1, eq. 13: (1 − t) u₀(x) + t x (L − x) N."""
        return ((1.0 - t) * self.initial(ops, x)[0],), t * x[0] * (self.length - x[0])

    def times(self) -> Array:
        """The source's time levels where asked for, else those of every PDE."""
        if self.nodes:
            return np.linspace(0.0, self.T, self.nodes)
        if self.level_spacing == 0.0:
            return super().times()
        dt = self.level_ratio * self.level_spacing**2 / self.kappa
        whole = math.floor(self.T / dt + 1e-9)
        return dt * np.arange(whole + 1)

    def places(self) -> Array:
        """The source's nodes where asked for, else those of every PDE."""
        if self.nodes:
            return np.linspace(0.0, self.length, self.nodes)[:, None]
        if self.level_spacing == 0.0:
            return super().places()
        cells = round(self.length / self.level_spacing)
        return np.linspace(0.0, self.length, cells + 1)[:, None]
