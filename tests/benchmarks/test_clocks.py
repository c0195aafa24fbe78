"""Clocks show what their phase cost and nothing else; the harness itself costs little."""

from __future__ import annotations

import statistics
import time

import pytest

from benchmarks.execute import Limits, execute
from tests.benchmarks.conftest import HERE, MEASURED, NOOP, make_case


def test_every_phase_has_a_clock_of_its_own():
    spec = "measured:setup_s=0.16,compile_s=0.08,prepare_s=0.04,solve_s=0.12,evaluate_s=0.06"
    limits = Limits(timeout_s=60, rounds=3, rounds_budget_s=60, measure_memory=False)
    record = execute(make_case("decay", spec), HERE, limits, plugins=[MEASURED]).record
    assert record.rounds == 3
    for phase, seconds in (("setup", 0.20), ("compile", 0.08), ("solve", 0.12), ("evaluate", 0.06)):
        times = getattr(record, f"{phase}_s")
        assert len(times) == 3
        # A sleep never ends early; how much later it ends depends on the machine's other work.
        assert seconds <= min(times) < seconds + 0.035
    assert (record.unknowns, record.dt, record.facts) == (3, 0.25, {"steps": 4})


@pytest.mark.parametrize(("budget", "rounds"), [(0.01, 1), (0.25, 3), (60, 5)])
def test_rounds_end_when_their_budget_is_spent(budget, rounds):
    limits = Limits(timeout_s=60, rounds=5, rounds_budget_s=budget, measure_memory=False)
    record = execute(make_case("decay", "measured:solve_s=0.1"), HERE, limits, plugins=[MEASURED]).record
    assert record.rounds == rounds


def test_memory_pass_does_not_touch_the_times():
    """Its process is another one: a block in memory changes no clock, rounds or base."""
    case = make_case("decay", "measured:solve_s=0.05,megabytes=50")
    with_memory = execute(case, HERE, Limits(timeout_s=60, rounds=3), plugins=[MEASURED]).record
    without = execute(case, HERE, Limits(timeout_s=60, rounds=3, measure_memory=False), plugins=[MEASURED]).record
    assert with_memory.host_bytes
    assert without.host_bytes is None
    assert without.host_method == ""
    assert with_memory.rounds == without.rounds == 3
    assert min(with_memory.solve_s) == pytest.approx(min(without.solve_s), abs=0.05)


@pytest.mark.timing
def test_empty_case_costs_the_harness_at_most_six_tenths_of_a_second(benchmark):
    """Two passes of a solver that does nothing, start of their processes included."""
    case = make_case("decay", "noop")
    walls: list[float] = []

    def run():
        begun = time.perf_counter()
        record = execute(case, HERE, Limits(timeout_s=60), plugins=[NOOP]).record
        walls.append(time.perf_counter() - begun)
        return record

    record = benchmark.pedantic(run, rounds=5, iterations=1)
    assert record.status == "finished"
    assert record.host_bytes
    assert statistics.median(walls) <= 0.6
