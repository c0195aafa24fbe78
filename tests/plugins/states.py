"""Eigenproblems on which their solvers are tried: every kind of face, one and two dimensions, degenerate states."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from problems import register
from problems.base import Array, Box, Condition, Dirichlet, Neumann, Periodic
from problems.families.eigenproblem import Eigenproblem
from problems.operations import Operations
from problems.parameters import parameter

FACES = {"clamped": Dirichlet(), "free": Neumann(), "closed": Periodic()}


@register
@dataclass(frozen=True)
class Membrane(Eigenproblem):
    """−Δψ = E ψ on the unit cube: E = Σ (kᵢπ)² with k ≥ 1 (clamped) or k ≥ 0 (free), Σ (2πkᵢ)² (closed).

    A square has degenerate states, and so has a ring. In one dimension they are sines or cosines.
    """

    name = "membrane"
    title = "Vibrating membrane"
    equation = "−Δψ = E ψ"
    citation = "separation of variables"

    d: int = parameter(1, "dimension", least=1, most=2)
    faces_are: str = parameter("clamped", "kind of all faces", choices=tuple(FACES))

    def domain(self) -> Box:
        return Box((0.0,) * self.d, (1.0,) * self.d)

    def diffusivity(self, ops: Operations, x: Sequence[Any]) -> Any:
        return 1.0

    def condition(self, axis: int, side: int) -> Condition:
        return FACES[self.faces_are]

    def eigenvalues(self) -> Array:
        return np.array([sum(self._value(k) for k in mode) for mode in self._modes()])

    def exact(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        functions = []
        for mode in self._modes():
            value: Any = 1.0
            for k, s in zip(mode, x, strict=True):
                value = value * self._function(ops, k, s)
            functions.append(value)
        return tuple(functions)

    def _modes(self) -> list[tuple[int, ...]]:
        count = range(self.states + 1)
        return sorted(product(count, repeat=self.d), key=lambda m: (sum(map(self._value, m)), m))[: self.states]

    def _value(self, k: int) -> float:
        if self.faces_are == "closed":
            return float(2.0 * math.pi * ((k + 1) // 2)) ** 2
        return (math.pi * (k + (self.faces_are == "clamped"))) ** 2

    def _function(self, ops: Operations, k: int, s: Any) -> Any:
        if self.faces_are == "clamped":
            return math.sqrt(2.0) * ops.sin(math.pi * (k + 1) * s)
        if k == 0:
            return 1.0 + 0.0 * s
        if self.faces_are == "free":
            return math.sqrt(2.0) * ops.cos(math.pi * k * s)
        wave = ops.sin if k % 2 else ops.cos
        return math.sqrt(2.0) * wave(2.0 * math.pi * ((k + 1) // 2) * s)


@register
@dataclass(frozen=True)
class Graded(Eigenproblem):
    """−(x³ψ')' = E x ψ on (1, e), zero at both ends: ψₖ = √2 sin(kπ ln x)/x, Eₖ = 1 + k²π²."""

    name = "graded-string"
    title = "String of graded stiffness and mass"
    equation = "−(x³ψ')' = E x ψ"
    citation = "an equation of Euler's kind: x = eˢ makes its coefficients constant"

    def domain(self) -> Box:
        return Box((1.0,), (math.e,))

    def diffusivity(self, ops: Operations, x: Sequence[Any]) -> Any:
        return x[0] ** 3

    def weight(self, ops: Operations, x: Sequence[Any]) -> Any:
        return x[0]

    def eigenvalues(self) -> Array:
        return np.asarray(1.0 + (np.arange(1, self.states + 1) * math.pi) ** 2)

    def exact(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        s = ops.log(x[0])
        return tuple(math.sqrt(2.0) * ops.sin(k * math.pi * s) / x[0] for k in range(1, self.states + 1))
