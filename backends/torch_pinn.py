"""A physics-informed network trained by torch."""

from __future__ import annotations

from dataclasses import dataclass

from backends import register
from backends.base import Context, Session
from backends.neural.description import PINN
from problems.base import Problem


@register
@dataclass(frozen=True)
class TorchPINN(PINN):
    """Runs operation by operation; a hand-written derivative per layer keeps their number small."""

    name = "torch-pinn"
    title = "PINN (torch)"
    libraries = ("torch",)
    imports = ("backends.neural.torch_engine", "torch._dynamo")

    def begin(self, problem: Problem, context: Context) -> Session:
        """Draw the initial parameters and the points."""
        from backends.neural.torch_engine import TorchSession

        return TorchSession(self, problem, context)
