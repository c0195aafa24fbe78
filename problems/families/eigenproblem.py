"""Eigenproblems of differential operators: the lowest states of −∇·(κ∇ψ) + V ψ = E w ψ on a box."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from problems.base import Array, Box, Condition, Dirichlet, Problem, fields_to_array
from problems.operations import NUMPY, Operations
from problems.parameters import parameter
from problems.quadrature import gauss_legendre, tensor_product

RULES = {1: (64, 16), 2: (8, 8), 3: (4, 6)}
"""Panels per axis and nodes per panel of the tensor rule that solutions are judged by, for each number of axes."""
SAME = 1e-9
"""Eigenvalues are one degenerate set where they differ by less than this, relative to their size or 1."""


@dataclass(frozen=True)
class Eigenproblem(Problem):
    """−∇·(κ∇ψ) + V ψ = E w ψ on a box with homogeneous conditions: its `states` lowest eigenpairs.

    A solver answers with one column per state, lowest first, of any sign and length, and reports as many numbers E,
    the array `eigenvalues` of its facts. Functions are normalised to ∫ w ψ² = 1 and given the sign of the reference
    before they are compared; within a set of degenerate states, they are rotated by that orthogonal matrix that brings
    them nearest to it, so `states` must not cut such a set. Energies are judged by their absolute errors, the largest
    of all states: that of the lowest one may be zero. The length that a function had before it was normalised is
    reported as a measure, since a function that vanishes solves every such equation.
    """

    family: ClassVar[str] = "eigenproblem"
    headline: ClassVar[str] = "eigenvalue_error"

    states: int = parameter(3, "number of eigenpairs, lowest first", least=1)

    @abstractmethod
    def domain(self) -> Box:
        """The box on which the equation holds."""

    @abstractmethod
    def diffusivity(self, ops: Operations, x: Sequence[Any]) -> Any:
        """κ, a scalar; positive inside."""

    def reaction(self, ops: Operations, x: Sequence[Any]) -> Any:
        """V, the factor of ψ itself, times the weight where the equation has one."""
        return 0.0

    def weight(self, ops: Operations, x: Sequence[Any]) -> Any:
        """w; positive inside."""
        return 1.0

    def condition(self, axis: int, side: int) -> Condition:
        """ψ = 0 (`Dirichlet()`), κ ∂ψ/∂n = 0 (`Neumann()`) or `Periodic()` on a face of `axis`."""
        return Dirichlet()

    @abstractmethod
    def eigenvalues(self) -> Array:
        """The true values E, ascending, shape (states,)."""

    @abstractmethod
    def exact(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        """The true functions, one entry per state, with ∫ w ψᵢ ψⱼ = δᵢⱼ."""

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return self.domain().dimension

    def faces(self) -> list[tuple[int, int, Condition]]:
        """Every face with its condition: (axis, side, condition)."""
        return [(axis, side, self.condition(axis, side)) for axis in range(self.dimension) for side in (0, 1)]

    def panels(self) -> tuple[int, int] | None:
        """Panels per axis and nodes per panel of `rule`; None where it is no tensor rule."""
        return RULES.get(self.dimension)

    def rule(self) -> tuple[Array, Array]:
        """Points (n, d) and weights (n,) of the integrals by which solutions are judged.

        Those of Gauss and Legendre, where tensor rules are small; in more dimensions a problem gives its own.

        Raises:
            NotImplementedError: if it does not.

        """
        box, tensor = self.domain(), self.panels()
        if tensor is None:
            raise NotImplementedError(f"{self.name} gives no rule in {self.dimension} dimensions")
        panels, order = tensor
        return tensor_product([gauss_legendre(a, b, panels, order) for a, b in zip(box.lower, box.upper, strict=True)])

    def points(self) -> Array:
        """The points of `rule`."""
        return self.rule()[0]

    def reference(self, points: Array) -> Array:
        """The exact functions, shape (n, states)."""
        return fields_to_array(self.exact(NUMPY, list(points.T)), len(points))

    def align(self, solution: Array, reference: Array) -> Array:
        """`solution` of unit length, with signs, and rotations among degenerate states, that bring it to `reference`.

        Both are given at the points of `rule`. A function that vanishes everywhere stays as it is.
        """
        gram = self._gram(solution, solution).diagonal()
        usable = np.isfinite(gram) & (gram > 0.0)
        aligned = solution / np.sqrt(np.where(usable, gram, 1.0))
        for block in self._degenerate():
            u, _, v = np.linalg.svd(self._gram(aligned[:, block], reference[:, block]))
            aligned[:, block] = aligned[:, block] @ (u @ v)
        return aligned

    def measures(self, solution: Array, findings: Mapping[str, Array] | None = None) -> dict[str, float]:
        """Every eigenvalue, the largest error of them, and what shows whether the functions can be what they should.

        `norm` is the smallest length √∫ w ψ² that a function had when it was handed over: 1 by a method that
        normalises, and a sign of warning where it is tiny. `overlap` is the largest |∫ w ψᵢ ψⱼ| of two of them after
        normalisation: near 1 where a state was found twice. `distance` is √∫ w (ψ − ψ_ref)², the largest of all states
        after alignment; norms over the points do not weigh how densely these lie.

        Raises:
            ValueError: if `findings` has no `eigenvalues`, or another number of them than there are states.

        """
        found = np.asarray((findings or {}).get("eigenvalues", np.empty(0)))
        if found.shape != (self.states,):
            raise ValueError(f"'eigenvalues' has shape {found.shape}, and there are {self.states} states")
        gram = self._gram(solution, solution)
        lengths = np.sqrt(gram.diagonal())
        scale = np.where(lengths > 0.0, lengths, 1.0)
        between = np.abs(gram / np.outer(scale, scale))
        np.fill_diagonal(between, 0.0)
        return {
            "eigenvalue_error": float(np.abs(found - self.eigenvalues()).max()),
            "norm": float(lengths.min()),
            "overlap": float(between.max()),
            "distance": self._distance(solution),
            **{f"eigenvalue_{k}": float(value) for k, value in enumerate(found)},
        }

    def _distance(self, solution: Array) -> float:
        reference = self.reference(self.points())
        apart = self.align(solution, reference) - reference
        return float(np.sqrt(self._gram(apart, apart).diagonal().max()))

    def _gram(self, one: Array, other: Array) -> Array:
        """∫ w ψᵢ φⱼ of functions given at the points of `rule`."""
        points, weights = self.rule()
        return np.asarray((one.T * (weights * self.weight(NUMPY, list(points.T)))) @ other)

    def _degenerate(self) -> list[slice]:
        """The states, as ranges of those with one eigenvalue."""
        values = self.eigenvalues()
        apart = np.diff(values) > SAME * np.maximum(1.0, np.abs(values[1:]))
        edges = [0, *(np.flatnonzero(apart) + 1), len(values)]
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]
