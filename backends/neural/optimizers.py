"""How a network is trained: kinds of optimizers, as both engines see them.

First-order methods and L-BFGS are run by the framework's own library (torch.optim, optax). The least-squares and
quasi-Newton methods that neither has are in `least_squares.py` and `quasi_newton.py`, once for both engines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from problems.base import Array
from problems.parameters import InputError, Parameterised, parameter


@dataclass(frozen=True)
class Scheduled(Parameterised):
    """A learning rate that may rise at the start and fall to a fraction of itself."""

    rate: float = parameter(5e-3, "learning rate at its highest", above=0)
    decay: str = parameter(
        "cosine", "how the learning rate falls", choices=("constant", "exponential", "cosine", "step")
    )
    final_fraction: float = parameter(0.01, "learning rate at the end over that at its highest", above=0, most=1)
    warmup: float = parameter(0.0, "share of the iterations over which the rate rises from zero", least=0, most=1)
    drop_at: float = parameter(0.5, "share of the iterations after which decay=step takes its step", least=0, most=1)

    def rates(self, iterations: int) -> Array:
        """Learning rate of each iteration, shape (iterations,)."""
        progress = np.arange(iterations) / iterations
        factor = np.ones(iterations)
        if self.decay == "exponential":
            factor = self.final_fraction**progress
        elif self.decay == "cosine":
            factor = self.final_fraction + (1.0 - self.final_fraction) * (0.5 + 0.5 * np.cos(np.pi * progress))
        elif self.decay == "step":
            factor = np.where(progress < self.drop_at, 1.0, self.final_fraction)
        if self.warmup:
            factor = factor * np.minimum(1.0, (np.arange(iterations) + 1.0) / (self.warmup * iterations))
        return self.rate * factor


@dataclass(frozen=True)
class Adam(Scheduled):
    """Adam (Kingma & Ba 2015, ICLR) with β = (0.9, 0.999), ε = 1e-8."""

    kind: ClassVar[str] = "adam"


@dataclass(frozen=True)
class AdamW(Scheduled):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, ICLR)."""

    kind: ClassVar[str] = "adamw"

    weight_decay: float = parameter(1e-4, "decay of the parameters per iteration over the learning rate", least=0)


@dataclass(frozen=True)
class SGD(Scheduled):
    """Gradient descent on whatever points the iteration has, with heavy-ball momentum where asked for."""

    kind: ClassVar[str] = "sgd"

    rate: float = parameter(8e-3, "learning rate at its highest", above=0)
    decay: str = parameter(
        "constant", "how the learning rate falls", choices=("constant", "exponential", "cosine", "step")
    )
    momentum: float = parameter(0.0, "momentum", least=0, most=0.9999)


@dataclass(frozen=True)
class LBFGS(Parameterised):
    """L-BFGS (Liu & Nocedal 1989) with a line search for the strong Wolfe conditions."""

    kind: ClassVar[str] = "lbfgs"

    memory: int = parameter(50, "pairs of steps and gradient changes that are kept", least=1)
    searches: int = parameter(
        25, "evaluations at most per line search; with torch, on average between two notes of the loss", least=2
    )


@dataclass(frozen=True)
class SSBroyden(Parameterised):
    """The self-scaled Broyden method with a full inverse Hessian (Al-Baali 1998; Urbán, Stefanou & Pons 2025)."""

    kind: ClassVar[str] = "ssbroyden"

    scaling: str = parameter(
        "broyden", "which self-scaled update; bfgs for φ = 1, none for plain BFGS", choices=("broyden", "bfgs", "none")
    )
    searches: int = parameter(25, "brackets that a line search tries, and then shortenings of the step", least=2)


@dataclass(frozen=True)
class LevenbergMarquardt(Parameterised):
    """Damped Gauss–Newton on the residuals of all points: the energy natural gradient of a least-squares loss.

    A step solves (JᵀJ + μ I) δ = −Jᵀr, J the derivative of every residual with respect to every parameter. With
    `search=damping` μ falls after a success and rises after a failure (Marquardt 1963); with `search=line` μ stays as
    it is and the step is halved until the loss is smallest (Müller & Zeinhofer 2023, ICML).
    """

    kind: ClassVar[str] = "lm"

    solve: str = parameter(
        "auto",
        "normal equations (dense), the Gram matrix of the points (kernel), LSMR on products with J (matrix-free), or "
        "the smaller of the first two",
        choices=("auto", "dense", "kernel", "matrix-free"),
    )
    search: str = parameter(
        "damping",
        "what changes until the loss falls: the damping, or the length of the step",
        choices=("damping", "line"),
    )
    damping: float = parameter(1e-2, "μ at the start, relative to the mean square of J's columns", above=0)
    fall: float = parameter(3.0, "μ is divided by this after a success", above=1)
    rise: float = parameter(2.0, "μ is multiplied by this after a failure", above=1)
    inner: int = parameter(200, "LSMR iterations at most per step", least=1)
    memory: float = parameter(4.0, "gigabytes that J and its normal matrix may take", above=0)

    def bytes(self, rows: int, unknowns: int) -> int:
        """What J (twice, while it is put together) and the system to solve take; only layers' jets if matrix-free."""
        if self.solve == "matrix-free":
            return 0
        side = rows if self.uses_kernel(rows, unknowns) else unknowns
        return 8 * (2 * rows * unknowns + 2 * side * side)

    def uses_kernel(self, rows: int, unknowns: int) -> bool:
        """Whether the system has the size of the points rather than that of the parameters."""
        return self.solve == "kernel" or (self.solve == "auto" and rows < unknowns)


Single = Adam | AdamW | SGD | LBFGS | SSBroyden | LevenbergMarquardt


@dataclass(frozen=True)
class Chain(Parameterised):
    """One optimizer after another; each goes on from the parameters that the one before left."""

    kind: ClassVar[str] = "chain"

    first: Single = parameter(Adam(), "the first optimizer")
    second: Single = parameter(LBFGS(), "the second")
    third: Single | None = parameter(None, "the third, if there is one")
    switch: tuple[int, ...] = parameter((1000,), "iterations after which the next one takes over", least=1)

    def __post_init__(self) -> None:
        """Check that there is one switch less than optimizers.

        Raises:
            InputError: naming them.

        """
        super().__post_init__()
        wanted = len(self.stages) - 1
        if len(self.switch) != wanted or list(self.switch) != sorted(set(self.switch)):
            raise InputError(
                f"{self.kind}: parameter 'switch' is {list(self.switch)}; {wanted + 1} optimizers need {wanted} "
                "rising iteration numbers"
            )

    @property
    def stages(self) -> tuple[Single, ...]:
        """The optimizers in order."""
        return (self.first, self.second, *(() if self.third is None else (self.third,)))

    def shortened(self, iterations: int) -> Chain:
        """The same with an equal share of `iterations` for each."""
        parts = len(self.stages)
        return replace(self, switch=tuple(max(k, iterations * k // parts) for k in range(1, parts)))


Optimizer = Adam | AdamW | SGD | LBFGS | SSBroyden | LevenbergMarquardt | Chain


Stage = tuple[Single, int, int]
"""(optimizer, first iteration, last iteration)"""


def stages(optimizer: Optimizer, iterations: int) -> list[Stage]:
    """The stages of a training run that have any iterations."""
    if not isinstance(optimizer, Chain):
        return [(optimizer, 0, iterations)]
    edges = [0, *(min(s, iterations) for s in optimizer.switch), iterations]
    spans = zip(optimizer.stages, edges[:-1], edges[1:], strict=True)
    return [(stage, start, end) for stage, start, end in spans if end > start]
