"""The explicit scheme: published digits, orders, stability, faces and speed."""

from __future__ import annotations

import itertools
import statistics
import time
from typing import Any

import numpy as np
import pytest

import problems
from backends.base import Context, Diverged
from backends.differences.grid import Grid
from backends.ftcs import FTCS, Scales, stability_limit
from benchmarks.errors import error_norms
from problems import InputError, Problem
from tests.plugins.grids import Carried, Coupled, Insulated, Variable

HEAT = problems.REGISTRY.get("heat-1d")


def run(problem: Problem, solver: FTCS) -> tuple[dict[str, float], Any]:
    session = solver.begin(problem, Context())
    session.compile()
    session.solve()
    return error_norms(problem, session.solution(problem.points())), session


def orders(errors: list[float]) -> list[float]:
    """Observed orders between successive halvings."""
    return [float(np.log2(a / b)) for a, b in itertools.pairwise(errors)]


@pytest.mark.parametrize(
    ("preset", "cells", "mean", "largest"),
    [("s1-coarse", 10, "1.8357e-03", "6.1635e-03"), ("s1-fine", 100, "2.0113e-05", "6.0525e-05")],
)
def test_table_one_of_the_source_with_its_levels_put_right_to_every_digit(
    preset: str, cells: int, mean: str, largest: str
) -> None:
    errors, _ = run(HEAT.create({}, preset), FTCS(cells=cells, alpha=0.5))
    assert f"{errors['mean_abs']:.4e}" == mean
    assert f"{errors['max_abs']:.4e}" == largest


def test_published_coarse_row_compares_levels_with_the_wrong_times() -> None:
    """0.5/dt = 99.999… was truncated: 100 levels spaced 0.005 were held against exact times spaced 0.5/99."""
    problem = HEAT.create({}, "s1-coarse")
    _, session = run(problem, FTCS(cells=10, alpha=0.5))
    levels = session.solution(problem.points()).reshape(101, 11)[:100]
    times, x = np.linspace(0.0, 0.5, 100), np.linspace(0.0, 1.0, 11)
    exact = np.exp(-(np.pi**2) * times[:, None]) * np.sin(np.pi * x)
    error = np.abs(levels - exact)
    assert f"{error.mean():.4e}" == "7.3752e-04"
    assert f"{error.max():.4e}" == "2.4663e-03"


def test_instability_grows_by_the_factor_of_von_neumann_analysis() -> None:
    """The highest mode grows by |1 − 4α sin²(½πh(N−1))| per step, whatever rounding it starts from."""
    problem = HEAT.create({"level_ratio": 0.51}, "s1-fine")
    _, session = run(problem, FTCS(cells=100, alpha=0.51, allow_unstable=True))
    largest = np.abs(session.solution(problem.points()).reshape(-1, 101)).max(axis=1)
    growth = (largest[9000] / largest[5000]) ** (1 / 4000)
    assert growth == pytest.approx(4 * 0.51 * np.sin(0.5 * np.pi * 0.99) ** 2 - 1, abs=1e-6)


def test_step_beyond_the_limit_blows_up_as_in_the_source() -> None:
    problem = HEAT.create({"level_ratio": 0.51}, "s1-fine")
    errors, session = run(problem, FTCS(cells=100, alpha=0.51, allow_unstable=True))
    assert f"{errors['max_abs']:.3e}" == "1.702e+148"
    assert f"{errors['mean_abs']:.2e}" == "2.88e+145"
    facts = session.facts()
    # Rounding grows by |1 − 4α sin²(…)| ≈ 1.04 per step from 1e-17 to 1e6: a thousand and some hundred steps.
    assert 1000 < facts["blow_up_step"] < 2000
    assert f"step {facts['blow_up_step']} of {facts['steps']}" in session.outcome


def test_solution_past_the_range_of_numbers_is_reported_with_its_step() -> None:
    session = FTCS(cells=100, alpha=1.0, allow_unstable=True).begin(HEAT(T=2.0), Context())
    session.compile()
    with pytest.raises(Diverged, match=r"passed 1e\+06 at step \d+ of \d+ and left the range"):
        session.solve()


def test_second_order_in_dx_at_fixed_ratio() -> None:
    errors = [run(HEAT(), FTCS(cells=n, alpha=0.5))[0]["relative_l2"] for n in (20, 40, 80, 160)]
    assert orders(errors) == pytest.approx([2.0] * 3, abs=0.1)
    assert errors[-1] < 6e-5


def test_ratio_one_sixth_is_fourth_order() -> None:
    errors = [run(HEAT(), FTCS(cells=n, alpha=1 / 6))[0]["max_abs"] for n in (20, 40)]
    assert orders(errors)[0] > 3.6


@pytest.mark.parametrize(
    ("problem", "cap"),
    [(Insulated(), 2e-4), (Variable(d=1), 2e-5), (Variable(d=2), 1e-5), (Coupled(), 2e-3), (Carried(), 1e-2)],
    ids=lambda value: getattr(value, "name", ""),
)
def test_second_order_on_every_kind_of_face_and_coefficient(problem: Problem, cap: float) -> None:
    ratio = {} if isinstance(problem, Carried) else {"alpha": 0.15}
    errors = []
    for n in (16, 32, 64):
        # The ring's limit is 2κ/c², which does not shrink with dx: its step must, or the error in time shows.
        step = {"dt": 0.02 * (16 / n) ** 2 / 4} if not ratio else ratio
        errors.append(run(problem, FTCS(cells=n, **step))[0]["relative_l2"])
    assert orders(errors)[-1] == pytest.approx(2.0, abs=0.15)
    assert errors[-1] < cap


def test_three_dimensions() -> None:
    errors = [run(Variable(d=3), FTCS(cells=n, alpha=0.08))[0]["relative_l2"] for n in (8, 16)]
    assert orders(errors)[0] == pytest.approx(2.0, abs=0.25)
    assert errors[-1] < 1e-4


def test_upwinding_is_first_order_and_stable_where_central_is_not() -> None:
    problem = Carried(kappa=1e-4)
    assert FTCS(convection="upwind").unsupported(problem) is None
    # At a fixed Courant number: the scheme's own diffusion c h (1 − c dt/h)/2 is then proportional to h.
    solvers = [FTCS(cells=n, dt=0.5 / n, convection="upwind") for n in (200, 400, 800)]
    errors = [run(problem, solver)[0]["relative_l2"] for solver in solvers]
    assert orders(errors)[-1] == pytest.approx(1.0, abs=0.1)
    assert errors[-1] < 0.01
    with pytest.raises(InputError, match="stability limit"):
        FTCS(cells=100, dt=1 / 200).validate(problem)


@pytest.mark.parametrize(
    "problem", [HEAT(), Insulated(), Carried(), Variable(d=2), Coupled()], ids=lambda problem: problem.name
)
def test_both_engines_give_the_same_solution(problem: Problem) -> None:
    step = {"dt": 2e-3} if isinstance(problem, Carried) else {"alpha": 0.15}
    answers = []
    for engine in ("numba", "numpy"):
        _, session = run(problem, FTCS(cells=12, engine=engine, **step))
        answers.append(session.solution(problem.points()))
    assert np.abs(answers[0] - answers[1]).max() < 1e-12


@pytest.mark.parametrize("problem", [Variable(d=2), Variable(d=3)], ids=lambda problem: f"d={problem.d}")
def test_two_steps_in_one_passage_are_two_steps(problem: Problem) -> None:
    """To the last bit, with faces that move and a κ that looks at the state, in stretches even and odd."""
    session: Any = FTCS(cells=9, alpha=0.05).begin(problem, Context())
    session.compile()
    start = np.random.default_rng(0).random(session._u.shape)
    levels = []
    for stretches in ([1] * 7, [7], [2, 4, 1], [3, 4]):
        u, new, done, row = start.copy(), start.copy(), 0, len(session._timeline.kept)
        for count in stretches:
            u, new, row = session._advance(u, new, done, done + count, session._timeline.dt, row)
            done += count
        levels.append(session._inside(u))
    assert np.abs(levels[0] - session._inside(start)).max() > 0.1
    for other in levels[1:]:
        assert np.array_equal(other, levels[0])


def test_stability_limit_of_the_heat_equation_is_half_dx_squared() -> None:
    _, session = run(HEAT(kappa=2.0), FTCS(cells=50))
    assert session.facts()["stability_limit"] == pytest.approx(0.5 * 0.02**2 / 2.0, rel=1e-12)
    assert session.facts()["dt"] == pytest.approx(0.9 * session.facts()["stability_limit"], rel=1e-12)


SHARP = {
    "diffusion in one dimension": (HEAT(T=2.0), "central", 24),
    "diffusion in two dimensions": (Carried(d=2, speed=0.0, kappa=1.0, T=2.0), "central", 12),
    "central convection": (Carried(kappa=0.01, T=2000.0), "central", 16),
    "upwinding": (Carried(kappa=1e-3, T=20.0), "upwind", 64),
}


@pytest.mark.parametrize("case", SHARP.values(), ids=SHARP)
def test_stability_limit_is_sharp(case: tuple[Problem, str, int]) -> None:
    """Just below the limit the solution stays bounded, a tenth above it does not."""
    problem, convection, cells = case
    limit = stability_limit(problem, Grid(problem, cells), convection)
    for factor, bounded in ((0.99, True), (1.1, False)):
        session = FTCS(cells=cells, dt=factor * limit, convection=convection, allow_unstable=True).begin(
            problem, Context()
        )
        session.compile()
        try:
            session.solve()
            blown_up = session.outcome != ""
        except Diverged:
            blown_up = True
        assert blown_up is not bounded, f"at {factor} of the limit"


def test_limit_of_cross_diffusion_uses_the_least_eigenvalue() -> None:
    scales = Scales.at_start(Coupled(), Grid(Coupled(), 8))
    # κ = ((1, ¼), (0, 1)): the symmetric part has eigenvalues 1 ± ⅛, the largest row sum is 1¼.
    assert scales.least_kappa == pytest.approx(0.875, abs=1e-12)
    assert scales.kappa == pytest.approx(1.25, abs=1e-12)


def test_pure_advection_is_refused_in_central_differences() -> None:
    with pytest.raises(InputError, match=r"no diffusion.* convection=upwind"):
        FTCS().validate(Carried(kappa=0.0))
    FTCS(convection="upwind").validate(Carried(kappa=0.0))


@pytest.mark.parametrize(
    ("solver", "message"),
    [
        (FTCS(alpha=0.6), r"alpha = 0\.6 is beyond the stability limit .* alpha ≤ 0\.5, .* allow_unstable=true"),
        (FTCS(dt=1e-3), r"dt = 0\.001 is beyond the stability limit .* dt ≤ 5e-05"),
        (FTCS(dt=1e-5, alpha=0.5), r"both given"),
    ],
)
def test_unstable_or_contradictory_steps_are_refused_with_the_remedy(solver: FTCS, message: str) -> None:
    with pytest.raises(InputError, match=message):
        solver.validate(HEAT())


@pytest.mark.parametrize("name", ["wave-1d", "schroedinger-1d"])
def test_waves_that_nothing_damps_are_refused(name: str) -> None:
    """A wave that turns at the rate ω grows by √(1 + ω² dt²) in a step, whatever dt."""
    assert "nothing damps" in (FTCS().unsupported(problems.REGISTRY.get(name).create()) or "")
    assert FTCS().unsupported(Coupled()) is None


def test_what_it_cannot_solve_it_refuses_in_words() -> None:
    assert "steady" in (FTCS().unsupported(problems.REGISTRY.get("poisson")()) or "")
    assert "PDE" in (FTCS().unsupported(problems.REGISTRY.get("decay")()) or "")
    assert "characteristic" in (FTCS(convection="upwind").unsupported(Coupled()) or "")


@pytest.mark.timing
def test_five_thousand_steps_on_101_points_take_at_most_5_ms() -> None:
    times = []
    for _ in range(7):
        session = FTCS(cells=100, dt=1e-4 / 2).begin(HEAT(T=0.25), Context())
        session.compile()
        begun = time.perf_counter()
        session.solve()
        times.append(time.perf_counter() - begun)
    assert session.facts()["steps"] == 5000
    # The fastest of seven: other tests may share the processor.
    assert min(times) <= 5e-3, f"median {statistics.median(times) * 1e3:.2f} ms"
