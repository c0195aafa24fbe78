"""Training in JAX: compiled loops whose state stays on the device between two events on the host."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.scipy.linalg import solve_triangular
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from backends.base import Context
from backends.neural.directions import Estimator
from backends.neural.jax_networks import ColumnAlgebra, Functions
from backends.neural.jax_plans import planned_bytes
from backends.neural.jets import JetAlgebra, Orders, Statistics
from backends.neural.linearisation import RecordingAlgebra, Sensitivity, row_scales, sensitivities, sum_of_squares
from backends.neural.optimizers import LBFGS, SGD, AdamW, LevenbergMarquardt, Scheduled, SSBroyden
from backends.neural.pointsets import PointSet
from backends.neural.residual import Calculus, Network, PointwiseFormulation
from backends.neural.trained import Trained
from backends.neural.training import DIFFERENTIATED, Driver, TrainingSession
from backends.operations import jax_operations
from problems.base import Array, Problem

SHARE = 1_500_000
"""Multiplications of jets by weights, per iteration and processor, for which dividing the points pays on a CPU.

Measured on the heat equation, three layers of 32, two processors, one against both: 0.078 against 0.118 ms per
iteration of 64 points, 0.37 against 0.29 of 512, 1.16 against 0.87 of 2048.
"""

EVERYWHERE = PartitionSpec()  # type: ignore[no-untyped-call]


class LoopDriver(Driver):
    """A first-order method or L-BFGS as one compiled loop.

    Where there is work for several processors, each has its share of the points inside and all of the conditions', and
    the gradients are averaged: XLA itself divides none of the small products of matrices in a network.
    """

    def __init__(self, session: JaxSession, index: int) -> None:
        stage, start, end = session.stages[index]
        self.session, self.stage, self.index, self.steps = session, stage, index, end - start
        self.key = jax.random.fold_in(jax.random.key(session.context.seed), index)
        self.rates = None
        if isinstance(stage, Scheduled):
            self.rates = stage.rates(self.steps).astype(session.context.dtype)
        self.shares = session.shares() if isinstance(stage, Scheduled) else 1
        self.mesh = Mesh(np.array(jax.devices("cpu")[: self.shares]), ("points",)) if self.shares > 1 else None
        self.placed: dict[str, tuple[Any, Any]] = {}

    def compile(self) -> None:
        """Compile the start and the loop, so that training calls nothing else."""
        session = self.session
        session.prepare_call(f"start {self.index}", self.optimizer().init, session.parameters)
        self.begin()
        loop, arguments = self.loop, self.arguments()
        if self.mesh is not None:
            parts = jax.tree.map(_specification, arguments)
            loop = jax.shard_map(loop, mesh=self.mesh, in_specs=parts, out_specs=EVERYWHERE, check_vma=False)
            session.engine = f"compiled loops, points divided among {self.shares} processors"
        small = session.work() < 2 * SHARE
        session.prepare_call(f"loop {self.index}", loop, *arguments, alone=small or self.mesh is not None)

    def begin(self) -> None:
        """From the present parameters, without memory."""
        self.count, self.stuck, self.last = 0, False, math.inf
        self.state = self.session.compiled[f"start {self.index}"](self.session.parameters)

    def changed(self) -> None:
        """L-BFGS forgets: its curvature and its last loss belong to other points."""
        if isinstance(self.stage, LBFGS):
            self.last = math.inf
            self.state = self.session.compiled[f"start {self.index}"](self.session.parameters)

    def optimizer(self) -> Any:
        """The described optimizer."""
        stage = self.stage
        if isinstance(stage, LBFGS):
            search = optax.scale_by_zoom_linesearch(
                max_linesearch_steps=stage.searches, initial_guess_strategy="one", slope_rtol=1e-4, curv_rtol=0.9
            )
            return optax.lbfgs(memory_size=stage.memory, linesearch=search)

        def rate(count: Any) -> Any:
            return jnp.asarray(self.rates)[count]

        if isinstance(stage, SGD):
            return optax.sgd(rate, momentum=stage.momentum or None)
        if isinstance(stage, AdamW):
            return optax.adamw(rate, weight_decay=stage.weight_decay)
        return optax.adam(rate)

    def arguments(self) -> tuple[Any, ...]:
        """What the compiled loop is called with."""
        session = self.session
        span = np.array([self.count, self.count], dtype=np.int32)
        # Points that each iteration draws for itself are no argument, even where the host has drawn some.
        inside, conditions = (None if session.moves(k) else place for k, place in enumerate(session.places))
        return (
            self._placed("parameters", session.parameters),
            self._placed("state", self.state),
            span,
            self._placed("sets", session.sets_on_device),
            (self._placed("inside", inside, _along_points), self._placed("conditions", conditions)),
            self._placed("weights", session.term_weights),
        )

    def _placed(self, name: str, tree: Any, along: Callable[[Any], PartitionSpec] = lambda _: EVERYWHERE) -> Any:
        """Arrays, or shapes of arrays, on every processor, divided along the points as `along` says."""
        mesh = self.mesh
        if mesh is None or tree is None:
            return tree

        def place(leaf: Any) -> Any:
            sharding = NamedSharding(mesh, along(leaf))
            if isinstance(leaf, jax.ShapeDtypeStruct):
                return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)  # type: ignore[no-untyped-call]
            return jax.device_put(leaf, sharding)

        # Moving arrays takes longer than an iteration, so only those that have changed are.
        if self.placed.get(name, (None, None))[0] is not tree:
            self.placed[name] = tree, jax.tree.map(place, tree)
        return self.placed[name][1]

    def drawn(self, key: Any, sets: Any, fixed: Any) -> tuple[Any, ...]:
        """Places for one iteration: those prepared, and new ones where points are drawn."""
        places = list(fixed)
        for k, (kind, arrays) in enumerate(zip(self.session.sets, sets, strict=True)):
            if kind and self.session.moves(k):
                points = draw(jax.random.fold_in(key, k), kind, *arrays)
                if self.mesh is not None and k == 0:
                    count = len(points) // self.shares
                    points = lax.dynamic_slice_in_dim(points, lax.axis_index("points") * count, count)
                places[k] = self.session.placing(k)(points)
        estimator = self.session.formulation.estimator
        if estimator is not None:
            directions = draw_directions(jax.random.fold_in(key, len(places)), estimator, self.session.context.dtype)
            places[0] = self.session.formulation.directed(places[0], directions)
        return tuple(places)

    def averaged(self, tree: Any) -> Any:
        """Means over the processors, all in one exchange."""
        if self.mesh is None:
            return tree
        flat, restore = ravel_pytree(tree)
        return restore(lax.pmean(flat, "points"))  # type: ignore[no-untyped-call]

    def loop(self, parameters: Any, state: Any, span: Any, sets: Any, fixed: Any, weights: Any) -> Any:
        """Iterations span[0] … span[1] − 1, fewer if the loss is not finite any more."""
        session, optimizer = self.session, self.optimizer()

        def step(carry: Any) -> Any:
            k, parameters, state, *_ = carry
            places = self.drawn(jax.random.fold_in(self.key, k), sets, fixed)

            def loss(parameters: Any) -> Any:
                return session.loss(parameters, places, weights)

            if isinstance(self.stage, LBFGS):

                def value(parameters: Any) -> Any:
                    return loss(parameters)[0]

                before, gradient = optax.value_and_grad_from_state(value)(parameters, state=state)
                updates, state = optimizer.update(
                    gradient, state, parameters, value=before, grad=gradient, value_fn=value
                )
                terms = jnp.full(len(session.weights), optax.tree.get(state, "value"))
            else:
                (_, terms), gradient = jax.value_and_grad(loss, has_aux=True)(parameters)
                terms, gradient = self.averaged((terms, gradient))
                updates, state = optimizer.update(gradient, state, parameters)
            return k + 1, optax.apply_updates(parameters, updates), state, terms, parameters

        def goes_on(carry: Any) -> Any:
            return (carry[0] < span[1]) & jnp.isfinite(carry[3].sum())

        start = (span[0], parameters, state, jnp.zeros(len(session.weights), session.context.dtype), parameters)
        return lax.while_loop(goes_on, step, start)

    def advance(self, count: int) -> tuple[int, Array]:
        """Iterations in one call."""
        session = self.session
        parameters, state, span, *others = self.arguments()
        span += np.array([0, count], np.int32)
        reached, parameters, self.state, terms, self.before = session.compiled[f"loop {self.index}"](
            parameters, state, span, *others
        )
        session.parameters = parameters
        if self.mesh is not None:
            session.parameters = parameters.addressable_data(0)
            self.placed["parameters"], self.placed["state"] = (session.parameters, parameters), (self.state, self.state)
        done, self.count = int(reached) - self.count, int(reached)
        if isinstance(self.stage, LBFGS):
            # The line search ends without a step where rounding hides every descent.
            before, self.last = self.last, float(np.asarray(terms)[0])
            self.stuck = not self.last < before
            return done, session.terms_at(session.get())
        return done, np.asarray(terms, dtype=float)

    def measured(self) -> Array | None:
        """Those before the last step, where the loss is that before the step."""
        return None if isinstance(self.stage, LBFGS) else np.asarray(self.before, dtype=float)


class JaxSession(TrainingSession):
    """One training run."""

    engine = "compiled loops"

    def __init__(self, solver: Trained, problem: Problem, context: Context) -> None:
        if context.precision == "float64":
            jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
        jax.config.update("jax_default_matmul_precision", "highest")  # type: ignore[no-untyped-call]
        self.device = jax.devices("gpu" if context.device == "cuda" else "cpu")[0]
        dtype = context.dtype
        calculus = Calculus(
            jnp,
            jax_operations(),
            jax.jvp,
            jax.jvp,
            lax.stop_gradient,
            lambda values, like: jnp.asarray(values, dtype=like.dtype),
            partial(solve_triangular, lower=True),
            lambda function, points: jax.grad(lambda x: function(x).sum())(points),
            lax.map,
        )
        super().__init__(solver, problem, context, calculus)
        self.compiled: dict[str, Any] = {}
        self._drivers: dict[int, LoopDriver] = {}
        self._kind = ColumnAlgebra if self.device.platform == "cpu" else JetAlgebra
        self._initial = self.to_device(self.initial_parameters().astype(dtype))
        self.parameters = self._initial
        self._constants = None if self.constants is None else self.to_device(self.constants.astype(dtype))
        self.sets_on_device = self.to_device(
            tuple(
                None if s is None else (s.base.astype(dtype), s.span.astype(dtype), np.asarray(s.rows))
                for s in self.sets
            )
        )
        reference = self.reference_points() if solver.network.normalises else None
        self._reference = None if reference is None else self.to_device(reference.astype(dtype))
        self.places: Any = None
        self.term_weights = self.weights.astype(context.dtype)

    def to_device(self, tree: Any) -> Any:
        """Arrays of a tree on the session's device."""
        return jax.device_put(tree, self.device)

    def reweigh(self, weights: Array) -> None:
        """Give the terms of the loss new weights."""
        super().reweigh(weights)
        self.term_weights = weights.astype(self.context.dtype)

    def compile(self) -> None:
        """Compile preparation, training and evaluation ahead of time."""
        with jax.default_device(self.device):
            bases = tuple(None if s is None else s[0] for s in self.sets_on_device)
            for k, base in enumerate(bases):
                if base is not None:
                    self.prepare_call(f"place {k}", self.placing(k), base)
            self.places = self._shapes()
            piece = jax.ShapeDtypeStruct((self.piece, len(self.formulation.lower)), self.context.dtype)  # type: ignore[no-untyped-call]
            self.prepare_call("values", self._values_at, self.parameters, piece)
            for index, (stage, _, _) in enumerate(self.stages):
                if not isinstance(stage, (LevenbergMarquardt, SSBroyden)):
                    self._drivers[index] = LoopDriver(self, index)
                    self._drivers[index].compile()
            self._compile_for_the_host()

    def _compile_for_the_host(self) -> None:
        state = (self.parameters, self._all_places(), self.term_weights)
        kinds = {type(stage) for stage, _, _ in self.stages}
        if kinds & {LevenbergMarquardt, LBFGS}:
            self.prepare_call("terms", lambda p, places, w: self.loss(p, places, w)[1], *state)
        if SSBroyden in kinds:
            self.prepare_call("gradient", jax.value_and_grad(self.loss, has_aux=True), *state)
        solves = {stage.solve == "matrix-free" for stage, _, _ in self.stages if isinstance(stage, LevenbergMarquardt)}
        if False in solves:
            self.prepare_call("jacobian", self._jacobian, *state)
        if True in solves:
            self.prepare_call("linearised", self._linearised, *state)
            pieces = jax.eval_shape(self._linearised, *state)[1]
            self.prepare_call("forward", self._forward, pieces, self.parameters)
            rows = jax.eval_shape(self._linearised, *state)[0]
            self.prepare_call("adjoint", self._adjoint, pieces, rows)
        if self.solver.points.pool:
            shape = (self.solver.points.pool, len(self.formulation.lower))
            self.prepare_call("residual", self._residual_size, self.parameters, np.empty(shape, self.context.dtype))
        if self.solver.balance and len(self.weights) > 1:
            self.prepare_call("norms", self._term_norms, *state[:2])

    def prepare_call(self, name: str, function: Callable[..., Any], *arguments: Any, alone: bool = False) -> None:
        """Compile a function for arguments like these, to be called as compiled[name].

        `alone` keeps one processor's work on it, which for small arrays costs less than to share it.
        """
        options: dict[str, str | bool] = {}
        if alone and self.device.platform == "cpu":
            options["xla_cpu_multi_thread_eigen"] = False
        self.compiled[name] = jax.jit(function).lower(*arguments).compile(compiler_options=options or None)

    def planned_bytes(self) -> Mapping[str, int]:
        """Every compiled call but the one that evaluates the trained function."""
        return {name: planned_bytes(call) for name, call in self.compiled.items() if name != "values"}

    def work(self) -> int:
        """Multiplications of jets by weights in an iteration, about."""
        assert self.sets[0] is not None
        return len(self.sets[0]) * sum(self.sizes) * self.formulation.orders.count

    def shares(self) -> int:
        """Among how many processors an iteration divides the points inside: as many as give each the same number."""
        assert self.sets[0] is not None
        # Batch statistics and causal weights belong to all points together, as some losses do.
        apart = self.formulation.additive and not self.solver.network.normalises and self.solver.weighting is None
        if self.device.platform != "cpu" or not apart:
            return 1
        most = min(len(jax.devices("cpu")), max(1, self.work() // SHARE))
        summands = len(self.sets[0]) // self.formulation.together
        return max(k for k in range(1, most + 1) if summands % k == 0)

    def prepare(self) -> None:
        """Trial function and data at the points that stay where they are."""
        self.places = tuple(
            None if s is None or self.moves(k) else jax.block_until_ready(self.compiled[f"place {k}"](s[0]))  # type: ignore[no-untyped-call]
            for k, s in enumerate(self.sets_on_device)
        )
        self._first_places = self.places

    def restart(self) -> None:
        """Initial parameters, initial points."""
        self.parameters, self.places = self._initial, self._first_places

    def first_order(self, index: int) -> Driver:
        """The compiled loop of a stage."""
        driver = self._drivers[index]
        driver.begin()
        return driver

    def get(self) -> Array:
        """The parameters, in float64."""
        return np.asarray(self.parameters, dtype=float)

    def put(self, parameters: Array) -> None:
        """Set them."""
        self.parameters = self.to_device(parameters.astype(self.context.dtype))

    def terms_at(self, parameters: Array) -> Array:
        """Terms of the loss at the present points."""
        return np.asarray(self._call("terms", parameters), dtype=float)

    def gradient_at(self, parameters: Array) -> tuple[Array, Array]:
        """Terms of the loss and its gradient (p,)."""
        (_, terms), gradient = self._call("gradient", parameters)
        return np.asarray(terms, dtype=float), np.asarray(gradient, dtype=float)

    def jacobian_at(self, parameters: Array) -> tuple[Array, Array]:
        """Residuals and their derivatives."""
        rows, jacobian = self._call("jacobian", parameters)
        return np.asarray(rows, dtype=float), np.asarray(jacobian, dtype=float)

    def products_at(self, parameters: Array) -> tuple[Array, Any, Any, float]:
        """Residuals and products with their derivatives."""
        rows, pieces, square = self._call("linearised", parameters)
        dtype = self.context.dtype

        def forward(vector: Array) -> Array:
            return np.asarray(self.compiled["forward"](pieces, vector.astype(dtype)), dtype=float)

        def adjoint(vector: Array) -> Array:
            return np.asarray(self.compiled["adjoint"](pieces, vector.astype(dtype)), dtype=float)

        return np.asarray(rows, dtype=float), forward, adjoint, float(square)

    def residual_at(self, points: Array) -> Array:
        """Size of the residual at `points`."""
        return np.asarray(self.compiled["residual"](self.parameters, points.astype(self.context.dtype)), dtype=float)

    def operator_at(self, points: Array, rows: Array) -> Array:
        """The operator of second order along directions."""
        dtype = self.context.dtype
        found = self._operator(self.parameters, points.astype(dtype), rows.astype(dtype))
        return np.asarray(found, dtype=float)

    @cached_property
    def _operator(self) -> Callable[..., Any]:
        form = self.formulation
        assert isinstance(form, PointwiseFormulation)
        return jax.jit(lambda parameters, points, rows: form.operator(self._plain(parameters, 0), points, rows))

    def gradient_norms(self) -> Array:
        """Norm of the gradient of each term."""
        return np.asarray(self.compiled["norms"](self.parameters, self._all_places()), dtype=float)

    def place(self, inside: Array | None, conditions: Array | None) -> None:
        """Prepare new points."""
        new = [
            None if points is None else self.compiled[f"place {k}"](points.astype(self.context.dtype))
            for k, points in enumerate((inside, conditions))
        ]
        self.places = tuple(old if place is None else place for old, place in zip(self.places, new, strict=True))

    def evaluate(self, points: Array) -> Array:
        """The trained trial function at one piece of points."""
        return np.asarray(self.compiled["values"](self.parameters, self.to_device(points.astype(self.context.dtype))))

    def loss(self, parameters: Any, places: Any, weights: Any) -> tuple[Any, Any]:
        """Loss at the prepared points (inside, conditions), and its terms."""
        inside, conditions = places
        return self.formulation.loss(self.network(parameters), inside, conditions, weights)

    def network(self, parameters: Any) -> Network:
        """The network on prepared points, by the described way of differentiation."""
        return self._differentiated(parameters) if self.solver.mode in DIFFERENTIATED else self._plain(parameters, 0)

    def _differentiated(self, parameters: Any) -> Network:
        """Jets by differentiation of the plain network: the whole Hessian by reverse twice, or forward over reverse."""
        layers = self.split(parameters)

        def plain(point: Any) -> Any:
            seeds = self.formulation.seeds(point[None], Orders())
            return self._through(self._kind(jnp, Functions, layers, Orders(), self._constants), seeds)[0, 0]

        slopes = jax.jacrev(plain)

        def bends(point: Any, count: int) -> Any:
            """Pure second derivatives (count, m) along the first coordinates."""
            axes = np.arange(count)
            if self.solver.mode == "nested-reverse":
                return jnp.moveaxis(jax.jacrev(slopes)(point)[:, axes, axes], 0, 1)

            def along(unit: Any) -> Any:
                return jax.jvp(slopes, (point,), (unit,))[1]

            rows = jax.vmap(along)(jnp.eye(len(point), dtype=point.dtype)[:count])
            return rows[axes, :, axes]

        def jets(place: Mapping[str, Any], orders: Orders) -> Any:
            def at(point: Any) -> Any:
                if not orders.first:
                    return plain(point)[None]
                along = slopes(point).T
                parts = [plain(point)[None], along[: orders.first]]
                if orders.laplacian is None:
                    parts.append(bends(point, orders.second))
                elif orders.second:
                    bent = orders.laplacian * bends(point, orders.first).sum(0)
                    parts.append((along[orders.first :].sum(0) + bent)[None])
                return jnp.concatenate(parts)

            return jax.vmap(at, out_axes=1)(place["points"])

        return Network(jets, self.beside(parameters))

    def placing(self, k: int) -> Callable[[Any], Any]:
        """What prepares points of set k."""
        return partial(self.formulation.prepare, inside=k == 0)

    def _shapes(self) -> Any:
        """Shapes of the places of sets that do not move; None for the others."""
        return tuple(
            None if s is None or self.moves(k) else jax.eval_shape(self.placing(k), s[0])
            for k, s in enumerate(self.sets_on_device)
        )

    def _all_places(self) -> Any:
        """The places of every set, or their shapes where none was prepared yet."""
        return tuple(
            jax.eval_shape(self.placing(k), s[0]) if place is None and s is not None else place
            for k, (place, s) in enumerate(zip(self.places, self.sets_on_device, strict=True))
        )

    def _call(self, name: str, parameters: Array) -> Any:
        return self.compiled[name](parameters.astype(self.context.dtype), self.places, self.term_weights)

    def split(self, vector: Any) -> Any:
        """A vector (p,) laid out as layers; coefficients behind them are left out."""
        pieces = iter(jnp.split(vector, np.cumsum(self.sizes)[:-1].tolist()))
        return [tuple(next(pieces).reshape(part.shape) for part in layer) for layer in self.layers]

    def _values_at(self, parameters: Any, points: Any) -> Any:
        if self._reference is None:
            return self.formulation.values(self._plain(parameters, 0), points)
        count = len(self._reference)
        joined = jnp.concatenate([self._reference, points])
        return self.formulation.values(self._plain(parameters, count), joined)[count:]

    def _plain(self, parameters: Any, reference: int) -> Network:
        """By jets; batch normalisation takes its statistics from the places of the first call."""
        statistics: Statistics = {}
        layers = self.split(parameters)

        def jets(place: Mapping[str, Any], orders: Orders) -> Any:
            algebra = self._kind(jnp, Functions, layers, orders, self._constants, reference, statistics)
            return self._through(algebra, place["seeds"])

        return Network(jets, self.beside(parameters))

    def _through(self, algebra: JetAlgebra, seeds: Any) -> Any:
        """Jets (J, n, m) of the network's output."""
        return algebra.leave(self.solver.network(algebra, algebra.enter(seeds)))

    def _residual_size(self, parameters: Any, points: Any) -> Any:
        inside = self.placing(0)(points)
        form = self.formulation
        assert isinstance(form, PointwiseFormulation)
        u = form.jets(self.network(parameters), inside, form.orders)
        return sum((part**2).reshape(-1, len(points)).sum(0) for part in form.residual(u, inside)) ** 0.5

    def _term_norms(self, parameters: Any, places: Any) -> Any:
        def terms(parameters: Any) -> Any:
            return self.loss(parameters, places, self.term_weights)[1]

        return (jax.jacrev(terms)(parameters) ** 2).sum(1) ** 0.5

    def _sensitivities(self, parameters: Any, places: Any, weights: Any) -> tuple[Any, list[list[Sensitivity]]]:
        """All residuals as one row, and the rows of their derivatives block by block."""
        form, layers = self.formulation, self.split(parameters)
        assert isinstance(form, PointwiseFormulation)
        orders = (form.orders, form.condition_orders)
        zeros = [
            [jnp.zeros((orders[call].count, len(place["points"]), len(bias)), self.context.dtype) for _, bias in layers]
            for call, place in enumerate(places)
            if place is not None
        ]

        def evaluate(probes: Any) -> tuple[list[Any], list[list[Any]]]:
            recorders: list[RecordingAlgebra] = []

            def network(place: Any, orders: Orders) -> Any:
                algebra = RecordingAlgebra(
                    jnp, Functions, layers, orders, self._constants, probes=probes[len(recorders)]
                )
                recorders.append(algebra)
                return self._through(algebra, place["seeds"])

            blocks = form.blocks(Network(network), *places)
            return blocks, [[r.inputs[k] for k in range(len(layers))] for r in recorders]

        blocks, inputs = evaluate(zeros)
        scales = row_scales(form, blocks, places[0], weights)
        parts = []
        for k, (block, scale) in enumerate(zip(blocks, scales, strict=True)):
            call = min(k, 1)

            def of_block(probes: Any, k: int = k, call: int = call) -> Any:
                return evaluate([probes if c == call else z for c, z in enumerate(zeros)])[0][k]

            _, backward = jax.vjp(of_block, zeros[call])
            units = jnp.eye(len(block), dtype=block.dtype)[:, :, None] * jnp.ones_like(block)
            slopes = jax.vmap(lambda unit, backward=backward: backward(unit)[0])(units)
            parts.append(sensitivities(jnp, None if k == 0 else form.terms[k - 1], inputs[call], slopes, scale))
        rows = jnp.concatenate([(block * scale).reshape(-1) for block, scale in zip(blocks, scales, strict=True)])
        return rows, parts

    def _jacobian(self, parameters: Any, places: Any, weights: Any) -> tuple[Any, Any]:
        rows, parts = self._sensitivities(parameters, places, weights)
        return rows, jnp.concatenate([sum(s.jacobian(jnp) for s in block) for block in parts])

    def _linearised(self, parameters: Any, places: Any, weights: Any) -> tuple[Any, Any, Any]:
        rows, parts = self._sensitivities(parameters, places, weights)
        square = sum_of_squares(parts, jnp)
        return rows, [[(s.inputs, s.slopes) for s in block] for block in parts], square

    def _forward(self, pieces: Any, vector: Any) -> Any:
        layers = self.split(vector)
        return jnp.concatenate([sum(Sensitivity(*s).forward(jnp, layers) for s in block) for block in pieces])

    @staticmethod
    def _adjoint(pieces: Any, rows: Any) -> Any:
        total, start = None, 0
        for block in pieces:
            m, _, n, _ = block[0][1][0].shape
            for s in block:
                part = Sensitivity(*s).adjoint(jnp, rows[start : start + m * n])
                total = part if total is None else jax.tree.map(jnp.add, total, part)
            start += m * n
        return ravel_pytree(total)[0]


def _specification(leaf: Any) -> PartitionSpec:
    """How an argument is divided; arrays of the host are not."""
    sharding = getattr(leaf, "sharding", None)
    return sharding.spec if isinstance(sharding, NamedSharding) else EVERYWHERE


def _along_points(leaf: Any) -> PartitionSpec:
    """How an array of a prepared place is divided: points lie along axis 0, in jets along axis 1."""
    before = (None,) if leaf.ndim == 3 else ()
    equal = leaf.shape[len(before)] == 1
    return EVERYWHERE if equal else PartitionSpec(*before, "points")  # type: ignore[no-untyped-call]


def draw(key: Any, described: PointSet, base: Any, span: Any, rows: Any) -> Any:
    """New points of a set, or its own where they stay."""
    if not described.noise:
        return base
    sample = jax.random.uniform if described.noise == "uniform" else jax.random.normal
    noise = sample(key, (described.draws, base.shape[1]), base.dtype)
    if described.noise == "brownian":
        time = jax.random.uniform(jax.random.fold_in(key, 1), (described.draws, 1), base.dtype)
        noise = jnp.concatenate([time**0.5 * noise[:, :-1], time], 1)
    return base + span * noise[rows]


def draw_directions(key: Any, estimator: Estimator, dtype: Any) -> Any:
    """Two independent sets of directions (2, V, k)."""
    count, spatial = estimator.count, estimator.spatial
    if estimator.kind == "hutchinson":
        rows = jax.random.rademacher(key, (2, count, spatial), dtype)
    else:
        axes = [jax.random.choice(one, spatial, (count,), replace=False) for one in jax.random.split(key)]
        rows = jax.nn.one_hot(jnp.stack(axes), spatial, dtype=dtype)
    return jnp.pad(estimator.factor * rows, ((0, 0), (0, 0), (0, estimator.coordinates - spatial)))
