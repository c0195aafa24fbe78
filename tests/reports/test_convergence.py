"""Orders and plateaus are those of the data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import reports
from reports.convergence import Study, fit, studies
from reports.summary import Section, sections
from tests.reports.synthetic import PLATEAU


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


def test_a_coupled_grid_and_time_step_form_one_study_in_dx(heat: Section) -> None:
    found = study(heat, "explicit")
    assert (found.step, found.coupled) == ("dx", ("dt",))
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
