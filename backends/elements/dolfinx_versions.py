"""What differs between dolfinx 0.5 and 0.11, in one place; nothing is imported before a function is called."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from backends.elements.grading import Grading
from problems.base import Array, Box

Indices = npt.NDArray[np.int32]


def world() -> Any:
    """All processes that the worker's command has started."""
    from mpi4py import MPI

    return MPI.COMM_WORLD


def alone() -> Any:
    """This process alone."""
    from mpi4py import MPI

    return MPI.COMM_SELF


def box_mesh(box: Box, cells: int, comm: Any, grading: Grading | None = None) -> Any:
    """A mesh of `box` in intervals, triangles or tetrahedra, with `cells` grid cells per axis, shared out in `comm`."""
    mesh = _create_mesh(box, cells, comm)
    if grading is not None:
        mesh.geometry.x[:, 0] = grading.graded(box, mesh.geometry.x[:, 0])
    _settle_coordinate_element(mesh)
    return mesh


def _create_mesh(box: Box, cells: int, comm: Any) -> Any:
    from dolfinx import mesh

    corners = [np.asarray(box.lower, dtype=float), np.asarray(box.upper, dtype=float)]
    counts = [cells] * box.dimension
    if box.dimension == 1:
        return mesh.create_interval(comm, cells, [box.lower[0], box.upper[0]])
    if box.dimension == 2:
        return mesh.create_rectangle(comm, corners, counts, cell_type=mesh.CellType.triangle)
    return mesh.create_box(comm, corners, counts, cell_type=mesh.CellType.tetrahedron)


def _settle_coordinate_element(mesh: Any) -> None:
    """Give an old mesh at once the element that FFCx puts there when it compiles a first form on it.

    Otherwise forms compiled before and after that have different signatures and never meet in FFCx's cache.
    """
    import ufl

    if not hasattr(ufl, "VectorElement"):
        return
    domain = mesh.ufl_domain()
    element = domain.ufl_coordinate_element()
    if "variant" not in repr(element):
        scalar = ufl.FiniteElement(element.family(), element.cell(), element.degree(), variant="equispaced")
        domain._ufl_coordinate_element = ufl.VectorElement(scalar)


def lagrange_space(mesh: Any, degree: int, components: int) -> Any:
    """Continuous Lagrange elements with `components` values per node (blocked when there are several)."""
    from dolfinx import fem

    if hasattr(fem, "functionspace"):
        shape = () if components == 1 else ((components,),)
        return fem.functionspace(mesh, ("Lagrange", degree, *shape))
    import ufl

    cell = mesh.ufl_cell()
    if components == 1:
        return fem.FunctionSpace(mesh, ufl.FiniteElement("Lagrange", cell, degree))
    return fem.FunctionSpace(mesh, ufl.VectorElement("Lagrange", cell, degree, dim=components))


def cell_nodes(space: Any) -> Indices:
    """Nodes of every cell, shape (cells, nodes per cell); its d + 1 vertices come first."""
    dofmap = space.dofmap if hasattr(space, "dofmap") else space.dofmaps[0]
    table = dofmap.list
    # An adjacency list up to 0.6, a two-dimensional array since.
    return table if isinstance(table, np.ndarray) else table.array.reshape(table.num_nodes, -1)


def boundary_tags(mesh: Any, box: Box) -> Any:
    """Facet tags of the whole boundary: face `side` of `axis` has the tag 2 · axis + side."""
    from dolfinx import mesh as meshes

    top = mesh.topology.dim - 1
    mesh.topology.create_connectivity(top, top + 1)
    facets, tags = [], []
    for axis in range(box.dimension):
        for side, level in enumerate((box.lower[axis], box.upper[axis])):
            found = meshes.locate_entities_boundary(mesh, top, _on_plane(axis, level, box.lengths[axis]))
            facets.append(found)
            tags.append(np.full(len(found), 2 * axis + side, dtype=np.int32))
    indices, values = np.concatenate(facets).astype(np.int32), np.concatenate(tags)
    order = np.argsort(indices)
    return meshes.meshtags(mesh, top, indices[order], values[order])


def _on_plane(axis: int, level: float, length: float) -> Any:
    return lambda x: np.abs(x[axis] - level) <= 1e-10 * length


def assemble_vector(form: Any, out: Array) -> None:
    """Assemble a compiled linear form over the cells of this process into `out`, which is overwritten."""
    from dolfinx import fem

    out[:] = 0.0
    fem.assemble_vector(out, form)


def assemble_matrix(form: Any, into: Any = None) -> Any:
    """Assemble a compiled bilinear form into a new PETSc matrix, or over the entries of `into`."""
    from dolfinx.fem import petsc

    if into is None:
        into = petsc.assemble_matrix(form)
    else:
        into.zeroEntries()
        petsc.assemble_matrix(into, form)
    into.assemble()
    return into


def cells_near(mesh: Any, points: Array, padding: float) -> tuple[Indices, Indices]:
    """Cells whose bounding box, grown by `padding`, holds each of `points` (n, 3): as (cells, offsets into them)."""
    from dolfinx import geometry

    dim = mesh.topology.dim
    if hasattr(geometry, "bb_tree"):
        found = geometry.compute_collisions_points(geometry.bb_tree(mesh, dim, padding=padding), points)
    else:
        found = geometry.compute_collisions(geometry.BoundingBoxTree(mesh, dim, padding=padding), points)
    return found.array, found.offsets
