"""Residual and loss of a trial function, from its Taylor jets; the same code runs on torch and on JAX.

A trial function is affine in the network, u = g + b N, so the derivatives in the residual follow from the jets
(value, first derivative along each coordinate, second derivative along each spatial axis) of g, b and N:

    u_i = g_i + b_i N + b N_i,        u_ii = g_ii + b_ii N + 2 b_i N_i + b N_ii.

Those of N come from one forward pass (see the engines), those of g and b are computed once where points are fixed.
Only the declared flux, and a diffusivity that varies, are differentiated automatically, forward along each axis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.neural.collocation import Points, PointSet, join, region
from backends.neural.trial import Trial
from problems.base import ODE, Array
from problems.operations import Operations

Network = Callable[[Any, int, int], Any]
"""(seeds (J, n, k), A, D) → output jets (J, n, m), J = 1 + A + D: value, A first and D second derivatives."""

Field = Callable[[Sequence[Any]], tuple[Any, ...]]
"""Coordinates (n,) → entries (n,), any of which may be a plain number."""


@dataclass(frozen=True)
class Calculus:
    """What the engine brings: array module, operations, forward derivatives, and constants in its type.

    `jvp` can be nested; `total` (of a function with a tuple of values) need not be, but costs less at each iteration.
    """

    xp: Any
    ops: Operations
    jvp: Callable[..., tuple[Any, Any]]
    total: Callable[..., tuple[Any, Any]]
    array: Callable[[Array], Any]


@dataclass(frozen=True)
class Jets:
    """A field and its derivatives per component: value (m, n), first (A, m, n), second (D, m, n)."""

    value: Any
    first: Any
    second: Any


@dataclass(frozen=True)
class Term:
    """One condition that is a term of the loss; `rows` are its points, `twin` those of the opposite face."""

    kind: str
    weight: float
    rows: slice
    twin: slice | None = None
    axis: int = 0
    side: int = 0


class Formulation(ABC):
    """An equation on its box of coordinates (x₀, …, t), with the loss of a network that is to solve it.

    `lower` and `upper` have shape (k,). The residual needs derivatives along the first `first` coordinates, and second
    ones along the first `second`.
    """

    components: int
    lower: Array
    upper: Array
    first: int
    second: int

    def __init__(self, calculus: Calculus, trial: Trial | None) -> None:
        self.calculus = calculus
        self.trial = trial
        self.terms: tuple[Term, ...] = ()
        self.conditions: PointSet | None = None
        self.condition_slopes = 0

    @abstractmethod
    def residual(self, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What the equation leaves: an array (n,) per component, or one of shape (m, n)."""

    @abstractmethod
    def mismatch(self, term: Term, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What the condition of `term` leaves, in arrays (n,) or (m, n)."""

    def prepare(self, points: Any, scale: Array, shift: Array, *, inside: bool) -> dict[str, Any]:
        """All that is known of `points` (n, k) before the network is: its input, trial function and data.

        The network's input is scale · point + shift.
        """
        first, second = (self.first, self.second) if inside else (self.condition_slopes, 0)
        place: dict[str, Any] = {"points": points, "seeds": self.seeds(points, scale, shift, first, second)}
        if self.trial is not None:
            place["trial"] = self.trial_jets(points, first, second)
        return place

    def trial_jets(self, points: Any, first: int, second: int) -> tuple[Any, Any]:
        """Jets of lift (J, n, m) and mask (J, n, 1)."""
        assert self.trial is not None
        trial, xp = self.trial, self.calculus.xp

        def field(coordinates: Sequence[Any]) -> tuple[Any, ...]:
            lift, mask = trial(self.calculus.ops, coordinates)
            return (*lift, mask)

        stacked = xp.moveaxis(self._field_jets(field, points, first, second), 1, 2)
        return stacked[:, :, :-1], stacked[:, :, -1:]

    def jets(self, network: Network, place: dict[str, Any], first: int, second: int) -> Jets:
        """Jets of u at the prepared points."""
        xp = self.calculus.xp
        n = network(place["seeds"], first, second)
        value, slopes, bends = n[0], n[1 : 1 + first], n[1 + first :]
        if "trial" in place:
            lift, mask = place["trial"]
            b, b1, b2 = mask[0], mask[1 : 1 + first], mask[1 + first :]
            if second:
                bends = lift[1 + first :] + b * bends + 2.0 * b1[:second] * slopes[:second] + b2 * value
            if first:
                slopes = lift[1 : 1 + first] + b * slopes + b1 * value
            value = lift[0] + b * value
        return Jets(xp.moveaxis(value, 0, 1), xp.moveaxis(slopes, 1, 2), xp.moveaxis(bends, 1, 2))

    def loss(self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None) -> Any:
        """Mean square of the residual, plus the weighted mean squares of the conditions that are not built in."""
        u = self.jets(network, inside, self.first, self.second)
        total = _mean_square(self.residual(u, inside)) / self.components
        if conditions is None:
            return total
        edge = self.jets(network, conditions, self.condition_slopes, 0)
        for term in self.terms:
            total = total + term.weight / self.components * _mean_square(self.mismatch(term, edge, conditions))
        return total

    def values(self, network: Network, points: Any, scale: Array, shift: Array) -> Any:
        """The trial function at `points` (n, k), shape (n, m)."""
        value = network(self.seeds(points, scale, shift, 0, 0), 0, 0)[0]
        if self.trial is None:
            return value
        lift, mask = self.trial_jets(points, 0, 0)
        return lift[0] + mask[0] * value

    def seeds(self, points: Any, scale: Array, shift: Array, first: int, second: int) -> Any:
        """Jets (J, n, k) of the network's input: its slopes are constant, its second derivatives vanish."""
        xp, array = self.calculus.xp, self.calculus.array
        zero = 0.0 * points
        unit = [zero + array(row) for row in np.diag(scale)[:first]]
        return xp.stack([points * array(scale) + array(shift), *unit, *[zero] * second])

    def _field_jets(self, field: Field, points: Any, first: int, second: int) -> Any:
        """Jets (J, q, n) of a field with q entries, by nested forward differentiation."""
        xp, jvp = self.calculus.xp, self.calculus.jvp
        coordinates = [points[:, a] for a in range(points.shape[1])]
        one = xp.ones_like(coordinates[0])

        def along(axis: int) -> Callable[[Any], Any]:
            def restricted(s: Any) -> Any:
                place = [*coordinates[:axis], s, *coordinates[axis + 1 :]]
                return xp.stack([entry + 0.0 * s for entry in field(place)])

            return restricted

        def slope(axis: int) -> Callable[[Any], Any]:
            return lambda s: jvp(along(axis), (s,), (one,))[1]

        firsts = [slope(axis)(coordinates[axis]) for axis in range(first)]
        seconds = [jvp(slope(axis), (coordinates[axis],), (one,))[1] for axis in range(second)]
        return xp.stack([along(0)(coordinates[0]), *firsts, *seconds])


def _mean_square(parts: Sequence[Any]) -> Any:
    """Mean over the points, which lie along the last axis, summed over everything else."""
    total = (parts[0] * parts[0]).sum() / parts[0].shape[-1]
    for part in parts[1:]:
        total = total + (part * part).sum() / part.shape[-1]
    return total


class ODEFormulation(Formulation):
    """y' − f(t, y), with the initial value built in or as a penalty."""

    def __init__(
        self, problem: ODE, calculus: Calculus, trial: Trial | None, points: Points, weights: tuple[float, float]
    ) -> None:
        super().__init__(calculus, trial)
        self.problem = problem
        self.components = problem.dimension
        self.lower, self.upper = region(problem)
        self.first, self.second = 1, 0
        if trial is None:
            self.conditions = join([[points.within(self.lower, self.lower)]])
            self.terms = (Term("initial", weights[0], slice(0, 1)),)

    def residual(self, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What y' − f(t, y) leaves."""
        slope = self.problem.rhs(self.calculus.ops, place["points"][:, 0], u.value)
        if isinstance(slope, tuple):
            return [a - b for a, b in zip(u.first[0], slope, strict=True)]
        return [u.first[0] - slope]

    def mismatch(self, term: Term, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What the initial value leaves."""
        return [a - float(b) for a, b in zip(u.value, self.problem.start(), strict=True)]
