"""Finite-difference stencils, generated as source code from the declaration of a PDE.

Second-order central differences for ∇·(κ∇u) in flux form (three-point weights where κ is constant); for ∇·F(u) central
differences, or first-order upwinding by the sign of the discrete wave speed (F_{i+1} − F_i)/(u_{i+1} − u_i) (Roe's
speed of a scalar law: R. LeVeque 2002, Finite Volume Methods for Hyperbolic Problems, §12.2; without an entropy fix,
since κ > 0 makes one needless: at κ = 0 an expansion shock would stand still). Dirichlet values are imposed on the face
nodes; Neumann and periodic faces fill a ghost node.

The same source is spelt in two ways: as loops over nodes for numba, and as operations on slices for numpy.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backends.differences.grid import Grid
from backends.structure import half_glued
from backends.tracing import TRACING, Expression, code, symbols
from problems.base import PDE, Dirichlet, Neumann, Periodic, diffusivity_rows, is_zero
from problems.operations import UNARY

ENGINES = ("numba", "numpy")


@dataclass(frozen=True)
class Loops:
    """Spelling for numba: scalar code inside nested loops."""

    dimension: int

    def node(self, array: str, component: int, shifts: Sequence[int], fixed: dict[int, str]) -> str:
        """The value of a component at the current node, shifted along each axis; `fixed` axes have a given index."""
        index = [fixed.get(a, f"i{a}") + (f"{s:+d}" if s else "") for a, s in enumerate(shifts)]
        return f"{array}[{component}, {', '.join(index)}]"

    def kept(self, component: int) -> str:
        """The place of the current node in the row of levels to keep."""
        return f"out[row, {component}, {', '.join(f'i{a} - 1' for a in range(self.dimension))}]"

    def coordinate(self, axis: int) -> str:
        """The coordinate of the current node."""
        return f"x{axis}[i{axis}]"

    def block(self, axes: Sequence[int], statements: list[str]) -> list[str]:
        """`statements` at every node along `axes`."""
        lines = []
        for depth, a in enumerate(axes):
            lines.append("    " * depth + f"for i{a} in range(1, n{a} + 1):")
        return lines + ["    " * len(axes) + s for s in statements]


@dataclass(frozen=True)
class Slices:
    """Spelling for numpy: the same statements on whole arrays."""

    dimension: int

    def node(self, array: str, component: int, shifts: Sequence[int], fixed: dict[int, str]) -> str:
        """All nodes at once; a fixed axis keeps a length of one, so that shapes broadcast."""
        index = []
        for a, s in enumerate(shifts):
            if a in fixed:
                start = f"{fixed[a]}{s:+d}" if s else fixed[a]
                index.append(f"{start}:{start}+1")
            else:
                index.append({-1: "0:-2", 0: "1:-1", 1: "2:"}[s])
        return f"{array}[{component}, {', '.join(index)}]"

    def kept(self, component: int) -> str:
        """The whole level."""
        return f"out[row, {component}]"

    def coordinate(self, axis: int) -> str:
        """Coordinates of all nodes, shaped to broadcast."""
        shape = ", ".join("-1" if a == axis else "1" for a in range(self.dimension))
        return f"x{axis}[1:-1].reshape({shape})"

    def block(self, axes: Sequence[int], statements: list[str]) -> list[str]:
        """No loops are needed."""
        return statements


Spelling = Loops | Slices


class Stencil:
    """Source of `advance` (time steps of explicit Euler) and `slope` (du/dt) for a PDE on a grid."""

    def __init__(self, problem: PDE, grid: Grid, convection: str) -> None:
        self._problem = problem
        self._grid = grid
        self._upwind = convection == "upwind"
        self._axes = range(grid.dimension)

    def source(self, spelling: Spelling) -> str:
        """Python source of the two functions."""
        arguments = ", ".join(f"x{a}" for a in self._axes)
        sizes = [f"n{a} = u.shape[{a + 1}] - 2" for a in self._axes]
        components = range(self._problem.components)
        here = [0] * self._grid.dimension
        update = [f"{spelling.node('new', c, here, {})} = {self._updated(c, spelling)}" for c in components]
        slopes = [f"{spelling.node('du', c, here, {})} = {self._slope(c, spelling)}" for c in components]
        keep = [f"{spelling.kept(c)} = {spelling.node('u', c, here, {})}" for c in components]
        keep = [
            "if row < len(kept) and kept[row] == step + 1:",
            *_indent(spelling.block(self._axes, keep)),
            "    row += 1",
        ]
        march = [
            *sizes,
            "for step in range(first, last):",
            *_indent(
                [
                    "t = step * dt",
                    *self._ghosts("u", spelling),
                    *spelling.block(self._axes, update),
                    "t = step * dt + length",
                    *self._imposed("new", "t", spelling),
                    "u, new = new, u",
                    *keep,
                ]
            ),
            "return u, new, row",
        ]
        plane: list[str] = []
        if self._by_planes(spelling):
            plane = [f"def plane(i0, t, length, u, new, {arguments}):", *_indent(sizes + self._plane(update, spelling))]
            march = self._two_by_two(sizes, keep, arguments)
        slope = [
            *sizes,
            *self._imposed("u", "t", spelling),
            *self._ghosts("u", spelling),
            *spelling.block(self._axes, slopes),
            *self._pinned("du", spelling),
        ]
        impose = [*sizes, *(self._imposed("u", "t", spelling) or ["pass"])]
        return "\n".join(
            [
                *plane,
                f"def advance(u, new, first, last, dt, length, kept, row, out, {arguments}):",
                *_indent(march),
                f"def slope(t, u, du, {arguments}):",
                *_indent(slope),
                f"def impose(t, u, {arguments}):",
                *_indent(impose),
            ]
        )

    def _by_planes(self, spelling: Spelling) -> bool:
        """Whether two time levels can be had from one passage over the grid: that needs no ghosts, and more axes."""
        given = all(isinstance(condition, Dirichlet) for _, _, condition in self._problem.faces())
        return given and self._grid.dimension > 1 and isinstance(spelling, Loops)

    def _plane(self, update: list[str], spelling: Spelling) -> list[str]:
        """One step on the plane i0 alone: new values inside, then those that are given."""
        lines = ["if 1 < i0 < n0:", *_indent(spelling.block(self._axes[1:], update)), "t = t + length"]
        for axis, side, condition in self._problem.faces():
            given = self._face_values("new", "t", axis, side, condition, spelling, self._axes[1:])
            lines += [f"if i0 == {'1' if side == 0 else 'n0'}:", *_indent(given)] if axis == 0 else given
        return lines

    def _two_by_two(self, sizes: list[str], keep: list[str], arguments: str) -> list[str]:
        """Steps by planes, two at a time where no level between them is kept.

        The second step follows the first at a distance of one plane, while what it reads is still in the cache, and
        writes over values that nobody needs any more. A grid that is larger than the cache is so read and written half
        as often, and memory is what an explicit step on such a grid waits for.
        """
        return [
            *sizes,
            "step = first",
            "while step < last:",
            *_indent(
                [
                    "if step + 1 < last and not (row < len(kept) and kept[row] == step + 1):",
                    "    for k in range(1, n0 + 2):",
                    "        if k <= n0:",
                    f"            plane(k, step * dt, length, u, new, {arguments})",
                    "        if k > 1:",
                    f"            plane(k - 1, (step + 1) * dt, length, new, u, {arguments})",
                    "    step += 1",
                    "else:",
                    "    for k in range(1, n0 + 1):",
                    f"        plane(k, step * dt, length, u, new, {arguments})",
                    "    u, new = new, u",
                    *keep,
                    "step += 1",
                ]
            ),
            "return u, new, row",
        ]

    def _coordinates(self, spelling: Spelling, axis: int = 0, shift: float = 0.0) -> list[Any]:
        x: list[Any] = [Expression.symbol(spelling.coordinate(a), "x") for a in self._axes]
        if shift:
            x[axis] = x[axis] + shift * self._grid.spacing[axis]
        return x

    def _unknowns(self, spelling: Spelling, axis: int = 0, shift: int = 0) -> list[Any]:
        shifts = [shift if a == axis else 0 for a in self._axes]
        return [Expression.symbol(spelling.node("u", c, shifts, {}), "u") for c in range(self._problem.components)]

    def _kappa(self, spelling: Spelling, row: int, axis: int = 0, shift: float = 0.0) -> list[Any]:
        """Row of the diffusivity matrix, at the node or half-way to its neighbour."""
        u = self._unknowns(spelling)
        if shift:
            side = self._unknowns(spelling, axis, 1 if shift > 0 else -1)
            u = [0.5 * (a + b) for a, b in zip(u, side, strict=True)]
        x = self._coordinates(spelling, axis, shift)
        kappa = self._problem.diffusivity(TRACING, x, Expression.symbol("t"), u)
        return list(diffusivity_rows(kappa, self._problem.components)[row])

    def _constant_scalar_kappa(self, component: int, spelling: Spelling) -> float | None:
        row = self._kappa(spelling, component)
        others = [k for c, k in enumerate(row) if c != component]
        if symbols(row[component]) or not all(is_zero(k) for k in others):
            return None
        return float(row[component])

    def _updated(self, component: int, spelling: Spelling) -> str:
        """The new value at a node. With constant κ the weights stand in ascending order of nodes, as S1 has them."""
        kappa = self._constant_scalar_kappa(component, spelling)
        here = self._unknowns(spelling)[component].code
        if kappa is None:
            return f"{here} + length * ({self._slope(component, spelling)})"
        weights = [f"({kappa!r} * length / {self._grid.spacing[a]!r} ** 2)" for a in self._axes]
        below = [
            f"{w} * {self._unknowns(spelling, a, -1)[component].code}" for a, w in zip(self._axes, weights, strict=True)
        ]
        above = [
            f"{w} * {self._unknowns(spelling, a, 1)[component].code}" for a, w in zip(self._axes, weights, strict=True)
        ]
        centre = f"(1 - 2 * {weights[0]})" if len(weights) == 1 else f"(1 - 2 * ({' + '.join(weights)}))"
        rest = self._convected(component, spelling) + self._produced(component, spelling)
        tail = f" + length * ({' '.join(rest)})" if rest else ""
        return " + ".join([*below, f"{centre} * {here}", *above]) + tail

    def _slope(self, component: int, spelling: Spelling) -> str:
        terms = self._diffused(component, spelling)
        terms += self._convected(component, spelling) + self._produced(component, spelling)
        return " ".join(terms) or "0.0"

    def _diffused(self, component: int, spelling: Spelling) -> list[str]:
        terms = []
        for a in self._axes:
            h = self._grid.spacing[a]
            centre, upper, lower = (self._unknowns(spelling, a, s) for s in (0, 1, -1))
            ahead = self._kappa(spelling, component, a, 0.5)
            behind = self._kappa(spelling, component, a, -0.5)
            for c in range(self._problem.components):
                if is_zero(ahead[c]):
                    continue
                gain = f"{code(ahead[c])} * ({upper[c].code} - {centre[c].code})"
                loss = f"{code(behind[c])} * ({centre[c].code} - {lower[c].code})"
                terms.append(f"+ ({gain} - {loss}) / {h * h!r}")
        return terms

    def _flux(self, component: int, axis: int, spelling: Spelling, shift: int) -> Any:
        x = self._coordinates(spelling, axis, float(shift))
        flux = self._problem.flux(TRACING, x, Expression.symbol("t"), self._unknowns(spelling, axis, shift))
        return 0.0 if flux is None else flux[component][axis]

    def _convected(self, component: int, spelling: Spelling) -> list[str]:
        terms = []
        for a in self._axes:
            h = self._grid.spacing[a]
            lower, centre, upper = (self._flux(component, a, spelling, s) for s in (-1, 0, 1))
            if is_zero(centre):
                continue
            terms.append(f"- ({code(upper)} - {code(lower)}) / {2 * h!r}")
            if self._upwind:
                um, u0, up = (self._unknowns(spelling, a, s)[component].code for s in (-1, 0, 1))
                ahead = f"abs({code(upper)} - {code(centre)}) * sign({up} - {u0})"
                behind = f"abs({code(centre)} - {code(lower)}) * sign({u0} - {um})"
                terms.append(f"+ ({ahead} - {behind}) / {2 * h!r}")
        return terms

    def _produced(self, component: int, spelling: Spelling) -> list[str]:
        source = self._problem.source(
            TRACING, self._coordinates(spelling), Expression.symbol("t"), self._unknowns(spelling)
        )
        if source is None or is_zero(source[component]):
            return []
        return [f"+ {code(source[component])}"]

    def _on_face(self, axis: int, side: int, spelling: Spelling) -> tuple[dict[int, str], list[Any], list[int]]:
        """Index of a face, coordinates on it, and the axes along it."""
        box = self._problem.domain()
        x = self._coordinates(spelling)
        x[axis] = (box.lower, box.upper)[side][axis]
        return {axis: "1" if side == 0 else f"n{axis}"}, x, [a for a in self._axes if a != axis]

    def _imposed(self, array: str, time: str, spelling: Spelling) -> list[str]:
        lines = []
        for axis, side, condition in self._problem.faces():
            if isinstance(condition, Dirichlet):
                lines += self._face_values(array, time, axis, side, condition, spelling, self._axes)
        return lines

    def _face_values(
        self,
        array: str,
        time: str,
        axis: int,
        side: int,
        condition: Any,
        spelling: Spelling,
        within: Sequence[int],
    ) -> list[str]:
        """The values given on one face, at its nodes along the axes `within`."""
        fixed, x, along = self._on_face(axis, side, spelling)
        here = [0] * self._grid.dimension
        values = condition.value(TRACING, x, Expression.symbol(time))
        return spelling.block(
            [a for a in along if a in within],
            [f"{spelling.node(array, c, here, fixed)} = {code(v)}" for c, v in enumerate(values)],
        )

    def _pinned(self, array: str, spelling: Spelling) -> list[str]:
        """Nodes whose value is given have no slope."""
        lines = []
        for axis, side, condition in self._problem.faces():
            if isinstance(condition, Dirichlet):
                fixed, _, along = self._on_face(axis, side, spelling)
                here = [0] * self._grid.dimension
                lines += spelling.block(
                    along,
                    [f"{spelling.node(array, c, here, fixed)} = 0.0" for c in range(self._problem.components)],
                )
        return lines

    def _ghosts(self, array: str, spelling: Spelling) -> list[str]:
        lines = []
        for axis, side, condition in self._problem.faces():
            if isinstance(condition, Dirichlet):
                continue
            fixed, x, along = self._on_face(axis, side, spelling)
            outwards = [0] * self._grid.dimension
            outwards[axis] = -1 if side == 0 else 1
            inwards = [-s for s in outwards]
            components = range(self._problem.components)
            if isinstance(condition, Periodic):
                opposite = {axis: f"n{axis}" if side == 0 else "1"}
                here = [0] * self._grid.dimension
                statements = [
                    f"{spelling.node(array, c, outwards, fixed)} = {spelling.node(array, c, here, opposite)}"
                    for c in components
                ]
            else:
                values = condition.value(TRACING, x, Expression.symbol("t"))
                here = [0] * self._grid.dimension
                u = [Expression.symbol(spelling.node(array, c, here, fixed), "u") for c in components]
                kappa = self._problem.diffusivity(TRACING, x, Expression.symbol("t"), u)
                statements = []
                for c in components:
                    mirrored = spelling.node(array, c, inwards, fixed)
                    added = (
                        ""
                        if is_zero(values[c])
                        else (f" + {2 * self._grid.spacing[axis]!r} * {code(values[c])} / {code(kappa)}")
                    )
                    statements.append(f"{spelling.node(array, c, outwards, fixed)} = {mirrored}{added}")
            lines += spelling.block(along, statements)
        return lines


def _indent(lines: Sequence[str]) -> list[str]:
    return ["    " + line for line in lines]


@dataclass(frozen=True)
class Kernels:
    """The compiled functions, and which engine runs them."""

    advance: Callable[..., Any]
    slope: Callable[..., Any]
    impose: Callable[..., Any]
    engine: str


@functools.lru_cache(maxsize=8)
def _functions(loops: str, slices: str, engine: str) -> Kernels:
    """Sources made into functions; a second session with the same sources finds them compiled."""
    vectorised: dict[str, Any] = {name: getattr(np, name) for name in UNARY} | {"sign": np.sign}
    exec(slices, vectorised)
    if engine == "numpy":
        return Kernels(vectorised["advance"], vectorised["slope"], vectorised["impose"], engine)
    import numba

    scalar: dict[str, Any] = {name: getattr(math, name) for name in UNARY if name != "abs"}
    scalar["sign"] = numba.njit(inline="always")(_sign)
    exec(loops, scalar)
    if "plane" in scalar:
        scalar["plane"] = numba.njit(error_model="numpy")(scalar["plane"])
    advance, slope = (numba.njit(error_model="numpy")(scalar[name]) for name in ("advance", "slope"))
    return Kernels(advance, slope, vectorised["impose"], engine)


def build_kernels(stencil: Stencil, dimension: int, engine: str) -> Kernels:
    """Make the functions; numba compiles them when they are first called."""
    loops = "" if engine == "numpy" else stencil.source(Loops(dimension))
    return _functions(loops, stencil.source(Slices(dimension)), engine)


def _sign(x: float) -> float:
    return 1.0 if x > 0.0 else (-1.0 if x < 0.0 else 0.0)


def refused(problem: PDE, convection: str) -> str | None:
    """Why a stencil cannot be made for `problem`, or None."""
    if convection == "upwind" and problem.components > 1:
        return "upwinding needs the characteristic fields of a system; choose convection=central"
    if (glued := half_glued(problem)) is not None:
        return glued
    x: list[Any] = [Expression.symbol("x")] * problem.dimension
    t, u = Expression.symbol("t"), [Expression.symbol("u")] * problem.components
    if isinstance(problem.diffusivity(TRACING, x, t, u), (tuple, list)):
        for _, _, condition in problem.faces():
            if isinstance(condition, Neumann) and not all(is_zero(v) for v in condition.value(TRACING, x, t)):
                return "a prescribed flux together with a matrix of diffusivities"
    return None
