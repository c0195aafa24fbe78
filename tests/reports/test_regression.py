"""What got worse between two runs is found, and nothing else is."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.cases import Case, Spec
from benchmarks.cli import main
from benchmarks.record import Record
from problems import InputError
from reports import regression
from reports.regression.comparison import Comparison
from reports.run import Run
from tests.reports.synthetic import HOSTILE

RECORD = Case.create(Spec.parse("heat-1d"), Spec.parse("ftcs:cells=20")).blank_record("run", "finished")


def row(case: str = "case", **columns: Any) -> Record:
    """A finished row with an error of 1e-3."""
    return dataclasses.replace(RECORD, **({"case": case, "relative_l2": 1e-3, "unknowns": 19} | columns))


def write(folder: Path, records: Iterable[Record], **info: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "records.jsonl").write_text("".join(record.to_json() + "\n" for record in records), "utf-8")
    (folder / "run.json").write_text(json.dumps({"run": folder.name, **info}), "utf-8")
    return folder


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., Comparison]:
    """The comparison of two lists of rows."""

    def run(base: Sequence[Record], head: Sequence[Record]) -> Comparison:
        folders = [write(tmp_path / name, rows) for name, rows in (("base", base), ("head", head))]
        return regression.compare(*map(Run.open, folders))

    return run


def test_identical_rows_are_no_regression(compared: Callable[..., Comparison]) -> None:
    facts = {"steps": 100, "newton_iterations": 250, "stopped_by": "iterations"}
    rows = [row(), row("other", solver="net", family="neural", facts=facts, device_bytes=10**6)]
    found = compared(rows, rows)
    assert not found.regressed
    assert found.figures == 2 + 5
    assert regression.tables(found) == []
    assert regression.verdict(found) == "No regression (7 figures of 2 cases compared)."


NEURAL = {"family": "neural", "facts": {"iterations": 1000, "stopped_by": "iterations"}}
WORSE = {
    "error": ({}, {"relative_l2": 1.5e-3}, "relative L2 error: 1.0000e-3 → 1.5000e-3"),
    "error of a network": (NEURAL, {"relative_l2": 1.5e-3}, "relative L2 error: 1.0000e-3 → 1.5000e-3"),
    "error in single precision": ({"precision": "float32"}, {"relative_l2": 1.5e-3}, "relative L2 error"),
    "metric": ({"headline": "gap", "metrics": {"gap": 0.1}}, {"metrics": {"gap": 0.15}}, "gap: 1.0000e-1 → 1.5000e-1"),
    "unknowns": ({}, {"unknowns": 20}, "unknowns: 19 → 20"),
    "iterations": (NEURAL, {"facts": {**NEURAL["facts"], "iterations": 1100}}, "iterations: 1,000 → 1,100"),
    "linear iterations": ({"facts": {"linear_iterations": 9}}, {"facts": {"linear_iterations": 14}}, "9 → 14"),
    "memory": (
        {"device_bytes": 2**20, "device_method": "plan"},
        {"device_bytes": 2**21},
        "device memory (plan): 1.00 MiB → 2.00 MiB",
    ),
    "error of an integrator": ({"facts": {"tolerance": 1e-3}}, {"relative_l2": 1.5e-3}, "relative L2 error"),
    "signed metric": ({"headline": "gap", "metrics": {"gap": -2.0}}, {"metrics": {"gap": -1.0}}, "gap: "),
    "a second time step": ({"facts": {"steps": 1}}, {"facts": {"steps": 2}}, "time steps: 1 → 2"),
    "steps beside the tolerance of Newton's method": (
        {"dt": 0.1, "facts": {"steps": 100, "tolerance": 1e-9}},
        {"facts": {"steps": 110, "tolerance": 1e-9}},
        "time steps: 100 → 110",
    ),
    "the reference": (
        {"reference_error": 1e-8},
        {"reference_error": 1e-7},
        "error of the reference: 1.00e-8 → 1.00e-7",
    ),
}


@pytest.mark.parametrize(("base", "head", "words"), WORSE.values(), ids=WORSE)
def test_what_is_worse_is_named_and_better_the_other_way_round(
    compared: Callable[..., Comparison], tmp_path: Path, base: dict[str, Any], head: dict[str, Any], words: str
) -> None:
    old, now = row(**base), row(**(base | head))
    found = compared([old], [now])
    assert found.regressed
    (annotation,) = regression.to_annotations(found)
    assert words in annotation
    back = regression.compare(found.head, found.base)
    assert not back.regressed
    assert [(d.title, d.base, d.head) for d in back.better] == [(d.title, d.head, d.base) for d in found.worse]


SAME = {
    "last digits": ({}, {"relative_l2": 1.0005e-3}),
    "rounding": ({"relative_l2": 1e-14}, {"relative_l2": 2e-13}),
    "rounding in single precision": ({"relative_l2": 1e-6, "precision": "float32"}, {"relative_l2": 9e-6}),
    "error of the reference, an absolute one": (
        {"relative_l2": 1e-9, "reference_error": 1e-7, "max_abs": 1e-7},
        {"relative_l2": 9e-9, "max_abs": 9e-7},
    ),
    "signed metric": ({"headline": "gap", "metrics": {"gap": -1.0}}, {}),
    "a step decided by rounding": (
        {"facts": {"tolerance": 1e-8, "evaluations": 216}},
        {"relative_l2": 1.04e-3, "facts": {"tolerance": 1e-8, "evaluations": 235}},
    ),
    "training carries rounding on": (NEURAL, {"relative_l2": 1.04e-3}),
    "one iteration": ({"facts": {"linear_iterations": 9}}, {"facts": {"linear_iterations": 10}}),
    "training ended by the clock": (
        {"family": "neural", "facts": {"iterations": 1000, "stopped_by": "time"}},
        {"relative_l2": 2e-3, "facts": {"iterations": 500, "stopped_by": "time"}},
    ),
    "an estimate of the error of the reference": ({"reference_error": 1e-8}, {"reference_error": 1.5e-8}),
    "a step alone": ({"judged": False}, {"relative_l2": 2e-3}),
    "alignment of arrays": (
        {"device_bytes": 10**8, "device_method": "plan"},
        {"device_bytes": 10**8 + 4096},
    ),
    "words instead of a number": ({"facts": {"steps": "auto"}}, {"facts": {"steps": "auto"}}),
    "memory of an accelerator, which is sampled": ({"device": "cuda", "device_bytes": 10}, {"device_bytes": 20}),
    "time": ({"solve_s": [1.0]}, {"solve_s": [2.0]}),
}


@pytest.mark.parametrize(("base", "head"), SAME.values(), ids=SAME)
def test_what_rounding_or_the_clock_may_change_is_none(
    compared: Callable[..., Comparison], base: dict[str, Any], head: dict[str, Any]
) -> None:
    found = compared([row(**base)], [row(**(base | head))])
    assert not found.regressed
    assert not found.better


def test_a_worse_reference_does_not_excuse_a_worse_error(compared: Callable[..., Comparison]) -> None:
    """By its own reference the newer error is within what that leaves open, by the older one's it is not."""
    old = row(relative_l2=1e-9, max_abs=1e-9, reference_error=1e-12)
    found = compared([old], [row(relative_l2=1e-3, max_abs=1e-3, reference_error=5e-4)])
    assert [d.title for d in found.worse] == ["error of the reference", "relative L2 error"]


def test_what_diverged_and_crashes_now_fails(compared: Callable[..., Comparison]) -> None:
    blown = {"status": "diverged", "relative_l2": 1e148, "seed": 1}
    broken = {"status": "crashed", "relative_l2": None, "seed": 1, "reason": "no luck"}
    found = compared([row(), row("b", **blown)], [row(), row("b", **broken)])
    assert [now.case for _, now in found.failing] == ["b"]
    assert ET.fromstring(regression.to_junit(found)).find("testcase/error") is not None
    assert not regression.compare(found.base, found.base).regressed


def test_what_crashes_in_other_circumstances_says_so(compared: Callable[..., Comparison]) -> None:
    head = [row(), row("b", seed=1, precision="float32", status="crashed", relative_l2=None)]
    (table,) = regression.tables(compared([row(), row("c", seed=1)], head))
    assert [cell.text for cell in table.rows[0][1:]] == ["cpu, float64, 1 thread", "cpu, float32, 1 thread, crashed"]


def test_figures_that_are_gone_are_told_and_warned_of(compared: Callable[..., Comparison]) -> None:
    found = compared([row(facts={"steps": 5})], [row(facts={})])
    assert regression.verdict(found).endswith("1 figure is not in the newer run any more.")
    assert regression.to_annotations(found) == [
        "::warning title=heat-1d · ftcs%3Acells=20::not in the newer run any more: time steps"
    ]


@pytest.mark.parametrize(
    ("change", "compared_there"),
    [
        ({"python": "3.11.9"}, True),
        ({"packages": {"pandas": "3.1", "jax": "0.10"}}, True),
        ({"python": "3.12.0"}, False),
        ({"packages": {"jax": "0.11"}}, False),
        ({"cpu": "another"}, False),
    ],
)
def test_trainings_are_compared_where_nothing_changed_that_decides_on_them(
    tmp_path: Path, change: dict[str, Any], compared_there: bool
) -> None:
    usual = {"cpu": "one", "cores": 2, "python": "3.11.7", "packages": {"jax": "0.10", "pandas": "3.0"}}
    rows = [row(), row("net", solver="net", family="neural")]
    here = write(tmp_path / "here", rows, environment=usual)
    there = write(
        tmp_path / "there", [rows[0], dataclasses.replace(rows[1], relative_l2=1.0)], environment=usual | change
    )
    found = regression.compare(Run.open(here), Run.open(there))
    assert found.regressed == compared_there
    assert [record.case for record in found.trainings] == ([] if compared_there else ["net"])
    captions = [table.caption for table in regression.tables(found)]
    assert ("Not compared, since the machine or the packages of trainings differ" in captions) != compared_there


def test_cases_that_end_in_another_way_are_named(compared: Callable[..., Comparison]) -> None:
    broken = {"status": "crashed", "reason": "no licence", "relative_l2": None}
    pair = row("gone", solver="scipy-ivp"), row("float", precision="float32", seed=7)
    base = [row("a"), row("b", seed=1, **broken), row("c", seed=2, **broken), *pair]
    head = [row("a", **broken), row("b", seed=1), row("c", seed=2, **broken)]
    head += [row("fresh", solver="spectral"), row("double", seed=7)]
    found = compared(base, head)
    assert [now.case for _, now in found.failing] == ["a"]
    assert [now.case for _, now in found.passing] == ["b"]
    assert [record.case for record in found.missing] == ["gone"]
    assert [record.case for record in found.new] == ["fresh"]
    assert [(old.precision, now.precision) for old, now in found.apart] == [("float32", "float64")]
    assert found.regressed
    assert [table.caption for table in regression.tables(found)] == [
        *("Failing now", "Missing", "Passing now", "New", "Not compared, since run in other circumstances")
    ]


def test_a_missing_case_is_a_regression_and_a_new_one_is_not(compared: Callable[..., Comparison]) -> None:
    both, other = row("both"), row("other", solver="scipy-ivp")
    found = compared([both, other], [both])
    assert found.regressed
    assert not regression.compare(found.head, found.base).regressed


def test_what_never_worked_is_not_missed(compared: Callable[..., Comparison]) -> None:
    lost = row("lost", solver="scipy-ivp", status="crashed", relative_l2=None)
    assert not compared([row(), lost], [row()]).regressed


def test_runs_with_nothing_to_compare_are_refused(compared: Callable[..., Comparison]) -> None:
    """A gate that has compared nothing must not be green."""
    with pytest.raises(InputError, match="nothing in common that could be compared"):
        compared([row()], [row("other", threads=2)])


def test_what_fails_in_both_runs_alone_is_refused_and_what_fails_now_is_not(
    compared: Callable[..., Comparison],
) -> None:
    failed = row(status="timeout", relative_l2=None)
    found = compared([row()], [failed])
    assert found.regressed
    with pytest.raises(InputError, match="nothing in common that could be compared"):
        regression.compare(found.head, found.head)


def test_a_parameter_that_was_added_since_leaves_its_cases_matched(compared: Callable[..., Comparison]) -> None:
    """Older rows have the default of today."""
    older = {name: value for name, value in RECORD.solver_parameters.items() if name != "convection"}
    found = compared([row("hash of then", solver_parameters=older)], [row(RECORD.case)])
    assert (len(found.common), found.missing, found.new) == (1, (), ())


def test_circumstances_are_paired_with_the_most_alike(compared: Callable[..., Comparison]) -> None:
    base = [row("same"), *(row(p, precision=p, seed=1) for p in ("float64", "float32"))]
    head = [row("same"), *(row(f"{p} 2", precision=p, seed=1, threads=2) for p in ("float64", "float32"))]
    found = compared(base, head)
    assert [(old.precision, now.precision) for old, now in found.apart] == [("float64",) * 2, ("float32",) * 2]
    assert not found.regressed


def test_what_the_newer_run_did_not_measure_is_named(compared: Callable[..., Comparison]) -> None:
    facts = {"iterations": 9, "stopped_by": "iterations"}
    old = row(family="neural", facts=facts, device_bytes=1000, device_method="plan")
    now = row(family="neural", facts=facts | {"stopped_by": "time"}, device_bytes=900, device_method="trace")
    found = compared([old], [now])
    assert [title for _, title in found.unmeasured] == ["relative L2 error", "iterations", "device memory (plan)"]
    assert "Not compared, since the newer run does not have it" in regression.to_markdown(found)


@pytest.mark.parametrize("count", [3, 30, 300])
def test_a_page_for_a_pull_request_is_short_however_much_changed(
    count: int, compared: Callable[..., Comparison]
) -> None:
    def rows(kind: str, error: float = 1e-3) -> list[Record]:
        return [row(f"{kind} {k}", solver="other", relative_l2=error) for k in range(count)]

    found = compared(rows("a") + rows("b") + rows("gone"), rows("a", 2e-3) + rows("b", 1e-4) + rows("new"))
    lines = regression.to_markdown(found).splitlines()
    assert len(lines) <= 60
    shown = sum("2.0000e-3" in line for line in lines)
    more = [int(found[1]) for line in lines if (found := re.search(r"and (\d+) more", line))]
    assert count in (shown, shown + sum(more[:1]))
    assert ("### Better" in lines) != (f"- Better: {count}" in lines) == (count == 300)


@pytest.mark.parametrize("packages", [{"jax": "0.11"}, "unknown"])
def test_trainings_elsewhere_are_counted_and_not_compared(tmp_path: Path, packages: Any) -> None:
    rows = [row(), row("net", solver="net", family="neural", facts={"iterations": 10})]
    other = [rows[0], dataclasses.replace(rows[1], relative_l2=1.0)]
    here = write(tmp_path / "here", rows, environment={"packages": {"jax": "0.10"}})
    there = write(tmp_path / "there", other, environment={"packages": packages})
    found = regression.compare(Run.open(here), Run.open(there))
    assert not found.regressed
    assert regression.verdict(found) == (
        "No regression (3 figures of 2 cases compared). 1 training was not compared, since the machine or the packages "
        "differ."
    )


def ladder(order: float) -> list[Record]:
    """Errors of h^order."""
    mine = {"solver": "mine", "unknowns": 9}
    return [
        row(str(n), solver_parameters={"cells": n}, relative_l2=1e-2 * (n / 10) ** -order, dx=1 / n, **mine)
        for n in (10, 20, 40, 80)
    ]


def test_a_lost_order_is_named_with_its_cases(compared: Callable[..., Comparison]) -> None:
    found = compared(ladder(2.0), ladder(1.0))
    assert (found.worse[0].title, found.worse[0].case) == ("order in dx, 4 cases", "80")
    assert (found.worse[0].base, found.worse[0].head) == pytest.approx((2.0, 1.0))


def test_an_order_that_falls_since_the_coarsest_error_does_is_none(compared: Callable[..., Comparison]) -> None:
    base, head = ladder(2.0), ladder(2.0)
    head[0].relative_l2 = 0.5 * (head[0].relative_l2 or 0.0)
    assert not compared(base, head).regressed


def test_an_order_that_rounding_ends_is_none(compared: Callable[..., Comparison]) -> None:
    base, head = ladder(12.0), ladder(12.0)
    head[-1].relative_l2 = 3.0 * (head[-1].relative_l2 or 0.0)
    found = compared(base, head)
    assert not found.regressed
    assert not found.better


def test_orders_of_trainings_that_the_clock_ended_are_none(compared: Callable[..., Comparison]) -> None:
    ended = {"facts": {"stopped_by": "time"}, "family": "neural"}
    base, head = ([dataclasses.replace(one, **ended) for one in ladder(order)] for order in (2.0, 1.0))
    assert not compared(base, head).regressed


def test_a_hostile_reason_is_escaped_in_every_format(compared: Callable[..., Comparison]) -> None:
    found = compared([row()], [row(status="crashed", reason=f"{HOSTILE}\n50 %, ::error::\x1b[31m", relative_l2=None)])
    page = regression.to_markdown(found)
    assert "<script>" not in page
    assert r"a \| b" in page
    (annotation,) = regression.to_annotations(found)
    assert annotation.count("\n") == 0
    assert "50 %25, ::error::" in annotation
    assert ET.fromstring(regression.to_junit(found)).find("testcase/error") is not None


def test_junit_counts_every_case_of_the_older_run(compared: Callable[..., Comparison]) -> None:
    never = {"status": "timeout", "relative_l2": None, "seed": 3}
    base = [row("a"), row("b", seed=1), row("c", seed=2), row("d", **never), row("e", seed=4), row("gone", solver="x")]
    head = [row("a"), row("b", seed=1, relative_l2=1.0), row("c", **(never | {"seed": 2})), row("d", **never)]
    suite = ET.fromstring(regression.to_junit(compared(base, [*head, row("f", seed=4, threads=2)])))
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["6", "1", "2", "2"]
    assert [[part.tag for part in test] for test in suite] == [
        *([], ["failure"], ["error"], ["skipped"], ["error"], ["skipped"])
    ]


def test_more_annotations_than_are_shown_end_with_how_many(compared: Callable[..., Comparison]) -> None:
    rows = [row(str(seed), seed=seed) for seed in range(12)]
    found = regression.to_annotations(compared(rows, [dataclasses.replace(r, relative_l2=1.0) for r in rows]))
    assert len(found) == 10
    assert found[-1] == "::error title=and more::3 more findings; see the table of this step"


def test_trend_holds_finite_figures_with_their_units(compared: Callable[..., Comparison]) -> None:
    rows = [row(solve_s=[0.3, 0.1, 0.2], host_bytes=2**20), row("lost", seed=1, status="diverged", relative_l2=1e148)]
    figures = json.loads(regression.to_trend(compared(rows, rows).head))
    assert [(f["name"].rpartition(" · ")[2], f["unit"], f["value"]) for f in figures] == [
        *(("relative L2 error", "1", 1e-3), ("solve time", "s", 0.2), ("host memory", "bytes", 2**20))
    ]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A repository of one commit as the working folder; its commit."""
    monkeypatch.chdir(tmp_path)
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"], ["tag", "v1"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *words], check=True, capture_output=True)
    return subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


def test_runs_are_found_by_folder_name_and_revision(repository: str, tmp_path: Path) -> None:
    clean = {"git_commit": repository, "git_dirty": False}
    results, made = Path("results"), tmp_path / "results"
    older = write(made / "older", [row()], created="2026-01-01", environment=clean, suite="quick")
    newer = write(made / "published" / "newer", [row()], created="2026-01-02", environment=clean, suite="quick")
    write(made / "edited", [row()], created="2026-01-03", environment={**clean, "git_dirty": True}, suite="quick")
    write(made / "strong", [row()], created="2026-01-04", environment=clean, suite="strong")
    write(made / "damaged", [row()], created="2026-01-05", environment="none")
    for name in ("v1", "HEAD", repository[:8]):
        found = regression.find("older", name, results)
        assert [path.resolve() for path in found] == [older, newer]
    assert regression.find("results/older", "older", results) == (results / "older",) * 2


@pytest.mark.parametrize("name", ["nowhere", "--help"])
def test_a_name_of_nothing_is_refused_in_words(repository: str, name: str) -> None:
    with pytest.raises(InputError, match="is no run, neither here nor in results, and no git revision"):
        regression.find(name, name, Path("results"))


def test_a_revision_without_a_run_is_refused_with_the_remedy(repository: str) -> None:
    with pytest.raises(InputError, match="check it out and make one with `debench run`"):
        regression.find("v1", "v1", Path("results"))


def test_revisions_without_runs_of_one_suite_are_refused(repository: str, tmp_path: Path) -> None:
    clean = {"git_commit": repository, "git_dirty": False}
    for suite in ("quick", "strong", "smoke"):
        write(tmp_path / "results" / suite, [row()], environment=clean, suite=suite)
    write(tmp_path / "other", [row()], suite="ours")
    with pytest.raises(InputError, match="have no runs of one suite"):
        regression.find("other", "HEAD", Path("results"))


def test_command_says_it_all_and_ends_with_the_status_of_a_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    old = {"packages": {"numpy": "2.4.6"}}
    write(tmp_path / "results" / "base", [row()], environment=old)
    write(tmp_path / "results" / "head", [row(relative_l2=2e-3)], environment={"packages": {"numpy": "2.5.0"}})
    files = [word for name in ("markdown", "junit", "trend") for word in (f"--{name}", f"{name}.txt")]
    said = CliRunner().invoke(main, ["compare", "base", "head", *files])
    assert said.exit_code == 1
    assert "Regression: 1 figure is worse (2 figures of 1 case compared)." in said.output
    assert "other surroundings: numpy: 2.4.6 → 2.5.0" in said.output
    assert "::error title=heat-1d · ftcs%3Acells=20::relative L2 error: 1.0000e-3 → 2.0000e-3" in said.output
    assert "2.0×" in (tmp_path / "markdown.txt").read_text("utf-8")
    assert ET.parse(tmp_path / "junit.txt").getroot().get("failures") == "1"
    assert json.loads((tmp_path / "trend.txt").read_text("utf-8"))[0]["value"] == 2e-3
    assert CliRunner().invoke(main, ["compare", "base", "base"]).exit_code == 0
    refused = CliRunner().invoke(main, ["compare", "base", "nowhere"])
    assert refused.exit_code == 2
    assert "'nowhere' is no run" in refused.output
    refused = CliRunner().invoke(main, ["compare", "base", "head", "--junit", "trend.txt/junit.xml"])
    assert refused.exit_code == 2
    assert "cannot write trend.txt/junit.xml" in refused.output
