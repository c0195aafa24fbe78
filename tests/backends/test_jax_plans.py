"""Memory that XLA plans for a call, against programs whose need is known by counting."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from backends.base import Context
from backends.jax_pinn import JaxPINN
from backends.neural import jax_drivers
from backends.neural.jax_compiler import knows
from backends.neural.jax_plans import planned_bytes
from problems import REGISTRY
from tests.backends.neural_cases import begin, ready

SIDE = 500
MATRIX = jax.ShapeDtypeStruct((SIDE, SIDE), jnp.float32)
BYTES = 4 * SIDE**2


def repeated(x):
    return lax.fori_loop(0, 7, lambda _, y: jnp.tanh(y @ y), x)


@pytest.mark.parametrize(
    ("function", "arguments", "donated", "matrices"),
    [
        (lambda x: x + 1, 1, (), 2),
        (lambda x: x + 1, 1, (0,), 1),
        (lambda x: jnp.sort(x) * x, 1, (), 2),
        # AB is held until ABC is there.
        (lambda a, b, c: a @ b @ c, 3, (), 5),
        # The state of a loop is its result; one product lies between two of them.
        (repeated, 1, (), 3),
    ],
    ids=["sum", "in place", "sort", "product", "loop"],
)
def test_plan_is_what_counting_gives(function, arguments, donated, matrices):
    compiled = jax.jit(function, donate_argnums=donated).lower(*[MATRIX] * arguments).compile()
    # A loop has its counter and its verdict, of a few bytes.
    assert planned_bytes(compiled) == pytest.approx(matrices * BYTES, abs=128)


def test_plan_counts_every_device():
    """Divided rows are held once, what every device has of its own twice."""
    devices = jax.devices("cpu")
    if len(devices) < 2:
        pytest.skip("JAX was started with one device")
    mesh = Mesh(devices[:2], ("rows",))
    rows, whole = NamedSharding(mesh, PartitionSpec("rows")), NamedSharding(mesh, PartitionSpec())
    for shares, matrices in ((rows, 2), (whole, 4)):
        compiled = jax.jit(lambda x: x + 1, in_shardings=shares, out_shardings=shares).lower(MATRIX).compile()
        assert planned_bytes(compiled) == matrices * BYTES


@pytest.mark.parametrize("kind", ["adam", "lbfgs", "ssbroyden", "lm"])
def test_a_session_plans_every_call_of_its_training(kind):
    few, many = (
        ready("jax", "heat", **{"points.count": count, "optimizer.kind": kind}).planned_bytes()
        for count in (1000, 2000)
    )
    largest = {"adam": "loop 0", "lbfgs": "loop 0", "ssbroyden": "gradient", "lm": "jacobian"}[kind]
    assert max(many, key=many.__getitem__) == largest
    assert "values" not in many
    # Twice the points take about twice as much; what is fused differs a little, and parameters stay as they are.
    assert 1.8 * few[largest] < many[largest] < 2.2 * few[largest]


def test_products_in_single_precision_are_of_xlas_own_making():
    """Its library of kernels makes many small ones slower; where XLA has no such choice there is nothing to ask."""
    session = ready("jax", "heat", precision="float32", **{"points.count": 500})
    assert "ynn" not in session.compiled["loop 0"].as_text().lower()
    assert not knows("xla_cpu_an_option_that_never_was", "")


def step_bytes(d: int, derivatives: str) -> int:
    """Planned bytes of a training step of the suite `dimension-steps` in d dimensions."""
    solver = JaxPINN.create({"derivatives": derivatives}, "training-step")
    session = solver.begin(REGISTRY.get("allen-cahn-nd").create({"d": d}), Context(precision="float32"))
    session.compile()
    return session.planned_bytes()["loop 0"]


@pytest.fixture
def alone(monkeypatch):
    """Training on one processor; of several each would hold parameters and moments of its own."""
    monkeypatch.setattr(jax_drivers, "shares", lambda session: 1)


def test_a_forward_laplacian_takes_a_quarter_of_the_memory_of_a_hessian_in_64_dimensions(alone):
    assert 4 * step_bytes(64, "taylor") <= step_bytes(64, "nested-reverse")


def test_sparse_coordinates_take_hardly_more_memory_in_1000_dimensions_than_in_10(alone):
    assert step_bytes(1000, "stde") <= 2 * step_bytes(10, "stde")


def test_nothing_is_planned_before_compilation():
    assert begin("jax", "heat").planned_bytes() == {}
    assert begin("torch", "heat").planned_bytes() == {}
