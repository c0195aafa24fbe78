"""Orders and plateaus are those of the data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import problems
import reports
from reports.convergence import Study, fit, studies
from reports.drawing import Palette
from reports.summary import Section, sections
from reports.workprecision import stability_limit, step_study
from tests.reports.synthetic import PLATEAU, Writer, exact


@pytest.fixture(scope="module")
def heat(run_dir: Path) -> Section:
    return sections(reports.load(run_dir))[0]


def study(section: Section, solver: str) -> Study:
    (found,) = [s for s in studies(section) if s.solver == solver]
    return found


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0, 4.0])
def test_a_power_of_the_step_is_recovered_exactly(order: float) -> None:
    steps = 0.5 ** np.arange(5)
    found = fit(steps, 7.0 * steps**order)
    assert found.order == pytest.approx(order, abs=1e-9)
    assert found.plateau is None
    assert np.exp(found.intercept) == pytest.approx(7.0)


@pytest.mark.parametrize("level", [1e-6, 1e-9])
def test_a_plateau_is_set_aside_and_its_level_found(level: float) -> None:
    steps = 10.0 ** -np.arange(0.0, 8.0)
    found = fit(steps, np.maximum(steps**2, level))
    assert found.plateau == pytest.approx(level, rel=0.05)
    assert found.order == pytest.approx(2.0, abs=0.05)


def test_scatter_of_a_few_percent_hides_neither_order_nor_plateau() -> None:
    scatter = 1.0 + 0.03 * np.cos(np.arange(8.0) * 2.3)
    steps = 0.5 ** np.arange(8)
    assert fit(steps, 0.1 * steps * scatter).order == pytest.approx(1.0, abs=0.05)
    assert fit(steps, 0.1 * steps * scatter).plateau is None
    bent = fit(steps, np.maximum(0.1 * steps, 0.1 / 16) * scatter)
    assert bent.order == pytest.approx(1.0, abs=0.05)
    assert bent.plateau == pytest.approx(0.1 / 16, rel=0.05)


@pytest.mark.parametrize("errors", [[1e-3, 2e-3, 1e-3, 3e-3], [1e-4, 1e-3, 1e-2, 1e-1], [1e-3] * 4])
def test_no_order_is_given_where_the_error_does_not_follow_the_step(errors: list[float]) -> None:
    assert fit([0.8, 0.4, 0.2, 0.1], errors).order is None


@pytest.mark.parametrize("errors", [[1.0, 0.25, 0.0625, 0.0237], [5.97e-4, 8.41e-7, 9.58e-10, 3.22e-11]])
def test_one_point_onto_which_the_error_still_falls_is_no_plateau(errors: list[float]) -> None:
    """By 2.6 and by 30 times on the last halving, which is the slowest of them."""
    assert fit(0.5 ** np.arange(4.0), errors).plateau is None


def test_one_point_that_brings_nothing_is_a_plateau() -> None:
    found = fit(0.5 ** np.arange(5.0), [1.0, 0.25, 0.0625, 0.0156, 0.015])
    assert found.plateau == pytest.approx(0.015)
    assert found.order == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize("points", [[4, 8, 16, 32], [4, 6, 8, 12, 16]])
def test_what_falls_exponentially_has_no_order(points: list[int]) -> None:
    nodes = np.array(points, dtype=float)
    found = fit(1.0 / nodes, np.exp(-2.0 * nodes))
    assert (found.order, found.plateau, found.words) == (None, None, "faster than any power")


@pytest.mark.parametrize("errors", [[0.5, 0.2, 0.02], [1.0, 0.25, 0.031], [0.1, 0.05, 0.005]])
def test_three_points_tell_no_exponential_from_a_grid_that_is_too_coarse(errors: list[float]) -> None:
    assert fit([1.0, 0.5, 0.25], errors).words == "no clean order"


def test_what_falls_exponentially_may_come_to_a_plateau() -> None:
    nodes = np.array([4.0, 6.0, 8.0, 12.0, 16.0, 20.0, 24.0])
    found = fit(1.0 / nodes, np.maximum(np.exp(-2.0 * nodes), 1e-12))
    assert found.words == "faster than any power, plateau at 1.0e-12"


@pytest.mark.parametrize("order", [2.0, 12.0])
def test_a_power_that_scatters_is_one_however_high(order: float) -> None:
    steps = 0.5 ** np.arange(6)
    scatter = np.exp(0.05 * np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0]))
    assert fit(steps, steps**order * scatter).order == pytest.approx(order, abs=0.1)


def test_an_order_that_its_own_interval_does_not_tell_from_none_is_not_given() -> None:
    """r² is 0.91 and one degree of freedom is left; the error falls ever more slowly, like no exponential."""
    found = fit([1.0, 1 / 2, 1 / 4], [1.0, 0.1, 0.05])
    assert found.r_squared > 0.9
    assert found.order is None
    assert found.words == "no clean order"


def test_a_coupled_grid_and_time_step_form_one_study_in_dx(heat: Section) -> None:
    found = study(heat, "explicit")
    assert (found.step, found.coupled) == ("dx", (("dt", pytest.approx(2.0)),))
    assert found.coupling == " (with dt ∝ dx^2)"
    assert found.steps == pytest.approx([1 / 10, 1 / 20, 1 / 40, 1 / 80])
    assert found.fit.order == pytest.approx(2.0, abs=1e-6)


def test_a_time_step_study_ends_on_the_plateau_of_its_grid(heat: Section) -> None:
    found = study(heat, "implicit")
    assert (found.step, found.coupled) == ("dt", ())
    assert found.fit.order == pytest.approx(1.0, abs=1e-6)
    assert found.fit.plateau == pytest.approx(PLATEAU)
    assert found.label == "implicit"


def test_a_tolerance_forms_a_study(run_dir: Path) -> None:
    (decay,) = [s for s in sections(reports.load(run_dir)) if s.problem == "decay"]
    found = study(decay, "integrator")
    assert found.step == "tolerance"
    assert found.fit.order == pytest.approx(1.0, abs=1e-3)


def test_the_interval_of_an_order_is_that_of_a_straight_line() -> None:
    """ln e deviates from a line of slope 2 by (d, −2d, d): standard error √(6 d²)/√(2 ln² 2), one degree of freedom."""
    d = 0.02
    found = fit([1.0, 0.5, 0.25], np.array([1.0, 0.25, 0.0625]) * np.exp([d, -2 * d, d]))
    assert found.order == pytest.approx(2.0)
    assert found.margin == pytest.approx(12.7062 * np.sqrt(6 * d**2 / (2 * np.log(2.0) ** 2)), rel=1e-4)
    assert found.words == "order 2.00 (1.36 to 2.64)"


def ladder(
    folder: Path, errors: Callable[[float, float], float], family: str = "classical", **more: Any
) -> list[Study]:
    """Studies of a solver on five grids and two time steps."""
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(folder)
    for dt in (1e-3, 1e-7):
        for cells in (8, 16, 32, 64, 128, 256):
            settings = {"cells": cells, "dt": dt}
            solution = exact(heat, errors(1.0 / cells, dt))
            writer.add(heat, "one", solution, family=family, settings=settings, dx=1.0 / cells, dt=dt, **more)
    (section,) = sections(reports.load(writer.finish()))
    return [study for study in studies(section) if study.step == "dx"]


def test_a_plateau_that_a_smaller_time_step_leaves_is_its_error(tmp_path: Path) -> None:
    coarse, fine = ladder(tmp_path / "run", lambda h, dt: max(h**2, dt))
    assert coarse.fit.plateau == pytest.approx(1e-3, rel=0.05)
    assert coarse.cause == "dt = 0.001"
    assert coarse.words.endswith("plateau at 1.0e-3 (dt = 0.001)")
    assert fine.cause == ""


def test_a_plateau_that_no_other_row_leaves_has_no_cause_that_is_told(tmp_path: Path) -> None:
    assert {study.cause for study in ladder(tmp_path / "run", lambda h, dt: max(h**2, 1e-3))} == {""}


def test_another_scheme_with_a_smaller_step_says_nothing_of_a_plateau(tmp_path: Path) -> None:
    """Only one setting may differ: with two of them, either may be why the error is smaller."""
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(tmp_path / "run")
    for scheme, dt, level in (("euler", 1e-3, 1e-3), ("rk4", 1e-7, 1e-9)):
        for cells in (8, 16, 32, 64, 128, 256):
            settings = {"cells": cells, "dt": dt, "scheme": scheme}
            solution = exact(heat, max(cells**-2.0, level))
            writer.add(heat, "one", solution, settings=settings, dx=1.0 / cells, dt=dt)
    (section,) = sections(reports.load(writer.finish()))
    found = [study for study in studies(section) if study.fit.plateau is not None]
    assert [study.cause for study in found] == [""]


def test_a_plateau_at_the_error_of_the_reference_is_that(tmp_path: Path) -> None:
    found = ladder(tmp_path / "run", lambda h, dt: max(h**2, 1e-3), reference_error=5e-4)
    assert {study.cause for study in found} == {"the reference's own error"}


def test_steps_that_fall_together_unevenly_are_called_that(tmp_path: Path) -> None:
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(tmp_path / "run")
    for cells, dt in ((10, 1e-1), (20, 4e-2), (40, 1e-2), (80, 1e-3)):
        writer.add(heat, "one", exact(heat, dt), settings={"cells": cells, "dt": dt}, dx=1.0 / cells, dt=dt)
    (section,) = sections(reports.load(writer.finish()))
    (found,) = studies(section)
    assert found.coupling == " (with dt, unevenly)"


def test_a_plateau_at_rounding_is_called_that_and_a_network_s_is_its_training(tmp_path: Path) -> None:
    assert {s.cause for s in ladder(tmp_path / "a", lambda h, dt: max(h**8, 1e-13))} == {"rounding"}
    assert {s.cause for s in ladder(tmp_path / "b", lambda h, dt: max(h**2, 1e-3), family="neural")} == {"training"}


def explicit_study(folder: Path, *, coupled: bool = False) -> tuple[list[Study], Section]:
    """An explicit scheme at four steps below its limit of 4e-3, and diverged at one above it."""
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(folder)
    for dt in (4e-3, 2e-3, 1e-3, 5e-4):
        dx = dt**0.5 if coupled else 0.1
        writer.add(
            heat, "one", exact(heat, dt), settings={"dt": dt}, dx=dx, dt=dt, facts={"stability_limit": 0.4 * dx**2}
        )
    lost = {"status": "diverged", "reason": "passed 1e100 at step 40", "facts": {"stability_limit": 4e-3}}
    writer.add(heat, "one", exact(heat, 1e90), settings={"dt": 8e-3}, dx=0.1, dt=8e-3, **lost)
    (section,) = sections(reports.load(writer.finish()))
    return studies(section), section


def test_the_limit_of_stability_and_what_lies_beyond_are_drawn(tmp_path: Path) -> None:
    found, section = explicit_study(tmp_path / "run")
    (study,) = found
    assert stability_limit(study) == pytest.approx(4e-3)
    figure = step_study(found, section, Palette({"one": "classical"}), "figure")
    assert "largest stable dt of one" in figure.svg
    assert "Beyond a dash-dotted line the scheme is not stable" in figure.caption
    assert "Crosses at the top are steps with which it diverged." in figure.caption


def test_a_limit_that_moves_with_the_grid_is_none_of_the_step(tmp_path: Path) -> None:
    found, section = explicit_study(tmp_path / "run", coupled=True)
    (study,) = found
    assert study.coupled
    assert stability_limit(study) is None
    figure = step_study(found, section, Palette({"one": "classical"}), "figure")
    assert "largest stable" not in figure.svg
    assert "dash-dotted" not in figure.caption
    assert "Crosses" not in figure.caption


def test_what_diverged_on_another_grid_is_no_step_of_a_study(tmp_path: Path) -> None:
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(tmp_path / "run")
    for cells in (10, 20):
        for dt in (4e-3, 2e-3, 1e-3, 5e-4):
            lost = {"status": "diverged", "reason": "at step 40"} if cells == 20 and dt > 1e-3 else {}
            settings, dx = {"cells": cells, "dt": dt}, 1.0 / cells
            writer.add(heat, "one", exact(heat, 1e90 if lost else dt), settings=settings, dx=dx, dt=dt, **lost)
    (section,) = sections(reports.load(writer.finish()))
    (study,) = studies(section)
    lost_ones = [c for c in section.configurations if c.first["status"] == "diverged"]
    assert len(lost_ones) == 2
    assert not any(map(study.belongs, lost_ones))
    assert all(map(study.belongs, study.configurations))
