"""What a method takes for an accuracy is read off its front, between points as a power law."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import problems
import reports
from reports import accuracy
from reports.accuracy import interpolated, methods
from reports.drawing import Palette
from reports.intervals import Interval
from reports.summary import Section, sections
from tests.reports.synthetic import EXPLICIT_CONSTANT, Writer, exact

PALETTE = Palette({"explicit": "classical", "integrator": "classical", "network": "neural", "other": "neural"})


@pytest.mark.parametrize(
    ("wanted", "time"), [(1e-2, 1.0), (1e-3, 10**0.5), (1e-4, 10.0), (1e-6, 100.0), (1e-7, math.inf), (1e-1, 1.0)]
)
def test_between_two_points_of_a_front_time_follows_a_power(wanted: float, time: float) -> None:
    """Two points are beaten by others, in any order, and one was never reached."""
    times = np.array([200.0, 100.0, 50.0, 1.0, 0.5])
    errors = np.array([1e-3, 1e-6, 1e-1, 1e-2, np.inf])
    assert interpolated(times, errors, wanted) == pytest.approx(time)


def test_each_draw_has_its_own_front() -> None:
    times = np.array([[1.0, 100.0], [4.0, 400.0], [1.0, 0.5]])
    errors = np.array([[1e-2, 1e-6], [1e-2, 1e-6], [1e-2, 1e-5]])
    assert interpolated(times, errors, 1e-4) == pytest.approx([10.0, 40.0, 0.5])


def test_rungs_of_one_order_are_interpolated_along_their_law(run_dir: Path) -> None:
    """Errors c·h² at costs 1e-8·h⁻³: at every accuracy between the rungs the cost is 1e-8·(c/ε)^1.5."""
    heat = sections(reports.load(run_dir))[0]
    (explicit,) = [m for m in methods(heat) if m.solver == "explicit"]
    assert list(explicit.reaches) == [1e-2, 1e-3, 1e-4]
    for wanted in (1e-3, 1e-4):
        law = 1e-8 * (EXPLICIT_CONSTANT / wanted) ** 1.5
        assert explicit.reaches[wanted].seconds == pytest.approx(law, rel=1e-6)
        assert not explicit.reaches[wanted].least
    assert explicit.reaches[1e-2].seconds == pytest.approx(1e-5)
    assert explicit.reaches[1e-2].least
    (total,) = [m for m in methods(heat, "total_s") if m.solver == "explicit"]
    assert total.reaches[1e-2].seconds == pytest.approx(0.05 + 1e-5)


def written(folder: Path, rounds: tuple[float, ...] = (0.5, 0.5, 1.0), seeds: int = 3) -> Section:
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(folder)
    for error, slower in ((1e-2, 1.0), (1e-6, 100.0)):
        settings, times = {"rtol": error}, [slower * time for time in rounds]
        writer.add(decay, "integrator", exact(decay, error), settings=settings, solve_s=times)
    for seed in range(seeds):
        solution = exact(decay, (1e-3, 1e-4, 1e-1)[seed])
        writer.add(decay, "network", solution, family="neural", seed=seed, solve_s=[(10.0, 20.0, 40.0)[seed]])
    writer.add(decay, "other", None, family="neural", status="diverged", reason="at 3")
    (section,) = sections(reports.load(writer.finish()))
    return section


def test_intervals_hold_what_seeds_and_rounds_may_have_given(tmp_path: Path) -> None:
    """One draw in 27 of each extreme: medians of three lie anywhere between the fastest and the slowest."""
    integrator, network = methods(written(tmp_path / "run"))
    assert integrator.reaches[1e-4].seconds == pytest.approx(5.0)
    interval = integrator.reaches[1e-4].interval
    assert interval is not None
    assert (interval.low, interval.high) == (pytest.approx(5.0), pytest.approx(10.0))
    assert network.reaches[1e-2].interval == Interval(10.0, math.inf)
    assert network.reaches[1e-2].least
    assert 1e-4 not in network.reaches


def test_too_few_rounds_have_no_interval(tmp_path: Path) -> None:
    integrator, network = methods(written(tmp_path / "run", rounds=(0.5, 0.5), seeds=1))
    assert {reach.interval for m in (integrator, network) for reach in m.reaches.values()} == {None}


def test_rounds_count_only_where_an_accuracy_needs_them(tmp_path: Path) -> None:
    """The most accurate rung was run twice: what lies between the two before it has its interval all the same."""
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    for error, rounds in ((1e-2, 3), (1e-5, 3), (1e-8, 2)):
        times = [1e-3 / error] * rounds
        writer.add(decay, "integrator", exact(decay, error), settings={"rtol": error}, solve_s=times)
    (section,) = sections(reports.load(writer.finish()))
    (integrator,) = methods(section)
    known = {round(-math.log10(a)): reach.interval is not None for a, reach in integrator.reaches.items()}
    assert known == {2: True, 3: True, 4: True, 5: True, 6: False, 7: False, 8: False}


def test_the_table_says_what_was_not_reached_and_what_less_would_do(tmp_path: Path) -> None:
    table = accuracy.table(written(tmp_path / "run"))
    assert table is not None
    assert [column.title for column in table.columns[1:]] == ["1e-2", "1e-3", "1e-4", "1e-5", "1e-6"]
    integrator, network = table.rows
    assert (integrator[1].text, integrator[1].detail, integrator[3].text) == ("500 ms", "500 ms – 1.00 s", "5.00 s")
    assert (network[1].text, network[1].detail) == ("20.0 s", "or less, 10.0 s – never")
    assert (network[3].text, network[3].detail, network[3].sort) == ("—", "not reached", "")


def test_the_figure_has_a_line_for_each_method_that_ends_where_it_does(tmp_path: Path) -> None:
    figure = accuracy.figure(written(tmp_path / "run"), "solve_median", PALETTE, "costs")
    assert figure is not None
    (panel,) = figure.panels
    assert panel.x_falls
    assert figure.zoomable
    curves = {curve.label: curve for curve in panel.curves}
    assert set(curves) == {"integrator", "network"}
    assert curves["network"].x == (1e-2, 1e-3)
    # Curves are handed on with five digits.
    assert curves["integrator"].y == pytest.approx((0.5, 0.5 * 10**0.5, 5.0, 5.0 * 10**0.5, 50.0), rel=5e-5)


def test_one_accuracy_alone_makes_no_figure(tmp_path: Path) -> None:
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    for solver, error in (("integrator", 5e-3), ("explicit", 0.2)):
        writer.add(decay, solver, exact(decay, error))
    (section,) = sections(reports.load(writer.finish()))
    assert accuracy.figure(section, "solve_median", PALETTE, "costs") is None
    assert accuracy.table(section) is not None
