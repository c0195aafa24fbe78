"""Residual of ∂ₜu + ∇·F(u) = ∇·(κ∇u) + S and its conditions, from Taylor jets (see `residual.py`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from backends.neural.activations import PIECEWISE_LINEAR
from backends.neural.calculus import Calculus
from backends.neural.directions import ESTIMATORS
from backends.neural.jets import Orders
from backends.neural.pointsets import PointSet, join, region
from backends.neural.residual import Jets, Setting, Term
from backends.neural.squares import PointwiseFormulation
from backends.structure import looks_at
from problems.base import PDE, Array, Dirichlet, Neumann, Periodic, diffusivity_rows, is_zero
from problems.operations import NUMPY

if TYPE_CHECKING:
    from backends.neural.description import PINN

Entries = Callable[[Sequence[Any], Any, Sequence[Any]], list[Any]]
"""(x, t, u) → arrays (n,) or plain numbers."""


class PDEFormulation(PointwiseFormulation):
    """∂ₜu + ∇·F(u) − ∇·(κ∇u) − S, with Dirichlet and initial conditions built in or as penalties."""

    estimates: ClassVar[bool] = True

    def __init__(self, problem: PDE, calculus: Calculus, setting: Setting) -> None:
        super().__init__(problem, calculus, setting)
        self.problem = problem
        self.components, self.spatial = problem.components, problem.dimension
        x, t, state = declared_sample(problem)
        self._convects = problem.flux(NUMPY, x, t, state) is not None
        kappa = _declared_diffusivity(problem)
        self._varies = _varies(kappa)
        self._source_is_data = _is_data(problem, x, t)
        common = _common_diffusivity(kappa)
        self._collapsed = common is not None
        if common is not None:
            count = self.estimator.count if self.estimator else problem.dimension
            self.orders = Orders(count, 1, laplacian=-common)
        else:
            self.orders = Orders(len(self.lower), problem.dimension if has_diffusion(problem) else 0)
        if setting.trial is not None:
            periodic = (axis for axis, side, kind in problem.faces() if side == 0 and isinstance(kind, Periodic))
            self.wraps = tuple(periodic)
        self._plan_conditions(*setting.weights)

    @classmethod
    def refuses(cls, problem: PDE, described: PINN) -> str | None:
        """Networks whose second derivatives vanish, and weights in time where there is none."""
        activation = described.network.activation
        if activation in PIECEWISE_LINEAR and has_diffusion(problem):
            return (
                f"the second derivatives of a {activation} network vanish almost everywhere, so the "
                "strong residual of a second-order equation does not see it; choose a smooth one such as tanh"
            )
        if problem.steady and described.weighting is not None:
            return "causal weights follow time, and the equation is steady; set weighting=none"
        if described.mode in ESTIMATORS:
            common = _common_diffusivity(_declared_diffusivity(problem))
            if common is None or problem.flux(NUMPY, *declared_sample(problem)) is not None:
                return (
                    f"derivatives={described.mode} estimate a Laplacian with one constant diffusivity and no "
                    "convection, and this equation has other terms; set derivatives=taylor"
                )
        return None

    def _plan_conditions(self, initial_weight: float, boundary_weight: float) -> None:
        """Lay out points for every condition that the trial function leaves open."""
        terms: list[Term] = []
        groups: list[list[PointSet]] = []
        start = 0

        def plan(kind: str, weight: float, axis: int, side: int, edge: float, opposite: float | None = None) -> None:
            nonlocal start
            lower, upper = self.lower.copy(), self.upper.copy()
            lower[axis] = upper[axis] = edge
            inner = self.setting.points.within(lower, upper, self.setting.seed)
            count = len(inner)
            twin = None if opposite is None else slice(start + count, start + 2 * count)
            rows = slice(start, start + count)
            term = Term(kind, weight, rows, (lower, upper), twin, axis, side, opposite or 0.0)
            groups.append([inner.moved(base) for base in term.laid(inner.base)])
            terms.append(term)
            start += count * len(groups[-1])

        if self.trial is None and not self.problem.steady:
            plan("initial", initial_weight, len(self.lower) - 1, 0, 0.0)
        for axis, side, condition in self.problem.faces():
            low, high = float(self.lower[axis]), float(self.upper[axis])
            edge = high if side else low
            if isinstance(condition, Dirichlet) and self.trial is None:
                plan("dirichlet", boundary_weight, axis, side, edge)
            elif isinstance(condition, Neumann):
                plan("neumann", boundary_weight, axis, side, edge)
            elif isinstance(condition, Periodic) and side == 0 and self.trial is None:
                plan("periodic", boundary_weight, axis, side, edge, high)
        if terms:
            self.terms, self.conditions = tuple(terms), join(groups)
            if any(term.kind in ("neumann", "periodic") for term in terms):
                self.condition_orders = Orders(self.problem.dimension)

    def prepare(self, points: Any, *, inside: bool) -> dict[str, Any]:
        """As for every formulation, with the source (n,) per component where it does not depend on u."""
        place = super().prepare(points, inside=inside)
        if inside and self._source_is_data:
            x, t = self._split(points)
            source = cast(tuple[Any, ...], self.problem.source(self.calculus.ops, x, t, ()))
            place["source"] = tuple(entry + 0.0 * x[0] for entry in source)
        return place

    def residual(self, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """∂ₜu + ∇·F(u) − ∇·(κ∇u) − S, one array (n,) per component."""
        ops, d, m = self.calculus.ops, self.problem.dimension, self.components
        x, t = self._split(place["points"])
        value = tuple(u.value)
        slopes = [tuple(row) for row in u.first]
        bends = [tuple(row) for row in u.second]
        terms: list[list[Any]]
        if self._collapsed:
            terms = [[entry] for entry in bends[0]]
        else:
            terms = [[] if self.problem.steady else [slopes[d][c]] for c in range(m)]
        for axis in range(d):
            if self._convects:
                moved = self._total(self._flux_along(axis), axis, x, t, value, slopes[axis])
                for c in range(m):
                    terms[c].append(moved[c])
            diffusivities = [] if self._collapsed else self._diffusivities(axis, x, t, value, slopes[axis])
            for c, e, entry, change in diffusivities:
                terms[c].append(-entry * bends[axis][e])
                if change is not None:
                    terms[c].append(-change * slopes[axis][e])
        source = place.get("source") or self.problem.source(ops, x, t, value)
        for c, entry in enumerate(source or ()):
            terms[c].append(-entry)
        return [_sum(parts) for parts in terms]

    def mismatch(self, term: Term, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What an initial or boundary condition leaves at its points."""
        ops = self.calculus.ops
        x, t = self._split(place["points"][term.rows])
        value = tuple(u.value[:, term.rows])
        if term.kind == "initial":
            return [a - b for a, b in zip(value, self.problem.initial(ops, x), strict=True)]
        if term.twin is not None:
            slopes = u.first[term.axis]
            return [field[:, term.rows] - field[:, term.twin] for field in (u.value, slopes)]
        condition = self.problem.condition(term.axis, term.side)
        wanted = condition.value(ops, x, t)  # type: ignore[union-attr]
        if term.kind == "dirichlet":
            return [a - b for a, b in zip(value, wanted, strict=True)]
        outwards = 1.0 if term.side else -1.0
        slopes = tuple(u.first[term.axis][:, term.rows])
        kappa = diffusivity_rows(self.problem.diffusivity(ops, x, t, value), self.components)
        return [
            outwards * _sum([k * slope for k, slope in zip(row, slopes, strict=True) if not is_zero(k)]) - w
            for row, w in zip(kappa, wanted, strict=True)
        ]

    def _split(self, points: Any) -> tuple[list[Any], Any]:
        d = self.problem.dimension
        return [points[:, a] for a in range(d)], 0.0 if self.problem.steady else points[:, d]

    def _flux_along(self, axis: int) -> Entries:
        def entries(x: Sequence[Any], t: Any, u: Sequence[Any]) -> list[Any]:
            flux = self.problem.flux(self.calculus.ops, x, t, u)
            return [component[axis] for component in flux or ()]

        return entries

    def _diffusivities(self, axis: int, x: Sequence[Any], t: Any, u: Sequence[Any], slopes: Sequence[Any]) -> list[Any]:
        """(component, component, κ, total derivative of κ along `axis` or None) for entries that do not vanish."""
        m, ops = self.components, self.calculus.ops
        kappa = diffusivity_rows(self.problem.diffusivity(ops, x, t, u), m)
        used = [(c, e) for c in range(m) for e in range(m) if not is_zero(kappa[c][e])]
        if not self._varies:
            return [(c, e, kappa[c][e], None) for c, e in used]

        def entries(x: Sequence[Any], t: Any, u: Sequence[Any]) -> list[Any]:
            inner = diffusivity_rows(self.problem.diffusivity(ops, x, t, u), m)
            return [inner[c][e] for c, e in used]

        changes = self._total(entries, axis, x, t, u, slopes)
        return [(c, e, kappa[c][e], change) for (c, e), change in zip(used, changes, strict=True)]

    def _total(
        self, field: Entries, axis: int, x: Sequence[Any], t: Any, u: Sequence[Any], slopes: Sequence[Any]
    ) -> Sequence[Any]:
        """Total derivative of field(x, t, u(x, t)) along a spatial axis."""

        def along(s: Any, *state: Any) -> tuple[Any, ...]:
            place = [*x[:axis], s, *x[axis + 1 :]]
            return tuple(entry + 0.0 * s for entry in field(place, t, state))

        tangents = (self.calculus.xp.ones_like(x[axis]), *slopes)
        return cast(Sequence[Any], self.calculus.total(along, (x[axis], *u), tangents)[1])


def has_diffusion(problem: PDE) -> bool:
    """Whether any diffusivity is not the plain number 0, so that the residual needs second derivatives."""
    return not all(is_zero(entry) for row in _declared_diffusivity(problem) for entry in row)


def _declared_diffusivity(problem: PDE) -> Sequence[Sequence[Any]]:
    """Rows of κ at the sample: plain numbers, and arrays where an entry varies."""
    return diffusivity_rows(problem.diffusivity(NUMPY, *declared_sample(problem)), problem.components)


def _varies(kappa: Sequence[Sequence[Any]]) -> bool:
    return any(np.ndim(entry) for row in kappa for entry in row)


def _common_diffusivity(kappa: Sequence[Sequence[Any]]) -> float | None:
    """The one constant κ of all components that do not mix; None where there is no such number."""
    if _varies(kappa):
        return None
    first = float(kappa[0][0])
    alone = all(is_zero(entry) for c, row in enumerate(kappa) for e, entry in enumerate(row) if c != e)
    equal = all(float(row[c]) == first for c, row in enumerate(kappa))
    return first if first and alone and equal else None


def declared_sample(problem: PDE) -> tuple[list[Array], Any, list[Array]]:
    """One point (x, t) and a state there, to see how a declaration answers."""
    lower, upper = region(problem)
    place = [np.array([a + 0.4 * (b - a)]) for a, b in zip(lower, upper, strict=True)]
    d = problem.dimension
    return place[:d], 0.0 if problem.steady else place[d], [np.array([0.5])] * problem.components


def _sum(parts: Sequence[Any]) -> Any:
    total: Any = 0.0
    for part in parts:
        total = total + part if not is_zero(total) else part
    return total


def _is_data(problem: PDE, x: Sequence[Any], t: Any) -> bool:
    """Whether there is a source, and it does not look at u."""

    def source(u: Any) -> Any:
        return problem.source(NUMPY, x, t, u)

    return not looks_at(source) and source(()) is not None
