"""Equations that exercise every term of the residual, with solutions to check it by."""

from __future__ import annotations

from dataclasses import dataclass

from problems.base import PDE, Box, Dirichlet, Neumann, Periodic


@dataclass(frozen=True)
class Reactor(PDE):
    """Two coupled components in 2-D: flux of x and u, diffusivity matrix of x and u, source of u."""

    name, title, equation, citation = "reactor", "", "", ""
    components = 2

    def domain(self):
        return Box((-1.0, 0.0), (1.0, 2.0))

    def final_time(self):
        return 0.7

    def flux(self, ops, x, t, u):
        return (x[0] * u[0] ** 2, u[0] * u[1]), (ops.sin(u[1]) * t, 0.3)

    def diffusivity(self, ops, x, t, u):
        return (1.0 + x[0] ** 2 * u[1], 0.2), (0.0, ops.exp(u[0]) + x[1])

    def source(self, ops, x, t, u):
        return u[0] * u[1] + t, -(u[0] ** 3)

    def exact(self, ops, x, t):
        return ops.exp(-t) * ops.sin(x[0] + 2.0 * x[1]), x[0] * x[1] + t

    def condition(self, axis, side):
        return Neumann(self.exact) if (axis, side) == (1, 1) else Dirichlet(self.exact)


@dataclass(frozen=True)
class Ring(PDE):
    """uₜ + uₓ = 0.05 uₓₓ on a ring of length 2π, u = e^{−0.05 t} sin(x − t)."""

    name, title, equation, citation = "ring", "", "", ""

    def domain(self):
        return Box((0.0,), (6.283185307179586,))

    def final_time(self):
        return 1.0

    def flux(self, ops, x, t, u):
        return ((u[0],),)

    def diffusivity(self, ops, x, t, u):
        return 0.05

    def exact(self, ops, x, t):
        return (ops.exp(-0.05 * t) * ops.sin(x[0] - t),)

    def condition(self, axis, side):
        return Periodic()


@dataclass(frozen=True)
class Rod(PDE):
    """uₜ = ∇·((1 + x) ∇u) + S with heat let in at the right end; u = (1 + t) cos(x) exactly."""

    name, title, equation, citation = "rod", "", "", ""

    def domain(self):
        return Box((0.0,), (1.0,))

    def final_time(self):
        return 1.0

    def diffusivity(self, ops, x, t, u):
        return 1.0 + x[0]

    def source(self, ops, x, t, u):
        return (ops.cos(x[0]) + (1.0 + t) * (ops.sin(x[0]) + (1.0 + x[0]) * ops.cos(x[0])),)

    def exact(self, ops, x, t):
        return ((1.0 + t) * ops.cos(x[0]),)

    def condition(self, axis, side):
        if side == 0:
            return Dirichlet(self.exact)
        return Neumann(lambda ops, x, t: (-(1.0 + x[0]) * (1.0 + t) * ops.sin(x[0]),))


@dataclass(frozen=True)
class Plate(PDE):
    """uₜ + (u²)ₓ = 0.3 Δu + sin y on a box in 2-D that closes on itself along x: one κ, two axes, and time."""

    name, title, equation, citation = "plate", "", "", ""

    def domain(self):
        return Box((0.0, -1.0), (2.0, 1.0))

    def final_time(self):
        return 0.5

    def flux(self, ops, x, t, u):
        return ((u[0] * u[0], 0.0),)

    def diffusivity(self, ops, x, t, u):
        return 0.3

    def source(self, ops, x, t, u):
        return (ops.sin(x[1]),)

    def initial(self, ops, x):
        return (ops.sin(3.141592653589793 * x[0]) * (1.0 - x[1] * x[1]),)

    def condition(self, axis, side):
        return Periodic() if axis == 0 else Dirichlet()


@dataclass(frozen=True)
class Membrane(PDE):
    """−∇·((1 + x²) ∇u) + u³ = f on the unit square with a given flux at x = 1; u = sin(x + 2y) exactly."""

    name, title, equation, citation = "membrane", "", "", ""

    def domain(self):
        return Box((0.0, 0.0), (1.0, 1.0))

    def diffusivity(self, ops, x, t, u):
        return 1.0 + x[0] ** 2

    def source(self, ops, x, t, u):
        wave = x[0] + 2.0 * x[1]
        f = 5.0 * (1.0 + x[0] ** 2) * ops.sin(wave) - 2.0 * x[0] * ops.cos(wave) + ops.sin(wave) ** 3
        return (f - u[0] ** 3,)

    def exact(self, ops, x, t):
        return (ops.sin(x[0] + 2.0 * x[1]),)

    def condition(self, axis, side):
        if (axis, side) == (0, 1):
            return Neumann(lambda ops, x, t: (2.0 * ops.cos(x[0] + 2.0 * x[1]),))
        return Dirichlet(self.exact)
