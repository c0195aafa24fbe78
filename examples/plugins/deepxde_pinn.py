"""DeepXDE beside the suite's own networks: Lu, Meng, Mao & Karniadakis 2021 (SIAM Review 63).

    .venv/bin/python -m pip install -c constraints.txt -e '.[deepxde]'
    debench run --plugin examples/plugins/deepxde_pinn.py --problem heat-1d --solver deepxde-torch --solver torch-pinn
    debench run --plugin examples/plugins/deepxde_pinn.py --problem heat-1d --solver deepxde-jax --precision float32

Any PDE on a box and any initial value problem is handed over from its declaration, with the means that DeepXDE's own
examples use: `data.PDE` or `data.TimePDE`, `nn.FNN`, conditions of `icbc`, `Model.compile` and `Model.train`. Names
and meaning of the parameters are those of torch-pinn and jax-pinn where both have them, so that one row of parameters
gives the same network, points, loss and optimizer everywhere; the defaults are DeepXDE's.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from backends import register
from backends.base import Context, Diverged, Session, Solver, as_ode, read_out
from backends.neural.activations import PIECEWISE_LINEAR
from backends.neural.collocation import Scattered
from backends.neural.pde_residual import has_diffusion
from backends.neural.pointsets import region
from backends.neural.tensor_points import Grid
from backends.neural.trial import BoxTrial, PublishedTrial, StartTrial
from backends.operations import jax_operations, torch_operations
from problems.base import ODE, PDE, Array, Dirichlet, Neumann, Periodic, Problem, diffusivity_rows, fields_to_array
from problems.operations import NUMPY, Operations
from problems.parameters import InputError, Parameterised, parameter

ACTIVATIONS = MappingProxyType(
    {"tanh": "tanh", "sigmoid": "sigmoid", "sine": "sin", "gelu": "gelu", "silu": "silu", "relu": "relu"}
)
"""The suite's names of activations, and DeepXDE's."""

INITIALISATIONS = MappingProxyType(
    {
        "xavier-uniform": "Glorot uniform",
        "xavier-normal": "Glorot normal",
        "kaiming-uniform": "He uniform",
        "kaiming-normal": "He normal",
    }
)

DRAWN_ANEW = frozenset({"pseudo", "LHS"})
"""Distributions that give other points each time; the sequences are the same from their first point on."""


@dataclass(frozen=True)
class FNN(Parameterised):
    """`deepxde.nn.FNN`: hidden layers with one activation, and a linear output layer."""

    kind: ClassVar[str] = "fnn"

    widths: tuple[int, ...] = parameter((32, 32, 32), "neurons per hidden layer", least=1)
    activation: str = parameter("tanh", "activation of the hidden layers", choices=tuple(ACTIVATIONS))
    init: str = parameter("xavier-uniform", "distribution of the initial weights", choices=tuple(INITIALISATIONS))
    scaled: bool = parameter(False, "map every coordinate to [-1, 1] before the first layer")


@dataclass(frozen=True)
class Sampled(Parameterised):
    """Points drawn by DeepXDE; those of initial and boundary conditions count for the residual as well."""

    kind: ClassVar[str] = "sampled"

    num_domain: int = parameter(512, "points inside", least=1)
    num_boundary: int = parameter(64, "points on all faces together, where they have terms in the loss", least=2)
    num_initial: int = parameter(64, "points at the start, where it has a term in the loss", least=1)
    train_distribution: str = parameter(
        "Hammersley",
        "how points are spread",
        choices=("uniform", "pseudo", "LHS", "Halton", "Hammersley", "Sobol"),
    )
    resample_every: int = parameter(0, "iterations after which points inside are drawn anew; 0 for never", least=0)


@dataclass(frozen=True)
class Trial(Parameterised):
    """Initial, Dirichlet and periodic conditions hold by construction; Neumann ones are terms of the loss."""

    kind: ClassVar[str] = "trial"

    form: str = parameter("automatic", "made for the box, or the source's own", choices=("automatic", "published"))
    boundary_weight: float = parameter(1.0, "weight of the Neumann terms of the loss", above=0)


@dataclass(frozen=True)
class Penalty(Parameterised):
    """All conditions are terms of the loss."""

    kind: ClassVar[str] = "penalty"

    initial_weight: float = parameter(1.0, "weight of the initial condition in the loss", above=0)
    boundary_weight: float = parameter(1.0, "weight of each face's condition in the loss", above=0)


@dataclass(frozen=True)
class Adam(Parameterised):
    """Adam with DeepXDE's settings of the backend, and a learning rate that may fall to a fraction."""

    kind: ClassVar[str] = "adam"

    rate: float = parameter(1e-3, "learning rate at the start", above=0)
    decay: str = parameter("constant", "how the learning rate falls", choices=("constant", "exponential", "cosine"))
    final_fraction: float = parameter(0.01, "learning rate at the end over that at the start", above=0, most=1)


@dataclass(frozen=True)
class DeepXDE(Solver):
    """What both backends share; float32 is DeepXDE's own default, here it is the case's precision as everywhere."""

    family: ClassVar[str] = "neural"
    backend: ClassVar[str]

    network: FNN = parameter(FNN(), "the network")
    constraint: Trial | Penalty = parameter(Penalty(), "how conditions are imposed")
    points: Sampled | Scattered | Grid = parameter(Sampled(), "DeepXDE's training points, or those of the suite")
    optimizer: Adam = parameter(Adam(), "the optimizer")
    iterations: int = parameter(5_000, "optimizer steps", least=1)
    autodiff: str = parameter(
        "reverse", "mode of differentiation along the coordinates", choices=("reverse", "forward")
    )
    display_every: int = parameter(1_000, "iterations after which DeepXDE computes its losses for display", least=1)

    def __post_init__(self) -> None:
        """Check the parameters, and name the backend: a worker makes one solver, and then imports deepxde."""
        super().__post_init__()
        # Without the variable, deepxde would look for a backend and write what it found to the user's home.
        os.environ["DDE_BACKEND"] = self.backend

    @property
    def functional(self) -> bool:
        """Whether DeepXDE differentiates functions, not the record of what was computed."""
        return self.backend == "jax" or self.autodiff == "forward"

    def unsupported(self, problem: Problem) -> str | None:
        """Families without a strong residual, and what DeepXDE's backend cannot do."""
        if not isinstance(problem, PDE):
            return None if as_ode(problem) else f"{self.title} has no residual for the family {problem.family!r}"
        if self.network.activation in PIECEWISE_LINEAR and has_diffusion(problem):
            name = self.network.activation
            return (
                f"the second derivatives of a {name} network vanish almost everywhere; choose a smooth one such as tanh"
            )
        constraint = self.constraint
        if isinstance(constraint, Trial) and constraint.form == "published" and PublishedTrial(problem).missing():
            return f"the sources of {problem.name} give no trial function; set constraint.form=automatic"
        differentiated = Neumann if isinstance(constraint, Trial) else (Neumann, Periodic)
        if self.functional and any(isinstance(kind, differentiated) for _, _, kind in problem.faces()):
            return (
                "DeepXDE hands conditions no function to differentiate, neither in JAX nor in forward mode: a slope on "
                "the boundary needs deepxde-torch with autodiff=reverse (a periodic one, constraint.kind=trial)"
            )
        return None

    def validate(self, problem: Problem) -> None:
        """Points must fit the problem, and be others each time where they are drawn anew.

        Raises:
            InputError: naming them.

        """
        equation = problem if isinstance(problem, PDE) else as_ode(problem)
        if isinstance(self.points, Grid) and equation is not None:
            self.points.spacings(*region(equation))
        if isinstance(self.points, Sampled) and self.points.resample_every:
            if self.points.train_distribution not in DRAWN_ANEW:
                raise InputError(
                    f"{self.name}: parameter 'points.resample_every' is {self.points.resample_every}, but the "
                    f"distribution {self.points.train_distribution!r} gives the same points each time; "
                    "set points.train_distribution=pseudo"
                )

    def begin(self, problem: Problem, context: Context) -> Session:
        """Draw the points and the initial parameters."""
        return DeepXDESession(self, problem, context)

    def rehearsal(self) -> DeepXDE:
        """The same with a few iterations: memory does not grow with their number."""
        return replace(self, iterations=min(self.iterations, 20))


@register
@dataclass(frozen=True)
class DeepXDETorch(DeepXDE):
    """DeepXDE on torch, operation by operation."""

    name = "deepxde-torch"
    title = "DeepXDE (torch)"
    libraries = ("deepxde", "torch")
    imports = ("torch._dynamo",)
    precisions = ("float32", "float64")
    backend = "pytorch"


@register
@dataclass(frozen=True)
class DeepXDEJax(DeepXDE):
    """DeepXDE on JAX: each optimizer step is a compiled program; its networks keep float32 parameters."""

    name = "deepxde-jax"
    title = "DeepXDE (JAX)"
    libraries = ("deepxde", "jax", "flax", "optax")
    precisions = ("float32",)
    backend = "jax"


class DeepXDESession(Session):
    """One model, from its data to its predictions."""

    def __init__(self, solver: DeepXDE, problem: Problem, context: Context) -> None:
        import deepxde as dde

        dde.config.set_default_float(context.precision)
        dde.config.set_default_autodiff(solver.autodiff)
        dde.config.set_random_seed(context.seed)
        dde.grad.clear()
        self._solver, self._problem = solver, problem
        equation = problem if isinstance(problem, PDE) else as_ode(problem)
        assert equation is not None
        self._equation = equation
        data = DataOfPDE(solver, equation) if isinstance(equation, PDE) else DataOfODE(solver, equation)
        self._data = data
        self._model = dde.Model(data.assemble(), data.network())
        self._model.compile(
            "adam",
            lr=solver.optimizer.rate,
            decay=learning_rate_decay(solver),
            loss_weights=data.loss_weights(),
            verbose=0,
        )
        self._callbacks = []
        if isinstance(solver.points, Sampled) and solver.points.resample_every:
            self._callbacks.append(dde.callbacks.PDEPointResampler(period=solver.points.resample_every))
        self._callbacks.append(looking(dde.callbacks.Callback, self, context, solver.display_every))
        self._losses: Any = None

    def compile(self) -> None:
        """JAX compiles a function when it is first called; the results of these calls are dropped."""
        if self._solver.backend != "jax":
            return
        import jax

        model = self._model
        inputs, targets, _ = model.data.train_next_batch()
        jax.block_until_ready(  # type: ignore[no-untyped-call]
            model.train_step(model.params, model.opt_state, inputs, targets)
        )
        for training in (True, False):
            model._outputs_losses(training, inputs, targets, None)
        self.solution(self._problem.points())

    def solve(self) -> None:
        """Train.

        Raises:
            Diverged: if a loss is not finite.

        """
        self._losses, _ = self._model.train(
            iterations=self._solver.iterations,
            display_every=self._solver.display_every,
            callbacks=self._callbacks,
            verbose=0,
        )
        for step, parts in zip(self._losses.steps, self._losses.loss_train, strict=True):
            if not np.isfinite(parts).all():
                raise Diverged(
                    f"a loss was not finite at iteration {step} of {self._solver.iterations}; use a lower learning rate"
                )

    def solution(self, points: Array) -> Array:
        """The model's predictions, or the last state of a flow as an eigenvector."""
        if isinstance(self._problem, PDE):
            return self._predict(points)
        return read_out(self._problem, lambda t: self._predict(t[:, None]), points)

    def facts(self) -> Mapping[str, Any]:
        """Network size, loss curve, and the trajectory of an initial value problem."""
        history = np.array([np.sum(parts) for parts in self._losses.loss_train], float)
        facts: dict[str, Any] = {
            "unknowns": sum((fan_in + 1) * fan_out for fan_in, fan_out in itertools.pairwise(self._data.sizes)),
            "iterations": self._solver.iterations,
            "engine": f"{self._solver.title}, {self._solver.autodiff} mode",
            "final_loss": history[-1],
            "loss_iterations": np.array(self._losses.steps),
            "loss_history": history,
        }
        if not isinstance(self._equation, PDE):
            facts["trajectory_t"] = np.linspace(self._equation.start_time(), self._equation.final_time(), 101)
            facts["trajectory_y"] = self._predict(facts["trajectory_t"][:, None])
        return facts

    def _predict(self, points: Array) -> Array:
        return np.asarray(self._model.predict(points), dtype=float)


def looking(base: Any, session: Session, context: Context, every: int) -> Any:
    """A callback of DeepXDE that shows the harness the unfinished solution; the losses of that iteration are known."""

    class Looking(base):  # type: ignore[misc]
        def on_epoch_end(self) -> None:
            step = self.model.train_state.step
            if step % every == 0:
                context.watch.look(step, session.solution)

    return Looking()


def learning_rate_decay(solver: DeepXDE) -> tuple[Any, ...] | None:
    """DeepXDE's words for how the learning rate falls, which differ between its backends."""
    described, steps = solver.optimizer, solver.iterations
    if described.decay == "constant":
        return None
    if solver.backend == "jax":
        return described.decay, steps, described.final_fraction
    if described.decay == "cosine":
        return "cosine", steps, described.rate * described.final_fraction
    return "exponential", described.final_fraction ** (1.0 / steps)


class Calculus:
    """Derivatives by `deepxde.grad`.

    What DeepXDE passes to a residual as `y` is the network's output, or where it differentiates functions the pair of
    that output and the network. There a function sees a single point in JAX and all of them in torch: coordinates and
    components are therefore cut from the last axis, each as a column.
    """

    def __init__(self, solver: DeepXDE) -> None:
        import deepxde as dde

        self._grad, self._functional = dde.grad, solver.functional
        self._jax = solver.backend == "jax"
        self.ops: Operations = jax_operations() if self._jax else torch_operations()

    def value(self, y: Any) -> Any:
        """The network's output (n, m)."""
        return y[0] if self._functional else y

    def slope(self, y: Any, x: Any, component: int, axis: int) -> Any:
        """∂ of a component along a coordinate, shape (n, 1)."""
        return self.value(self._grad.jacobian(y, x, i=component, j=axis))

    def bend(self, y: Any, x: Any, component: int, axis: int) -> Any:
        """∂² of a component along a coordinate, shape (n, 1)."""
        return self.value(self._grad.hessian(y, x, component=component, i=axis, j=axis))

    def beside(self, parts: Sequence[Any]) -> Any:
        """Columns (…, 1) as one array (…, k)."""
        import deepxde as dde

        library = dde.backend.lib
        return parts[0] if len(parts) == 1 else (library.numpy if self._jax else library).concatenate(parts, -1)

    def along(self, function: Callable[[Any, Any], Any], y: Any, x: Any, axis: int) -> Any:
        """Total derivative of function(x, u(x)) along a coordinate; 0 for a plain number."""
        result = function(x, self.value(y))
        if isinstance(result, (int, float)):
            return 0.0
        field = (result, lambda place: function(place, y[1](place))) if self._functional else result
        return self.slope(field, x, 0, axis)


def columns(array: Any) -> list[Any]:
    """Columns (…, 1) of an array (…, k)."""
    return [array[..., k : k + 1] for k in range(array.shape[-1])]


class Data:
    """An equation as DeepXDE wants it: geometry, residual, conditions with their weights, network."""

    def __init__(self, solver: DeepXDE, equation: PDE | ODE) -> None:
        self.solver = solver
        self.calculus = Calculus(solver)
        self.lower, self.upper = region(equation)
        self.trial = self._trial(equation)
        self.wraps = self._wraps(equation)
        self.components = equation.components if isinstance(equation, PDE) else equation.dimension
        self.sizes = [len(self.lower) + len(self.wraps), *solver.network.widths, self.components]
        self.conditions: list[Any] = []
        self.weights: list[float] = []

    def loss_weights(self) -> list[float] | None:
        """Weights of the residuals, then of the conditions; the mean over components, as everywhere in the suite."""
        weights = [1.0 / self.components] * self.components + self.weights
        return None if set(weights) == {1.0} else weights

    def network(self) -> Any:
        """The network, inside its trial function where there is one."""
        import deepxde as dde

        described = self.solver.network
        net = dde.nn.FNN(self.sizes, ACTIVATIONS[described.activation], INITIALISATIONS[described.init])
        if self.wraps or described.scaled:
            net.apply_feature_transform(self._features)
        if self.trial is not None:
            net.apply_output_transform(self._constrained)
        return net

    def add(self, condition: Any, weight: float, axis: int, edge: float) -> None:
        """Keep a condition on x_axis = edge; the suite's own points are put in place of DeepXDE's."""
        import deepxde as dde

        if not isinstance(self.solver.points, Sampled):
            lower, upper = self.lower.copy(), self.upper.copy()
            lower[axis] = upper[axis] = edge
            points = self.solver.points.within(lower, upper).base.astype(dde.config.real(np))
            condition.filter = lambda _: points
        self.conditions.append(condition)
        self.weights.append(weight / self.components)

    def points(self) -> dict[str, Any]:
        """Arguments of DeepXDE's data that say where the residual is taken."""
        chosen = self.solver.points
        if isinstance(chosen, Sampled):
            return {"num_domain": chosen.num_domain, "train_distribution": chosen.train_distribution}
        return {"anchors": chosen.within(self.lower, self.upper).base}

    def _trial(self, equation: PDE | ODE) -> Any:
        if not isinstance(self.solver.constraint, Trial):
            return None
        if self.solver.constraint.form == "published":
            return PublishedTrial(equation)
        return BoxTrial(equation) if isinstance(equation, PDE) else StartTrial(equation)

    def _wraps(self, equation: PDE | ODE) -> tuple[int, ...]:
        """Axes on which the network sees cosine and sine, so that it cannot but be periodic."""
        if self.trial is None or not isinstance(equation, PDE):
            return ()
        return tuple(axis for axis, side, kind in equation.faces() if side == 0 and isinstance(kind, Periodic))

    def _features(self, x: Any) -> Any:
        features = []
        for axis, (column, a, b) in enumerate(zip(columns(x), self.lower.tolist(), self.upper.tolist(), strict=True)):
            if axis in self.wraps:
                angle = 2.0 * math.pi / (b - a) * (column - a)
                features += [self.calculus.ops.cos(angle), self.calculus.ops.sin(angle)]
            else:
                features.append((2.0 * column - (a + b)) / (b - a) if self.solver.network.scaled else column)
        return self.calculus.beside(features)

    def _constrained(self, inputs: Any, outputs: Any) -> Any:
        lift, mask = self.trial(self.calculus.ops, columns(inputs))
        return self.calculus.beside([g + mask * n for g, n in zip(lift, columns(outputs), strict=True)])


class DataOfPDE(Data):
    """∂ₜu + ∇·F(u) − ∇·(κ∇u) − S on a box."""

    def __init__(self, solver: DeepXDE, problem: PDE) -> None:
        super().__init__(solver, problem)
        self.problem = problem
        self.geometry = self._geometry()
        self._impose()

    def assemble(self) -> Any:
        """DeepXDE's data."""
        import deepxde as dde

        counts, chosen = self.points(), self.solver.points
        on_faces = not all(isinstance(condition, dde.icbc.IC) for condition in self.conditions)
        at_start = any(isinstance(condition, dde.icbc.IC) for condition in self.conditions)
        if isinstance(chosen, Sampled):
            counts["num_boundary"] = chosen.num_boundary if on_faces else 0
            if at_start:
                counts["num_initial"] = chosen.num_initial
        kind = dde.data.PDE if self.problem.steady else dde.data.TimePDE
        return kind(self.geometry, self.residual, self.conditions, **counts)

    def residual(self, x: Any, y: Any) -> list[Any]:
        """One column per component."""
        calculus, d, m = self.calculus, self.problem.dimension, self.components
        place, t = self._split(x)
        state = columns(calculus.value(y))
        flux = self.problem.flux(calculus.ops, place, t, state)
        kappa = diffusivity_rows(self.problem.diffusivity(calculus.ops, place, t, state), m)
        source = self.problem.source(calculus.ops, place, t, state)
        results = []
        for c in range(m):
            left: Any = 0.0 if self.problem.steady else calculus.slope(y, x, c, d)
            for axis in range(d):
                if flux is not None:
                    left = left + calculus.along(self._flux(c, axis), y, x, axis)
                for e in range(m):
                    entry = kappa[c][e]
                    if isinstance(entry, (int, float)):
                        left = left - entry * calculus.bend(y, x, e, axis) if entry else left
                    else:
                        change = calculus.along(self._diffusivity(c, e), y, x, axis)
                        left = left - entry * calculus.bend(y, x, e, axis) - change * calculus.slope(y, x, e, axis)
            results.append(left if source is None else left - source[c])
        return results

    def _split(self, x: Any) -> tuple[list[Any], Any]:
        parts, d = columns(x), self.problem.dimension
        return parts[:d], 0.0 if self.problem.steady else parts[d]

    def _flux(self, component: int, axis: int) -> Callable[[Any, Any], Any]:
        def entry(x: Any, u: Any) -> Any:
            flux = self.problem.flux(self.calculus.ops, *self._split(x), columns(u))
            assert flux is not None
            return flux[component][axis]

        return entry

    def _diffusivity(self, row: int, column: int) -> Callable[[Any, Any], Any]:
        def entry(x: Any, u: Any) -> Any:
            kappa = self.problem.diffusivity(self.calculus.ops, *self._split(x), columns(u))
            return diffusivity_rows(kappa, self.components)[row][column]

        return entry

    def _geometry(self) -> Any:
        import deepxde as dde

        box, final = self.problem.domain(), self.problem.final_time()
        solid: Any
        if box.dimension == 1:
            solid = dde.geometry.Interval(box.lower[0], box.upper[0])
        else:
            kinds = {2: dde.geometry.Rectangle, 3: dde.geometry.Cuboid}
            solid = kinds.get(box.dimension, dde.geometry.Hypercube)(list(box.lower), list(box.upper))
        return solid if final is None else dde.geometry.GeometryXTime(solid, dde.geometry.TimeDomain(0.0, final))

    def _impose(self) -> None:
        """Every condition that the trial function leaves open, one for each component."""
        import deepxde as dde

        constraint = self.solver.constraint
        for c in range(self.components):
            if isinstance(constraint, Penalty) and not self.problem.steady:
                start = self._data(lambda x, t: self.problem.initial(NUMPY, x), c)
                condition = dde.icbc.IC(self.geometry, start, lambda _, on: on, component=c)
                self.add(condition, constraint.initial_weight, len(self.lower) - 1, 0.0)
            for axis, side, kind in self.problem.faces():
                edge = float((self.upper if side else self.lower)[axis])
                for condition in self._on_face(dde.icbc, kind, c, axis, side, edge):
                    self.add(condition, constraint.boundary_weight, axis, edge)

    def _on_face(self, icbc: Any, kind: Any, component: int, axis: int, side: int, edge: float) -> list[Any]:
        near = 1e-6 * float(self.upper[axis] - self.lower[axis])

        def here(x: Any, on_boundary: Any) -> bool:
            return bool(on_boundary and abs(float(x[axis]) - edge) < near)

        if isinstance(kind, Dirichlet) and self.trial is None:
            wanted = self._data(lambda x, t: kind.value(NUMPY, x, t), component)
            return [icbc.DirichletBC(self.geometry, wanted, here, component=component)]
        if isinstance(kind, Neumann):
            return [icbc.OperatorBC(self.geometry, self._outflow(kind, component, axis, side), here)]
        if isinstance(kind, Periodic) and side == 0 and self.trial is None:
            return [
                icbc.PeriodicBC(self.geometry, axis, here, derivative_order=order, component=component)
                for order in (0, 1)
            ]
        return []

    def _data(
        self, field: Callable[[Sequence[Array], Any], tuple[Any, ...]], component: int
    ) -> Callable[[Array], Array]:
        """A field as DeepXDE asks for it: points (n, k) → column (n, 1)."""

        def column(points: Array) -> Array:
            points = points.astype(float)
            values = fields_to_array(field(*self.problem.split(points)), len(points))
            return values[:, component : component + 1]

        return column

    def _outflow(self, kind: Neumann, component: int, axis: int, side: int) -> Callable[[Any, Any, Any], Any]:
        """κ ∂u/∂n − value; NeumannBC knows ∂u/∂n alone."""

        def mismatch(inputs: Any, outputs: Any, _: Any) -> Any:
            ops, (x, t) = self.calculus.ops, self._split(inputs)
            kappa = diffusivity_rows(self.problem.diffusivity(ops, x, t, columns(outputs)), self.components)
            total: Any = -kind.value(ops, x, t)[component]
            for e, entry in enumerate(kappa[component]):
                if not (isinstance(entry, (int, float)) and entry == 0):
                    total = total + (1.0 if side else -1.0) * entry * self.calculus.slope(outputs, inputs, e, axis)
            return total

        return mismatch


class DataOfODE(Data):
    """y' − f(t, y)."""

    def __init__(self, solver: DeepXDE, problem: ODE) -> None:
        import deepxde as dde

        super().__init__(solver, problem)
        self.problem = problem
        self.geometry = dde.geometry.TimeDomain(problem.start_time(), problem.final_time())
        if isinstance(solver.constraint, Penalty):
            for c, value in enumerate(problem.start()):
                start = self._constant(float(value))
                condition = dde.icbc.IC(self.geometry, start, lambda _, on: on, component=c)
                self.add(condition, solver.constraint.initial_weight, 0, problem.start_time())

    def assemble(self) -> Any:
        """DeepXDE's data."""
        import deepxde as dde

        ends = {"num_boundary": 2} if self.conditions and isinstance(self.solver.points, Sampled) else {}
        return dde.data.PDE(self.geometry, self.residual, self.conditions, **self.points(), **ends)

    def residual(self, t: Any, y: Any) -> list[Any]:
        """One column per component."""
        calculus = self.calculus
        wanted = self.problem.rhs(calculus.ops, t[:, 0], calculus.value(y).T)
        return [calculus.slope(y, t, c, 0) - wanted[c][:, None] for c in range(self.components)]

    @staticmethod
    def _constant(value: float) -> Callable[[Array], Array]:
        return lambda points: np.full((len(points), 1), value)
