"""A PDE collocated on a tensor product of bases: values at free nodes, from which those on the faces follow."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backends.spectra.bases import Basis
from backends.structure import Structure
from problems.base import PDE, Array, Condition, Dirichlet, Neumann, Periodic, diffusivity_rows, is_zero, zero
from problems.operations import NUMPY

AT_ONCE = 2**20
"""Numbers that interpolation holds at a time: 8 MiB."""


class Collocation:
    """y' = f(t, y) for the values y (m, n₀, n₁, …) at the free nodes; a steady equation is f(0, y) = 0.

    Nodes on a face are not free: their values follow from the condition there, along the line of nodes that ends in
    them. Lines whose faces have slopes come first, so that edges of the box take the given values.
    """

    def __init__(self, problem: PDE, nodes: int, front: float | None = None, sharpness: float = 1.0) -> None:
        self.problem, self.structure = problem, Structure.of(problem)
        box = problem.domain()
        self.bases: list[Basis] = [
            Basis.fourier(a, b, odd_length(nodes)) if periodic else Basis.chebyshev(a, b, nodes)
            for a, b, periodic in zip(box.lower, box.upper, periodic_axes(problem), strict=True)
        ]
        if front is not None:
            self.bases[0] = self.bases[0].crowded(front, sharpness)
        self.shape = tuple(len(basis.nodes) for basis in self.bases)
        self.x = [self._along(basis.nodes, a) for a, basis in enumerate(self.bases)]
        self._free_axis = [slice(None) if basis.periodic else slice(1, -1) for basis in self.bases]
        self.free = (slice(None), *self._free_axis)
        self.free_shape = np.empty((problem.components, *self.shape))[self.free].shape
        self.unknowns = int(np.prod(self.free_shape))
        bounded = [a for a, basis in enumerate(self.bases) if not basis.periodic]
        given = {a: sum(isinstance(problem.condition(a, side), Dirichlet) for side in (0, 1)) for a in bounded}
        self._lines = [Lines(self, a) for a in sorted(bounded, key=lambda a: given[a])]

    def spread(self, t: float, y: Array, *, data: bool = True) -> Array:
        """Values at all nodes (m, *shape); without `data` those that homogeneous conditions would give."""
        u = np.zeros((self.problem.components, *self.shape))
        u[self.free] = y
        done: list[int] = []
        for lines in self._lines:
            lines.close(u, t, done, data=data)
            done.append(lines.axis)
        return u

    def rhs(self, t: float, y: Array) -> Array:
        """f(t, y), shape that of y."""
        u = self.spread(t, y)
        return (self._diffused(u, self._kappa(t, u)) + self._rest(t, u))[self.free]

    def without_diffusion(self, t: float, y: Array) -> Array:
        """f(t, y) − ∇·(κ∇u): source and convection alone."""
        return self._rest(t, self.spread(t, y))[self.free]

    def diffusion(self, t: float, y: Array) -> Callable[[Array], Array]:
        """v ↦ ∇·(κ ∇v) with homogeneous conditions, κ frozen at the state y."""
        kappa = self._kappa(t, self.spread(t, y))
        return lambda v: self._diffused(self.spread(t, v, data=False), kappa)[self.free]

    def diffused_data(self, t: float) -> Array:
        """∇·(κ∇u) of the state that is zero at all free nodes: what the conditions drive."""
        u = self.spread(t, np.zeros(self.free_shape))
        return self._diffused(u, self._kappa(t, u))[self.free]

    def differentiate(self, u: Array, axis: int) -> Array:
        """∂u/∂x_axis at all nodes, u of shape (m, *shape)."""
        slope = self.bases[axis].slope
        if axis == len(self.bases) - 1:
            return u @ slope.T
        return np.moveaxis(np.tensordot(slope, u, axes=(1, axis + 1)), 0, axis + 1)

    def second(self, axis: int) -> Array:
        """∂²/∂x_axis² on the free nodes of one line, homogeneous conditions included."""
        slope = self.bases[axis].slope
        closed = next((lines.closed for lines in self._lines if lines.axis == axis), np.eye(len(slope)))
        return (slope @ (slope @ closed))[self._free_axis[axis]]

    def interpolate(self, values: Array, places: Array) -> Array:
        """`values` (times, m, *shape) at places (k, d), shape (times, m, k).

        The weights of the last half of the axes are multiplied out, so that most of the work is one product of
        matrices, and as many places are taken at a time as `values` and `AT_ONCE` allow.
        """
        matrices = [basis.interpolation(places[:, a]) for a, basis in enumerate(self.bases)]
        half = len(self.shape) // 2
        first, last = int(np.prod(self.shape[:half])), int(np.prod(self.shape[half:]))
        flat = values.reshape(-1, last)
        step = max(1, max(values.size, AT_ONCE) // max(len(flat), last))
        found = []
        for start in range(0, len(places), step):
            some = slice(start, start + step)
            result = (flat @ _multiplied_out([m[some] for m in matrices[half:]]).T).reshape(
                *values.shape[:2], first, -1
            )
            found.append(np.einsum("tmik,ki->tmk", result, _multiplied_out([m[some] for m in matrices[:half]])))
        return np.concatenate(found, axis=-1)

    def _kappa(self, t: float, u: Array) -> Sequence[Sequence[Any]]:
        return diffusivity_rows(self.problem.diffusivity(NUMPY, self.x, t, list(u)), self.problem.components)

    def _diffused(self, u: Array, kappa: Sequence[Sequence[Any]]) -> Array:
        axes = range(len(self.bases))
        parts = (self.differentiate(self._diffusive(kappa, self.differentiate(u, a)), a) for a in axes)
        return np.asarray(sum(parts))

    def _rest(self, t: float, u: Array) -> Array:
        total = np.zeros_like(u)
        for a, flow in enumerate(zip(*(self.problem.flux(NUMPY, self.x, t, list(u)) or ()), strict=True)):
            total -= self.differentiate(np.stack([np.broadcast_to(part, self.shape) for part in flow]), a)
        for c, entry in enumerate(self.problem.source(NUMPY, self.x, t, list(u)) or ()):
            total[c] += entry
        return total

    def _diffusive(self, kappa: Sequence[Sequence[Any]], slope: Array) -> Array:
        rows = []
        for row in kappa:
            parts = [entry * slope[e] for e, entry in enumerate(row) if not is_zero(entry)]
            rows.append(functools.reduce(np.add, parts) if parts else np.zeros(self.shape))
        return np.stack(rows)

    def _along(self, nodes: Array, axis: int) -> Array:
        return nodes.reshape([-1 if a == axis else 1 for a in range(len(self.bases))])


def _multiplied_out(matrices: Sequence[Array]) -> Array:
    """Row by row the products of all entries of one matrix (k, n) with all of the next: (k, n₀ n₁ …), ones of none."""
    product: Array = np.ones((1, 1))
    for matrix in matrices:
        product = (product[:, :, None] * matrix[:, None, :]).reshape(len(matrix), -1)
    return product


class Lines:
    """The two faces of an axis, closed along every line of nodes between them.

    With u₋, u₊ the values at the ends of a line and v those between, the conditions are M (u₋, u₊) + C v = g.
    """

    def __init__(self, collocation: Collocation, axis: int) -> None:
        self.axis, self._grid = axis, collocation
        self._nothing = np.zeros(0)
        self._conditions: list[Condition] = [collocation.problem.condition(axis, side) for side in (0, 1)]
        slope = collocation.bases[axis].slope
        n = len(slope)
        rows = np.zeros((2, n))
        for side, condition in enumerate(self._conditions):
            at = -side
            if isinstance(condition, Neumann):
                rows[side] = slope[at] if side else -slope[at]
            else:
                rows[side, at] = 1.0
        self._inverse = np.linalg.inv(rows[:, [0, -1]])
        self._inner = rows[:, 1:-1]
        self.closed = np.zeros((n, n - 2))
        self.closed[1:-1] = np.eye(n - 2)
        self.closed[[0, -1]] = -self._inverse @ self._inner
        self._fixed = [self._unmoved(condition, side) for side, condition in enumerate(self._conditions)]

    def close(self, u: Array, t: float, done: Sequence[int], *, data: bool) -> None:
        """Set the values on both faces; those of the axes in `done` have been set before."""
        grid = self._grid
        chosen = (slice(None), *(slice(None) if a in done else s for a, s in enumerate(grid._free_axis)))
        across = np.moveaxis(u, self.axis + 1, -1)
        lines = chosen[: self.axis + 1] + chosen[self.axis + 2 :]
        inside = across[(*lines, slice(1, -1))]
        ends = -inside @ self._inner.T
        if data:
            for side, condition in enumerate(self._conditions):
                given = self._fixed[side]
                if given is None:
                    given = self._given(condition, side, t)
                if given is not self._nothing:
                    ends[..., side] += given[lines]
        across[(*lines, [0, -1])] = ends @ self._inverse.T

    def _unmoved(self, condition: Condition, side: int) -> Array | None:
        """What is given on a face if it is the same at all times, `_nothing` where that is zero; None if it moves."""
        if condition.value is zero:  # type: ignore[union-attr]
            return self._nothing
        structure = self._grid.structure
        if structure.face_moves(self.axis, side) or (isinstance(condition, Neumann) and structure.kappa_moves):
            return None
        given = self._given(condition, side, 0.0)
        return given if given.any() else self._nothing

    def _given(self, condition: Condition, side: int, t: float) -> Array:
        """Value, or outward slope, on a face: shape (m, *the other axes)."""
        grid, problem = self._grid, self._grid.problem
        box = problem.domain()
        place = list(grid.x)
        place[self.axis] = np.full([1] * len(grid.bases), (box.lower, box.upper)[side][self.axis])
        others = tuple(1 if a == self.axis else n for a, n in enumerate(grid.shape))
        value = condition.value(NUMPY, place, t)  # type: ignore[union-attr]
        given = np.stack([np.broadcast_to(np.asarray(v, dtype=float), others) for v in value])
        if isinstance(condition, Neumann):
            rows = diffusivity_rows(
                problem.diffusivity(NUMPY, place, t, [0.0] * problem.components), problem.components
            )
            kappa = np.stack([np.stack([np.broadcast_to(np.asarray(k, float), others) for k in row]) for row in rows])
            given = np.linalg.solve(np.moveaxis(kappa, (0, 1), (-2, -1)), np.moveaxis(given, 0, -1)[..., None])
            given = np.moveaxis(given[..., 0], -1, 0)
        return given.squeeze(self.axis + 1)


def periodic_axes(problem: PDE) -> list[bool]:
    """Whether each axis closes on itself."""
    return [isinstance(problem.condition(a, 0), Periodic) for a in range(problem.dimension)]


def odd_length(least: int) -> int:
    """The next odd number without prime factors above 13, which fast transforms like."""
    n = least + 1 - least % 2
    while True:
        rest = n
        for factor in (3, 5, 7, 11, 13):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return n
        n += 2


def matrix_of(apply: Callable[[Array], Array], shape: tuple[int, ...], rows: int | None = None) -> Array:
    """A linear map on arrays of `shape`, of size n, as a matrix (rows, n), column by column; square if not told."""
    n = int(np.prod(shape))
    columns = np.empty((n if rows is None else rows, n))
    unit = np.zeros(n)
    for k in range(n):
        unit[k] = 1.0
        columns[:, k] = apply(unit.reshape(shape)).ravel()
        unit[k] = 0.0
    return columns
