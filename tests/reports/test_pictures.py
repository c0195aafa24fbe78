"""Pictures of solutions show error and residual, and what they are drawn from can be had as numbers."""

from __future__ import annotations

import base64
import gzip
import re
from pathlib import Path

import numpy as np
import pytest

import problems
from problems import Problem
from problems.base import Array
from reports import html
from reports.drawing import MOST_SAMPLES, Curve, Figure, Panel, Samples
from reports.page import compose
from reports.run import Run
from tests.reports.synthetic import Writer, exact


def figures(folder: Path, problem: Problem, residual: Array | None, error: float = 1e-3) -> dict[str, Figure]:
    """The figures of a section with one network, by the end of their names."""
    writer = Writer(folder)
    arrays = {} if residual is None else {"residual": residual}
    writer.add(problem, "network", exact(problem, error), family="neural", arrays=arrays)
    (chapter,) = compose(Run.open(writer.finish())).chapters
    (part,) = chapter.parts
    return {figure.name.removeprefix(f"{part.anchor}-"): figure for figure in part.figures}


def texts(figure: Figure) -> set[str]:
    return set(re.findall(r">([^<>]+)</text>", figure.svg))


@pytest.mark.parametrize(
    ("name", "parameters", "preset", "figure"),
    [
        ("heat-1d", {}, "s1", "field-0"),
        ("heat-1d", {}, "s1-coarse", "field-0"),
        ("burgers-1d", {}, "", "field-0"),
        ("poisson", {"d": 1}, "", "field-0"),
        ("poisson", {"d": 2}, "", "field-0"),
        ("poisson", {"d": 3}, "", "field-0"),
        ("poisson", {"d": 4}, "", "field-0"),
        ("decay", {}, "", "states"),
    ],
)
def test_what_the_equation_leaves_is_drawn_beside_the_error(
    name: str, parameters: dict[str, int], preset: str, figure: str, tmp_path: Path
) -> None:
    problem = problems.REGISTRY.get(name).create(parameters, preset)
    residual = np.linspace(1e-3, 1e-1, len(problem.points()))
    with_it = figures(tmp_path / "with", problem, residual)[figure]
    without = figures(tmp_path / "without", problem, None)[figure]
    assert "|residual|" in texts(with_it)
    assert "|error|" in texts(with_it)
    assert "|residual|" not in texts(without)


HOLED = np.where(np.arange(201) == 7, np.nan, 1.0)


@pytest.mark.parametrize("left", [np.zeros(201), HOLED, np.ones(7), np.full(201, "one")])
def test_a_residual_without_anything_to_see_is_left_out(left: Array, tmp_path: Path) -> None:
    decay = problems.REGISTRY.get("decay").create({}, "s2")
    assert len(decay.points()) == 201
    assert "|residual|" not in texts(figures(tmp_path / "run", decay, left)["states"])


@pytest.mark.parametrize("size", [1e-20, 1e200])
def test_a_residual_of_any_size_has_a_picture(size: float, tmp_path: Path) -> None:
    poisson = problems.REGISTRY.get("poisson").create({"d": 2})
    residual = size * np.linspace(0.0, 1.0, len(poisson.points()))
    assert "|residual|" in texts(figures(tmp_path / "run", poisson, residual)["field-0"])


def test_a_map_is_saved_as_the_numbers_that_it_shows(tmp_path: Path) -> None:
    """u and |error| of the exact solution times 1.001, on points of the map."""
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1-coarse")
    samples = figures(tmp_path / "run", heat, None)["field-0"].samples
    assert samples is not None
    assert samples.names == ("x", "t", "u", "|error|")
    x, t, u, error = (np.array(column, dtype=float) for column in samples.columns)
    assert 500 < len(x) <= MOST_SAMPLES
    reference = heat.reference(np.column_stack([x, t]))[:, 0]
    assert u == pytest.approx(1.001 * reference, rel=1e-3, abs=1e-6)
    assert error == pytest.approx(1e-3 * np.abs(reference), rel=1e-2, abs=1e-6)


def test_numbers_that_are_none_leave_the_page_readable() -> None:
    """JSON has no word for what is not a number."""
    samples = Samples.of({"x": np.array([1.0, 2.0]), "u": np.array([np.nan, np.inf])})
    assert samples.columns == ((1.0, 2.0), (None, None))
    packed = html.data(Figure("name", "caption", "<svg/>", (), samples))
    assert b'"columns":[[1.0,2.0],[null,null]]' in gzip.decompress(base64.b64decode(packed))


def test_lines_of_a_picture_are_saved_by_name(tmp_path: Path) -> None:
    decay = problems.REGISTRY.get("decay").create({}, "s2")
    states = figures(tmp_path / "run", decay, np.ones(201))["states"]
    assert [{curve.label for curve in panel.curves} for panel in states.panels] == [
        {"reference", "network"},
        {"network"},
        {"network"},
    ]
    assert states.zoomable


def test_a_path_in_the_phase_plane_is_saved_but_not_zoomed_into(tmp_path: Path) -> None:
    nerve = problems.REGISTRY.get("fitzhugh-nagumo").create({}, "s3")
    plane = figures(tmp_path / "run", nerve, None)["phase-plane"]
    assert {curve.label for curve in plane.panels[0].curves} == {"reference", "network"}
    assert not plane.zoomable


@pytest.mark.parametrize(
    ("x", "line", "zoomable"),
    [((1, 2, 3), True, True), ((3, 2, 1), True, True), ((1, 3, 2), True, False), ((1, 3, 2), False, True)],
)
def test_lines_that_turn_back_are_not_zoomed_into(x: tuple[float, ...], line: bool, zoomable: bool) -> None:
    panel = Panel("", "x", "y", False, False, (Curve("one", "#000000", x, (1.0, 2.0, 3.0), line),))
    assert Figure("name", "caption", "<svg/>", (panel,)).zoomable == zoomable
