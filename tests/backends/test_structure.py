"""What kind of equation a declaration is: affine forms of it, and nothing missed that is narrow or weak."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from backends.base import Context
from backends.differences.lines import Lines, constant_coefficients
from backends.finite_differences import FiniteDifferences
from backends.spectral import Spectral
from backends.structure import UNKNOWN, Form, Structure, half_glued
from backends.tracing import TRACING
from problems.base import PDE, Box, Condition, Dirichlet, Neumann, Periodic
from problems.operations import Operations
from tests.plugins.grids import Carried, Coupled, Insulated, Variable

X, T = Form(frozenset("x")), Form(frozenset("t"))
U, V = Form(0.0, {0: 1.0}), Form(0.0, {1: 1.0})


@pytest.mark.parametrize(
    ("form", "data", "slopes"),
    [
        (2.0 * U - V / 4.0 + 1, 1.0, {0: 2.0, 1: -0.25}),
        ((U + 1.0) * (3.0 + 0.0 * X), 3.0, {0: 3.0}),
        (0.0 * U * U + 0.0 * T, 0.0, {}),
        (U - U + (2.0 - U) * 0.0, 0.0, {}),
        (X * U + T, {"t"}, {0: {"x"}}),
        (U * V, {"u"}, {}),
        (TRACING.exp(T * U), {"t", "u"}, {}),
        (U + 1e-12 * U**3, {"u"}, {0: 1.0}),
        (1.0 / U, {"u"}, {}),
        (U**1, 0.0, {0: 1.0}),
        (X**2 + 2**X, {"x"}, {}),
        (abs(X) - 1.0, {"x"}, {}),
        (np.float64(3.0) * U * np.int64(2), 0.0, {0: 6.0}),
        (1.0 - (+U), 1.0, {0: -1.0}),
        (Form(9.0) ** 0.5 / Form(2.0), 1.5, {}),
        (TRACING.sin(Form(math.pi)) * T, 0.0, {}),
        (TRACING.cos(Form(1.5 * math.pi)) * T, 0.0, {}),
        (TRACING.sin(Form(1e-9)) * T, {"t"}, {}),
    ],
)
def test_forms_are_added_and_multiplied_as_far_as_they_are_affine(form: Form, data: Any, slopes: Any) -> None:
    assert form.data == data
    assert form.slopes == slopes


def test_a_declaration_must_not_branch_on_a_form() -> None:
    with pytest.raises(TypeError, match="branch on the value"):
        bool(U)
    with pytest.raises(TypeError):
        U + np.ones(3)


@dataclass(frozen=True)
class Narrow(PDE):
    """uₜ = (κ uₓ)ₓ + S with one detail, all of which are absent at most places, instants or states."""

    name = "narrow-detail"
    title = "Rod with a detail"
    equation = "uₜ = (κuₓ)ₓ + S"
    citation = "manufactured"
    detail: str = ""

    def domain(self) -> Box:
        return Box((0.0,), (1.0,))

    def final_time(self) -> float:
        return 0.1

    def initial(self, ops: Operations, x: Sequence[Any]) -> tuple[Any, ...]:
        return (ops.sin(math.pi * x[0]),)

    def condition(self, axis: int, side: int) -> Condition:
        return Dirichlet(self._wall) if self.detail == "wall" else Dirichlet()

    def _wall(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        return (1e-9 * t,)

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        bump = 20.0 * ops.exp(-(((x[0] - 0.45) / 0.02) ** 2))
        pulse = ops.exp(-(((t - 0.07) / 0.0005) ** 2))
        return 1.0 + {"layer": bump, "opening": pulse}.get(self.detail, 0.0)

    def flux(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        return ((1e-9 * u[0] * u[0],),) if self.detail == "convection" else None

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        sink = -500.0 * u[0] * ops.exp(-(((x[0] - 0.45) / 0.02) ** 2))
        pulse = 1e3 * ops.exp(-(((t - 0.07) / 0.0005) ** 2)) * ops.sin(math.pi * x[0])
        weak = -1e-9 * u[0] * u[0] * u[0]
        return ({"sink": sink, "pulse": pulse, "weak": weak}.get(self.detail, -2.0 * u[0]),)


@pytest.mark.parametrize(
    ("detail", "kind", "constant"),
    [
        ("", "settled", True),
        ("layer", "settled", False),
        ("sink", "settled", False),
        ("opening", "nonlinear", False),
        ("pulse", "moving", True),
        ("wall", "moving", True),
        ("weak", "nonlinear", False),
        ("convection", "nonlinear", False),
    ],
)
@pytest.mark.parametrize("cells", [8, 2000])
def test_no_detail_of_an_equation_is_missed_on_any_grid(detail: str, kind: str, constant: bool, cells: int) -> None:
    problem = Narrow(detail=detail)
    assert Lines(problem, cells, "central", "numpy").affinity() == kind
    assert (constant_coefficients(problem) is not None) == constant
    assert Structure.of(problem).settled == (kind == "settled")


def answer(solver: Any, problem: PDE, points: Any) -> Any:
    session = solver.begin(problem, Context())
    session.compile()
    session.prepare()
    session.solve()
    return session.solution(points)


@pytest.mark.parametrize("solver", [FiniteDifferences(cells=64, dt=1e-4), Spectral(nodes=16, dt=1e-4)])
def test_a_pulse_between_instants_is_felt(solver: Any) -> None:
    """At T = 0.1, u = sin πx (e^{−π²T} + 1000 √π 0.0005 e^{π²(0.0005²π²/4 − 0.03)})."""
    problem, points = Narrow(detail="pulse"), np.array([[0.5, 0.1]])
    gained = 1e3 * math.sqrt(math.pi) * 5e-4 * math.exp(math.pi**2 * (5e-4**2 * math.pi**2 / 4 - 0.03))
    wanted = math.exp(-(math.pi**2) * 0.1) + gained
    assert answer(solver, problem, points)[0, 0] == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("detail", ["layer", "sink"])
def test_two_discretisations_agree_on_a_narrow_layer(detail: str) -> None:
    problem = Narrow(detail=detail)
    points = np.column_stack([np.linspace(0.1, 0.9, 9), np.full(9, 0.1)])
    differences = answer(FiniteDifferences(cells=400, dt=1e-4), problem, points)
    collocated = answer(Spectral(nodes=96), problem, points)
    plain = answer(Spectral(nodes=16), Narrow(detail="pulse"), points)
    assert np.abs(differences - collocated).max() < 2e-4 * np.abs(collocated).max()
    assert np.abs(plain - collocated).max() > 0.02 * np.abs(collocated).max()


def test_what_needs_arrays_may_depend_on_everything() -> None:
    class Sampled(Narrow):
        def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
            return np.interp(x[0], [0.0, 1.0], [1.0, 2.0])

    structure = Structure.of(Sampled())
    assert structure.kappa[0][0] is UNKNOWN
    assert structure.kappa_depends_on_state
    assert structure.diffusivity is None
    assert structure.reactions == pytest.approx([-2.0])


def test_constants_are_read_with_all_their_digits() -> None:
    coupled = Structure.of(Coupled())
    assert coupled.diffusivity is not None
    assert coupled.diffusivity.tolist() == [[1.0, 0.25], [0.0, 1.0]]
    assert coupled.diffusivities is None
    assert coupled.reaction is not None
    assert coupled.reaction.tolist() == [[0.0, 1.0], [-1.0, 0.0]]
    # Its faces are at 0 and π, where sines end within rounding: they stand still.
    assert (coupled.linear, coupled.data_move, coupled.faces_move) == (True, True, False)
    carried = Structure.of(Carried(d=2, speed=0.3))
    assert carried.speeds is not None
    assert carried.speeds.tolist() == [[[0.3]], [[0.0]]]
    assert carried.convected
    assert carried.settled
    assert Structure.of(Insulated()).face_moves(0, 0)
    assert not Structure.of(Variable()).linear


def test_upwinding_is_linear_for_one_speed_alone() -> None:
    class Sheared(Carried):
        def flux(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
            return ((ops.sin(2.0 * math.pi * x[0]) * u[0],),)

    assert Lines(Carried(), 8, "upwind", "numpy").affinity() == "settled"
    assert Lines(Sheared(), 8, "upwind", "numpy").affinity() == "nonlinear"
    assert Lines(Sheared(), 8, "central", "numpy").affinity() == "settled"


@pytest.mark.parametrize("faces", [(Periodic(), Neumann()), (Dirichlet(), Periodic())])
def test_half_a_ring_is_seen(faces: Any) -> None:
    class Half(Narrow):
        def condition(self, axis: int, side: int) -> Condition:
            return faces[side]  # type: ignore[no-any-return]

    assert "one face of an axis" in (half_glued(Half()) or "")
    assert half_glued(Narrow()) is half_glued(Carried()) is None
    for solver in (FiniteDifferences(), Spectral()):
        assert solver.unsupported(Half()) == half_glued(Half())
