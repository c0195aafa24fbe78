"""Spectral collocation: orders, exactness, every kind of face, refusals."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from backends.base import Diverged
from backends.spectral import Spectral
from problems import REGISTRY, InputError
from problems.base import Dirichlet, Neumann, Periodic
from tests.backends.neural_problems import Reactor, Ring, Rod
from tests.backends.spectral_cases import RingWave, run
from tests.plugins.grids import Carried, Coupled, Insulated, Variable


def test_heat_is_exact_in_time_and_spectral_in_space():
    heat = REGISTRY.get("heat-1d").create({"mode": 3})
    errors = {nodes: run(heat, nodes=nodes)[0] for nodes in (12, 16, 20, 24, 32)}
    assert errors[12] > 1e-4
    # Four nodes more divide the error by more than thirty, down to rounding: no power of the spacing does that.
    assert min(errors[a] / errors[b] for a, b in ((12, 16), (16, 20), (20, 24))) > 30
    assert errors[32] < 1e-10
    # The eigenvalues reach 10⁶: slow modes lose nothing to them.
    assert run(REGISTRY.get("heat-1d").create(), nodes=64)[0] < 1e-12
    facts = run(heat, nodes=16)[1].facts()
    assert (facts["steps"], facts["engine"]) == (5, "exact steps, diagonalised")


def test_fourth_order_in_time():
    burgers = REGISTRY.get("burgers-1d").create({"nu": 0.1, "T": 0.5})
    errors = [run(burgers, nodes=64, dt=dt)[0] for dt in (0.025, 0.0125, 0.00625)]
    orders = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert orders == pytest.approx([4.0, 4.0], abs=0.3)
    assert errors[-1] < 1e-7


@pytest.mark.parametrize(
    ("problem", "nodes", "cap"),
    [
        (Insulated(), 24, 1e-10),
        (Carried(), 24, 1e-10),
        (Variable(d=1), 24, 1e-8),
        (Variable(d=2), 16, 1e-6),
        (Coupled(), 24, 1e-8),
        (Ring(), 16, 1e-11),
        (Rod(), 24, 1e-6),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_every_kind_of_face_and_coefficient(problem, nodes, cap):
    coarse, fine = run(problem, nodes=nodes // 2)[0], run(problem, nodes=nodes)[0]
    assert fine < cap
    # Where values on a face change in time, the error in time is larger than that in space from few nodes on.
    assert fine < coarse / 50 or fine < 1e-8


@pytest.mark.parametrize("solution", ["sines", "skewed"])
@pytest.mark.parametrize("d", [1, 2, 3])
def test_steady_equations_are_solved_to_rounding(d, solution):
    error, session = run(REGISTRY.get("poisson").create({"d": d, "solution": solution}), nodes=20)
    assert error < 1e-13
    assert session.facts()["engine"] == "diagonalised"


@pytest.mark.parametrize(("k", "nodes"), [(6.0, 32), (20.0, 48), (100.0, 160)])
def test_plane_waves_are_solved_to_rounding_with_a_few_nodes_per_wave(k, nodes):
    """π nodes per wave are needed on Chebyshev points; the constant reaction k² is diagonalised with the diffusion."""
    error, session = run(REGISTRY.get("helmholtz-2d").create({"k": k}), nodes=nodes)
    assert error < 1e-11
    assert session.facts()["engine"] == "diagonalised"
    assert session.facts()["newton_iterations"] == 0


@pytest.mark.parametrize(
    ("problem", "nodes"),
    [(Carried(), 12), (Carried(d=2), 12), (Carried(kappa=0.0), 400), (RingWave(), 12), (RingWave(), 1000)],
)
def test_linear_equations_around_a_ring_are_exact_in_time_with_any_number_of_modes(problem, nodes):
    """Advection, diffusion and coupling are all in the small matrix of each wave; one is zero for the constant mode.

    The matrices of the wave equation are nilpotent for that mode, and (0, 1; −k², 0) with k up to 3000 elsewhere.
    """
    error, session = run(problem, nodes=nodes)
    assert error < 1e-11
    assert session.facts()["engine"] == "exact steps, fast Fourier transforms"
    assert session.facts()["steps"] == 5


def test_solitons_are_of_fourth_order_in_time_and_spectral_in_space():
    solitons = REGISTRY.get("schroedinger-1d").create()
    errors = [run(solitons, nodes=128, dt=dt)[0] for dt in (0.016, 0.008, 0.004)]
    assert [math.log2(a / b) for a, b in itertools.pairwise(errors)] == pytest.approx([4.0, 4.0], abs=0.4)
    assert errors[-1] < 2e-6
    # Waves up to k ≈ 20, 30 and 40: the modes fall like e^{−k/2} or so.
    coarse, medium, fine = (run(solitons, nodes=nodes, dt=0.002)[0] for nodes in (64, 96, 128))
    assert coarse / medium > 30
    assert medium / fine > 30
    assert fine < 4e-7


@pytest.mark.parametrize(("preset", "nodes", "cap"), [("d-1e-3", 256, 4e-7), ("d-1e-4", 512, 2e-6)])
def test_kink_of_the_initial_state_does_not_spoil_thin_layers(preset, nodes, cap):
    """Values at nodes alone would give every mode an error of second order: 3e-4 on 256 nodes."""
    layers = REGISTRY.get("allen-cahn-1d").create({}, preset)
    half, whole = run(layers, nodes=nodes // 2, dt=0.01)[0], run(layers, nodes=nodes, dt=0.01)[0]
    assert whole < cap
    assert whole < half / 50


def test_reaction_between_walls_is_of_fourth_order_in_time_and_spectral_in_space():
    pattern = REGISTRY.get("reaction-diffusion").create()
    errors = [run(pattern, nodes=20, dt=dt)[0] for dt in (0.008, 0.004, 0.002)]
    assert [math.log2(a / b) for a, b in itertools.pairwise(errors)] == pytest.approx([4.0, 4.0], abs=0.4)
    assert errors[-1] < 1e-7
    plane = REGISTRY.get("reaction-diffusion").create({"T": 0.5}, "plane")
    coarse, fine = (run(plane, nodes=nodes, dt=0.0025)[0] for nodes in (8, 14))
    assert fine < coarse / 100
    assert fine < 1e-6


def bratu_angle():
    """The smaller root of θ = cosh(θ)/√8, by Newton's method from 0."""
    theta = 0.0
    for _ in range(20):
        theta -= (theta - math.cosh(theta) / 8.0**0.5) / (1.0 - math.sinh(theta) / 8.0**0.5)
    return theta


class Bratu(type(REGISTRY.get("poisson").create())):
    """−u'' = e^u on (0, 1), u = 0 at both ends; its lower solution is 2 ln(cosh θ / cosh(θ(1 − 2x)))."""

    name = "bratu"

    def source(self, ops, x, t, u):
        return (ops.exp(u[0]),)

    def exact(self, ops, x, t):
        theta = bratu_angle()
        return (2.0 * ops.log(math.cosh(theta) / ops.cosh(theta * (1.0 - 2.0 * x[0]))),)

    def condition(self, axis, side):
        return Dirichlet()


def test_newton_solves_a_steady_equation_that_is_not_linear():
    error, session = run(Bratu(d=1), nodes=20)
    assert error < 1e-12
    assert 2 <= session.facts()["newton_iterations"] <= 8


def test_what_cannot_be_closed_is_refused():
    assert "one face" not in (Spectral().unsupported(Ring()) or "")
    assert Spectral().unsupported(REGISTRY.get("poisson").create({"d": 40})) is None
    assert Spectral().unsupported(REGISTRY.get("heat").create({"d": 5})) is None
    assert "in 6 dimensions even 4 nodes per axis are 4096" in Spectral().unsupported(
        REGISTRY.get("heat").create({"d": 6})
    )
    assert "family" in Spectral().unsupported(REGISTRY.get("decay").create())
    assert "depends on the unknown" in Spectral().unsupported(Reactor())

    class Floating(type(REGISTRY.get("poisson").create())):
        def condition(self, axis, side):
            return Neumann()

    assert "up to a constant" in Spectral().unsupported(Floating())


class Sunk(type(REGISTRY.get("poisson").create())):
    """0 = u'' + r u + 1; u = 1 for r = −1 and walls without flux, no solution where r is an eigenvalue of −u''."""

    name = "sunk"

    def __init__(self, rate, wall):
        super().__init__(d=1)
        object.__setattr__(self, "rate", rate)
        object.__setattr__(self, "wall", wall)

    def source(self, ops, x, t, u):
        return (self.rate * u[0] + 1.0,)

    def condition(self, axis, side):
        return self.wall

    def exact(self, ops, x, t):
        return (1.0 + 0.0 * x[0],)


@pytest.mark.parametrize("wall", [Neumann(), Periodic()])
def test_a_reaction_fixes_the_level_where_no_value_is_given(wall):
    error, session = run(Sunk(-1.0, wall), nodes=12)
    assert error < 1e-13
    assert session.facts()["engine"] == "diagonalised"


@pytest.mark.parametrize("wall", [Dirichlet(), Neumann()])
@pytest.mark.parametrize("nodes", [16, 96])
def test_resonance_is_reported(wall, nodes):
    """π² is an eigenvalue of −u'' with either kind of walls, and 4 is none."""
    assert np.isfinite(run(Sunk(4.0, wall), nodes=nodes)[0])
    with pytest.raises(Diverged, match="singular"):
        run(Sunk(math.pi**2, wall), nodes=nodes)


def test_impossible_sizes_are_refused_with_the_remedy():
    with pytest.raises(InputError, match="longer than the whole interval"):
        Spectral(dt=1.0).validate(REGISTRY.get("heat-1d").create())
    with pytest.raises(InputError, match="take nodes ≤ 32"):
        Spectral(nodes=64).validate(Variable(d=2))


def test_a_step_too_long_for_convection_is_a_divergence():
    burgers = REGISTRY.get("burgers-1d").create({"nu": 0.002})
    with pytest.raises(Diverged, match="by step"):
        run(burgers, nodes=256, dt=0.1)
