"""Exponential steps: functions of matrices keep their digits, and nothing is made of a matrix that is not needed."""

from __future__ import annotations

import dataclasses
import decimal
import math

import numpy as np
import pytest
import scipy.linalg

from backends.spectra.bases import Basis
from backends.spectra.exponential import ETDRK4, DenseOperator, DiagonalisedOperator, ExactStep, ForcedStep
from backends.spectra.fourier import FourierOperator
from backends.structure import Structure
from problems import REGISTRY
from tests.backends.spectral_cases import RingWave, run
from tests.plugins.grids import Coupled, Insulated


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
