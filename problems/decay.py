"""Exponential decay:  y' = −k y,  y(0) = y₀."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from problems import primer, register
from problems.base import ODE, Array, Published
from problems.claims import ExtrapolationClaim
from problems.operations import Operations
from problems.parameters import parameter


@register
@dataclass(frozen=True)
class Decay(ODE):
    """y' = −k y with exact solution y₀ e^{−kt}.

    `nodes` > 0 judges the solution as S3 does: at as many equidistant instants, both ends of the interval included.
    """

    name = "decay"
    title = "Exponential decay"
    equation = "y' = −k y"
    citation = "S2: decay with a neural network, 2024; S3: arXiv 2408.11266, eq. 24"

    k: float = parameter(1.0, "decay rate", above=0)
    y0: float = parameter(1.0, "initial value")
    T: float = parameter(5.0, "final time", above=0)
    nodes: int = parameter(0, "instants of S3's evaluation grid; 0 for scattered ones", least=0)

    presets = {
        "s2": {"k": 1.0, "y0": 1.0, "T": 5.0},
        "s3": {"k": 1.0, "y0": 2.0, "T": 1.0},
        "s3-grid": {"k": 1.0, "y0": 2.0, "T": 1.0, "nodes": 25},
    }
    published = {
        "primer/decay/mean": Published(
            "S3 (arXiv 2408.11266v1)",
            "decay example",
            "mean_abs",
            0.0017,
            None,
            "Judged there at 25 nodes, as decay@s3-grid is.",
        )
    }

    claims = {
        "claim/extrapolation": ExtrapolationClaim(
            "S2 (2024)",
            "figure 4",
            "For as long again as the interval that it was trained on, the network's answer is useless.",
            "beyond",
            # In absolute terms, since the solution fades; an order of magnitude is more than a drift.
            "max_abs",
            10.0,
        ),
        **primer.NORMALISATION_CLAIMS,
    }

    def __post_init__(self) -> None:
        """Refuse an evaluation grid of a single node.

        Raises:
            InputError: naming it.

        """
        super().__post_init__()
        primer.check_nodes(self.name, self.nodes)

    def rhs(self, ops: Operations, t: Any, y: Any) -> Any:
        """−k y."""
        return (-self.k * y[0],)

    def start(self) -> Array:
        """y₀."""
        return np.array([self.y0])

    def final_time(self) -> float:
        """T."""
        return self.T

    def points(self) -> Array:
        """S3's instants where asked for, else those of every ODE."""
        return np.linspace(0.0, self.T, self.nodes)[:, None] if self.nodes else super().points()

    def further_points(self) -> Mapping[str, Array]:
        """As much time again: 200 instants on (T, 2T]."""
        return {"beyond": np.linspace(self.T, 2.0 * self.T, 201)[1:, None]}

    def reference(self, points: Array) -> Array:
        """y₀ e^{−kt}."""
        return self.y0 * np.exp(-self.k * points)
