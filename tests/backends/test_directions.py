import jax
import numpy as np
import pytest
import torch

from backends.neural import jax_drawing, residual, torch_drawing
from backends.neural.collocation import Paths
from backends.neural.directions import Estimator
from backends.neural.pointsets import region
from problems import REGISTRY
from problems.parameters import InputError
from tests.backends.neural_cases import ENGINES, begin, solved

PATHS = {"points.kind": "paths", "points.batch": 12}
HJB = REGISTRY.get("hjb-lq").create({"d": 6})
REACTING = REGISTRY.get("allen-cahn-nd").create({"d": 6})
POISSON = REGISTRY.get("poisson").create({"d": 3, "solution": "skewed"})
HEAT = REGISTRY.get("heat").create({"d": 2, "contrast": 0.0, "walls": "dirichlet"})
PROBLEMS = {"hjb": (HJB, PATHS), "poisson": (POISSON, {}), "heat": (HEAT, {})}
EXACT = ("taylor", "nested-reverse", "forward-over-reverse")


def loss_of(session):
    """(Points inside (n, k), directions) → the loss without conditions and its gradient, by one program."""
    form, parameters, weights = session.formulation, session.initial_parameters(), np.ones(1)

    def placed(points, directions):
        place = form.prepare(points, inside=True)
        return place if directions is None else form.directed(place, directions)

    if hasattr(session, "tensor"):

        def by_torch(points, directions=None):
            vector = session.tensor(parameters).requires_grad_()
            place = placed(*(None if part is None else session.tensor(part) for part in (points, directions)))
            loss = form.loss(session.network(vector), place, None, session.tensor(weights))[0]
            return float(loss.detach()), torch.autograd.grad(loss, vector)[0].numpy()

        return by_torch

    @jax.jit
    def differentiated(vector, points, directions):
        def loss(vector):
            return form.loss(session.network(vector), placed(points, directions), None, weights)[0]

        return jax.value_and_grad(loss)(vector)

    def by_jax(points, directions=None):
        loss, gradient = differentiated(parameters, points, directions)
        return float(loss), np.asarray(gradient)

    return by_jax


def loss_at(session, points, directions=None):
    """The same, once."""
    return loss_of(session)(points, directions)


def inside(problem, count, seed=0):
    return Paths(batch=count).within(*region(problem)).drawn(np.random.default_rng(seed))


@pytest.mark.parametrize(("problem", "constraint"), [(HJB, "penalty"), (REACTING, "trial")], ids=["hjb", "reacting"])
def test_exact_ways_of_differentiation_agree_in_both_engines(problem, constraint):
    points, found = inside(problem, 7), []
    for engine in ENGINES:
        for mode in EXACT:
            parameters = PATHS | {"derivatives": mode, "constraint.kind": constraint}
            found.append(loss_at(begin(engine, problem, **parameters), points))
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-10)
        np.testing.assert_allclose(gradient, found[0][1], rtol=1e-9, atol=1e-10 * abs(found[0][1]).max())


@pytest.mark.parametrize("kind", ["hutchinson", "stde"])
@pytest.mark.parametrize(("engine", "case"), [*(("torch", case) for case in PROBLEMS), ("jax", "hjb")])
def test_an_estimated_operator_has_the_mean_of_the_exact_one(engine, kind, case):
    """100 estimates; their mean is four standard errors off in one of some 8,000 places."""
    problem, points = PROBLEMS[case]
    parameters = points | {"constraint.kind": "trial" if engine == "jax" else "penalty"}
    session = begin(engine, problem, derivatives=kind, directions=2, **parameters)
    estimator = session.formulation.estimator
    generator, places = np.random.default_rng(3), session.inside.drawn(np.random.default_rng(1))[:5]
    exact = session.operator_at(places, np.eye(estimator.spatial, estimator.coordinates))[0]
    found = np.array([session.operator_at(places, estimator.drawn(generator))[0] for _ in range(100)])
    error = found.std(0, ddof=1) / np.sqrt(len(found))
    scatter = error.max() > 1e-6 * abs(exact).max()
    assert scatter == (kind == "hutchinson" or estimator.count < estimator.spatial)
    assert (abs(found.mean(0) - exact) <= 4.0 * error + 1e-12 * abs(exact)).all()


@pytest.mark.parametrize("kind", ["hutchinson", "stde"])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_loss_of_two_sets_of_directions_has_the_mean_of_the_exact_loss(engine, kind):
    """While the square of one estimate would have its variance on top, by far more than the error of the mean."""
    points = inside(HJB, 4)
    exact = loss_at(begin(engine, HJB, **PATHS), points)[0]
    session = begin(engine, HJB, derivatives=kind, directions=1, **PATHS)
    generator, estimator = np.random.default_rng(5), session.formulation.estimator
    sets = [np.stack([estimator.drawn(generator) for _ in range(2)]) for _ in range(200)]
    loss = loss_of(session)
    products = np.array([loss(points, pair)[0] for pair in sets])
    squares = np.array([loss(points, np.stack([pair[0]] * 2))[0] for pair in sets])
    error = products.std(ddof=1) / np.sqrt(len(products))
    assert abs(products.mean() - exact) < 4.0 * error
    assert squares.mean() - exact > 4.0 * error


@pytest.mark.parametrize("engine", ENGINES)
def test_all_coordinates_drawn_are_no_estimate_any_more(engine):
    points = inside(REACTING, 6)
    session = begin(engine, REACTING, derivatives="stde", directions=99, **PATHS)
    estimator = session.formulation.estimator
    assert (estimator.count, estimator.factor) == (6, 1.0)
    pair = np.stack([estimator.drawn(np.random.default_rng(k)) for k in range(2)])
    exact = loss_at(begin(engine, REACTING, **PATHS), points)
    found = loss_at(session, points, pair)
    assert found[0] == pytest.approx(exact[0], rel=1e-12)
    np.testing.assert_allclose(found[1], exact[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", ["hutchinson", "stde"])
def test_the_deviation_is_that_of_the_estimators_formula(kind):
    """Of vᵀHv with a constant matrix H; 32 estimates tell a standard deviation to some 13 %.

    2 Σ_{i≠j} H_ij²/V by random signs; d² s² (1 − V/d)/V with the variance s² of the diagonal by coordinates.
    """
    d, count = 12, 3
    square = np.random.default_rng(2).normal(size=(d, d))
    hessian = square + square.T + 3.0 * np.eye(d)
    diagonal = np.diag(hessian)

    def operator(rows):
        return np.full((1, 4), 0.7 + np.einsum("vi,ij,vj->", rows[:, :d], hessian, rows[:, :d]))

    if kind == "hutchinson":
        variance = 2.0 * ((hessian**2).sum() - (diagonal**2).sum()) / count
    else:
        variance = d**2 * diagonal.var(ddof=1) * (1.0 - count / d) / count
    found = np.mean(
        [Estimator(kind, count, d, d + 1).deviation(operator, np.random.default_rng(s)) ** 2 for s in range(40)]
    )
    assert found == pytest.approx(variance / hessian.trace() ** 2, rel=0.15)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["hutchinson", "stde"])
def test_drawn_directions_are_those_of_the_host_in_law(engine, kind):
    estimator = Estimator(kind, 3, 5, 6)
    sets = np.concatenate([_directions(engine, estimator, seed) for seed in range(500)])
    assert sets.shape == (1000, 3, 6)
    assert (sets[..., 5] == 0.0).all()
    np.testing.assert_allclose(np.einsum("svi,svj->ij", sets, sets)[:5, :5] / 1000, np.eye(5), atol=0.16)
    assert not np.array_equal(sets[0], sets[1])
    if kind == "stde":
        assert (np.count_nonzero(sets, axis=2) == 1).all()
        assert (np.count_nonzero(sets.any(1), axis=1) == 3).all()
    else:
        np.testing.assert_allclose(np.unique(sets[..., :5].round(5)), np.array([-1.0, 1.0]) / 3**0.5, atol=1e-5)


def _directions(engine, estimator, seed):
    if engine == "jax":
        return np.asarray(jax_drawing.draw_directions(jax.random.key(seed), estimator, np.float64))
    return torch_drawing.draw_directions(
        torch.Generator().manual_seed(seed), estimator, torch.zeros(1, dtype=torch.float64)
    ).numpy()


@pytest.mark.parametrize("engine", ENGINES)
def test_paths_follow_the_law_of_the_process(engine):
    """Var X_t = 2 t for σ = √2, at times that are uniform, in every coordinate; and Var X_T = 2 T at the end."""
    session = begin(engine, HJB, **PATHS | {"points.batch": 4000}, **{"constraint.kind": "penalty"})
    for k, kind in enumerate(session.sets):
        for points in (_drawn(engine, session, k), kind.drawn(np.random.default_rng(0))):
            x, t = points[:, :6], points[:, 6]
            assert t.mean() == pytest.approx(1.0 if k else 0.5, abs=0.02)
            assert t.std() == pytest.approx(0.0 if k else 12.0**-0.5, abs=0.02)
            np.testing.assert_allclose((x**2 / (2.0 * t[:, None])).mean(0), 1.0, atol=0.12)
            np.testing.assert_allclose(x.mean(0), 0.0, atol=0.12)


def _drawn(engine, session, k):
    if engine == "jax":
        return np.asarray(jax_drawing.draw(jax.random.key(0), session.sets[k], *session.sets_on_device[k]))
    return torch_drawing.draw(torch.Generator().manual_seed(0), 1, session.sets[k], *session._sets[k]).numpy()


@pytest.mark.parametrize("engine", ENGINES)
def test_jets_of_a_trial_function_along_many_directions_are_those_of_a_few(engine, monkeypatch):
    points, found = inside(HJB, 5), []
    for unrolled in (16, 2):
        monkeypatch.setattr(residual, "UNROLLED", unrolled)
        session = begin(engine, HJB, **PATHS)
        converted = session.tensor(points) if engine == "torch" else session.to_device(points)
        found.append(
            [np.asarray(part) for part in session.formulation.trial_jets(converted, session.formulation.orders)]
        )
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", ["hjb", "poisson"])
def test_training_by_estimates_tells_their_scatter(engine, case):
    problem, points = PROBLEMS[case]
    session = solved(engine, problem, derivatives="hutchinson", directions=2, iterations=3, **points)
    facts = session.facts()
    assert 0.0 < facts["estimator_deviation"] < 10.0
    assert facts["derivatives"] == "hutchinson"
    assert facts["best_iteration"] == 3


REFUSED = {
    "an optimizer that compares losses": ({"optimizer.kind": "lbfgs"}, "compares losses"),
    "least squares": ({"optimizer.kind": "lm"}, "take optimizer.kind=adam"),
    "points that follow the residual": ({"points.kind": "adaptive", "points.count": 64}, "without the scatter"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_needs_exact_residuals_is_refused(case):
    parameters, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        ENGINES["jax"].create({"derivatives": "stde", **parameters})


UNSUPPORTED = {
    "an energy": ("poisson", {"objective": "energy"}, "estimate the Laplacian of a residual"),
    "an ODE": ("decay", {}, "estimate the Laplacian of a residual"),
    "convection": ("burgers-1d", {}, "one constant diffusivity and no convection"),
    "a diffusivity that varies": ("heat", {}, "one constant diffusivity"),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_equations_without_a_plain_laplacian_have_no_estimate(case):
    problem, parameters, words = UNSUPPORTED[case]
    solver = ENGINES["jax"].create({"derivatives": "stde", **parameters})
    assert words in solver.unsupported(REGISTRY.get(problem).create())


def test_the_driver_sees_the_same_gradient_by_reverse_differentiation_as_along_with_the_jets():
    """Which is what estimates take; with the directions of all coordinates nothing else differs."""
    points, rows = inside(HJB, 4), np.stack([np.eye(6, 7)] * 2)
    estimated = loss_at(begin("jax", HJB, derivatives="stde", directions=6, **PATHS), points, rows)
    assert estimated[0] == pytest.approx(loss_at(begin("jax", HJB, **PATHS), points)[0], rel=1e-12)
