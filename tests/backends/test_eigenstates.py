"""Networks for eigenfunctions: what their losses are worth at the exact ones, and where training takes them."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from backends.base import Context
from backends.neural.ritz import quotients, ritz
from problems import REGISTRY, InputError
from tests.backends.neural_cases import ENGINES, begin, solved
from tests.plugins.states import Graded, Membrane

torch = pytest.importorskip("torch")

RADIAL = REGISTRY.get("schroedinger-radial")
ORBITAL = RADIAL.create({"states": 1})
EXACT = [
    RADIAL(),
    RADIAL(ell=0, potential="harmonic"),
    Graded(),
    Membrane(faces_are="free"),
    Membrane(d=2, faces_are="closed", states=5),
]
TURN = np.random.default_rng(4).standard_normal((5, 5))


@pytest.mark.parametrize("problem", EXACT, ids=lambda p: f"{p.name}-{p.dimension}")
def test_states_are_found_in_any_basis_of_their_span(problem):
    exact = problem.reference(problem.points())
    k = problem.states
    found, turn = ritz(problem, exact @ TURN[:k, :k])
    # Slopes in the plane are those of polynomials of degree seven, eight to a side.
    tolerance = 1e-10 if problem.dimension == 1 else 1e-5
    assert found == pytest.approx(problem.eigenvalues(), abs=tolerance)
    aligned = problem.align(exact @ TURN[:k, :k] @ turn, exact)
    assert np.abs(aligned - exact).max() < (1e-9 if problem.dimension == 1 else 1e-6)
    energy, mass = quotients(problem, exact)
    assert np.abs(mass - np.eye(k)).max() < 1e-11
    assert np.abs(energy - np.diag(problem.eigenvalues())).max() < tolerance


def test_functions_that_are_not_independent_have_no_value_for_what_is_missing():
    problem = Membrane()
    exact = problem.reference(problem.points())
    found, turn = ritz(problem, exact[:, [0, 1, 1]])
    assert found[:2] == pytest.approx(problem.eigenvalues()[:2], rel=1e-12)
    assert np.isinf(found[2])
    assert np.array_equal(turn[:, 2], np.zeros(3))
    assert np.isinf(ritz(problem, 0.0 * exact)[0]).all()
    assert np.isnan(ritz(problem, np.nan * exact)[0]).all()


class Given:
    """A trial function that is some functions, turned, whatever the network says."""

    def __init__(self, problem, turn):
        self.problem, self.turn = problem, turn

    def __call__(self, ops, coordinates):
        states = self.problem.exact(ops, coordinates)
        return tuple(sum(a * s for a, s in zip(row, states, strict=True)) for row in self.turn), 0.0


@pytest.mark.parametrize("problem", EXACT, ids=lambda p: f"{p.name}-{p.dimension}")
@pytest.mark.parametrize("objective", ["rayleigh", "normalised-residual", "residual"])
def test_losses_at_the_exact_states_are_what_theory_says(objective, problem):
    k, counts = problem.states, (200,) if problem.dimension == 1 else (24,)
    solver = ENGINES["torch"].create(
        {"objective": objective, "points.kind": "gauss", "points.counts": counts, "network.widths": (3,)}
    )
    if solver.unsupported(problem):
        assert "no flux leaves" in solver.unsupported(problem)
        return
    session = solver.begin(problem, Context())
    form = session.formulation
    plain = objective == "residual"
    form.trial = Given(problem, np.eye(k) if plain else TURN[:k, :k])
    place = session._place(torch.tensor(session.sets[0].base), inside=True)
    network = session.network(session.parameters)
    if plain:
        network = type(network)(network.jets, torch.tensor(problem.eigenvalues()))
    terms = dict(zip(form.term_names, (t.item() for t in form.summands(network, place)), strict=True))
    if "residual" in terms:
        assert terms["residual"] < 1e-12
    if "energies" in terms:
        assert terms["energies"] == pytest.approx(problem.eigenvalues().sum(), abs=1e-9)


@pytest.mark.parametrize("objective", ["rayleigh", "normalised-residual"])
def test_length_and_basis_of_the_outputs_do_not_count(objective):
    problem, wrong, found = Graded(), Membrane(), []
    for turn in (np.eye(3) + 0.1 * TURN[:3, :3], TURN[:3, :3] @ (np.eye(3) + 0.1 * TURN[:3, :3])):
        session = begin("torch", problem, objective=objective)
        session.formulation.trial = lambda ops, x, turn=turn: Given(wrong, turn)(ops, [x[0] - 1.0])
        place = session._place(torch.tensor(session.sets[0].base), inside=True)
        found.append(sum(session.formulation.summands(session.network(session.parameters), place)).item())
    assert found[0] == pytest.approx(found[1], rel=1e-9)


SETUP = {"network.widths": (16, 16), "points.kind": "gauss", "points.counts": (192,), "optimizer.kind": "ssbroyden"}


@pytest.mark.parametrize(("objective", "cap"), [("rayleigh", 1e-8), ("normalised-residual", 1e-8)])
def test_normalised_losses_find_the_d_orbital(objective, cap):
    session = solved("jax", ORBITAL, objective=objective, seed=0, iterations=250, **SETUP)
    points = ORBITAL.points()
    answer = session.solution(points)
    measured = ORBITAL.measures(answer, session.facts())
    assert measured["eigenvalue_error"] < cap
    assert measured["norm"] == pytest.approx(1.0, abs=1e-9)
    reference = ORBITAL.reference(points)
    assert np.abs(ORBITAL.align(answer, reference) - reference).max() < 1e-4


@pytest.mark.parametrize(
    ("engine", "precision", "problem", "iterations", "cap"),
    [
        ("jax", "float64", RADIAL.create({"states": 5}), 200, 6e-2),
        ("torch", "float32", Membrane(d=2, faces_are="closed", states=5), 60, 0.3),
    ],
    ids=["orbitals", "drum"],
)
def test_five_states_are_found_and_never_below_their_energies(engine, precision, problem, iterations, cap):
    """In single precision the loss is rounded by some 1e-6 of the sum of the energies."""
    setup = SETUP | {"points.counts": (16,) if problem.dimension == 2 else (128,)}
    session = solved(engine, problem, precision=precision, seed=1, **setup, objective="rayleigh", iterations=iterations)
    total = problem.eigenvalues().sum()
    assert min(session.log.losses) > total - (1e-4 if precision == "float32" else 1e-9) * abs(total)
    assert np.abs(session.facts()["eigenvalues"] - problem.eigenvalues()).max() < cap


@pytest.mark.parametrize("engine", ["torch", "jax"])
@pytest.mark.parametrize(("difference", "found"), [(1e-6, True), (1e-9, False), (0.0, False)])
def test_outputs_that_are_alike_have_the_right_loss_or_none(engine, difference, found):
    """Of two that differ by 1e-6 ten digits are left; a Gram matrix, with 1e-12 in it, would leave four."""
    problem = Membrane()
    session = begin(engine, problem, objective="rayleigh", **{"points.kind": "gauss"})
    turn = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 1.0, difference]])
    session.formulation.trial = Given(problem, turn)
    points = session.tensor(session.sets[0].base) if engine == "torch" else jnp.asarray(session.sets[0].base)
    place = session.formulation.prepare(points, inside=True)
    (energies,) = session.formulation.summands(session.network(session.parameters), place)
    if found:
        assert energies.item() == pytest.approx(problem.eigenvalues().sum(), rel=1e-9)
    else:
        assert np.isnan(energies.item())


def test_plain_residual_falls_to_zero_where_nothing_holds_it():
    session = solved("jax", ORBITAL, objective="residual", seed=0, iterations=250, **SETUP)
    facts = session.facts()
    measured = ORBITAL.measures(session.solution(ORBITAL.points()), facts)
    assert facts["final_loss"] < 1e-8
    assert measured["norm"] < 1e-2
    assert measured["eigenvalue_error"] > 1e-2


def test_error_during_training_is_that_of_the_energies():
    from benchmarks.looking import JudgingWatch

    watch = JudgingWatch(ORBITAL)
    session = begin("torch", ORBITAL, watch=watch, objective="rayleigh", **(SETUP | {"iterations": 20}))
    watch.start()
    session.solve()
    trace = watch.trace()
    assert watch.failure == ""
    assert trace["trace_errors"][-1] == pytest.approx(
        ORBITAL.measures(session.solution(ORBITAL.points()), session.facts())["eigenvalue_error"], rel=1e-9
    )
    assert trace["trace_errors"][0] > trace["trace_errors"][-1]


@pytest.mark.parametrize(
    ("parameters", "problem", "sentence"),
    [
        ({"constraint": "penalty"}, ORBITAL, "leave all parameters of constraint out"),
        ({"constraint.form": "published"}, ORBITAL, "leave all parameters of constraint out"),
        ({"constraint.boundary_weight": 2.0}, ORBITAL, "leave all parameters of constraint out"),
        ({"objective": "energy"}, ORBITAL, "has no energy for a problem of the family 'eigenproblem'"),
        ({"network.activation": "relu"}, ORBITAL, "objective=rayleigh"),
        ({"network.normalisation": "after"}, ORBITAL, "set it to none"),
        ({"objective": "residual"}, Membrane(faces_are="free"), "no flux leaves through a face"),
        ({"objective": "rayleigh"}, REGISTRY.get("poisson").create(), "has no rayleigh for a problem"),
    ],
)
def test_what_cannot_work_is_refused_with_a_remedy(parameters, problem, sentence):
    assert sentence in ENGINES["torch"].create(parameters).unsupported(problem)


def test_least_squares_is_refused_since_no_square_belongs_to_a_point():
    with pytest.raises(InputError, match="optimizer lm needs a sum of squares"):
        ENGINES["torch"].create({"optimizer": "lm", "points": "gauss"}).validate(ORBITAL)
