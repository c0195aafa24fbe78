"""Looking at an unfinished solution costs the solver nothing, and shows the error that it had."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.execute import Limits, Outcome, execute
from benchmarks.plugins import load_plugin
from benchmarks.record import Status
from tests.benchmarks.conftest import HERE, PLUGINS, QUICK, make_case, run_cases

LOOKING = PLUGINS / "looking.py"


def look(parameters: str = "", problem: str = "decay", limits: Limits = QUICK) -> Outcome:
    load_plugin(LOOKING)
    return execute(make_case(problem, f"looking:{parameters}"), HERE, limits, plugins=[LOOKING])


def test_time_spent_looking_is_not_solve_time():
    """Four iterations of 30 ms, and five evaluations of 250 ms, one of them after the solve clock has stopped."""
    outcome = look("iterations=4,step_s=0.03,evaluate_s=0.25")
    (solve,) = outcome.record.solve_s
    # A sleep never ends early; how much later it ends depends on the machine's other work.
    assert 0.12 <= solve < 0.25
    assert outcome.record.facts["seen_s"] == pytest.approx(solve, abs=0.02)
    seconds = outcome.arrays["trace_seconds"]
    assert (np.diff(seconds) >= 0.03).all()
    assert 0.03 <= seconds[0] < seconds[-1] <= solve


def test_trace_holds_the_headline_error_at_each_look():
    """The exact solution times 1 + 2⁻ᵏ has a relative L2 error of 2⁻ᵏ."""
    arrays = look("iterations=5").arrays
    assert arrays["trace_iterations"].tolist() == [1, 2, 3, 4, 5]
    assert arrays["trace_errors"] == pytest.approx(0.5 ** np.arange(1, 6), rel=1e-12)
    assert next(iter(arrays)) == "solution"


def test_trace_of_an_eigenproblem_is_in_its_own_measure():
    """A multiple of an eigenvector has the right Rayleigh quotient, however wrong its length is."""
    arrays = look("iterations=2", problem="symmetric-eigen@s1-3").arrays
    assert np.abs(arrays["trace_errors"]).max() < 1e-14


def test_each_round_starts_a_new_trace():
    outcome = look("iterations=3", limits=Limits(timeout_s=60, rounds=3, rounds_budget_s=60, measure_memory=False))
    assert outcome.record.rounds == 3
    assert outcome.arrays["trace_iterations"].tolist() == [1, 2, 3]


def test_nobody_looks_in_the_memory_pass(tmp_path):
    tally = tmp_path / "tally"
    outcome = look(f"iterations=3,tally={tally}", limits=Limits(timeout_s=60, rounds=1))
    assert outcome.record.host_bytes
    assert tally.read_text().split() == ["1", "2", "3"]


def test_solver_that_never_looks_has_no_trace_not_even_one_of_its_own_making():
    assert list(look("iterations=0", problem="heat-1d").arrays) == ["solution", "residual"]


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("nan", None),
        ("raise", "iteration 2: ValueError: no such point"),
        ("shape", "iteration 2: ValueError: the solution has shape (200, 1), the reference (201, 1)"),
    ],
)
def test_faulty_look_is_a_gap_in_the_trace_with_a_reason_and_the_case_goes_on(fault, failure):
    outcome = look(f"iterations=4,fault={fault}")
    assert outcome.record.status == Status.FINISHED
    assert outcome.record.relative_l2 == pytest.approx(0.5**4, rel=1e-12)
    assert outcome.record.facts.get("look_failure") == failure
    errors = outcome.arrays["trace_errors"]
    assert np.isnan(errors).tolist() == [False, True, False, False]
    assert errors[[0, 2, 3]] == pytest.approx([1 / 2, 1 / 8, 1 / 16], rel=1e-12)


def test_diverged_training_keeps_the_trace_until_then(tmp_path):
    from benchmarks import store

    load_plugin(LOOKING)
    case = make_case("decay", "looking:iterations=9,diverges=4")
    (record,) = run_cases([case], tmp_path / "run", plugins=[str(LOOKING)])
    assert (record.status, record.reason) == (Status.DIVERGED, "left every bound at iteration 4")
    arrays = store.read_arrays(tmp_path / "run", case.hash)
    assert arrays["trace_errors"] == pytest.approx([1 / 2, 1 / 4, 1 / 8], rel=1e-12)
    assert "solution" not in arrays


def test_the_residual_that_a_method_has_is_kept_beside_its_solution():
    arrays = look("iterations=3").arrays
    assert arrays["residual"].tolist() == [0.5**3] * len(arrays["solution"])


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("raise", "ValueError: no such point"),
        ("shape", "ValueError: the residual has shape (200,), not (201,)"),
        ("die", "ended with exit status 3 and no answer"),
        ("hang", "still running"),
    ],
)
def test_a_residual_that_cannot_be_evaluated_costs_no_row(fault, failure):
    limits = Limits(timeout_s=8.0, rounds=1, measure_memory=False)
    outcome = look(f"iterations=3,residual_fault={fault}", limits=limits)
    assert outcome.record.status == Status.FINISHED
    assert outcome.record.relative_l2 == pytest.approx(0.5**3, rel=1e-12)
    assert outcome.record.facts["residual_failure"] == failure
    assert "residual" not in outcome.arrays
    assert outcome.arrays["trace_errors"].size == 3


def test_no_residual_is_kept_where_no_picture_shows_it():
    assert "residual" in look("iterations=1", problem="poisson:d=4").arrays
    assert "residual" not in look("iterations=1", problem="poisson:d=5").arrays
