"""The torch engine through its session."""

from __future__ import annotations

import pytest

from backends.torch_pinn import TorchPINN
from tests.backends.pinn_claims import CLAIMS

torch = pytest.importorskip("torch")


@pytest.fixture(autouse=True)
def _one_thread():
    """Two threads that wait for each other take far longer on a busy machine, and gain nothing at these sizes."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_torch(claim):
    claim(TorchPINN)
