"""Intervals of ratios of costs: over seeds and rounds, from what each draw would have told."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import problems
import reports
from reports import intervals, training
from reports.conclusions import conclude
from reports.costs import costs
from reports.run import Run
from reports.summary import Section, sections
from reports.tables import cost_table
from tests.reports.synthetic import Writer, exact


def section(
    folder: Path,
    times: Sequence[float],
    errors: Sequence[float],
    rounds: Sequence[float] = (0.5, 0.5, 0.5),
    traces: Sequence[Sequence[float]] = (),
) -> Section:
    """An integrator with those rounds, and a network whose seeds took those times and have those errors."""
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(folder)
    writer.add(decay, "integrator", exact(decay, 1e-6), solve_s=tuple(rounds))
    for seed, (time, error) in enumerate(zip(times, errors, strict=True)):
        arrays = {}
        if traces:
            looks = len(traces[seed])
            arrays = {
                "trace_iterations": np.arange(1, looks + 1),
                "trace_seconds": time * np.arange(1, looks + 1) / looks,
                "trace_errors": np.array(traces[seed]),
            }
        common = {"family": "neural", "seed": seed, "solve_s": (time,), "arrays": arrays}
        writer.add(decay, "network", exact(decay, error), **common)
    run = Run.open(writer.finish())
    (found,) = sections(reports.load(run.path))
    return dataclasses.replace(found, looks=training.looks(training.read(run, found)))


def at(found: Section, accuracy: float) -> intervals.Interval | None:
    (classical,), (neural,) = found.of_family("classical"), found.of_family("neural")
    return intervals.of_ratio(found, neural, classical, accuracy)


def test_three_seeds_say_no_more_than_their_range(tmp_path: Path) -> None:
    """The median of three drawn seeds is the fastest one in 7 of 27 draws, and the slowest one as often."""
    found = at(section(tmp_path / "run", [10.0, 20.0, 40.0], [1e-3] * 3), 1e-2)
    assert found == intervals.Interval(20.0, 80.0)


def test_many_seeds_say_more(tmp_path: Path) -> None:
    """Of fifteen seeds the fourth to the twelfth bound the median with 96.5 % (binomial); so do bootstrap draws."""
    times = [float(k) for k in range(1, 16)]
    found = at(section(tmp_path / "run", times, [1e-3] * 15), 1e-2)
    assert found is not None
    assert 2.0 * 4.0 <= found.low <= 2.0 * 5.0
    assert 2.0 * 11.0 <= found.high <= 2.0 * 12.0


def test_rounds_of_the_other_side_count_as_well(tmp_path: Path) -> None:
    found = at(section(tmp_path / "run", [10.0] * 3, [1e-3] * 3, rounds=(0.5, 1.0, 2.0)), 1e-2)
    assert found == intervals.Interval(5.0, 20.0)


def test_an_accuracy_that_some_draws_never_reach_has_no_upper_bound(tmp_path: Path) -> None:
    found = section(tmp_path / "run", [10.0] * 3, [1e-3, 1e-3, 1e-1])
    assert at(found, 1e-3) == intervals.Interval(20.0, np.inf)
    (row,) = [row for row in cost_table(costs(found), found).rows if row[0].text == "≤ 1e-3"]
    assert row[3].detail == "20× – ∞×"
    assert "solves 20 times [20, ∞] faster than the fastest network" in " ".join(conclude(found))


def test_a_training_that_was_watched_counts_as_far_as_it_took(tmp_path: Path) -> None:
    """Seeds fall below 1e-2 at the first, second and third of four looks, of 10 s each; below 1e-4 none does."""
    traces = [[5e-3, 3e-3, 2e-3, 1e-3], [5e-2, 3e-3, 2e-3, 1e-3], [5e-2, 3e-2, 2e-3, 1e-3]]
    found = section(tmp_path / "run", [40.0] * 3, [1e-3] * 3, traces=traces)
    assert at(found, 1e-2) == intervals.Interval(20.0, 60.0)
    assert at(found, 1e-4) is None


@pytest.mark.parametrize(("seeds", "rounds"), [(2, 3), (3, 2), (1, 3)])
def test_few_values_have_no_interval(seeds: int, rounds: int, tmp_path: Path) -> None:
    found = section(tmp_path / "run", [10.0] * seeds, [1e-3] * seeds, rounds=(0.5,) * rounds)
    assert at(found, 1e-2) is None
    assert "[" not in " ".join(conclude(found))
