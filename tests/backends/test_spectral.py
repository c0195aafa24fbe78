"""Spectral collocation: differentiation, functions of matrices, orders, exactness, every kind of face."""

from __future__ import annotations

import dataclasses
import decimal
import itertools
import math

import numpy as np
import pytest
import scipy.linalg

from backends.base import Context, Diverged
from backends.spectra.bases import Basis
from backends.spectra.collocated import odd_length
from backends.spectra.exponential import ETDRK4, DenseOperator, DiagonalisedOperator, ExactStep, ForcedStep
from backends.spectra.fourier import FourierOperator
from backends.spectral import Spectral
from backends.structure import Structure
from problems import REGISTRY, InputError
from problems.base import Dirichlet, Neumann, Periodic
from tests.backends.neural_problems import Reactor, Ring, Rod
from tests.plugins.grids import Carried, Coupled, Insulated, Variable


def run(problem, **parameters):
    solver = Spectral.create(parameters)
    assert solver.unsupported(problem) is None
    solver.validate(problem)
    session = solver.begin(problem, Context())
    session.solve()
    points = problem.points()
    wanted, found = problem.reference(points), session.solution(points)
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted)), session


@pytest.mark.parametrize("basis", [Basis.chebyshev(-1.0, 3.0, 9), Basis.fourier(-1.0, 3.0, 9)])
def test_what_a_basis_holds_is_differentiated_and_interpolated_exactly(basis):
    """Polynomials of degree 8, or waves of up to four periods."""
    x = np.linspace(-1.0, 3.0, 37)[:-1]
    if basis.periodic:
        k = 2.0 * math.pi * 4 / 4.0
        field, slope = (lambda x: np.sin(k * x + 0.3)), (lambda x: k * np.cos(k * x + 0.3))
    else:
        field, slope = (lambda x: (x / 3.0) ** 8 - x), (lambda x: 8.0 / 3.0 * (x / 3.0) ** 7 - 1.0)
    values = field(basis.nodes)
    assert basis.slope @ values == pytest.approx(slope(basis.nodes), abs=1e-12)
    assert basis.interpolation(x) @ values == pytest.approx(field(x), abs=1e-12)
    assert np.array_equal(basis.interpolation(basis.nodes) @ values, values)


@pytest.mark.parametrize("front", [-1.0, 0.4, 3.0])
def test_crowded_points_hold_a_front_that_as_many_others_do_not(front):
    """A layer of width 0.02 in an interval of 4: derivative and interpolation in the stretched coordinate."""
    plain = Basis.chebyshev(-1.0, 3.0, 64)
    crowded = plain.crowded(front, 50.0)
    assert crowded.nodes[[0, -1]] == pytest.approx([-1.0, 3.0], abs=0.0)
    assert (np.diff(crowded.nodes) > 0).all()
    assert crowded.crowding.back(crowded.nodes) == pytest.approx(plain.nodes, abs=1e-12)
    x = np.linspace(-1.0, 3.0, 301)
    errors = []
    for basis in (plain, crowded):
        values = np.tanh((basis.nodes - front) / 0.02)
        slopes = basis.slope @ values - (1.0 - values**2) / 0.02
        between = basis.interpolation(x) @ values - np.tanh((x - front) / 0.02)
        errors.append((np.abs(slopes).max() * 0.02, np.abs(between).max()))
    assert max(errors[1]) < 1e-4
    assert min(a / b for a, b in zip(*errors, strict=True)) > (30 if front == 0.4 else 3)


def test_thin_front_of_burgers_equation_takes_a_hundred_crowded_nodes():
    """128 nodes that do not crowd leave an error of 0.03."""
    burgers = REGISTRY.get("burgers-1d").create()
    errors = [run(burgers, nodes=nodes, dt=0.005, front=0.0)[0] for nodes in (48, 64, 96)]
    assert errors[0] / errors[1] > 4
    assert errors[1] / errors[2] > 30
    assert errors[2] < 2e-6
    fine = [run(burgers, nodes=160, dt=dt, front=0.0)[0] for dt in (0.005, 0.0025, 0.00125)]
    assert [math.log2(a / b) for a, b in itertools.pairwise(fine)] == pytest.approx([3.6, 3.7], abs=0.4)
    assert fine[-1] < 2e-8


@pytest.mark.parametrize(("peclet", "nodes", "sharpness"), [(1e3, 48, 100.0), (1e5, 64, 1e4)])
def test_boundary_layer_of_any_width_is_solved_with_few_crowded_nodes(peclet, nodes, sharpness):
    layer = REGISTRY.get("advection-diffusion").create({"peclet": peclet}, "steady")
    assert run(layer, nodes=nodes, front=1.0, sharpness=sharpness)[0] < 1e-9


def test_front_that_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="front = 2 lies outside of the domain; give a place from -1 to 1"):
        Spectral(front=2.0).validate(REGISTRY.get("burgers-1d").create())
    for problem in (Ring(), REGISTRY.get("poisson").create()):
        with pytest.raises(InputError, match="leave it out"):
            Spectral(front=0.5).validate(problem)


def test_an_even_number_of_waves_is_refused():
    with pytest.raises(ValueError, match="an odd number"):
        Basis.fourier(0.0, 1.0, 8)


@pytest.mark.parametrize("vectors", [False, True])
def test_functions_of_a_matrix_are_those_of_its_exponential(vectors):
    """φ₁ … φ₃ stand in the first row of the exponential of [[A, I, 0, 0], [0, 0, I, 0], [0, 0, 0, I], 0]."""
    a = np.random.default_rng(0).standard_normal((5, 5)) * 3.0
    n = len(a)
    block = np.zeros((4 * n, 4 * n))
    block[:n, :n] = 0.7 * a
    for k in range(3):
        block[k * n : (k + 1) * n, (k + 1) * n : (k + 2) * n] = np.eye(n)
    row = scipy.linalg.expm(block)[:n]
    for found, h in zip(DenseOperator(a, vectors=vectors).both(1.4), (1.4, 0.7), strict=True):
        assert found[0] == pytest.approx(scipy.linalg.expm(h * a), rel=1e-10, abs=1e-10)
        for k, phi in enumerate(found if h == 0.7 else ()):
            assert phi == pytest.approx(row[:, k * n : (k + 1) * n], rel=1e-11, abs=1e-11)


def test_functions_of_a_matrix_without_independent_eigenvectors():
    """A Jordan block: e^{hA} = e^{−3h} (1, h, h²/2; 0, 1, h; 0, 0, 1), and φ₁ = A⁻¹ (e^{hA} − 1) / h."""
    block = np.diag([-3.0] * 3) + np.diag([1.0] * 2, 1)
    h = 1.5
    e, p1, *_ = DenseOperator(block, vectors=True).phis(h)
    wanted = math.exp(-3.0 * h) * np.array([[1.0, h, h * h / 2.0], [0.0, 1.0, h], [0.0, 0.0, 1.0]])
    assert e == pytest.approx(wanted, rel=1e-13, abs=1e-15)
    assert p1 == pytest.approx(np.linalg.solve(h * block, wanted - np.eye(3)), rel=1e-13, abs=1e-15)


def test_slow_modes_of_a_stiff_matrix_keep_their_digits():
    """Second derivatives on 128 nodes: e^{hA} sin πx = e^{−π²h} sin πx, beside eigenvalues of −5·10⁷."""
    basis = Basis.chebyshev(0.0, 1.0, 128)
    a = (basis.slope @ basis.slope)[1:-1, 1:-1]
    sine = np.sin(math.pi * basis.nodes[1:-1])
    e, p1 = DenseOperator(a, vectors=True).phis(0.1, 2)
    assert e @ sine == pytest.approx(math.exp(-0.1 * math.pi**2) * sine, abs=1e-12)
    assert p1 @ sine == pytest.approx(-math.expm1(-0.1 * math.pi**2) / (0.1 * math.pi**2) * sine, abs=1e-12)


@pytest.mark.parametrize("problem", [Insulated(), Coupled()], ids=lambda problem: problem.name)
def test_a_step_of_a_linear_equation_is_that_of_the_scheme_with_half_the_products(problem):
    session = run(problem, nodes=16, dt=0.05)[1]
    (start, _, step), *_ = session._course
    assert isinstance(step, ForcedStep)
    whole = ETDRK4.make(session._operator, step.h)
    y = session._start
    found, wanted = (s(session._rest, start, y) for s in (step, whole))
    assert found == pytest.approx(wanted, abs=1e-13)


def exact_functions(z):
    """φ₀ … φ₃ by their definitions, in eighty digits."""
    if z == 0.0:
        return [1.0 / math.factorial(k) for k in range(4)]
    with decimal.localcontext(prec=80):
        z = decimal.Decimal(z)
        found = [z.exp()]
        for k in range(3):
            found.append((found[-1] - 1 / decimal.Decimal(math.factorial(k))) / z)
        return [float(phi) for phi in found]


def test_functions_of_numbers_are_exact_whatever_other_numbers_are_beside_them():
    """A slow mode must not lose digits to a fast one."""
    z = np.array([-1e6, -300.0, -40.0, -3.0, -1.0001, -1.0, -0.6, -0.5, -0.01, -1e-5, 0.0, 1e-3, 0.9, 2.5])
    operator = DiagonalisedOperator([np.diag(z)], np.array([1.0]))
    place = np.argsort(operator.values[0])
    for count in (2, 4):
        found = [phi[0][place] for phi in operator.phis(1.0, count)]
        wanted = list(zip(*map(exact_functions, np.sort(z)), strict=True))[:count]
        for phi, exact in zip(found, wanted, strict=True):
            assert phi == pytest.approx(np.array(exact), rel=1e-13, abs=1e-300)


def test_functions_of_turning_waves_are_exact_beside_those_of_fast_ones():
    """The wave equation around a ring with one slow and one fast wave: e^{hA} turns (u, v/k) by kh."""
    operator = FourierOperator(RingWave(), (401,), Structure.of(RingWave()))
    h, c = 0.01, RingWave().c
    (e, *_), k = operator.phis(h), 2.0 * math.pi * c * np.arange(201)
    assert e[0, 0] == pytest.approx(np.cos(k * h), abs=1e-13)
    assert e[0, 1, :20] == pytest.approx(h * np.sinc(k * h / np.pi)[:20], rel=1e-13)


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


class RingWave(type(REGISTRY.get("wave-1d").create())):
    """The wave equation around a ring: u = sin 2πx cos 2πct, which no node at an end holds fast."""

    name = "ring-wave"

    def condition(self, axis, side):
        return Periodic()

    def exact(self, ops, x, t):
        k, w = 2.0 * math.pi, 2.0 * math.pi * self.c
        return ops.sin(k * x[0]) * ops.cos(w * t), -w * ops.sin(k * x[0]) * ops.sin(w * t)


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


def test_lengths_of_transforms_are_odd_and_factor_into_small_primes():
    assert [odd_length(n) for n in (4, 32, 33, 64, 128, 256, 512)] == [5, 33, 33, 65, 135, 273, 525]


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


def test_only_what_is_needed_is_made_of_a_matrix(monkeypatch):
    """Constant coefficients take no dense matrix, and exact steps no function beyond φ₁ and one product."""
    counts = []
    phis = DiagonalisedOperator.phis
    monkeypatch.setattr(DiagonalisedOperator, "phis", lambda self, h, n=4: counts.append(n) or phis(self, h, n))
    monkeypatch.setattr(DenseOperator, "__init__", None)
    uniform = REGISTRY.get("heat").create({"d": 2}, "uniform")
    assert run(uniform, nodes=22)[0] < 1e-5
    assert set(counts) == {4}
    counts.clear()
    session = run(REGISTRY.get("heat-1d").create(), nodes=16)[1]
    assert set(counts) == {2}
    products = []
    assert all(isinstance(step, ExactStep) for _, _, step in session._course)
    session._course = [
        (t, n, dataclasses.replace(s, whole=lambda y, s=s: products.append(1) or s.whole(y)))
        for t, n, s in session._course
    ]
    session.solve()
    assert len(products) == session.facts()["steps"]


def test_impossible_sizes_are_refused_with_the_remedy():
    with pytest.raises(InputError, match="longer than the whole interval"):
        Spectral(dt=1.0).validate(REGISTRY.get("heat-1d").create())
    with pytest.raises(InputError, match="take nodes ≤ 32"):
        Spectral(nodes=64).validate(Variable(d=2))


def test_a_step_too_long_for_convection_is_a_divergence():
    burgers = REGISTRY.get("burgers-1d").create({"nu": 0.002})
    with pytest.raises(Diverged, match="by step"):
        run(burgers, nodes=256, dt=0.1)
