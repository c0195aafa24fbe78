"""Values of a Lagrange finite element function at arbitrary points, all levels and points at once."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from backends.elements import dolfinx_versions as versions
from problems.base import Array, Box


class PointValues:
    """The matrix from nodal values to values at `places` (n, d), kept as nodes and weights of one cell per place.

    Each place is answered for by one of the processes that share the mesh.
    """

    def __init__(self, mesh: Any, space: Any, degree: int, box: Box, places: Array) -> None:
        d, self._comm, self._count = box.dimension, mesh.comm, len(places)
        inside = np.clip(places, box.lower, box.upper)
        cells = versions.cell_nodes(space)
        nodes = space.tabulate_dof_coordinates()[:, :d]
        place, cell, local, depth = _locate(mesh, nodes[cells[:, : d + 1]], inside, 1e-8 * max(box.lengths))
        if self._comm.size > 1:
            depths = np.full(self._count, -np.inf)
            depths[place] = depth
            deepest = np.argmax(self._comm.allgather(depths), axis=0)
            own = deepest[place] == self._comm.rank
            place, cell, local = place[own], cell[own], local[own]
        # All cells share one reference element: the nodes of the first, in its own barycentric coordinates.
        reference = _pull_back(nodes[cells[:1, : d + 1]], nodes[cells[0]])
        self._weights = _monomials(local, degree) @ np.linalg.inv(_monomials(reference, degree))
        self._nodes, self._place = cells[cell], place

    def __call__(self, values: Array) -> Array:
        """From nodal values (levels, nodes, components) to values (levels, n, components), on every process."""
        result = np.zeros((len(values), len(self._nodes), values.shape[2]))
        for k in range(self._nodes.shape[1]):
            result += self._weights[:, k, None] * values[:, self._nodes[:, k]]
        if self._comm.size == 1:
            return result
        whole = np.zeros((len(values), self._count, values.shape[2]))
        for place, part in self._comm.allgather((self._place, result)):
            whole[:, place] = part
        return whole


def _locate(mesh: Any, vertices: Array, places: Array, padding: float) -> tuple[Any, Any, Array, Array]:
    """For the places in cells of this process: their index, the cell, local coordinates (n, d) and depth in it.

    Of the cells whose bounding box holds a place, that is taken in which its least barycentric coordinate, its depth,
    is largest: rounding on faces and on the boundary then needs no tolerance.
    """
    padded = np.zeros((len(places), 3))
    padded[:, : places.shape[1]] = places
    candidates, offsets = versions.cells_near(mesh, padded, padding)
    place = np.repeat(np.arange(len(places)), np.diff(offsets))
    local = _pull_back(vertices[candidates], places[place])
    depth = np.minimum(local.min(axis=1), 1.0 - local.sum(axis=1))
    order = np.lexsort((depth, place))
    found = np.unique(place)
    best = order[np.searchsorted(place[order], found, side="right") - 1]
    return found, candidates[best], local[best], depth[best]


def _pull_back(vertices: Array, points: Array) -> Array:
    """Local coordinates (n, d) of `points` (n, d) in simplices with `vertices` (n or 1, d + 1, d)."""
    edges = np.swapaxes(vertices[:, 1:] - vertices[:, :1], 1, 2)
    edges, shift = np.broadcast_to(edges, (len(points), *edges.shape[1:])), points - vertices[:, 0]
    return np.linalg.solve(edges, shift[:, :, None])[:, :, 0]


def _monomials(x: Array, degree: int) -> Array:
    """All monomials up to `degree` at x (n, d), shape (n, count)."""
    powers = [p for p in itertools.product(range(degree + 1), repeat=x.shape[1]) if sum(p) <= degree]
    return np.stack([np.prod(x ** np.array(p), axis=1) for p in powers], axis=1)
