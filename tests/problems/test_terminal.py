"""Terminal-value problems: references against independent methods, and declarations against their own equation."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy.linalg import solve_banded

import problems
from backends.operations import jax_operations, torch_operations
from problems.families.terminal import TerminalValueProblem
from problems.operations import NUMPY
from tests.builtin import problem_classes

TERMINAL = [cls for cls in problem_classes() if issubclass(cls, TerminalValueProblem)]
CASES = [cls.create({"d": d}) for cls in TERMINAL for d in (1, 3, 100)]
ROUNDING = 2e-12
"""What the tolerances of the steps in time leave of a reference, whatever its nodes."""


def made(name: str, **parameters: Any) -> Any:
    return problems.REGISTRY.get(name).create(parameters)


def value(problem: TerminalValueProblem) -> float:
    return float(problem.reference(problem.points())[0, 0])


def mean_over_chi_square(d: int, function: Any) -> float:
    """E[function(s)] for the sum s of d squared normal numbers, by the trapezoidal rule in ln s, which is geometric."""
    y = np.linspace(-60.0 / d - 12.0, 4.0, 20_001) + math.log(d)
    weight = np.exp(0.5 * d * (y - math.log(d)) - 0.5 * (np.exp(y) - d))
    return float((function(np.exp(y)) * weight).sum() / weight.sum())


@pytest.mark.parametrize(
    ("d", "strength", "T", "cap"),
    [
        *((d, strength, 1.0, 1e-8) for d in (1, 2, 10, 100, 1000) for strength in (1.0, 5.0)),
        (2, 1.0, 10.0, 1e-6),
        (100, 20.0, 10.0, 1e-6),
    ],
)
def test_controlled_cost_is_the_logarithm_of_a_mean_over_one_random_number(
    d: int, strength: float, T: float, cap: float
) -> None:
    """The reference says itself how wrong it is, also where it can no longer resolve the solution."""
    problem = made("hjb-lq", d=d, strength=strength, T=T)
    mean = mean_over_chi_square(d, lambda s: (0.5 * (1.0 + 2.0 * T * s)) ** -strength)
    apart = abs(value(problem) + math.log(mean) / strength)
    assert max(problem.reference_error(), apart) < cap
    assert apart < 3.0 * problem.reference_error() + ROUNDING


def test_references_of_the_literature_come_out_to_ten_digits() -> None:
    assert value(made("hjb-lq", d=100)) == pytest.approx(4.5901617246, abs=6e-11)
    assert value(made("allen-cahn-nd", d=100)) == pytest.approx(0.0527813574, abs=6e-11)


def by_finite_differences(d: int, final_time: float, cells: int, steps: int) -> float:
    """u(0, 0) of Allen & Cahn by central differences in the radius and Crank–Nicolson steps, of order 2."""
    far = math.sqrt(2.0 * final_time) * (math.sqrt(d) + 8.0)
    r, h = np.linspace(0.0, far, cells + 1, retstep=True)
    dt = final_time / steps
    # Δu = u'' + (d − 1)/r u' is d u'' in the middle; at the far end, which is too far to matter, u' = 0.
    up, down, middle = np.full_like(r, 1.0 / h**2), np.full_like(r, 1.0 / h**2), np.full_like(r, -2.0 / h**2)
    up[1:] += (d - 1) / (2.0 * h * r[1:])
    down[1:] -= (d - 1) / (2.0 * h * r[1:])
    up[0], middle[0] = 2.0 * d / h**2, -2.0 * d / h**2
    up[-1], down[-1] = 0.0, 2.0 / h**2

    def rate(u: np.ndarray) -> np.ndarray:
        out = middle * u + u - u**3
        out[:-1] += up[:-1] * u[1:]
        out[1:] += down[1:] * u[:-1]
        return out

    u = 1.0 / (2.0 + 0.4 * r**2)
    bands = np.zeros((3, cells + 1))
    bands[0, 1:], bands[2, :-1] = -0.5 * dt * up[:-1], -0.5 * dt * down[1:]
    for _ in range(steps):
        known = u + 0.5 * dt * rate(u)
        for _ in range(2):
            bands[1] = 1.0 - 0.5 * dt * (middle + 1.0 - 3.0 * u**2)
            u = u - solve_banded((1, 1), bands, u - 0.5 * dt * rate(u) - known)
    return float(u[0])


@pytest.mark.parametrize("d", [1, 2, 10, 100, 1000])
def test_hill_flattens_as_finite_differences_in_the_radius_say(d: int) -> None:
    problem = made("allen-cahn-nd", d=d)
    coarse, middle, fine = (by_finite_differences(d, problem.T, (400 + 4 * d) * k, 80 * k) for k in (1, 2, 4))
    assert math.log2((coarse - middle) / (middle - fine)) == pytest.approx(2.0, abs=0.05)
    once = [(4.0 * b - a) / 3.0 for a, b in ((coarse, middle), (middle, fine))]
    twice = (16.0 * once[1] - once[0]) / 15.0
    assert abs(once[1] - twice) < 1e-8
    assert abs(value(problem) - twice) < 1e-8
    assert problem.reference_error() < 1e-11


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"d": 1},
        {"d": 1000, "T": 3.0},
        {"d": 3, "strike": 150.0, "rate": 0.1, "sigma": 0.4},
        {"d": 20, "strike": 80.0, "rate": -0.01},
        {"d": 50, "strike": 130.0},
    ],
    ids=str,
)
def test_price_of_a_basket_is_the_discounted_mean_of_what_it_pays(parameters: dict[str, Any]) -> None:
    """Every price ends at 100 exp((r − σ²/2) T + σ W), and the mean of d such W is normal with the variance T/d."""
    problem = made("black-scholes-nd", **parameters)
    r, sigma, T = problem.rate, problem.sigma, problem.T
    deviation, middle = sigma * math.sqrt(T / problem.d), (r - 0.5 * sigma**2) * T
    kink = (math.log(problem.strike / 100.0) - middle) / deviation
    nodes, weights = np.polynomial.legendre.leggauss(200)
    width = max(12.0 - kink, 6.0)
    z = kink + 0.5 * width * (1.0 + nodes)
    paid = 100.0 * np.exp(middle + deviation * z) - problem.strike
    mean = float((weights * paid * np.exp(-0.5 * z**2)).sum() * 0.5 * width / math.sqrt(2.0 * math.pi))
    assert value(problem) == pytest.approx(math.exp(-r * T) * mean, rel=1e-11)


def test_basket_is_neither_worthless_nor_certain_by_default() -> None:
    """At r = σ²/2 and K = S₀ it pays with probability ½, and 100 σ √(T/(2πd)) e^{−rT} or a little more is its price."""
    for d in (1, 10, 100, 1000):
        least = 100.0 * 0.2 * math.exp(-0.02) / math.sqrt(2.0 * math.pi * d)
        assert least < value(made("black-scholes-nd", d=d)) < (1.0 + 0.15 / math.sqrt(d)) * least


@pytest.mark.parametrize("problem", CASES, ids=lambda problem: f"{problem.name}-{problem.d}")
def test_terminal_value_problem_reads_the_same_in_every_framework(problem: TerminalValueProblem) -> None:
    generator = np.random.default_rng(0)
    x, slope = (problem.start()[:, None] + generator.standard_normal((problem.d, 7)) for _ in range(2))
    t, u = generator.uniform(0.0, problem.T, 7), generator.standard_normal(7)
    for ops, array in ((torch_operations(), torch.as_tensor), (jax_operations(), jnp.asarray)):
        wanted, found = (problem.terminal(o, a(x)) for o, a in ((NUMPY, np.asarray), (ops, array)))
        assert wanted.shape == (7,)
        assert np.asarray(found) == pytest.approx(wanted, rel=1e-13)
        wanted, found = (
            problem.driver(o, *(a(v) for v in (t, x, u, slope))) for o, a in ((NUMPY, np.asarray), (ops, array))
        )
        assert np.asarray(found) == pytest.approx(wanted, rel=1e-13)


TRANSFORMED = [cls for cls in TERMINAL if cls().expectation() is not None]


def sheet(cls: Any, final_time: float, x: np.ndarray) -> float:
    """u(0, x) by `expectation`, its mean taken by a fixed trapezoidal rule: each Gaussian in it conducts heat."""
    problem = cls.create({"d": len(x), "T": final_time})
    spread = problem.volatility() * math.sqrt(final_time)
    axis = problem.volatility() * np.linspace(-12.0, 12.0, 481)
    y = np.stack(np.meshgrid(*[axis] * len(x), indexing="ij"))
    away = y - x.reshape(-1, *[1] * len(x))
    weight = np.exp(-0.5 * (away**2).sum(0) / spread**2) / (math.sqrt(2.0 * math.pi) * spread) ** len(x)
    expectation = problem.expectation()
    return expectation.back(float((expectation.of(NUMPY, y) * weight).sum() * (axis[1] - axis[0]) ** len(x)))


@pytest.mark.parametrize("cls", TRANSFORMED, ids=lambda cls: cls.name)
@pytest.mark.parametrize("d", [1, 2])
def test_transformed_mean_solves_the_equation(cls: Any, d: int) -> None:
    """uₜ + ½σ²Δu + f = 0 by differences of order 4, where u(t, x) is u(0, x) with T − t for T."""
    problem = cls.create({"d": d})
    sigma, T = problem.volatility(), problem.T
    place = sigma * np.array([0.3, -0.2])[:d]

    def along(direction: Any, step: float) -> list[float]:
        return [direction(k * step) for k in (-2, -1, 0, 1, 2)]

    first, second = np.array([1, -8, 0, 8, -1]) / 12.0, np.array([-1, 16, -30, 16, -1]) / 12.0
    dt, h = 0.02 * T, 0.04 * sigma
    rate = -float(first @ along(lambda s: sheet(cls, T + s, place), dt)) / dt
    lines = [along(lambda s, e=e: sheet(cls, T, place + s * e), h) for e in np.eye(d)]
    slope = np.array([first @ line for line in lines]) / h
    bend = sum(float(second @ line) for line in lines) / h**2
    driver = float(problem.driver(NUMPY, 0.0, place, np.array(sheet(cls, T, place)), slope))
    parts = np.array([rate, 0.5 * sigma**2 * bend, driver])
    assert abs(parts.sum()) < 2e-5 * np.abs(parts).max()


@pytest.mark.parametrize("cls", TRANSFORMED, ids=lambda cls: cls.name)
def test_transformation_is_undone_at_the_final_time(cls: Any) -> None:
    problem = cls.create({"d": 4, "T": 1e-15})
    x = problem.start() + 0.1 * np.arange(1.0, 5.0)
    expectation = problem.expectation()
    back = expectation.back(float(expectation.of(NUMPY, x)))
    assert back == pytest.approx(float(problem.terminal(NUMPY, x)), rel=1e-13)
