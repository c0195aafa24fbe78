"""Residual of an integral equation y(x) = f(x) + λ ∫ K(x, t) y(t) dt: it needs the network at the nodes t as well."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from backends.integrals.rules import GaussLegendre, MonteCarlo, PointRule, Product, Rule
from backends.neural.calculus import Calculus, Network
from backends.neural.collocation import Uniform
from backends.neural.jets import Orders
from backends.neural.pointsets import PointSet
from backends.neural.residual import Setting
from backends.neural.squares import SquaresFormulation
from backends.neural.tensor_points import JitteredGrid
from problems.base import Array
from problems.families.integral_equation import IntegralEquation

if TYPE_CHECKING:
    from backends.neural.description import PINN

SMOOTH, SINGULAR = GaussLegendre(nodes=32), Product(nodes=129, degree=4, grading=4.0)
"""Rules where none is described."""


class IntegralFormulation(SquaresFormulation):
    """y − f − λ ∫ K y at the points inside; the second set of points holds the nodes of the integral.

    With the rule `monte-carlo` each point inside has samples of its own, drawn anew for every iteration. The other
    rules have fixed nodes, the same for all points.
    """

    pointwise: ClassVar[bool] = False
    additive: ClassVar[bool] = False

    def __init__(self, problem: IntegralEquation, calculus: Calculus, setting: Setting) -> None:
        super().__init__(problem, calculus, setting)
        self.problem, self.components, self.spatial, self.orders = problem, 1, 1, Orders()
        self._rule = _rule(problem, setting)
        if isinstance(self._rule, MonteCarlo):
            self.conditions = Uniform(batch=len(self.inside) * self._rule.nodes).within(self.lower, self.upper)
        else:
            self._quadrature = self._rule.on(problem, setting.seed)
            self.conditions = PointSet.fixed(self._quadrature.nodes[:, None])

    @classmethod
    def refuses(cls, problem: IntegralEquation, described: PINN) -> str | None:
        """Rules that cannot take the kernel, points that move where weights are made for them, and constraints."""
        if described.constrains:
            return "an integral equation has no conditions to impose; leave all parameters of constraint out"
        rule, points = _rule(problem, described), described.points
        if isinstance(rule, Product) and (points.every or isinstance(points, Uniform | JitteredGrid)):
            return (
                "the kernel is singular, and the weights of quadrature product are made for points that stay where "
                "they are; take points.kind=chebyshev or sobol, with points.every=0"
            )
        reason = rule.refused(problem)
        return reason and reason.replace("rule", "quadrature")

    def prepare(self, points: Any, *, inside: bool) -> dict[str, Any]:
        """As for every formulation; inside also f (n,), and λ times weights and kernel (n, nodes) where nodes stay."""
        place = super().prepare(points, inside=inside)
        if inside:
            x, ops = points[:, 0], self.calculus.ops
            place["free"] = self.problem.free_term(ops, x) + 0.0 * x
            if isinstance(self._rule, Product):
                place["kernel"] = self.calculus.array(self._product, points)
            elif isinstance(self._rule, PointRule) and not isinstance(self._rule, MonteCarlo):
                nodes = self._rule.nodes_and_weights(*self.problem.interval(), self.setting.seed)
                t, w = (self.calculus.array(part, points) for part in nodes)
                values = self.problem.smooth_factor(ops, x[:, None], t) + 0.0 * x[:, None]
                place["kernel"] = self.problem.multiplier() * w * values
        return place

    @cached_property
    def _product(self) -> Array:
        """Weights of the product rule at the points inside, which its closed forms are evaluated for on the host."""
        return self.problem.multiplier() * self._quadrature.integrals(self.inside.base[:, 0])

    @property
    def breadth(self) -> int:
        """With the kernel at all nodes, where these stay."""
        return super().breadth + (0 if isinstance(self._rule, MonteCarlo) else len(self.conditions or ()))

    def blocks(self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None) -> list[Any]:
        """The residual (1, n)."""
        assert conditions is not None
        y, at_nodes = (self.jets(network, place, Orders()).value[0] for place in (inside, conditions))
        return [(y - inside["free"] - self._integral(inside, conditions["points"], at_nodes))[None]]

    def _integral(self, inside: dict[str, Any], nodes: Any, y: Any) -> Any:
        """λ ∫ K y (n,) from y at the nodes."""
        if "kernel" in inside:
            return inside["kernel"] @ y
        x = inside["points"]
        kernel = self.problem.smooth_factor(self.calculus.ops, x, nodes.reshape(len(x), -1))
        scale = self.problem.multiplier() * float(self.upper[0] - self.lower[0])
        return scale * (kernel * y.reshape(len(x), -1)).mean(1)


def _rule(problem: IntegralEquation, described: Setting | PINN) -> Rule:
    """The described rule, or the one that suits the kernel."""
    return described.quadrature or (SMOOTH if problem.singularity() is None else SINGULAR)
