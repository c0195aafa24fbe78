"""A physics-informed network trained by torch."""

from __future__ import annotations

from dataclasses import dataclass

from backends import register
from backends.neural.description import PINN
from backends.neural.torch_trained import TorchTrained


@register
@dataclass(frozen=True)
class TorchPINN(PINN, TorchTrained):
    """Runs operation by operation, or with loss and gradient compiled into one function."""

    name = "torch-pinn"
    title = "PINN (torch)"
    imports = (*TorchTrained.imports, *PINN.imports)
