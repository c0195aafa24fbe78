"""Networks as both engines see them: their shape, initial parameters drawn with numpy, and their layers over jets."""

from __future__ import annotations

import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from backends.neural.activations import ACTIVATIONS
from backends.neural.jets import JetAlgebra
from problems.base import Array
from problems.parameters import Parameterised, parameter

Parameters = list[tuple[Array, Array]]

NORMALISATIONS = ("none", "before", "after")

# (gain, whether the fan is the mean of inputs and outputs, uniform)
_INITIALISATIONS = {
    "xavier-uniform": (1.0, True, True),
    "xavier-normal": (1.0, True, False),
    "kaiming-uniform": (2.0, False, True),
    "kaiming-normal": (2.0, False, False),
    "fan-in-uniform": (1.0 / 3.0, False, True),
}


@dataclass(frozen=True)
class Architecture(Parameterised, ABC):
    """What every network has.

    Initial weights have variance gain/fan: `xavier-*` 2/(inputs + outputs) (Glorot & Bengio 2010), `kaiming-*`
    2/inputs (He et al. 2015), `fan-in-uniform` U(±1/√inputs), which draws the biases too; elsewhere they start at 0.
    """

    kind: ClassVar[str]

    activation: str = parameter("tanh", "activation of the hidden layers", choices=tuple(ACTIVATIONS))
    init: str = parameter("xavier-uniform", "distribution of the initial weights", choices=tuple(_INITIALISATIONS))
    scaled: bool = parameter(True, "map every coordinate to [-1, 1] before the first layer")

    @abstractmethod
    def shapes(self, inputs: int, outputs: int) -> Iterator[tuple[int, int, int]]:
        """(fan_in, fan_out, copies) of each dense layer in the order of its parameters; (0, width, 1) normalises.

        Copies are drawn one by one and share a product: their weights stand side by side.
        """

    @abstractmethod
    def __call__(self, algebra: JetAlgebra, y: Any) -> Any:
        """Jets (J, n, inputs) of the input to jets (J, n, outputs) of the output; each dense layer is used once."""

    @property
    def normalises(self) -> bool:
        """Whether a point's value depends on the other points of its batch."""
        return False

    def constants(self, inputs: int, seed: int) -> Array | None:
        """Numbers that are drawn like the parameters but not trained; None if there are none."""
        return None

    def initial(self, inputs: int, outputs: int, seed: int) -> Parameters:
        """One (W, b) per dense layer, W of shape (fan_in, fan_out) and b of shape (fan_out,), in float64.

        A normalisation has (scale, shift) of shape (width,) in its place.
        """
        generator = np.random.default_rng(seed)
        layers: Parameters = []
        for fan_in, fan_out, copies in self.shapes(inputs, outputs):
            drawn = [self._draw(generator, fan_in, fan_out) for _ in range(copies if fan_in else 0)]
            weights, biases = zip(*drawn, strict=True) if drawn else (None, None)
            layers.append(
                (np.concatenate(weights, axis=1), np.concatenate(biases))
                if weights and biases
                else (np.ones(fan_out), np.zeros(fan_out))
            )
        return layers

    def _draw(self, generator: np.random.Generator, fan_in: int, fan_out: int) -> tuple[Array, Array]:
        gain, mean_fan, uniform = _INITIALISATIONS[self.init]
        deviation = math.sqrt(gain / ((fan_in + fan_out) / 2.0 if mean_fan else fan_in))
        if not uniform:
            return generator.normal(0.0, deviation, (fan_in, fan_out)), np.zeros(fan_out)
        edge = math.sqrt(3.0) * deviation
        weights = generator.uniform(-edge, edge, (fan_in, fan_out))
        drawn = self.init == "fan-in-uniform"
        return weights, generator.uniform(-edge, edge, fan_out) if drawn else np.zeros(fan_out)


@dataclass(frozen=True)
class MLP(Architecture):
    """A multilayer perceptron: hidden layers σ(y W + b), and a linear output layer.

    With `skip` the output layer sees the network's input beside the last hidden layer: what is linear in the input then
    needs no hidden layer as wide as the input.
    """

    kind: ClassVar[str] = "mlp"

    widths: tuple[int, ...] = parameter((32, 32, 32), "neurons per hidden layer", least=1)
    normalisation: str = parameter(
        "none", "batch normalisation, before or after the activation", choices=NORMALISATIONS
    )
    skip: bool = parameter(False, "let the output layer see the input beside the last hidden layer")

    @property
    def normalises(self) -> bool:
        """Whether there is batch normalisation."""
        return self.normalisation != "none"

    def shapes(self, inputs: int, outputs: int) -> Iterator[tuple[int, int, int]]:
        """Hidden layers, each followed by its normalisation where there is one, and the output layer."""
        for fan_in, fan_out in itertools.pairwise((inputs, *self.widths)):
            yield fan_in, fan_out, 1
            if self.normalises:
                yield 0, fan_out, 1
        last = self.widths[-1] if self.widths else inputs
        yield last + inputs * self.skip, outputs, 1

    def __call__(self, algebra: JetAlgebra, y: Any) -> Any:
        """One layer after the other."""
        k, entered = 0, y
        for _ in self.widths:
            if self.normalisation == "before":
                y = algebra.activate(algebra.normalise(algebra.dense(y, k), k + 1), self.activation)
            else:
                y = algebra.dense(y, k, self.activation)
                if self.normalisation == "after":
                    y = algebra.normalise(y, k + 1)
            k += 2 if self.normalises else 1
        return algebra.dense(algebra.beside([entered, y]) if self.skip else y, k)


@dataclass(frozen=True)
class DGM(Architecture):
    """The gated network of the deep Galerkin method (Sirignano & Spiliopoulos 2018, J. Comput. Phys. 375, eq. 4.2).

    S¹ = σ(x W + b); in every layer Z, G, R = σ((x, S) W + b), H = σ((x, S ⊙ R) W + b) and S ← (1 − G) ⊙ H + Z ⊙ S;
    the output is linear in the last S.
    """

    kind: ClassVar[str] = "dgm"

    width: int = parameter(32, "neurons of the state S and of each gate", least=1)
    layers: int = parameter(3, "gated layers", least=1)
    gain: float = parameter(1.0, "factor on the initial weights of the gated layers (S3: 5/3)", above=0)

    def initial(self, inputs: int, outputs: int, seed: int) -> Parameters:
        """As for every network, with wider weights where `gain` says so."""
        first, *gated, last = super().initial(inputs, outputs, seed)
        return [first, *((self.gain * weights, biases) for weights, biases in gated), last]

    def shapes(self, inputs: int, outputs: int) -> Iterator[tuple[int, int, int]]:
        """The first layer; Z, G, R together and H for each gated layer; the output layer."""
        yield inputs, self.width, 1
        for _ in range(self.layers):
            yield inputs + self.width, self.width, 3
            yield inputs + self.width, self.width, 1
        yield self.width, outputs, 1

    def __call__(self, algebra: JetAlgebra, y: Any) -> Any:
        """Gated layers on the state and the input."""
        state, w = algebra.dense(y, 0, self.activation), self.width
        for layer in range(self.layers):
            gates = algebra.dense(algebra.beside([y, state]), 1 + 2 * layer, self.activation)
            z, g, r = (algebra.columns(gates, k * w, (k + 1) * w) for k in range(3))
            h = algebra.dense(algebra.beside([y, algebra.multiply(state, r)]), 2 + 2 * layer, self.activation)
            state = algebra.add(algebra.subtract(h, algebra.multiply(g, h)), algebra.multiply(z, state))
        return algebra.dense(state, 1 + 2 * self.layers)


@dataclass(frozen=True)
class Residual(Architecture):
    """A residual network (He et al. 2016, CVPR): y ← y + σ(σ(y W₁ + b₁) W₂ + b₂) after a first layer σ(x W + b)."""

    kind: ClassVar[str] = "residual"

    width: int = parameter(32, "neurons per layer", least=1)
    blocks: int = parameter(2, "residual blocks of two layers each", least=1)

    def shapes(self, inputs: int, outputs: int) -> Iterator[tuple[int, int, int]]:
        """The first layer, two per block, and the output layer."""
        yield inputs, self.width, 1
        for _ in range(2 * self.blocks):
            yield self.width, self.width, 1
        yield self.width, outputs, 1

    def __call__(self, algebra: JetAlgebra, y: Any) -> Any:
        """One block after the other."""
        y = algebra.dense(y, 0, self.activation)
        for block in range(self.blocks):
            inner = algebra.dense(y, 1 + 2 * block, self.activation)
            y = algebra.add(y, algebra.dense(inner, 2 + 2 * block, self.activation))
        return algebra.dense(y, 1 + 2 * self.blocks)


@dataclass(frozen=True)
class ModifiedMLP(Architecture):
    """The modified MLP of Wang, Teng & Perdikaris 2021 (SIAM J. Sci. Comput. 43), on random Fourier features.

    With U = σ(x W_u + b_u) and V = σ(x W_v + b_v), each hidden layer gives (1 − Z) ⊙ U + Z ⊙ V, Z = σ(y W + b). The
    features sin(2π x B), cos(2π x B), B normal with deviation `scale` (Tancik et al. 2020, NeurIPS), come before.
    """

    kind: ClassVar[str] = "modified-mlp"

    width: int = parameter(32, "neurons per layer", least=1)
    layers: int = parameter(3, "hidden layers", least=1)
    features: int = parameter(
        0, "Fourier features, each a sine and a cosine; 0 for the coordinates themselves", least=0
    )
    scale: float = parameter(1.0, "standard deviation of the features' frequencies", above=0)

    def constants(self, inputs: int, seed: int) -> Array | None:
        """2π B, shape (inputs, features)."""
        if not self.features:
            return None
        return 2.0 * math.pi * np.random.default_rng([seed, 2]).normal(0.0, self.scale, (inputs, self.features))

    def shapes(self, inputs: int, outputs: int) -> Iterator[tuple[int, int, int]]:
        """U and V together, the hidden layers, and the output layer."""
        embedded = 2 * self.features or inputs
        yield embedded, self.width, 2
        yield embedded, self.width, 1
        for _ in range(self.layers - 1):
            yield self.width, self.width, 1
        yield self.width, outputs, 1

    def __call__(self, algebra: JetAlgebra, y: Any) -> Any:
        """Every hidden layer mixes U and V anew."""
        if algebra.constants is not None:
            phase = algebra.project(y, algebra.constants)
            y = algebra.beside([algebra.activate(phase, "sine"), algebra.activate(phase, "cosine")])
        both = algebra.dense(y, 0, self.activation)
        u, v = algebra.columns(both, 0, self.width), algebra.columns(both, self.width, 2 * self.width)
        change = algebra.subtract(v, u)
        for layer in range(self.layers):
            y = algebra.add(u, algebra.multiply(algebra.dense(y, 1 + layer, self.activation), change))
        return algebra.dense(y, 1 + self.layers)
