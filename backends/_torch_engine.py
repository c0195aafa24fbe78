"""Training in torch: eager, with as few operations per iteration as the method allows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable

from backends.activations import ACTIVATIONS
from backends.base import Context
from backends.collocation import PointSet
from backends.networks import MLP
from backends.neural import PINN, Adam
from backends.operations import torch_operations
from backends.residual import Calculus, Network
from backends.training import TrainingSession
from problems.base import Array, Problem
from problems.operations import NUMPY

DRAWN_TOGETHER = 16_384
"""Points drawn in one go."""


class Functions:
    """Elementwise functions for `backends.activations`."""

    tanh, sigmoid, sin, cos, exp, erf = map(
        staticmethod, (torch.tanh, torch.sigmoid, torch.sin, torch.cos, torch.exp, torch.erf)
    )

    @staticmethod
    def step(x: torch.Tensor) -> torch.Tensor:
        """1 where x > 0, else 0."""
        return (x > 0).to(x.dtype)


class ActivationJets(torch.autograd.Function):
    """Bias and activation on jets z (J, n, w) of a layer: y = σ(z₀ + b), y_i = σ' z_i, y_ii = σ' z_ii + σ'' z_i².

    Its derivative in closed form takes a third of the operations that autograd would record.
    """

    @staticmethod
    def forward(ctx: Any, z: Any, bias: Any, activation: str, first: int, second: int) -> Any:  # noqa: D102
        order = (2 if second else 1) + 1
        s = ACTIVATIONS[activation](Functions, z[0] + bias, order)  # type: ignore[arg-type]
        y = torch.empty_like(z)
        y[0] = s[0]
        if first:
            torch.mul(z[1:], s[1], out=y[1:])
        if second:
            squares = z[1 : 1 + second].square()
            y[1 + first :].addcmul_(squares, s[2])
        ctx.save_for_backward(z, *s[1:])
        ctx.counts = first, second
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g: Any) -> Any:  # noqa: D102
        z, *s = ctx.saved_tensors
        first, second = ctx.counts
        out = g * s[0]
        if first:
            out[0].addcmul_(s[1], (g[1:] * z[1:]).sum(0))
        if second:
            slopes, curved = z[1 : 1 + second], g[1 + first :]
            products = slopes * curved
            out[1 : 1 + second].addcmul_(products, s[1], value=2.0)
            out[0].addcmul_(s[2], (products * slopes).sum(0))
        return out, out[0].sum(0), None, None, None


def network(description: MLP, layers: Any, seeds: Any, first: int, second: int) -> Any:
    """Taylor propagation: jets (J, n, k) of the input to jets (J, n, m) of the output, one product per layer."""
    *hidden, (weights, bias) = layers
    y = seeds
    for inner_weights, inner_bias in hidden:
        y = ActivationJets.apply(y @ inner_weights, inner_bias, description.activation, first, second)
    z = y @ weights
    z[0] += bias
    return z


class TorchSession(TrainingSession):
    """One training run."""

    engine = "eager"

    def __init__(self, solver: PINN, problem: Problem, context: Context) -> None:
        torch.backends.cuda.matmul.allow_tf32 = False
        self._kind = {"dtype": getattr(torch, context.precision), "device": torch.device(context.device)}
        super().__init__(
            solver,
            problem,
            context,
            Calculus(torch, torch_operations(), torch.func.jvp, total_derivative, self._tensor),
        )
        self._layers = self.parameters()
        self._sets = tuple(
            None
            if s is None
            else (self._tensor(s.base), self._tensor(s.span), torch.as_tensor(s.rows).to(self._device))
            for s in (self.inside, self.conditions)
        )
        self._fixed: tuple[Any, ...] = (None, None)

    def prepare(self) -> None:
        """Trial function and data at the points that stay where they are."""
        described = (self.inside, self.conditions)
        self._fixed = tuple(
            None if kind is None or kind.noise else self._place(arrays[0], inside=k == 0)
            for k, (kind, arrays) in enumerate(zip(described, self._sets, strict=True))
        )
        self._synchronise()

    def solve(self) -> None:
        """Train from the initial parameters."""
        self._layers = self.parameters()
        flat = [part for layer in self._layers for part in layer]
        optimizer = self.optimizer(flat)
        generator = torch.Generator(self._device).manual_seed(self.context.seed)
        losses = torch.zeros(len(self.checkpoints), **self._kind)
        group, total = optimizer.param_groups[0], self.solver.iterations
        j = 0
        for k, places in zip(range(total), self._places(generator), strict=False):
            group["lr"] = float(self.solver.optimizer.rate_at(NUMPY, k / total))
            loss = self.loss(self._layers, places)
            for parameter, gradient in zip(flat, torch.autograd.grad(loss, flat), strict=True):
                parameter.grad = gradient
            optimizer.step()
            if k + 1 == self.checkpoints[j]:
                losses[j] = loss.detach()
                if not bool(torch.isfinite(losses[j])):
                    break
                j += 1
        self._synchronise()
        self.finish(losses.cpu().numpy().astype(float))

    def evaluate(self, points: Array) -> Array:
        """The trained trial function at one piece of points."""
        with torch.no_grad():
            values = self.formulation.values(self._network(self._layers), self._tensor(points), self.scale, self.shift)
        return np.asarray(values.cpu().numpy())

    def parameters(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The initial layers as leaves."""
        return [(self._tensor(w).requires_grad_(), self._tensor(b).requires_grad_()) for w, b in self.layers]

    def loss(self, layers: Any, places: Any) -> Any:
        """Loss at the prepared points (inside, conditions)."""
        return self.formulation.loss(self._network(layers), *places)

    def optimizer(self, parameters: list[torch.Tensor]) -> torch.optim.Optimizer:
        """The described optimizer; the fused ones take one operation per step."""
        described = self.solver.optimizer
        if isinstance(described, Adam):
            return torch.optim.Adam(parameters, lr=described.rate, fused=True)
        return torch.optim.SGD(parameters, lr=described.rate, fused=True)

    @property
    def _device(self) -> torch.device:
        return self._kind["device"]

    def _tensor(self, values: Array) -> torch.Tensor:
        return torch.as_tensor(np.array(values), **self._kind)

    def _network(self, layers: Any) -> Network:
        return lambda seeds, first, second: network(self.solver.network, layers, seeds, first, second)

    def _place(self, points: Any, *, inside: bool) -> Any:
        with torch.no_grad():
            return self.formulation.prepare(points, self.scale, self.shift, inside=inside)

    def _places(self, generator: torch.Generator) -> Iterator[tuple[Any, ...]]:
        """Places for one iteration after the other: those prepared, and new ones where points are drawn.

        Drawn points are prepared for many iterations at once, since differentiating the trial function costs the same
        time for few points as for thousands.
        """
        described = (self.inside, self.conditions)
        drawn = [len(kind) for kind in described if kind and kind.noise]
        if not drawn:
            yield from itertools.repeat(self._fixed)
        block = max(1, min(self.stride, DRAWN_TOGETHER // sum(drawn)))
        while True:
            yield from zip(
                *(
                    _divide(self._place(draw(generator, block, kind, *arrays), inside=k == 0), block)
                    if kind and kind.noise
                    else itertools.repeat(place)
                    for k, (kind, arrays, place) in enumerate(zip(described, self._sets, self._fixed, strict=True))
                ),
                strict=False,
            )

    def _synchronise(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


def draw(generator: torch.Generator, block: int, described: PointSet, base: Any, span: Any, rows: Any) -> Any:
    """New points of a set for `block` iterations, one after the other, shape (block · n, k)."""
    sample = torch.rand if described.noise == "uniform" else torch.randn
    shape = (block, described.draws, base.shape[1])
    noise = sample(shape, generator=generator, dtype=base.dtype, device=base.device)
    return (base + span * noise[:, rows]).flatten(0, 1)


def _divide(tree: Any, block: int) -> Any:
    """A prepared place as an iterator over `block` equal ones; points lie along axis 0, in jets along axis 1."""
    if isinstance(tree, dict):
        parts = [_divide(entry, block) for entry in tree.values()]
        return (dict(zip(tree, entry, strict=True)) for entry in zip(*parts, strict=True))
    if isinstance(tree, tuple):
        return zip(*(_divide(entry, block) for entry in tree), strict=True)
    return tree.chunk(block, dim=1 if tree.ndim == 3 else 0)


def total_derivative(function: Any, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Forward derivative of a function whose values are tuples; a fifth of the overhead of `torch.func.jvp`."""
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(p, d) for p, d in zip(primals, tangents, strict=True)]
        pairs = [forward_ad.unpack_dual(value) for value in function(*duals)]
        return (
            tuple(pair.primal for pair in pairs),
            tuple(torch.zeros_like(pair.primal) if pair.tangent is None else pair.tangent for pair in pairs),
        )
