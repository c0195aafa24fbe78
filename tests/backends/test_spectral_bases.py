"""Bases of spectral collocation: differentiation, interpolation, nodes that crowd at a front."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from backends.spectra.bases import Basis
from backends.spectra.collocated import odd_length
from backends.spectral import Spectral
from problems import REGISTRY, InputError
from tests.backends.neural_problems import Ring
from tests.backends.spectral_cases import run


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


def test_lengths_of_transforms_are_odd_and_factor_into_small_primes():
    assert [odd_length(n) for n in (4, 32, 33, 64, 128, 256, 512)] == [5, 33, 33, 65, 135, 273, 525]
