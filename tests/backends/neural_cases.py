"""Small sessions of both engines on the same description, and what can be asked of them without training."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import torch

from backends.base import Context, Watch
from backends.jax_pinn import JaxPINN
from backends.neural.linearisation import Sensitivity
from backends.neural.squares import SquaresFormulation
from backends.torch_pinn import TorchPINN
from problems import REGISTRY
from tests.backends.neural_problems import Membrane, Reactor, Ring, Rod
from tests.plugins import states

ENGINES = {"torch": TorchPINN, "jax": JaxPINN}

PROBLEMS = {
    "membrane": Membrane(),
    "reactor": Reactor(),
    "ring": Ring(),
    "rod": Rod(),
    "burgers": REGISTRY.get("burgers-1d").create(),
    "decay": REGISTRY.get("decay").create(),
    "eigen": REGISTRY.get("symmetric-eigen").create({"n": 3}),
    "fredholm": REGISTRY.get("fredholm").create(),
    "heat": REGISTRY.get("heat-1d").create(),
    "logarithmic": REGISTRY.get("fredholm").create({}, "logarithmic"),
    "love": REGISTRY.get("fredholm").create({}, "love"),
    "algebraic": REGISTRY.get("fredholm").create({}, "algebraic"),
    "radial": REGISTRY.get("schroedinger-radial").create({"ell": 1, "states": 2}, "harmonic"),
    "oscillators": REGISTRY.get("schroedinger-nd").create({"d": 3}),
    "drum": states.Membrane(d=2, faces_are="closed"),
    "poisson": REGISTRY.get("poisson").create({"d": 2}),
}

UNCOUNTED = ("grid", "chebyshev", "gauss", "jittered-grid", "uniform", "paths")
"""Kinds of points that have no parameter `count`."""

TINY = {"network.widths": (4, 3), "points.kind": "scattered", "points.count": 9, "iterations": 1}


def described(parameters):
    """The tiny description with some of it changed; another kind of network or of points has other parameters."""
    tiny = dict(TINY)
    if parameters.get("network.kind", "mlp") != "mlp":
        del tiny["network.widths"]
    if parameters.get("points.kind", "scattered") in UNCOUNTED:
        del tiny["points.count"]
    return tiny | parameters


def begin(engine, problem, seed=1, watch=None, precision="float64", **parameters):
    """A session that nothing was compiled for."""
    solver = ENGINES[engine].create(described(parameters))
    problem = PROBLEMS[problem] if isinstance(problem, str) else problem
    assert solver.unsupported(problem) is None
    solver.validate(problem)
    return solver.begin(problem, Context(seed=seed, precision=precision, watch=watch or Watch()))


def ready(engine, problem, **parameters):
    """A session that can be solved."""
    session = begin(engine, problem, **parameters)
    session.compile()
    session.prepare()
    return session


def solved(engine, problem, **parameters):
    """A session after training."""
    session = ready(engine, problem, **parameters)
    session.solve()
    return session


def flat(tree):
    """Parameters, or a gradient, as one vector."""
    return np.concatenate([np.asarray(part).ravel() for layer in tree for part in layer])


def shaken(session):
    """Parameters near the initial ones, with biases that do not vanish and signs that differ."""
    parameters = session.initial_parameters()
    return parameters + 0.3 * np.random.default_rng(5).standard_normal(len(parameters))


def vectors(rows, unknowns):
    """One of each length, to multiply derivatives with."""
    generator = np.random.default_rng(2)
    return generator.standard_normal(unknowns), generator.standard_normal(rows)


def blocks_of(form, network, places):
    """What the terms are the mean squares of; none where the loss is another."""
    return form.blocks(network, *places) if squares(form) else []


def squares(form):
    """Whether the loss is a sum of mean squares."""
    return isinstance(form, SquaresFormulation) and form.objective != "energy"


def torch_view(session):
    """Blocks, terms and gradient of the loss in torch, by its reverse mode."""
    session.put(shaken(session))
    blocks = blocks_of(session.formulation, session.network(session.parameters), session.places)
    loss, terms = session.loss(session.parameters, session.places)
    gradient = torch.autograd.grad(loss, session.parameters, materialize_grads=True, allow_unused=True)
    return {
        "blocks": [block.detach().numpy() for block in blocks],
        "terms": terms.detach().numpy(),
        "gradient": gradient[0].numpy(),
    }


def jax_view(session, *, jacobian=False):
    """The same in JAX, and the rows of the derivatives, in one compilation."""
    form = session.formulation

    def view(parameters, places):
        weights = session.term_weights
        (_, terms), gradient = jax.value_and_grad(session.loss, has_aux=True)(parameters, places, weights)
        found = {
            "blocks": blocks_of(form, session.network(parameters), places),
            "terms": terms,
            "gradient": gradient,
        }
        if jacobian:
            # `_jacobian` would trace the same once more.
            found["rows"], linearised, _ = session._linearised(parameters, places, weights)
            blocks = [[Sensitivity(*piece) for piece in block] for block in linearised]
            found["jacobian"] = jnp.concatenate([sum(piece.jacobian(jnp) for piece in block) for block in blocks])
            v, u = vectors(*found["jacobian"].shape)
            found["forward"] = session._forward(linearised, v)
            found["adjoint"] = session._adjoint(linearised, u)
        return found

    def prepared(bases):
        return tuple(None if base is None else session.placing(k)(base) for k, base in enumerate(bases))

    bases = tuple(None if s is None else s.base for s in session.sets)
    parameters = shaken(session)
    lowered = jax.jit(lambda parameters, bases: view(parameters, prepared(bases))).lower(parameters, bases)
    # It runs once: translating it takes longer than what a better translation would save.
    return lowered.compile(compiler_options={"xla_backend_optimization_level": "0"})(parameters, bases)


ACTIVATIONS = {
    "sigmoid": {"network.activation": "sigmoid"},
    "sine": {"network.activation": "sine", "network.scaled": False},
    "cosine": {"network.activation": "cosine"},
    "gelu": {"network.activation": "gelu"},
    "silu": {"network.activation": "silu"},
}
NETWORKS = {
    "one linear layer": {"network.widths": ()},
    "skip": {"network.skip": True},
    "dgm": {"network.kind": "dgm", "network.width": 3, "network.layers": 1},
    "residual": {"network.kind": "residual", "network.width": 3, "network.blocks": 1},
    "fourier": {
        "network.kind": "modified-mlp",
        "network.width": 3,
        "network.layers": 2,
        "network.features": 2,
        "network.scale": 0.5,
    },
}
NORMALISED = {how: {"network.normalisation": how} for how in ("before", "after")}

PENALTY = {"constraint.kind": "penalty", "constraint.initial_weight": 3.0, "constraint.boundary_weight": 0.7}
CAUSAL = {"weighting.kind": "causal", "weighting.chunks": 4, "weighting.epsilon": 0.8}

# Rod has a Neumann face beside a trial function, Ring periodic faces, Reactor two coupled components.
CASES = {
    **{f"rod, {name}": ("rod", PENALTY | how) for name, how in ACTIVATIONS.items()},
    **{f"rod, {name}": ("rod", PENALTY | how) for name, how in NETWORKS.items()},
    "decay, relu": ("decay", PENALTY | {"network.activation": "relu", "network.init": "fan-in-uniform"}),
    "decay, leaky": ("decay", {"network.activation": "leaky-relu", "network.init": "fan-in-uniform"}),
    "rod, trial": ("rod", {"constraint.boundary_weight": 2.5, "points.kind": "chebyshev", "points.counts": (3, 4)}),
    "reactor, trial": ("reactor", {"points.count": 5}),
    "reactor, penalty, causal": ("reactor", PENALTY | CAUSAL | {"points.count": 5}),
    "ring, trial": ("ring", {"points.kind": "sobol", "points.count": 8}),
    "ring, penalty": ("ring", PENALTY | {"points.kind": "latin-hypercube"}),
    "eigen, published": ("eigen", {"constraint.form": "published", "points.kind": "grid", "points.counts": (5,)}),
    "eigen, penalty, causal": ("eigen", PENALTY | CAUSAL),
    "heat, published": ("heat", {"constraint.form": "published", "points.kind": "adaptive", "points.pool": 20}),
    "burgers, causal": ("burgers", CAUSAL | {"points.kind": "concentrated", "points.count": 12}),
    "poisson": ("poisson", PENALTY),
}
"""Networks and conditions of every kind: problem and parameters."""

LINEARISED = {
    "rod, one linear layer",
    "rod, skip",
    "rod, dgm",
    "rod, residual",
    "rod, fourier",
    "reactor, penalty, causal",
}
LINEARISED |= {"ring, penalty", "eigen, penalty, causal", "decay, leaky"}
"""Cases whose derivatives of all residuals are compiled in JAX, which takes longest; torch has them all."""

TIED = {
    **{f"rod, {name}": ("rod", PENALTY | how) for name, how in NORMALISED.items()},
    "love, moving": ("love", {"points.kind": "uniform", "points.batch": 5}),
    "love, normalised": ("love", {"network.normalisation": "before"}),
    "fredholm, sampled": ("fredholm", {"quadrature.kind": "monte-carlo", "quadrature.nodes": 3}),
    "logarithmic": ("logarithmic", {"quadrature.kind": "product", "quadrature.nodes": 9, "quadrature.grading": 2.0}),
    "membrane, energy": ("membrane", {"objective": "energy", "points.kind": "chebyshev", "points.counts": (4,)}),
    "membrane, energy, even": ("membrane", {"objective": "energy", "points.kind": "sobol", "points.count": 8}),
    "radial, rayleigh": ("radial", {"objective": "rayleigh", "points.kind": "gauss", "points.counts": (7,)}),
    "radial, normalised": ("radial", {"objective": "normalised-residual"}),
    "radial, plain": ("radial", {"points.kind": "gauss", "points.counts": (7,)}),
    "drum, rayleigh": ("drum", {"objective": "rayleigh"}),
    "oscillators, envelope": (
        "oscillators",
        {"objective": "rayleigh", "points.kind": "normal", "points.count": 8, "constraint.envelope": 0.7},
    ),
    "drum, normalised": ("drum", {"objective": "normalised-residual"}),
}
"""Networks, equations and losses that tie all points together."""


@cache
def of_torch(case):
    """Session and view."""
    problem, parameters = (CASES | TIED)[case]
    session = begin("torch", problem, **parameters)
    return session, torch_view(session)


@cache
def of_jax(case):
    """Session and view."""
    problem, parameters = (CASES | TIED)[case]
    session = begin("jax", problem, **parameters)
    return session, jax_view(session, jacobian=case in LINEARISED)
