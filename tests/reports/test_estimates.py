"""What a report says and shows of parameters that were found from observations."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import problems
import reports
from problems.families.inverse import InverseProblem
from reports.conclusions import conclude
from reports.summary import Section, sections
from reports.tables import measured
from tests.reports.synthetic import Writer

HEAT = problems.REGISTRY.get("heat-inverse")


def written(problem: InverseProblem, folder: Path) -> Path:
    """A solver next to the exact estimate, a network half a standard error away and one a hundredth."""
    writer = Writer(folder)
    best, deviations = problem.estimate(), problem.standard_errors()
    unit = deviations if problem.noise else 1e-3 * best
    stated = {"standard_errors": 1.1 * deviations}
    writer.add(problem, "fitter", (best + 1e-9 * unit)[:, None], arrays=stated, facts={"forward_solves": 17})
    for width, share in ((8, 0.5), (16, 0.01)):
        solution = (best - share * unit)[:, None]
        writer.add(problem, "network", solution, family="neural", settings={"width": width}, solve_s=[2.0])
    return writer.finish()


def section_of(folder: Path) -> Section:
    (found,) = sections(reports.load(folder))
    return found


def test_conclusions_say_what_the_noise_allows_and_which_digits_are_none(tmp_path: Path) -> None:
    problem = HEAT.create({}, "two")
    (sentence,) = [s for s in conclude(section_of(written(problem, tmp_path / "run")), problem) if "noise" in s]
    assert sentence.startswith("The noise allows parameters to be known to 3.0 % (the largest standard error")
    assert "lies 0.90 standard errors from the truth" in sentence
    assert "Of the 3 configurations judged here, 2 came to that estimate within a tenth" in sentence


def test_data_without_noise_need_no_such_sentence(tmp_path: Path) -> None:
    problem = HEAT.create({"noise": 0.0})
    assert not [s for s in conclude(section_of(written(problem, tmp_path / "run")), problem) if "noise" in s]


def test_the_table_has_both_distances(tmp_path: Path) -> None:
    problem = HEAT.create({}, "two")
    table = measured(section_of(written(problem, tmp_path / "run")))
    titles = [column.title for column in table.columns]
    rows = {row[0].text: row for row in table.rows}
    distance = titles.index("distance from the exact estimate in standard errors")
    assert [rows[name][distance].text for name in rows] == ["1.00e-9", "5.00e-1", "1.00e-2"]
    truth = titles.index("relative error of the parameters")
    assert rows["fitter"][truth].text == "2.70e-2"
    assert rows["fitter"][titles.index("forward solutions")].text == "17"
    stated = titles.index("relative standard error that the solver states")
    assert [row[stated].text for row in table.rows] == ["3.31e-2", "", ""]


@pytest.mark.parametrize(("preset", "axes"), [("", ["kappa − 0.1"]), ("two", ["kappa − 0.1", "rate − 0.5"])])
def test_observations_and_estimates_are_drawn(tmp_path: Path, preset: str, axes: list[str]) -> None:
    problem = HEAT.create({}, preset)
    folder = written(problem, tmp_path / "run")
    _, markdown = reports.render(folder)
    (seen,), (found,) = (
        [path.read_text(encoding="utf-8") for path in folder.rglob(f"*-{figure}.svg")]
        for figure in ("observations", "estimates")
    )
    words = set(re.findall(r">([^<>]+)</text>", seen))
    assert {"x", "u", "t = 0.05", "t = 0.5"} <= words
    # Four instants with twenty sensors each.
    assert seen.count("<use ") >= 80
    assert {*axes, "fitter", "network"} <= set(re.findall(r">([^<>]+)</text>", found))
    assert "the parameters that fitter found" in markdown.read_text(encoding="utf-8")


def test_a_problem_without_noise_is_drawn_too(tmp_path: Path) -> None:
    problem = HEAT.create({"noise": 0.0})
    folder = written(problem, tmp_path / "run")
    reports.render(folder)
    assert len(list(folder.rglob("*-estimates.svg"))) == 1
    assert np.array_equal(problem.standard_errors(), [0.0])
