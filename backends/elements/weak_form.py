"""The weak form of a declared PDE in UFL, tested with v on every component.

    ∫ ∂ₜuᵢ vᵢ + (∇·Fᵢ) vᵢ + Σⱼ κᵢⱼ ∇uⱼ·∇vᵢ − Sᵢ vᵢ dx  −  ∫ gᵢ vᵢ ds  =  0,

with g the Neumann values. ∇·F is not integrated by parts, so that κ ∂u/∂n alone is the natural condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.elements import dolfinx_versions as versions
from backends.operations import ufl_operations
from problems.base import PDE, Neumann, diffusivity_rows, is_zero


@dataclass(frozen=True)
class WeakForm:
    """Forms in UFL; a residual of None says that the problem is linear with matrices constant in time."""

    u: Any
    time: Any
    mass: Any
    jacobian: Any
    residual: Any | None
    load: Any | None
    linear: bool
    load_moves: bool


def weak_form(problem: PDE, mesh: Any, space: Any) -> WeakForm:
    """Translate `problem`; whether it is linear and autonomous is read off the expanded Jacobian."""
    import ufl
    from dolfinx import fem

    u, time = fem.Function(space), fem.Constant(mesh, 0.0)
    v = _components(ufl.TestFunction(space), problem.components)
    terms = _Terms(problem, mesh, time, v)
    residual = terms.diffusion(_components(u, problem.components)) - terms.load(_components(u, problem.components))
    jacobian = ufl.algorithms.expand_derivatives(ufl.derivative(residual, u, ufl.TrialFunction(space)))
    linear = u not in jacobian.coefficients()
    autonomous = linear and time not in jacobian.constants()
    load = terms.load([0.0] * problem.components) if autonomous else None
    trial = _components(ufl.TrialFunction(space), problem.components)
    return WeakForm(
        u=u,
        time=time,
        mass=sum(a * b for a, b in zip(trial, v, strict=True)) * terms.dx,
        jacobian=jacobian,
        residual=None if autonomous else residual,
        load=None if load is None or load.empty() else load,
        linear=linear,
        load_moves=load is not None and time in load.constants(),
    )


def depends_on_time(problem: PDE, mesh: Any, axis: int, side: int) -> bool:
    """Whether the Dirichlet value on a face changes in time."""
    import ufl
    from dolfinx import fem

    time = fem.Constant(mesh, 0.0)
    x = list(ufl.SpatialCoordinate(mesh))
    values = problem.condition(axis, side).value(ufl_operations(), x, time)  # type: ignore[union-attr]
    return any(time in ufl.algorithms.extract_type(ufl.as_ufl(value), type(time)) for value in values)


def _components(field: Any, count: int) -> list[Any]:
    return [field] if count == 1 else [field[i] for i in range(count)]


class _Terms:
    """The integrals of the weak form for given trial components."""

    def __init__(self, problem: PDE, mesh: Any, time: Any, v: Sequence[Any]) -> None:
        import ufl

        self._problem, self._mesh, self._time, self._v = problem, mesh, time, v
        self._x = list(ufl.SpatialCoordinate(mesh))
        # Integrands that are plain numbers or UFL's Zero carry no mesh, so the measures must.
        self.dx = ufl.Measure("dx", domain=mesh)
        self._ds = ufl.Measure("ds", domain=mesh, subdomain_data=versions.boundary_tags(mesh, problem.domain()))

    def diffusion(self, u: Sequence[Any]) -> Any:
        """∫ Σⱼ κᵢⱼ ∇uⱼ·∇vᵢ dx."""
        import ufl

        kappa = self._problem.diffusivity(ufl_operations(), self._x, self._time, u)
        rows = diffusivity_rows(kappa, len(u))
        entries = [(i, j, k) for i, row in enumerate(rows) for j, k in enumerate(row) if not _vanishes(k)]
        pairs = [self._scalar(k) * ufl.inner(ufl.grad(u[j]), ufl.grad(self._v[i])) for i, j, k in entries]
        return sum(pairs) * self.dx

    def load(self, u: Sequence[Any]) -> Any:
        """∫ (Sᵢ − ∇·Fᵢ) vᵢ dx + ∫ gᵢ vᵢ ds; an empty form when all of it vanishes."""
        import ufl

        ops, form = ufl_operations(), ufl.Form([])
        for i, row in enumerate(self._problem.flux(ops, self._x, self._time, u) or ()):
            for axis, component in enumerate(row):
                if not isinstance(component, (int, float)) and not _vanishes(component):
                    form += self._tested(-component.dx(axis), i, self.dx)
        for i, value in enumerate(self._problem.source(ops, self._x, self._time, u) or ()):
            form += self._tested(value, i, self.dx)
        for axis, side, condition in self._problem.faces():
            if isinstance(condition, Neumann):
                for i, value in enumerate(condition.value(ops, self._x, self._time)):
                    form += self._tested(value, i, self._ds(2 * axis + side))
        return form

    def _tested(self, value: Any, component: int, measure: Any) -> Any:
        import ufl

        return ufl.Form([]) if _vanishes(value) else self._scalar(value) * self._v[component] * measure

    def _scalar(self, value: Any) -> Any:
        """Numbers become constants of the form, so that another value does not mean another compilation."""
        from dolfinx import fem

        return fem.Constant(self._mesh, float(value)) if isinstance(value, (int, float)) else value


def _vanishes(value: Any) -> bool:
    import ufl

    return isinstance(value, ufl.constantvalue.Zero) or is_zero(value)
