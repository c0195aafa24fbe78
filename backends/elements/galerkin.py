"""A PDE discretised by Lagrange elements: compiled forms, their matrices and vectors, and Dirichlet values."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.elements import dolfinx_versions as versions
from backends.elements.weak_form import depends_on_time, weak_form
from problems.base import PDE, Array, Dirichlet, fields_to_array
from problems.operations import NUMPY


class Galerkin:
    """Space discretisation of `problem` on `mesh`; constructing it compiles all forms that it needs.

    Unknowns are ordered node by node, the components of a node side by side. With matrices constant in time
    (`autonomous`) the equation is M u' + K u = f(t), otherwise M u' + r(u, t) = 0.
    """

    def __init__(self, problem: PDE, mesh: Any, degree: int) -> None:
        from dolfinx import fem

        self.problem, self.mesh = problem, mesh
        self.space = versions.lagrange_space(mesh, degree, problem.components)
        self.nodes: Array = self.space.tabulate_dof_coordinates()[:, : problem.dimension].copy()
        self.unknowns = len(self.nodes) * problem.components
        form = weak_form(problem, mesh, self.space)
        self.autonomous, self.linear, self.load_moves = form.residual is None, form.linear, form.load_moves
        self._u, self._time = form.u, form.time
        self._mass = None if problem.steady else fem.form(form.mass)
        self._jacobian = fem.form(form.jacobian)
        self._residual = None if form.residual is None else fem.form(form.residual)
        self._load = None if form.load is None else fem.form(form.load)
        self._faces = self._dirichlet_faces()
        nodes = [face for _, face in self._faces]
        self.boundary = _unknowns_of(np.concatenate(nodes) if nodes else np.empty(0, int), problem.components)
        self.boundary_moves = not problem.steady and any(
            depends_on_time(problem, mesh, axis, side) for axis, side in self._dirichlet()
        )

    def mass(self) -> Any:
        """M."""
        return versions.assemble_matrix(self._mass)

    def stiffness(self) -> Any:
        """K, for an autonomous equation."""
        return versions.assemble_matrix(self._jacobian)

    def jacobian(self, u: Array, t: float, into: Any = None) -> Any:
        """∂r/∂u."""
        self._u.x.array[:], self._time.value = u, t
        return versions.assemble_matrix(self._jacobian, into)

    def residual(self, u: Array, t: float) -> Array:
        """r(u, t), shape (unknowns,)."""
        self._u.x.array[:], self._time.value = u, t
        return versions.assemble_vector(self._residual, np.empty(self.unknowns))

    def load(self, t: float) -> Array:
        """f(t), shape (unknowns,)."""
        if self._load is None:
            return np.zeros(self.unknowns)
        self._time.value = t
        return versions.assemble_vector(self._load, np.empty(self.unknowns))

    def boundary_values(self, t: float) -> Array:
        """Dirichlet values of the unknowns in `boundary`."""
        values = [
            fields_to_array(condition.value(NUMPY, list(self.nodes[face].T), t), len(face)).ravel()
            for condition, face in self._faces
        ]
        return np.concatenate(values) if values else np.empty(0)

    def initial(self) -> Array:
        """The declared initial state interpolated: its values at the nodes, where Lagrange elements have theirs."""
        if self.problem.steady:
            return np.zeros(self.unknowns)
        return fields_to_array(self.problem.initial(NUMPY, list(self.nodes.T)), len(self.nodes)).ravel()

    def _dirichlet(self) -> list[tuple[int, int]]:
        faces = [(axis, side) for axis in range(self.problem.dimension) for side in (0, 1)]
        return [face for face in faces if isinstance(self.problem.condition(*face), Dirichlet)]

    def _dirichlet_faces(self) -> list[tuple[Dirichlet, Any]]:
        """Conditions and their nodes; a node of two faces belongs to the first."""
        box, taken = self.problem.domain(), np.zeros(len(self.nodes), dtype=bool)
        faces: list[tuple[Dirichlet, Any]] = []
        for axis, side in self._dirichlet():
            level = (box.lower, box.upper)[side][axis]
            face = (np.abs(self.nodes[:, axis] - level) <= 1e-10 * box.lengths[axis]) & ~taken
            taken |= face
            condition = self.problem.condition(axis, side)
            assert isinstance(condition, Dirichlet)
            faces.append((condition, np.flatnonzero(face)))
        return faces


def _unknowns_of(nodes: Any, components: int) -> Any:
    """Indices of all components at `nodes`, as PETSc wants them."""
    return (nodes[:, None] * components + np.arange(components)).ravel().astype(np.int32)
