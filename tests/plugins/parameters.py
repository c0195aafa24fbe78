"""Inverse problems for tests: one that is not linear, with faces that move and follow the parameter; a steady one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from problems.base import PDE, Box, Dirichlet
from problems.families.inverse import InverseProblem, Unknown
from problems.parameters import parameter

SENSORS = (np.arange(8)[:, None] + 0.5) / 8


@dataclass(frozen=True)
class Burgers(PDE):
    """uₜ + (½u²)ₓ = ν uₓₓ with the travelling front u = ½ − ½ tanh((x − ¼ − t/2)/4ν)."""

    name = "front"
    title = "A front"
    equation = "uₜ + (½u²)ₓ = ν uₓₓ"
    citation = "Textbook"

    nu: Any = 0.1

    def __post_init__(self):
        """ν may be of any kind."""

    def domain(self):
        return Box((0.0,), (1.0,))

    def final_time(self):
        return 0.5

    def flux(self, ops, x, t, u):
        return ((0.5 * u[0] ** 2,),)

    def diffusivity(self, ops, x, t, u):
        return self.nu

    def condition(self, axis, side):
        return Dirichlet(self.exact)

    def exact(self, ops, x, t):
        return (0.5 - 0.5 * ops.tanh((x[0] - 0.25 - 0.5 * t) / (4.0 * self.nu)),)

    def times(self):
        return np.array([0.125, 0.25, 0.5])

    def places(self):
        return SENSORS


@dataclass(frozen=True)
class Front(InverseProblem):
    """ν of a travelling front, which stands in its initial and boundary values as well."""

    name = "front-inverse"
    title = "Viscosity of a front"
    equation = Burgers.equation
    citation = "Textbook"

    def unknowns(self):
        return (Unknown("nu", 0.1, 0.2, 0.05, 0.5),)

    def forward(self, theta):
        return Burgers(theta[0])

    def sensitivities(self, theta):
        nu = theta[0]
        points = Burgers().points()
        z = points[:, 0] - 0.25 - 0.5 * points[:, 1]
        return (z / (8.0 * nu**2) / np.cosh(z / (4.0 * nu)) ** 2)[:, None, None]


@dataclass(frozen=True)
class Conduction(PDE):
    """−(κ uₓ)ₓ = π² sin πx with κ = a², u = sin(πx)/a²: κ is not affine in a."""

    name = "conduction"
    title = "Steady conduction"
    equation = "−(κ uₓ)ₓ = π² sin πx"
    citation = "Textbook"

    a: Any = 1.5

    def __post_init__(self):
        """a may be of any kind."""

    def domain(self):
        return Box((0.0,), (1.0,))

    def diffusivity(self, ops, x, t, u):
        return self.a * self.a

    def source(self, ops, x, t, u):
        return (np.pi**2 * ops.sin(np.pi * x[0]),)

    def exact(self, ops, x, t):
        return (ops.sin(np.pi * x[0]) / (self.a * self.a),)

    def places(self):
        return SENSORS


@dataclass(frozen=True)
class Slab(InverseProblem):
    """The root of a conductivity from steady temperatures."""

    name = "slab-inverse"
    title = "Conductivity of a slab"
    equation = Conduction.equation
    citation = "Textbook"

    share: float = parameter(1.0, "true a over 3/2", above=0)

    def unknowns(self):
        return (Unknown("a", 1.5 * self.share, 1.0, 0.5, 3.0),)

    def forward(self, theta):
        return Conduction(theta[0])

    def sensitivities(self, theta):
        return (-2.0 * np.sin(np.pi * SENSORS[:, 0]) / theta[0] ** 3)[:, None, None]
