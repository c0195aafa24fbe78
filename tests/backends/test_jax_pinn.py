"""The JAX engine through its session."""

from __future__ import annotations

import pytest

from backends.base import Context
from backends.jax_pinn import JaxPINN
from problems import REGISTRY
from tests.backends.pinn_claims import CLAIMS

jax = pytest.importorskip("jax")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_jax(claim):
    claim(JaxPINN)


COMPILED = []


def note_compilation(event, _, **__):
    if event == "/jax/core/compile/backend_compile_duration":
        COMPILED.append(event)


@pytest.mark.parametrize("kind", ["adam", "lbfgs", "ssbroyden", "lm"])
def test_training_compiles_nothing(kind):
    parameters = {"iterations": 6, "points.kind": "scattered", "points.count": 16, "optimizer.kind": kind}
    session = JaxPINN.create(parameters).begin(REGISTRY.get("heat-1d").create(), Context())
    session.compile()
    session.prepare()
    jax.monitoring.register_event_duration_secs_listener(note_compilation)
    # What earlier sessions compiled would hide what this one asks for.
    jax.clear_caches()
    COMPILED.clear()
    session.solve()
    assert COMPILED == []
    jax.jit(lambda x: x + 1.0)(0.0)
    assert COMPILED != []
