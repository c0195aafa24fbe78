"""Networks for a ground state in many dimensions: normal points, their weights, and quotients within an envelope."""

from __future__ import annotations

import numpy as np
import pytest

from backends.neural.collocation import Normal
from backends.neural.ritz import ritz
from problems import REGISTRY, InputError
from tests.backends.neural_cases import ENGINES, begin, solved
from tests.plugins.states import Membrane

torch = pytest.importorskip("torch")

OSCILLATORS = REGISTRY.get("schroedinger-nd")
NORMAL = {"objective": "rayleigh", "points.kind": "normal", "points.width": 0.65, "points.count": 256}
WITHIN = NORMAL | {"constraint.envelope": 0.65, "optimizer.rate": 3e-3, "derivatives": "nested-reverse"}


@pytest.mark.parametrize(("fresh", "tolerance"), [(False, 2e-3), (True, 4e-2)])
def test_weights_of_normal_points_make_means_integrals(fresh, tolerance):
    """∫ x₀² e^(−|x|²) / ∫ e^(−|x|²) = ½, and that of (x₀x₁)² is ¼, by points of another width than the integrand's."""
    lower, upper = np.full(5, -6.0), np.full(5, 8.0)
    kind = Normal(count=1 << 14, width=0.9, fresh=fresh)
    x = kind.within(lower, upper, 3).drawn(np.random.default_rng(5))
    weights = np.exp(-kind.log_density(x, lower, upper) - ((x - 1.0) ** 2).sum(1))
    for moment, value in (((x[:, 0] - 1.0) ** 2, 0.5), (((x[:, 0] - 1.0) * (x[:, 1] - 1.0)) ** 2, 0.25)):
        assert (weights * moment).mean() / weights.mean() == pytest.approx(value, rel=tolerance * 2.0)


@pytest.mark.parametrize("fresh", [False, True])
def test_normal_points_are_normal(fresh):
    lower, upper = np.full(3, -10.0), np.full(3, 14.0)
    x = Normal(count=1 << 13, width=1.5, fresh=fresh).within(lower, upper, 1).drawn(np.random.default_rng(2))
    assert np.abs(x.mean(axis=0) - 2.0).max() < 0.07
    assert np.abs(x.std(axis=0) - 1.5).max() < 0.05
    cut = Normal(count=512, width=5.0).within(np.zeros(2), np.ones(2)).base
    assert ((cut >= 0.0) & (cut <= 1.0)).all()


@pytest.mark.parametrize("coupling", [0.0, 0.5])
def test_quotient_within_an_envelope_is_that_of_the_whole_function(coupling):
    """By Gauss points for the network alone, and by those of the problem for envelope times network."""
    problem = OSCILLATORS.create({"coupling": coupling})
    points = {"points.kind": "gauss", "points.counts": (80,), "network.widths": (5,)}
    session = begin("torch", problem, objective="rayleigh", **points, **{"constraint.envelope": 0.9})
    found = session.findings()["eigenvalues"][0]
    assert session.terms_at(session.initial_parameters())[0] == pytest.approx(found, rel=1e-8)
    assert found > 1.01 * problem.eigenvalues()[0]


def test_slopes_without_panels_are_differences():
    """A normal density of another width: E = ½ Σ (1/(4s²) + kᵢᵢ s²) with kᵢᵢ the diagonal of K."""
    problem, s = OSCILLATORS.create({"d": 6}), 0.66

    def function(x):
        return np.exp(-0.25 * (x**2).sum(1) / s**2)[:, None]

    values = function(problem.points())
    stiffness = 6.0 + 2.0 * 5 * 0.5
    exact = 0.5 * (6.0 / (4.0 * s**2) + stiffness * s**2)
    assert ritz(problem, values, function)[0][0] == pytest.approx(exact, rel=2e-2)
    ground = problem.reference(problem.points())
    assert ritz(problem, ground, problem.reference)[0][0] == pytest.approx(problem.eigenvalues()[0], rel=2e-6)
    with pytest.raises(ValueError, match="need the functions themselves"):
        ritz(problem, ground)


@pytest.mark.parametrize(("width", "least", "most"), [(0.65, 0.0, 2e-2), (0.2, 0.1, np.inf)])
def test_ground_state_in_five_dimensions_is_found_and_a_poor_width_shows(width, least, most):
    problem = OSCILLATORS.create({"d": 5})
    chosen = WITHIN | {"points.width": width, "constraint.envelope": width, "points.fresh": True}
    session = solved("jax", problem, seed=100, iterations=600, **chosen, **{"network.widths": (16, 16)})
    measured = problem.measures(session.solution(problem.points()), session.facts())
    assert least <= measured["relative_eigenvalue_error"] < most
    assert measured["norm"] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("parameters", "problem", "sentence"),
    [
        (NORMAL | {"constraint.envelope": 0.5}, Membrane(faces_are="free"), "an envelope falls towards all faces"),
        ({"objective": "energy", "points.kind": "normal"}, REGISTRY.get("poisson").create(), "kind normal"),
    ],
)
def test_what_an_envelope_cannot_do_is_refused(parameters, problem, sentence):
    assert sentence in ENGINES["torch"].create(parameters).unsupported(problem)


def test_envelope_without_quotients_is_refused():
    with pytest.raises(InputError, match=r"constraint\.envelope' is 0\.5"):
        ENGINES["torch"].create({"constraint.envelope": 0.5}).validate(OSCILLATORS.create())
    with pytest.raises(InputError, match="draws new points for each"):
        ENGINES["torch"].create(NORMAL | {"points.fresh": True, "optimizer.kind": "ssbroyden"})


def test_seeds_of_normal_points_are_those_of_the_case():
    problem = OSCILLATORS.create({"d": 4})
    sets = [begin("torch", problem, seed=seed, **NORMAL).sets[0].base for seed in (1, 1, 2)]
    assert np.array_equal(sets[0], sets[1])
    assert not np.array_equal(sets[0], sets[2])
