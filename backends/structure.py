"""What kind of equation a declaration is, read from the declaration and not from samples of what it gives.

κ, F, S and the values on the faces are called once with symbols for x, t and u. Samples miss what is narrow: a layer
between two points, a pulse between two instants, a reaction that is small beside the diffusion on a fine grid.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backends.tracing import TRACING, Traced
from problems.base import PDE, Array, Dirichlet, Periodic, diffusivity_rows
from problems.families.eigenproblem import Eigenproblem

NUMBERS = (int, float, np.integer, np.floating)
EPS = float(np.finfo(float).eps)

Coefficient = float | frozenset[str]
"""A number where it is known, else the names that it depends on: of "x", "t" and, where it is not affine, "u"."""


@dataclass(frozen=True)
class Form(Traced):
    """`data` + Σ `slopes`[c] u_c; what is not affine in the unknowns is all in `data`, which then names "u"."""

    __array_ufunc__ = None

    data: Coefficient = 0.0
    slopes: Mapping[int, Coefficient] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        """Everything that it depends on."""
        return _names(self.data).union(*map(_names, self.slopes.values()), {"u"} if self.slopes else ())

    @property
    def number(self) -> float | None:
        """Its value if that is known."""
        return self.data if isinstance(self.data, float) and not self.slopes else None

    def __add__(self, other: Any) -> Form:
        other = _form(other)
        if other is None:
            return NotImplemented
        slopes = {c: _sum(self.slopes.get(c, 0.0), other.slopes.get(c, 0.0)) for c in {*self.slopes, *other.slopes}}
        return _affine(_sum(self.data, other.data), slopes)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Form:
        other = _form(other)
        if other is None:
            return NotImplemented
        if 0.0 in (self.number, other.number):
            return Form()
        if "u" in self.names and "u" in other.names:
            return Form(self.names | other.names)
        scale, scaled = (other, self) if "u" in self.names else (self, other)
        slopes = {c: _product(scale.data, slope) for c, slope in scaled.slopes.items()}
        return _affine(_product(scale.data, scaled.data), slopes)

    __rmul__ = __mul__

    def __neg__(self) -> Form:
        return self * -1.0

    def __pos__(self) -> Form:
        return self

    def __sub__(self, other: Any) -> Form:
        other = _form(other)
        return NotImplemented if other is None else self + -other

    def __rsub__(self, other: Any) -> Form:
        return -self + other

    def __truediv__(self, other: Any) -> Form:
        other = _form(other)
        return NotImplemented if other is None else self * other**-1.0

    def __rtruediv__(self, other: Any) -> Form:
        return self**-1.0 * other

    def __pow__(self, other: Any) -> Form:
        other = _form(other)
        if other is None:
            return NotImplemented
        if other.number == 1.0:
            return self
        return _combined(np.power, self, other)

    def __rpow__(self, other: Any) -> Form:
        other = _form(other)
        return NotImplemented if other is None else other**self

    def __abs__(self) -> Form:
        return self.applied("abs")

    def applied(self, name: str) -> Form:
        """Not affine, unless there is nothing to be affine in."""
        found = _combined(getattr(np, name), self)
        # sin π is zero within the rounding of π: a wall at which sines end does not move with their amplitude.
        if found.number is not None and name in ("sin", "cos", "tan") and abs(found.number) <= EPS * abs(self.data):  # type: ignore[arg-type]
            return Form()
        return found


UNKNOWN = Form(frozenset("xtu"))


class Touched(Exception):
    """A declaration looked at what it was given an `Untouchable` for."""


class Untouchable:
    """Stands for an argument, to find out whether a declaration looks at it."""

    __array_ufunc__ = None

    def _touch(self, *_: Any) -> Any:
        raise Touched

    __getitem__ = __len__ = __iter__ = __array__ = __neg__ = __abs__ = __pow__ = __rpow__ = _touch
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _touch

    def __getattr__(self, name: str) -> Any:
        raise Touched


def looks_at(call: Callable[[Any], Any]) -> bool:
    """Whether `call(argument)` does anything with its argument."""
    try:
        call(Untouchable())
    except Touched:
        return True
    return False


@dataclass(frozen=True)
class Structure:
    """∂ₜu + ∇·F = ∇·(κ∇u) + S with m components in d dimensions, and all values given on its faces.

    `kappa` has m rows of m entries, `flux` m of d, `source` m entries, `faces` m for every axis and side with data.
    """

    kappa: Sequence[Sequence[Form]]
    flux: Sequence[Sequence[Form]]
    source: Sequence[Form]
    faces: Mapping[tuple[int, int], Sequence[Form]]

    @classmethod
    def of(cls, problem: PDE) -> Structure:
        """Read a declaration; where one of its parts needs arrays, that may depend on everything in any way."""
        m, box = problem.components, problem.domain()
        x: list[Any] = [Form(frozenset("x")) for _ in box.lower]
        t = Form(0.0 if problem.steady else frozenset("t"))
        u = [Form(0.0, {c: 1.0}) for c in range(m)]
        faces = {}
        for axis, side, condition in problem.faces():
            if not isinstance(condition, Periodic):
                place = list(x)
                place[axis] = Form(float((box.lower, box.upper)[side][axis]))
                faces[axis, side] = _read(functools.partial(condition.value, TRACING, place, t), m)
        rows = _read(lambda: _flat(diffusivity_rows(problem.diffusivity(TRACING, x, t, u), m)), m * m)
        flux = _read(lambda: _flat(problem.flux(TRACING, x, t, u)), m * problem.dimension)
        source = _read(lambda: problem.source(TRACING, x, t, u), m)
        return cls(_rows(rows, m), _rows(flux, m), source, faces)

    @property
    def kappa_depends_on_state(self) -> bool:
        """Whether κ looks at the unknowns."""
        return any("u" in entry.names for row in self.kappa for entry in row)

    @property
    def kappa_moves(self) -> bool:
        """Whether κ changes in time."""
        return any("t" in entry.names for row in self.kappa for entry in row)

    @property
    def source_depends_on_state(self) -> bool:
        """Whether S looks at the unknowns."""
        return any("u" in entry.names for entry in self.source)

    @property
    def convected(self) -> bool:
        """Whether F does anything: one that is the same number everywhere does not."""
        return any(entry.number is None for row in self.flux for entry in row)

    @property
    def linear(self) -> bool:
        """Whether the equation is A u + b, with anything in A and b."""
        return not self.kappa_depends_on_state and all("u" not in _names(entry.data) for entry in self._terms)

    @property
    def coefficients_move(self) -> bool:
        """Whether A of a linear equation changes in time."""
        slopes = [slope for entry in self._terms for slope in entry.slopes.values()]
        return self.kappa_moves or any("t" in _names(slope) for slope in slopes)

    @property
    def data_move(self) -> bool:
        """Whether b of a linear equation changes in time."""
        return self.faces_move or any("t" in _names(entry.data) for entry in self._terms)

    @property
    def faces_move(self) -> bool:
        """Whether what is given on any face changes in time."""
        return any(self.face_moves(*face) for face in self.faces)

    def face_moves(self, axis: int, side: int) -> bool:
        """Whether what is given on a face changes in time."""
        return any("t" in entry.names for entry in self.faces[axis, side])

    @property
    def settled(self) -> bool:
        """Whether the equation is linear, and the same at all times."""
        return self.linear and not self.coefficients_move and not self.data_move

    @property
    def diffusivity(self) -> Array | None:
        """κ (m, m) if it is constant."""
        numbers = [[entry.number for entry in row] for row in self.kappa]
        return None if any(n is None for row in numbers for n in row) else np.array(numbers, dtype=float)

    @property
    def diffusivities(self) -> Array | None:
        """The constant κ of each component (m,), if components do not mix."""
        return _diagonal(self.diffusivity)

    @property
    def reaction(self) -> Array | None:
        """R (m, m) if S = R u + b(x, t) with a constant R."""
        return _constants(self.source)

    @property
    def reactions(self) -> Array | None:
        """The same of each component alone (m,)."""
        return _diagonal(self.reaction)

    @property
    def speeds(self) -> Array | None:
        """C (d, m, m) if F_a = C_a u with constants, but for a number."""
        if any(not isinstance(entry.data, float) for row in self.flux for entry in row):
            return None
        found = [_constants(column) for column in zip(*self.flux, strict=True)]
        return None if any(matrix is None for matrix in found) else np.array(found, dtype=float)

    @property
    def _terms(self) -> list[Form]:
        return [*self.source, *(entry for row in self.flux for entry in row)]


def half_glued(problem: PDE | Eigenproblem) -> str | None:
    """What is wrong, in words for a user, where one face is periodic and the opposite one is not."""
    for axis in range(problem.dimension):
        if len({isinstance(problem.condition(axis, side), Periodic) for side in (0, 1)}) == 2:
            return "one face of an axis is periodic and the other is not"
    return None


def undetermined(problem: PDE) -> str | None:
    """What is wrong, in words for a user, where a steady solution may be shifted by any constant."""
    if not problem.steady or any(isinstance(condition, Dirichlet) for _, _, condition in problem.faces()):
        return None
    if Structure.of(problem).source_depends_on_state:
        return None
    return "no value is given on any face, so the steady solution is determined up to a constant only"


def _read(call: Callable[[], Sequence[Any] | None], count: int) -> list[Form]:
    """What a part of a declaration gives, `count` entries; zero where it is absent."""
    try:
        entries = call()
    except (TypeError, AttributeError):
        return [UNKNOWN] * count
    if entries is None:
        return [Form()] * count
    forms = [_form(entry) for entry in entries]
    return [UNKNOWN if form is None else form for form in forms] if len(forms) == count else [UNKNOWN] * count


def _flat(rows: Sequence[Sequence[Any]] | None) -> list[Any] | None:
    return None if rows is None else [entry for row in rows for entry in row]


def _rows(entries: Sequence[Form], count: int) -> list[Sequence[Form]]:
    width = len(entries) // count
    return [entries[k * width : (k + 1) * width] for k in range(count)]


def _names(value: Coefficient) -> frozenset[str]:
    return frozenset() if isinstance(value, float) else value


def _sum(a: Coefficient, b: Coefficient) -> Coefficient:
    return a + b if isinstance(a, float) and isinstance(b, float) else _names(a) | _names(b)


def _product(a: Coefficient, b: Coefficient) -> Coefficient:
    if 0.0 in (a, b):
        return 0.0
    return a * b if isinstance(a, float) and isinstance(b, float) else _names(a) | _names(b)


def _affine(data: Coefficient, slopes: Mapping[int, Coefficient]) -> Form:
    return Form(data, {c: slope for c, slope in slopes.items() if slope != 0.0})


def _form(value: Any) -> Form | None:
    """A number as a form; None for anything else that is none."""
    if isinstance(value, NUMBERS):
        return Form(float(value))
    return value if isinstance(value, Form) else None


def _combined(function: Callable[..., Any], *forms: Form) -> Form:
    """A function of forms: a number where all are known, else anything that they depend on."""
    numbers = [form.number for form in forms]
    if any(number is None for number in numbers):
        return Form(frozenset().union(*(form.names for form in forms)))
    with np.errstate(all="ignore"):
        return Form(float(function(*(np.float64(number) for number in numbers))))


def _constants(entries: Sequence[Form]) -> Array | None:
    """The matrix of the slopes (m, m) of affine entries, if all of them are known."""
    m = len(entries)
    slopes = [[entry.slopes.get(c, 0.0) for c in range(m)] for entry in entries]
    known = all(isinstance(slope, float) for row in slopes for slope in row)
    if not known or any("u" in _names(entry.data) for entry in entries):
        return None
    return np.array(slopes, dtype=float)


def _diagonal(matrix: Array | None) -> Array | None:
    """The diagonal of a matrix that has nothing else."""
    if matrix is None or np.any(matrix - np.diag(np.diag(matrix))):
        return None
    return np.diag(matrix).copy()
