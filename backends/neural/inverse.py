"""Parameters of an equation as further unknowns of its network (Raissi, Perdikaris & Karniadakis 2019, section 4).

The loss is that of the equation with its parameters θ where they are now, and the mean square of what the observations
leave. Where the residual vanishes that is the sum of squares which the exact estimate makes smallest; as long as it
does not, the network gives way to the noise a little, and the lighter the observations weigh, the less. Bounds hold by
θ = middle + half the width · tanh φ, and the φ are trained.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from backends.neural.calculus import Calculus, Network
from backends.neural.jets import Orders
from backends.neural.pde_residual import PDEFormulation, has_diffusion
from backends.neural.pointsets import PointSet, join
from backends.neural.residual import Jets, Setting, Term
from problems.base import PDE, Array, Dirichlet, fields_to_array, scattered_points
from problems.families.inverse import InverseProblem
from problems.operations import NUMPY

if TYPE_CHECKING:
    from backends.neural.description import PINN

OBSERVATION = "observation"


class InverseFormulation(PDEFormulation):
    """The residual of the forward equation with trained parameters, its conditions, and the observations."""

    pointwise: ClassVar[bool] = False
    estimates: ClassVar[bool] = False
    vanishes: ClassVar[bool] = False

    def __init__(self, problem: InverseProblem, calculus: Calculus, setting: Setting) -> None:
        super().__init__(problem.at_guess(), calculus, setting)
        self._inverse = problem
        # What is computed once for a known equation changes with the parameters here.
        self._collapsed = self._source_is_data = False
        self.orders = Orders(len(self.lower), self.problem.dimension if has_diffusion(self.problem) else 0)
        unknowns = problem.unknowns()
        lower, upper = (np.array([getattr(u, side) for u in unknowns]) for side in ("lower", "upper"))
        self._middle, self._half = 0.5 * (lower + upper), 0.5 * (upper - lower)
        self.coefficients = np.arctanh((np.array([u.guess for u in unknowns]) - self._middle) / self._half)
        self._observe(setting.observation_weight)

    def _observe(self, weight: float) -> None:
        """Lay the observations behind the points of the conditions."""
        points, values = self._inverse.observations()
        start = len(self.conditions or ())
        region = (self.lower, self.upper)
        self.terms += (Term(OBSERVATION, weight, slice(start, start + len(points)), region),)
        fixed = PointSet.fixed(points)
        # Points that stay take no part in the noise of the others.
        self.conditions = join([[fixed]] if self.conditions is None else [[self.conditions], [fixed]])
        self._observed = np.concatenate([np.zeros((start, values.shape[1])), values])

    @classmethod
    def refuses(cls, problem: Any, described: PINN) -> str | None:
        """What the forward equation cannot have, and what trained parameters exclude."""
        if any(stage.kind == "lm" for stage, _, _ in described.stages):
            return (
                "optimizer lm has no derivatives with respect to parameters that are trained beside the network; "
                "take optimizer.kind=ssbroyden or lbfgs"
            )
        if described.constraint.balance:
            return (
                "balancing would move the weight of the observations as well, on which the estimate depends; leave "
                "constraint.balance out"
            )
        if described.constraint.kind == "trial" and _conditions_move(problem):
            return (
                "initial or boundary values follow the unknown parameters, so no trial function can hold them; set "
                "constraint.kind=penalty"
            )
        return super().refuses(problem.at_guess(), described)

    def parameters(self, coefficients: Any) -> list[Any]:
        """θ, one scalar of the engine for each."""
        tanh = self.calculus.ops.tanh
        return [float(m) + float(h) * tanh(c) for m, h, c in zip(self._middle, self._half, coefficients, strict=True)]

    def stands_for(self, coefficients: Array) -> Array:
        """θ, shape (p,)."""
        return np.asarray(self._middle + self._half * np.tanh(coefficients))

    def answer(self, values: Callable[[Array], Array], coefficients: Array, points: Array) -> Array:
        """θ at the indices in `points`."""
        return np.asarray(self.stands_for(coefficients)[points[:, 0].astype(int)][:, None])

    def blocks(self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None) -> list[Any]:
        """Those of the equation with the present parameters."""
        now = copy.copy(self)
        now.problem = self._inverse.forward(self.parameters(network.coefficients))
        return super(InverseFormulation, now).blocks(network, inside, conditions)

    def mismatch(self, term: Term, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What an observation leaves, or a condition."""
        if term.kind != OBSERVATION:
            return super().mismatch(term, u, place)
        return [u.value[:, term.rows] - place["observed"][term.rows].T]

    def prepare(self, points: Any, *, inside: bool) -> dict[str, Any]:
        """As for every PDE, with what was observed (n, m) beside the points of conditions."""
        place = super().prepare(points, inside=inside)
        if not inside:
            xp, observed = self.calculus.xp, self.calculus.array(self._observed, points)
            # Points of many iterations may come in one.
            place["observed"] = xp.tile(observed, (len(points) // len(self._observed), 1))
        return place

    def renewed_conditions(self, generator: np.random.Generator) -> Array:
        """Points of conditions drawn anew, and those of the observations as they are."""
        *conditions, observation = self.terms
        only = copy.copy(self)
        only.terms = tuple(conditions)
        assert self.conditions is not None
        stay = self.conditions.base[observation.rows]
        if not conditions:
            return stay
        return np.concatenate([super(InverseFormulation, only).renewed_conditions(generator), stay])


def _conditions_move(problem: InverseProblem) -> bool:
    """Whether initial or Dirichlet values are others for other parameters."""
    unknowns = problem.unknowns()
    equations = [problem.at_guess(), problem.forward([0.5 * (u.guess + u.upper) for u in unknowns])]
    first, second = (_given(equation) for equation in equations)
    return bool(np.abs(first - second).max() > 1e-12 * max(1.0, float(np.abs(first).max())))


def _given(equation: PDE) -> Array:
    """Initial and Dirichlet values at some places, shape (values, m)."""
    box, final = equation.domain(), equation.final_time()
    places = scattered_points(64, box.lower, box.upper)
    t = 0.0 if final is None else scattered_points(64, (0.0,), (final,))[:, 0]
    found = [] if final is None else [fields_to_array(equation.initial(NUMPY, list(places.T)), 64)]
    for axis, side, condition in equation.faces():
        if isinstance(condition, Dirichlet):
            face = places.copy()
            face[:, axis] = (box.lower, box.upper)[side][axis]
            found.append(fields_to_array(condition.value(NUMPY, list(face.T), t), 64))
    return np.concatenate(found) if found else np.zeros((1, equation.components))
