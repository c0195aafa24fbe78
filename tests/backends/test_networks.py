"""Networks: their sizes, the numbers that they start from, and what batch normalisation does."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backends.neural.jets import NORMALISING_EPSILON, JetAlgebra, Orders
from backends.neural.networks import DGM, MLP, ModifiedMLP, Residual
from tests.backends.neural_cases import begin, flat, ready, shaken
from tests.backends.test_neural_description import Functions

# A dense layer from i to o numbers has i·o weights and o biases.
SIZES = [
    (MLP(widths=(5, 7)), 3, 2, (3 * 5 + 5) + (5 * 7 + 7) + (7 * 2 + 2)),
    (MLP(widths=()), 3, 2, 3 * 2 + 2),
    (MLP(widths=(5, 7), normalisation="after"), 3, 2, (3 * 5 + 5 + 10) + (5 * 7 + 7 + 14) + (7 * 2 + 2)),
    # Sirignano & Spiliopoulos 2018, eq. 4.2: W¹ and b¹; U, W and b of four gates in each layer; W and b of the output.
    (DGM(width=6, layers=3), 3, 2, (3 * 6 + 6) + 3 * 4 * (3 * 6 + 6 * 6 + 6) + (6 * 2 + 2)),
    (Residual(width=6, blocks=2), 3, 2, (3 * 6 + 6) + 2 * 2 * (6 * 6 + 6) + (6 * 2 + 2)),
    (ModifiedMLP(width=6, layers=3), 3, 2, 3 * (3 * 6 + 6) + 2 * (6 * 6 + 6) + (6 * 2 + 2)),
    (ModifiedMLP(width=6, layers=3, features=4), 3, 2, 3 * (8 * 6 + 6) + 2 * (6 * 6 + 6) + (6 * 2 + 2)),
]


@pytest.mark.parametrize(("network", "inputs", "outputs", "size"), SIZES, ids=lambda value: str(value)[:40])
def test_a_network_has_as_many_parameters_as_its_formula_says(network, inputs, outputs, size):
    layers = network.initial(inputs, outputs, seed=0)
    assert len(flat(layers)) == size
    algebra = JetAlgebra(np, Functions, layers, Orders(), network.constants(inputs, 0))
    assert network(algebra, np.random.default_rng(0).random((1, 9, inputs))).shape == (1, 9, outputs)


def sigma(x):
    return np.tanh(x)


def dgm_by_hand(layers, x):
    """Sirignano & Spiliopoulos 2018, eq. 4.2, gate by gate."""
    first, *gated, (w, b) = layers
    s = sigma(x @ first[0] + first[1])
    for (gates, gate_biases), (h_weights, h_bias) in zip(gated[::2], gated[1::2], strict=True):
        z, g, r = (
            sigma(np.hstack([x, s]) @ weights + bias)
            for weights, bias in zip(np.split(gates, 3, axis=1), np.split(gate_biases, 3), strict=True)
        )
        h = sigma(np.hstack([x, s * r]) @ h_weights + h_bias)
        s = (1.0 - g) * h + z * s
    return s @ w + b


def residual_by_hand(layers, x):
    first, *inner, (w, b) = layers
    y = sigma(x @ first[0] + first[1])
    for one, two in zip(inner[::2], inner[1::2], strict=True):
        y = y + sigma(sigma(y @ one[0] + one[1]) @ two[0] + two[1])
    return y @ w + b


def modified_by_hand(layers, x, frequencies=None):
    if frequencies is not None:
        x = np.hstack([np.sin(x @ frequencies), np.cos(x @ frequencies)])
    both, *hidden, (w, b) = layers
    u, v = (sigma(x @ k + c) for k, c in zip(np.split(both[0], 2, axis=1), np.split(both[1], 2), strict=True))
    h = x
    for weights, bias in hidden:
        z = sigma(h @ weights + bias)
        h = (1.0 - z) * u + z * v
    return h @ w + b


@pytest.mark.parametrize(
    ("network", "by_hand"),
    [
        (DGM(width=4, layers=2), dgm_by_hand),
        (Residual(width=4, blocks=2), residual_by_hand),
        (ModifiedMLP(width=4, layers=3), modified_by_hand),
        (ModifiedMLP(width=4, layers=3, features=3), modified_by_hand),
    ],
    ids=["dgm", "residual", "modified", "fourier"],
)
def test_a_network_is_the_formula_that_it_cites(network, by_hand):
    generator = np.random.default_rng(4)
    layers = [
        tuple(part + 0.2 * generator.standard_normal(part.shape) for part in layer)
        for layer in network.initial(2, 3, seed=1)
    ]
    constants = network.constants(2, seed=1)
    x = generator.uniform(-1.0, 1.0, (6, 2))
    found = network(JetAlgebra(np, Functions, layers, Orders(), constants), x[None])[0]
    extra = () if constants is None else (constants,)
    assert found == pytest.approx(by_hand(layers, x, *extra), abs=1e-14)


# Glorot & Bengio 2010: 2/(inputs + outputs); He et al. 2015: 2/inputs; U(±1/√inputs) has variance 1/(3 inputs).
VARIANCES = {
    "xavier-uniform": 2 / 300,
    "xavier-normal": 2 / 300,
    "kaiming-uniform": 2 / 100,
    "kaiming-normal": 2 / 100,
    "fan-in-uniform": 1 / 300,
}


@pytest.mark.parametrize(("init", "variance"), VARIANCES.items())
def test_initial_weights_have_the_mean_the_variance_and_the_shape_of_their_scheme(init, variance):
    _, (weights, bias), _ = MLP(widths=(100, 200), init=init).initial(1, 1, seed=0)
    deviation = math.sqrt(variance)
    # 20 000 numbers: the mean is off by deviation/141 and the variance by a hundredth, as a rule.
    assert abs(weights.mean()) < 4 * deviation / math.sqrt(weights.size)
    assert weights.var() == pytest.approx(variance, rel=0.05)
    # The fourth moment tells a uniform distribution (1.8 σ⁴) from a normal one (3 σ⁴).
    kurtosis = (weights**4).mean() / weights.var() ** 2
    assert kurtosis == pytest.approx(1.8 if "uniform" in init else 3.0, abs=0.15)
    if "uniform" in init:
        assert abs(weights).max() == pytest.approx(math.sqrt(3.0 * variance), rel=0.01)
    assert bias.any() == (init == "fan-in-uniform")


def test_gates_are_drawn_for_their_own_width_and_differ():
    """Three gates share a product, but their scheme is that of one of them."""
    (_, (weights, _), *_) = DGM(width=50, layers=1, init="xavier-normal").initial(30, 1, seed=0)
    gates = np.split(weights, 3, axis=1)
    assert weights.shape == (80, 150)
    for gate in gates:
        assert gate.var() == pytest.approx(2 / (80 + 50), rel=0.1)
    assert not np.allclose(gates[0], gates[1])
    assert not np.allclose(gates[1], gates[2])


def test_the_seed_decides_the_initial_parameters():
    first, same, other = (flat(MLP().initial(2, 1, seed)) for seed in (1, 1, 2))
    assert (first == same).all()
    assert not np.isclose(first, other).any() or (first[first != 0.0] != other[first != 0.0]).all()


def test_frequencies_follow_the_seed_and_their_deviation():
    network = ModifiedMLP(features=2000, scale=3.0)
    first, same, other = (network.constants(2, seed) for seed in (1, 1, 2))
    assert (first == same).all()
    assert not (first == other).any()
    assert first.std() == pytest.approx(2.0 * math.pi * 3.0, rel=0.05)
    assert ModifiedMLP().constants(2, 1) is None


FOURIER = {"network.kind": "modified-mlp", "network.width": 3, "network.layers": 1, "network.features": 2}


@pytest.mark.parametrize("engine", ["torch", "jax"])
def test_frequencies_are_not_trained(engine):
    session = ready(engine, "decay", iterations=3, **FOURIER)
    before = np.asarray(session._constants).copy()
    parameters = flat(session.layers)
    session.solve()
    assert (np.asarray(session._constants) == before).all()
    assert len(session.get()) == len(parameters) == (4 * 3 + 3) * 3 + (3 + 1)
    assert not (session.get() == parameters).all()


def normalised(z, reference=0, statistics=None):
    pairs = [(np.ones(z.shape[-1]), np.zeros(z.shape[-1]))]
    return JetAlgebra(np, Functions, pairs, Orders(1, 1), None, reference, statistics).normalise(z, 0)


def test_a_normalised_batch_has_mean_zero_and_variance_one():
    z = np.random.default_rng(0).normal(3.0, 2.0, (3, 50, 4))
    value, slope, bend = normalised(z)
    assert value.mean(0) == pytest.approx(np.zeros(4), abs=1e-14)
    variance = z[0].var(0)
    assert value.var(0) == pytest.approx(variance / (variance + NORMALISING_EPSILON), rel=1e-12)
    # To a coordinate the statistics are constants.
    assert slope == pytest.approx(z[1] / np.sqrt(variance + NORMALISING_EPSILON), rel=1e-12)
    assert bend == pytest.approx(z[2] / np.sqrt(variance + NORMALISING_EPSILON), rel=1e-12)


def test_scale_and_shift_come_after_normalisation():
    z = np.random.default_rng(0).normal(3.0, 2.0, (1, 50, 2))
    scale, shift = np.array([2.0, -3.0]), np.array([0.5, 7.0])
    value = JetAlgebra(np, Functions, [(scale, shift)], Orders()).normalise(z, 0)[0]
    assert value.mean(0) == pytest.approx(shift)
    assert value.std(0) == pytest.approx(abs(scale), rel=1e-4)


def test_statistics_come_from_the_reference_or_from_other_points():
    z = np.random.default_rng(0).normal(3.0, 2.0, (3, 50, 4))
    by_reference = normalised(z, reference=20)
    assert by_reference[0, :20].mean(0) == pytest.approx(np.zeros(4), abs=1e-14)
    known = {}
    normalised(z[:, :20], statistics=known)
    assert normalised(z[:, 20:], statistics=known) == pytest.approx(by_reference[:, 20:], abs=1e-14)


@pytest.mark.parametrize("engine", ["torch", "jax"])
@pytest.mark.parametrize("how", ["before", "after"])
def test_a_batch_normalised_network_is_one_function_inside_on_conditions_and_when_it_is_evaluated(engine, how):
    """On the points from which statistics are taken after training, the loss speaks of the evaluated function."""
    session = begin(
        engine,
        "decay",
        **{"network.normalisation": how, "constraint.kind": "penalty", "points.count": 1024, "network.widths": (3,)},
    )
    if engine == "jax":
        session.compile()
        session.prepare()
    session.restart()
    session.put(shaken(session))
    form = session.formulation
    _, initial = form.blocks(session.network(session.parameters), *session.places)
    start = session.solution(np.array([[0.0]]))
    # y(0) = 1 is wanted.
    assert float(initial.detach()[0, 0] if engine == "torch" else initial[0, 0]) == pytest.approx(
        float(start[0, 0]) - 1.0, abs=1e-12
    )
    # A point alone, and among others.
    times = np.linspace(0.0, 5.0, 7)[:, None]
    together = session.solution(times)
    assert np.ptp(together) > 1e-3
    for k in (0, 3, 6):
        assert session.solution(times[k : k + 1])[0] == pytest.approx(together[k], abs=1e-13)
    assert session.solution(np.concatenate([times, np.full((5, 1), 4.9)]))[:7] == pytest.approx(together, abs=1e-13)


def test_gain_widens_the_gated_layers_alone():
    plain, wide = (DGM(width=4, layers=2, gain=gain).initial(2, 1, seed=3) for gain in (1.0, 5.0 / 3.0))
    ratios = [float(np.median(a[0] / b[0])) for a, b in zip(wide, plain, strict=True)]
    assert ratios == pytest.approx([1.0] + [5.0 / 3.0] * 4 + [1.0])
    assert all((a[1] == b[1]).all() for a, b in zip(wide, plain, strict=True))
