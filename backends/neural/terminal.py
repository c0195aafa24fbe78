"""Residual of uₜ + ½ σ² Δu + f(t, x, u, ∇u) = 0 with a value at the end, from Taylor jets (see `residual.py`).

Time and ½ σ² Δ make up the one operator of second order that jets carry. ∇u comes with it where derivatives are taken
along all coordinates, and by reverse differentiation where f asks for it and they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from backends.estimators.drivers import looks_at_slope
from backends.neural.calculus import Calculus, Network
from backends.neural.jets import Orders
from backends.neural.pointsets import join
from backends.neural.residual import Jets, Setting, Term
from backends.neural.squares import PointwiseFormulation
from problems.families.terminal import TerminalValueProblem

if TYPE_CHECKING:
    from backends.neural.description import PINN


class TerminalFormulation(PointwiseFormulation):
    """The residual, with the terminal value built in or as a penalty."""

    estimates: ClassVar[bool] = True
    components = 1

    def __init__(self, problem: TerminalValueProblem, calculus: Calculus, setting: Setting) -> None:
        super().__init__(problem, calculus, setting)
        self.problem, self.spatial = problem, problem.dimension
        self._sloped = looks_at_slope(problem)
        count = self.estimator.count if self.estimator else problem.dimension
        self.orders = Orders(count, 1, laplacian=0.5 * problem.volatility() ** 2)
        if setting.trial is None:
            first = self.lower.copy()
            first[-1] = self.upper[-1]
            inner = setting.points.within(first, self.upper, setting.seed)
            self.conditions = join([[inner]])
            self.terms = (Term("terminal", setting.weights[0], slice(0, len(inner)), (first, self.upper)),)

    @classmethod
    def refuses(cls, problem: TerminalValueProblem, described: PINN) -> str | None:
        """Trial functions with a kink."""
        if described.constraint.kind == "trial" and not problem.smooth:
            return (
                "the terminal value has a kink, so a trial function that contains it has no second derivatives there; "
                "set constraint.kind=penalty"
            )
        return None

    @property
    def breadth(self) -> int:
        """A point, its place in the network's input and its trial function."""
        return 4 * len(self.lower) + 16

    def residual(self, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """The equation's left side (n,)."""
        points, d = place["points"], self.problem.dimension
        slope: Any = None
        if self.estimator is None:
            slope = u.first[:d, 0]
        elif self._sloped:
            network = Network(place["network"].differentiable or place["network"].jets)
            slope = self.calculus.gradient(lambda x: self.values(network, x)[:, 0], points).T[:d]
        driver = self.problem.driver(self.calculus.ops, points[:, d], points.T[:d], u.value[0], slope)
        return [u.second[0, 0] + driver]

    def mismatch(self, term: Term, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What the terminal value leaves."""
        x = place["points"][term.rows].T[: self.problem.dimension]
        return [u.value[0, term.rows] - self.problem.terminal(self.calculus.ops, x)]
