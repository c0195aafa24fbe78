"""A PDE discretised by Lagrange elements: compiled forms, their matrices and vectors, and Dirichlet values."""

from __future__ import annotations

from typing import Any

import numpy as np

from backends.elements import dolfinx_versions as versions
from backends.elements.unknowns import Field, Unknowns
from backends.elements.weak_form import depends_on_time, weak_form
from problems.base import PDE, Array, Dirichlet, fields_to_array
from problems.operations import NUMPY


class Galerkin:
    """Space discretisation of `problem` on `mesh`; constructing it compiles all forms that it needs.

    Arrays hold the unknowns of this process (`unknowns`). With matrices constant in time (`autonomous`) the equation
    is M u' + K u = f(t), otherwise M u' + r(u, t) = 0.
    """

    def __init__(self, problem: PDE, mesh: Any, degree: int) -> None:
        from dolfinx import fem

        self.problem, self.mesh = problem, mesh
        self.space = versions.lagrange_space(mesh, degree, problem.components)
        self.unknowns = Unknowns(problem, self.space)
        form = weak_form(problem, mesh, self.space)
        self.autonomous, self.linear, self.load_moves = form.residual is None, form.linear, form.load_moves
        self._state, self._form_values, self._time = Field(self.space, form.u.x.array), Field(self.space), form.time
        self._mass = None if problem.steady else fem.form(form.mass)
        self._jacobian = fem.form(form.jacobian)
        self._residual = None if form.residual is None else fem.form(form.residual)
        self._load = None if form.load is None else fem.form(form.load)
        self._assembled: Any = None
        self._faces = self._dirichlet_faces()
        nodes = [face for _, face in self._faces]
        self.boundary = _unknowns_of(np.concatenate(nodes) if nodes else np.empty(0, int), problem.components)
        self.boundary_rows = (self.boundary + self.unknowns.first).astype(np.int32)
        self.boundary_moves = not problem.steady and any(
            depends_on_time(problem, mesh, axis, side) for axis, side in self._dirichlet()
        )

    def mass(self) -> Any:
        """M."""
        return self.unknowns.matrix(versions.assemble_matrix(self._mass))

    def stiffness(self) -> Any:
        """K, for an autonomous equation."""
        return self.unknowns.matrix(versions.assemble_matrix(self._jacobian))

    def jacobian(self, u: Array, t: float, into: Any = None) -> Any:
        """∂r/∂u, over the entries of `into` (a matrix that it has made) if given."""
        self._set(u, t)
        if not self.unknowns.glued:
            return versions.assemble_matrix(self._jacobian, into)
        self._assembled = versions.assemble_matrix(self._jacobian, self._assembled)
        return self.unknowns.matrix(self._assembled, into)

    def residual(self, u: Array, t: float) -> Array:
        """r(u, t), shape (unknowns,)."""
        self._set(u, t)
        return self._vector(self._residual)

    def load(self, t: float) -> Array:
        """f(t), shape (unknowns,)."""
        if self._load is None:
            return np.zeros(self.unknowns.count)
        self._time.value = t
        return self._vector(self._load)

    def boundary_values(self, t: float) -> Array:
        """Dirichlet values of the unknowns in `boundary`."""
        nodes = self.unknowns.nodes
        values = [
            fields_to_array(condition.value(NUMPY, list(nodes[face].T), t), len(face)).ravel()
            for condition, face in self._faces
        ]
        return np.concatenate(values) if values else np.empty(0)

    def initial(self) -> Array:
        """The declared initial state interpolated: its values at the nodes, where Lagrange elements have theirs."""
        if self.problem.steady:
            return np.zeros(self.unknowns.count)
        nodes = self.unknowns.nodes
        return fields_to_array(self.problem.initial(NUMPY, list(nodes.T)), len(nodes)).ravel()

    def nodal(self, levels: Array) -> Array:
        """From unknowns (levels, count) to values at all nodes of this process's cells (levels, nodes, components)."""
        values = np.empty((len(levels), len(self._state.array)))
        for level, row in zip(levels, values, strict=True):
            self.unknowns.spread(level, self._state)
            row[:] = self._state.array
        return values.reshape(len(levels), -1, self.problem.components)

    def _set(self, u: Array, t: float) -> None:
        self.unknowns.spread(u, self._state)
        self._time.value = t

    def _vector(self, form: Any) -> Array:
        versions.assemble_vector(form, self._form_values.array)
        return self.unknowns.gather(self._form_values)

    def _dirichlet(self) -> list[tuple[int, int]]:
        faces = [(axis, side) for axis in range(self.problem.dimension) for side in (0, 1)]
        return [face for face in faces if isinstance(self.problem.condition(*face), Dirichlet)]

    def _dirichlet_faces(self) -> list[tuple[Dirichlet, Any]]:
        """Conditions and their nodes; a node of two faces belongs to the first."""
        taken = np.zeros(len(self.unknowns.nodes), dtype=bool)
        faces: list[tuple[Dirichlet, Any]] = []
        for axis, side in self._dirichlet():
            face = self.unknowns.on_face(axis, side) & ~taken
            taken |= face
            condition = self.problem.condition(axis, side)
            assert isinstance(condition, Dirichlet)
            faces.append((condition, np.flatnonzero(face)))
        return faces


def _unknowns_of(nodes: Any, components: int) -> Any:
    """Indices of all components at `nodes`, as PETSc wants them."""
    return (nodes[:, None] * components + np.arange(components)).ravel().astype(np.int32)
