"""One description of a physics-informed network for every engine: what is trained, on which points, and how.

Raissi, Perdikaris & Karniadakis 2019 (J. Comput. Phys. 378); with a trial function, Lagaris, Likas & Fotiadis 1998.
An engine (`torch_engine.py`, `jax_engine.py`) adds only the arithmetic, so two engines are compared on the same method.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from backends.base import Solver, as_ode
from backends.neural.activations import PIECEWISE_LINEAR
from backends.neural.collocation import Grid, JitteredGrid, Scattered, Uniform, region
from backends.neural.networks import MLP
from backends.neural.pde_residual import PDEFormulation, has_diffusion
from backends.neural.residual import Calculus, Formulation, ODEFormulation
from backends.neural.trial import BoxTrial, PublishedTrial, StartTrial
from backends.neural.trial import Trial as TrialFunction
from problems.base import ODE, PDE, Array, Problem
from problems.operations import Operations
from problems.parameters import Parameterised, parameter


@dataclass(frozen=True)
class Trial(Parameterised):
    """Initial and Dirichlet conditions hold by construction; Neumann and periodic ones are terms of the loss."""

    kind: ClassVar[str] = "trial"

    form: str = parameter("automatic", "made for the box, or the source's own", choices=("automatic", "published"))
    boundary_weight: float = parameter(1.0, "weight of the Neumann and periodic terms of the loss", above=0)

    def function(self, problem: PDE | ODE) -> TrialFunction:
        """Lift and mask for `problem`."""
        if self.form == "published":
            return PublishedTrial(problem)
        return StartTrial(problem) if isinstance(problem, ODE) else BoxTrial(problem)

    @property
    def weights(self) -> tuple[float, float]:
        """Weights of initial and boundary terms; there is no initial one."""
        return 0.0, self.boundary_weight


@dataclass(frozen=True)
class Penalty(Parameterised):
    """All conditions are terms of the loss."""

    kind: ClassVar[str] = "penalty"

    initial_weight: float = parameter(1.0, "weight of the initial condition in the loss", above=0)
    boundary_weight: float = parameter(1.0, "weight of each face's condition in the loss", above=0)

    def function(self, problem: PDE | ODE) -> None:
        """None: the network itself is the solution."""

    @property
    def weights(self) -> tuple[float, float]:
        """Weights of initial and boundary terms."""
        return self.initial_weight, self.boundary_weight


@dataclass(frozen=True)
class Adam(Parameterised):
    """Adam (Kingma & Ba 2015) with β = (0.9, 0.999), ε = 1e-8, and a learning rate that may fall to a fraction."""

    kind: ClassVar[str] = "adam"

    rate: float = parameter(5e-3, "learning rate at the start", above=0)
    decay: str = parameter("cosine", "how the learning rate falls", choices=("constant", "exponential", "cosine"))
    final_fraction: float = parameter(0.01, "learning rate at the end over that at the start", above=0, most=1)

    def rate_at(self, ops: Operations, progress: Any) -> Any:
        """Learning rate when the share `progress` of all iterations is done."""
        if self.decay == "exponential":
            return self.rate * ops.exp(math.log(self.final_fraction) * progress)
        if self.decay == "cosine":
            falling = 0.5 + 0.5 * ops.cos(math.pi * progress)
            return self.rate * (self.final_fraction + (1.0 - self.final_fraction) * falling)
        return self.rate


@dataclass(frozen=True)
class SGD(Parameterised):
    """Plain gradient descent on whatever points the iteration has."""

    kind: ClassVar[str] = "sgd"

    rate: float = parameter(8e-3, "learning rate", above=0)

    def rate_at(self, ops: Operations, progress: Any) -> float:
        """The learning rate, which is constant."""
        return self.rate


@dataclass(frozen=True)
class PINN(Solver):
    """A network whose residual at collocation points is made small by gradient descent."""

    family: ClassVar[str] = "neural"
    devices: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    precisions: ClassVar[tuple[str, ...]] = ("float32", "float64")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "s1-diffusion": {
            "network": {"widths": (20,), "activation": "sigmoid", "scaled": False},
            "constraint": {"kind": "trial", "form": "published"},
            "points": {"kind": "grid", "counts": (11, 101)},
            "optimizer": {"kind": "adam", "rate": 0.01, "decay": "constant"},
            "iterations": 10_000,
        },
        "s1-diffusion-fine": {
            "network": {"widths": (20,), "activation": "sigmoid", "scaled": False},
            "constraint": {"kind": "trial", "form": "published"},
            "points": {"kind": "grid", "counts": (101, 10_001)},
            "optimizer": {"kind": "adam", "rate": 0.01, "decay": "constant"},
            "iterations": 10_000,
        },
        "s1-eigen": {
            "network": {"widths": (100, 50, 25), "activation": "sigmoid", "scaled": False},
            "constraint": {"kind": "trial", "form": "published"},
            "points": {"kind": "grid", "counts": (11,)},
            "optimizer": {"kind": "adam", "rate": 0.01, "decay": "constant"},
            "iterations": 2_000,
        },
        "s2-decay": {
            "network": {
                "widths": (50, 50, 50),
                "activation": "leaky-relu",
                "init": "fan-in-uniform",
                "scaled": False,
            },
            "constraint": {"kind": "penalty"},
            "points": {"kind": "jittered-grid", "counts": (501,), "deviation": 0.1},
            "optimizer": {"kind": "sgd", "rate": 8e-3},
            "iterations": 10_000,
        },
        "s3-heat": {
            "network": {"widths": (32, 32, 32), "activation": "tanh", "scaled": False},
            "constraint": {"kind": "penalty"},
            "points": {"kind": "uniform", "batch": 64},
            "optimizer": {"kind": "adam", "rate": 1e-4, "decay": "constant"},
            "iterations": 15_000,
        },
        "s3-heat-v1": {
            "network": {"widths": (128, 128, 128, 128), "activation": "tanh", "scaled": False},
            "constraint": {"kind": "penalty"},
            "points": {"kind": "uniform", "batch": 64},
            "optimizer": {"kind": "adam", "rate": 1e-4, "decay": "constant"},
            "iterations": 15_000,
        },
        "s3-decay": {
            "network": {"widths": (32, 32), "activation": "tanh", "scaled": False},
            "constraint": {"kind": "penalty"},
            "points": {"kind": "uniform", "batch": 64},
            "optimizer": {"kind": "adam", "rate": 1e-4, "decay": "constant"},
            "iterations": 5_000,
        },
    }

    network: MLP = parameter(MLP(), "the network")
    constraint: Trial | Penalty = parameter(Trial(), "how conditions are imposed")
    points: Uniform | Scattered | Grid | JitteredGrid = parameter(Uniform(), "collocation points")
    optimizer: Adam | SGD = parameter(Adam(), "the optimizer")
    iterations: int = parameter(5_000, "optimizer steps", least=1)

    def unsupported(self, problem: Problem) -> str | None:
        """Families without a strong residual here, and choices that cannot work for `problem`."""
        if isinstance(problem, PDE):
            if self.network.activation in PIECEWISE_LINEAR and has_diffusion(problem):
                return (
                    f"the second derivatives of a {self.network.activation} network vanish almost everywhere, so the "
                    "strong residual of a second-order equation does not see it; choose a smooth one such as tanh"
                )
            published = isinstance(self.constraint, Trial) and self.constraint.form == "published"
            if published and PublishedTrial(problem).missing():
                return (
                    f"the sources of {problem.name} give no trial function; "
                    "set constraint.form=automatic or constraint.kind=penalty"
                )
            return None
        if as_ode(problem) is not None:
            return None
        return f"{self.title} has no residual for a problem of the family {problem.family!r}"

    def validate(self, problem: Problem) -> None:
        """A grid must have as many counts as there are coordinates.

        Raises:
            InputError: naming them.

        """
        equation = self._equation(problem)
        if isinstance(self.points, Grid) and equation is not None:
            self.points.spacings(*region(equation))

    def rehearsal(self) -> PINN:
        """The same with a few iterations: memory does not grow with their number."""
        return replace(self, iterations=min(self.iterations, 20))

    def formulation(self, problem: Problem, calculus: Calculus) -> Formulation:
        """Residual and loss for `problem`.

        Raises:
            ValueError: if it is of no supported family.

        """
        equation = self._equation(problem)
        if equation is None:
            raise ValueError(str(self.unsupported(problem)))
        trial = self.constraint.function(equation)
        if isinstance(equation, PDE):
            return PDEFormulation(equation, calculus, trial, self.points, self.constraint.weights)
        return ODEFormulation(equation, calculus, trial, self.points, self.constraint.weights)

    def input_map(self, formulation: Formulation) -> tuple[Array, Array]:
        """Scale and shift (k,) between coordinates and the network's input."""
        lower, upper = formulation.lower, formulation.upper
        if not self.network.scaled:
            return np.ones_like(lower), np.zeros_like(lower)
        return 2.0 / (upper - lower), -(upper + lower) / (upper - lower)

    @staticmethod
    def _equation(problem: Problem) -> PDE | ODE | None:
        return problem if isinstance(problem, PDE) else as_ode(problem)
