"""Jets against plain nested differentiation, and one engine against the other."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

from backends.base import Context
from backends.jax_pinn import JaxPINN
from backends.torch_pinn import TorchPINN
from problems import REGISTRY
from problems.base import PDE, scattered_points
from tests.backends.neural_problems import Plate, Reactor, Ring, Rod

jax = pytest.importorskip("jax")
jnp = pytest.importorskip("jax.numpy")
torch = pytest.importorskip("torch")
pytest.importorskip("optax")

EQUATIONS = [
    Reactor(),
    Ring(),
    Rod(),
    Plate(),
    REGISTRY.get("burgers-1d").create(),
    REGISTRY.get("poisson").create({"d": 3}),
]
SMALL = {
    "network.widths": (7, 5),
    "iterations": 1,
    "points.kind": "scattered",
    "points.count": 20,
    "optimizer.decay": "constant",
}


def begin(cls, problem, **parameters):
    return cls.create({**SMALL, **parameters}).begin(problem, Context(seed=1))


def ready(cls, problem, **parameters):
    session = begin(cls, problem, **parameters)
    session.compile()
    session.prepare()
    return session


def points_of(problem):
    lower, upper = (*problem.domain().lower, 0.0), (*problem.domain().upper, problem.final_time() or 0.0)
    return scattered_points(9, lower, upper)[:, : problem.dimension + (not problem.steady)]


def torch_residual(session, points):
    place = session._place(torch.tensor(points), inside=True)
    form = session.formulation
    u = form.jets(session.network(session.parameters), place, form.orders)
    return torch.stack(list(form.residual(u, place))).detach().numpy()


def jax_residual(session, points):
    form = session.formulation

    def residual(points):
        place = form.prepare(points, inside=True)
        u = form.jets(session.network(session.parameters), place, form.orders)
        return jnp.stack(list(form.residual(u, place)))

    return np.asarray(jax.jit(residual)(jnp.asarray(points)))


PLAIN = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "sine": torch.sin,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
}


def plain_network(session):
    """The network layer by layer, for torch to differentiate."""

    def values(place, orders):
        *hidden, (weights, bias) = session.split(session.parameters)
        seeds = place["seeds"]
        y = seeds[0][None] if isinstance(seeds, tuple) else seeds[:1]
        for inner_weights, inner_bias in hidden:
            y = PLAIN[session.solver.network.activation](y @ inner_weights + inner_bias)
        return y @ weights + bias

    return values


def nested_torch_residual(session, points):
    """The equation as it is written, each derivative by reverse differentiation of everything before it."""
    problem, d = session.problem, session.problem.dimension
    ops = session.formulation.calculus.ops
    columns = [torch.tensor(points[:, a], requires_grad=True) for a in range(points.shape[1])]
    x, t = columns[:d], 0.0 if problem.steady else columns[d]
    stacked = session.formulation.values(plain_network(session), torch.stack(columns, 1))
    u = [stacked[:, c] for c in range(problem.components)]

    def derivative(field, coordinate):
        field = field + 0.0 * coordinate
        return torch.autograd.grad(field.sum(), coordinate, create_graph=True)[0]

    kappa = problem.diffusivity(ops, x, t, u)
    if not isinstance(kappa, tuple):
        kappa = ((kappa,),)
    flux, source = problem.flux(ops, x, t, u), problem.source(ops, x, t, u)
    rows = []
    for c in range(problem.components):
        r = 0.0 if problem.steady else derivative(u[c], t)
        for axis in range(d):
            flow = -sum(kappa[c][e] * derivative(u[e], x[axis]) for e in range(problem.components))
            if flux is not None:
                flow = flow + flux[c][axis]
            r = r + derivative(flow, x[axis])
        rows.append(r if source is None else r - source[c])
    return torch.stack(rows).detach().numpy()


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "sine", "gelu", "silu"])
def test_taylor_jets_agree_with_nested_differentiation(activation):
    session = begin(TorchPINN, Reactor(), **{"network.activation": activation})
    points = points_of(Reactor())
    assert torch_residual(session, points) == pytest.approx(nested_torch_residual(session, points), abs=1e-10)


@pytest.mark.parametrize("problem", EQUATIONS, ids=lambda p: p.name)
def test_both_engines_have_the_same_residual_as_nested_differentiation(problem):
    points = points_of(problem)
    on_torch, on_jax = (begin(cls, problem) for cls in (TorchPINN, JaxPINN))
    wanted = nested_torch_residual(on_torch, points)
    assert torch_residual(on_torch, points) == pytest.approx(wanted, abs=1e-10)
    assert jax_residual(on_jax, points) == pytest.approx(wanted, abs=1e-10)


CASES = [
    (Reactor(), {}),
    (Reactor(), {"constraint.kind": "penalty"}),
    (Ring(), {"constraint.kind": "penalty"}),
    (REGISTRY.get("symmetric-eigen").create(), {"constraint.form": "published"}),
    (REGISTRY.get("decay").create(), {"constraint.kind": "penalty", "network.activation": "leaky-relu"}),
    (REGISTRY.get("schroedinger-radial").create({"states": 2}, "harmonic"), {"objective": "rayleigh"}),
    (REGISTRY.get("schroedinger-radial").create({"states": 2}, "harmonic"), {"objective": "residual"}),
]


@pytest.mark.parametrize(("problem", "parameters"), CASES)
def test_both_engines_take_the_same_first_step(problem, parameters):
    on_torch, on_jax = (ready(cls, problem, **parameters) for cls in (TorchPINN, JaxPINN))
    losses, layers = [], []
    for session in (on_torch, on_jax):
        session.solve()
        losses.append(session.facts()["final_loss"])
        layers.append(session.get())
    assert losses[0] == pytest.approx(losses[1], rel=1e-10)
    assert layers[0] == pytest.approx(layers[1], abs=1e-8)


def test_both_engines_answer_alike_after_training():
    problem = REGISTRY.get("heat-1d").create()
    answers = []
    for cls in (TorchPINN, JaxPINN):
        session = ready(cls, problem, iterations=30)
        session.solve()
        answers.append(session.solution(problem.points()))
    assert answers[0] == pytest.approx(answers[1], abs=1e-7)


def exact_as_trial(problem):
    def trial(ops, coordinates):
        x, t = list(coordinates[: problem.dimension]), 0.0 if problem.steady else coordinates[-1]
        return problem.exact(ops, x, t), 0.0

    return trial


CATALOGUE = [
    problem
    for problem in (
        Ring(),
        Rod(),
        *(REGISTRY.get(name).create() for name in REGISTRY.names()),
        *(REGISTRY.get("poisson").create({"d": d, "solution": "skewed"}) for d in (1, 2, 3)),
    )
    if isinstance(problem, PDE) and type(problem).exact is not PDE.exact
]


@pytest.mark.parametrize("cls", [TorchPINN, JaxPINN])
@pytest.mark.parametrize("problem", CATALOGUE, ids=lambda p: f"{p.name}-{p.dimension}")
def test_the_residual_of_an_exact_solution_vanishes(cls, problem):
    session = cls.create(SMALL).begin(problem, Context())
    session.formulation.trial = exact_as_trial(problem)
    residual = torch_residual if cls is TorchPINN else jax_residual
    assert abs(residual(session, points_of(problem))).max() < 1e-9


DRAWN = {"points.kind": "uniform", "points.batch": 20, "constraint.kind": "penalty"}


@pytest.mark.skipif(shutil.which(os.environ.get("CXX", "g++")) is None, reason="no C++ compiler")
@pytest.mark.parametrize(("problem", "parameters"), [(Reactor(), {}), (Ring(), DRAWN)], ids=["fixed", "drawn"])
def test_a_compiled_gradient_trains_like_an_eager_one(problem, parameters):
    shown = {key: value for key, value in SMALL.items() if not (parameters and key.startswith("points."))} | parameters
    sessions = []
    for how in ("always", "never"):
        solver = TorchPINN.create(shown | {"iterations": 5, "compiled": how})
        session = solver.begin(problem, Context(seed=1))
        session.compile()
        session.prepare()
        session.solve()
        sessions.append(session)
    compiled, eager = sessions
    assert (compiled.engine, eager.engine) == ("compiled gradient, fused optimizer", "eager, fused optimizer")
    assert compiled.get() == pytest.approx(eager.get(), abs=1e-8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize(
    "parameters",
    [{}, {"constraint.kind": "penalty"}, {"points.kind": "latin-hypercube", "points.every": 4}],
    ids=["trial", "penalty", "renewed"],
)
def test_a_captured_iteration_trains_like_an_eager_one(parameters):
    trained = []
    for device in ("cuda", "cpu"):
        solver = TorchPINN.create(SMALL | {"iterations": 12, "compiled": "never"} | parameters)
        session = solver.begin(Rod(), Context(seed=1, device=device))
        session.compile()
        session.prepare()
        for _ in range(2):  # A captured iteration knows only the tensors that it was captured with.
            session.solve()
        trained.append(session)
    assert trained[0].get() == pytest.approx(trained[1].get(), abs=1e-8)


def test_without_a_compiler_training_stays_eager(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda *_, **__: 1 / 0)
    session = ready(TorchPINN, Reactor(), compiled="always")
    session.solve()
    assert session.facts()["engine"] == "eager, fused optimizer; not compiled: ZeroDivisionError"


def test_a_gradient_is_compiled_where_training_takes_much_longer_than_that():
    assert TorchPINN.create({"iterations": 200_000}).compiles
    assert TorchPINN.create({"iterations": 200_000}).rehearsal().compiled == "always"
    assert not TorchPINN.create({"iterations": 200_000, "time_limit": 10.0}).compiles
    assert not TorchPINN.create({"iterations": 1000}).compiles
    assert not TorchPINN.create({"iterations": 200_000, "optimizer": "lm", "points": "sobol"}).compiles
