"""Runs of an optimizer in JAX as one compiled loop, its points divided among processors where that pays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from backends.neural.jax_drawing import draw, draw_directions
from backends.neural.jax_shares import EVERYWHERE, along_points, pays, shares, specification
from backends.neural.optimizers import LBFGS, SGD, AdamW, Scheduled
from backends.neural.training import Driver
from problems.base import Array

if TYPE_CHECKING:
    from backends.neural.jax_engine import JaxSession


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
        self.shares = shares(session) if isinstance(stage, Scheduled) else 1
        self.mesh = Mesh(np.array(jax.devices("cpu")[: self.shares]), ("points",)) if self.shares > 1 else None
        self.placed: dict[str, tuple[Any, Any]] = {}

    def compile(self) -> None:
        """Compile the start and the loop, so that training calls nothing else."""
        session = self.session
        session.prepare_call(f"start {self.index}", self.optimizer().init, session.parameters)
        self.begin()
        loop, arguments = self.loop, self.arguments()
        if self.mesh is not None:
            parts = jax.tree.map(specification, arguments)
            loop = jax.shard_map(loop, mesh=self.mesh, in_specs=parts, out_specs=EVERYWHERE, check_vma=False)
            session.engine = f"compiled loops, points divided among {self.shares} processors"
        session.prepare_call(f"loop {self.index}", loop, *arguments, alone=self.mesh is not None or not pays(session))

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
            (self._placed("inside", inside, along_points), self._placed("conditions", conditions)),
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
