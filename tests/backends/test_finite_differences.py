"""Implicit finite differences: orders in space and time of every scheme and solver, stability, faces, refusals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import problems
from backends.base import Context, Diverged
from backends.differences.implicit import SCHEMES, _amplification
from backends.differences.lines import Lines, constant_coefficients
from backends.finite_differences import FiniteDifferences
from benchmarks.errors import error_norms
from problems import InputError, Problem
from problems.base import PDE, Box, Condition, Dirichlet, Neumann
from problems.operations import Operations
from tests.plugins.grids import Carried, Coupled, Insulated, Variable

HEAT = problems.REGISTRY.get("heat-1d")
POISSON = problems.REGISTRY.get("poisson")
BURGERS = problems.REGISTRY.get("burgers-1d")
SOLVERS = ("banded", "sparse", "fast-sine")


@dataclass(frozen=True)
class Warmed(PDE):
    """uₜ = ½ Δu − u + S on the unit box with moving values on its faces; exact cos(3t) e^{x₀} (1 + Σ xᵢ)."""

    name = "warmed-box"
    title = "Box with moving walls"
    equation = "uₜ = ½ Δu − u + S"
    citation = "manufactured"
    d: int = 1

    def domain(self) -> Box:
        return Box((0.0,) * self.d, (1.0,) * self.d)

    def final_time(self) -> float:
        return 0.5

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        return 0.5

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        total = 1.0 + sum(x[i] for i in range(self.d))
        v, laplacian = total * ops.exp(x[0]), (total + 2.0) * ops.exp(x[0])
        return (-3.0 * ops.sin(3.0 * t) * v + ops.cos(3.0 * t) * (v - 0.5 * laplacian) - u[0],)

    def condition(self, axis: int, side: int) -> Condition:
        return Dirichlet(self.exact)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        return (ops.cos(3.0 * t) * ops.exp(x[0]) * (1.0 + sum(x[i] for i in range(self.d))),)


@dataclass(frozen=True)
class Uneven(Variable):
    """The steady counterpart of its parent at t = 0: 0 = ∇·(κ(x, u)∇u) + S."""

    name = "uneven-medium"

    def final_time(self) -> Any:
        return None

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        return (super().source(ops, x, 0.0, u)[0] + self.exact(ops, x, 0.0)[0],)


@dataclass(frozen=True)
class Resonant(PDE):
    """0 = u'' + λ u + 1 with the least eigenvalue λ of the second difference on 16 cells: no solution there."""

    name = "resonant-string"
    title = "String at resonance"
    equation = "0 = u'' + λ u + 1"
    citation = "manufactured"

    def domain(self) -> Box:
        return Box((0.0,), (1.0,))

    def diffusivity(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> Any:
        return 1.0

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        return (4.0 * 16**2 * math.sin(math.pi / 32) ** 2 * u[0] + 1.0,)


@dataclass(frozen=True)
class Sunk(Resonant):
    """0 = u'' − r u + 1 between walls without flux: u = 1/r."""

    name = "sunk-string"
    rate: float = 1.0

    def condition(self, axis: int, side: int) -> Condition:
        return Neumann()

    def source(self, ops: Operations, x: Sequence[Any], t: Any, u: Sequence[Any]) -> tuple[Any, ...]:
        return (1.0 - self.rate * u[0],)

    def exact(self, ops: Operations, x: Sequence[Any], t: Any) -> tuple[Any, ...]:
        return (1.0,)


def run(problem: Problem, **parameters: Any) -> tuple[float, Any]:
    solver = FiniteDifferences(**parameters)
    assert solver.unsupported(problem) is None
    solver.validate(problem)
    session = solver.begin(problem, Context())
    session.compile()
    session.prepare()
    session.solve()
    return error_norms(problem, session.solution(problem.points()))["relative_l2"], session


def answer(problem: Problem, **parameters: Any) -> Any:
    return run(problem, **parameters)[1].solution(problem.points())


def orders(errors: Sequence[float]) -> list[float]:
    """Observed orders between successive halvings."""
    return [float(np.log2(a / b)) for a, b in itertools.pairwise(errors)]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    ("scheme", "order", "cap"), [(SCHEMES[0], 2, 6e-5), (SCHEMES[1], 1, 3e-2), (SCHEMES[2], 2, 4e-5)]
)
def test_order_of_every_scheme_with_every_linear_solver(scheme: str, order: int, cap: float, solver: str) -> None:
    """As many steps as cells: at t = ½ the relative error is t (π⁴h²/12 ± C π^{2p+2} dtᵖ), h²/12 and dt²/12 alike."""
    errors = [run(HEAT(), cells=n, scheme=scheme, solver=solver)[0] for n in (64, 128)]
    assert orders(errors) == pytest.approx([order], abs=0.1)
    assert errors[-1] < cap


@pytest.mark.parametrize("problem", [HEAT(), Warmed(), Warmed(d=2)], ids=["heat", "warmed", "warmed in 2D"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_linear_solvers_agree_to_rounding(problem: Any, scheme: str) -> None:
    solvers = SOLVERS if problem.dimension == 1 else SOLVERS[1:]
    answers = [answer(problem, cells=13, dt=0.02, scheme=scheme, solver=solver) for solver in solvers]
    for other in answers[1:]:
        assert np.abs(other - answers[0]).max() < 1e-12


@pytest.mark.parametrize(
    ("scheme", "order", "cap"),
    [(SCHEMES[0], 2, 4e-4), (SCHEMES[1], 1, 2e-2), (SCHEMES[2], 2, 3e-4), ("exponential", 2, 4e-4)],
)
@pytest.mark.parametrize("d", [1, 2])
def test_order_in_time_alone_with_moving_values_and_source(d: int, scheme: str, order: int, cap: float) -> None:
    """Against the same grid with steps so short that only the error in space is left."""
    fine = answer(Warmed(d=d), cells=8, dt=0.5 / 2048, scheme=SCHEMES[2])
    changes = [np.abs(answer(Warmed(d=d), cells=8, dt=0.5 / n, scheme=scheme) - fine).max() for n in (16, 32, 64)]
    assert orders(changes)[-1] == pytest.approx(order, abs=0.15)
    assert changes[-1] < cap


def test_exponential_is_exact_in_time_where_nothing_moves() -> None:
    """One step of any length: e^{λt} with the eigenvalue −4/h² sin²(πh/2) of the second difference."""
    problem, n = HEAT(), 20
    _, session = run(problem, cells=n, dt=0.25, scheme="exponential")
    nodes = np.linspace(0.0, 1.0, n + 1)
    rows = np.column_stack([nodes, np.full(n + 1, 0.5)])
    decay = math.exp(-0.5 * 4 * n**2 * math.sin(0.5 * math.pi / n) ** 2)
    assert np.abs(session.solution(rows)[:, 0] - decay * np.sin(np.pi * nodes)).max() < 1e-14


@pytest.mark.parametrize(
    ("scheme", "power", "constant"), [(SCHEMES[0], 3, 1 / 12), (SCHEMES[1], 2, 1 / 2), (SCHEMES[2], 3, None)]
)
def test_stability_function_is_that_of_the_scheme(scheme: str, power: int, constant: float | None) -> None:
    """Its first error term, and its value far out on the negative axis: 0 if L-stable, −1 for Crank–Nicolson."""
    small = -1e-3
    error = (_amplification(scheme, np.array([small]))[0] - math.exp(small)) / small**power
    # TR-BDF2: C = (−3γ² + 4γ − 2) / (12 (2 − γ)) with γ = 2 − √2 (Bank et al. 1985), the least over γ.
    gamma = 2.0 - math.sqrt(2.0)
    wanted = constant or -(-3.0 * gamma**2 + 4.0 * gamma - 2.0) / (12.0 * (2.0 - gamma))
    assert error == pytest.approx(wanted, rel=0.01)
    far = _amplification(scheme, np.array([-1e9]))[0]
    assert far == pytest.approx(-1.0 if scheme == SCHEMES[0] else 0.0, abs=1e-8)
    z = -np.logspace(-3, 9, 100)
    assert np.abs(_amplification(scheme, z)).max() < 1.0


@pytest.mark.parametrize(
    ("problem", "cap"),
    [(Insulated(), 1e-6), (Variable(d=1), 2e-6), (Variable(d=2), 5e-6), (Coupled(), 3e-4), (Carried(), 5e-3)],
    ids=lambda value: getattr(value, "name", ""),
)
@pytest.mark.parametrize("scheme", [SCHEMES[0], SCHEMES[2]])
def test_second_order_on_every_kind_of_face_and_coefficient(problem: Problem, cap: float, scheme: str) -> None:
    errors = [run(problem, cells=n, scheme=scheme)[0] for n in (16, 32, 64)]
    assert orders(errors)[-1] == pytest.approx(2.0, abs=0.15)
    assert errors[-1] < cap


@pytest.mark.parametrize("problem", [Variable(d=1), BURGERS()], ids=lambda problem: problem.name)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_compiled_newton_loop_does_what_the_general_one_does(problem: Any, scheme: str) -> None:
    answers = [answer(problem, cells=48, scheme=scheme, solver=solver) for solver in ("banded", "sparse")]
    assert np.abs(answers[0] - answers[1]).max() < 1e-8


def test_burgers_front_at_second_order_in_two_iterations_or_three_a_step() -> None:
    errors, iterations = [], []
    for n in (1000, 2000):
        error, session = run(BURGERS(), cells=n)
        errors.append(error)
        iterations.append(session.facts()["newton_iterations"] / n)
    assert orders(errors) == pytest.approx([2.0], abs=0.2)
    assert errors[-1] < 1.2e-4
    assert max(iterations) < 4.0


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("solution", ["sines", "skewed"])
def test_poisson_is_second_order_and_fourth_by_extrapolation(d: int, solution: str) -> None:
    problem = POISSON(d=d, solution=solution)
    second = [run(problem, cells=n)[0] for n in (8, 16)]
    fourth = [run(problem, cells=n, order=4)[0] for n in (16, 32)]
    assert orders(second) == pytest.approx([2.0], abs=0.1)
    assert orders(fourth) == pytest.approx([4.0], abs=0.35)
    # The sines' error is π²h²/12 = 3.2e-3; extrapolation leaves terms in h⁴, those of cubic interpolation among them.
    assert second[-1] < 3.3e-3
    assert fourth[-1] < 2e-6


@pytest.mark.parametrize("d", [1, 2])
def test_steady_solvers_agree_to_rounding(d: int) -> None:
    problem = POISSON(d=d, solution="skewed")
    answers = [answer(problem, cells=13, solver=solver) for solver in (SOLVERS if d == 1 else SOLVERS[1:])]
    for other in answers[1:]:
        assert np.abs(other - answers[0]).max() < 1e-12


def test_fourth_order_in_time_as_well_by_extrapolation() -> None:
    errors = [run(Warmed(), cells=n, order=4)[0] for n in (8, 16, 32)]
    assert orders(errors)[-1] == pytest.approx(4.0, abs=0.4)
    assert errors[-1] < 2e-7


def test_fourth_order_where_the_step_does_not_divide_the_interval() -> None:
    """The step is shortened until it does, and the finer run halves what is taken and not what was given."""
    errors = []
    for n in (8, 16, 32):
        error, session = run(Warmed(), cells=n, dt=0.5 / (n - 0.6), order=4)
        assert session.facts()["steps"] == 3 * n
        errors.append(error)
    assert orders(errors)[-1] == pytest.approx(4.0, abs=0.4)
    assert errors[-1] < 2e-7


@pytest.mark.parametrize("d", [1, 2])
def test_nonlinear_steady_equation_by_newton(d: int) -> None:
    errors, iterations = [], 0
    for n in (16, 32):
        error, session = run(Uneven(d=d), cells=n)
        errors.append(error)
        iterations = session.facts()["newton_iterations"]
    assert orders(errors) == pytest.approx([2.0], abs=0.1)
    assert errors[-1] < 4e-5
    assert 3 <= iterations <= 7


def test_three_dimensions_by_sparse_factors() -> None:
    errors = [run(Variable(d=3), cells=n, dt=0.4 / n**2)[0] for n in (6, 12)]
    assert orders(errors)[0] == pytest.approx(2.0, abs=0.3)
    assert errors[-1] < 2e-4


def test_upwinding_is_first_order() -> None:
    errors = [run(Carried(kappa=1e-4), cells=n, convection="upwind")[0] for n in (400, 800)]
    assert orders(errors) == pytest.approx([1.0], abs=0.1)
    assert errors[-1] < 0.03


@pytest.mark.parametrize(
    "problem",
    [Carried(), Carried(d=2), Insulated(), Variable(d=2), Variable(d=3), Coupled()],
    ids=lambda p: f"{p.name}",
)
def test_coloured_jacobian_is_the_jacobian_column_by_column(problem: Any) -> None:
    """On 7 and 8 cells: three colours do not go around either ring."""
    for cells in (7, 8) if problem.dimension < 3 else (4,):
        lines = Lines(problem, cells, "central", "numpy")
        y = lines.start + 0.1 * np.random.default_rng(0).standard_normal(lines.unknowns)
        step = 1e-6
        columns = [lines.rhs(0.1, y + step * e) - lines.rhs(0.1, y - step * e) for e in np.eye(len(y))]
        wanted = np.stack(columns, axis=1) / (2.0 * step)
        found = lines.jacobian(0.1, y).toarray()
        assert np.abs(found - wanted).max() < 1e-6 * np.abs(wanted).max()
        pattern = lines.sparsity().toarray() != 0
        assert not np.any(wanted[~pattern])


def test_what_the_equation_is_is_seen() -> None:
    def kind(problem: Any) -> str:
        return Lines(problem, 8, "central", "numpy").affinity()

    assert kind(HEAT()) == kind(Carried()) == kind(POISSON()) == "settled"
    assert kind(Warmed()) == kind(Coupled()) == kind(Insulated()) == "moving"
    assert kind(Variable()) == kind(BURGERS()) == "nonlinear"
    kappas, rates = constant_coefficients(Warmed()) or ((), ())
    assert (kappas[0], rates[0]) == pytest.approx((0.5, -1.0))
    for other in (Carried(), Insulated(), Variable(), BURGERS(), Coupled()):
        assert constant_coefficients(other) is None


@pytest.mark.parametrize(
    ("problem", "engine"),
    [
        (HEAT(), "fast sine transform: constant coefficients"),
        (POISSON(), "fast sine transform: constant coefficients"),
        (Warmed(), "tridiagonal in a compiled loop: one unknown on one axis"),
        (Warmed(d=2), "fast sine transform: constant coefficients"),
        (BURGERS(), "tridiagonal in a compiled loop, Newton"),
        (Coupled(), "banded LU: one axis"),
        (Carried(), "sparse LU: several axes or periodic ones"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_choice_of_the_solver_is_told_with_its_reason(problem: Problem, engine: str) -> None:
    assert run(problem, cells=8)[1].facts()["engine"].startswith(engine)


@pytest.mark.parametrize("solver", SOLVERS)
def test_singular_steady_equation_is_reported(solver: str) -> None:
    with pytest.raises(Diverged, match="singular"):
        run(Resonant(), cells=16, solver=solver)


@pytest.mark.parametrize("solver", ["banded", "sparse"])
def test_a_reaction_fixes_the_level_where_no_value_is_given(solver: str) -> None:
    """0 = u'' − u + 1 between walls without flux is u = 1; without the reaction there is no solution."""
    assert np.abs(answer(Sunk(), cells=9, solver=solver) - 1.0).max() < 1e-12
    assert "up to a constant" in (FiniteDifferences().unsupported(Sunk(rate=0.0)) or "")


@pytest.mark.parametrize(
    ("problem", "parameters", "message"),
    [
        (HEAT(), {"dt": 0.6}, r"dt = 0\.6 is longer than the whole interval T = 0\.5"),
        (HEAT(), {"order": 3}, r"order = 3 .* take order=2 or order=4"),
        (HEAT(), {"order": 4, "scheme": "backward-euler"}, r"order = 4 .* scheme=backward-euler .* take "),
        (Carried(), {"order": 4, "convection": "upwind"}, r"order = 4 .* convection=upwind"),
        (Carried(), {"solver": "banded"}, r"solver = banded .* take solver=sparse"),
        (POISSON(d=2), {"solver": "banded"}, r"solver = banded .* take solver=sparse"),
        (BURGERS(), {"solver": "fast-sine"}, r"solver = fast-sine needs constant coefficients"),
        (Insulated(), {"scheme": "exponential"}, r"scheme = exponential needs constant coefficients"),
        (HEAT(), {"scheme": "exponential", "solver": "sparse"}, r"scheme = exponential works on sines"),
    ],
)
def test_parameters_that_do_not_fit_are_refused_with_the_remedy(
    problem: Problem, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        FiniteDifferences(**parameters).validate(problem)


def test_what_it_cannot_solve_it_refuses_in_words() -> None:
    assert "PDE" in (FiniteDifferences().unsupported(problems.REGISTRY.get("decay")()) or "")
    assert FiniteDifferences().unsupported(POISSON(d=50)) is None
    assert "characteristic" in (FiniteDifferences(convection="upwind").unsupported(Coupled()) or "")
