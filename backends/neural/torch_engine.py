"""Training in torch: with as few operations per iteration as the method allows, compiled where that pays."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from backends.base import Context
from backends.neural.calculus import Network
from backends.neural.groups import Groups
from backends.neural.jets import JetAlgebra, Orders, Statistics
from backends.neural.linearisation import Sensitivity, row_scales, sensitivities, sum_of_squares
from backends.neural.optimizers import LBFGS, Scheduled
from backends.neural.squares import PointwiseFormulation
from backends.neural.torch_calculus import torch_calculus
from backends.neural.torch_drawing import divide, draw, draw_directions, tensors
from backends.neural.torch_drivers import LBFGSDriver, StepDriver
from backends.neural.torch_groups import SIZES, in_groups
from backends.neural.torch_networks import Functions, FusedAlgebra
from backends.neural.torch_trained import TorchTrained
from backends.neural.training import DIFFERENTIATED, Driver, TrainingSession
from problems.base import Array, Problem

DRAWN_TOGETHER = 1 << 18
"""Numbers prepared in one go for drawn points: enough to hide what each operation costs, and few megabytes."""


class TorchSession(TrainingSession):
    """One training run: eager or compiled on a CPU; on a GPU a captured iteration is replayed, or launches dominate."""

    solver: TorchTrained

    def __init__(self, solver: TorchTrained, problem: Problem, context: Context) -> None:
        torch.backends.cuda.matmul.allow_tf32 = False
        self.device = torch.device(context.device)
        self.dtype = getattr(torch, context.precision)
        self.engine = "captured graph, fused optimizer" if self.device.type == "cuda" else "eager, fused optimizer"
        super().__init__(solver, problem, context, torch_calculus())
        self._initial = self.initial_parameters()
        # One tensor of all parameters: an optimizer's fixed costs arise once instead of once per layer.
        self.parameters = self.tensor(self._initial).requires_grad_()
        self._constants = None if self.constants is None else self.tensor(self.constants)
        self._reference = self.tensor(self.reference_points()) if solver.network.normalises else None
        self._term_weights = self.tensor(self.weights)
        self._sets: tuple[Any, ...] = tuple(
            None if s is None else (self.tensor(s.base), self.tensor(s.span), torch.as_tensor(s.rows).to(self.device))
            for s in self.sets
        )
        self.places: tuple[Any, ...] = tuple(
            None if s is None else self._place(arrays[0].clone(), inside=k == 0)
            for k, (s, arrays) in enumerate(zip(self.sets, self._sets, strict=True))
        )
        self._moved = False
        self._drivers: dict[int, Any] = {}
        self._compiled: Callable[..., Any] | None = None
        self.synchronise()

    def compile(self) -> None:
        """On a GPU, capture one iteration of each first-order stage; on a CPU, compile the gradient where that pays."""
        if self.device.type == "cuda":
            for index, (stage, _, _) in enumerate(self.stages):
                if isinstance(stage, Scheduled):
                    self._drivers[index] = StepDriver(self, index)
        elif self.solver.compiles:
            self._compile_gradient()

    def _compile_gradient(self) -> None:
        """Loss, terms and gradient as one compiled function; without a working compiler all stays eager."""
        places = next(self.series(torch.Generator()))
        try:
            graph = make_fx(lambda *arguments: self._gradient(*arguments))(self.parameters, places, self._term_weights)
            # Dual numbers leave checks behind that have no tensor to return.
            for node in list(graph.graph.nodes):
                returned = getattr(getattr(node.target, "_schema", None), "returns", ())
                if not node.users and [str(value.type) for value in returned] == ["bool"]:
                    graph.graph.erase_node(node)
            graph.recompile()
            compiled = torch.compile(graph, fullgraph=True)
            with torch.no_grad():
                compiled(self.parameters, places, self._term_weights)
        # A compiler can fail in as many ways as there are machines.
        except Exception as error:
            self.engine += f"; not compiled: {type(error).__name__}"
        else:
            self._compiled, self.engine = compiled, "compiled gradient, fused optimizer"

    def _gradient(self, vector: torch.Tensor, places: Any, weights: Any) -> tuple[Any, Any, Any]:
        network, (inside, conditions) = self.network(vector), places
        loss, terms = self.formulation.loss(network, inside, conditions, weights)
        return loss.detach(), terms.detach(), torch.autograd.grad(loss, vector)[0]

    def differentiate(self, places: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss and its terms at prepared points; the gradient is left with the vector of parameters."""
        if self._compiled is None:
            loss, terms, gradient = self._gradient(self.parameters, places, self._term_weights)
        else:
            with torch.no_grad():
                loss, terms, gradient = self._compiled(self.parameters, places, self._term_weights)
        self.parameters.grad = gradient
        return loss, terms

    def restart(self) -> None:
        """Initial parameters, initial points."""
        self.put(self._initial)
        if self._moved:
            self.place(*(None if s is None else s.base for s in self.sets))
            self._moved = False

    def first_order(self, index: int) -> Driver:
        """One operation after the other, or the captured iteration."""
        stage = self.stages[index][0]
        if isinstance(stage, LBFGS):
            return LBFGSDriver(stage, self)
        driver = self._drivers.get(index)
        if driver is None:
            return StepDriver(self, index)
        driver.begin()
        return driver

    def get(self) -> Array:
        """The parameters, in float64."""
        return self.parameters.detach().cpu().numpy().astype(float)

    def put(self, parameters: Array) -> None:
        """Set them."""
        with torch.no_grad():
            self.parameters.copy_(self.tensor(parameters))

    def terms_at(self, parameters: Array) -> Array:
        """Terms of the loss at the present points."""
        self.put(parameters)
        with torch.no_grad():
            return self.loss(self.parameters, self.places)[1].cpu().numpy().astype(float)

    def gradient_at(self, parameters: Array) -> tuple[Array, Array]:
        """Terms of the loss and its gradient (p,)."""
        self.put(parameters)
        terms = self.differentiate(self.places)[1]
        assert self.parameters.grad is not None
        return terms.cpu().numpy().astype(float), self.parameters.grad.cpu().numpy().astype(float)

    def jacobian_at(self, parameters: Array) -> tuple[Array, Array]:
        """Residuals and their derivatives."""
        rows, parts = self._sensitivities(parameters)
        with torch.no_grad():
            jacobian = torch.cat([sum(s.jacobian(torch) for s in block) for block in parts])
        return rows, jacobian.cpu().numpy().astype(float, copy=False)

    def products_at(self, parameters: Array) -> tuple[Array, Any, Any, float]:
        """Residuals and products with their derivatives."""
        rows, parts = self._sensitivities(parameters)

        def forward(direction: Array) -> Array:
            layers = self.split(self.tensor(direction))
            with torch.no_grad():
                found = torch.cat([sum(s.forward(torch, layers) for s in block) for block in parts])
            return found.cpu().numpy().astype(float)

        def adjoint(vector: Array) -> Array:
            total, start, rows = np.zeros(len(self._initial)), 0, self.tensor(vector)
            with torch.no_grad():
                for block in parts:
                    m, _, n, _ = block[0].slopes[0].shape
                    for s in block:
                        layers = s.adjoint(torch, rows[start : start + m * n])
                        flat = torch.cat([part.reshape(-1) for layer in layers for part in layer])
                        total += flat.cpu().numpy()
                    start += m * n
            return total

        with torch.no_grad():
            square = float(sum_of_squares(parts, torch))
        return rows, forward, adjoint, square

    def residual_at(self, points: Array) -> Array:
        """Size of the residual at `points`."""
        form = self.formulation
        assert isinstance(form, PointwiseFormulation)
        with torch.no_grad():
            inside = self._place(self.tensor(points), inside=True)
            u = form.jets(self.network(self.parameters), inside, form.orders)
            size = torch.stack([(part**2).reshape(-1, len(points)).sum(0) for part in form.residual(u, inside)]).sum(0)
        return size.sqrt().cpu().numpy().astype(float)

    def operator_at(self, points: Array, rows: Array) -> Array:
        """The operator of second order along directions."""
        form = self.formulation
        assert isinstance(form, PointwiseFormulation)
        with torch.no_grad():
            found = form.operator(self._taylor(self.parameters, 0), self.tensor(points), self.tensor(rows))
        return found.cpu().numpy().astype(float)

    def gradient_norms(self) -> Array:
        """Norm of the gradient of each term."""
        _, terms = self.loss(self.parameters, self.places)
        norms = []
        for term in terms:
            gradient = torch.autograd.grad(term, self.parameters, retain_graph=True, materialize_grads=True)[0]
            norms.append(float(gradient.norm()))
        return np.array(norms)

    def place(self, inside: Array | None, conditions: Array | None) -> None:
        """Prepare new points, in place of the old ones, whose tensors a captured iteration may know."""
        self._moved = True
        for k, points in enumerate((inside, conditions)):
            if points is not None:
                new = self._place(self.tensor(points), inside=k == 0)
                torch._foreach_copy_(tensors(self.places[k]), tensors(new))

    def reweigh(self, weights: Array) -> None:
        """Give the terms of the loss new weights, in place for a captured iteration."""
        super().reweigh(weights)
        self._term_weights.copy_(self.tensor(weights))

    def gram(self, matrix: Array) -> Array:
        """MᵀM by torch, which has more threads than numpy beside it."""
        entries = torch.from_numpy(matrix)
        product: Array = (entries.T @ entries).numpy()
        return product

    def evaluate(self, points: Array) -> Array:
        """The trained trial function at one piece of points."""
        tensor, count = self.tensor(points), 0
        if self._reference is not None:
            count = len(self._reference)
            tensor = torch.cat([self._reference, tensor])
        with torch.no_grad():
            values = self.formulation.values(self._taylor(self.parameters, count), tensor)
        return np.asarray(values[count:].cpu().numpy())

    def loss(self, parameters: Any, places: Any) -> tuple[Any, Any]:
        """Loss at the prepared points (inside, conditions), and its terms."""
        inside, conditions = places
        return self.formulation.loss(self.network(parameters), inside, conditions, self._term_weights)

    def network(self, parameters: Any) -> Network:
        """The network on prepared points, by the described way of differentiation."""
        return self._differentiated(parameters) if self.solver.mode in DIFFERENTIATED else self._taylor(parameters, 0)

    def _taylor(self, parameters: Any, reference: int) -> Network:
        """By jets; batch normalisation takes its statistics from the places of the first call."""
        statistics: Statistics = {}
        layers = self.split(parameters)

        def through(orders: Orders, seeds: Any) -> Any:
            algebra = FusedAlgebra(torch, Functions, layers, orders, self._constants, reference, statistics)
            return self.solver.network(algebra, seeds)

        def jets(place: Mapping[str, Any], orders: Orders) -> Any:
            groups = Groups.of(torch, place["seeds"], orders, SIZES[self.device.type])
            return in_groups(through, groups) if groups else through(orders, place["seeds"])

        def differentiable(place: Mapping[str, Any], orders: Orders) -> Any:
            algebra = JetAlgebra(torch, Functions, layers, orders, self._constants, reference, statistics)
            return self.solver.network(algebra, place["seeds"])

        return Network(jets, self.beside(parameters), differentiable)

    def _differentiated(self, parameters: Any) -> Network:
        """Jets by differentiation of the plain network: reverse twice, or forward over reverse."""
        layers = self.split(parameters)

        def plain(points: Any) -> Any:
            algebra = JetAlgebra(torch, Functions, layers, Orders(), self._constants)
            return self.solver.network(algebra, self.formulation.seeds(points, Orders()))[0]

        def slopes(points: Any, c: int) -> Any:
            """∂N_c/∂x at each point, which depends on no other."""
            return torch.func.grad(lambda x: plain(x)[:, c].sum())(points)

        def bends(points: Any, c: int, count: int) -> Any:
            """Pure second derivatives (count, n) along the first coordinates."""
            units = torch.eye(points.shape[1], dtype=points.dtype, device=points.device)[:count, None, :]
            rows = units.expand(-1, *points.shape)
            if self.solver.mode == "nested-reverse":
                curved = torch.func.vmap(torch.func.vjp(lambda x: slopes(x, c), points)[1])(rows)[0]
            else:
                curved = torch.func.vmap(lambda row: torch.func.jvp(lambda x: slopes(x, c), (points,), (row,))[1])(rows)
            return (curved * rows).sum(-1)

        def jets(place: Mapping[str, Any], orders: Orders) -> Any:
            points, components = place["points"], range(self.formulation.components)
            parts = [plain(points)[None]]
            if not orders.first:
                return parts[0]
            along = torch.stack([slopes(points, c) for c in components], -1).movedim(1, 0)
            parts.append(along[: orders.first])
            if orders.second:
                count = orders.second if orders.laplacian is None else orders.first
                curved = torch.stack([bends(points, c, count) for c in components], -1)
                if orders.laplacian is not None:
                    curved = (along[orders.first :].sum(0) + orders.laplacian * curved.sum(0))[None]
                parts.append(curved)
            return torch.cat(parts)

        return Network(jets, self.beside(parameters))

    def tensor(self, values: Any) -> torch.Tensor:
        """A copy of `values` in the session's type, on its device."""
        return torch.as_tensor(np.array(values), dtype=self.dtype, device=self.device)

    def split(self, vector: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """A vector (p,) laid out as layers; coefficients behind them are left out."""
        pieces = iter(vector.split(self.sizes))  # type: ignore[no-untyped-call]
        return [(next(pieces).view(w.shape), next(pieces).view(b.shape)) for w, b in self.layers]

    def _sensitivities(self, parameters: Array) -> tuple[Array, list[list[Sensitivity]]]:
        """All residuals as one row, and the rows of their derivatives block by block."""
        self.put(parameters)
        form, recorders = self.formulation, []
        layers = self.split(self.parameters)
        assert isinstance(form, PointwiseFormulation)

        def network(place: Mapping[str, Any], orders: Orders) -> Any:
            algebra = FusedAlgebra(torch, Functions, layers, orders, self._constants, keep=True)
            recorders.append(algebra)
            return self.solver.network(algebra, place["seeds"])

        blocks = form.blocks(Network(network), *self.places)
        parts = []
        with torch.no_grad():
            scales = row_scales(form, blocks, self.places[0], self._term_weights)
        for k, (block, scale) in enumerate(zip(blocks, scales, strict=True)):
            recorder = recorders[min(k, 1)]
            products = [recorder.products[layer] for layer in range(len(layers))]
            by_row = [
                torch.autograd.grad(row.sum(), products, retain_graph=True, allow_unused=True, materialize_grads=True)
                for row in block
            ]
            slopes = [torch.stack(of_layer) for of_layer in zip(*by_row, strict=True)]
            inputs = [recorder.inputs[layer].detach() for layer in range(len(layers))]
            parts.append(sensitivities(torch, None if k == 0 else form.terms[k - 1], inputs, slopes, scale))
        rows = torch.cat([(b * scale).detach().reshape(-1) for b, scale in zip(blocks, scales, strict=True)])
        return rows.cpu().numpy().astype(float), parts

    def _place(self, points: Any, *, inside: bool) -> Any:
        with torch.no_grad():
            return self.formulation.prepare(points, inside=inside)

    def series(self, generator: torch.Generator) -> Iterator[tuple[Any, ...]]:
        """Places for one iteration after the other: those prepared, and new ones where points are drawn.

        Drawn points are prepared for many iterations at once, since differentiating the trial function costs the same
        time for few points as for thousands.
        """
        estimator = self.formulation.estimator
        drawn = [len(kind) for k, kind in enumerate(self.sets) if kind and self.moves(k)]
        if not drawn:
            while True:
                yield self.places
        block = max(1, min(DRAWN_TOGETHER // (self.formulation.breadth * sum(drawn)), 256))
        while True:
            series: list[Iterable[Any]] = [itertools.repeat(place) for place in self.places]
            for k, (kind, arrays) in enumerate(zip(self.sets, self._sets, strict=True)):
                if kind and self.moves(k):
                    points = draw(generator, block, kind, *arrays)
                    series[k] = divide(self._place(points, inside=k == 0), block)
            for places in itertools.islice(zip(*series, strict=False), block):
                yield places if estimator is None else (self._directed(places[0], generator), *places[1:])

    def _directed(self, place: Any, generator: torch.Generator) -> Any:
        """A place with two new sets of random directions."""
        estimator = self.formulation.estimator
        assert estimator is not None
        with torch.no_grad():
            directions = draw_directions(generator, estimator, self.parameters)
            return self.formulation.directed(place, directions)

    def moving(self, places: Any) -> list[torch.Tensor]:
        """What changes in the places from one iteration to the next."""
        return [part for k, place in enumerate(places) if self.moves(k) for part in tensors(place)]

    def synchronise(self) -> None:
        """Wait until the device has finished."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
