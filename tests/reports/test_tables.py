"""Tables show what the configurations hold, and numbers in the units of a reader."""

from __future__ import annotations

from pathlib import Path

import pytest

import reports
from reports.cells import Table
from reports.costs import costs
from reports.summary import Section, sections
from reports.tables import cost_table, measured, overview
from reports.words import factor, scientific, seconds
from tests.reports.synthetic import Writer, exact


@pytest.fixture(scope="module")
def found(run_dir: Path) -> list[Section]:
    return sections(reports.load(run_dir))


def column(table: Table, title: str, unit: str | None = None) -> list[str]:
    (at,) = [i for i, c in enumerate(table.columns) if c.title == title and unit in (None, c.unit)]
    return [row[at].text for row in table.rows]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (3e-7, "0.300 µs"),
        (1.234e-5, "12.3 µs"),
        (0.0456, "45.6 ms"),
        (7.0, "7.00 s"),
        (599.0, "599 s"),
        (900, "15.0 min"),
    ],
)
def test_durations_are_shown_in_the_unit_that_suits_them(value: float, words: str) -> None:
    assert seconds(value) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (2e-5, "2.0e-5"),
        (0.0312, "0.031"),
        (1.44, "1.4"),
        (37.4, "37"),
        (5234.0, "5,200"),
        (2.34e13, "2.3e13"),
        (float("inf"), "∞"),
    ],
)
def test_ratios_have_two_digits(value: float, words: str) -> None:
    assert factor(value) == words


@pytest.mark.parametrize(("value", "words"), [(1.2345e-4, "1.23e-4"), (0.0, "0"), (float("nan"), "")])
def test_errors_have_three_digits(value: float, words: str) -> None:
    assert scientific(value) == words


def test_every_configuration_is_a_row_also_what_failed(found: list[Section]) -> None:
    table = measured(found[0])
    assert len(table.rows) == len(found[0].configurations) == 15
    status = dict(zip(column(table, "solver"), column(table, "status"), strict=True))
    assert (status["plugged"], status["absent"]) == ("crashed", "not installed")


def test_what_ended_training_is_counted_where_seeds_differ(found: list[Section]) -> None:
    said = dict(zip(column(measured(found[0]), "solver"), column(measured(found[0]), "training ended by"), strict=True))
    assert said["network · width = 20"] == "steps (1), time (4)"
    assert said["explicit · cells = 10, dt = 0.005"] == ""


def test_failed_seeds_stand_beside_the_costs_that_they_do_not_enter(tmp_path: Path) -> None:
    import problems

    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    writer.add(decay, "integrator", exact(decay, 1e-3))
    for seed in range(4):
        bad = {"status": "diverged", "reason": "lost"} if seed == 2 else {}
        writer.add(decay, "network", None if bad else exact(decay, 1e-3), family="neural", seed=seed, **bad)
    (section,) = sections(reports.load(writer.finish()))
    (row,) = cost_table(costs(section), section).rows
    assert row[2].text == "network"
    assert row[2].detail.endswith(", 1 of 4 seeds failed")


def test_error_bar_of_samples_stands_beside_the_error(tmp_path: Path) -> None:
    import problems

    basket = problems.REGISTRY.get("black-scholes-nd").create()
    writer = Writer(tmp_path / "run")
    writer.add(basket, "sampler", exact(basket, 1e-3), facts={"samples": 4096, "standard_error": 0.00123})
    writer.add(basket, "network", exact(basket, 1e-2), family="neural")
    (section,) = sections(reports.load(writer.finish()))
    table = measured(section)
    assert column(table, "standard error", "as stated") == ["1.23e-3", ""]
    assert column(table, "samples") == ["4,096", ""]


def test_two_methods_of_measuring_memory_never_share_a_column(tmp_path: Path) -> None:
    import problems

    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    for solver, method in (("one", "VmHWM"), ("two", "ru_maxrss"), ("three", "not measured: timeout")):
        size = None if method.startswith("not") else 100 * 2**20
        writer.add(decay, solver, exact(decay, 1e-3), host_method=method, host_bytes=size)
    (section,) = sections(reports.load(writer.finish()))
    table = measured(section)
    assert column(table, "host memory", "MiB, VmHWM") == ["100", "", ""]
    assert column(table, "host memory", "MiB, ru_maxrss") == ["", "100", ""]


def test_the_overview_says_who_is_ahead_and_who_was_not_run(found: list[Section]) -> None:
    table = overview([(section.title, "place", section) for section in found])
    assert column(table, "faster there", "solve time")[:4] == [
        "classical, 2,200,000×",
        "classical, 60×",
        "",
        "neural, 200×",
    ]
    assert column(table, "faster there", "total time")[0] == "classical, 500×"
    assert column(table, "most accurate neural")[2] == "—"
    assert column(table, "reached by both")[:2] == ["≤ 1e-2", "≤ 1e-2"]


def test_errors_that_may_be_those_of_the_reference_are_marked(tmp_path: Path) -> None:
    """At 100 times the error of the reference the mark ends; an exact reference never gives one."""
    import problems

    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(tmp_path / "run")
    for cells, error in ((10, 1e-4), (20, 1e-6)):
        for name, own in (("rough", 2e-8), ("exact", 0.0)):
            writer.add(heat, name, exact(heat, error), settings={"cells": cells}, reference_error=own)
    (section,) = sections(reports.load(writer.finish()))
    table = measured(section)
    said = dict(zip(column(table, "solver"), column(table, "maximum absolute error"), strict=True))
    assert {name for name, text in said.items() if text.endswith(" †")} == {"rough · cells = 20"}
    assert "† less than 100 times the error of the reference" in table.caption


def test_tables_of_eigenstates_show_overlaps(found: list[Section]) -> None:
    (orbital,) = [section for section in found if section.problem == "schroedinger-radial"]
    table = measured(orbital)
    overlaps = dict(zip(column(table, "solver"), column(table, "overlap"), strict=True))
    # Three multiples of one function.
    assert overlaps["network"] == "1.00"
    assert float(overlaps["lapack · cells = 400"]) < 0.1
    assert "†" not in table.caption
