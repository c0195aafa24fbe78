"""The course of training: what ends it, what is kept and noted, when points and weights change, who looks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from backends.base import Diverged, Watch
from backends.neural.torch_drivers import StepDriver
from backends.neural.weighting import balanced
from tests.backends.neural_cases import PROBLEMS, begin, flat, ready, solved

ENGINES = ["torch", "jax"]
PENALTY = {"constraint.kind": "penalty"}


@dataclass
class Recorder(Watch):
    """Remembers every look; its clock goes one second further each time it is read."""

    looks: list[int] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    now: float = 0.0

    def elapsed(self):
        self.now += 1.0
        return self.now

    def look(self, iteration, solution, findings=None):
        self.looks.append(iteration)
        self.values.append(solution(np.array([[0.5], [2.0]])))


def descent(rate, iterations, **parameters):
    """Plain descent on decay with a linear network, on which the loss is a quadratic of two parameters."""
    return {
        "network.widths": (),
        "optimizer.kind": "sgd",
        "optimizer.rate": rate,
        "iterations": iterations,
    } | parameters


def sharpest(session):
    """Rate beyond which plain descent on that quadratic diverges: 2 / the largest eigenvalue of 2 JᵀJ."""
    _, jacobian = session.jacobian_at(flat(session.layers))
    return 1.0 / np.linalg.eigvalsh(jacobian.T @ jacobian).max()


@pytest.mark.parametrize("engine", ENGINES)
def test_a_diverging_run_ends_soon_after_its_first_loss_that_is_not_finite(engine):
    judge = begin("torch", "decay", **descent(1.0, 1))
    rate = 3.0 * sharpest(judge)
    parameters, first = flat(judge.layers), 0
    with np.errstate(over="ignore", invalid="ignore"):
        while np.isfinite(judge.gradient_at(parameters)[0]).all():
            parameters = parameters - rate * judge.gradient_at(parameters)[1]
            first += 1
    # Iteration k + 1 begins with the parameters after k steps; far from the first check, and from the last.
    assert 100 < first + 1 < 1000
    session = ready(engine, "decay", **descent(rate, 5000))
    with pytest.raises(Diverged, match="not finite") as caught:
        session.solve()
    found = int(re.search(r"iteration (\d+) of 5000", str(caught.value)).group(1))
    # The engines round differently, by which the loss may pass the largest number an iteration apart.
    assert first <= found <= first + 100


@pytest.mark.parametrize("kind", ["lm", "ssbroyden", "lbfgs"])
def test_a_loss_that_is_not_finite_from_the_start_ends_every_optimizer(kind):
    session = ready("torch", "decay", **{"optimizer.kind": kind, "iterations": 500})
    session._initial[:] = np.nan
    with pytest.raises(Diverged, match=r"iteration (\d|[1-9]\d|100) of 500"):
        session.solve()


@pytest.mark.parametrize("kind", ["adam", "lm", "ssbroyden", "lbfgs"])
def test_the_best_parameters_are_those_with_the_smallest_loss_noted(kind):
    """A large rate makes Adam's loss rise and fall; it is noted at every iteration here."""
    how = {"optimizer.kind": kind, "iterations": 40} | (
        {"optimizer.rate": 0.5, "optimizer.decay": "constant"} if kind == "adam" else {}
    )
    session = solved("torch", "decay", **how)
    losses = session.facts()["loss_history"]
    kept = float(session.weights @ session.terms_at(session.get()))
    assert kept == pytest.approx(losses.min(), rel=1e-12)
    assert session.facts()["best_iteration"] == session.facts()["loss_iterations"][losses.argmin()]
    if kind == "adam":
        assert losses.argmin() < len(losses) - 1


def test_both_engines_keep_the_best_alike():
    """Plain descent beyond the largest stable rate: the loss only rises, so the initial parameters are the best."""
    judge = begin("torch", "decay", **descent(1.0, 1))
    rate, start = 1.2 * sharpest(judge), flat(judge.layers)
    for engine in ENGINES:
        session = solved(engine, "decay", **descent(rate, 12))
        assert (np.diff(session.facts()["loss_history"]) > 0.0).all()
        assert session.get() == pytest.approx(start, abs=1e-12)
        assert session.facts()["best_iteration"] == 1
    last = solved("torch", "decay", **descent(rate, 12, keep="last"))
    assert float(last.weights @ last.terms_at(last.get())) > last.facts()["loss_history"][-1]
    assert last.facts()["best_iteration"] == 12


def test_time_that_is_up_ends_training():
    """The clock is read once after each stretch; a limit of 2.5 seconds is passed at the third reading."""
    watch = Recorder()
    session = solved("torch", "decay", watch=watch, iterations=5000, time_limit=2.5)
    facts = session.facts()
    assert facts["stopped_by"] == "time"
    assert facts["iterations"] < 100
    assert watch.now == 3.0
    assert facts["loss_iterations"][-1] == facts["iterations"] == watch.looks[-1]


def test_time_that_is_up_ends_a_chain_in_its_first_stage():
    how = {"optimizer.kind": "chain", "optimizer.switch": (2000,), "iterations": 5000}
    session = solved("torch", "decay", watch=Recorder(), time_limit=2.5, **how)
    assert session.facts()["stopped_by"] == "time"
    assert session.facts()["iterations"] < 100


def test_training_without_progress_ends_when_patience_does():
    """Steps of 1e-12 leave the loss as it is: the first note is the only progress."""
    facts = solved("torch", "decay", **descent(1e-12, 200, patience=20)).facts()
    assert facts["stopped_by"] == "stagnation"
    assert facts["iterations"] == 21


def test_patience_shorter_than_the_distance_between_notes_waits_for_two_of_them():
    """Of 1000 iterations every fifth is noted."""
    facts = solved("torch", "decay", **descent(1e-12, 1000, patience=3)).facts()
    assert facts["stopped_by"] == "stagnation"
    assert facts["loss_iterations"].tolist() == [5, 10]
    how = {"patience": 3, "optimizer.rate": 1e-2, "optimizer.decay": "constant", "iterations": 1000}
    assert solved("torch", "decay", **how).facts()["iterations"] > 50


@pytest.mark.parametrize("engine", ENGINES)
def test_after_a_stage_without_progress_the_next_one_has_its_own_iterations(engine):
    how = {
        "optimizer.kind": "chain",
        "optimizer.first.kind": "sgd",
        "optimizer.first.rate": 1e-12,
        "optimizer.second.kind": "adam",
        "optimizer.second.rate": 0.01,
        "optimizer.second.decay": "constant",
        "optimizer.switch": (160,),
        "iterations": 200,
        "patience": 20,
    }
    facts = solved(engine, "decay", **how).facts()
    assert facts["iterations"] == 21 + 40
    assert facts["stopped_by"] == "iterations"
    assert facts["loss_history"][-1] < 0.9 * facts["loss_history"][20]


@pytest.mark.parametrize(
    ("engine", "how"),
    [
        ("torch", {"iterations": 137}),
        ("jax", {"iterations": 137}),
        ("torch", {"iterations": 26}),
        ("torch", {"iterations": 30, "optimizer.kind": "lm"}),
        ("torch", {"iterations": 30, "optimizer.kind": "ssbroyden"}),
        ("torch", {"iterations": 30, "optimizer.kind": "lbfgs"}),
        ("torch", {"iterations": 30, "optimizer.kind": "chain", "optimizer.switch": (11,)}),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("optimizer.kind", "adam"),
)
def test_somebody_may_look_from_the_first_iteration_to_the_last(engine, how):
    watch = Recorder()
    session = solved(engine, "decay", watch=watch, keep="last", **how)
    assert watch.looks[0] == 0
    assert watch.looks[-1] == session.facts()["iterations"]
    assert (np.diff(watch.looks) > 0).all()
    assert len(watch.looks) > 5
    # What is shown first is the untrained network, and last what training leaves.
    untrained = ready(engine, "decay", **how)
    untrained.restart()
    places = np.array([[0.5], [2.0]])
    assert (watch.values[0] == untrained.solution(places)).all()
    assert (watch.values[-1] == session.solution(places)).all()


def points_inside(session):
    return np.asarray(session.places[0]["points"])


RENEWED = {"points.count": 8, "points.every": 5, "iterations": 60, "keep": "last"}
ADAPTIVE = RENEWED | {"points.kind": "adaptive", "points.pool": 32}
SOBOL = RENEWED | {"points.kind": "sobol"}


@pytest.mark.parametrize("points", [ADAPTIVE, SOBOL], ids=["adaptive", "sobol"])
@pytest.mark.parametrize("kind", ["adam", "lbfgs", "ssbroyden", "lm"])
def test_every_optimizer_goes_on_where_points_are_renewed(kind, points):
    session = solved("torch", "eigen", **points | {"optimizer.kind": kind})
    first = begin("torch", "eigen", **points)
    assert not np.isclose(points_inside(session), points_inside(first)).all()
    losses = session.facts()["loss_history"]
    assert losses[-1] < 0.3 * losses[0]


def test_points_that_stay_to_the_end_do_not_interrupt_training(monkeypatch):
    """Of 1000 iterations every fifth is noted, and there are some twenty looks; the last points stay for a tenth."""
    stretches = []
    plain = StepDriver.advance

    def advance(self, count):
        stretches.append(count)
        return plain(self, count)

    monkeypatch.setattr(StepDriver, "advance", advance)
    session = solved("torch", "decay", **SOBOL | {"points.every": 100, "iterations": 1000})
    assert session.facts()["iterations"] == sum(stretches) == 1000
    assert 200 <= len(stretches) <= 230


CHAINED = {"optimizer.kind": "chain", "optimizer.first.kind": "lm", "optimizer.second.kind": "adam"}
CHAINED |= {"optimizer.third.kind": "ssbroyden", "optimizer.switch": (20, 40)}


@pytest.mark.parametrize(
    ("problem", "how"), [("eigen", ADAPTIVE | CHAINED), ("decay", PENALTY | SOBOL | {"optimizer.kind": "lbfgs"})]
)
def test_points_are_renewed_in_compiled_training_too(problem, how):
    session = ready("jax", problem, **how)
    session.prepare()
    first = points_inside(session)
    session.solve()
    assert not np.isclose(points_inside(session), first).all()
    facts = session.facts()
    assert facts["iterations"] == 60
    assert facts["stopped_by"] == "iterations"
    assert facts["loss_history"][-1] < 0.3 * facts["loss_history"][0]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_first_order_stage_may_follow_least_squares_on_fresh_points(engine):
    how = {"optimizer.kind": "chain", "optimizer.first.kind": "lm", "optimizer.second.kind": "adam"}
    how |= {"optimizer.switch": (6,), "iterations": 30, "points.kind": "uniform", "points.batch": 8}
    facts = solved(engine, "decay", **how).facts()
    assert facts["iterations"] == 30
    assert facts["loss_history"][-1] < 0.5 * facts["loss_history"][0]


BALANCED = PENALTY | {
    "constraint.balance.kind": "balanced",
    "constraint.balance.every": 10,
    "constraint.balance.memory": 0.25,
    "keep": "last",
}


@pytest.mark.parametrize("engine", ENGINES)
def test_balanced_weights_follow_the_gradients_at_that_iteration(engine):
    """After 10 of 11 steps the weights are renewed from the gradients there; the last step is taken with them."""
    how = BALANCED | {"optimizer.rate": 0.05, "optimizer.decay": "constant"}
    session = solved(engine, "decay", iterations=11, **how)
    at_update = solved("torch", "decay", iterations=10, **how | {"constraint.balance.every": 1000})
    norms = []
    for one in np.eye(2):
        at_update.reweigh(one)
        norms.append(np.linalg.norm(at_update.gradient_at(at_update.get())[1]))
    assert session.weights == pytest.approx(balanced(np.ones(2), np.array(norms), 0.25), rel=1e-8)
    assert not np.isclose(session.weights, 1.0).any()
    facts = session.facts()
    assert facts["loss_terms"].shape == (11, 2)
    # Each loss noted is that with the weights of its time.
    assert facts["loss_history"][:10] == pytest.approx(facts["loss_terms"][:10].sum(1), rel=1e-12)
    assert facts["loss_history"][10] == pytest.approx(facts["loss_terms"][10] @ session.weights, rel=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_can_be_balanced_where_points_are_drawn_anew(engine):
    """With all memory gone, at the only update, weights times norms are equal: those of points drawn inside."""
    how = BALANCED | {"points.kind": "uniform", "points.batch": 2000, "constraint.balance.memory": 0.0}
    session = solved(engine, "decay", iterations=11, **how | {"optimizer.rate": 1e-12})
    judge = begin("torch", "decay", **PENALTY | {"points.count": 2000})
    wanted = balanced(np.ones(2), judge.gradient_norms(), 0.0)
    # Two thousand random points against as many evenly spread ones.
    assert session.weights == pytest.approx(wanted, rel=0.1)


@pytest.mark.parametrize("kind", ["lm", "ssbroyden", "lbfgs"])
def test_host_optimizers_go_on_with_new_weights(kind):
    session = solved("torch", "decay", iterations=30, **BALANCED | {"optimizer.kind": kind})
    facts = session.facts()
    assert not np.isclose(session.weights, 1.0).any()
    assert facts["loss_terms"][-1].sum() < 0.1 * facts["loss_terms"][0].sum()


def test_a_batch_normalised_network_learns_initial_data_as_a_term():
    how = PENALTY | {"network.normalisation": "before", "points.count": 1024, "optimizer.kind": "ssbroyden"}
    session = solved("torch", "decay", iterations=150, **how | {"network.widths": (8,)})
    times = np.linspace(0.0, 5.0, 21)
    reference = PROBLEMS["decay"].reference(times[:, None])
    # The points are those from which statistics are taken afterwards.
    assert np.abs(session.solution(times[:, None]) - reference).max() < 0.01


def test_points_that_are_drawn_stay_in_the_box_after_others_were_put_in_their_place():
    """An optimizer on the host places its own points; what is drawn for the next stage must not be made of them."""
    session = begin("torch", "burgers", **{"points.kind": "uniform", "points.batch": 16})
    session._generator = np.random.default_rng(0)
    session.draw()
    series = session.series(torch.Generator().manual_seed(0))
    for _ in range(3):
        points = next(series)[0]["points"].numpy()
        assert abs(points[:, 0]).max() <= 1.0
        assert 0.0 <= points[:, 1].min() <= points[:, 1].max() <= 1.0
