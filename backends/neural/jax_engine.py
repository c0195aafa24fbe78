"""Training in JAX: compiled loops whose state stays on the device between two events on the host."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from backends.base import Context
from backends.neural.calculus import Network
from backends.neural.groups import Groups
from backends.neural.jax_calculus import jax_calculus
from backends.neural.jax_compiler import compiled
from backends.neural.jax_drivers import LoopDriver
from backends.neural.jax_groups import SIZES, in_groups
from backends.neural.jax_networks import ColumnAlgebra, Functions
from backends.neural.jax_plans import planned_bytes
from backends.neural.jets import JetAlgebra, Orders, Statistics
from backends.neural.linearisation import RecordingAlgebra, Sensitivity, row_scales, sensitivities, sum_of_squares
from backends.neural.optimizers import LBFGS, LevenbergMarquardt, SSBroyden
from backends.neural.squares import PointwiseFormulation
from backends.neural.trained import Trained
from backends.neural.training import DIFFERENTIATED, Driver, TrainingSession
from problems.base import Array, Problem


class JaxSession(TrainingSession):
    """One training run."""

    engine = "compiled loops"

    def __init__(self, solver: Trained, problem: Problem, context: Context) -> None:
        if context.precision == "float64":
            jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
        jax.config.update("jax_default_matmul_precision", "highest")  # type: ignore[no-untyped-call]
        self.device = jax.devices("gpu" if context.device == "cuda" else "cpu")[0]
        dtype = context.dtype
        super().__init__(solver, problem, context, jax_calculus())
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
        self.compiled[name] = compiled(function, arguments, self.device.platform, alone=alone)

    def planned_bytes(self) -> Mapping[str, int]:
        """Every compiled call but the one that evaluates the trained function."""
        return {name: planned_bytes(call) for name, call in self.compiled.items() if name != "values"}

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
        ahead = self.solver.points.pool == len(points)
        call = self.compiled["residual"] if ahead else self._residual
        return np.asarray(call(self.parameters, self.to_device(points.astype(self.context.dtype))), dtype=float)

    @cached_property
    def _residual(self) -> Callable[..., Any]:
        return jax.jit(self._residual_size)

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

        def through(orders: Orders, seeds: Any) -> Any:
            algebra = self._kind(jnp, Functions, layers, orders, self._constants, reference, statistics)
            return self._through(algebra, seeds)

        def jets(place: Mapping[str, Any], orders: Orders) -> Any:
            groups = Groups.of(jnp, place["seeds"], orders, SIZES[self.device.platform])
            return in_groups(through, groups) if groups else through(orders, place["seeds"])

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
