"""Rows are grouped, summarised and compared as the definitions say."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import problems
import reports
from problems.base import Array
from reports import training
from reports.accuracy import methods
from reports.conclusions import conclude
from reports.costs import costs, most_accurate
from reports.page import compose
from reports.run import Run
from reports.summary import NO_ANSWER, Configuration, Section, Spread, pareto, sections
from reports.tables import cost_table, measured, overview
from reports.words import scientific
from tests.reports.synthetic import SEED_ERRORS, Writer, exact


@pytest.fixture(scope="module")
def heat(run_dir: Path) -> Section:
    return sections(reports.load(run_dir))[0]


def configuration(section: Section, label: str) -> Configuration:
    (found,) = [c for c in section.configurations if c.label == label]
    return found


def test_a_frame_has_one_row_per_record_and_parameters_as_columns(run_dir: Path) -> None:
    frame = reports.load(run_dir)
    assert len(frame) == len((run_dir / "records.jsonl").read_text(encoding="utf-8").splitlines())
    first = frame.iloc[0]
    assert (first["problem.T"], first["solver.cells"]) == (0.5, 10)
    assert first["total_s"] == pytest.approx(0.05 + first["solve_median"])


def test_seeds_form_one_configuration_with_quartiles(heat: Section) -> None:
    found = configuration(heat, "network · width = 20")
    spread = found.spread("error")
    assert (found.finished, found.failed) == (5, 0)
    assert spread == Spread(*(pytest.approx(v) for v in (3e-3, 2e-3, 4e-3, 1e-3, 1e-2)), count=5)  # type: ignore[arg-type]
    assert found.median("error") == pytest.approx(statistics.median(SEED_ERRORS))


def test_a_failed_seed_is_counted_and_half_of_them_make_it_unreliable(heat: Section) -> None:
    found = configuration(heat, "network · width = 50")
    assert (found.finished, found.failed, found.reliable) == (1, 1, False)
    assert found not in heat.of_family("neural")


def test_labels_hold_only_what_differs(heat: Section) -> None:
    labels = {c.label for c in heat.configurations}
    assert {"explicit · cells = 10, dt = 0.005", "implicit · dt = 0.1", "absent"} <= labels


def test_pareto_front_is_what_nothing_beats() -> None:
    points = [(1.0, 5.0), (2.0, 6.0), (3.0, 1.0), (2.5, 3.0), (3.0, 2.0), (4.0, 1.0)]
    assert [points[i] for i in pareto(points)] == [(1.0, 5.0), (2.5, 3.0), (3.0, 1.0)]


def test_cost_compares_the_fastest_of_each_family_at_equal_accuracy(heat: Section) -> None:
    at = {round(cost.accuracy, 8): cost for cost in costs(heat)}
    loose = at[1e-2]
    assert loose.classical is configuration(heat, "explicit · cells = 10, dt = 0.005")
    assert loose.neural is configuration(heat, "network · width = 20")
    assert loose.ratio == pytest.approx(22.0 / 1e-5)
    assert loose.total_ratio == pytest.approx((0.05 + 3.0 + 22.0) / (0.05 + 1e-5))
    assert at[1e-3].neural is None


def watched(folder: Path, errors: Sequence[float], ended: float) -> Section:
    """A network whose median error at four looks was `errors`, beside an integrator that takes 1 ms."""
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(folder)
    writer.add(decay, "integrator", exact(decay, 1e-9), solve_s=(1e-3,))
    for seed in range(3):
        trace = {
            "trace_iterations": np.array([1, 10, 100, 1000]),
            "trace_seconds": np.array([0.01, 0.1, 1.0, 10.0]),
            # Medians over seeds are those of the second one.
            "trace_errors": np.array(errors) * 2.0 ** (seed - 1),
        }
        common = {"family": "neural", "seed": seed, "arrays": trace, "solve_s": (10.0,), "compile_s": 3.0}
        writer.add(decay, "network", exact(decay, ended), **common)
    run = Run.open(writer.finish())
    (section,) = sections(reports.load(run.path))
    return dataclasses.replace(section, looks=training.looks(training.read(run, section)))


def test_training_that_was_watched_costs_as_much_as_it_took_to_get_there_for_good(tmp_path: Path) -> None:
    """The error dips below 1e-3 at 0.1 s, and stays below it from 10 s on; below 1e-1 it is after 0.01 s."""
    section = watched(tmp_path / "run", [5e-2, 5e-4, 5e-3, 2e-4], 2e-4)
    at = {round(math.log10(cost.accuracy)): cost for cost in costs(section)}
    assert [at[power].neural_s for power in (-1, -2, -3)] == [0.01, 0.1, 10.0]
    assert [at[power].ratio for power in (-1, -2, -3)] == pytest.approx([10.0, 100.0, 10_000.0])
    # Compilation is paid in full.
    assert at[-2].total_ratio == pytest.approx((0.05 + 3.0 + 0.1) / (0.05 + 1e-3))
    assert math.isnan(costs(section)[-1].neural_s)
    (row,) = [row for row in cost_table(costs(section), section).rows if row[0].text == "≤ 1e-2"]
    assert row[2].detail == "100 ms of 10.0 s (total 3.15 s)"
    plain = dataclasses.replace(section, looks={})
    assert {cost.neural_s for cost in costs(plain) if cost.neural} == {10.0}


def test_front_of_networks_follows_their_training_and_not_its_dips(tmp_path: Path) -> None:
    """With 3.05 s of set-up and compilation before it on the axis of total time."""
    section = watched(tmp_path / "run", [5e-2, 5e-4, 5e-3, 2e-4], 1e-3)
    network = configuration(section, "network")
    for work, before in (("solve_median", 0.0), ("total_s", 3.05)):
        times, errors = section.reached(network, work)
        assert times == pytest.approx([before + s for s in (0.01, 0.1, 1.0, 10.0, 10.0)])
        assert errors == pytest.approx([5e-2, 5e-3, 5e-3, 1e-3, 1e-3])


def test_what_training_came_to_on_its_way_does_not_count_where_it_ended_worse(tmp_path: Path) -> None:
    section = watched(tmp_path / "run", [5e-2, 5e-4, 5e-4, 5e-4], 5e-3)
    assert min(cost.accuracy for cost in costs(section) if cost.neural) == pytest.approx(1e-2)


def test_conclusions_name_winner_limit_spread_and_failed_seeds(heat: Section) -> None:
    text = " ".join(conclude(heat))
    assert "solves 2,200,000 times [2,000,000, 2,400,000] faster than the fastest network" in text
    assert "No network run here reached 1e-3" in text
    assert "differs by a factor of 10 between 5 seeds" in text
    assert "network · width = 50 failed on 1 of 2 seeds" in text


def test_a_win_of_a_network_is_said_as_plainly(run_dir: Path) -> None:
    (decay,) = [s for s in sections(reports.load(run_dir)) if s.problem == "decay"]
    assert (
        "the fastest network (network, 1.00 ms) solves 200 times faster than the fastest classical"
        in conclude(decay)[0]
    )


def test_error_beyond_the_domain_is_compared_with_that_inside(tmp_path: Path) -> None:
    """Relative errors of 1/1000 and 2/1000 inside; 1/2 and 1/5 beyond."""
    decay = problems.REGISTRY.get("decay").create({}, "s2")
    there = decay.reference(decay.further_points()["beyond"])
    writer = Writer(tmp_path / "run")
    for width, inside, outside in ((10, 1e-3, 0.5), (20, 2e-3, 0.2)):
        arrays = {"solution_beyond": there * (1.0 + outside)}
        common = {"family": "neural", "settings": {"width": width}, "arrays": arrays}
        writer.add(decay, "network", exact(decay, inside), **common)
    writer.add(decay, "integrator", exact(decay, 1e-9))
    run_dir = writer.finish()
    (section,) = sections(reports.load(run_dir))
    largest = [np.abs(decay.reference(points)).max() for points in (decay.points(), decay.further_points()["beyond"])]
    told = (
        "network · width = 10 has a relative L2 error of 1.00e-3; {}, beyond what it was trained on, 5.00e-1: "
        f"500 times more. Its largest absolute error is {scientific(1e-3 * largest[0])} inside, "
        f"{scientific(0.5 * largest[1])} there. "
        "Over the 2 configurations that were judged there, that ratio lies between 100 and 500."
    )
    assert f"Inside [0, 5], {told.format('on (5, 10]')}" in conclude(section, decay)
    assert f"Inside the domain, {told.format('beyond it')}" in conclude(section)
    table = measured(section)
    (at,) = [i for i, c in enumerate(table.columns) if c.title == "error beyond the domain"]
    assert [row[at].text for row in table.rows] == ["5.00e-1", "2.00e-1", ""]
    assert "outside the domain" in table.caption


def test_relative_errors_near_one_are_no_answer_to_compare(tmp_path: Path) -> None:
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(tmp_path / "run")
    writer.add(heat, "explicit", exact(heat, 1e-3))
    writer.add(heat, "network", exact(heat, 0.4), family="neural")
    (section,) = sections(reports.load(writer.finish()))
    assert [cost.ratio for cost in costs(section) if cost.neural] == []
    sentence, warning = conclude(section)
    assert warning.startswith("Few runs stand behind this: 1 classical and 1 neural configurations")
    best = "the most accurate one (network) stops at 4.00e-1"
    assert sentence.startswith(f"No network run here reached 1e-1 in the median over its seeds: {best}")


def test_where_nothing_works_the_report_says_so(tmp_path: Path) -> None:
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(tmp_path / "run")
    writer.add(heat, "explicit", exact(heat, 0.5))
    writer.add(heat, "network", exact(heat, 0.4), family="neural")
    (section,) = sections(reports.load(writer.finish()))
    assert conclude(section)[0] == "Nothing run here reached 1e-1."


@pytest.mark.parametrize("warned", [False, True])
def test_few_runs_are_warned_of_by_the_seeds_of_the_networks_that_are_named(tmp_path: Path, warned: bool) -> None:
    """Only the most accurate network is: where it has two seeds, three of the others do not help."""
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(tmp_path / "run")
    named = 10 if warned else 40
    for cells in (10, 20, 40):
        writer.add(heat, "explicit", exact(heat, 1e-2 / cells), settings={"cells": cells})
        for seed in range(3 if cells > 10 else 2):
            error = 1e-2 if cells == named else 0.4
            writer.add(heat, "network", exact(heat, error), family="neural", settings={"width": cells}, seed=seed)
    (section,) = sections(reports.load(writer.finish()))
    assert bool([sentence for sentence in conclude(section) if "Few runs" in sentence]) == warned


def test_a_section_without_networks_says_so(run_dir: Path) -> None:
    alone = sections(reports.load(run_dir))[2]
    assert conclude(alone) == ["No network was run here, so the families cannot be compared."]


def orbital_of(folder: Path, found: Array, values: Array) -> Section:
    """The d orbital with exact states, and with those that a network found."""
    orbital = problems.REGISTRY.get("schroedinger-radial").create()
    writer = Writer(folder)
    states = orbital.reference(orbital.points())
    for cells in (100, 200, 400):
        arrays = {"eigenvalues": orbital.eigenvalues() + 0.1 / cells}
        writer.add(orbital, "lapack", states, settings={"cells": cells}, arrays=arrays)
    for seed in range(3):
        writer.add(orbital, "network", found, family="neural", seed=seed, arrays={"eigenvalues": values})
    (section,) = sections(reports.load(writer.finish()))
    return section


@pytest.mark.parametrize("kind", ["zero", "permuted"])
def test_good_eigenvalues_without_their_functions_are_no_answer(tmp_path: Path, kind: str) -> None:
    """The zero function, whose energies of zero are off by 0.08, and exact energies of states in another order."""
    orbital = problems.REGISTRY.get("schroedinger-radial").create()
    states, energies = orbital.reference(orbital.points()), orbital.eigenvalues()
    found, values = (0.0 * states, 0.0 * energies) if kind == "zero" else (states[:, [1, 2, 0]], energies)
    section = orbital_of(tmp_path / "run", found, values)
    (network,) = [c for c in section.configurations if c.family == "neural"]
    assert (network.reliable, network.answers) == (True, False)
    assert network.median("relative_l2") > NO_ANSWER
    assert network.median("error") <= 0.08
    assert section.of_family("neural") == []
    assert most_accurate(section, "neural") is None
    assert all(cost.neural is None for cost in costs(section))
    told = conclude(section, orbital)
    assert told[0] == "The only network tried here, network, has no answer."
    assert told[1].startswith("Not an answer, since the median relative L2 error is above 0.5: network (1.")
    status = [(row[0].text, row[3].detail) for row in measured(section).rows]
    assert status[-1] == ("network", "no answer: the relative L2 error is above 0.5")
    assert [detail for _, detail in status[:-1]] == ["", "", ""]


def test_accuracies_that_cost_the_same_have_one_row_though_one_family_never_comes_there(tmp_path: Path) -> None:
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    for seed in range(3):
        for width, error, time in ((10, 1e-2, 1.0), (20, 2e-6, 9.0)):
            common = {"family": "neural", "seed": seed, "settings": {"width": width}, "solve_s": (time,)}
            writer.add(decay, "network", exact(decay, error), **common)
    (section,) = sections(reports.load(writer.finish()))
    assert [cost.accuracy for cost in costs(section)] == pytest.approx([1e-2, 1e-5])


@pytest.mark.parametrize("beside", [True, False])
def test_a_training_that_was_idle_is_nobody_s_best(tmp_path: Path, beside: bool) -> None:
    """Its guess of 3e-3 became 9e-3; another network comes to 4e-2, if there is one, by its training."""
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    writer.add(decay, "integrator", exact(decay, 1e-6))
    paths = {"idle": [3e-3, 5e-3, 9e-3], "trained": [0.9, 0.2, 4e-2]}
    for name in ("idle", "trained") if beside else ("idle",):
        trace = {"trace_iterations": np.arange(3), "trace_seconds": 1.0 * np.arange(3)}
        arrays = trace | {"trace_errors": np.array(paths[name])}
        writer.add(decay, name, exact(decay, paths[name][-1]), family="neural", arrays=arrays)
    run = Run.open(writer.finish())
    (section,) = sections(reports.load(run.path))
    section = dataclasses.replace(section, looks=training.looks(training.read(run, section)))
    best = most_accurate(section, "neural")
    assert best is not None
    assert best.name == ("trained" if beside else "idle")
    told = " ".join(conclude(section))
    assert ("the most accurate one (trained) stops at 4.00e-2" in told) == beside
    assert ("No network run here reached" in told) == beside
    assert "Training of idle ended at 9.00e-3, no nearer to the solution than its first guess." in told
    assert "Nothing run here reached" not in told


def test_rows_that_are_not_named_are_said_to_be_more(tmp_path: Path) -> None:
    """Nine of ten configurations come to the estimate, and eight rows are named at most."""
    inverse = problems.REGISTRY.get("heat-inverse").create()
    writer = Writer(tmp_path / "run")
    for cells in range(10):
        found = (1.0 if cells else 2.0) * inverse.estimate()[:, None]
        writer.add(inverse, "least-squares", found, settings={"cells": cells})
    folder = writer.finish()
    (chapter,) = compose(Run.open(folder)).chapters
    (conclusion,) = [one for one in chapter.parts[0].conclusions if "came to that estimate" in one.text]
    assert (conclusion.rows, conclusion.more) == (tuple(range(2, 10)), True)
    assert "(rows 2, 3, 4, 5, 6, 7, 8, 9, …)" in reports.render(folder)[1].read_text("utf-8")


def test_an_accuracy_that_zero_has_is_asked_of_no_eigenvalue(tmp_path: Path) -> None:
    """The smallest of the three is −0.0247 (E2): zero is within 1e-1, and 1e-2 is 40 % of it."""
    orbital = problems.REGISTRY.get("schroedinger-radial").create()
    section = orbital_of(tmp_path / "run", orbital.reference(orbital.points()), orbital.eigenvalues() + 1e-6)
    assert max(cost.accuracy for cost in costs(section)) == pytest.approx(1e-3)
    assert [max(m.reaches) for m in methods(section)] == pytest.approx([1e-3, 1e-3])


def test_what_rounding_leaves_of_a_large_eigenvalue_is_no_accuracy(tmp_path: Path) -> None:
    """Of two solvers at rounding the faster one is the most accurate: 2.8e-14 is one unit in the last place of 200."""
    matrix = problems.REGISTRY.get("symmetric-eigen").create({"n": 400, "seed": 0})
    writer = Writer(tmp_path / "run")
    for solver, time, ulps in (("slow", 1.0, 0.0), ("fast", 0.1, 1.0)):
        record = writer.add(matrix, solver, matrix.reference(matrix.points()), solve_s=(time,) * 3)
        record.metrics["eigenvalue_error"] = ulps * 2.84e-14
    (section,) = sections(reports.load(writer.finish()))
    best = most_accurate(section, "classical")
    assert best is not None
    assert best.name == "fast"
    assert [cost.accuracy for cost in costs(section)] == pytest.approx([1e-11])


@pytest.mark.parametrize(
    ("status", "said"), [("unsupported", "unsupported"), ("timeout", "timeout"), (None, "not run")]
)
def test_a_family_of_which_nothing_could_run_has_not_missed_anything(
    tmp_path: Path, status: str | None, said: str
) -> None:
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(tmp_path / "run")
    if status:
        writer.add(heat, "explicit", None, status=status, reason="says why")
    for seed in range(3):
        writer.add(heat, "network", exact(heat, 1e-3), family="neural", seed=seed)
    (section,) = sections(reports.load(writer.finish()))
    assert {row[1].detail for row in cost_table(costs(section), section).rows} == {said}
    assert overview([("heat", "heat", section)]).rows[0][2].detail == said


def test_a_network_that_lost_most_seeds_is_told_by_how_these_ended(tmp_path: Path) -> None:
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    writer = Writer(tmp_path / "run")
    writer.add(heat, "explicit", exact(heat, 1e-3))
    writer.add(heat, "network", exact(heat, 1e-3), family="neural", seed=0)
    writer.add(heat, "network", None, family="neural", seed=1, status="timeout", reason="600 s")
    (section,) = sections(reports.load(writer.finish()))
    said = "The only network tried here, network, did not finish on most of its seeds (timeout)."
    assert said in conclude(section)


@pytest.mark.parametrize(("horizon", "said"), [("published", True), ("converged", False)])
def test_what_a_flow_has_not_come_to_is_not_the_network_s_fault(tmp_path: Path, horizon: str, said: bool) -> None:
    """At t = 10 the flow of n = 6 is off by 2.678e-3, at its own horizon by rounding."""
    matrix = problems.REGISTRY.get("symmetric-eigen").create({"horizon": horizon, "which": -1}, "s1-6")
    flow = matrix.flow()
    end = flow.reference(np.array([[flow.final_time()]])).T
    writer = Writer(tmp_path / "run")
    writer.add(matrix, "lapack", matrix.reference(matrix.points()))
    for seed in range(3):
        found = end if said else matrix.reference(matrix.points()) + 1e-4 * np.sin(matrix.points())
        writer.add(matrix, "network", found, family="neural", seed=seed)
    (section,) = sections(reports.load(writer.finish()))
    told = [sentence for sentence in conclude(section, matrix) if sentence.startswith("The flow")]
    assert len(told) == said
    words = "has itself an absolute eigenvalue error of 2.68e-3 where it is stopped, at t = 10:"
    assert all(words in sentence for sentence in told)


def test_functions_that_are_right_count_with_their_eigenvalues(tmp_path: Path) -> None:
    orbital = problems.REGISTRY.get("schroedinger-radial").create()
    found = -3.0 * orbital.reference(orbital.points())
    section = orbital_of(tmp_path / "run", found, orbital.eigenvalues() + 1e-3)
    best = most_accurate(section, "neural")
    assert best is not None
    assert best.median("error") == pytest.approx(1e-3)
    assert not any("Not an answer" in sentence for sentence in conclude(section, orbital))


def test_parameters_that_are_far_off_are_no_answer(tmp_path: Path) -> None:
    inverse = problems.REGISTRY.get("heat-inverse").create()
    writer = Writer(tmp_path / "run")
    writer.add(inverse, "least-squares", inverse.estimate()[:, None])
    writer.add(inverse, "network", 1.62 * inverse.truth()[:, None], family="neural")
    (section,) = sections(reports.load(writer.finish()))
    assert [c.name for c in section.configurations if c.answers] == ["least-squares"]
    told = " ".join(conclude(section, inverse))
    assert "The only network tried here, network, has no answer." in told
    assert "network (6.20e-1)." in told


@pytest.mark.parametrize("count", [1, 3])
def test_configurations_at_the_estimate_are_counted_in_the_singular_and_the_plural(tmp_path: Path, count: int) -> None:
    inverse = problems.REGISTRY.get("heat-inverse").create()
    writer = Writer(tmp_path / "run")
    for cells in range(count):
        writer.add(inverse, "least-squares", inverse.estimate()[:, None], settings={"cells": cells})
    (section,) = sections(reports.load(writer.finish()))
    text = " ".join(conclude(section, inverse))
    words = "The only configuration judged here came" if count == 1 else "Of the 3 configurations judged here, 3 came"
    assert f"{words} to that estimate within a tenth of a standard error" in text
