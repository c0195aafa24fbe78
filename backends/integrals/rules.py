"""Rules for ∫ₐᵇ K(x, t) y(t) dt: nodes t, and a matrix from values of y there to integrals at any x."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backends.integrals.product import Mesh
from problems.base import Array
from problems.families.integral_equation import IntegralEquation
from problems.operations import NUMPY
from problems.parameters import InputError, Parameterised, parameter

SMALLEST = 1e-13
"""Shortest element, relative to the interval; its ends still differ by hundreds of units of rounding."""


@dataclass(frozen=True)
class Quadrature:
    """∫ K(x, t) y(t) dt ≈ integrals(x) @ y(nodes), for x of shape (n,); `spacing` is that of the nodes."""

    nodes: Array
    integrals: Callable[[Array], Array]
    spacing: float


class Rule(Parameterised, ABC):
    """What every kind of rule offers."""

    kind: ClassVar[str]

    def refused(self, equation: IntegralEquation) -> str | None:
        """Why this rule cannot be used for the kernel of `equation`, in words for a user, or None."""
        if equation.singularity() is None:
            return None
        return f"the kernel is singular at t = x, which rule {self.kind} does not know of; choose rule.kind=product"

    @abstractmethod
    def on(self, equation: IntegralEquation, seed: int) -> Quadrature:
        """The rule on the interval of `equation`."""


class PointRule(Rule):
    """Values of K(x, t) y(t) at nodes, with weights that do not depend on x."""

    @abstractmethod
    def nodes_and_weights(self, a: float, b: float, seed: int) -> tuple[Array, Array]:
        """Nodes in [a, b] and their weights, both (n,)."""

    def on(self, equation: IntegralEquation, seed: int) -> Quadrature:
        """The rule on the interval of `equation`."""
        a, b = equation.interval()
        t, w = self.nodes_and_weights(a, b, seed)
        return Quadrature(t, lambda x: equation.smooth_factor(NUMPY, x[:, None], t) * w, self.spacing(t))

    def spacing(self, nodes: Array) -> float:
        """The largest distance between neighbours."""
        return float(np.diff(nodes).max())


@dataclass(frozen=True)
class GaussLegendre(PointRule):
    """Gauss's rule: exact for polynomials of degree 2n − 1."""

    kind: ClassVar[str] = "gauss-legendre"

    nodes: int = parameter(16, "nodes", least=2, most=4096)

    def nodes_and_weights(self, a: float, b: float, seed: int) -> tuple[Array, Array]:
        """Roots of Legendre's polynomial."""
        place, weight = np.polynomial.legendre.leggauss(self.nodes)
        return (a + b) / 2.0 + (b - a) / 2.0 * place, (b - a) / 2.0 * weight


@dataclass(frozen=True)
class Trapezoid(PointRule):
    """The composite trapezoidal rule on equidistant nodes, both ends included: order 2."""

    kind: ClassVar[str] = "trapezoid"

    nodes: int = parameter(65, "nodes, both ends included", least=2, most=20_000)

    def nodes_and_weights(self, a: float, b: float, seed: int) -> tuple[Array, Array]:
        """1, 2, 2, …, 2, 1 halves of the spacing."""
        weights = np.full(self.nodes, (b - a) / (self.nodes - 1))
        weights[[0, -1]] /= 2.0
        return np.linspace(a, b, self.nodes), weights


@dataclass(frozen=True)
class Simpson(PointRule):
    """The composite rule of Simpson on equidistant nodes, both ends included: order 4."""

    kind: ClassVar[str] = "simpson"

    nodes: int = parameter(65, "nodes, both ends included; an odd number", least=3, most=20_000)

    def __post_init__(self) -> None:
        """An even number of intervals.

        Raises:
            InputError: naming the number of nodes.

        """
        super().__post_init__()
        if self.nodes % 2 == 0:
            raise InputError(
                f"{self.kind}: parameter 'nodes' is {self.nodes}, which makes an odd number of intervals; "
                f"give {self.nodes + 1}"
            )

    def nodes_and_weights(self, a: float, b: float, seed: int) -> tuple[Array, Array]:
        """1, 4, 2, 4, …, 4, 1 thirds of the spacing."""
        weights = np.full(self.nodes, 2.0)
        weights[1::2] = 4.0
        weights[[0, -1]] = 1.0
        return np.linspace(a, b, self.nodes), weights * (b - a) / (self.nodes - 1) / 3.0


@dataclass(frozen=True)
class MonteCarlo(PointRule):
    """The mean over uniform random points, drawn from the case's seed: order ½ in their number."""

    kind: ClassVar[str] = "monte-carlo"

    nodes: int = parameter(50, "random points", least=2, most=20_000)

    def nodes_and_weights(self, a: float, b: float, seed: int) -> tuple[Array, Array]:
        """Equal weights."""
        return np.random.default_rng(seed).uniform(a, b, self.nodes), np.full(self.nodes, (b - a) / self.nodes)

    def spacing(self, nodes: Array) -> float:
        """The mean distance, as the largest one is as random as the points."""
        return float(np.ptp(nodes)) / (self.nodes - 1)


@dataclass(frozen=True)
class Product(Rule):
    """Product integration: exact for p(|x − t|) times a piecewise polynomial, which replaces k(x, t) y(t).

    Elements shrink towards both ends like (2j/m)^grading, since there the solution's slope is unbounded. Atkinson
    1997, The Numerical Solution of Integral Equations of the Second Kind, section 4.2; de Hoog & Weiss 1973, Math.
    Comp. 27; Schneider 1981, Math. Comp. 36 (graded meshes).
    """

    kind: ClassVar[str] = "product"

    nodes: int = parameter(65, "nodes, both ends included; one more than elements times degree", least=3, most=20_000)
    degree: int = parameter(2, "degree of the polynomials", least=1, most=8)
    grading: float = parameter(1.0, "exponent by which elements shrink towards both ends; 1 for equal ones", least=1)

    def __post_init__(self) -> None:
        """Whole elements, an even number of them where they are graded, and none shorter than rounding.

        Raises:
            InputError: naming what does not fit, and the nearest that does.

        """
        super().__post_init__()
        share = self.degree * (2 if self.grading > 1.0 else 1)
        if (self.nodes - 1) % share:
            raise InputError(
                f"{self.kind}: parameter 'nodes' is {self.nodes}; with degree = {self.degree} and grading = "
                f"{self.grading:g} it must be one more than a multiple of {share}, such as "
                f"{-(-(self.nodes - 1) // share) * share + 1}"
            )
        elements = (self.nodes - 1) // self.degree
        if 0.5 * (2.0 / elements) ** self.grading < SMALLEST:
            raise InputError(
                f"{self.kind}: parameter 'grading' is {self.grading:g}, and the first of {elements} elements would be "
                f"lost in rounding; give at most {np.log(0.5 / SMALLEST) / np.log(elements / 2.0):.3g}"
            )

    def refused(self, equation: IntegralEquation) -> str | None:
        """It is for kernels with a singularity."""
        if equation.singularity() is not None:
            return None
        return "rule product is for kernels that are singular at t = x; this one is smooth, choose gauss-legendre"

    def on(self, equation: IntegralEquation, seed: int) -> Quadrature:
        """Weights of piecewise polynomials times k."""
        singularity = equation.singularity()
        assert singularity is not None
        mesh = Mesh.graded(*equation.interval(), (self.nodes - 1) // self.degree, self.degree, self.grading)
        t = mesh.nodes
        return Quadrature(
            t,
            lambda x: mesh.weights(singularity, x) * equation.smooth_factor(NUMPY, x[:, None], t),
            float(np.diff(t).max()),
        )


Rules = GaussLegendre | Trapezoid | Simpson | MonteCarlo | Product
