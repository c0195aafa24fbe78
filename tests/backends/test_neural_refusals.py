"""What is refused, and that the remedy which a message names does work."""

from __future__ import annotations

import re

import pytest

from backends.jax_pinn import JaxPINN
from backends.torch_pinn import TorchPINN
from problems.heat_1d import Heat1D
from problems.parameters import InputError
from tests.backends.neural_cases import PROBLEMS, described, solved

LM = {"optimizer.kind": "lm"}
NORMALISED = {"network.normalisation": "before"}
FRESH = {"points.kind": "uniform", "points.batch": 9}
FORWARD = {"derivatives": "forward-over-reverse"}
SOBOL = {"points.kind": "sobol", "points.count": 8}
CHAIN = {"optimizer.kind": "chain", "iterations": 2}

# problem, what is asked for, what the message says, changes that it names (None takes a parameter away)
REFUSED = {
    "least squares, normalised": (
        "decay",
        LM | NORMALISED,
        r"network\.normalisation=none",
        [
            {"network.normalisation": "none"},
            {"optimizer.kind": "lbfgs"},
            {"optimizer.kind": "ssbroyden"},
        ],
    ),
    "normalised, nested": (
        "decay",
        NORMALISED | FORWARD,
        r"derivatives=taylor, or network\.normalisation=none",
        [
            {"derivatives": "taylor"},
            {"network.normalisation": "none"},
        ],
    ),
    "normalised, nested-reverse": (
        "decay",
        NORMALISED | {"derivatives": "nested-reverse"},
        "derivatives=taylor",
        [
            {"derivatives": "taylor"},
        ],
    ),
    "least squares, nested": ("decay", LM | FORWARD, "lm works with derivatives=taylor", [{"derivatives": "taylor"}]),
    "lbfgs, fresh": (
        "decay",
        {"optimizer.kind": "lbfgs"} | FRESH,
        r"points\.kind=sobol.*points\.every=500",
        [
            {"points.batch": None} | SOBOL,
            {"points.batch": None} | SOBOL | {"points.every": 500},
        ],
    ),
    "ssbroyden, jittered": (
        "decay",
        {"optimizer.kind": "ssbroyden", "points.kind": "jittered-grid", "points.counts": (9,)},
        r"points\.kind=jittered-grid draws new points.*points\.kind=sobol",
        [{"points.counts": None} | SOBOL],
    ),
    "chain ends fresh": (
        "decay",
        CHAIN | {"optimizer.switch": (1,), "optimizer.second.kind": "ssbroyden"} | FRESH,
        r"ssbroyden compares losses.*points\.kind=sobol",
        [{"points.batch": None} | SOBOL],
    ),
    "two switches for two": (
        "decay",
        CHAIN | {"optimizer.switch": (1, 2)},
        "2 optimizers need 1 rising",
        [
            {"optimizer.switch": (1,)},
        ],
    ),
    "one switch for three": (
        "decay",
        CHAIN | {"iterations": 3, "optimizer.third.kind": "lm", "optimizer.switch": (1,)},
        "3 optimizers need 2 rising",
        [{"optimizer.switch": (1, 2)}],
    ),
    "falling switches": (
        "decay",
        CHAIN | {"iterations": 3, "optimizer.third.kind": "lm", "optimizer.switch": (2, 1)},
        "2 rising iteration numbers",
        [{"optimizer.switch": (1, 2)}],
    ),
    "least squares over memory": (
        "rod",
        LM | {"optimizer.memory": 1e-9},
        r"optimizer\.solve=matrix-free.*raise optimizer\.memory",
        [{"optimizer.solve": "matrix-free"}, {"optimizer.memory": 1.0}],
    ),
    "rectifier": (
        "heat",
        {"network.activation": "relu"},
        "choose a smooth one such as tanh",
        [
            {"network.activation": "tanh"},
        ],
    ),
    "leaky rectifier": (
        "poisson",
        {"network.activation": "leaky-relu"},
        "vanish almost everywhere.*tanh",
        [
            {"network.activation": "tanh"},
        ],
    ),
    "causal, steady": (
        "poisson",
        {"weighting.kind": "causal"},
        "equation is steady; set weighting=none",
        [
            {"weighting.kind": None},
            {"weighting.kind": None, "weighting": None},
        ],
    ),
    "published, missing": (
        "burgers",
        {"constraint.form": "published"},
        r"constraint\.form=automatic or constraint\.kind=penalty",
        [{"constraint.form": "automatic"}, {"constraint.form": None, "constraint.kind": "penalty"}],
    ),
    "sampled, ssbroyden": (
        "fredholm",
        {"optimizer.kind": "ssbroyden", "quadrature.kind": "monte-carlo"},
        r"new samples for each; take quadrature\.kind=gauss-legendre, or optimizer\.kind=adam",
        [{"quadrature.kind": "gauss-legendre"}, {"optimizer.kind": "adam"}],
    ),
    "singular, moving": (
        "logarithmic",
        FRESH,
        r"points\.kind=chebyshev or sobol, with points\.every=0",
        [{"points.batch": None} | SOBOL],
    ),
    "singular, unaware": (
        "logarithmic",
        {"quadrature.kind": "gauss-legendre"},
        r"choose quadrature\.kind=product",
        [{"quadrature.kind": "product"}],
    ),
    "smooth, product": (
        "love",
        {"quadrature.kind": "product"},
        "this one is smooth, choose gauss-legendre",
        [{"quadrature.kind": "gauss-legendre"}],
    ),
    "no integral": ("decay", {"quadrature.kind": "simpson"}, "leave it out", [{"quadrature.kind": None}]),
    "integral, published": (
        "love",
        {"constraint.form": "published"},
        "leave all parameters of constraint out",
        [{"constraint.form": None}],
    ),
    "integral, penalty": (
        "love",
        {"constraint.kind": "penalty", "constraint.initial_weight": 3.0},
        "leave all parameters of constraint out",
        [{"constraint.kind": None, "constraint.initial_weight": None}],
    ),
    "integral, weight": (
        "love",
        {"constraint.boundary_weight": 3.0},
        "leave all parameters of constraint out",
        [{"constraint.boundary_weight": None}],
    ),
    "states, decay": (
        "radial",
        {"optimizer.kind": "adamw", "optimizer.weight_decay": 0.1, "points.kind": "gauss"},
        r"take optimizer\.kind=adam, or weight_decay=0",
        [{"optimizer.kind": "adam", "optimizer.weight_decay": None}, {"optimizer.weight_decay": 0.0}],
    ),
    "states, singular end": (
        "radial",
        {"objective": "rayleigh", "points.kind": "grid", "points.counts": (9,)},
        r"V of the equation is not finite.*take points\.kind=gauss",
        [{"points.kind": "gauss"}],
    ),
    "states, narrow": (
        "drum",
        {"network.widths": (4, 1), "objective": "rayleigh", "points.kind": "gauss", "points.counts": (7,)},
        r"span of 2 functions.*3 states.*at least 2",
        [{"network.widths": (4, 4)}],
    ),
    "integral, least squares": (
        "love",
        LM,
        r"take optimizer\.kind=ssbroyden or lbfgs",
        [{"optimizer.kind": "ssbroyden"}, {"optimizer.kind": "lbfgs"}],
    ),
    "counts": (
        "heat",
        {"points.kind": "grid", "points.counts": (5, 5, 5)},
        "2 coordinates.*a single one for all",
        [
            {"points.counts": (5, 5)},
            {"points.counts": (5,)},
        ],
    ),
    "axis": (
        "heat",
        {"points.kind": "concentrated", "points.axis": 2, "points.centre": 0.1},
        "give at most 1",
        [
            {"points.axis": 1},
        ],
    ),
    "centre": (
        "heat",
        {"points.kind": "concentrated", "points.centre": 1.5},
        "from 0 to 1, give a number between",
        [
            {"points.centre": 0.5},
        ],
    ),
}


def accepted(cls, problem, parameters):
    """The reason for which a description is refused, in whatever way."""
    try:
        solver = cls.create(described(parameters))
        reason = solver.unsupported(PROBLEMS[problem])
        if reason is None:
            solver.validate(PROBLEMS[problem])
    except InputError as error:
        return str(error)
    return reason


def changed(parameters, change):
    return {name: value for name, value in (parameters | change).items() if value is not None or name == "weighting"}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_work_is_refused_and_what_the_message_names_works(case):
    problem, parameters, message, remedies = REFUSED[case]
    for cls in (TorchPINN, JaxPINN):
        reason = accepted(cls, problem, parameters)
        assert reason is not None
        assert re.search(message, reason), reason
    for remedy in remedies:
        solved("torch", problem, **{"iterations": 1} | changed(parameters, remedy))


def test_the_message_about_memory_counts_residuals_and_parameters():
    """Both components at 5 points inside, and at the points of six conditions of a box with two faces per axis."""
    parameters = LM | {"constraint.kind": "penalty", "points.kind": "grid", "points.counts": (2,)}
    # A grid of 2 per coordinate has 8 nodes inside, 4 at the start and 4 on each of four faces.
    reason = accepted(TorchPINN, "reactor", parameters | {"optimizer.memory": 1e-9})
    rows, unknowns = 2 * (8 + 4 + 4 * 4), (3 * 4 + 4) + (4 * 3 + 3) + (3 * 2 + 2)
    assert f"{rows} residuals × {unknowns} parameters" in reason
    session = solved("torch", "reactor", **parameters)
    assert session.jacobian_at(session.get())[1].shape == (rows, unknowns)


def test_optimizers_that_compare_losses_are_refused_with_causal_weights():
    causal = {"weighting": "causal", "points": "sobol"}
    for kind in ("lm", "lbfgs", "ssbroyden"):
        with pytest.raises(InputError, match=r"causal weights change the loss.*set weighting=none, or optimizer=adam"):
            TorchPINN.create({**causal, "optimizer": kind}).validate(Heat1D())
    TorchPINN.create({**causal, "optimizer": "adam"}).validate(Heat1D())


def test_a_chain_that_ends_before_its_last_optimizer_is_refused():
    with pytest.raises(InputError, match=r"takes over after 1000; give more, or an earlier optimizer\.switch"):
        TorchPINN.create({"optimizer": "chain", "points": "sobol", "iterations": 800}).validate(Heat1D())
    TorchPINN.create({"optimizer": "chain", "points": "sobol", "iterations": 1001}).validate(Heat1D())
