"""The energy is the declared equation's own: its minimum is the solution, in both engines."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch

from backends.jax_pinn import JaxPINN
from backends.neural.calculus import Network
from backends.neural.tensor_points import Chebyshev, Gauss, Grid, JitteredGrid
from problems import REGISTRY
from problems.base import Dirichlet
from problems.parameters import InputError
from tests.backends.neural_cases import PROBLEMS, begin, shaken, solved
from tests.backends.neural_problems import Membrane

jax.config.update("jax_enable_x64", True)

GAUSS = {"objective": "energy", "points.kind": "gauss", "points.counts": (12,)}
QUICK = {**GAUSS, "network.widths": (12, 12), "optimizer.kind": "ssbroyden", "iterations": 300}


def energy_of(session, function):
    """The loss of `function(x, y)` as it is, whether it meets the Dirichlet conditions or not."""
    form = session.formulation
    form.trial = None

    def jets(place, orders):
        points = place["points"]
        value = jax.vmap(lambda p: function(*p))(points)
        slopes = jax.vmap(jax.grad(lambda p: function(*p)))(points).T
        return jnp.concatenate([value[None], slopes[: orders.first]])[..., None]

    places = [form.prepare(jnp.asarray(s.base), inside=k == 0) for k, s in enumerate(session.sets) if s is not None]
    return form.loss(Network(jets), places[0], places[1] if len(places) > 1 else None, session.weights)


@pytest.mark.parametrize("points", [("gauss", 12, 1e-12), ("chebyshev", 20, 1e-12), ("grid", 9, 1e-12)])
@pytest.mark.parametrize("d", [1, 2])
def test_energy_of_a_product_of_sines_is_that_of_the_integral(d, points):
    """∫ ½|∇u|² − f u = −½ ∫ f u = −½ d π² 2^{−d} for f = d π² u, u = Π sin πxᵢ.

    The trapezoidal rule is exact here as well: the integrand has a whole number of periods.
    """
    poisson = REGISTRY.get("poisson").create({"d": d})
    kind, count, tolerance = points
    session = begin("jax", poisson, **{"objective": "energy", "points.kind": kind, "points.counts": (count,)})

    def sines(*x):
        return jnp.prod(jnp.sin(jnp.pi * jnp.stack(x)))

    loss, _ = energy_of(session, sines)
    assert float(loss) == pytest.approx(-0.5 * d * np.pi**2 * 0.5**d, abs=tolerance)


@pytest.mark.parametrize("kind", ["gauss", "chebyshev"])
def test_first_variation_vanishes_at_the_solution_and_the_second_is_positive(kind):
    """With a varying κ, a source that is cubic in u, and heat let in through a face where the variation is free."""
    session = begin("jax", "membrane", **(GAUSS | {"points.kind": kind}))

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
    session = begin("jax", "membrane", **GAUSS)

    def varied(eps):
        return float(energy_of(session, lambda x, y: jnp.sin(x + 2.0 * y) + (0.1 + eps) * x * jnp.sin(jnp.pi * y))[0])

    assert abs(varied(1e-3) - varied(-1e-3)) / 2e-3 > 0.05


@pytest.mark.parametrize("problem", ["membrane", "poisson"])
def test_both_engines_have_the_same_energy_and_gradient(problem):
    on_torch, on_jax = (begin(engine, problem, **GAUSS) for engine in ("torch", "jax"))
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
    ("engine", "problem", "changes", "cap"),
    [
        ("jax", "poisson", {}, 2e-5),
        ("torch", "poisson", {}, 2e-5),
        ("jax", "membrane", {}, 1e-5),
        ("jax", "poisson", {"points.kind": "chebyshev", "points.counts": (16,)}, 2e-5),
    ],
)
def test_training_on_the_energy_finds_the_solution(engine, problem, changes, cap):
    """Caps are some three times the errors seen; the energy never falls below its minimum by more than rounding."""
    session = solved(engine, problem, **(QUICK | changes))
    points = PROBLEMS[problem].points()
    reference = PROBLEMS[problem].reference(points)
    assert np.linalg.norm(session.solution(points) - reference) < cap * np.linalg.norm(reference)
    if problem == "poisson":
        assert -1e-9 < session.facts()["final_loss"] + np.pi**2 / 4.0 < 1e-6


@pytest.mark.parametrize("engine", ["torch", "jax"])
def test_single_precision_finds_the_solution_as_far_as_it_goes(engine):
    session = solved(engine, "poisson", precision="float32", **(QUICK | {"iterations": 100}))
    points = PROBLEMS["poisson"].points()
    reference = PROBLEMS["poisson"].reference(points)
    assert np.linalg.norm(session.solution(points) - reference) < 1e-2 * np.linalg.norm(reference)
    assert session.facts()["final_loss"] == pytest.approx(-(np.pi**2) / 4.0, rel=1e-4)


def test_gauss_points_integrate_polynomials_exactly():
    lower, upper = np.array([0.0, -1.0]), np.array([2.0, 3.0])
    points, kind = Gauss(counts=(4, 3)).within(lower, upper).base, Gauss(counts=(4, 3))
    assert points.shape == (12, 2)
    weights = kind.weights(lower, upper)
    assert weights.mean() == pytest.approx(1.0, rel=1e-14)
    # Means of x⁷ over (0, 2) and y⁵ over (−1, 3): 2⁷/8 and (3⁶ − 1)/(6 · 4).
    assert (weights * points[:, 0] ** 7 * points[:, 1] ** 5).mean() == pytest.approx(16.0 * 728.0 / 24.0, rel=1e-12)


@pytest.mark.parametrize("count", [2, 5, 8])
@pytest.mark.parametrize("kind", [Chebyshev, lambda counts: Chebyshev(counts=counts, ends=True)], ids=["roots", "ends"])
def test_weights_of_chebyshev_points_integrate_polynomials_below_their_number(kind, count):
    """Means of x^p over (0, 2) are 2^p/(p + 1); that of T_n (of T_{2(n − 1)} with ends) is another at its own nodes."""
    lower, upper = np.array([0.0, -1.0]), np.array([2.0, 3.0])
    kind = kind(counts=(count, 2))
    points, weights = kind.within(lower, upper).base, kind.weights(lower, upper)
    assert (weights > 0.0).all()
    assert weights.mean() == pytest.approx(1.0, rel=1e-14)
    assert (weights * points[:, 1]).mean() == pytest.approx(1.0, rel=1e-13)
    for power in range(count):
        assert (weights * points[:, 0] ** power).mean() == pytest.approx(2.0**power / (power + 1), rel=1e-12)
    even = 2 * count
    assert (weights * (points[:, 0] - 1.0) ** even).mean() != pytest.approx(1.0 / (even + 1), rel=1e-6)


def test_weights_of_a_grid_are_trapezoidal():
    """The mean of x² over (0, 2) is 4/3, and h²/6 more by the trapezoidal rule: h² (f'(2) − f'(0))/12, halved."""
    lower, upper, kind = np.array([0.0, 0.0]), np.array([2.0, 1.0]), Grid(counts=(5, 3))
    points, weights = kind.within(lower, upper).base, kind.weights(lower, upper)
    assert (weights * points[:, 0] * points[:, 1]).mean() == pytest.approx(0.5, rel=1e-14)
    assert (weights * points[:, 0] ** 2).mean() == pytest.approx(4.0 / 3.0 + 0.5**2 / 6.0, rel=1e-14)
    assert JitteredGrid().weights(lower, upper) is None


def test_points_of_a_face_lie_on_it():
    face = Gauss(counts=(4,)).within(np.array([0.0, 1.0]), np.array([2.0, 1.0])).base
    assert face.shape == (4, 2)
    assert (face[:, 1] == 1.0).all()


@dataclass(frozen=True)
class Windy(Membrane):
    """With convection."""

    def flux(self, ops, x, t, u):
        return ((u[0], 0.0),)


@dataclass(frozen=True)
class Softening(Membrane):
    """With a diffusivity that follows the unknown."""

    def diffusivity(self, ops, x, t, u):
        return 1.0 + u[0] ** 2


@dataclass(frozen=True)
class Pair(Membrane):
    """Two membranes."""

    components = 2

    def source(self, ops, x, t, u):
        return 1.0, 1.0

    def exact(self, ops, x, t):
        return x[0], x[1]

    def condition(self, axis, side):
        return Dirichlet(self.exact)


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (PROBLEMS["heat"], "has time"),
        (PROBLEMS["decay"], "has no energy"),
        (Windy(), "with convection"),
        (Softening(), "κ depends on the unknown"),
        (Pair(), "energy of a system"),
        (REGISTRY.get("helmholtz-2d").create(), "source grows with the unknown"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_equations_without_a_minimum_are_refused_in_words(problem, words):
    reason = JaxPINN.create({"objective": "energy"}).unsupported(problem)
    assert reason is not None
    assert words in reason


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"constraint.kind": "penalty"}, "set constraint.kind=trial"),
        ({"constraint.kind": "penalty", "constraint.balance": "balanced"}, "set constraint.kind=trial"),
        ({"constraint.boundary_weight": 10.0}, "constraint.boundary_weight is 10; leave it at 1"),
    ],
)
def test_weights_that_would_move_the_minimum_are_refused(parameters, words):
    reason = JaxPINN.create({"objective": "energy", **parameters}).unsupported(PROBLEMS["membrane"])
    assert reason is not None
    assert words in reason


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"optimizer.kind": "lm"}, "optimizer lm needs a sum of squares"),
        ({"points.kind": "adaptive"}, "points.kind=adaptive follow a residual"),
        ({"points.kind": "concentrated", "points.centre": 0.5}, "take points.kind=gauss, chebyshev or sobol"),
        ({"points.kind": "jittered-grid"}, "take points.kind=gauss, chebyshev or sobol"),
        ({"patience": 100}, "does not fall towards 0; set patience=0"),
    ],
)
def test_what_an_energy_cannot_have_is_refused(parameters, words):
    with pytest.raises(InputError, match=words):
        JaxPINN.create({"objective": "energy", **parameters}).validate(PROBLEMS["poisson"])
