"""Computed references agree with independent ones."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import problems
from problems.operations import NUMPY
from problems.reference import cole_hopf


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
