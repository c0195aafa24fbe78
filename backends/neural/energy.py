"""The energy of a steady equation in place of its residual: the Deep Ritz method (E & Yu 2018, Commun. Math. Stat. 6).

The solution of −∇·(κ∇u) = S(x, u) with a non-increasing S is the minimum of

    ∫ ½ κ|∇u|² − ∫₀ᵘ S(x, v) dv dx − ∫ g u ds,

with g the Neumann values. First derivatives are all it takes. Both integrals are means over the points, with weights
where points are the nodes of a quadrature, divided by the volume of the domain.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from backends.neural.jets import Orders
from backends.neural.pde_residual import PDEFormulation, declared_sample
from backends.neural.residual import Calculus, Network, Setting, Term
from problems.base import PDE, diffusivity_rows, is_zero, scattered_points
from problems.operations import NUMPY

if TYPE_CHECKING:
    from backends.neural.description import PINN

POTENTIAL_NODES = 4
"""Gauss nodes for ∫₀ᵘ S dv, exact where S is a polynomial in u of degree 7 or less."""


class EnergyFormulation(PDEFormulation):
    """The energy, with Dirichlet conditions built in or as penalties and Neumann conditions as its natural ones."""

    objective: ClassVar[str] = "energy"
    pointwise: ClassVar[bool] = False

    def __init__(self, problem: PDE, calculus: Calculus, setting: Setting) -> None:
        super().__init__(problem, calculus, setting)
        self.orders = Orders(problem.dimension)
        box = problem.domain()
        self._lengths = box.lengths
        nodes, weights = np.polynomial.legendre.leggauss(POTENTIAL_NODES)
        self._potential = list(zip(0.5 * (nodes + 1.0), 0.5 * weights, strict=True))

    @classmethod
    def refuses(cls, problem: PDE, described: PINN) -> str | None:
        """Equations that are no condition for a minimum."""
        if not problem.steady:
            return "an energy is minimal where nothing changes, and this equation has time; set objective=residual"
        if problem.components > 1:
            return "the energy of a system is not known here; set objective=residual"
        x, t, state = declared_sample(problem)
        if problem.flux(NUMPY, x, t, state) is not None:
            return "an equation with convection is not the condition for a minimum of an energy; set objective=residual"
        if _diffusivity_moves(problem):
            return "κ depends on the unknown, so no energy is known here; set objective=residual"
        if _source_grows(problem):
            return (
                "the source grows with the unknown, so the energy need not have a minimum (it is indefinite for "
                "Helmholtz's equation); set objective=residual"
            )
        return None

    @property
    def term_names(self) -> tuple[str, ...]:
        """The energy, and what conditions add to it."""
        return ("energy", *super().term_names[1:])

    def loss(
        self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None, weights: Any
    ) -> tuple[Any, Any]:
        """Energy and penalties, and these as terms."""
        u = self.jets(network, inside, self.orders)
        terms = [(self.density(u, inside) * inside["quadrature"]).mean()]
        if conditions is not None:
            edge = self.jets(network, conditions, self.condition_orders)
            for term in self.terms:
                if term.kind == "neumann":
                    x, t = self._split(conditions["points"][term.rows])
                    value = self.problem.condition(term.axis, term.side).value(self.calculus.ops, x, t)  # type: ignore[union-attr]
                    share = conditions["quadrature"][term.rows] / self._lengths[term.axis]
                    terms.append(-(edge.value[0, term.rows] * value[0] * share).mean())
                else:
                    parts = self.mismatch(term, edge, conditions)
                    terms.append(sum((part * part).mean() for part in parts))
        stacked = self.calculus.xp.stack(terms)
        return (weights * stacked).sum(), stacked

    def density(self, u: Any, place: dict[str, Any]) -> Any:
        """½ κ|∇u|² − ∫₀ᵘ S dv at each point, shape (n,)."""
        ops = self.calculus.ops
        x, t = self._split(place["points"])
        value = u.value[0]
        kappa = diffusivity_rows(self.problem.diffusivity(ops, x, t, (value,)), 1)[0][0]
        total = 0.5 * kappa * (u.first[:, 0] ** 2).sum(0)
        if "source" in place:
            return total - place["source"][0] * value
        if self.problem.source(ops, x, t, (value,)) is None:
            return total
        return total - value * sum(weight * self._source(x, t, node * value) for node, weight in self._potential)

    def _source(self, x: Sequence[Any], t: Any, u: Any) -> Any:
        source = self.problem.source(self.calculus.ops, x, t, (u,))
        assert source is not None
        return source[0]

    def prepare(self, points: Any, *, inside: bool) -> dict[str, Any]:
        """As for every PDE, with the quadrature's weights (n,), whose mean is 1 over each set of points."""
        place = super().prepare(points, inside=inside)
        regions = (
            [(self.lower, self.upper)] if inside else [term.region for term in self.terms for _ in self._laid(term)]
        )
        found = [self.setting.points.weights(*region) for region in regions]
        weights = [part for part in found if part is not None]
        equal = 0.0 * points[:, 0] + 1.0
        place["quadrature"] = self.calculus.array(np.concatenate(weights), points) if weights else equal
        return place

    @staticmethod
    def _laid(term: Term) -> list[Term]:
        """Once for the points of a term, and once more for their twins."""
        return [term] if term.twin is None else [term, term]


def _diffusivity_moves(problem: PDE) -> bool:
    x, t, state = declared_sample(problem)
    first, second = (problem.diffusivity(NUMPY, x, t, [u + shift for u in state]) for shift in (0.0, 1.0))
    return not np.array_equal(np.asarray(first, dtype=float), np.asarray(second, dtype=float))


def _source_grows(problem: PDE) -> bool:
    """Whether S increases with u anywhere among some places and states."""
    box = problem.domain()
    x = list(scattered_points(64, box.lower, box.upper).T)
    states = np.linspace(-3.0, 3.0, 13)
    values = [problem.source(NUMPY, x, 0.0, [np.full(64, u)]) for u in states]
    if values[0] is None or is_zero(values[0][0]):
        return False
    table = np.stack([np.broadcast_to(np.asarray(v[0], dtype=float), (64,)) for v in values if v is not None])
    return bool((np.diff(table, axis=0) > 1e-9 * (1.0 + np.abs(table).max())).any())
