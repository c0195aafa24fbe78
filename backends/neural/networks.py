"""Networks as both engines see them: their shape, and initial parameters drawn with numpy so that both start alike."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from backends.neural.activations import ACTIVATIONS
from problems.base import Array
from problems.parameters import Parameterised, parameter

Parameters = list[tuple[Array, Array]]

# (gain, whether the fan is the mean of inputs and outputs, uniform)
_INITIALISATIONS = {
    "xavier-uniform": (1.0, True, True),
    "xavier-normal": (1.0, True, False),
    "kaiming-uniform": (2.0, False, True),
    "kaiming-normal": (2.0, False, False),
    "fan-in-uniform": (1.0 / 3.0, False, True),
}


@dataclass(frozen=True)
class MLP(Parameterised):
    """A multilayer perceptron: hidden layers σ(y W + b), and a linear output layer.

    Initial weights have variance gain/fan: `xavier-*` 2/(inputs + outputs) (Glorot & Bengio 2010), `kaiming-*`
    2/inputs (He et al. 2015), `fan-in-uniform` U(±1/√inputs), which draws the biases too; elsewhere they start at 0.
    """

    kind: ClassVar[str] = "mlp"

    widths: tuple[int, ...] = parameter((32, 32, 32), "neurons per hidden layer", least=1)
    activation: str = parameter("tanh", "activation of the hidden layers", choices=tuple(ACTIVATIONS))
    init: str = parameter("xavier-uniform", "distribution of the initial weights", choices=tuple(_INITIALISATIONS))
    scaled: bool = parameter(True, "map every coordinate to [-1, 1] before the first layer")

    def initial(self, inputs: int, outputs: int, seed: int) -> Parameters:
        """One (W, b) per layer, W of shape (fan_in, fan_out) and b of shape (fan_out,), in float64."""
        gain, mean_fan, uniform = _INITIALISATIONS[self.init]
        generator = np.random.default_rng(seed)
        sizes = (inputs, *self.widths, outputs)
        layers = []
        for fan_in, fan_out in itertools.pairwise(sizes):
            deviation = math.sqrt(gain / ((fan_in + fan_out) / 2.0 if mean_fan else fan_in))
            if uniform:
                edge = math.sqrt(3.0) * deviation
                weights = generator.uniform(-edge, edge, (fan_in, fan_out))
            else:
                weights = generator.normal(0.0, deviation, (fan_in, fan_out))
            drawn = self.init == "fan-in-uniform"
            layers.append((weights, generator.uniform(-edge, edge, fan_out) if drawn else np.zeros(fan_out)))
        return layers
