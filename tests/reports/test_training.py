"""Training is shown from what was seen while it ran, failed seeds included."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import problems
import reports
from reports import accuracy, intervals, training
from reports.costs import costs
from reports.drawing import Palette
from reports.page import compose
from reports.run import Run
from reports.summary import Section, sections
from tests.reports.synthetic import SEED_ERRORS, Writer, exact

PALETTE = Palette({"network": "neural"})


def courses(run_dir: Path) -> list[training.Course]:
    return training.read(Run.open(run_dir), first_section(run_dir))


def first_section(run_dir: Path) -> Section:
    return sections(reports.load(run_dir))[0]


def write(folder: Path, *iterations: list[int]) -> Path:
    """One network, seeds that were looked at after these iterations, one second each, with errors 1 / iteration."""
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(folder)
    for seed, at in enumerate(iterations):
        looks = np.array(at)
        trace = {"trace_iterations": looks, "trace_seconds": 1.0 * looks, "trace_errors": (1 + seed) / looks}
        writer.add(decay, "network", exact(decay, 1e-2), family="neural", seed=seed, arrays=trace)
    return writer.finish()


def test_typical_path_is_the_median_over_seeds_at_each_look(run_dir: Path) -> None:
    typical = courses(run_dir)[0].typical()
    assert typical is not None
    assert typical[0] == pytest.approx(22.0 * np.array([0.001, 0.01, 0.1, 0.5, 1.0]))
    assert typical[1] == pytest.approx(np.median(SEED_ERRORS) * np.sqrt([1000, 100, 10, 2, 1]))


def test_a_seed_that_ended_stays_at_what_it_came_to(tmp_path: Path) -> None:
    """After 8 iterations errors are 1/3 (of the third one, where it ended), 2/8 and 3/8."""
    (course,) = courses(write(tmp_path / "run", [1, 2, 3], [1, 2, 4, 8], [1, 2, 4, 8]))
    looks = course.looks()
    assert looks is not None
    # Nobody else was looked at after three iterations; after four the first seed has ended.
    assert looks.iterations.tolist() == [1, 2, 4, 8]
    typical = course.typical()
    assert typical is not None
    assert typical[0] == pytest.approx([1.0, 2.0, 4.0, 8.0])
    assert typical[1] == pytest.approx([2.0, 1.0, 0.5, 1 / 3])


def test_the_last_look_is_at_the_parameters_that_were_kept(tmp_path: Path) -> None:
    """After the last iteration the error was 9e-3; the best parameters were restored, and looked at again."""
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    errors = np.array([3e-3, 2e-3, 1e-3, 9e-3, 1e-3])
    trace = {"trace_iterations": np.array([0, 1, 2, 3, 3]), "trace_seconds": np.arange(5.0), "trace_errors": errors}
    writer.add(decay, "network", exact(decay, 1e-3), family="neural", arrays=trace)
    (course,) = courses(writer.finish())
    looks = course.looks()
    assert looks is not None
    assert looks.errors.tolist() == [[3e-3, 2e-3, 1e-3, 1e-3]]
    assert not looks.idle(looks.errors).any()


def test_seeds_looked_at_after_different_iterations_have_no_median(tmp_path: Path) -> None:
    (course,) = found = courses(write(tmp_path / "run", [1, 2, 4], [1, 3, 5], [2, 3, 6]))
    assert course.typical() is None
    # Final errors are 1/4, 2/5 and 3/6: the second seed is the middle one.
    ((_, (_, errors)),) = training.behind(found)
    assert errors[-1] == pytest.approx(2 / 5)
    assert training.trajectories(found, "relative_l2", PALETTE, "figure")


GUESSED = {"trace_iterations": np.arange(4), "trace_seconds": 10.0 * np.arange(4)}


def trained(folder: Path, errors: list[float]) -> Path:
    """A network with these errors before the first of three iterations and after each, beside an integrator."""
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(folder)
    writer.add(decay, "integrator", exact(decay, 1e-6))
    arrays = GUESSED | {"trace_errors": np.array(errors)}
    writer.add(decay, "network", exact(decay, errors[-1]), family="neural", solve_s=[30.0], arrays=arrays)
    return writer.finish()


def test_a_first_guess_is_no_work_of_training(tmp_path: Path) -> None:
    """What is reached is what training makes of it, and only once that is better for good."""
    folder = trained(tmp_path / "run", [3e-3, 5e-3, 2e-3, 1e-3])
    section = first_section(folder)
    section = dataclasses.replace(section, looks=training.looks(training.read(Run.open(folder), section)))
    ((_, found),) = section.ways.values()
    assert found.tolist() == [np.inf, np.inf, 2e-3, 1e-3]
    network = section.of_family("neural")[0]
    # The guess was within 1e-2 and training left it; 2e-3 after two thirds of the time is what training found.
    assert [section.seconds_to(network, accuracy) for accuracy in (1e-2, 2e-3, 1e-3, 1e-4)] == [20, 20, 30, np.inf]
    expected = pytest.approx([np.inf, np.inf, 2e-3, 1e-3, 1e-3])
    assert section.reached(network, "solve_median")[1].tolist() == expected


def test_what_training_did_not_bring_about_is_reached_by_nobody(tmp_path: Path) -> None:
    """The guess of 3e-3 was within 1e-2, and so is the end of 9e-3, which is worse."""
    folder = trained(tmp_path / "run", [3e-3, 1e-3, 8e-3, 9e-3])
    section = first_section(folder)
    section = dataclasses.replace(section, looks=training.looks(training.read(Run.open(folder), section)))
    network = section.of_family("neural")[0]
    assert section.seconds_to(network, 1e-2) == np.inf
    assert np.isinf(section.reached(network, "solve_median")[1]).all()
    assert np.isinf(intervals.drawn(section, network)[1]).all()
    assert all(cost.neural is None for cost in costs(section))
    assert [m.solver for m in accuracy.methods(section) if m.reaches] == ["integrator"]


@pytest.mark.parametrize(("last", "said"), [(9e-3, True), (2e-3, False)])
def test_training_that_ends_no_nearer_than_it_began_is_told(tmp_path: Path, last: float, said: bool) -> None:
    folder = trained(tmp_path / "run", [3e-3, 1e-3, 8e-3, last])
    sentence = "Training of network ended at 9.00e-3, no nearer to the solution than its first guess."
    assert (sentence in reports.render(folder)[1].read_text("utf-8")) == said


def test_failed_seeds_are_drawn_and_counted(run_dir: Path) -> None:
    found = courses(run_dir)
    assert [len(course.failed) for course in found] == [0, 1, 1]
    (blown,) = found[2].paths()[1]
    assert blown[1].tolist() == [0.5, 0.3, 0.9]
    figure = training.trajectories(found, "relative_l2", PALETTE, "figure")
    assert figure
    assert figure.caption.endswith("Seeds that failed: network · width = 50 1 of 2; network · width = 90 1 of 1.")


def test_diverged_training_without_a_solution_is_not_called_damaged(run_dir: Path) -> None:
    assert not [note for note in compose(Run.open(run_dir)).notes if "missing or damaged" in note]


def test_terms_of_the_loss_carry_their_names(run_dir: Path) -> None:
    figure = training.terms(courses(run_dir), "figure")
    assert figure
    assert ">residual<" in figure.svg
    assert ">initial value<" in figure.svg


def test_nothing_is_drawn_where_nothing_was_kept(tmp_path: Path) -> None:
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    writer.add(decay, "network", exact(decay, 1e-2), family="neural")
    found = courses(writer.finish())
    assert training.trajectories(found, "relative_l2", PALETTE, "a") is None
    assert training.losses(found, PALETTE, "b") is None
    assert training.terms(found, "c") is None
    assert training.behind(found) == []


def test_arrays_that_do_not_fit_together_are_left_out(tmp_path: Path) -> None:
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    odd = {"trace_iterations": np.arange(3), "trace_seconds": np.arange(3.0), "trace_errors": np.full(4, np.nan)}
    odd |= {"loss_iterations": np.arange(5), "loss_history": np.full(5, np.nan), "loss_terms": np.ones(7)}
    writer.add(decay, "network", exact(decay, 1e-2), family="neural", arrays=odd)
    found = courses(writer.finish())
    assert training.trajectories(found, "relative_l2", PALETTE, "a") is None
    assert training.losses(found, PALETTE, "b") is None
    assert training.terms(found, "c") is None


def test_only_the_most_accurate_of_many_configurations_are_drawn(tmp_path: Path) -> None:
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    for width in range(15):
        arrays = {"loss_iterations": np.array([1, 2]), "loss_history": np.array([2.0, 1.0])}
        common = {"family": "neural", "settings": {"width": width}, "arrays": arrays}
        writer.add(decay, "network", exact(decay, 0.1 * (width + 1)), **common)
    figure = training.losses(courses(writer.finish()), PALETTE, "figure")
    assert figure
    assert "Of 15 configurations the 12 most accurate ones are shown." in figure.caption
    assert "width = 11:" in figure.svg
    assert "width = 12:" not in figure.svg


def test_fault_in_looking_is_told_to_the_reader(tmp_path: Path) -> None:
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    fault = "iteration 7: ValueError: no such point"
    writer.add(decay, "network", exact(decay, 1e-2), family="neural", facts={"look_failure": fault})
    assert any(fault in note for note in compose(Run.open(writer.finish())).notes)


def test_report_holds_the_training_figures_and_paths_behind_the_points(run_dir: Path) -> None:
    part = compose(Run.open(run_dir)).chapters[0].parts[0]
    names = [figure.name.rpartition("-")[2] for figure in part.figures]
    assert {"training", "loss", "terms"} <= set(names)
    (solve, _), (total, _) = part.work
    assert "while it was trained" in solve.caption
    assert "while it was trained" not in total.caption


def test_losses_below_zero_are_drawn_above_their_smallest(tmp_path: Path) -> None:
    """An energy falls to −2.5: no part of the curve may vanish from the logarithmic axis without a word."""
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    history = np.array([4.0, -1.5, -2.4, -2.5])
    arrays = {
        "loss_iterations": np.array([1, 10, 100, 1000]),
        "loss_history": history,
        "loss_terms": np.stack([history - 1.0, np.full(4, 1.0)], axis=1),
    }
    for seed in (0, 1):
        writer.add(decay, "network", exact(decay, 1e-2), family="neural", seed=seed, arrays=arrays)
    found = courses(writer.finish())
    (good, _), base = training._raised(found[0].losses())
    assert base == -2.5
    assert [loss.tolist() for _, loss in good] == [pytest.approx([6.5, 1.0, 0.1, 0.0])] * 2
    drawn = training.losses(found, PALETTE, "a")
    assert drawn
    assert "less the smallest of all that were noted" in drawn.caption
    assert "less its smallest" in drawn.svg
    parts = training.terms(found, "b")
    assert parts
    assert training._lifted(found[0].finished[0]) == [(0, -2.5), (1, -3.5)]
    assert "less its smallest value, which the title gives" in parts.caption


def test_positive_losses_are_drawn_as_they_are(tmp_path: Path) -> None:
    decay = problems.REGISTRY.get("decay").create()
    writer = Writer(tmp_path / "run")
    arrays = {"loss_iterations": np.array([1, 2]), "loss_history": np.array([2.0, 1.0])}
    writer.add(decay, "network", exact(decay, 1e-2), family="neural", arrays=arrays)
    found = courses(writer.finish())
    assert training._raised(found[0].losses())[1] is None
    drawn = training.losses(found, PALETTE, "a")
    assert drawn
    assert "less" not in drawn.caption
