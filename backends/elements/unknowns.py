"""The unknowns of a finite element space: those that are free, on which process each lives, and how they fill it.

Nodes on the upper side of a periodic axis are copies of those on the lower side, and are no unknowns. With P the
matrix that copies, A becomes PᵀAP and a load f becomes Pᵀf, which is what elements on the glued domain would give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from problems.base import PDE, Array, Box, Periodic
from problems.families.eigenproblem import Eigenproblem

Indices = npt.NDArray[np.intp]
SAME_PLACE = 1e-9
"""Distance, relative to the domain, below which two nodes are one."""


class Field:
    """Nodal values of one process, its own first and behind them those that it borrows from others."""

    def __init__(self, space: Any, array: Array | None = None) -> None:
        from petsc4py import PETSc

        layout, width = space.dofmap.index_map, space.dofmap.index_map_bs
        self.owned = layout.size_local * width
        self.array = np.zeros(self.owned + len(layout.ghosts) * width) if array is None else array
        self.vector = PETSc.Vec().createGhostWithArray(
            layout.ghosts.astype(PETSc.IntType), self.array, size=(self.owned, None), bsize=width, comm=space.mesh.comm
        )
        self._modes = PETSc.InsertMode, PETSc.ScatterMode
        self._alone = space.mesh.comm.size == 1

    def lend(self) -> None:
        """Send own values to whoever borrows them."""
        if not self._alone:
            insert, scatter = self._modes
            self.vector.ghostUpdate(addv=insert.INSERT, mode=scatter.FORWARD)

    def collect(self) -> None:
        """Add what others have put into borrowed values to the owner's."""
        if not self._alone:
            insert, scatter = self._modes
            self.vector.ghostUpdate(addv=insert.ADD, mode=scatter.REVERSE)


class Unknowns:
    """The free unknowns of `space` for `problem`, node by node, the components of a node side by side.

    `nodes` (n, d) are the places of this process's own, `count` is the number of its unknowns, `first` the global
    index of its first and `total` their number on all processes together.
    """

    def __init__(self, problem: PDE | Eigenproblem, space: Any) -> None:
        self._box, self._components = problem.domain(), space.dofmap.index_map_bs
        self.comm = space.mesh.comm
        places = space.tabulate_dof_coordinates()[: space.dofmap.index_map.size_local, : problem.dimension]
        copied, originals = _copies(problem, places)
        periodic = any(self.comm.allgather(bool(copied.any())))
        self.nodes: Array = places[~copied].copy()
        self.count = len(self.nodes) * self._components
        counts = self.comm.allgather(self.count)
        self.first, self.total = sum(counts[: self.comm.rank]), sum(counts)
        self._copying = self._copying_matrix(copied, places, originals) if periodic else None
        self._buffer = np.zeros(self.count)
        self._vector = self.vector(self._buffer)

    def vector(self, array: Array) -> Any:
        """A PETSc vector on the memory of `array` (count,)."""
        from petsc4py import PETSc

        return PETSc.Vec().createWithArray(array, size=(self.count, None), comm=self.comm)

    def on_face(self, axis: int, side: int) -> npt.NDArray[np.bool_]:
        """Which of `nodes` lie on a face."""
        return _on_face(self._box, self.nodes, axis, side)

    def spread(self, u: Array, field: Field) -> None:
        """Fill `field` from unknowns (count,)."""
        if self._copying is None:
            field.array[: field.owned] = u
        else:
            self._buffer[:] = u
            self._copying.mult(self._vector, field.vector)
        field.lend()

    def gather(self, field: Field) -> Array:
        """What an assembled linear form in `field` means for the unknowns, shape (count,)."""
        field.collect()
        if self._copying is None:
            return field.array[: field.owned].copy()
        self._copying.multTranspose(field.vector, self._vector)
        return self._buffer.copy()

    def matrix(self, assembled: Any, into: Any = None) -> Any:
        """A matrix of the space as one of the unknowns, over the entries of `into` if given."""
        return assembled if self._copying is None else assembled.ptap(self._copying, result=into)

    @property
    def glued(self) -> bool:
        """Whether there are periodic faces."""
        return self._copying is not None

    def sum(self, value: float) -> float:
        """The sum over all processes."""
        return value if self.comm.size == 1 else float(self.comm.allreduce(value))

    def largest(self, array: Array) -> float:
        """The largest modulus among the entries of all processes."""
        own = float(np.abs(array).max(initial=0.0))
        return own if self.comm.size == 1 else max(self.comm.allgather(own))

    def _copying_matrix(self, copied: npt.NDArray[np.bool_], places: Array, originals: Array) -> Any:
        from petsc4py import PETSc

        free = np.flatnonzero(~copied)
        source = np.empty(len(places), dtype=np.intp)
        source[free] = self.first // self._components + np.arange(len(free))
        offered = self._offered(places[free], source[free])
        source[copied] = _find(originals[copied], offered, self._box.lengths)
        columns = _components_of(source, self._components).astype(PETSc.IntType)
        rows = np.arange(len(columns) + 1, dtype=PETSc.IntType)
        sizes = ((len(columns), None), (self.count, None))
        matrix = PETSc.Mat().createAIJ(sizes, csr=(rows, columns, np.ones(len(columns))), comm=self.comm)
        matrix.assemble()
        return matrix

    def _offered(self, places: Array, index: Indices) -> tuple[Array, Indices]:
        """Free nodes of all processes with their global indices."""
        parts = self.comm.allgather((places, index))
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])


def _copies(problem: PDE | Eigenproblem, places: Array) -> tuple[npt.NDArray[np.bool_], Array]:
    """Which of `places` (n, d) are copies, and the place of each one's original."""
    box, originals = problem.domain(), places.copy()
    copied = np.zeros(len(places), dtype=bool)
    for axis in range(problem.dimension):
        if isinstance(problem.condition(axis, 0), Periodic):
            upper = _on_face(box, places, axis, 1)
            originals[upper, axis] = box.lower[axis]
            copied |= upper
    return copied, originals


def _on_face(box: Box, places: Array, axis: int, side: int) -> npt.NDArray[np.bool_]:
    level = (box.lower, box.upper)[side][axis]
    return np.asarray(np.abs(places[:, axis] - level) <= SAME_PLACE * box.lengths[axis])


def _find(wanted: Array, offered: tuple[Array, Indices], lengths: Sequence[float]) -> Indices:
    """The index of the offered place at each wanted one, in a box of these lengths."""
    places, index = offered
    together = np.concatenate([places, wanted])
    keys = np.zeros(len(together), dtype=np.int64)
    for column, length in zip(together.T, lengths, strict=True):
        # Values closer than rounding can tell are one; they differ in their last digits.
        order = np.argsort(column)
        number = np.empty(len(column), dtype=np.int64)
        number[order] = np.concatenate([[0], np.cumsum(np.diff(column[order]) > SAME_PLACE * length)])
        keys = keys * (number.max() + 1) + number
    known, sought = keys[: len(places)], keys[len(places) :]
    order = np.argsort(known)
    found = order[np.searchsorted(known[order], sought).clip(max=len(order) - 1)]
    assert np.array_equal(known[found], sought)
    return index[found]


def _components_of(nodes: Indices, components: int) -> Indices:
    """Indices of all unknowns at `nodes`."""
    return (nodes[:, None] * components + np.arange(components)).ravel()
