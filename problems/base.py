"""The families of problems; those of integral, eigenvalue and inverse problems are in `problems/families/`.

To declare a new equation, subclass one of them in a file of its own:

1. decorate a frozen dataclass with `@register`; set `name`, `title`, `equation` and `citation`;
2. make its parameters fields, with `parameter(default, "meaning", above=...)` where they have bounds;
3. write its mathematics over `ops` (see `problems/operations.py`): components come first, so `u[0]` is the first
   unknown and every method that returns a field returns a tuple with one entry per component;
4. give `exact`, or override `reference` with an independent solution, whose numerics belong in `problems/references/`,
   and `reference_error` with its error;
5. where a source says something about a solution outside the domain, name points there in `further_points`.

Coordinates reach a declaration as `x[0], x[1], …`, one array, tensor or symbolic expression per axis.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from problems.claims import Claim
from problems.operations import NUMPY, Operations
from problems.parameters import InputError, Parameterised, build, did_you_mean, flatten

Array = npt.NDArray[Any]
Field = Callable[[Operations, Sequence[Any], Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Published:
    """One figure printed by a source, or recomputed from its set-up where it shows a curve, beside what was measured.

    `metric` is the name of an error or measure of a record; `deterministic` says whether the same number must come
    out again, or only its size; `seconds` is the time that the source says its calculation took.
    """

    source: str
    entry: str
    metric: str
    value: float
    spread: float | None = None
    remark: str = ""
    deterministic: bool = False
    seconds: float | None = None


@dataclass(frozen=True)
class Problem(Parameterised, ABC):
    """What every family has: a name, parameters, evaluation points and a reference to be judged against."""

    name: ClassVar[str]
    title: ClassVar[str]
    equation: ClassVar[str]
    citation: ClassVar[str]
    family: ClassVar[str]
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    published: ClassVar[Mapping[str, Published]] = {}
    claims: ClassVar[Mapping[str, Claim]] = {}
    headline: ClassVar[str] = "relative_l2"
    reference_kind: ClassVar[str] = "exact"

    @classmethod
    def create(cls, parameters: Mapping[str, Any] | None = None, preset: str = "") -> Problem:
        """An instance from a named preset with `parameters` on top.

        Raises:
            InputError: for an unknown preset or a bad parameter.

        """
        return create(cls, cls.presets, parameters or {}, preset)

    def parameters(self) -> dict[str, Any]:
        """All parameters as one flat row."""
        return flatten(self)

    @property
    @abstractmethod
    def dimension(self) -> int:
        """Number of spatial dimensions, or of unknowns where there is no space."""

    @abstractmethod
    def points(self) -> Array:
        """Evaluation points, shape (n, k); no solver is trained on them unless a preset says that its source did."""

    @abstractmethod
    def reference(self, points: Array) -> Array:
        """The solution to judge by at `points` (n, k), shape (n, components)."""

    def further_points(self) -> Mapping[str, Array]:
        """Sets of points (n, k) outside the domain, by name, at which a solver that can extrapolate is judged as well.

        A name completes "beyond the domain"; `reference` has to be valid there. None of them counts for the headline.
        """
        return {}

    def reference_method(self) -> str:
        """How `reference` is known for these parameters; by default what `reference_kind` says of all of them."""
        return self.reference_kind

    def reference_error(self) -> float:
        """Estimated absolute error of `reference`; 0 for an exact solution up to rounding."""
        return 0.0

    def align(self, solution: Array, reference: Array) -> Array:
        """`solution` with every freedom removed that the problem leaves open (a sign, a scale)."""
        return solution

    def measures(self, solution: Array, findings: Mapping[str, Array] | None = None) -> dict[str, float]:
        """Further figures of merit, by name; `headline` may be one of them.

        `findings` holds the arrays among the facts that a solver reported; they are stored with its solution.
        """
        return {}


def create(cls: Any, presets: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, Any], preset: str) -> Any:
    """Build `cls` from a preset and overriding parameters; shared by problems and solvers."""
    if preset and preset not in presets:
        raise InputError(f"{cls.name}: unknown preset {preset!r}; {did_you_mean(preset, presets)}")
    base = build(cls, presets[preset]) if preset else None
    return build(cls, parameters, base)


def scattered_points(count: int, lower: Sequence[float], upper: Sequence[float], start: float = 0.5) -> Array:
    """`count` well-spread points inside a box, shape (count, d), none of them a node of a uniform grid.

    The additive recurrence on powers of the generalised golden ratio (M. Roberts, 2018, "The unreasonable
    effectiveness of quasirandom sequences"). Sequences of different `start` have no point in common.
    """
    d = len(lower)
    ratio = 2.0
    for _ in range(64):
        ratio = (1.0 + ratio) ** (1.0 / (d + 1))
    steps = ratio ** -np.arange(1.0, d + 1.0)
    unit = (start + np.outer(np.arange(1, count + 1), steps)) % 1.0
    return np.asarray(lower) + unit * (np.asarray(upper) - np.asarray(lower))


@dataclass(frozen=True)
class Box:
    """An axis-parallel box; `lower` and `upper` have one entry per axis."""

    lower: tuple[float, ...]
    upper: tuple[float, ...]

    @property
    def dimension(self) -> int:
        """Number of axes."""
        return len(self.lower)

    @property
    def lengths(self) -> tuple[float, ...]:
        """Edge length per axis."""
        return tuple(b - a for a, b in zip(self.lower, self.upper, strict=True))


def zero(ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
    """The zero field of one component."""
    return (0.0,)


@dataclass(frozen=True)
class Dirichlet:
    """u = value on a face; `value(ops, x, t)` gives a tuple with one entry per component."""

    value: Field = zero


@dataclass(frozen=True)
class Neumann:
    """κ ∂u/∂n = value on a face, n pointing outwards."""

    value: Field = zero


@dataclass(frozen=True)
class Periodic:
    """The face is glued to the opposite one; both sides of the axis must say so."""


Condition = Dirichlet | Neumann | Periodic


@dataclass(frozen=True)
class PDE(Problem):
    """∂ₜu + ∇·F(u) = ∇·(κ ∇u) + S(x, t, u) on a box, from t = 0 to `final_time()`; steady if that is None."""

    family: ClassVar[str] = "PDE"
    components: ClassVar[int] = 1
    evaluation_count: ClassVar[int] = 2000

    @abstractmethod
    def domain(self) -> Box:
        """The box on which the equation holds."""

    def final_time(self) -> float | None:
        """End of the time interval, or None for a steady equation."""
        return None

    def flux(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[tuple[Any, ...], ...] | None:
        """F(u): one tuple per component, in it one entry per axis; None where nothing is convected."""
        return None

    @abstractmethod
    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        """κ: a scalar, or a matrix between the components as a tuple of rows."""

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...] | None:
        """S(x, t, u) per component; None for no source."""
        return None

    def initial(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        """u at t = 0; by default the exact solution there."""
        return self.exact(ops, x, 0.0)

    def condition(self, axis: int, side: int) -> Condition:
        """Boundary condition on the lower (side 0) or upper (side 1) face of `axis`; zero values by default."""
        return Dirichlet()

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        """The exact solution per component, where there is one."""
        raise NotImplementedError(f"{self.name} has no exact solution in closed form")

    def trial(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[tuple[Any, ...], Any] | None:
        """The source's trial function u = lift + mask · network as (lift per component, mask); None if it has none."""
        return None

    @property
    def dimension(self) -> int:
        """Number of spatial axes."""
        return self.domain().dimension

    def faces(self) -> list[tuple[int, int, Condition]]:
        """Every face with its condition: (axis, side, condition)."""
        return [(axis, side, self.condition(axis, side)) for axis in range(self.dimension) for side in (0, 1)]

    @property
    def steady(self) -> bool:
        """Whether there is no time."""
        return self.final_time() is None

    def times(self) -> Array:
        """Instants at which the solution is judged, ascending; empty for a steady equation."""
        final = self.final_time()
        return np.empty(0) if final is None else final * np.array([0.1, 0.25, 0.5, 0.75, 1.0])

    def places(self) -> Array:
        """Points in space at which the solution is judged at each instant, shape (m, d)."""
        box = self.domain()
        count = self.evaluation_count if self.steady else self.evaluation_count // len(self.times())
        return scattered_points(count, box.lower, box.upper)

    def points(self) -> Array:
        """Every place at every instant: rows (x₀, …, t), without t for a steady equation; time varies slowest."""
        places = self.places()
        if self.steady:
            return places
        times = self.times()
        return np.column_stack([np.tile(places, (len(times), 1)), np.repeat(times, len(places))])

    def reference(self, points: Array) -> Array:
        """The exact solution, evaluated with numpy."""
        x, t = self.split(points)
        return fields_to_array(self.exact(NUMPY, x, t), len(points))

    def split(self, points: Array) -> tuple[list[Array], Any]:
        """Columns of `points` as coordinates per axis and time (0 for a steady equation)."""
        d = self.dimension
        return [points[:, i] for i in range(d)], 0.0 if self.steady else points[:, d]


def is_zero(value: Any) -> bool:
    """Whether a declaration gave the plain number zero (and not an array or expression that happens to vanish)."""
    return isinstance(value, (int, float)) and value == 0


def diffusivity_rows(kappa: Any, components: int) -> Sequence[Sequence[Any]]:
    """A declared diffusivity as a matrix between the components; a scalar acts on each of them alone."""
    if isinstance(kappa, (tuple, list)):
        return kappa
    return [[kappa if c == e else 0.0 for e in range(components)] for c in range(components)]


def fields_to_array(values: Sequence[Any], count: int) -> Array:
    """A tuple of component arrays (or constants) as one array of shape (count, components)."""
    return np.column_stack([np.broadcast_to(np.asarray(v, dtype=float), (count,)) for v in values])


@dataclass(frozen=True)
class ODE(Problem):
    """y' = f(t, y) on [start_time(), final_time()] from y = start()."""

    family: ClassVar[str] = "ODE"

    @abstractmethod
    def rhs(self, ops: Operations, t: Any, y: Any) -> Any:
        """f(t, y) for y of shape (components, ...); an array of that shape, or a tuple of its rows."""

    @abstractmethod
    def start(self) -> Array:
        """y at the start, shape (components,)."""

    @abstractmethod
    def final_time(self) -> float:
        """End of the time interval."""

    def start_time(self) -> float:
        """Beginning of the time interval."""
        return 0.0

    def trial(self, ops: Operations, t: Any) -> tuple[tuple[Any, ...], Any]:
        """Trial function y = lift + mask · network as (lift per component, mask) that meets the initial value."""
        return tuple(float(y) for y in self.start()), t - self.start_time()

    @property
    def dimension(self) -> int:
        """Number of components."""
        return len(self.start())

    def points(self) -> Array:
        """Scattered instants in the interval and its end, ascending, shape (n, 1)."""
        inner = scattered_points(200, (self.start_time(),), (self.final_time(),))
        return np.append(np.sort(inner, axis=0), [[self.final_time()]], axis=0)


@dataclass(frozen=True)
class MatrixEigenproblem(Problem):
    """A v = λ v for a symmetric matrix, its largest (`sign` +1) or smallest (`sign` −1) eigenvalue."""

    family: ClassVar[str] = "matrix eigenproblem"
    headline: ClassVar[str] = "eigenvalue_error"

    @abstractmethod
    def matrix(self) -> Array:
        """The symmetric matrix A, shape (n, n)."""

    @abstractmethod
    def sign(self) -> int:
        """+1 for the largest eigenvalue, −1 for the smallest."""

    @abstractmethod
    def flow(self) -> ODE:
        """An initial value problem whose state converges to the wanted eigenvector."""

    @property
    def dimension(self) -> int:
        """Order n of the matrix."""
        return len(self.matrix())

    def points(self) -> Array:
        """The indices of the eigenvector's entries, shape (n, 1)."""
        return np.arange(float(self.dimension))[:, None]

    def wanted(self) -> tuple[float, Array]:
        """The true eigenvalue and its unit eigenvector (n,), by LAPACK's symmetric solver."""
        values, vectors = np.linalg.eigh(self.matrix())
        k = -1 if self.sign() > 0 else 0
        return float(values[k]), vectors[:, k]

    def reference(self, points: Array) -> Array:
        """The unit eigenvector's entries at the indices in `points`, shape (n, 1)."""
        return self.wanted()[1][points[:, 0].astype(int)][:, None]

    def align(self, solution: Array, reference: Array) -> Array:
        """`solution` scaled to unit length, with the sign of `reference`."""
        length = float(np.linalg.norm(solution))
        if not math.isfinite(length) or length == 0.0:
            return solution
        return solution * (np.sign(np.vdot(solution, reference)) or 1.0) / length

    def measures(self, solution: Array, findings: Mapping[str, Array] | None = None) -> dict[str, float]:
        """The eigenvalue by Rayleigh quotient, and as mean ± deviation of the ratios (A v)ᵢ / vᵢ, with their errors.

        The ratio estimator is the one of S1; the Rayleigh quotient's error is quadratic in that of the vector.
        """
        v = solution[:, 0]
        image = self.matrix() @ v
        true = self.wanted()[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            rayleigh = float(v @ image / (v @ v))
            ratios = image / v
        return {
            "eigenvalue": rayleigh,
            "eigenvalue_error": abs(rayleigh - true),
            "ratio_mean": float(ratios.mean()),
            "ratio_std": float(ratios.std()),
            "ratio_error": float(ratios.mean()) - true,
        }
