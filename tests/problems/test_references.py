"""Computed references agree with independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import odeint, solve_ivp

import problems
from problems.operations import NUMPY
from problems.parameters import InputError
from problems.reaction_diffusion import STEPS
from problems.references.burgers import cole_hopf
from problems.references.reaction_diffusion import NODES, cosine_modes
from problems.references.schroedinger import MODES_PER_UNIT, split_step
from problems.references.trajectories import trajectory


@pytest.mark.parametrize("nu", [0.002, 0.01 / np.pi, 0.1])
@pytest.mark.parametrize("t", [0.1, 0.35, 1.0])
def test_cole_hopf_agrees_with_the_trapezoidal_rule_in_extended_precision(nu: float, t: float) -> None:
    """The trapezoidal rule converges exponentially for an analytic integrand that decays at both ends."""
    x = np.array([-0.83, -0.4, -0.01, 0.003, 0.25, 0.7])
    reach = 14.0 * np.sqrt(4.0 * nu * t) + 1.0
    eta = np.linspace(-reach, reach, 40_001, dtype=np.longdouble)
    y = x.astype(np.longdouble)[:, None] - eta
    pi = np.longdouble("3.14159265358979323846")
    exponent = -np.cos(pi * y) / (2 * pi * np.longdouble(nu)) - eta**2 / (4 * np.longdouble(nu) * np.longdouble(t))
    weight = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    wanted = -(weight * np.sin(pi * y)).sum(axis=1) / weight.sum(axis=1)
    assert np.abs(cole_hopf(x, np.full_like(x, t), nu) - wanted).max() < 1e-12


def test_cole_hopf_is_odd_and_vanishes_at_both_ends() -> None:
    x, t = np.linspace(-1, 1, 41), np.full(41, 0.6)
    u = cole_hopf(x, t, 0.01 / np.pi)
    assert np.abs(u + u[::-1]).max() < 1e-12
    assert abs(u[0]) < 1e-12


def test_steepest_slope_of_the_front_is_that_of_the_literature() -> None:
    """Basdevant et al. 1986: max |∂u/∂x(0, t)| = 152.00516 at πt = 1.6037 for ν = 0.01/π."""
    h = 1e-5
    slopes = []
    for t in np.linspace(1.55, 1.65, 101) / np.pi:
        u = cole_hopf(np.array([-2 * h, -h, h, 2 * h]), np.full(4, t), 0.01 / np.pi)
        slopes.append((u[0] - 8 * u[1] + 8 * u[2] - u[3]) / (12 * h))
    steepest = int(np.argmin(slopes))
    assert -slopes[steepest] == pytest.approx(152.00516, abs=2e-3)
    assert 1.55 + 1e-3 * steepest == pytest.approx(1.6037, abs=1e-3)


@pytest.mark.parametrize("preset", ["s3", "s3-grid", "classical"])
def test_trajectory_of_a_nerve_cell_agrees_with_an_explicit_and_an_implicit_runge_kutta_method(preset: str) -> None:
    problem = problems.REGISTRY.get("fitzhugh-nagumo").create({}, preset)
    points = problem.points()
    found = {}
    for method in ("DOP853", "Radau"):
        result = solve_ivp(
            lambda t, y: problem.rhs(NUMPY, t, y),
            (0.0, problem.T),
            problem.start(),
            method,
            t_eval=points[:, 0],
            rtol=5e-14 if method == "DOP853" else 3e-13,
            atol=1e-14,
        )
        found[method] = result.y.T
    assert np.abs(found["DOP853"] - found["Radau"]).max() < 1e-11
    for states in found.values():
        assert np.abs(problem.reference(points) - states).max() < 1e-11
    assert problem.reference_error() < 1e-13


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_trajectory_stays_at_rounding_at_the_ends_of_its_parameters(sign: float) -> None:
    fast = {"tau": 0.5, "beta": 2.0, "current": sign * 2.0, "y0": -sign * 3.0, "w0": sign * 3.0}
    assert problems.REGISTRY.get("fitzhugh-nagumo").create(fast).reference_error() < 1e-12


def test_picard_iteration_says_when_its_intervals_are_too_long() -> None:
    with pytest.raises(ArithmeticError, match="more than 2 intervals"):
        trajectory(lambda t, y: -100.0 * y, 0.0, 10.0, np.array([1.0]), 2)


def test_picard_iteration_gives_the_exponential_to_rounding() -> None:
    t = np.linspace(0.0, 5.0, 77)
    found = trajectory(lambda t, y: -y, 0.0, 5.0, np.array([2.0]), 10)(t)
    assert np.abs(found[:, 0] - 2.0 * np.exp(-t)).max() < 1e-14


TRUE_EIGENVALUES = [
    (3, 1.957176, -0.229421),
    (6, 2.907599, -0.502032),
    (9, 4.511130, -0.861750),
    (18, 8.967823, -1.652299),
]


@pytest.mark.parametrize(("n", "largest", "smallest"), TRUE_EIGENVALUES)
def test_matrices_are_those_of_the_source(n: int, largest: float, smallest: float) -> None:
    cls = problems.REGISTRY.get("symmetric-eigen")
    for which, wanted in ((1, largest), (-1, smallest)):
        assert cls.create({"which": which}, f"s1-{n}").wanted()[0] == pytest.approx(wanted, abs=5e-7)


def test_all_six_eigenvalues_of_the_source() -> None:
    matrix = problems.REGISTRY.get("symmetric-eigen").create({}, "s1-6").matrix()
    wanted = [-0.502032, -0.404583, 0.182076, 0.343539, 0.420703, 2.907599]
    assert np.linalg.eigvalsh(matrix) == pytest.approx(wanted, abs=5e-7)


@pytest.mark.parametrize("which", [1, -1])
def test_flow_reference_agrees_with_a_runge_kutta_integration(which: int) -> None:
    flow = problems.REGISTRY.get("symmetric-eigen").create({"which": which}, "s1-6").flow()
    times = np.array([0.5, 2.0, 10.0])
    result = solve_ivp(
        lambda t, y: flow.rhs(NUMPY, t, y), (0, 10), flow.start(), "DOP853", t_eval=times, rtol=1e-12, atol=1e-13
    )
    assert np.abs(result.y.T - flow.reference(times[:, None])).max() < 1e-9


def test_horizon_of_the_source_is_too_short_for_the_smallest_eigenvalue() -> None:
    """The source stops at t = 10: for +A the exact flow is then at the eigenvector, for −A it is not."""
    errors = {}
    for which in (1, -1):
        problem = problems.REGISTRY.get("symmetric-eigen").create({"which": which}, "s1-6")
        end = problem.flow().reference(np.array([[10.0]])).T
        errors[which] = problem.measures(end)["eigenvalue_error"]
    assert errors[1] < 1e-11
    assert errors[-1] > 1e-3


def test_sign_and_length_of_an_eigenvector_do_not_count() -> None:
    problem = problems.REGISTRY.get("symmetric-eigen").create({}, "s1-6")
    reference = problem.reference(problem.points())
    assert np.abs(problem.align(-3.0 * reference, reference) - reference).max() < 1e-15
    assert problem.measures(-3.0 * reference)["eigenvalue_error"] < 1e-14


@pytest.mark.parametrize("which", [1, -1])
@pytest.mark.parametrize("n", [3, 6, 9, 18])
def test_flow_has_converged_at_the_horizon_that_the_spectrum_asks_for(n: int, which: int) -> None:
    problem = problems.REGISTRY.get("symmetric-eigen").create({"which": which, "horizon": "converged"}, f"s1-{n}")
    flow = problem.flow()
    state = flow.reference(np.array([[flow.final_time()]]))[0]
    value, vector = problem.wanted()
    along = float(state @ vector)
    assert np.linalg.norm(state - along * vector) <= 1e-5 * abs(along)
    assert problem.measures(state[:, None])["eigenvalue_error"] <= min(1e-8, 1e-9 * abs(value))
    # Not later than needed: the slowest component alone is of the size allowed, shared among n − 1.
    assert np.linalg.norm(state - along * vector) >= 0.99e-5 * abs(along) / np.sqrt(n - 1.0)


@pytest.mark.parametrize("which", [1, -1])
def test_integrator_reaches_the_eigenvalue_at_that_horizon_and_not_at_the_published_one(which: int) -> None:
    """The smallest eigenvalue of order 6 has a neighbour at 0.097: e^{−0.97} is no convergence."""
    errors = {}
    for horizon in ("published", "converged"):
        problem = problems.REGISTRY.get("symmetric-eigen").create({"which": which, "horizon": horizon}, "s1-6")
        flow = problem.flow()
        span = (0.0, flow.final_time())
        result = solve_ivp(
            lambda t, y, flow=flow: flow.rhs(NUMPY, t, y), span, flow.start(), method="LSODA", rtol=1e-9, atol=1e-9
        )
        errors[horizon] = problem.measures(result.y[:, -1:])["eigenvalue_error"]
    assert errors["converged"] < 1e-8
    assert (errors["published"] < 1e-8) == (which == 1)


def test_shift_of_the_matrix_leaves_the_flow_as_it_is() -> None:
    """y' = (yᵀy) (B + sI) y − (yᵀ(B + sI) y) y does not depend on s, so no shift makes it converge sooner."""
    flow = problems.REGISTRY.get("symmetric-eigen").create({"which": -1}, "s1-6").flow()
    generator = np.random.default_rng(3)
    shifted = -problems.REGISTRY.get("symmetric-eigen").create({}, "s1-6").matrix() + 7.5 * np.eye(6)
    for y in generator.normal(size=(10, 6)):
        slope = (y @ y) * (shifted @ y) - (y @ shifted @ y) * y
        assert np.abs(slope - flow.rhs(NUMPY, 0.0, y)).max() < 1e-12 * np.linalg.norm(y) ** 3 * 10


def test_time_beside_a_horizon_that_chooses_its_own_is_refused() -> None:
    with pytest.raises(InputError, match="T = 20 and horizon = converged"):
        problems.REGISTRY.get("symmetric-eigen").create({"T": 20.0, "horizon": "converged"})


def chebyshev_slope(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes on (0, 1) and the matrix of the first derivative (Trefethen 2000, ch. 6)."""
    x = np.cos(np.pi * np.arange(count) / (count - 1))
    c = np.where((np.arange(count) == 0) | (np.arange(count) == count - 1), 2.0, 1.0) * (-1.0) ** np.arange(count)
    slope = np.outer(c, 1.0 / c) / (x[:, None] - x + np.eye(count))
    slope -= np.diag(slope.sum(axis=1))
    return (x + 1.0) / 2.0, 2.0 * slope


def insulated_laplacian(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes on (0, 1) and the matrix of the second derivative with slopes of zero at both ends, which are imposed."""
    x, slope = chebyshev_slope(count)
    inner = slope.copy()
    inner[[0, -1]] = 0.0
    return x, slope @ inner


def test_pair_of_solitons_is_that_of_the_whole_line_where_the_period_is_long() -> None:
    """Satsuma & Yajima 1974 for 2 sech x; what neighbouring periods add is below 4e^{−32}."""
    problem = problems.REGISTRY.get("schroedinger-1d").create({"half_width": 32.0, "T": 0.8})
    points = problem.points()
    x, t = points.T
    height = 4.0 * np.exp(0.5j * t) * (np.cosh(3.0 * x) + 3.0 * np.exp(4j * t) * np.cosh(x))
    wanted = height / (np.cosh(4.0 * x) + 4.0 * np.cosh(2.0 * x) + 3.0 * np.cos(4.0 * t))
    found = problem.reference(points)
    error = np.abs(found[:, 0] + 1j * found[:, 1] - wanted).max()
    assert error < min(1e-11, 2.0 * problem.reference_error())


def test_schroedinger_reference_agrees_with_a_runge_kutta_integration_of_its_modes() -> None:
    problem = problems.REGISTRY.get("schroedinger-1d").create()
    n = 160
    x, wave = -5.0 + 10.0 * np.arange(n) / n, 2.0 * np.pi * np.fft.fftfreq(n, 1.0 / n) / 10.0

    def rhs(t: float, modes: np.ndarray) -> np.ndarray:
        h = np.fft.ifft(np.exp(-0.5j * t * wave**2) * modes)
        return 1j * np.exp(0.5j * t * wave**2) * np.fft.fft(np.abs(h) ** 2 * h)

    u, v = problem.initial(NUMPY, [x])
    times = problem.times()
    result = solve_ivp(rhs, (0, times[-1]), np.fft.fft(u + 1j * v), "DOP853", t_eval=times, rtol=1e-10, atol=1e-10)
    for t, modes in zip(times, result.y.T, strict=True):
        h = np.fft.ifft(np.exp(-0.5j * t * wave**2) * modes)
        found = problem.reference(np.column_stack([x, np.full(n, t)]))
        assert np.abs(found - np.column_stack([h.real, h.imag])).max() < 1e-7


@pytest.mark.parametrize("preset", ["d-1e-3", "d-1e-4"])
def test_allen_cahn_reference_agrees_with_extrapolated_differences_on_half_of_the_interval(preset: str) -> None:
    """The solution is even about 0 and about 1, so that the kink lies at an end of the grid, and the error is even."""
    problem = problems.REGISTRY.get("allen-cahn-1d").create({}, preset)
    times = problem.times()

    def differences(cells: int) -> np.ndarray:
        x = np.arange(cells + 1.0) / cells

        def rhs(t: float, u: np.ndarray) -> np.ndarray:
            around = np.concatenate([u[1:2], u, u[-2:-1]])
            return problem.d * cells**2 * np.diff(around, 2) + 5.0 * (u - u**3)

        start = problem.initial(NUMPY, [x])[0]
        states = odeint(rhs, start, [0.0, *times], tfirst=True, rtol=1e-10, atol=1e-10, ml=1, mu=1, mxstep=100_000)
        return np.asarray(states[1:, :: cells // 500])

    wanted = (4.0 * differences(4000) - differences(2000)) / 3.0
    x = np.arange(501.0) / 500.0
    points = np.column_stack([np.tile(x, len(times)), np.repeat(times, len(x))])
    assert np.abs(problem.reference(points)[:, 0] - wanted.ravel()).max() < 1e-8


@pytest.mark.parametrize("d", [1, 2])
def test_reaction_diffusion_reference_agrees_with_collocation_and_an_implicit_method(d: int) -> None:
    problem = problems.REGISTRY.get("reaction-diffusion").create({"d": d, "T": 0.6})
    x, laplacian = insulated_laplacian(14 if d == 1 else 13)
    axes = [x.reshape([-1 if a == b else 1 for b in range(d)]) for a in range(d)]
    shape = (2, *(len(x),) * d)

    def rhs(t: float, y: np.ndarray) -> np.ndarray:
        u = y.reshape(shape)
        total = np.stack([np.broadcast_to(s, shape[1:]) for s in problem.source(NUMPY, axes, t, u)])
        for a in range(d):
            bent = np.moveaxis(np.tensordot(laplacian, u, axes=(1, a + 1)), 0, a + 1)
            total = total + np.array([1.0, 10.0]).reshape(2, *(1,) * d) * bent
        return total.ravel()

    start = np.stack([np.broadcast_to(s, shape[1:]) for s in problem.initial(NUMPY, axes)]).ravel()
    times = problem.times()
    result = solve_ivp(rhs, (0, times[-1]), start, "LSODA", t_eval=times, rtol=1e-9, atol=1e-9)
    places = np.stack([np.broadcast_to(axis, shape[1:]).ravel() for axis in axes], axis=1)
    for t, y in zip(times, result.y.T, strict=True):
        found = problem.reference(np.column_stack([places, np.full(len(places), t)]))
        assert np.abs(found.T.ravel() - y).max() < 1e-6


def test_reference_of_a_reaction_says_what_its_modes_leave_out() -> None:
    """Where both diffuse alike and the reaction is fast, many modes are alive: twice as many as are kept agree."""
    fast = {"gamma": 100.0, "ratio": 1.0, "a": 0.0, "amplitude": 0.5, "T": 1.0}
    problem = problems.REGISTRY.get("reaction-diffusion").create(fast)
    points, dt = problem.points(), 1.0 / (STEPS * problem.gamma)
    found = problem.reference(points)
    left_out = np.abs(cosine_modes(problem, points, (1.0, 1.0), dt, 2 * NODES) - found).max()
    assert left_out < problem.reference_error() < 1e-6
    few = np.abs(cosine_modes(problem, points, (1.0, 1.0), dt, NODES // 2) - found).max()
    assert left_out < 1e-10 < 1e-8 < few


@pytest.mark.parametrize("half_width", [4.0, 5.0])
def test_reference_of_solitons_says_what_its_modes_leave_out(half_width: float) -> None:
    problem = problems.REGISTRY.get("schroedinger-1d").create({"half_width": half_width})
    points = problem.points()
    more = split_step(problem, points, modes_per_unit=1.25 * MODES_PER_UNIT)
    assert np.abs(more - problem.reference(points)).max() < 3.0 * problem.reference_error() < 1e-10


@pytest.mark.parametrize("preset", ["d-orbital", "harmonic"])
def test_states_are_cut_where_no_solver_sees_it_and_not_much_farther_out(preset: str) -> None:
    problem = problems.REGISTRY.get("schroedinger-radial").create({}, preset)
    assert problem.reference_error() < 1e-15
    end = problem.domain().upper[0]
    assert np.abs(problem.reference(np.array([[0.9 * end]]))).max() > 1e-15


def test_every_kernel_says_how_its_own_solution_is_known() -> None:
    for kernel in ("separable", "algebraic", "logarithmic"):
        assert problems.REGISTRY.get("fredholm").create({"kernel": kernel}).reference_method() == "exact"
    assert "Nyström" in problems.REGISTRY.get("fredholm").create({"kernel": "love"}).reference_method()
