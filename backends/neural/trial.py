"""Trial functions u = lift + mask · network that meet initial and consistent Dirichlet conditions by construction.

Lagaris, Likas & Fotiadis 1998 (IEEE Trans. Neural Networks 9) for the form; the lift is the transfinite interpolation
of Gordon & Hall 1973 (Numer. Math. 21), applied axis by axis, so it fits any box.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from backends.neural.pointsets import region
from problems.base import ODE, PDE, Array, Dirichlet, fields_to_array, scattered_points
from problems.families.eigenproblem import Eigenproblem
from problems.families.terminal import TerminalValueProblem
from problems.operations import NUMPY, Operations

SETTLING = 0.02
"""Share of the time interval over which the lift goes from initial data to boundary values that contradict them."""


class Trial(Protocol):
    """lift + mask · network; coordinates are (x₀, …, t), without t for a steady equation."""

    def __call__(self, ops: Operations, coordinates: Sequence[Any]) -> tuple[tuple[Any, ...], Any]:
        """The lift per component, and the mask."""


def distances(
    x: Sequence[Any], edges: Sequence[tuple[float, float]], sides: Sequence[tuple[int, ...]], product: Any = 1.0
) -> Any:
    """`product` times the normalised distances to some faces of a box, whose own product is at most 1."""
    for s, (a, b), faces in zip(x, edges, sides, strict=True):
        for side in faces:
            distance = (s - a) / (b - a) if side == 0 else (b - s) / (b - a)
            product = product * distance * (2.0 if len(faces) == 2 else 1.0)
    return product


class BoxTrial:
    """The automatic trial function of a PDE.

    The lift starts from the initial data (zero for a steady equation) and receives, axis by axis, the linear
    interpolant of its defect on the Dirichlet faces of that axis: g ← g + Eᵢ[B − g]. The mask is the product of the
    normalised distances to the Dirichlet faces and of t/T; its maximum is 1.
    """

    def __init__(self, problem: PDE) -> None:
        self.problem = problem
        box = problem.domain()
        self._edges = list(zip(box.lower, box.upper, strict=True))
        self._sides = [
            tuple(side for side in (0, 1) if isinstance(problem.condition(axis, side), Dirichlet))
            for axis in range(problem.dimension)
        ]
        self._final = problem.final_time()
        self._corrected: list[int] = []
        self._settle = False
        for axis, sides in enumerate(self._sides):
            late, early = self._defect(axis, sides, late=True), self._defect(axis, sides, late=False)
            self._settle = self._settle or early > 1e-9
            if max(late, early) > 1e-13:
                self._corrected.append(axis)

    def __call__(self, ops: Operations, coordinates: Sequence[Any]) -> tuple[tuple[Any, ...], Any]:
        """The lift per component, and the mask."""
        d = self.problem.dimension
        x, t = list(coordinates[:d]), coordinates[d] if self._final is not None else 0.0
        return self._lift(ops, x, t, len(self._corrected)), self._mask(x, t)

    def _lift(self, ops: Operations, x: list[Any], t: Any, stage: int) -> tuple[Any, ...]:
        if stage == 0:
            return (0.0,) * self.problem.components if self._final is None else self.problem.initial(ops, x)
        axis = self._corrected[stage - 1]
        sides, (a, b) = self._sides[axis], self._edges[axis]
        rising = (x[axis] - a) / (b - a)
        weights = {0: 1.0 - rising, 1: rising} if len(sides) == 2 else dict.fromkeys(sides, 1.0)
        fading = 1.0 - ops.exp(-t / (SETTLING * self._final)) if self._settle and self._final else 1.0
        result = list(self._lift(ops, x, t, stage - 1))
        for side in sides:
            face = list(x)
            face[axis] = (a, b)[side] + 0.0 * x[axis]
            inner = self._lift(ops, face, t, stage - 1)
            values = self.problem.condition(axis, side).value(ops, face, t)  # type: ignore[union-attr]
            for c, (value, old) in enumerate(zip(values, inner, strict=True)):
                result[c] = result[c] + fading * weights[side] * (value - old)
        return tuple(result)

    def _mask(self, x: list[Any], t: Any) -> Any:
        return distances(x, self._edges, self._sides, 1.0 if self._final is None else t / self._final)

    def _defect(self, axis: int, sides: Sequence[int], *, late: bool) -> float:
        """Largest |B − g| on the faces of `axis`, after t = 0 or there (0 for a steady equation)."""
        if not late and self._final is None:
            return 0.0
        lower, upper = zip(*self._edges, strict=True)
        places = scattered_points(64, lower, upper)
        t: Any = 0.0
        if self._final is not None:
            t = scattered_points(64, (0.0,), (self._final,))[:, 0] * float(late)
        worst = 0.0
        for side in sides:
            places[:, axis] = self._edges[axis][side]
            x: list[Array] = list(places.T)
            condition = self.problem.condition(axis, side)
            assert isinstance(condition, Dirichlet)
            wanted = fields_to_array(condition.value(NUMPY, x, t), 64)
            inner = self._lift(NUMPY, x, t, len(self._corrected) if late else 0)
            worst = max(worst, float(np.abs(wanted - fields_to_array(inner, 64)).max()))
        return worst


class ZeroTrial:
    """The automatic trial function of an eigenproblem: the network times the distances to the faces where ψ = 0.

    With an `envelope` s, the mask is that times exp(¼(d − |x − c|²/s²)), c the middle of the box: its square falls like
    a normal density of standard deviation s, and is of order 1 where points of that density lie.
    """

    def __init__(self, problem: Eigenproblem, envelope: float | None = None) -> None:
        box = problem.domain()
        self.envelope = envelope
        self._lift = (0.0,) * problem.states
        self._edges = list(zip(box.lower, box.upper, strict=True))
        self._sides = [
            tuple(side for side in (0, 1) if isinstance(problem.condition(axis, side), Dirichlet))
            for axis in range(problem.dimension)
        ]

    def __call__(self, ops: Operations, coordinates: Sequence[Any]) -> tuple[tuple[Any, ...], Any]:
        """The lift per state, and the mask."""
        if self.envelope is None:
            return self._lift, distances(coordinates, self._edges, self._sides)
        exponent = sum((1.0 - self._offset(x, axis) ** 2 for axis, x in enumerate(coordinates)), 0.0)
        return self._lift, distances(coordinates, self._edges, self._sides, ops.exp(0.25 * exponent))

    def relative_derivatives(self, coordinates: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
        """∂b/b and ∂²b/b of the mask b along each axis."""
        assert self.envelope is not None
        for axis, (x, (a, b), sides) in enumerate(zip(coordinates, self._edges, self._sides, strict=True)):
            slope, bend = -0.5 / self.envelope * self._offset(x, axis), 0.0 * x - 0.5 / self.envelope**2
            for side in sides:
                inverse = 1.0 / (x - (a, b)[side])
                slope, bend = slope + inverse, bend - inverse**2
            yield slope, bend + slope**2

    def _offset(self, x: Any, axis: int) -> Any:
        a, b = self._edges[axis]
        return (x - 0.5 * (a + b)) / self.envelope


class TerminalTrial:
    """The automatic trial function of a terminal-value problem: g(x) + (1 − t/T) · network."""

    def __init__(self, problem: TerminalValueProblem) -> None:
        self.problem = problem

    def __call__(self, ops: Operations, coordinates: Any) -> tuple[tuple[Any, ...], Any]:
        """The lift, and the mask."""
        d = self.problem.dimension
        return (self.problem.terminal(ops, coordinates[:d]),), 1.0 - coordinates[d] / self.problem.T


class PublishedTrial:
    """The trial function that a problem's source used."""

    def __init__(self, problem: PDE | ODE | TerminalValueProblem) -> None:
        self.problem = problem

    def missing(self) -> bool:
        """Whether the problem has none."""
        lower, upper = region(self.problem)
        return self._declared(NUMPY, [np.array([0.5 * (a + b)]) for a, b in zip(lower, upper, strict=True)]) is None

    def __call__(self, ops: Operations, coordinates: Sequence[Any]) -> tuple[tuple[Any, ...], Any]:
        """The lift per component, and the mask."""
        declared = self._declared(ops, coordinates)
        if declared is None:
            raise ValueError(f"{self.problem.name} has no trial function of its own")
        return declared

    def _declared(self, ops: Operations, coordinates: Sequence[Any]) -> tuple[tuple[Any, ...], Any] | None:
        if isinstance(self.problem, TerminalValueProblem):
            return None
        if isinstance(self.problem, ODE):
            return self.problem.trial(ops, coordinates[0])
        d = self.problem.dimension
        return self.problem.trial(ops, list(coordinates[:d]), 0.0 if self.problem.steady else coordinates[d])


class StartTrial:
    """The automatic trial function of an ODE: y₀ + (t − t₀)/(T − t₀) · network."""

    def __init__(self, problem: ODE) -> None:
        self.problem = problem

    def __call__(self, ops: Operations, coordinates: Sequence[Any]) -> tuple[tuple[Any, ...], Any]:
        """The lift per component, and the mask."""
        start = self.problem.start_time()
        return tuple(map(float, self.problem.start())), (coordinates[0] - start) / (self.problem.final_time() - start)
