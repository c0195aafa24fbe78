"""Verdicts on published figures follow from the numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import problems
import reports
from problems.symmetric_eigen import SymmetricEigen
from reports.page import compose
from reports.run import Run
from reports.sources.published import Comparison, compare_all, printed_digits, tagged_for
from reports.summary import sections
from tests.reports.synthetic import Writer, with_mean_and_maximum


def comparisons(run_dir: Path, problem: str) -> dict[str, Comparison]:
    run = Run.open(run_dir)
    tagged = []
    for section in sections(reports.load(run_dir)):
        if section.problem == problem:
            record = run.record(section.configurations[0].first["case"])
            instance = run.problem(record)
            assert instance is not None
            tagged += [(c, instance) for c in section.configurations]
    return {c.key: c for c in compare_all(type(tagged[0][1]), tagged)}


@pytest.mark.parametrize(
    ("value", "digits"), [(7.3752e-4, 5), (1.702e148, 4), (2.88e145, 3), (0.0529, 3), (1.0, 1), (0.123456789, 5)]
)
def test_printed_digits_are_counted(value: float, digits: int) -> None:
    assert printed_digits(value) == digits


@pytest.mark.parametrize(
    ("tags", "expected"),
    [("a/b", True), ("a", True), ("x a/b/c", False), ("x a", True), ("a/bc", False), ("", False), ("a/b/c", False)],
)
def test_a_tag_stands_for_an_entry_or_for_all_below_it(tags: str, expected: bool) -> None:
    assert tagged_for("a/b", tags) is expected


def test_a_deterministic_figure_is_reproduced_to_its_digits_or_differs(run_dir: Path) -> None:
    found = comparisons(run_dir, "heat-1d")
    assert found["table-1/explicit/0.01/mean"].verdict == "reproduced"
    assert found["table-1/explicit/0.1/mean"].verdict == "differs"
    assert "0.5/99" in found["table-1/explicit/0.1/mean"].entry.remark


def test_a_network_is_judged_by_the_size_of_its_error(run_dir: Path) -> None:
    found = comparisons(run_dir, "heat-1d")
    assert found["table-1/network/0.1/mean"].verdict == "reproduced"
    assert found["table-1/network/0.1/max"].verdict == "worse"
    assert found["table-1/network/0.01/mean"].verdict == "not run"


@pytest.mark.parametrize(
    ("factors", "verdict"),
    [
        ((0.4, 0.3, 0.35), "better"),
        ((2.4, 2.3, 2.1), "worse"),
        ((1.9,), "reproduced"),
        ((2.4,), "not settled"),
        ((0.4, 0.3), "not settled"),
        ((0.1, 0.3, 0.51), "not robust across seeds"),
    ],
)
def test_seeds_decide_between_better_and_not_robust(tmp_path: Path, factors: tuple[float, ...], verdict: str) -> None:
    coarse = problems.REGISTRY.get("heat-1d").create({}, "s1-coarse")
    writer = Writer(tmp_path / "run")
    for seed, factor in enumerate(factors):
        solution = with_mean_and_maximum(coarse, 1.5866e-4 * factor, 1e-3)
        writer.add(coarse, "network", solution, family="neural", seed=seed, published="table-1/network/0.1/mean")
    found = comparisons(writer.finish(), "heat-1d")
    assert found["table-1/network/0.1/mean"].verdict == verdict
    assert found["table-1/network/0.1/max"].verdict == "not run"


def test_an_eigenvalue_is_judged_by_its_distance_from_the_true_one(run_dir: Path) -> None:
    comparison = comparisons(run_dir, "symmetric-eigen")["table-4/n=6/+1"]
    true = SymmetricEigen(n=6, seed=21, which=1).wanted()[0]
    assert comparison.published_error == pytest.approx(abs(2.90792 - true))
    assert comparison.measured_error is not None
    assert comparison.measured is not None
    assert comparison.measured_error.count == 3
    assert comparison.measured_error.median == pytest.approx(abs(comparison.measured.median - true))


def test_a_classical_solver_beside_a_published_network_is_another_method(tmp_path: Path) -> None:
    eigen = problems.REGISTRY.get("symmetric-eigen").create({}, "s1-6")
    writer = Writer(tmp_path / "run")
    writer.add(eigen, "lapack", eigen.reference(eigen.points()), published="table-4/n=6/+1 table-3/dt=1")
    found = comparisons(writer.finish(), "symmetric-eigen")
    assert {found[key].verdict for key in ("table-4/n=6/+1", "table-3/dt=1")} == {"another method"}
    assert list(found)[:2] == ["table-3/dt=1", "table-4/n=6/+1"]


def test_the_published_table_shows_both_times(run_dir: Path) -> None:
    (chapter,) = [c for c in compose(Run.open(run_dir)).chapters if c.name == "symmetric-eigen"]
    assert chapter.published is not None
    titles = [column.title for column in chapter.published.columns]
    (row,) = [r for r in chapter.published.rows if r[0].detail.endswith("table-4/n=6/+1")]
    assert row[titles.index("published time")].text == "15.0 min"
    assert row[titles.index("solve time")].text == "31.0 s"


def test_a_diverged_answer_still_counts_against_a_published_blow_up(tmp_path: Path) -> None:
    fine = problems.REGISTRY.get("heat-1d").create({}, "s1-coarse")
    writer = Writer(tmp_path / "run")
    blown = with_mean_and_maximum(fine, 2.88e145, 1.702e148)
    writer.add(fine, "explicit", blown, published="figure-3/unstable", status="diverged", reason="step 50")
    found = comparisons(writer.finish(), "heat-1d")
    assert {found[f"figure-3/unstable/{name}"].verdict for name in ("max", "mean")} == {"reproduced"}
    assert dataclasses.asdict(found["figure-3/unstable/max"].entry)["deterministic"]
