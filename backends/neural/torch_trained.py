"""Networks trained by torch, and whether loss and gradient are compiled into one function before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from backends.base import Context, Session
from backends.neural.trained import Trained
from problems.base import Problem
from problems.parameters import parameter

WARM_UP = 15.0
"""Seconds that compiling a gradient takes in a fresh process (measured: 18 on two busy cores, 7 from its cache)."""
SAVED = 0.6e-3
"""Seconds that a compiled iteration saves at least (measured on small networks: 0.6 to 1.5 ms of 1 to 2 ms)."""


@dataclass(frozen=True)
class TorchTrained(Trained):
    """Runs operation by operation, with a hand-written derivative per layer to keep their number small.

    On a CPU, loss and gradient can be compiled into one function of a third of the time per iteration. That takes some
    fifteen seconds (within `compile`) and a C++ compiler, so `auto` does it for so many iterations that it pays, by an
    estimate: what a case computes must not depend on how busy the machine is.
    """

    libraries: ClassVar[tuple[str, ...]] = ("torch",)
    imports: ClassVar[tuple[str, ...]] = ("backends.neural.torch_engine", "torch._dynamo", *Trained.imports)

    compiled: str = parameter("auto", "compile the gradient on a CPU", choices=("auto", "never", "always"))

    @property
    def compiles(self) -> bool:
        """Whether the gradient is to be compiled on a CPU; least squares has no use for it."""
        if self.compiled != "auto":
            return self.compiled == "always"
        steps = sum(end - start for stage, start, end in self.stages if stage.kind != "lm")
        return SAVED * steps > WARM_UP and not 0.0 < self.time_limit < 2.0 * WARM_UP

    def begin(self, problem: Problem, context: Context) -> Session:
        """Draw the initial parameters and the points."""
        from backends.neural.torch_engine import TorchSession

        return TorchSession(self, problem, context)

    def rehearsal(self) -> Self:
        """As for every network, compiled if the whole run is."""
        return replace(super().rehearsal(), compiled="always" if self.compiles else "never")
