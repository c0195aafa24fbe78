"""The forward Laplacian in groups of directions: the same loss, and memory that hardly grows with the dimension."""

from __future__ import annotations

import numpy as np
import pytest

from backends.neural import jax_groups, torch_groups
from backends.neural.jets import JetAlgebra
from benchmarks.allocations import AllocationTrace
from problems import REGISTRY
from tests.backends.neural_cases import ENGINES, begin, ready
from tests.backends.test_directions import HJB, PATHS, inside, loss_at


@pytest.mark.parametrize("most", [1, 4])
@pytest.mark.parametrize(
    "parameters",
    [{}, {"constraint.kind": "penalty"}, {"network.normalisation": "before"}],
    ids=["trial", "penalty", "normalised"],
)
def test_groups_have_the_loss_and_gradient_of_one_piece(monkeypatch, parameters, most):
    points, parameters = inside(HJB, 5), PATHS | parameters
    whole = loss_at(begin("jax", HJB, **parameters), points)
    session = begin("jax", HJB, **parameters)
    session._kind = JetAlgebra
    found = [loss_at(session, points)]
    for engine in (jax_groups, torch_groups):
        monkeypatch.setitem(engine.SIZES, "cpu", most)
    found += [loss_at(begin(engine, HJB, **parameters), points) for engine in ENGINES]
    for loss, gradient in found:
        assert loss == pytest.approx(whole[0], rel=1e-12)
        np.testing.assert_allclose(gradient, whole[1], rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_training_step_takes_hardly_more_memory_in_more_dimensions(engine):
    """What grows are the points and the first layer; in one piece four times the dimensions are four times the jets."""
    needs = []
    for d in (64, 256):
        problem = REGISTRY.get("allen-cahn-nd").create({"d": d})
        how = {"points.kind": "paths", "points.batch": 100, "network.widths": (64,) * 4, "constraint.kind": "penalty"}
        session = ready(engine, problem, precision="float32", iterations=2, **how)
        if engine == "jax":
            needs.append(session.planned_bytes()["loop 0"])
            continue
        trace = AllocationTrace()
        with trace:
            session.solve()
        needs.append(trace.peak)
    assert 1.0 < needs[1] / needs[0] < 2.0
