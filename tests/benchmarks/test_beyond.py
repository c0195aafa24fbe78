"""Outside the domain, those are judged that can answer there; it costs them no time, and counts for no headline."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import store
from benchmarks.errors import further_norms
from benchmarks.execute import execute
from benchmarks.plugins import load_plugin
from tests.benchmarks.conftest import HERE, NOOP, PLUGINS, QUICK, make_case, run_cases

LOOKING = PLUGINS / "looking.py"


@pytest.fixture(autouse=True)
def plugin():
    load_plugin(LOOKING)


def test_solver_that_extrapolates_is_judged_beyond_the_domain():
    """The exact solution times 1 + 2⁻³ has a relative error of 1/8 everywhere; on (5, 10] e^{−t} is at most e⁻⁵."""
    case = make_case("decay@s2", "looking:iterations=3")
    outcome = execute(case, HERE, QUICK, plugins=[LOOKING])
    first = float(case.problem.further_points()["beyond"][0, 0])
    assert outcome.arrays["solution_beyond"].shape == (200, 1)
    metrics = outcome.record.metrics
    assert metrics["beyond_relative_l2"] == pytest.approx(1 / 8, rel=1e-12)
    assert metrics["beyond_relative_linf"] == pytest.approx(1 / 8, rel=1e-12)
    assert metrics["beyond_max_abs"] == pytest.approx(np.exp(-first) / 8, rel=1e-12)
    assert outcome.record.relative_l2 == pytest.approx(1 / 8, rel=1e-12)


def test_solver_that_does_not_extrapolate_is_not_asked():
    outcome = execute(make_case("decay@s2", "noop"), HERE, QUICK, plugins=[NOOP])
    assert list(outcome.arrays) == ["solution"]
    assert outcome.record.metrics == {}


def test_no_clock_sees_the_evaluation_beyond_the_domain():
    case = make_case("decay", "looking:iterations=1,evaluate_s=0.2")
    record = execute(case, HERE, QUICK, plugins=[LOOKING]).record
    assert 0.2 <= record.evaluate_s[0] < 0.3
    assert record.solve_s[0] < 0.1


def test_error_beyond_can_be_computed_again_from_what_is_stored(tmp_path):
    case = make_case("decay@s2", "looking:iterations=3")
    (record,) = run_cases([case], tmp_path / "run", plugins=[str(LOOKING)])
    assert further_norms(case.problem, store.read_arrays(tmp_path / "run", case.hash)) == record.metrics
