"""The deep BSDE method: a terminal-value problem's value at one point, by a network for the gradient along paths.

Along X_t = ξ + σW_t the solution u of uₜ + ½σ²Δu + f(t, x, u, ∇u) = 0 follows Y_t = u(t, X_t),

    Y_{k+1} = Y_k − f(t_k, X_k, Y_k, ∇u_k) Δt + ∇u_k · (X_{k+1} − X_k),    Y_N = g(X_N),

up to what the steps Δt = T/N leave. Y₀ = u(0, ξ) is a trained number, and ∇u_k the value of a network, so that the mean
of |g(X_N) − Y_N|² over paths is a loss; paths are exact, and drawn anew for each iteration. An iteration costs one pass
of batch × steps points through the network and back. The number of parameters grows linearly with the dimension, or
with its square where `network.skip` gives the gradient a linear part, without which a hidden layer narrower than the
dimension cannot follow it. Steps bring an error of the order Δt into Y₀. E, Han & Jentzen 2017 (Commun. Math. Stat. 5),
Han, Jentzen & E 2018 (PNAS 115); they take one network per step, and here one network of (x, t) serves all, as in
Raissi 2018 (arXiv 1804.07010).

All is in units that the declaration gives. With m and s the mean and standard deviation of g(X_T) over SAMPLES paths
without an equation, Y₀ = m + s·φ with φ trained from 0, ∇u_k = s/(σ√(T d)) · network, by which the sum of ∇u·ΔX is of
the size of s, and the loss is divided by s²: it is the share of the variance of g that is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from backends.neural.calculus import Calculus, Network
from backends.neural.jets import Orders
from backends.neural.networks import DGM, MLP, ModifiedMLP, Residual
from backends.neural.optimizers import SGD, Adam
from backends.neural.pointsets import Kind, PointSet
from backends.neural.presets import BSDE_PRESETS
from backends.neural.residual import Formulation, Setting
from backends.neural.sampling import points_generator
from backends.neural.trained import Trained
from problems.base import Array, Problem
from problems.families.terminal import TerminalValueProblem
from problems.operations import NUMPY
from problems.parameters import parameter

SAMPLES = 4096
"""Values of g(X_T) from which mean and standard deviation are taken: the mean to 1.6 % of the deviation."""


@dataclass(frozen=True)
class Increments(Kind):
    """What a Brownian motion gains in each of `steps` equal steps, path after path, and the time when the step begins.

    Per step it spreads by half the region / √steps along each coordinate, which is half the region over all of them.
    """

    kind: ClassVar[str] = "increments"

    batch: int
    steps: int

    @property
    def fresh(self) -> bool:
        """Each iteration has paths of its own."""
        return True

    def within(self, lower: Array, upper: Array, seed: int = 0) -> PointSet:
        """Increments along all coordinates but the last, and times, shape (batch · steps, k)."""
        count = self.batch * self.steps
        base = np.zeros((count, len(lower)))
        base[:, -1] = np.tile(np.linspace(lower[-1], upper[-1], self.steps, endpoint=False), self.batch)
        span = 0.5 * (upper - lower) / math.sqrt(self.steps)
        span[-1] = 0.0
        return PointSet(base, np.tile(span, (count, 1)), np.arange(count), count, "normal")


class BSDEFormulation(Formulation):
    """The mean square of what Y_N misses of g(X_N)."""

    pointwise: ClassVar[bool] = False

    def __init__(self, problem: TerminalValueProblem, calculus: Calculus, setting: Setting, steps: int) -> None:
        super().__init__(problem, calculus, setting)
        self.problem, self.steps = problem, steps
        self.components = self.spatial = problem.dimension
        self.orders = Orders()
        self.coefficients = np.zeros(1)
        generator = points_generator(setting.seed, *self.lower, *self.upper)
        ends = problem.start()[:, None] + problem.volatility() * math.sqrt(problem.T) * generator.standard_normal(
            (problem.dimension, SAMPLES)
        )
        values = np.asarray(problem.terminal(NUMPY, ends), dtype=float)
        self.mean, self.spread = float(values.mean()), float(values.std()) or 1.0
        self.steepness = self.spread / (problem.volatility() * math.sqrt(problem.T * problem.dimension))

    @property
    def breadth(self) -> int:
        """An increment, a place and the network's input."""
        return 3 * len(self.lower)

    @property
    def together(self) -> int:
        """The steps of a path."""
        return self.steps

    @property
    def term_names(self) -> tuple[str, ...]:
        """The only term."""
        return ("terminal value",)

    def stands_for(self, coefficients: Array) -> Array:
        """u(0, ξ)."""
        return np.asarray(self.mean + self.spread * coefficients)

    def answer(self, values: Callable[[Array], Array], coefficients: Array, points: Array) -> Array:
        """u(0, ξ), shape (n, 1).

        Raises:
            ValueError: for points other than (ξ, 0), about which nothing is known.

        """
        if not np.array_equal(points, np.broadcast_to(self.problem.points(), points.shape)):
            raise ValueError("the deep BSDE method finds the solution at the start of its paths, and nowhere else")
        return np.repeat(self.stands_for(coefficients)[None], len(points), axis=0)

    def facts(self, values: Callable[[Array], Array], coefficients: Array) -> Mapping[str, Any]:
        """The time steps."""
        return {"dt": self.problem.T / self.steps, "steps": self.steps}

    def prepare(self, points: Any, *, inside: bool) -> dict[str, Any]:
        """From increments and times (n, d + 1), path after path, the places X_k, and g where the paths end."""
        xp, d = self.calculus.xp, self.problem.dimension
        moves, start = points[:, :d], self.calculus.array(self.problem.start(), points)
        reached = xp.cumsum(moves.reshape(-1, self.steps, d), 1)
        places = xp.concatenate([start + (reached.reshape(-1, d) - moves), points[:, d:]], 1)
        return {
            "points": places,
            "seeds": self.seeds(places, Orders()),
            "moves": moves,
            "goal": self.problem.terminal(self.calculus.ops, (start + reached[:, -1]).T),
        }

    def loss(
        self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None, weights: Any
    ) -> tuple[Any, Any]:
        """The mean square over the paths, in units of the variance of g."""
        xp, d, dt = self.calculus.xp, self.problem.dimension, self.problem.T / self.steps
        slopes = self.steepness * network(inside, Orders())[0]
        gains = (slopes * inside["moves"]).sum(1)

        def by_step(values: Any) -> Any:
            """(batch · steps, …) → one (…, batch) after the other."""
            return xp.moveaxis(values.reshape(-1, self.steps, *values.shape[1:]), 0, -1)

        y = self.mean + self.spread * network.coefficients[0]
        for gain, slope, place in zip(*map(by_step, (gains, slopes, inside["points"])), strict=True):
            y = y + gain - dt * self.problem.driver(self.calculus.ops, place[d], place[:d], y + 0.0 * gain, slope)
        missed = (y - inside["goal"]) / self.spread
        term = (missed * missed).mean()
        return weights[0] * term, term[None]


@dataclass(frozen=True)
class DeepBSDE(Trained):
    """Trains u(0, ξ) and a network for ∇u so that paths end at the terminal value (E, Han & Jentzen 2017).

    Paths are drawn anew for each iteration, so that losses of neighbouring iterations do not compare: the last
    parameters are kept, and a learning rate that falls takes the noise out of them.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = BSDE_PRESETS

    network: MLP | DGM | Residual | ModifiedMLP = parameter(MLP(widths=(32,), skip=True), "the network for ∇u")
    batch: int = parameter(64, "paths per iteration", least=1)
    steps: int = parameter(20, "time steps of each path, which leave an error of the order 1/steps", least=1)
    optimizer: Adam | SGD = parameter(Adam(rate=0.01), "the optimizer; none that compares losses of different paths")

    @property
    def points(self) -> Increments:
        """The increments of the paths."""
        return Increments(self.batch, self.steps)

    def unsupported(self, problem: Problem) -> str | None:
        """All but terminal-value problems."""
        if isinstance(problem, TerminalValueProblem):
            return None
        return (
            f"{self.title} follows paths to a terminal value, and a problem of the family {problem.family!r} has none"
        )

    def formulation(self, problem: Problem, calculus: Calculus | None = None, seed: int = 0) -> BSDEFormulation:
        """The loss for `problem`; without a `calculus` only its layout can be asked for.

        Raises:
            ValueError: if it is of another family.

        """
        if not isinstance(problem, TerminalValueProblem):
            raise ValueError(str(self.unsupported(problem)))
        setting = Setting(None, (0.0, 0.0), self.points, seed, self.network.scaled)  # type: ignore[arg-type]
        return BSDEFormulation(problem, calculus, setting, self.steps)  # type: ignore[arg-type]
