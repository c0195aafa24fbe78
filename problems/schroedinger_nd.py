"""Ground state of coupled oscillators in many dimensions:  −½Δψ + ½ xᵀKx ψ = E ψ."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from problems import register
from problems.base import Array, Box
from problems.families.eigenproblem import Eigenproblem
from problems.operations import Operations
from problems.parameters import InputError, parameter

CUT = 5e-12
"""What is left of ψ on the faces of the box that is chosen where none is given, in units of its height."""
MOST_CUT = 1e-3
"""What may be left there by a box that is given."""
PANELS = {1: (64, 16), 2: (8, 12)}
"""Panels per axis and nodes per panel of the tensor rule that solutions are judged by, where it is one."""
SAMPLE = 8192
"""Points by which they are judged in more dimensions."""
SEED = 20_240_601


@register
@dataclass(frozen=True)
class SchroedingerND(Eigenproblem):
    """A chain of d oscillators: V = ½ Σ xᵢ² + ½ c Σ (xᵢ₊₁ − xᵢ)², so K = 1 + c · (the chain's Laplacian).

    In the normal modes yⱼ = Σᵢ Qᵢⱼ xᵢ, which are cosines, K is diagonal with kⱼ = 1 + 2c(1 − cos(πj/d)), j = 0 … d − 1
    (Goldstein, Poole & Safko 2002, Classical Mechanics, ch. 6). Then E = ½ Σ √kⱼ and ψ = Π (√kⱼ/π)^¼ exp(−½ √kⱼ yⱼ²).
    With c = 0 the oscillators are independent and E = d/2; with c > 0 no product of functions of one coordinate each
    is a solution.

    The equation holds on all of space, and is cut to a cube |xᵢ| < R with ψ = 0 on its faces; `reference_error` says
    what the cut has changed. In more than two dimensions solutions are judged by importance sampling from ψ² (see
    `rule`), and the headline is the error of E in units of E, which grows like d.
    """

    name = "schroedinger-nd"
    title = "Coupled oscillators in many dimensions"
    equation = "−½Δψ + ½ xᵀKx ψ = E ψ"
    citation = "normal modes: Goldstein, Poole & Safko 2002, Classical Mechanics, ch. 6"
    headline = "relative_eigenvalue_error"

    states: int = parameter(1, "the ground state alone", least=1, most=1)
    d: int = parameter(2, "dimension", least=1, most=512)
    coupling: float = parameter(0.5, "stiffness c of the springs between neighbours; that of each to 0 is 1", least=0)
    R: float | None = parameter(
        None, "half of the edge of the cube; chosen from the decay of the state if none", above=0
    )

    def __post_init__(self) -> None:
        """Refuse a cube that cuts into the state.

        Raises:
            InputError: naming R.

        """
        super().__post_init__()
        if self.R is not None and self.R < self._half_edge(MOST_CUT):
            raise InputError(
                f"{self.name}: R = {self.R:g} leaves more than {MOST_CUT:g} of the state's height on the faces; take "
                f"at least {self._half_edge(MOST_CUT):.3g}"
            )

    def domain(self) -> Box:
        """(−R, R)ᵈ."""
        half = self.R or self._half_edge(CUT)
        return Box((-half,) * self.d, (half,) * self.d)

    def diffusivity(self, ops: Operations, x: Sequence[Any]) -> Any:
        """½."""
        return 0.5

    def reaction(self, ops: Operations, x: Sequence[Any]) -> Any:
        """V."""
        total = x[0] * x[0]
        for s in x[1:]:
            total = total + s * s
        for one, other in zip(x[:-1] if self.coupling else (), x[1:], strict=False):
            total = total + self.coupling * (other - one) * (other - one)
        return 0.5 * total

    def eigenvalues(self) -> Array:
        """½ Σ √kⱼ."""
        return np.array([0.5 * self._modes()[0].sum()])

    def exact(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        """The ground state on all of space, positive."""
        roots, modes = self._modes()
        exponent: Any = self._log_height()
        for root, mode in zip(roots, modes.T, strict=True):
            y = sum(float(part) * s for part, s in zip(mode, x, strict=True))
            exponent = exponent - 0.5 * float(root) * y * y
        return (ops.exp(exponent),)

    def reference(self, points: Array) -> Array:
        """`exact` by products of matrices."""
        roots, modes = self._modes()
        squares = (np.asarray(points) @ modes) ** 2
        return np.exp(self._log_height() - 0.5 * squares @ roots)[:, None]

    def energy_shift(self) -> float:
        """By how much E rises as ψ = 0 on the faces, to first order in what is cut off: Σ R/vᵢ p(R).

        That is half of ∮ ψ |∂φ/∂n|, where φ vanishes on the faces and is twice as steep there as ψ; p is the normal
        density of the coordinate xᵢ, of variance vᵢ.
        """
        half, v = self.domain().upper[0], self._variances()
        return float((half / v * np.exp(-(half**2) / (2.0 * v)) / np.sqrt(2.0 * math.pi * v)).sum())

    def reference_error(self) -> float:
        """What ψ = 0 on the faces changes: about as much as ψ has there, and `energy_shift`."""
        on_face = math.exp(self._log_height()) * math.exp(-(self.domain().upper[0] ** 2) / (4.0 * self._widest()))
        return max(on_face, self.energy_shift())

    def panels(self) -> tuple[int, int] | None:
        """A tensor rule in one and two dimensions only."""
        return PANELS.get(self.d)

    def rule(self) -> tuple[Array, Array]:
        """In more than two dimensions a Latin hypercube of 8192 points, drawn from ψ², with weights 1/ψ².

        It is drawn in the normal modes (McKay, Beckman & Conover 1979, Technometrics 21), from one seed for all. Along
        each mode the points are medians of equal strata, stretched to the exact variance, so that the rule is exact
        for ψ² times any sum of quadratic functions of one mode each: ψ has unit length and the right energy by it. For
        other functions f the error of ∫ ψ² f is that of independent points without what is a sum of functions of one
        mode each (Stein 1987, Technometrics 29): at most the standard deviation of f over 90. Points beyond the faces
        are left out.
        """
        return super().rule() if self.panels() else _sample(self)

    def measures(self, solution: Array, findings: Mapping[str, Array] | None = None) -> dict[str, float]:
        """Those of every eigenproblem, and the error of E in units of E."""
        found = super().measures(solution, findings)
        return {**found, "relative_eigenvalue_error": found["eigenvalue_error"] / float(self.eigenvalues()[0])}

    def _modes(self) -> tuple[Array, Array]:
        return _normal_modes(self.d, self.coupling)

    def _log_height(self) -> float:
        """ln ψ(0)."""
        return 0.25 * float(np.log(self._modes()[0] / math.pi).sum())

    def _half_edge(self, cut: float) -> float:
        """Distance of a face on which ψ, at its largest, is `cut` times as high as in the middle."""
        return 2.0 * math.sqrt(self._widest() * math.log(1.0 / cut))

    def _widest(self) -> float:
        """The largest of the variances."""
        return float(self._variances().max())

    def _variances(self) -> Array:
        """∫ xᵢ² ψ² (d,): the diagonal of ½ K^(−½)."""
        roots, modes = self._modes()
        return np.asarray(0.5 * (modes**2 / roots).sum(axis=1))


@functools.lru_cache(maxsize=64)
def _normal_modes(d: int, coupling: float) -> tuple[Array, Array]:
    """√kⱼ, shape (d,), and Q, shape (d, d), whose columns are the modes."""
    j = np.arange(d)
    modes = np.sqrt(np.where(j, 2.0, 1.0) / d) * np.cos(math.pi / d * np.outer(j + 0.5, j))
    roots = np.sqrt(1.0 + 4.0 * coupling * np.sin(0.5 * math.pi / d * j) ** 2)
    for shared in (roots, modes):
        shared.setflags(write=False)
    return roots, modes


@functools.lru_cache(maxsize=4)
def _sample(problem: SchroedingerND) -> tuple[Array, Array]:
    """Points and weights of `rule`."""
    roots, modes = problem._modes()
    normal = NormalDist()
    strata = np.array([normal.inv_cdf((i + 0.5) / SAMPLE) for i in range(SAMPLE)])
    strata /= math.sqrt(float((strata**2).mean()))
    generator = np.random.default_rng(SEED)
    along = np.stack([generator.permutation(strata) for _ in roots], axis=1) / np.sqrt(2.0 * roots)
    points = along @ modes.T
    points = points[(np.abs(points) < problem.domain().upper[0]).all(axis=1)]
    weights = 1.0 / (SAMPLE * problem.reference(points)[:, 0] ** 2)
    for shared in (points, weights):
        shared.setflags(write=False)
    return points, weights
