"""The deep BSDE method in torch."""

from __future__ import annotations

from dataclasses import dataclass

from backends import register
from backends.neural.bsde import DeepBSDE
from backends.neural.torch_trained import TorchTrained


@register
@dataclass(frozen=True)
class TorchBSDE(DeepBSDE, TorchTrained):
    """Runs operation by operation, or with loss and gradient compiled into one function."""

    name = "torch-bsde"
    title = "Deep BSDE (torch)"
