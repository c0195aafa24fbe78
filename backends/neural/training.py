"""What training sessions of every engine share: the course of training on the host, evaluation, and facts.

Training goes from event to event: a note of the loss, a look at the error, new points, new weights, the next
optimizer. Between two events a driver runs iterations; first-order drivers belong to the engines and stay on the
device, those of `least_squares.py` and `quasi_newton.py` are shared and ask the engine for residuals and gradients.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from backends.base import Context, Diverged, Session, read_out
from backends.neural.calculus import Calculus
from backends.neural.collocation import TRAINING_START
from backends.neural.directions import PLACES
from backends.neural.optimizers import LevenbergMarquardt, SSBroyden
from backends.neural.pieces import in_pieces
from backends.neural.sampling import points_generator
from backends.neural.trained import Trained
from backends.neural.weighting import balanced
from problems.base import Array, MatrixEigenproblem, Problem, scattered_points

NOTES = 200
"""The loss is noted this often, or a little less."""
LOOK_RATIO = 1.35
"""Iterations at one look at the error over those at the look before."""
UNWATCHED = 50
"""Most iterations between two checks that the loss is finite and time is left."""
SETTLED = 0.1
"""Share of the iterations, and of the time, at the end of which points are not renewed any more."""
PROGRESS = 0.99
"""A loss must fall below this share of the smallest one so far to count as progress."""
LARGEST_PIECE = 32_768
RESIDUAL_PIECE = 4_096
"""Points at which the residual is evaluated at once, derivatives and all."""
REFERENCE = 1024
"""Points from which batch normalisation takes its statistics once training is over (Wu & Johnson 2021)."""

DIFFERENTIATED = ("nested-reverse", "forward-over-reverse")
"""Ways to differentiate a network as a function of its input, not layer by layer."""

STEPS, TIME, STAGNATION = "iterations", "time", "stagnation"
"""What may end training."""


class Driver(ABC):
    """Runs iterations of one optimizer."""

    stuck = False
    """Whether no further iteration can lower the loss."""
    most = UNWATCHED
    """Iterations after which the session looks at the loss and at the clock."""

    @abstractmethod
    def advance(self, count: int) -> tuple[int, Array]:
        """Run `count` iterations, or fewer if the loss is not finite any more or nothing moves.

        Returns how many were run, and the terms of the loss at the last of them.
        """

    def measured(self) -> Array | None:
        """The parameters (p,) that the terms belong to; None where it is those that the session has."""
        return None

    def changed(self) -> None:  # noqa: B027  (most drivers keep nothing that depends on the points)
        """Points or weights are no longer what they were."""


@dataclass
class Log:
    """What happened during training."""

    iterations: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    terms: list[Array] = field(default_factory=list)
    coefficients: list[Array] = field(default_factory=list)
    best: float = math.inf
    best_iteration: int = 0
    best_parameters: Array | None = None
    progress: float = math.inf
    progress_iteration: int = 0
    stopped_by: str = STEPS

    def note(self, iteration: int, loss: float, terms: Array, coefficients: Array) -> None:
        """Keep the loss after an iteration, and what is trained beside the network."""
        if not self.iterations or iteration > self.iterations[-1]:
            self.iterations.append(iteration)
            self.losses.append(loss)
            self.terms.append(terms)
            self.coefficients.append(coefficients)
        if loss < PROGRESS * self.progress:
            self.progress, self.progress_iteration = loss, iteration

    def forget(self) -> None:
        """Losses from here on do not compare with those before: points or weights changed."""
        self.best, self.best_parameters, self.progress = math.inf, None, math.inf


class TrainingSession(Session, ABC):
    """One training run; an engine adds arrays, derivatives, first-order drivers and the evaluation of points."""

    engine = ""
    extrapolates = True

    def __init__(self, solver: Trained, problem: Problem, context: Context, calculus: Calculus) -> None:
        self.solver, self.problem, self.context = solver, problem, context
        self.formulation = solver.formulation(problem, calculus, context.seed)
        inputs, outputs = self.formulation.inputs, self.formulation.components
        self.layers = solver.network.initial(inputs, outputs, context.seed)
        self.constants = solver.network.constants(inputs, context.seed)
        coefficients = len(self.formulation.coefficients)
        self.sizes = [part.size for layer in self.layers for part in layer] + [coefficients] * (coefficients > 0)
        self.inside, self.conditions = self.formulation.inside, self.formulation.conditions
        self.sets = (self.inside, self.conditions)
        self.fresh = any(s is not None and s.noise for s in self.sets)
        self.comparable = not self.fresh and solver.weighting is None and self.formulation.estimator is None
        self.weights = self.formulation.weights
        self.stages = solver.stages
        self.piece = min(LARGEST_PIECE, 1 << (max(101, len(problem.points())) - 1).bit_length())
        self.log = Log()
        self._done = self._renewed = self._looked = 0
        self._last = solver.iterations

    # What an engine offers: parameters are one vector (p,) on the host, layer after layer, weights before biases, and
    # last the coefficients that are trained beside the network.

    @abstractmethod
    def restart(self) -> None:
        """Initial parameters, initial points."""

    @abstractmethod
    def first_order(self, index: int) -> Driver:
        """A driver for stage `index`, SGD, Adam, AdamW or L-BFGS, from the present parameters."""

    @abstractmethod
    def get(self) -> Array:
        """The parameters, in float64."""

    @abstractmethod
    def put(self, parameters: Array) -> None:
        """Set them."""

    @abstractmethod
    def terms_at(self, parameters: Array) -> Array:
        """Terms of the loss at the present points."""

    @abstractmethod
    def gradient_at(self, parameters: Array) -> tuple[Array, Array]:
        """Terms of the loss and its gradient (p,)."""

    @abstractmethod
    def jacobian_at(self, parameters: Array) -> tuple[Array, Array]:
        """Residuals r (N,) and their derivatives J (N, p), scaled so that r·r is the loss."""

    @abstractmethod
    def products_at(self, parameters: Array) -> tuple[Array, Any, Any, float]:
        """Residuals r as above, v → J v and u → Jᵀ u without J, and the sum of the squares of J's entries."""

    @abstractmethod
    def residual_at(self, points: Array) -> Array:
        """Size of the residual (q,) at points (q, k), with the present parameters."""

    @abstractmethod
    def operator_at(self, points: Array, rows: Array) -> Array:
        """The operator of second order along directions (V, k) at points (q, k), with the present parameters."""

    @abstractmethod
    def gradient_norms(self) -> Array:
        """Euclidean norm of the gradient of each term of the loss, without its weight."""

    @abstractmethod
    def place(self, inside: Array | None, conditions: Array | None) -> None:
        """Put new points (n, k) in place of the old ones; None leaves a set as it is."""

    def reweigh(self, weights: Array) -> None:
        """Give the terms of the loss new weights."""
        self.weights = weights

    @abstractmethod
    def evaluate(self, points: Array) -> Array:
        """The trained trial function at `piece` points (piece, k), shape (piece, m)."""

    def moves(self, k: int) -> bool:
        """Whether set k is prepared anew for each iteration."""
        described = self.sets[k]
        return bool(described and described.noise) or (k == 0 and self.formulation.estimator is not None)

    def initial_parameters(self) -> Array:
        """The vector (p,) that training starts from."""
        parts = [part.ravel() for layer in self.layers for part in layer]
        return np.concatenate([*parts, self.formulation.coefficients])

    def beside(self, parameters: Any) -> Any:
        """The coefficients (q,) behind the network's parameters in a vector of all; None where there are none."""
        count = len(self.formulation.coefficients)
        return parameters[-count:] if count else None

    def gram(self, matrix: Array) -> Array:
        """MᵀM for a matrix (N, p) on the host."""
        product: Array = matrix.T @ matrix
        return product

    def solve(self) -> None:
        """Train from the initial parameters."""
        self.restart()
        self.log, self._done, self._renewed, self._looked = Log(), 0, 0, 0
        self.reweigh(self.formulation.weights)
        self._generator = points_generator(self.context.seed)
        self.context.watch.look(0, self.solution, self.findings)
        for index, (_, start, end) in enumerate(self.stages):
            # Where an earlier stage ended before its time, this one keeps its own number of iterations.
            self._last = self._done + self.solver.iterations - start
            self._run(self._driver(index), self._done + end - start)
            if self.log.stopped_by == TIME:
                break
        best = self.log.best_parameters
        if best is not None:
            self.put(best)
        else:
            self.log.best_iteration = self._done
        if best is not None or self._looked < self._done:
            self.context.watch.look(self._done, self.solution, self.findings)

    def _driver(self, index: int) -> Driver:
        from backends.neural.least_squares import LeastSquaresDriver
        from backends.neural.quasi_newton import QuasiNewtonDriver

        stage = self.stages[index][0]
        if isinstance(stage, LevenbergMarquardt):
            return LeastSquaresDriver(stage, self)
        if isinstance(stage, SSBroyden):
            return QuasiNewtonDriver(stage, self)
        return self.first_order(index)

    def _run(self, driver: Driver, end: int) -> None:
        """Iterations of one stage, from the present one up to `end`."""
        log, solver, watch = self.log, self.solver, self.context.watch
        stride = math.ceil(solver.iterations / NOTES)
        look = max(1, math.ceil(self._done * LOOK_RATIO))
        renewal, balance = solver.points.every, solver.balance
        log.stopped_by, log.progress_iteration = STEPS, self._done
        while self._done < end:
            stop = min(end, (self._done // stride + 1) * stride, look)
            if renewal and not self._settled():
                stop = min(stop, max(self._renewed + renewal, self._done + 1))
            if balance:
                stop = min(stop, (self._done // balance.every + 1) * balance.every)
            run, terms = driver.advance(min(stop - self._done, driver.most))
            self._done += run
            loss = float(self.weights @ terms)
            if not math.isfinite(loss):
                raise Diverged(
                    f"the loss was not finite at iteration {self._done} of {solver.iterations}; "
                    f"{self.formulation.remedy}"
                )
            timed_out = 0.0 < solver.time_limit <= watch.elapsed()
            ending = driver.stuck or timed_out or self._done == end
            idle = False
            if self._done % stride == 0 or ending:
                log.note(self._done, loss, terms, self.coefficients)
                self._keep_if_best(driver, loss)
                idle = 0 < solver.patience <= self._done - log.progress_iteration
            if self._done >= look:
                watch.look(self._done, self.solution, self.findings)
                self._looked = self._done
                look = max(self._done + 1, math.ceil(self._done * LOOK_RATIO))
            if timed_out:
                log.stopped_by = TIME
                return
            # A driver that is stuck may find its way on other points, unless it has just had them.
            others = renewal and self._done > self._renewed + 1 and not self._settled()
            if idle or (driver.stuck and not others):
                log.stopped_by = STAGNATION
                return
            if self._done < end:
                self._renew(driver)

    def _settled(self) -> bool:
        """The last points are kept for a while, so that training does not end on some that were hardly used."""
        left = (self._last - self._done) / self.solver.iterations
        if self.solver.time_limit:
            left = min(left, 1.0 - self.context.watch.elapsed() / self.solver.time_limit)
        return left <= SETTLED

    def _keep_if_best(self, driver: Driver, loss: float) -> None:
        if self.solver.keep == "best" and self.comparable and loss < self.log.best:
            measured = driver.measured()
            self.log.best, self.log.best_iteration = loss, self._done
            self.log.best_parameters = self.get() if measured is None else measured

    def _renew(self, driver: Driver) -> None:
        """New points and new weights where it is time for them."""
        points, balance = self.solver.points, self.solver.balance
        changed = False
        due = not self._settled() and (driver.stuck or self._done >= self._renewed + points.every)
        if points.every and due:
            form = self.formulation
            inside = points.renewed(form.lower, form.upper, self._generator, self.residual_at if points.pool else None)
            self.place(inside, form.renewed_conditions(self._generator) if form.terms else None)
            self._renewed, driver.stuck, changed = self._done, False, True
        if balance and self._done % balance.every == 0 and len(self.weights) > 1:
            # Where each iteration has points of its own, gradients are judged on others like them.
            self.draw()
            self.reweigh(balanced(self.weights, self.gradient_norms(), balance.memory))
            changed = True
        if changed:
            self.log.forget()
            driver.changed()

    def reference_points(self) -> Array:
        """Points (q, k) from which batch normalisation takes its statistics once training is over.

        Those of training where they stay, else many that are evenly spread.
        """
        form = self.formulation
        if not self.fresh and not self.solver.points.every:
            return self.inside.base
        return scattered_points(REFERENCE, tuple(form.lower), tuple(form.upper), TRAINING_START)

    def draw(self) -> None:
        """Points of one iteration of an optimizer on the host, where each iteration has its own."""
        if self.fresh:
            self.place(*(s.drawn(self._generator) if s is not None and s.noise else None for s in self.sets))

    def solution(self, points: Array) -> Array:
        """The trial function at `points`, or the last state of a flow as an eigenvector."""
        if isinstance(self.problem, MatrixEigenproblem):
            return read_out(self.problem, lambda t: self._values(t[:, None]), points)
        return self.formulation.answer(self._values, self.coefficients, points)

    def residual(self, points: Array) -> Array | None:
        """Size of the residual, where it is one at each point alone and its derivatives are not estimated."""
        form = self.formulation
        # The points of a matrix are its rows, not instants of the flow.
        elsewhere = isinstance(self.problem, MatrixEigenproblem)
        if elsewhere or not form.pointwise or form.estimator is not None or self.solver.network.normalises:
            return None
        return in_pieces(points, min(self.piece, RESIDUAL_PIECE), self.residual_at)

    def findings(self) -> Mapping[str, Any]:
        """What the present network has to tell beside its solution."""
        return self.formulation.facts(self._values, self.coefficients)

    @property
    def coefficients(self) -> Array:
        """What is trained beside the network, shape (q,)."""
        return np.empty(0) if self.beside(self.sizes) is None else np.asarray(self.beside(self.get()))

    def facts(self) -> Mapping[str, Any]:
        """Network size, loss curve, spacing of grids, and the trajectory of an initial value problem."""
        log = self.log
        facts: dict[str, Any] = {
            "unknowns": sum(self.sizes),
            "iterations": self._done,
            "engine": self._engine(),
            "stopped_by": log.stopped_by,
            "best_iteration": log.best_iteration,
        }
        if self.formulation.orders.first:
            facts["derivatives"] = self.solver.mode
        if log.losses:
            facts |= {
                "final_loss": log.losses[-1],
                "loss_iterations": np.array(log.iterations),
                "loss_history": np.array(log.losses),
                "loss_terms": np.array(log.terms),
                "term_names": ", ".join(self.formulation.term_names),
            }
            facts |= self.findings()
            if len(self.formulation.coefficients):
                facts["coefficient_history"] = np.array([self.formulation.stands_for(c) for c in log.coefficients])
        estimator = self.formulation.estimator
        if estimator is not None:
            generator = points_generator(self.context.seed, PLACES)
            places = self.inside.drawn(generator)[:PLACES]
            facts["estimator_deviation"] = estimator.deviation(partial(self.operator_at, places), generator)
        lower, upper = self.formulation.lower, self.formulation.upper
        spacings = self.solver.points.spacings(lower, upper, len(self.inside))
        if spacings is not None:
            for name, along in zip(("dx", "dt"), np.split(spacings, [self.formulation.spatial]), strict=True):
                if len(along):
                    facts[name] = float(along.max())
        return facts

    def _engine(self) -> str:
        """How the inner loops were run."""
        on_host = [isinstance(stage, (LevenbergMarquardt, SSBroyden)) for stage, _, _ in self.stages]
        host = "optimizer on the host, residuals and derivatives by the framework"
        return host if all(on_host) else f"{self.engine}; {host}" if any(on_host) else self.engine

    def _values(self, points: Array) -> Array:
        return in_pieces(points, self.piece, self.evaluate)
