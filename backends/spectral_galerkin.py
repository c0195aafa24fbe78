"""Eigenproblems in spaces of polynomials and waves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from backends import register
from backends.base import Context, Session, Solver
from backends.structure import half_glued
from problems import InputError, Problem
from problems.base import Array, Dirichlet, Periodic
from problems.families.eigenproblem import Eigenproblem
from problems.operations import NUMPY
from problems.parameters import parameter
from problems.quadrature import gauss_legendre, tensor_product

MOST = 2500
"""Unknowns of the dense matrices: 50 MB each, and some ten seconds."""
MORE = 16
"""Nodes of the quadrature beyond one per function, for coefficients that are no polynomials."""


@register
@dataclass(frozen=True)
class SpectralGalerkin(Solver):
    """Galerkin's method with polynomials (waves on closed axes), in one and two dimensions.

    The basis are Shen's differences of Legendre polynomials, which vanish at both ends, and a straight line for each
    end without a given value; products of them in two dimensions. Integrals are taken by Gauss–Legendre quadrature,
    exactly where coefficients are polynomials, and none of its nodes is a singular end. Where the functions are
    smooth up to the boundary, energies converge like the square of what the best approximation of the functions does,
    faster than any power of the number of functions, and from above. The dense pencil is inverted, B v = A v / E after
    a shift below all energies, so that rounding does not grow with the highest of them. O(n³) operations for n
    functions in one dimension, O(n⁶) in two. Source: Shen 1994, SIAM J. Sci. Comput. 15, 1489.
    """

    name = "spectral-galerkin"
    title = "Legendre and Fourier Galerkin"
    family = "classical"
    libraries = ("scipy",)
    imports = ("scipy.linalg",)

    functions: int | None = parameter(
        None, "basis functions per axis; 128 in one dimension and 24 in two if none", least=4, most=1024
    )

    def unsupported(self, problem: Problem) -> str | None:
        """Eigenproblems of operators in up to two dimensions."""
        if not isinstance(problem, Eigenproblem):
            return f"a basis of functions needs an eigenproblem of an operator, not one of the family {problem.family}"
        if problem.dimension > 2:
            return f"dense matrices in {problem.dimension} dimensions; this basis goes up to two"
        return half_glued(problem)

    def validate(self, problem: Problem) -> None:
        """Refuse fewer functions than states, and matrices that would not fit."""
        if not isinstance(problem, Eigenproblem):
            return
        unknowns = self.per_axis(problem) ** problem.dimension
        if unknowns > MOST:
            most = int(MOST ** (1.0 / problem.dimension))
            raise InputError(
                f"{self.name}: functions = {self.per_axis(problem)} per axis are {unknowns} unknowns, and their "
                f"matrices are dense; take at most {most}"
            )
        if unknowns <= problem.states:
            raise InputError(
                f"{self.name}: functions = {self.per_axis(problem)} per axis are {unknowns} unknowns for "
                f"{problem.states} states; take more"
            )

    def per_axis(self, problem: Eigenproblem) -> int:
        """The number of functions per axis."""
        return self.functions or {1: 128, 2: 24}[problem.dimension]

    def begin(self, problem: Problem, context: Context) -> Session:
        """Assemble both matrices."""
        assert isinstance(problem, Eigenproblem)
        return GalerkinSession(problem, self.per_axis(problem))


@dataclass(frozen=True)
class Axis:
    """`count` functions on an interval that meet the conditions at its ends."""

    lower: float
    upper: float
    count: int
    zero: tuple[bool, bool]
    closed: bool

    def at(self, x: Array) -> tuple[Array, Array]:
        """The functions and their slopes at x (n,), each of shape (n, count)."""
        half = 0.5 * (self.upper - self.lower)
        s = (x - self.lower) / half - 1.0
        values, slopes = self._waves(s) if self.closed else self._polynomials(s)
        return values, slopes / half

    def _waves(self, s: Array) -> tuple[Array, Array]:
        k = (np.arange(self.count) + 1) // 2 * np.pi
        even = np.arange(self.count) % 2 == 0
        c, z = np.cos(k * s[:, None]), np.sin(k * s[:, None])
        return np.where(even, c, z), np.where(even, -k * z, k * c)

    def _polynomials(self, s: Array) -> tuple[Array, Array]:
        lines = [(0.5 * (1.0 - s), np.full_like(s, -0.5)), (0.5 * (1.0 + s), np.full_like(s, 0.5))]
        free = [line for line, zero in zip(lines, self.zero, strict=True) if not zero]
        bubbles = self.count - len(free)
        legendre = np.polynomial.legendre.legvander(s, bubbles + 1)
        k = np.arange(bubbles)
        # (Lₖ₊₂ − Lₖ)' = (2k + 3) Lₖ₊₁: slopes are orthonormal, and so is the stiffness matrix of a constant.
        size = 1.0 / np.sqrt(4.0 * k + 6.0)
        values = size * (legendre[:, k] - legendre[:, k + 2])
        slopes = -size * (2.0 * k + 3.0) * legendre[:, k + 1]
        return (
            np.column_stack([*(value for value, _ in free), values]),
            np.column_stack([*(slope for _, slope in free), slopes]),
        )


class GalerkinSession(Session):
    """Two dense symmetric matrices."""

    def __init__(self, problem: Eigenproblem, count: int) -> None:
        self._problem, box = problem, problem.domain()
        self._axes = []
        for axis, (lower, upper) in enumerate(zip(box.lower, box.upper, strict=True)):
            ends = [problem.condition(axis, side) for side in (0, 1)]
            zero = (isinstance(ends[0], Dirichlet), isinstance(ends[1], Dirichlet))
            self._axes.append(Axis(lower, upper, count, zero, isinstance(ends[0], Periodic)))
        # Products of polynomials are integrated exactly; waves are none, and as many nodes again follow them.
        nodes = [(2 if a.closed else 1) * count + MORE for a in self._axes]
        rules = [gauss_legendre(a.lower, a.upper, 1, n) for a, n in zip(self._axes, nodes, strict=True)]
        points, weights = tensor_product(rules)
        x = list(points.T)
        sides = [a.at(nodes) for a, (nodes, _) in zip(self._axes, rules, strict=True)]
        values = reduce(np.kron, (value for value, _ in sides))
        mass = weights * problem.weight(NUMPY, x)
        reaction = weights * problem.reaction(NUMPY, x)
        kappa = weights * problem.diffusivity(NUMPY, x)
        # No energy is below the smallest V/w; the second number moves a shift off an energy that is zero.
        self._bound, self._apart = float((reaction / mass).min()), max(box.lengths) ** -2.0
        self._mass = values.T @ (mass[:, None] * values)
        self._energy = values.T @ (reaction[:, None] * values)
        for axis in range(len(sides)):
            slope = reduce(np.kron, (side[1 if a == axis else 0] for a, side in enumerate(sides)))
            self._energy += slope.T @ (kappa[:, None] * slope)
        self._eigenvalues, self._coefficients = np.empty(0), np.empty((0, 0))

    def solve(self) -> None:
        """The largest 1/(E − s) of the inverted pencil: with a shift that is safe, then with one that is near."""
        self._invert(self._bound - 0.01 * abs(self._bound) - self._apart)
        lowest, spread = self._eigenvalues[0], self._eigenvalues[-1] - self._eigenvalues[0]
        self._invert(lowest - max(spread, 0.1 * abs(lowest), self._apart))

    def _invert(self, shift: float) -> None:
        import scipy.linalg

        n, states = len(self._mass), self._problem.states
        inverses, vectors = scipy.linalg.eigh(
            self._mass, self._energy - shift * self._mass, subset_by_index=[n - states, n - 1]
        )
        # Of unit energy as they come; then of unit mass.
        self._eigenvalues = shift + 1.0 / inverses[::-1]
        self._coefficients = (vectors / np.sqrt(inverses))[:, ::-1]

    def solution(self, points: Array) -> Array:
        """The expansions."""
        sides = [a.at(x)[0] for a, x in zip(self._axes, points.T, strict=True)]
        values = reduce(lambda a, b: (a[:, :, None] * b[:, None, :]).reshape(len(points), -1), sides)
        return np.asarray(values @ self._coefficients)

    def facts(self) -> Mapping[str, Any]:
        """Size and energies."""
        return {"unknowns": len(self._mass), "eigenvalues": self._eigenvalues}
