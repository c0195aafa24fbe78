"""Training in torch: eager, with as few operations per iteration as the method allows."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch.autograd import forward_ad
from torch.autograd.function import once_differentiable

from backends.base import Context
from backends.neural.activations import ACTIVATIONS
from backends.neural.collocation import PointSet
from backends.neural.description import PINN, Adam
from backends.neural.networks import MLP
from backends.neural.residual import Calculus, Network
from backends.neural.training import TrainingSession
from backends.operations import torch_operations
from problems.base import Array, Problem
from problems.operations import NUMPY

DRAWN_TOGETHER = 65_536
"""Points drawn in one go: enough to hide what each operation costs, and some tens of megabytes."""

FUSED_RATE = torch.float32
"""The type in which the fused optimizers read a learning rate from the device, whatever that of the parameters."""


class Functions:
    """Elementwise functions for `backends.neural.activations`."""

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
    def forward(ctx: Any, z: Any, bias: Any, activation: str, first: int, second: int) -> Any:
        """Jets (J, n, w) behind the activation."""
        order = (2 if second else 1) + 1
        s = ACTIVATIONS[activation](Functions, z[0] + bias, order)
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
    def backward(ctx: Any, g: Any) -> Any:
        """Gradient with respect to z and the bias."""
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
        z = y @ inner_weights
        y = ActivationJets.apply(z, inner_bias, description.activation, first, second)  # type: ignore[no-untyped-call]
    z = y @ weights
    z[0] += bias
    return z


class TorchSession(TrainingSession):
    """One training run: eager on a CPU; on a GPU one captured iteration is replayed, or launching it would dominate."""

    def __init__(self, solver: PINN, problem: Problem, context: Context) -> None:
        torch.backends.cuda.matmul.allow_tf32 = False
        self._device = torch.device(context.device)
        self._dtype = getattr(torch, context.precision)
        self.engine = "captured graph, fused optimizer" if self._device.type == "cuda" else "eager, fused optimizer"
        super().__init__(
            solver,
            problem,
            context,
            Calculus(torch, torch_operations(), jvp, total_derivative, self._tensor),
        )
        self._layers = self.parameters()
        self._flat = [part for layer in self._layers for part in layer]
        self._start = [part.detach().clone() for part in self._flat]
        rates = [float(solver.optimizer.rate_at(NUMPY, k / solver.iterations)) for k in range(solver.iterations)]
        self._rates = torch.tensor(rates, dtype=FUSED_RATE, device="cuda") if context.device == "cuda" else rates
        self._optimizer = self.optimizer()
        self._sets: tuple[Any, ...] = tuple(
            None
            if s is None
            else (self._tensor(s.base), self._tensor(s.span), torch.as_tensor(s.rows).to(self._device))
            for s in (self.inside, self.conditions)
        )
        self._fixed: tuple[Any, ...] = tuple(
            None if kind is None or kind.noise else self._place(arrays[0], inside=k == 0)
            for k, (kind, arrays) in enumerate(zip((self.inside, self.conditions), self._sets, strict=True))
        )
        self._replay: Callable[[Any], Any] | None = None
        self._synchronise()

    def compile(self) -> None:
        """On a GPU, capture one iteration; a CPU has nothing to compile."""
        if self._device.type != "cuda":
            return
        places = next(self._places(torch.Generator(self._device)))
        moving = self._drawn(places)
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._iteration(places)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = self._iteration(places)

        def replay(new: Any) -> Any:
            if moving:
                torch._foreach_copy_(moving, self._drawn(new))
            graph.replay()
            return loss

        self._replay = replay
        self._synchronise()

    def solve(self) -> None:
        """Train from the initial parameters."""
        self._reset()
        iteration = self._replay or self._iteration
        generator = torch.Generator(self._device).manual_seed(self.context.seed)
        losses = torch.zeros(len(self.checkpoints), dtype=self._dtype, device=self._device)
        group = self._optimizer.param_groups[0]
        j = 0
        for k, places in zip(range(self.solver.iterations), self._places(generator), strict=False):
            if self._replay is None:
                group["lr"] = self._rates[k]
            else:
                group["lr"].copy_(self._rates[k])
            loss = iteration(places)
            if k + 1 == self.checkpoints[j]:
                losses[j] = loss
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

    def optimizer(self) -> torch.optim.Optimizer:
        """The described optimizer; the fused ones take one operation per step."""
        described = self.solver.optimizer
        on_gpu = self._device.type == "cuda"
        rate: Any = torch.tensor(described.rate, dtype=FUSED_RATE, device=self._device) if on_gpu else described.rate
        if isinstance(described, Adam):
            return torch.optim.Adam(self._flat, lr=rate, fused=True, capturable=on_gpu)
        return torch.optim.SGD(self._flat, lr=rate, fused=True)

    def _iteration(self, places: Any) -> torch.Tensor:
        loss = self.loss(self._layers, places)
        for parameter, gradient in zip(self._flat, torch.autograd.grad(loss, self._flat), strict=True):
            parameter.grad = gradient
        self._optimizer.step()
        return loss.detach()

    def _reset(self) -> None:
        """Back to the initial parameters, in place, since a captured iteration knows only these tensors."""
        with torch.no_grad():
            for part, start in zip(self._flat, self._start, strict=True):
                part.copy_(start)
        for state in self._optimizer.state.values():
            for moment in state.values():
                moment.zero_()

    def _tensor(self, values: Array) -> torch.Tensor:
        return torch.as_tensor(np.array(values), dtype=self._dtype, device=self._device)

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
        block = max(1, min(DRAWN_TOGETHER // sum(drawn), 256))
        while True:
            series: list[Iterable[Any]] = [itertools.repeat(place) for place in self._fixed]
            for k, (kind, arrays) in enumerate(zip(described, self._sets, strict=True)):
                if kind and kind.noise:
                    points = draw(generator, block, kind, *arrays)
                    series[k] = _divide(self._place(points, inside=k == 0), block)
            yield from zip(*series, strict=False)

    def _drawn(self, places: Any) -> list[torch.Tensor]:
        """What changes in the places from one iteration to the next."""
        described = (self.inside, self.conditions)
        moving = [place for kind, place in zip(described, places, strict=True) if kind and kind.noise]
        return [part for place in moving for part in _tensors(place)]

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


def _tensors(tree: Any) -> list[torch.Tensor]:
    """All tensors of a prepared place, in a fixed order."""
    if isinstance(tree, torch.Tensor):
        return [tree]
    return [part for entry in (tree.values() if isinstance(tree, dict) else tree) for part in _tensors(entry)]


def jvp(function: Any, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Forward derivative that can be nested."""
    value, slope, *_ = torch.func.jvp(function, primals, tangents)
    return value, slope


def total_derivative(function: Any, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Forward derivative of a function whose values are tuples; a fifth of the overhead of `torch.func.jvp`."""
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(p, d) for p, d in zip(primals, tangents, strict=True)]  # type: ignore[no-untyped-call]
        pairs = [forward_ad.unpack_dual(value) for value in function(*duals)]  # type: ignore[no-untyped-call]
        return (
            tuple(pair.primal for pair in pairs),
            tuple(torch.zeros_like(pair.primal) if pair.tangent is None else pair.tangent for pair in pairs),
        )
