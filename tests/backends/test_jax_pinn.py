"""The JAX engine through its session."""

from __future__ import annotations

import pytest

from backends.jax_pinn import JaxPINN
from tests.backends.pinn_claims import CLAIMS

pytest.importorskip("jax")


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_jax(claim):
    claim(JaxPINN)
