"""A physics-informed network trained by torch."""

from __future__ import annotations

from dataclasses import dataclass

from backends import register
from backends.base import Context, Session
from backends.neural.description import PINN
from problems.base import Problem
from problems.parameters import parameter


@register
@dataclass(frozen=True)
class TorchPINN(PINN):
    """Runs operation by operation, with a hand-written derivative per layer to keep their number small.

    On a CPU, loss and gradient can be compiled into one function of a third of the time per iteration. That takes some
    fifteen seconds (within `compile`) and a C++ compiler, so `auto` does it where it saves more than that.
    """

    name = "torch-pinn"
    title = "PINN (torch)"
    libraries = ("torch",)
    imports = ("backends.neural.torch_engine", "torch._dynamo")

    compiled: str = parameter("auto", "compile the gradient on a CPU", choices=("auto", "never", "always"))

    def begin(self, problem: Problem, context: Context) -> Session:
        """Draw the initial parameters and the points."""
        from backends.neural.torch_engine import TorchSession

        return TorchSession(self, problem, context)
