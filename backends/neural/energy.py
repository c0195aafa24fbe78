"""The energy of a steady equation in place of its residual: the Deep Ritz method (E & Yu 2018, Commun. Math. Stat. 6).

The solution of −∇·(κ∇u) = S(x, u) with a non-increasing S is the minimum of

    ∫ ½ κ|∇u|² − ∫₀ᵘ S(x, v) dv dx − ∫ g u ds,

with g the Neumann values, among all functions with the Dirichlet values: these are built in, since a penalty of any
finite weight would move the minimum. First derivatives are all it takes. Both integrals are divided by the volume of
the domain, and are means over the points: with the weights of a quadrature on its nodes (gauss, chebyshev, grid), and
with equal ones on points that are evenly spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from backends.neural.calculus import Calculus, Network
from backends.neural.jets import Orders
from backends.neural.pde_residual import PDEFormulation, declared_sample
from backends.neural.residual import Jets, Setting, Term
from problems.base import PDE, diffusivity_rows, is_zero, scattered_points
from problems.operations import NUMPY

if TYPE_CHECKING:
    from backends.neural.description import PINN

POTENTIAL_NODES = 4
"""Gauss nodes for ∫₀ᵘ S dv, exact where S is a polynomial in u of degree 7 or less."""


class EnergyFormulation(PDEFormulation):
    """The energy, with Dirichlet conditions built in and Neumann conditions as its natural ones."""

    objective: ClassVar[str] = "energy"
    pointwise: ClassVar[bool] = False
    estimates: ClassVar[bool] = False
    integral: ClassVar[bool] = True
    vanishes: ClassVar[bool] = False

    def __init__(self, problem: PDE, calculus: Calculus, setting: Setting) -> None:
        super().__init__(problem, calculus, setting)
        self.orders, self.condition_orders = Orders(problem.dimension), Orders()
        self._lengths = problem.domain().lengths
        nodes, weights = np.polynomial.legendre.leggauss(POTENTIAL_NODES)
        self._potential = list(zip(0.5 * (nodes + 1.0), 0.5 * weights, strict=True))

    @classmethod
    def refuses(cls, problem: PDE, described: PINN) -> str | None:
        """Equations that are no condition for a minimum, and conditions with weights of their own."""
        if described.points.kind == "normal":
            return (
                "points of the kind normal have weights for the quotients of an eigenproblem alone; take gauss or sobol"
            )
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
        if described.constraint.kind != "trial":
            return "penalties of a finite weight move the minimum of an energy; set constraint.kind=trial"
        if described.constraint.boundary_weight != 1.0:
            return (
                "what flows in through a face belongs to the energy and has no weight of its own, but "
                f"constraint.boundary_weight is {described.constraint.boundary_weight:g}; leave it at 1"
            )
        return None

    @property
    def term_names(self) -> tuple[str, ...]:
        """The energy, and what flows in through faces."""
        return ("energy", *super().term_names[1:])

    def loss(
        self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None, weights: Any
    ) -> tuple[Any, Any]:
        """The energy and its parts, those of the faces behind that of the domain."""
        u = self.jets(network, inside, self.orders)
        terms = [(self.density(u, inside) * inside["quadrature"]).mean()]
        if conditions is not None:
            edge = self.jets(network, conditions, self.condition_orders)
            terms += [-self._work(term, edge, conditions).mean() for term in self.terms]
        stacked = self.calculus.xp.stack(terms)
        return (weights * stacked).sum(), stacked

    def _work(self, term: Term, u: Jets, place: dict[str, Any]) -> Any:
        """g u at the points of a face (n,), as a part of the mean over the domain."""
        x, t = self._split(place["points"][term.rows])
        given = self.problem.condition(term.axis, term.side).value(self.calculus.ops, x, t)  # type: ignore[union-attr]
        return u.value[0, term.rows] * given[0] * place["quadrature"][term.rows] / self._lengths[term.axis]

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
        """As for every PDE, with the quadrature's weights (n,)."""
        place = super().prepare(points, inside=inside)
        regions = [(self.lower, self.upper)] if inside else [term.region for term in self.terms]
        place["quadrature"] = self.measure(points, regions)
        return place


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
