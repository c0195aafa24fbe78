"""Training in JAX: one compiled loop, whose state never leaves the device."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from backends.base import Context
from backends.neural.activations import ACTIVATIONS
from backends.neural.collocation import PointSet
from backends.neural.description import PINN, Adam
from backends.neural.networks import MLP
from backends.neural.residual import Calculus, Network
from backends.neural.training import TrainingSession
from backends.operations import jax_operations
from problems.base import Array, Problem


class Functions:
    """Elementwise functions for `backends.neural.activations`."""

    tanh, sin, cos, exp = map(staticmethod, (jnp.tanh, jnp.sin, jnp.cos, jnp.exp))
    sigmoid, erf = staticmethod(jax.nn.sigmoid), staticmethod(jax.scipy.special.erf)

    @staticmethod
    def step(x: Any) -> Any:
        """1 where x > 0, else 0."""
        return (x > 0).astype(x.dtype)


def network(description: MLP, layers: Any, seeds: Any, first: int, second: int) -> Any:
    """Taylor propagation: jets (J, n, k) of the input to jets (J, n, m) of the output, one product per layer."""
    derivatives = ACTIVATIONS[description.activation]
    *hidden, (weights, bias) = layers
    y = seeds
    for inner_weights, inner_bias in hidden:
        z = y @ inner_weights
        slopes, bends = z[1 : 1 + first], z[1 + first :]
        s = derivatives(Functions, z[0] + inner_bias, 2 if second else 1)
        parts = [s[0][None]]
        if first:
            parts.append(s[1] * slopes)
        if second:
            parts.append(s[1] * bends + s[2] * slopes[:second] ** 2)
        y = jnp.concatenate(parts)
    z = y @ weights
    return jnp.concatenate([z[:1] + bias, z[1:]])


class JaxSession(TrainingSession):
    """One training run."""

    engine = "one compiled loop"

    def __init__(self, solver: PINN, problem: Problem, context: Context) -> None:
        if context.precision == "float64":
            jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
        jax.config.update("jax_default_matmul_precision", "highest")  # type: ignore[no-untyped-call]
        self._device = jax.devices("gpu" if context.device == "cuda" else "cpu")[0]
        dtype = context.dtype
        super().__init__(
            solver,
            problem,
            context,
            Calculus(jnp, jax_operations(), jax.jvp, jax.jvp, lambda row: jnp.asarray(row, dtype)),
        )
        self._start = self._put([(w.astype(dtype), b.astype(dtype)) for w, b in self.layers])
        self._layers = self._start
        self._sets = self._put(
            tuple(
                None if s is None else (s.base.astype(dtype), s.span.astype(dtype), s.rows)
                for s in (self.inside, self.conditions)
            )
        )
        self._fixed: Any = None

    def compile(self) -> None:
        """Compile preparation, training and evaluation ahead of time."""
        with jax.default_device(self._device):
            places = jax.eval_shape(self._prepare_fixed, self._sets)
            self._compiled_prepare = jax.jit(self._prepare_fixed).lower(self._sets).compile()
            self._compiled_train = jax.jit(self._train).lower(self._start, self._sets, places).compile()
            piece = jax.ShapeDtypeStruct((self.piece, len(self.scale)), self.context.dtype)  # type: ignore[no-untyped-call]
            self._compiled_values = jax.jit(self._values_at).lower(self._start, piece).compile()

    def prepare(self) -> None:
        """Trial function and data at the points that stay where they are."""
        self._fixed = jax.block_until_ready(self._compiled_prepare(self._sets))  # type: ignore[no-untyped-call]

    def solve(self) -> None:
        """Train from the initial parameters."""
        trained = self._compiled_train(self._start, self._sets, self._fixed)
        layers, losses = jax.block_until_ready(trained)  # type: ignore[no-untyped-call]
        self._layers = layers
        self.finish(np.asarray(losses, dtype=float)[: len(self.checkpoints)])

    def evaluate(self, points: Array) -> Array:
        """The trained trial function at one piece of points."""
        return np.asarray(self._compiled_values(self._layers, self._put(points.astype(self.context.dtype))))

    def loss(self, layers: Any, places: Any) -> Any:
        """Loss at the prepared points (inside, conditions)."""
        return self.formulation.loss(self._network(layers), *places)

    def optimizer(self) -> optax.GradientTransformation:
        """The described optimizer."""
        described, total = self.solver.optimizer, self.solver.iterations
        operations = jax_operations()

        def rate(count: Any) -> Any:
            return described.rate_at(operations, count / total)

        return optax.adam(rate) if isinstance(described, Adam) else optax.sgd(rate)

    def _put(self, tree: Any) -> Any:
        return jax.device_put(tree, self._device)

    def _network(self, layers: Any) -> Network:
        return lambda seeds, first, second: network(self.solver.network, layers, seeds, first, second)

    def _values_at(self, layers: Any, points: Any) -> Any:
        return self.formulation.values(self._network(layers), points, self.scale, self.shift)

    def _place(self, points: Any, *, inside: bool) -> Any:
        return self.formulation.prepare(points, self.scale, self.shift, inside=inside)

    def _prepare_fixed(self, sets: Any) -> Any:
        """Places of the sets that do not move; None for the others."""
        described = (self.inside, self.conditions)
        return tuple(
            None if kind is None or kind.noise else self._place(arrays[0], inside=k == 0)
            for k, (kind, arrays) in enumerate(zip(described, sets, strict=True))
        )

    def _places(self, key: Any, sets: Any, fixed: Any) -> Any:
        """Places for one iteration: those prepared, and new ones where points are drawn."""
        described = (self.inside, self.conditions)
        return tuple(
            self._place(draw(jax.random.fold_in(key, k), kind, *arrays), inside=k == 0)
            if kind and kind.noise
            else place
            for k, (kind, arrays, place) in enumerate(zip(described, sets, fixed, strict=True))
        )

    def _train(self, start: Any, sets: Any, fixed: Any) -> tuple[Any, Any]:
        """Trained layers and the loss at each checkpoint; stops at a checkpoint whose loss is not finite."""
        optimizer, total, stride = self.optimizer(), self.solver.iterations, self.stride
        key = jax.random.key(self.context.seed)

        def step(k: Any, state: Any) -> Any:
            layers, moments, _ = state
            places = self._places(jax.random.fold_in(key, k), sets, fixed)
            loss, gradient = jax.value_and_grad(self.loss)(layers, places)
            updates, moments = optimizer.update(gradient, moments, layers)
            return optax.apply_updates(layers, updates), moments, loss

        def stretch(carry: Any) -> Any:
            j, state, losses = carry
            state = lax.fori_loop(j * stride, jnp.minimum((j + 1) * stride, total), step, state)
            return j + 1, state, losses.at[j].set(state[2])

        def goes_on(carry: Any) -> Any:
            return (carry[0] < len(self.checkpoints)) & jnp.isfinite(carry[1][2])

        dtype = self.context.dtype
        state = (start, optimizer.init(start), jnp.zeros((), dtype))
        _, (layers, _, _), losses = lax.while_loop(
            goes_on, stretch, (0, state, jnp.zeros(len(self.checkpoints), dtype))
        )
        return layers, losses


def draw(key: Any, described: PointSet, base: Any, span: Any, rows: Any) -> Any:
    """New points of a set."""
    sample = jax.random.uniform if described.noise == "uniform" else jax.random.normal
    return base + span * sample(key, (described.draws, base.shape[1]), base.dtype)[rows]
