"""Coefficients of uₜ = κ uₓₓ − r u  on (0, 1) from noisy observations,  u = 0 at both ends,  u(x, 0) known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problems import register
from problems.base import PDE, Array, Box, is_zero
from problems.families.inverse import InverseProblem, Theta, Unknown
from problems.operations import Operations
from problems.parameters import InputError, parameter

MODES = ((1, 0.7), (2, 0.4), (3, 0.2))
"""Half waves at the start with their amplitudes; together they are about 1 at their highest.

A single one would decay at the rate κπ² + r, and never tell κ from r.
"""
CITATION = "Standard test of parameter identification; as a network with a trainable coefficient, Raissi et al. 2019"


@dataclass(frozen=True)
class Rod(PDE):
    """uₜ = κ uₓₓ − r u with exact solution Σ aₘ e^{−(κ(mπ)² + r)t} sin mπx.

    It is made by `HeatInverse` alone, which has checked what it was given; κ and r may be scalars of any array library.
    """

    name = "heat-rod"
    title = "Heat conduction in a rod that loses heat"
    equation = "uₜ = κ uₓₓ − r u"
    citation = CITATION

    kappa: Any
    rate: Any
    T: float
    sensors: int
    instants: int

    def __post_init__(self) -> None:
        """Leave the coefficients as they are: a check would ask a network's variable for its value."""

    def domain(self) -> Box:
        """(0, 1)."""
        return Box((0.0,), (1.0,))

    def final_time(self) -> float:
        """T."""
        return self.T

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """κ."""
        return self.kappa

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...] | None:
        """−r u."""
        return None if is_zero(self.rate) else (-self.rate * u[0],)

    def initial(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        """Σ aₘ sin mπx, whatever the coefficients."""
        return (sum(a * ops.sin(m * math.pi * x[0]) for m, a in MODES),)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """Decaying sines."""
        return (
            sum(
                a * ops.exp(-(self.kappa * (m * math.pi) ** 2 + self.rate) * t) * ops.sin(m * math.pi * x[0])
                for m, a in MODES
            ),
        )

    def times(self) -> Array:
        """Equidistant instants up to T."""
        return self.T * np.arange(1, self.instants + 1) / self.instants

    def places(self) -> Array:
        """Sensors in the middles of as many equal pieces of the rod."""
        return ((np.arange(self.sensors) + 0.5) / self.sensors)[:, None]


@register
@dataclass(frozen=True)
class HeatInverse(InverseProblem):
    """κ, or κ and r, of uₜ = κ uₓₓ − r u from u + σ η at `sensors` places and `instants` times.

    What the noise allows: with σ = 0.01, one hundredth of the largest initial value, 20 sensors and 10 instants, the
    standard error of κ = 0.1 is 0.50 %; with r = 0.5 unknown as well, 1.1 % of κ and 3.0 % of r. It is proportional to
    σ, and to one over the square root of the number of observations. An answer that is nearer to the truth was lucky.
    """

    name = "heat-inverse"
    title = "Conductivity of a rod from observations"
    equation = "uₜ = κ uₓₓ − r u; κ, or κ and r, to be found"
    citation = CITATION

    unknown: str = parameter("kappa", "what is to be found", choices=("kappa", "kappa-and-rate"))
    kappa: float = parameter(0.1, "true diffusivity κ", least=0.02, most=0.5)
    rate: float = parameter(0.0, "true rate r at which heat is lost", least=0, most=4)
    T: float = parameter(0.5, "final time", above=0)
    sensors: int = parameter(20, "places of observation", least=3)
    instants: int = parameter(10, "times of observation", least=1)

    presets = {"two": {"unknown": "kappa-and-rate", "rate": 0.5}}

    def __post_init__(self) -> None:
        """Refuse a rate of zero that is to be found, of which no relative error can be told.

        Raises:
            InputError: naming it.

        """
        super().__post_init__()
        if self.unknown == "kappa-and-rate" and self.rate == 0.0:
            raise InputError(
                f"{self.name}: parameter 'rate' is 0 and is to be found, but errors are relative to it; "
                "give a positive one, or take unknown=kappa"
            )

    def unknowns(self) -> tuple[Unknown, ...]:
        """κ between 0.01 and 1, and r between 0 and 5."""
        kappa = Unknown("kappa", self.kappa, 0.5, 0.01, 1.0)
        return (kappa,) if self.unknown == "kappa" else (kappa, Unknown("rate", self.rate, 2.0, 0.0, 5.0))

    def forward(self, theta: Theta) -> Rod:
        """The rod with coefficients θ = (κ,) or (κ, r)."""
        rate = self.rate if self.unknown == "kappa" else theta[1]
        return Rod(theta[0], rate, self.T, self.sensors, self.instants)

    def sensitivities(self, theta: Theta) -> Array:
        """∂u/∂κ = −Σ (mπ)² t uₘ and ∂u/∂r = −t u for u = Σ uₘ, shape (n, 1, p)."""
        rod = self.forward(theta)
        (x,), t = rod.split(rod.points())
        slopes = np.zeros((len(t), 1, 2))
        for m, a in MODES:
            part = a * np.exp(-(rod.kappa * (m * math.pi) ** 2 + rod.rate) * t) * np.sin(m * math.pi * x)
            slopes[:, 0, 0] -= (m * math.pi) ** 2 * t * part
            slopes[:, 0, 1] -= t * part
        return slopes[:, :, : len(theta)]
