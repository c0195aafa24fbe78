"""What all solvers that train a network share: the network, its optimizer, and what ends training.

A course of training (`training.py`) asks a solver for more than its users can set: whether points are renewed, weights
balanced, the best parameters kept. A solver without such a choice answers here, and has no parameter for it.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from backends.base import Solver
from backends.neural.calculus import Calculus
from backends.neural.networks import DGM, MLP, ModifiedMLP, Residual
from backends.neural.optimizers import (
    LBFGS,
    SGD,
    Adam,
    AdamW,
    Chain,
    LevenbergMarquardt,
    SSBroyden,
    Stage,
    stages,
)
from backends.neural.pointsets import Kind
from backends.neural.residual import Formulation
from backends.neural.weighting import Balanced, Causal
from problems.base import Problem
from problems.parameters import InputError, parameter


@dataclass(frozen=True)
class Trained(Solver):
    """A network and how it is trained; a subclass adds what its loss is made of, an engine the arithmetic."""

    family: ClassVar[str] = "neural"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    precisions: ClassVar[tuple[str, ...]] = ("float32", "float64")
    imports: ClassVar[tuple[str, ...]] = ("backends.neural.least_squares", "backends.neural.quasi_newton")

    network: MLP | DGM | Residual | ModifiedMLP = parameter(MLP(), "the network")
    optimizer: Adam | AdamW | SGD | LBFGS | SSBroyden | LevenbergMarquardt | Chain = parameter(Adam(), "the optimizer")
    iterations: int = parameter(5_000, "optimizer steps", least=1)
    time_limit: float = parameter(0.0, "seconds of training; 0 for no limit", least=0)

    @property
    @abstractmethod
    def points(self) -> Kind:
        """The points that the loss is a mean over."""

    @abstractmethod
    def formulation(self, problem: Problem, calculus: Calculus | None = None, seed: int = 0) -> Formulation:
        """The loss for `problem`; without a `calculus` only its layout can be asked for."""

    @property
    def stages(self) -> list[Stage]:
        """Optimizers with their first and last iterations."""
        return stages(self.optimizer, self.iterations)

    @property
    def mode(self) -> str:
        """How derivatives of the network with respect to its input are taken, where there are any."""
        return "taylor"

    @property
    def weighting(self) -> Causal | None:
        """Weights of the points in the loss that follow the residual."""
        return None

    @property
    def balance(self) -> Balanced | None:
        """Weights of the terms of the loss that follow the gradients."""
        return None

    @property
    def patience(self) -> int:
        """Iterations without progress after which training ends; 0 for never."""
        return 0

    @property
    def keep(self) -> str:
        """Which parameters are kept."""
        return "last"

    @property
    def few(self) -> int:
        """Iterations in which each optimizer comes to what takes memory later."""
        histories = [stage.memory for stage, _, _ in self.stages if isinstance(stage, LBFGS)]
        return min(self.iterations, len(self.stages) * max([20, *(pairs + 5 for pairs in histories)]))

    def rehearsal(self) -> Self:
        """The same with few iterations of each optimizer, in which all comes about that takes memory later."""
        optimizer = self.optimizer
        if isinstance(optimizer, Chain):
            optimizer = optimizer.shortened(self.few)
        return replace(self, iterations=self.few, optimizer=optimizer, time_limit=0.0)

    def _refuse(self, reason: str) -> None:
        raise InputError(f"{self.name}: {reason}")
