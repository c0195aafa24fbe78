"""A physics-informed network trained by torch."""

from __future__ import annotations

from dataclasses import dataclass

from backends import register
from backends.base import Context, Session
from backends.neural.description import PINN
from backends.neural.torch_trained import TorchTrained
from problems.base import Problem


@register
@dataclass(frozen=True)
class TorchPINN(PINN, TorchTrained):
    """Runs operation by operation, or with loss and gradient compiled into one function."""

    name = "torch-pinn"
    title = "PINN (torch)"
    libraries = ("torch",)
    imports = ("backends.neural.torch_engine", "torch._dynamo", *PINN.imports)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Draw the initial parameters and the points."""
        from backends.neural.torch_engine import TorchSession

        return TorchSession(self, problem, context)
