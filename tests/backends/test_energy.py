"""The energy is the declared equation's own: its minimum is the solution, in both engines."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from backends.jax_pinn import JaxPINN
from backends.neural.collocation import Gauss
from backends.neural.residual import Network
from backends.neural.training import Log
from problems import REGISTRY
from problems.parameters import InputError
from tests.backends.neural_cases import PROBLEMS, begin, shaken, solved

jax.config.update("jax_enable_x64", True)

GAUSS = {"objective": "energy", "points.kind": "gauss", "points.counts": (12,)}
QUICK = {**GAUSS, "network.widths": (12, 12), "optimizer.kind": "ssbroyden", "iterations": 300}


def energy_of(session, function):
    """The loss with `function(x, y)` in place of the network."""
    form = session.formulation

    def jets(place, orders):
        points = place["points"]
        value = jax.vmap(lambda p: function(*p))(points)
        slopes = jax.vmap(jax.grad(lambda p: function(*p)))(points).T
        return jnp.concatenate([value[None], slopes[: orders.first]])[..., None]

    places = [form.prepare(jnp.asarray(s.base), inside=k == 0) for k, s in enumerate(session.sets) if s is not None]
    return form.loss(Network(jets), places[0], places[1] if len(places) > 1 else None, session.weights)


@pytest.mark.parametrize("d", [1, 2])
def test_energy_of_a_product_of_sines_is_that_of_the_integral(d):
    """∫ ½|∇u|² − f u = −½ ∫ f u = −½ d π² 2^{−d} for f = d π² u, u = Π sin πxᵢ."""
    poisson = REGISTRY.get("poisson").create({"d": d})
    session = begin("jax", poisson, **GAUSS, **{"constraint.kind": "penalty"})

    def sines(*x):
        return jnp.prod(jnp.sin(jnp.pi * jnp.stack(x)))

    _, terms = energy_of(session, sines)
    assert float(terms[0]) == pytest.approx(-0.5 * d * np.pi**2 * 0.5**d, abs=1e-12)
    assert np.asarray(terms[1:]) == pytest.approx(np.zeros(2 * d), abs=1e-25)


def test_first_variation_vanishes_at_the_solution_and_the_second_is_positive():
    """With a varying κ, a source that is cubic in u, and heat let in through a face where the variation is free."""
    session = begin("jax", "membrane", **GAUSS, **{"constraint.kind": "penalty"})

    def varied(eps):
        # The variation vanishes on the three Dirichlet faces, not on x = 1.
        def function(x, y):
            return jnp.sin(x + 2.0 * y) + eps * x * jnp.sin(jnp.pi * y) * jnp.exp(y)

        return float(energy_of(session, function)[0])

    eps = 1e-3
    first, second = (
        (varied(eps) - varied(-eps)) / (2.0 * eps),
        (varied(eps) - 2.0 * varied(0.0) + varied(-eps)) / eps**2,
    )
    assert abs(first) < 1e-6
    assert second > 1.0


def test_variation_at_something_else_does_not_vanish():
    """Otherwise the test above would say nothing."""
    session = begin("jax", "membrane", **GAUSS, **{"constraint.kind": "penalty"})

    def varied(eps):
        return float(energy_of(session, lambda x, y: jnp.sin(x + 2.0 * y) + (0.1 + eps) * x * jnp.sin(jnp.pi * y))[0])

    assert abs(varied(1e-3) - varied(-1e-3)) / 2e-3 > 0.05


@pytest.mark.parametrize("constraint", ["trial", "penalty"])
@pytest.mark.parametrize("problem", ["membrane", "poisson"])
def test_both_engines_have_the_same_energy_and_gradient(problem, constraint):
    parameters = {**GAUSS, "constraint.kind": constraint}
    on_torch, on_jax = (begin(engine, problem, **parameters) for engine in ("torch", "jax"))
    on_torch.put(shaken(on_torch))
    loss, terms = on_torch.loss(on_torch.parameters, on_torch.places)
    gradient = torch.autograd.grad(loss, on_torch.parameters)[0].numpy()
    places = tuple(None if s is None else on_jax.placing(k)(jnp.asarray(s.base)) for k, s in enumerate(on_jax.sets))
    (_, other_terms), other = jax.value_and_grad(on_jax.loss, has_aux=True)(
        jnp.asarray(shaken(on_jax)), places, on_jax.term_weights
    )
    assert len(terms) == len(on_torch.formulation.term_names)
    np.testing.assert_allclose(terms.detach().numpy(), np.asarray(other_terms), rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(gradient, np.asarray(other), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("engine", "problem", "cap"), [("jax", "poisson", 2e-5), ("torch", "poisson", 2e-5), ("jax", "membrane", 1e-5)]
)
def test_training_on_the_energy_finds_the_solution(engine, problem, cap):
    """Caps are some three times the errors seen; the energy never falls below its minimum by more than rounding."""
    session = solved(engine, problem, **QUICK)
    points = PROBLEMS[problem].points()
    reference = PROBLEMS[problem].reference(points)
    assert np.linalg.norm(session.solution(points) - reference) < cap * np.linalg.norm(reference)
    if problem == "poisson":
        assert -1e-9 < session.facts()["final_loss"] + np.pi**2 / 4.0 < 1e-6


def test_gauss_points_integrate_polynomials_exactly():
    lower, upper = np.array([0.0, -1.0]), np.array([2.0, 3.0])
    points, kind = Gauss(counts=(4, 3)).within(lower, upper).base, Gauss(counts=(4, 3))
    assert points.shape == (12, 2)
    weights = kind.weights(lower, upper)
    assert weights.mean() == pytest.approx(1.0, rel=1e-14)
    # Means of x⁷ over (0, 2) and y⁵ over (−1, 3): 2⁷/8 and (3⁶ − 1)/(6 · 4).
    assert (weights * points[:, 0] ** 7 * points[:, 1] ** 5).mean() == pytest.approx(16.0 * 728.0 / 24.0, rel=1e-12)


def test_points_of_a_face_lie_on_it():
    face = Gauss(counts=(4,)).within(np.array([0.0, 1.0]), np.array([2.0, 1.0])).base
    assert face.shape == (4, 2)
    assert (face[:, 1] == 1.0).all()


@pytest.mark.parametrize(
    ("problem", "parameters", "words"),
    [
        ("heat", {}, "has time"),
        ("decay", {}, "has no energy"),
        ("reactor", {}, "has time"),
    ],
)
def test_equations_without_a_minimum_are_refused_in_words(problem, parameters, words):
    reason = JaxPINN.create({"objective": "energy", **parameters}).unsupported(PROBLEMS[problem])
    assert reason is not None
    assert words in reason


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"optimizer.kind": "lm"}, "optimizer lm needs a sum of squares"),
        ({"points.kind": "adaptive"}, "points.kind=adaptive follow a residual"),
    ],
)
def test_what_needs_a_residual_at_each_point_is_refused(parameters, words):
    with pytest.raises(InputError, match=words):
        JaxPINN.create({"objective": "energy", **parameters}).validate(PROBLEMS["poisson"])


def test_progress_of_a_loss_below_zero_is_a_fall():
    log = Log()
    for iteration, loss in enumerate((-1.0, -0.995, -1.005, -1.5), 1):
        log.note(iteration, loss, np.array([loss]))
    assert (log.progress, log.progress_iteration) == (-1.5, 4)
    log.note(5, -1.49, np.array([-1.49]))
    assert log.progress_iteration == 4
