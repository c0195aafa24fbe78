"""Points divided among processors in JAX: the same training, up to rounding."""

from __future__ import annotations

import jax
import pytest

from backends.neural import jax_shares
from backends.neural.jax_shares import shares
from tests.backends.neural_cases import begin, ready

PENALTY = {"constraint.kind": "penalty"}
UNIFORM = {"points.kind": "uniform", "points.batch": 12}
CASES = {
    "fixed points, penalties": ("rod", PENALTY | {"points.count": 10}),
    "drawn points, penalties": ("heat", PENALTY | UNIFORM),
    "drawn points, trial": ("ring", UNIFORM),
    "an ODE": ("decay", {"points.count": 8}),
    "two components": ("reactor", {"points.count": 8, "optimizer.kind": "sgd", "optimizer.rate": 1e-3}),
    "another network": ("poisson", {"points.count": 8, "network.kind": "dgm", "network.width": 3}),
    "an energy, weights of its nodes": (
        "membrane",
        {"objective": "energy", "points.kind": "gauss", "points.counts": (4,)},
    ),
    "an energy, drawn points": ("membrane", {"objective": "energy"} | UNIFORM),
    "points drawn anew by the host": ("heat", {"points.kind": "latin-hypercube", "points.count": 8, "points.every": 4}),
}


@pytest.fixture(autouse=True)
def two_processors():
    if len(jax.devices("cpu")) < 2:
        pytest.skip("JAX was started with one device")


@pytest.mark.parametrize("case", CASES)
def test_divided_points_train_the_same_network(monkeypatch, case):
    problem, parameters = CASES[case]
    trained = []
    for share in (1, 10**12):
        monkeypatch.setattr(jax_shares, "SHARE", share)
        session = ready("jax", problem, iterations=20, **parameters)
        session.solve()
        trained.append(session)
    divided, whole = trained
    assert "divided among 2 processors" in divided.engine
    assert "divided" not in whole.engine
    assert divided.get() == pytest.approx(whole.get(), rel=1e-10, abs=1e-12)
    assert abs(whole.get() - begin("jax", problem, **parameters).get()).max() > 1e-3


@pytest.mark.parametrize(
    "parameters",
    [
        {"points.count": 9},
        {"points.count": 8, "network.normalisation": "after"},
        {"points.count": 8, "weighting.kind": "causal"},
    ],
    ids=["odd", "batch statistics", "causal weights"],
)
def test_points_that_belong_together_are_not_divided(monkeypatch, parameters):
    monkeypatch.setattr(jax_shares, "SHARE", 1)
    assert shares(begin("jax", "heat", **parameters)) == 1
    assert shares(begin("jax", "heat", **{"points.count": 8})) == 2


def test_little_work_is_not_divided():
    assert shares(begin("jax", "heat", **{"points.count": 64})) == 1
    large = begin("jax", "heat", **{"points.count": 4096, "network.widths": (32, 32, 32)})
    assert shares(large) == min(2, len(jax.devices("cpu")))
