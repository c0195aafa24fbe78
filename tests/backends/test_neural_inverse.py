"""Parameters trained beside a network: the loss at given parameters, its gradient, training, and refusals."""

from __future__ import annotations

import numpy as np
import pytest

from backends.neural.pointsets import PointSet
from problems import REGISTRY, InputError
from tests.backends.neural_cases import ENGINES, PENALTY, begin, jax_view, ready, shaken, solved, torch_view
from tests.backends.test_neural_terms import agree
from tests.plugins.parameters import Front, Slab

HEAT = REGISTRY.get("heat-inverse")
TWO = HEAT.create({}, "two")

CASES = {
    "trial": (TWO, {}),
    "one, trial": (HEAT.create(), {"points.kind": "chebyshev", "points.counts": (3, 4), "observation_weight": 2.5}),
    "penalty": (TWO, PENALTY | {"observation_weight": 2.5}),
    "moving values": (Front(), PENALTY),
    "steady": (Slab(), {}),
}
NAMED = pytest.mark.parametrize("case", CASES)


@NAMED
def test_both_engines_have_the_same_blocks_loss_and_gradient(case):
    problem, parameters = CASES[case]
    session = begin("torch", problem, **parameters)
    on_torch, on_jax = torch_view(session), jax_view(begin("jax", problem, **parameters))
    assert session.formulation.term_names[-1].startswith("observation")
    for found, wanted in zip(on_jax["blocks"], on_torch["blocks"], strict=True):
        agree(found, wanted)
    agree(on_jax["terms"], on_torch["terms"])
    agree(on_jax["gradient"], on_torch["gradient"])


@NAMED
def test_gradient_with_respect_to_the_parameters_is_that_of_differences(case):
    problem, parameters = CASES[case]
    session = begin("torch", problem, **parameters)
    start, h = shaken(session), 1e-5
    gradient = session.gradient_at(start)[1]
    for k in range(1, len(problem.unknowns()) + 1):
        move = np.zeros(len(start))
        move[-k] = h
        change = session.weights @ (session.terms_at(start + move) - session.terms_at(start - move)) / (2 * h)
        assert gradient[-k] == pytest.approx(change, rel=1e-6, abs=1e-9)
        assert abs(gradient[-k]) > 1e-6


@NAMED
def test_equation_is_the_one_with_the_present_parameters(case):
    """Residual and conditions are those of a network for the equation with these parameters given."""
    problem, parameters = CASES[case]
    session = begin("torch", problem, **parameters)
    start = shaken(session)
    theta = session.formulation.stands_for(start[-len(problem.unknowns()) :])
    bounds = problem.unknowns()
    assert all(u.lower < value < u.upper for u, value in zip(bounds, theta, strict=True))
    assert np.abs(theta - [u.guess for u in bounds]).min() > 1e-3
    plain = {name: value for name, value in parameters.items() if name != "observation_weight"}
    known = begin("torch", problem.forward(theta), **plain)
    session.put(start)
    known.put(start[: -len(theta)])
    blocks = session.formulation.blocks(session.network(session.parameters), *session.places)
    wanted = known.formulation.blocks(known.network(known.parameters), *known.places)
    assert len(blocks) == len(wanted) + 1
    for found, block in zip(blocks, wanted, strict=False):
        agree(found.detach(), block.detach(), 1e-12)
    values = known.solution(problem.observations()[0])
    agree(blocks[-1].detach().numpy().T, values - problem.observations()[1], 1e-12)


@pytest.mark.parametrize("engine", ENGINES)
def test_training_starts_at_the_first_guess_and_keeps_to_the_bounds(engine):
    session = begin(engine, TWO)
    found = session.formulation.answer(None, session.formulation.coefficients, TWO.points())
    assert found[:, 0] == pytest.approx([0.5, 2.0], rel=1e-14)
    far = session.formulation.stands_for(np.array([-30.0, 30.0]))
    assert far == pytest.approx([0.01, 5.0], rel=1e-14)


def test_the_true_parameters_and_the_exact_solution_leave_the_noise_alone():
    session = begin("torch", TWO, **{"points.count": 40})
    form, exact = session.formulation, TWO.forward(TWO.truth()).exact
    form.trial = lambda ops, z: (exact(ops, z[:1], z[1]), 0.0)
    session.places = tuple(session._place(session.tensor(s.base), inside=k == 0) for k, s in enumerate(session.sets))
    start = shaken(session)
    truth = (TWO.truth() - form._middle) / form._half
    start[-2:] = np.arctanh(truth)
    values = TWO.observations()[1]
    noise = float(((values - TWO.prediction(TWO.truth())) ** 2).mean())
    assert session.terms_at(start) == pytest.approx([0.0, noise], rel=1e-10, abs=1e-20)
    start[-2] += 0.1
    assert session.terms_at(start)[0] > 1e-3


@pytest.mark.parametrize("problem", [HEAT.create(), TWO], ids=["one", "two"])
@pytest.mark.parametrize("engine", ENGINES)
def test_training_finds_the_parameters_far_below_the_standard_error(engine, problem):
    """The weight of the observations leaves a bias of a twentieth of it; the rest is what training has not done."""
    session = solved(
        engine,
        problem,
        **{"network.widths": (12, 12), "points.kind": "chebyshev", "points.counts": (16,)},
        **{"optimizer.kind": "ssbroyden", "iterations": 400},
    )
    found = problem.measures(session.solution(problem.points()))
    assert found["estimate_error_in_standard_errors"] < 0.3
    facts = session.facts()
    history = facts["coefficient_history"]
    assert history.shape == (len(facts["loss_iterations"]), len(problem.unknowns()))
    assert history[-1] == pytest.approx(session.solution(problem.points())[:, 0], rel=1e-3)
    assert facts["unknowns"] == 2 * 12 + 12 + 12 * 12 + 12 + 12 + 1 + len(problem.unknowns())


def test_lighter_observations_bring_the_estimate_nearer_to_the_exact_one():
    errors = []
    for weight in (10.0, 1.0):
        session = solved(
            "jax",
            HEAT.create(),
            **{"network.widths": (12, 12), "points.kind": "chebyshev", "points.counts": (16,)},
            **{"optimizer.kind": "ssbroyden", "iterations": 600, "observation_weight": weight},
        )
        errors.append(HEAT.create().measures(session.solution(np.zeros((1, 1))))["estimate_error"])
    assert errors[0] > 3.0 * errors[1]


@pytest.mark.parametrize("engine", ENGINES)
def test_observations_stay_while_other_points_are_drawn_anew(engine):
    drawn = {"points.kind": "uniform", "points.batch": 5, "iterations": 3, "constraint.kind": "penalty"}
    session = solved(engine, TWO, **drawn)
    assert np.isfinite(session.facts()["final_loss"])
    points = TWO.observations()[0]
    assert isinstance(session.conditions, PointSet)
    for seed in (0, 1):
        laid = session.conditions.drawn(np.random.default_rng(seed))
        assert np.array_equal(laid[-len(points) :], points)
    renewed = session.formulation.renewed_conditions(np.random.default_rng(2))
    assert renewed.shape == laid.shape
    assert np.array_equal(renewed[-len(points) :], points)
    assert not np.array_equal(renewed[: -len(points)], laid[: -len(points)])


def test_points_of_many_iterations_carry_their_observations():
    session = begin("torch", TWO, **{"points.kind": "uniform", "points.batch": 5, "constraint.kind": "penalty"})
    n, values = len(session.conditions), TWO.observations()[1]
    place = session._place(session.tensor(np.tile(session.conditions.base, (3, 1))), inside=False)
    observed = place["observed"].numpy().reshape(3, n, 1)
    assert np.array_equal(observed[:, -len(values) :], np.stack([values] * 3))


@pytest.mark.parametrize("engine", ENGINES)
def test_what_cannot_train_parameters_is_refused_in_words(engine):
    cls = ENGINES[engine]
    assert "trained beside the network" in str(cls.create({"optimizer": "lm"}).unsupported(TWO))
    assert "set constraint.kind=penalty" in str(cls.create({}).unsupported(Front()))
    assert cls.create({"constraint": "penalty"}).unsupported(Front()) is None
    balanced = {"constraint.kind": "penalty", "constraint.balance": "balanced"}
    assert "leave constraint.balance out" in str(cls.create(balanced).unsupported(Front()))
    assert "no trial function" in str(cls.create({"constraint.form": "published"}).unsupported(TWO))
    assert "vanish almost everywhere" in str(cls.create({"network.activation": "relu"}).unsupported(TWO))
    assert "no energy" in str(cls.create({"objective": "energy"}).unsupported(TWO))
    with pytest.raises(InputError, match=r"points\.kind=adaptive"):
        cls.create({"points": "adaptive"}).validate(TWO)


def test_weight_of_observations_that_there_are_none_of_is_refused():
    with pytest.raises(InputError, match="'observation_weight' is 2, and heat-1d has no observations"):
        ENGINES["jax"].create({"observation_weight": 2.0}).validate(REGISTRY.get("heat-1d").create())


def test_both_engines_take_the_same_first_step():
    sessions = [ready(engine, TWO, **{"points.kind": "sobol", "points.count": 16}) for engine in ENGINES]
    for session in sessions:
        session.solve()
    assert sessions[0].get() == pytest.approx(sessions[1].get(), abs=1e-8)
    assert sessions[0].coefficients == pytest.approx(sessions[1].coefficients, abs=1e-8)
