"""Series over the dimension: which rows they are made of, and what the report says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import problems
import reports
from reports.dimension.sentences import conclude, no_gpu
from reports.dimension.studies import Series, Study, predicted, studies
from reports.dimension.tables import of_study
from reports.frame import frame
from reports.page import compose
from reports.run import Run
from reports.summary import sections
from tests.reports.dimensional import BYTES, DIMENSIONS, GRID, METHODS, SECONDS, grid, timed, write_dimension
from tests.reports.synthetic import Writer, exact


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dimension(tmp_path_factory.mktemp("runs") / "dimension")


@pytest.fixture(scope="module")
def study(folder: Path) -> Study:
    (found,) = studies(Run.open(folder).records)
    return found


@pytest.fixture(scope="module")
def texts(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in reports.render(folder)]


def series(study: Study, solver: str, strategy: str = "") -> Series:
    (found,) = [s for s in study.series if (s.solver, s.strategy) == (solver, strategy)]
    return found


def test_series_are_rows_that_differ_in_dimension_and_seed_alone(study: Study) -> None:
    assert len(study.series) == len(METHODS) * len(BYTES) + 2
    assert all(s.dimensions == list(DIMENSIONS) for s in study.series if s.solver in METHODS)
    assert len(series(study, "deep-net").records) == 5 * 5
    assert series(study, "deep-net").settings == ()


def test_a_way_that_is_the_usual_one_is_the_same_series_by_either_name(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for d, name in ((1, "auto"), (2, "taylor"), (4, "auto"), (8, "stde")):
        strategy = "stde" if name == "stde" else "taylor"
        timed(writer, "jax-net", strategy, d, settings={"derivatives": name})
    (found,) = studies(Run.open(writer.finish()).records)
    assert series(found, "jax-net", "taylor").dimensions == [1, 2, 4]


def test_an_estimate_of_all_coordinates_has_no_scatter_but_rounding(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for d, scatter in ((2, 3e-7), (4, 2e-7), (8, 0.0), (16, 0.3), (32, 0.4), (64, 0.5)):
        timed(writer, "jax-net", "stde", d, facts={"estimator_deviation": scatter})
    (found,) = studies(Run.open(writer.finish()).records)
    track = series(found, "jax-net", "stde").track("deviation")
    assert track is not None
    assert track.medians == {16: 0.3, 32: 0.4, 64: 0.5}


def test_time_per_step_is_solve_time_over_iterations_with_quartiles_over_rounds(study: Study) -> None:
    track = series(study, "jax-net", "taylor").track("step")
    assert track is not None
    spread = track.spreads[64]
    assert (spread.count, spread.median) == (3, pytest.approx(1.02 * SECONDS["taylor"](64)))
    assert (spread.lower_quartile, spread.upper_quartile) == (
        pytest.approx(1.01 * SECONDS["taylor"](64)),
        pytest.approx(1.06 * SECONDS["taylor"](64)),
    )


def test_memory_of_the_host_is_what_was_added_to_it(study: Study) -> None:
    track = series(study, "torch-net", "stde").track("host")
    assert track is not None
    assert track.medians[8] == round(2e7 + BYTES["stde"](8))
    assert series(study, "torch-net", "stde").track("device", METHODS["jax-net"]) is None


def test_errors_of_a_few_timed_steps_are_not_shown(study: Study) -> None:
    assert series(study, "jax-net", "taylor").track("error") is None
    track = series(study, "deep-net").track("error")
    assert track is not None
    assert track.medians[4] == pytest.approx(1e-3 * 4 * 1.4)


def test_rows_that_are_not_judged_stand_in_the_dimension_section_alone(folder: Path, texts: list[str]) -> None:
    html, markdown = texts
    sections_of_answers = markdown.partition("## Allen–Cahn equation in many dimensions")[2]
    before, again, commands = sections_of_answers.partition("## Running it again")
    assert "deep-net" in before
    assert "jax-net" not in before
    assert again
    assert html.count("jax-net, reverse-over-reverse Hessian") > 1
    assert "Dimension, allen-cahn-nd:" in commands

    records = [record for record in Run.open(folder).records if not record.judged]
    writer = Writer(folder.parent / "timed")
    writer.records = records
    html, markdown = (path.read_text(encoding="utf-8") for path in reports.render(writer.finish()))
    assert "How costs grow with the dimension" in markdown
    assert "no answer" not in html
    assert "Reference:" not in markdown


def test_unjudged_rows_in_too_few_dimensions_for_a_study_are_shown_as_others_are(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for d in (2, 4):
        timed(writer, "jax-net", "taylor", d)
    _, markdown = reports.render(writer.finish())
    assert markdown.read_text(encoding="utf-8").count("Reference:") == 2


def test_two_dimensions_are_no_series_and_other_parameters_are_another_study(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for d in (2, 4):
        timed(writer, "jax-net", "taylor", d)
    assert studies(writer.records) == []
    timed(writer, "jax-net", "taylor", 8, precision="float64")
    timed(writer, "jax-net", "taylor", 8, settings={"batch": 64})
    assert studies(writer.records) == []
    timed(writer, "jax-net", "taylor", 8)
    (found,) = studies(writer.records)
    assert [s.dimensions for s in found.series] == [[2, 4, 8]]


def test_strategies_are_compared_with_the_reverse_hessian_at_64(study: Study) -> None:
    less = f"1/{BYTES['nested-reverse'](64) / BYTES['taylor'](64):.1f}"
    quick = f"1/{SECONDS['nested-reverse'](64) / SECONDS['taylor'](64):.1f}"
    (sentence,) = [s for s in conclude(study) if s.startswith("At d = 64") and "jax-net" in s]
    assert sentence.startswith(f"At d = 64, of the device memory ({METHODS['jax-net']}) and the time per step of the ")
    assert "reverse-over-reverse Hessian, the forward-over-reverse Hessian takes 1/1.8 and" in sentence
    assert f"the forward Laplacian takes {less} and {quick} (1/4.1 to 1/3.7 between quartiles)" in sentence


def test_estimators_are_compared_with_themselves_in_few_dimensions(study: Study) -> None:
    ratio = f"{BYTES['stde'](512) / BYTES['stde'](8):.1f} times"
    (sentence,) = [s for s in conclude(study) if s.startswith("At d = 512") and "torch-net" in s]
    assert "the time per step at d = 8, Hutchinson's estimator takes" in sentence
    assert f"the sparse coordinate estimator takes {ratio}" in sentence


def test_first_dimension_that_does_not_fit_is_told_with_its_bytes(study: Study, texts: list[str]) -> None:
    lost = series(study, "grid").unfit
    assert lost is not None
    assert (lost.dimension, predicted(lost)) == (6, 2000.0 * GRID**6)
    start = "d = 6 is the first dimension that does not fit into memory with grid (cpu, float64)"
    assert f"{start}: not started, 45.0 GiB predicted." in conclude(study)
    assert all(text.count("45.0 GiB predicted") > 1 for text in texts)
    assert "crosses are bytes predicted for the first dimension" in texts[1]


def test_bytes_beyond_every_float_are_shown_as_such(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    grid(writer)
    problem = problems.REGISTRY.get("allen-cahn-nd").create({"d": 1000})
    facts = {"predicted_bytes": GRID**1000}
    writer.records = [record for record in writer.records if record.dimension < 6]
    row = {"status": "over budget", "reason": "too large", "facts": facts, "settings": {"cells": 16}}
    writer.add(problem, "grid", None, **row)
    _, markdown = reports.render(writer.finish())
    assert "more than 1e292 PiB predicted" in markdown.read_text(encoding="utf-8")


def test_growth_stands_in_a_table_with_its_intervals(texts: list[str]) -> None:
    html, markdown = texts
    rows = [line for line in markdown.splitlines() if line.startswith("| jax-net, reverse-over-reverse Hessian")]
    assert "| d^1.00 (1.00 to 1.00)<br>" in rows[0]
    assert "XLA memory" in rows[0]
    assert "17^d (17 to 17)" in html


def test_sections_of_one_problem_are_in_the_order_of_the_dimension(folder: Path) -> None:
    found = sections(frame(Run.open(folder).records))
    assert [s.title for s in found] == [f"d = {d}" for d in sorted({*DIMENSIONS, 3, 5, 6})]


def test_absence_of_a_gpu_is_told_and_its_figures_stand_beside_those_of_the_cpu(
    tmp_path: Path, study: Study, texts: list[str]
) -> None:
    assert all("No GPU figures were taken" in text for text in texts)
    both = write_dimension(tmp_path / "run", ("cpu", "cuda"))
    records = Run.open(both).records
    assert no_gpu(records) == []
    html, _ = (path.read_text(encoding="utf-8") for path in reports.render(both))
    assert "No GPU figures" not in html
    (figure,) = both.glob("figures/*-step-neural.svg")
    assert {"CPU, float32", "GPU, float32"} <= set(re.findall(r">([^<>]+)</text>", figure.read_text(encoding="utf-8")))


def test_no_axis_mixes_two_methods_of_measurement(folder: Path, texts: list[str]) -> None:
    (figure,) = folder.glob("figures/*-device-neural.svg")
    words = " ".join(re.findall(r">([^<>]+)</text>", figure.read_text(encoding="utf-8")))
    assert words.count("CPU, float32") == 3
    assert "XLA memory_analysis" in words
    assert "allocation trace of" in words


def test_scatter_of_estimators_is_in_the_tables(texts: list[str]) -> None:
    assert "Scatter of the estimated second-order term against the dimension" in texts[1]


def test_single_values_are_drawn_with_their_intervals_one_section_per_dimension(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for d in (100, 10, 20):
        problem = problems.REGISTRY.get("allen-cahn-nd").create({"d": d})
        for seed in range(3):
            found = exact(problem, 1e-3 * (seed - 1.2))
            writer.add(problem, "sampler", found, seed=seed, facts={"standard_error": 1e-5})
            writer.add(problem, "net", found, family="neural", seed=seed, facts={"iterations": 10})
    _, path = reports.render(writer.finish())
    markdown = path.read_text(encoding="utf-8")
    titles = re.findall(r"^### (d = \d+)$", markdown, re.MULTILINE)
    assert titles == ["d = 10", "d = 20", "d = 100"]
    figures = sorted((tmp_path / "run").glob("figures/*-values.svg"))
    assert len(figures) == 3
    text = figures[0].read_text(encoding="utf-8")
    assert {"sampler", "net"} <= set(re.findall(r">([^<>]+)</text>", text))
    assert "with the interval of 95 % where one is stated" in markdown


def test_field_of_many_dimensions_is_drawn_against_its_reference(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for d in (3, 4, 8):
        problem = problems.REGISTRY.get("poisson").create({"d": d})
        writer.add(problem, "elements", exact(problem, 1e-3))
    _, markdown = reports.render(writer.finish())
    assert markdown.read_text(encoding="utf-8").count("against the reference at each evaluation point") == 4


def test_seeds_are_counted_in_each_dimension(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for d in (1, 2, 4, 8):
        for seed in range(3 if d == 4 else 5):
            timed(writer, "jax-net", "taylor", d, seed=seed)
    (study,) = studies(Run.open(writer.finish()).records)
    details = {table.rows[0][0].detail for table in of_study(study) if table.caption.startswith("Time per")}
    assert details == {"3 to 5 seeds, 3 rounds"}


def test_conclusions_on_dimension_lead_to_tables_of_what_they_tell(folder: Path) -> None:
    for scaling in compose(Run.open(folder)).scalings:
        assert scaling.conclusions
        assert scaling.tables[scaling.told - 1].caption.startswith("How costs grow")
