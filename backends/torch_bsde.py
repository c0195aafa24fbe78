"""The deep BSDE method in torch."""

from __future__ import annotations

from dataclasses import dataclass

from backends import register
from backends.base import Context, Session
from backends.neural.bsde import DeepBSDE
from backends.neural.torch_trained import TorchTrained
from problems.base import Problem


@register
@dataclass(frozen=True)
class TorchBSDE(DeepBSDE, TorchTrained):
    """Runs operation by operation, or with loss and gradient compiled into one function."""

    name = "torch-bsde"
    title = "Deep BSDE (torch)"
    libraries = ("torch",)
    imports = ("backends.neural.torch_engine", "torch._dynamo", *DeepBSDE.imports)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Draw the initial parameters."""
        from backends.neural.torch_engine import TorchSession

        return TorchSession(self, problem, context)
