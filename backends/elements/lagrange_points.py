"""Values of a Lagrange finite element function at arbitrary points, all levels and points at once."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from backends.elements import dolfinx_versions as versions
from problems.base import Array, Box


class PointValues:
    """The matrix from nodal values to values at `places` (n, d), kept as nodes and weights of one cell per place."""

    def __init__(self, mesh: Any, space: Any, degree: int, box: Box, places: Array) -> None:
        d = box.dimension
        inside = np.clip(places, box.lower, box.upper)
        cells = versions.cell_nodes(space)
        nodes = space.tabulate_dof_coordinates()[:, :d]
        cell, local = _locate(mesh, nodes[cells[:, : d + 1]], inside, 1e-8 * max(box.lengths))
        # All cells share one reference element: the nodes of the first, in its own barycentric coordinates.
        reference = _pull_back(nodes[cells[:1, : d + 1]], nodes[cells[0]])
        self._weights = _monomials(local, degree) @ np.linalg.inv(_monomials(reference, degree))
        self._nodes = cells[cell]

    def __call__(self, values: Array) -> Array:
        """From nodal values (levels, nodes, components) to values (levels, n, components)."""
        result = np.zeros((len(values), len(self._nodes), values.shape[2]))
        for k in range(self._nodes.shape[1]):
            result += self._weights[:, k, None] * values[:, self._nodes[:, k]]
        return result


def _locate(mesh: Any, vertices: Array, places: Array, padding: float) -> tuple[Any, Array]:
    """A cell for each place and the local coordinates (n, d) in it.

    Of the cells whose bounding box holds a place, that is taken in which its least barycentric coordinate is largest:
    rounding on faces and on the boundary then needs no tolerance.
    """
    padded = np.zeros((len(places), 3))
    padded[:, : places.shape[1]] = places
    candidates, offsets = versions.cells_near(mesh, padded, padding)
    place = np.repeat(np.arange(len(places)), np.diff(offsets))
    local = _pull_back(vertices[candidates], places[place])
    least = np.minimum(local.min(axis=1), 1.0 - local.sum(axis=1))
    order = np.lexsort((least, place))
    best = order[np.searchsorted(place[order], np.arange(len(places)), side="right") - 1]
    return candidates[best], local[best]


def _pull_back(vertices: Array, points: Array) -> Array:
    """Local coordinates (n, d) of `points` (n, d) in simplices with `vertices` (n or 1, d + 1, d)."""
    edges = np.swapaxes(vertices[:, 1:] - vertices[:, :1], 1, 2)
    edges, shift = np.broadcast_to(edges, (len(points), *edges.shape[1:])), points - vertices[:, 0]
    return np.linalg.solve(edges, shift[:, :, None])[:, :, 0]


def _monomials(x: Array, degree: int) -> Array:
    """All monomials up to `degree` at x (n, d), shape (n, count)."""
    powers = [p for p in itertools.product(range(degree + 1), repeat=x.shape[1]) if sum(p) <= degree]
    return np.stack([np.prod(x ** np.array(p), axis=1) for p in powers], axis=1)
