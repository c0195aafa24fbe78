"""Observations as a function of the parameters, by the discretisations of the other backends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from backends.base import Context
from backends.initial_value import LinesSystem
from backends.spectra.collocated import Collocation, matrix_of
from backends.spectra.exponential import exponential
from backends.spectral import Spectral
from backends.structure import Structure
from backends.timeline import as_product
from problems.base import PDE, Array
from problems.families.inverse import InverseProblem
from problems.operations import NUMPY


class Discretisation(Protocol):
    """y' = f(t, y) for the unknowns y (n,) of one equation, from `start`."""

    start: Array
    dx: float

    def rhs(self, t: float, y: Array) -> Array:
        """f(t, y), shape (n,)."""

    def seen(self, t: float, y: Array, places: Array) -> Array:
        """The solution at `places` (k, d), shape (k, m)."""


class Collocated:
    """Chebyshev or Fourier collocation with `nodes` points per axis."""

    def __init__(self, equation: PDE, nodes: int) -> None:
        self._space = space = Collocation(equation, nodes)
        self.dx = max(float(np.diff(basis.nodes).max()) for basis in space.bases)
        fields = [np.asarray(v, dtype=float) for v in equation.initial(NUMPY, space.x)]
        self.start = np.stack([np.broadcast_to(v, space.shape) for v in fields])[space.free].ravel()

    def rhs(self, t: float, y: Array) -> Array:
        """f(t, y)."""
        return self._space.rhs(t, y.reshape(self._space.free_shape)).ravel()

    def seen(self, t: float, y: Array, places: Array) -> Array:
        """The interpolant."""
        values = self._space.spread(t, y.reshape(self._space.free_shape))
        return np.asarray(self._space.interpolate(values[None], places)[0].T)


class Differences(LinesSystem):
    """Second-order differences on a uniform grid of `cells` per axis."""

    def __init__(self, equation: PDE, cells: int) -> None:
        super().__init__(equation, cells, "central", "numpy")
        self.dx = max(equation.domain().lengths) / cells


class ForwardMap(ABC):
    """θ (p,) → what would be observed, flat in the order of the observations; `solves` counts forward solutions."""

    solves: int = 0

    @abstractmethod
    def __call__(self, theta: Array) -> Array:
        """Shape (n m,)."""

    @abstractmethod
    def facts(self) -> Mapping[str, Any]:
        """Size of the forward problem, and how it was solved, after it was."""


@dataclass(frozen=True)
class Affine:
    """M(θ) = base + Σ θₖ slopesₖ."""

    base: Array
    slopes: Array

    def __call__(self, theta: Array) -> Array:
        """M(θ)."""
        return self.base + np.tensordot(theta, self.slopes, axes=1)


class LinearMap(ForwardMap):
    """y' = A(θ) y + c(θ) with A and c affine in θ: assembled once, and solved exactly in time.

    With X = [A c; 0 0], (y, 1) is carried from one instant to the next by e^{hX}, and its derivatives by those of that
    matrix in the directions ∂X/∂θₖ, so the sensitivities are exact as well. A solve costs one exponential for every
    length of interval between two instants, O(n³).
    """

    def __init__(self, augmented: Affine, start: Array, seen: Array, gaps: Array, dx: float) -> None:
        self._x, self._start, self._seen, self._dx = augmented, start, seen, dx
        self._lengths, self._which = np.unique([float(f"{gap:.12g}") for gap in gaps], return_inverse=True)

    @classmethod
    def of(cls, problem: InverseProblem, discretise: Callable[[PDE], Discretisation]) -> LinearMap | None:
        """The map of `problem`, or None where it is not of that kind."""
        points, _ = problem.observations()
        product = as_product(points)
        unknowns = problem.unknowns()
        if product is None or problem.forward(problem.truth()).steady:
            return None
        times, places = product
        guess = np.array([u.guess for u in unknowns])
        # Half way to a bound: far enough for rounding, and inside.
        moves = np.diag([0.5 * (u.upper - u.guess) for u in unknowns])
        check = guess + moves.sum(axis=0)
        equations = [problem.forward(theta) for theta in (guess, *(guess + moves), check)]
        if not all(Structure.of(equation).settled for equation in equations):
            return None
        first, *others = (_assembled(discretise(equation), places) for equation in equations)
        matrix, start, seen, dx = first
        if not all(_close(o[1], start) and _close(o[2], seen) for o in others):
            return None
        changed = np.stack([o[0] for o in others])
        slopes = (changed[:-1] - matrix) / np.diag(moves)[:, None, None]
        augmented = Affine(matrix - np.tensordot(guess, slopes, axes=1), slopes)
        if not _close(augmented(check), changed[-1]):
            return None
        return cls(augmented, start, seen, np.diff(times, prepend=0.0), dx)

    def __call__(self, theta: Array) -> Array:
        """One matrix exponential per length of interval."""
        return self._carried(self._x(theta)[None])[0]

    def facts(self) -> Mapping[str, Any]:
        """Exact in time."""
        engine = "assembled once, exact in time, exact sensitivities"
        return {"unknowns": len(self._start) - 1, "dx": self._dx, "engine": engine}

    def jacobian(self, theta: Array) -> Array:
        """∂/∂θ, shape (n m, p), exact."""
        return self._carried(np.concatenate([self._x(theta)[None], self._x.slopes]))[1:].T

    def _carried(self, parts: Array) -> Array:
        """What is seen of (y, 1) and of its derivatives along parts[1:], shape (parts, n m)."""
        self.solves += 1
        steps = [exponential(h * parts) for h in self._lengths]
        state, slopes = self._start, np.zeros((len(parts) - 1, len(self._start)))
        levels = np.empty((len(self._which), len(parts), len(self._start)))
        for level, which in zip(levels, self._which, strict=True):
            step, *changes = steps[which]
            slopes = slopes @ step.T + np.array([change @ state for change in changes]).reshape(slopes.shape)
            state = step @ state
            level[0], level[1:] = state, slopes
        return np.moveaxis(levels @ self._seen.T, 1, 0).reshape(len(parts), -1)


class SessionMap(ForwardMap):
    """One run of a classical solver for every θ, for equations that are not linear, or whose data change in time."""

    def __init__(self, problem: InverseProblem, solver: Spectral) -> None:
        self._problem, self._solver = problem, solver
        self._points = problem.observations()[0]

    def __call__(self, theta: Array) -> Array:
        """Set-up, solution and evaluation."""
        self.solves += 1
        self._session = self._solver.begin(self._problem.forward(theta), Context())
        self._session.solve()
        return self._session.solution(self._points).ravel()

    def facts(self) -> Mapping[str, Any]:
        """Those of the last run."""
        found = self._session.facts()
        engine = f"{found['engine']}, anew for every θ; central differences for the sensitivities"
        return {"unknowns": found["unknowns"], "dx": found["dx"], "engine": engine}


def _assembled(system: Discretisation, places: Array) -> tuple[Array, Array, Array, float]:
    """[A c; 0 0], (y₀, 1), and what is seen of (y, 1), for an f that is affine in y and does not change in time."""
    start = system.start
    n = len(start)
    constant = system.rhs(0.0, np.zeros(n))
    matrix = np.zeros((n + 1, n + 1))
    matrix[:n, :n] = matrix_of(lambda y: system.rhs(0.0, y) - constant, (n,))
    matrix[:n, n] = constant
    offset = system.seen(0.0, np.zeros(n), places)
    seen = matrix_of(lambda y: system.seen(0.0, y, places) - offset, (n,), offset.size)
    return matrix, np.append(start, 1.0), np.column_stack([seen, offset.ravel()]), system.dx


def _close(found: Array, wanted: Array) -> bool:
    return bool(np.abs(found - wanted).max() <= 1e-9 * max(float(np.abs(wanted).max()), 1.0))
