"""One description of a physics-informed network for every engine: what is trained, on which points, and how.

Raissi, Perdikaris & Karniadakis 2019 (J. Comput. Phys. 378); with a trial function, Lagaris, Likas & Fotiadis 1998.
An engine (`torch_engine.py`, `jax_engine.py`) adds only the arithmetic, so two engines are compared on the same method.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self, cast

from backends.integrals.rules import MonteCarlo, Rules
from backends.neural.calculus import Calculus
from backends.neural.collocation import Points, Uniform
from backends.neural.directions import ESTIMATORS, Estimator
from backends.neural.formulations import formulation_of, represented, trained_on
from backends.neural.optimizers import AdamW, Chain, LevenbergMarquardt
from backends.neural.pointsets import region
from backends.neural.presets import PRESETS
from backends.neural.residual import Formulation, Setting
from backends.neural.trained import Trained
from backends.neural.trial import BoxTrial, PublishedTrial, StartTrial, TerminalTrial, ZeroTrial
from backends.neural.trial import Trial as TrialFunction
from backends.neural.weighting import Balanced, Causal
from problems.base import ODE, PDE, Problem
from problems.families.eigenproblem import Eigenproblem
from problems.families.integral_equation import IntegralEquation
from problems.families.inverse import InverseProblem
from problems.families.terminal import TerminalValueProblem
from problems.parameters import Parameterised, parameter

Equation = PDE | ODE | IntegralEquation | Eigenproblem | TerminalValueProblem


@dataclass(frozen=True)
class Trial(Parameterised):
    """Initial, Dirichlet and periodic conditions hold by construction; Neumann ones are terms of the loss."""

    kind: ClassVar[str] = "trial"

    form: str = parameter("automatic", "made for the box, or the source's own", choices=("automatic", "published"))
    boundary_weight: float = parameter(1.0, "weight of the Neumann terms of the loss", above=0)
    envelope: float | None = parameter(
        None,
        "standard deviation of a normal density around the middle of the box, whose root multiplies the network; for "
        "the quotients of an eigenproblem, in units of its coordinates",
        above=0,
    )

    def function(self, problem: Equation) -> TrialFunction | None:
        """Lift and mask for `problem`; None where it has no conditions."""
        if isinstance(problem, IntegralEquation):
            return None
        if isinstance(problem, Eigenproblem):
            return ZeroTrial(problem, self.envelope)
        if self.form == "published":
            return PublishedTrial(problem)
        if isinstance(problem, TerminalValueProblem):
            return TerminalTrial(problem)
        return StartTrial(problem) if isinstance(problem, ODE) else BoxTrial(problem)

    @property
    def weights(self) -> tuple[float, float]:
        """Weights of initial and boundary terms; there is no initial one."""
        return 0.0, self.boundary_weight

    @property
    def balance(self) -> None:
        """Weights stay as they are."""


@dataclass(frozen=True)
class Penalty(Parameterised):
    """All conditions are terms of the loss."""

    kind: ClassVar[str] = "penalty"

    initial_weight: float = parameter(1.0, "weight of the initial condition in the loss", above=0)
    boundary_weight: float = parameter(1.0, "weight of each face's condition in the loss", above=0)
    balance: Balanced | None = parameter(None, "weights that follow the gradients; fixed ones without it")

    def function(self, problem: Equation) -> None:
        """None: the network itself is the solution."""

    @property
    def weights(self) -> tuple[float, float]:
        """Weights of initial and boundary terms."""
        return self.initial_weight, self.boundary_weight


@dataclass(frozen=True)
class PINN(Trained):
    """A network whose residual at collocation points is made small.

    Training ends after `iterations`, or before at `time_limit`, or when the loss has not fallen by a hundredth for
    `patience` iterations. `keep=best` keeps the parameters with the smallest loss noted on the last set of fixed
    points; where points are drawn anew for each iteration losses do not compare, and the last parameters are kept.
    """

    imports: ClassVar[tuple[str, ...]] = (*Trained.imports, "scipy.stats.qmc")
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = PRESETS

    objective: str = parameter(
        "residual",
        "what is made small: the residual, the energy whose minimum the solution is (Deep Ritz), or for eigenproblems "
        "the sum of the Rayleigh quotients, or the residual of normalised functions",
        choices=("residual", "energy", "rayleigh", "normalised-residual"),
    )
    constraint: Trial | Penalty = parameter(Trial(), "how conditions are imposed")
    points: Points = parameter(Uniform(), "collocation points")
    quadrature: Rules | None = parameter(
        None,
        "rule for the integral of an integral equation; by default 32 Gauss nodes, or product for a singular kernel",
    )
    observation_weight: float | None = parameter(
        None, "weight of the observations of an inverse problem in the loss; by default 1", above=0
    )
    weighting: Causal | None = parameter(None, "causal weights of the residual in time")
    derivatives: str = parameter(
        "auto",
        "how the residual's derivatives are taken; auto is Taylor mode, the cheapest of those that are exact",
        choices=("auto", "taylor", "forward-over-reverse", "nested-reverse", *ESTIMATORS),
    )
    directions: int = parameter(16, "random directions of an estimate; no more than coordinates are used", least=1)
    patience: int = parameter(0, "iterations without progress after which training ends; 0 for never", least=0)
    keep: str = parameter("best", "which parameters are kept", choices=("best", "last"))

    def __post_init__(self) -> None:
        """Refuse combinations that cannot work for any problem.

        Raises:
            InputError: naming them and the nearest thing that works.

        """
        super().__post_init__()
        kinds = {stage.kind for stage, _, _ in self.stages}
        if self.network.normalises:
            if "lm" in kinds:
                self._refuse(
                    "optimizer lm needs the residual's derivative at each point alone, but batch normalisation ties "
                    "all points together; set network.normalisation=none, or take optimizer.kind=lbfgs or ssbroyden"
                )
            if self.mode != "taylor":
                self._refuse(
                    f"with derivatives={self.derivatives} batch normalisation would mix the derivatives of different "
                    "points; set derivatives=taylor, or network.normalisation=none"
                )
        if self.mode in ESTIMATORS:
            self._check_estimates(kinds)
        if "lm" in kinds and self.mode != "taylor":
            self._refuse(f"optimizer lm works with derivatives=taylor, not {self.derivatives}")
        comparing = ", ".join(sorted(kinds & {"lbfgs", "ssbroyden"}))
        if comparing and self.points.fresh:
            self._refuse(
                f"optimizer {comparing} compares losses of neighbouring "
                f"iterations, but points.kind={self.points.kind} draws new points for each; take points.kind=sobol, "
                "with points.every=500 if they shall be renewed"
            )
        if comparing and isinstance(self.quadrature, MonteCarlo):
            self._refuse(
                f"optimizer {comparing} compares losses of neighbouring iterations, but quadrature monte-carlo draws "
                "new samples for each; take quadrature.kind=gauss-legendre, or optimizer.kind=adam"
            )

    @property
    def mode(self) -> str:
        """How derivatives are taken."""
        return "taylor" if self.derivatives == "auto" else self.derivatives

    @property
    def balance(self) -> Balanced | None:
        """Weights of the terms of the loss that follow the gradients."""
        return self.constraint.balance

    @property
    def constrains(self) -> bool:
        """Whether anything is said about how conditions are imposed."""
        return self.constraint != Trial(envelope=self.envelope)

    @property
    def envelope(self) -> float | None:
        """Width of what falls around the network, None without it."""
        return self.constraint.envelope if isinstance(self.constraint, Trial) else None

    def unsupported(self, problem: Problem) -> str | None:
        """Families without such an objective here, and choices that cannot work for `problem`."""
        kind, equation = formulation_of(problem, self.objective), trained_on(problem)
        if kind is None:
            return f"{self.title} has no {self.objective} for a problem of the family {problem.family!r}"
        if self.mode in ESTIMATORS and not kind.estimates:
            return f"derivatives={self.mode} estimate the Laplacian of a residual; set derivatives=taylor"
        reason = kind.refuses(equation, self)
        if reason is not None:
            return reason
        published = isinstance(self.constraint, Trial) and self.constraint.form == "published"
        if published and PublishedTrial(represented(problem)).missing():
            return (
                f"the sources of {problem.name} give no trial function; "
                "set constraint.form=automatic or constraint.kind=penalty"
            )
        return None

    def validate(self, problem: Problem) -> None:
        """Check points against the problem's coordinates, optimizers against what they train, and memory.

        Raises:
            InputError: naming parameter, value and remedy.

        """
        if self.unsupported(problem) is not None:
            return
        comparing = {stage.kind for stage, _, _ in self.stages} & {"lm", "lbfgs", "ssbroyden"}
        if comparing and self.weighting is not None:
            self._refuse(
                f"optimizer {', '.join(sorted(comparing))} compares losses, and causal weights change the loss as the "
                "network changes (a larger early residual makes it smaller); set weighting=none, or optimizer=adam"
            )
        if isinstance(self.optimizer, Chain) and self.iterations <= self.optimizer.switch[-1]:
            self._refuse(
                f"parameter 'iterations' is {self.iterations}, but the last optimizer of the chain takes over after "
                f"{self.optimizer.switch[-1]}; give more, or an earlier optimizer.switch"
            )
        if self.quadrature is not None and not isinstance(problem, IntegralEquation):
            self._refuse(
                f"parameter 'quadrature' is {self.quadrature.kind}, and there is no integral in the equation of "
                f"{problem.name}; leave it out"
            )
        if self.observation_weight is not None and not isinstance(problem, InverseProblem):
            self._refuse(
                f"parameter 'observation_weight' is {self.observation_weight:g}, and {problem.name} has no "
                "observations; leave it out"
            )
        if self.envelope is not None and self.objective != "rayleigh":
            self._refuse(
                f"parameter 'constraint.envelope' is {self.envelope:g}, and only the quotients of an eigenproblem are "
                "written for a network within one; leave it out, or set objective=rayleigh"
            )
        self.points.check(*region(represented(problem)))
        formulation = self.formulation(problem)
        if not formulation.pointwise:
            self._check_joint_loss()
        if formulation.integral and not self.points.integrates:
            self._refuse(
                f"objective={self.objective} is made of integrals, and for points of the kind {self.points.kind} there "
                "are no weights that would make their mean one; take points.kind=gauss, chebyshev or sobol"
            )
        if self.patience and not formulation.vanishes:
            self._refuse(
                f"parameter 'patience' is {self.patience}, which waits for the loss to fall by a hundredth, and this "
                "loss does not fall towards 0; set patience=0, and iterations or time_limit as training shall end"
            )
        rows = formulation.components * (len(formulation.inside) + len(formulation.conditions or ()))
        layers = self.network.initial(formulation.inputs, formulation.components, 0)
        objection = formulation.objection(layers)
        if objection is not None:
            self._refuse(objection)
        if len(formulation.coefficients) and any(
            isinstance(stage, AdamW) and stage.weight_decay for stage, _, _ in self.stages
        ):
            self._refuse(
                "optimizer adamw lets all that is trained decay, and here that is not the network alone but numbers of "
                "the problem as well; take optimizer.kind=adam, or weight_decay=0"
            )
        unknowns = sum(part.size for layer in layers for part in layer)
        for stage, _, _ in self.stages:
            if isinstance(stage, LevenbergMarquardt):
                need = stage.bytes(rows, unknowns) / 1e9
                if need > stage.memory:
                    self._refuse(
                        f"optimizer lm would need {need:.3g} GB for {rows} residuals × {unknowns} parameters, and "
                        f"optimizer.memory is {stage.memory:g} GB; set optimizer.solve=matrix-free, take fewer points "
                        "or a smaller network, or raise optimizer.memory"
                    )

    def rehearsal(self) -> Self:
        """The same with few iterations of each optimizer, in which all comes about that takes memory later."""
        points, constraint, often = cast(Any, self.points), self.constraint, max(1, self.few // 2)
        if points.every:
            # New points are drawn once, from a pool that may be larger than they are.
            points = replace(points, every=min(points.every, often))
        if isinstance(constraint, Penalty) and constraint.balance:
            balance = replace(constraint.balance, every=min(constraint.balance.every, often))
            constraint = replace(constraint, balance=balance)
        return replace(super().rehearsal(), points=points, constraint=constraint)

    def formulation(self, problem: Problem, calculus: Calculus | None = None, seed: int = 0) -> Formulation:
        """Residual and loss for `problem`; without a `calculus` only their layout can be asked for.

        Raises:
            ValueError: if it is of no supported family.

        """
        kind, equation = formulation_of(problem, self.objective), trained_on(problem)
        if kind is None:
            raise ValueError(str(self.unsupported(problem)))
        trial = self.constraint.function(represented(problem))
        setting = Setting(
            trial,
            self.constraint.weights,
            self.points,
            seed,
            self.network.scaled,
            self.weighting,
            self.quadrature,
            self.observation_weight or 1.0,
            self.estimator(problem),
        )
        return kind(equation, calculus, setting)  # type: ignore[arg-type]

    def _check_joint_loss(self) -> None:
        """Refuse what takes a residual at each point alone."""
        if any(stage.kind == "lm" for stage, _, _ in self.stages):
            self._refuse(
                "optimizer lm needs a sum of squares of which each belongs to one point, and this loss is none; "
                "take optimizer.kind=ssbroyden or lbfgs"
            )
        if self.points.pool:
            self._refuse(
                f"points.kind={self.points.kind} follow a residual at each point alone, and this loss has none; "
                "take points.kind=sobol, chebyshev or gauss"
            )
        if self.weighting is not None:
            self._refuse("causal weights belong to a residual at each instant; set weighting=none")

    def _check_estimates(self, kinds: set[str]) -> None:
        """Refuse what takes losses of different iterations for comparable, or a residual for exact."""
        comparing = sorted(kinds & {"lm", "lbfgs", "ssbroyden"})
        if comparing:
            self._refuse(
                f"with derivatives={self.mode} each iteration has random directions of its own, and optimizer "
                f"{', '.join(comparing)} compares losses; take optimizer.kind=adam, or derivatives=taylor"
            )
        if self.points.pool or self.weighting is not None or self.balance:
            self._refuse(
                f"points that follow the residual, causal weights and balanced weights need it without the scatter of "
                f"derivatives={self.mode}; leave them out, or take derivatives=taylor"
            )

    def estimator(self, problem: Problem) -> Estimator | None:
        """What draws directions for the second derivatives; None where they are exact."""
        if self.mode not in ESTIMATORS:
            return None
        coordinates, d = len(region(represented(problem))[0]), problem.dimension
        return Estimator(self.mode, min(self.directions, d), d, coordinates)
