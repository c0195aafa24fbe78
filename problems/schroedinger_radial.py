"""Radial Schrödinger equation in the plane:  −(½ r ψ')' + (r V + ℓ²/(2r)) ψ = E r ψ  on (0, R)."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problems import register
from problems.base import Array, Box, Condition, Dirichlet, Neumann
from problems.claims import AttractorClaim
from problems.families.eigenproblem import Eigenproblem
from problems.operations import NUMPY, Operations
from problems.parameters import InputError, parameter

CHARGE = 1.0
CUT = 1e-15
"""What is left of every state at the radius that is chosen where none is given."""


@register
@dataclass(frozen=True)
class SchroedingerRadial(Eigenproblem):
    """States ψ(r) e^{iℓφ} of −½Δ + V in the plane: V = −Z/r (hydrogen-like) or r²/2 (harmonic), in atomic units.

    The d orbital is ℓ = 2. Energies are −Z²/(2(k + ℓ + ½)²) and 2k + ℓ + 1 for k = 0, 1, …; functions are r^ℓ times a
    falling exponential or Gaussian times a Laguerre polynomial of degree k (Yang et al. 1991, Phys. Rev. A 43, 1186).
    The operator is singular at r = 0, where ψ is finite: no condition is needed for ℓ = 0 (the flux ½ r ψ' vanishes by
    itself), and ψ vanishes for ℓ > 0. The half line is cut at R with ψ = 0; by default R is where all wanted states
    have fallen to `CUT`, and `reference_error` says what the cut has changed.
    """

    name = "schroedinger-radial"
    title = "Radial Schrödinger equation in the plane"
    equation = "−(½ r ψ')' + (r V + ℓ²/(2r)) ψ = E r ψ"
    citation = "Yang et al. 1991, Phys. Rev. A 43, 1186; S4 (2021) on the d orbital"

    potential: str = parameter("hydrogen", "V = −Z/r or r²/2", choices=("hydrogen", "harmonic"))
    ell: int = parameter(2, "angular momentum ℓ: 0, 1, 2 for s, p, d", least=0, most=20)
    Z: float = parameter(CHARGE, "charge Z of the nucleus (hydrogen)", above=0)
    R: float | None = parameter(None, "radius at which the half line is cut; chosen from the states if none", above=0)

    presets = {
        "d-orbital": {"potential": "hydrogen", "ell": 2},
        "harmonic": {"potential": "harmonic", "ell": 0},
    }

    claims = {
        "claim/zero-function": AttractorClaim(
            "S4 (2021)",
            "a d orbital in two dimensions",
            "The zero function, a global minimum of the plain residual, attracts the training of a network on the "
            "radial equation of a d orbital. The sizes of the network are ours; the source tells none.",
            "norm",
            0.1,
        )
    }

    def __post_init__(self) -> None:
        """Refuse a charge where there is none.

        Raises:
            InputError: naming it.

        """
        super().__post_init__()
        if self.potential == "harmonic" and self.Z != CHARGE:
            raise InputError(
                f"{self.name}: Z = {self.Z:g} is given, and the harmonic potential has no charge; leave it"
            )

    def domain(self) -> Box:
        """(0, R)."""
        return Box((0.0,), (self.R or self._far_enough(),))

    def diffusivity(self, ops: Operations, x: Sequence[Any]) -> Any:
        """½ r."""
        return 0.5 * x[0]

    def reaction(self, ops: Operations, x: Sequence[Any]) -> Any:
        """The potential r V + ℓ²/(2r)."""
        r = x[0]
        attraction = -self.Z + 0.0 * r if self.potential == "hydrogen" else 0.5 * r**3
        return attraction + 0.5 * self.ell**2 / r if self.ell else attraction

    def weight(self, ops: Operations, x: Sequence[Any]) -> Any:
        """The radius r."""
        return x[0]

    def condition(self, axis: int, side: int) -> Condition:
        """Nothing is asked for at r = 0 where ℓ = 0; zero elsewhere."""
        return Neumann() if side == 0 and self.ell == 0 else Dirichlet()

    def eigenvalues(self) -> Array:
        """−Z²/(2(k + ℓ + ½)²) or 2k + ℓ + 1."""
        k = np.arange(self.states)
        if self.potential == "hydrogen":
            return np.asarray(-(self.Z**2) / (2.0 * (k + self.ell + 0.5) ** 2))
        return np.asarray(2.0 * k + self.ell + 1.0)

    def exact(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        """The states on the half line, positive near r = 0."""
        state = self._hydrogen if self.potential == "hydrogen" else self._harmonic
        return tuple(state(ops, x[0], k) for k in range(self.states))

    def reference_error(self) -> float:
        """What ψ(R) = 0 changes in a state: about as much as it had there.

        An energy changes by about R |ψ ψ'| there, which is far less at the radius that is chosen where none is given,
        and counts where a given R is so small that it is more.
        """
        radius = self.domain().upper[0]
        h = 1e-4 * radius
        inside, at_end = self.reference(np.array([[radius - h], [radius]]))
        slopes = (at_end - inside) / h
        return float(max(np.abs(at_end).max(), np.abs(radius * at_end * slopes).max()))

    def _hydrogen(self, ops: Operations, r: Any, k: int) -> Any:
        """β √(k!/((k+2ℓ)! (2k+2ℓ+1))) ρ^ℓ e^{−ρ/2} L_k^{2ℓ}(ρ) with ρ = βr, β = 2Z/(k+ℓ+½)."""
        beta = 2.0 * self.Z / (k + self.ell + 0.5)
        rho = beta * r
        size = beta * math.sqrt(_falling(k, 2 * self.ell) / (2 * k + 2 * self.ell + 1))
        return size * self._rise(rho) * ops.exp(-0.5 * rho) * laguerre(k, 2 * self.ell, rho)

    def _harmonic(self, ops: Operations, r: Any, k: int) -> Any:
        """√(2 k!/(k+ℓ)!) r^ℓ e^{−r²/2} L_k^ℓ(r²)."""
        size = math.sqrt(2.0 * _falling(k, self.ell))
        return size * self._rise(r) * ops.exp(-0.5 * r * r) * laguerre(k, self.ell, r * r)

    def _rise(self, r: Any) -> Any:
        return r**self.ell if self.ell else 1.0

    def _far_enough(self) -> float:
        return _radius(self)


@functools.lru_cache(maxsize=256)
def _radius(problem: SchroedingerRadial) -> float:
    """The smallest multiple of a scale at which no state is above `CUT`, nor further out.

    The scale is half a length over which the slowest state falls by e far out: 1/√(−2E), or 1 for Gaussians.
    """
    energy = float(problem.eigenvalues()[-1])
    scale = 0.5 / math.sqrt(-2.0 * energy) if energy < 0.0 else 0.25
    r = scale * np.arange(1.0, 4096.0)
    sizes = np.abs(np.stack(problem.exact(NUMPY, [r]))).max(axis=0)
    return float(r[np.flatnonzero(sizes > CUT)[-1] + 1])


def _falling(k: int, a: int) -> float:
    """The ratio k!/(k+a)!, without the size of either."""
    return math.exp(math.lgamma(k + 1) - math.lgamma(k + a + 1))


def laguerre(k: int, a: int, x: Any) -> Any:
    """Generalised Laguerre polynomial L_k^a(x), by its recurrence in k, for anything that can be added and multiplied.

    (Abramowitz & Stegun 1972, 22.7.12.)
    """
    before, value = 0.0 * x, 1.0 + 0.0 * x
    for n in range(k):
        before, value = value, ((2 * n + 1 + a - x) * value - (n + a) * before) / (n + 1)
    return value
