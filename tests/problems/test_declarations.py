"""What single declarations promise: where they are judged, which parameters they refuse, how they behave."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import problems
from problems.base import scattered_points
from problems.operations import NUMPY


def test_harmonic_polynomial_needs_pairs_of_axes() -> None:
    poisson = problems.REGISTRY.get("poisson")
    with pytest.raises(problems.InputError, match="'d' is 3, and solution = harmonic pairs the axes; give an even"):
        poisson.create({"d": 3, "solution": "harmonic"})
    problem = poisson.create({"d": 100, "solution": "harmonic"})
    assert problem.source(NUMPY, [np.zeros(1)] * 100, 0.0, [np.zeros(1)]) is None
    assert problem.reference(np.ones((1, 100)))[0, 0] == 50.0


def test_slanted_temperature_does_not_close_on_itself() -> None:
    with pytest.raises(problems.InputError, match="'walls' is periodic, and solution = slanted differs"):
        problems.REGISTRY.get("heat").create({"solution": "slanted", "walls": "periodic"})


@pytest.mark.parametrize("d", [2, 4, 10])
def test_slanted_temperature_is_no_product_of_functions_of_one_coordinate(d: int) -> None:
    """The rank of u between the first coordinate and the others grows with the digits asked for; a product has 1."""
    heat = problems.REGISTRY.get("heat")
    ranks = {}
    for solution in ("product", "slanted"):
        problem = heat.create({"d": d, "solution": solution, "walls": "dirichlet"})
        points = np.random.default_rng(3).random((20, d))
        rows = np.array([[[a[0], *b[1:], 0.1] for b in points] for a in points])
        values = problem.reference(rows.reshape(-1, d + 1)).reshape(20, 20)
        sizes = np.linalg.svd(values, compute_uv=False)
        ranks[solution] = int((sizes > 1e-10 * sizes[0]).sum())
    assert ranks["product"] == 1
    assert ranks["slanted"] >= 5


def test_more_dimensions_are_judged_at_more_places_and_few_at_those_of_before() -> None:
    heat, poisson = problems.REGISTRY.get("heat"), problems.REGISTRY.get("poisson")
    assert [len(heat.create({"d": d}).places()) for d in (1, 2, 3, 4, 10, 100)] == [400, 400, 400, 400, 1000, 10_000]
    assert [len(poisson.create({"d": d}).points()) for d in (1, 10, 100)] == [1000, 10_000, 100_000]


def test_charge_of_an_oscillator_is_refused() -> None:
    with pytest.raises(problems.InputError, match="Z = 2 is given"):
        problems.REGISTRY.get("schroedinger-radial").create({"Z": 2.0}, "harmonic")


def test_decay_is_judged_for_as_long_again() -> None:
    """S2 shifts its five units of time by five."""
    decay = problems.REGISTRY.get("decay").create({}, "s2")
    (points,) = decay.further_points().values()
    assert points.shape == (200, 1)
    assert 5.0 < points.min() <= 5.025
    assert points.max() == 10.0
    assert decay.reference(points)[-1, 0] == pytest.approx(math.exp(-10.0), rel=1e-14)


def test_scattered_points_fill_the_box_evenly() -> None:
    points = scattered_points(4000, (0.0, 0.0), (1.0, 1.0))
    counts, _, _ = np.histogram2d(points[:, 0], points[:, 1], bins=10, range=[[0, 1], [0, 1]])
    assert counts.min() >= 35
    assert counts.max() <= 45
    # A mean over them is an integral: ∫∫ xy = 1/4, far better than the 1/√n of random points.
    assert abs((points[:, 0] * points[:, 1]).mean() - 0.25) < 2e-3


def test_published_levels_of_the_heat_equation_include_boundaries_and_both_ends() -> None:
    problem = problems.REGISTRY.get("heat-1d").create({}, "s1-coarse")
    points = problem.points()
    assert len(points) == 11 * 101
    assert {0.0, 1.0} <= set(points[:, 0])
    assert points[0, 1] == 0.0
    assert points[-1, 1] == pytest.approx(0.5, abs=1e-12)


def test_grid_of_the_primer_has_forty_nodes_in_space_and_time_with_both_ends_of_each() -> None:
    """S3 judges heat on 40 × 40 nodes, t = 0 included, decay at 25, a nerve cell and an integral equation at 50."""
    points = problems.REGISTRY.get("heat-1d").create({}, "s3-grid").points()
    assert points.shape == (40 * 40, 2)
    assert {(x, t) for x in (0.0, math.pi) for t in (0.0, 3.0)} <= set(map(tuple, points))
    for column, length in zip(points.T, (math.pi, 3.0), strict=True):
        assert np.diff(np.unique(column)) == pytest.approx(np.full(39, length / 39.0))
    assert problems.REGISTRY.get("decay").create({}, "s3-grid").points()[:, 0] == pytest.approx(
        np.arange(25) / 24.0, abs=1e-15
    )
    assert problems.REGISTRY.get("fredholm").create({}, "s3-grid").points()[:, 0] == pytest.approx(
        np.arange(50) / 49.0 * math.pi / 2.0, abs=1e-15
    )
    assert problems.REGISTRY.get("fitzhugh-nagumo").create({}, "s3-grid").points()[:, 0] == pytest.approx(
        30.0 * np.arange(50) / 49.0, rel=1e-14
    )


@pytest.mark.parametrize(
    ("name", "parameters", "sentence"),
    [
        ("heat-1d", {"nodes": 1}, "nodes' is 1"),
        ("decay", {"nodes": 1}, "nodes' is 1"),
        ("fitzhugh-nagumo", {"nodes": 1}, "nodes' is 1"),
        ("heat-1d", {"nodes": 5, "level_spacing": 0.1}, "nodes = 5 and level_spacing = 0.1 are both given"),
        ("fredholm", {"nodes": 1}, "nodes' is 1"),
        ("fredholm", {"alpha": 0.3}, "'alpha' is 0.3, and kernel = separable has none"),
        ("fredholm", {"kernel": "algebraic", "distance": 0.3}, "'distance' is 0.3, and kernel = algebraic"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(name: str, parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(problems.InputError, match=sentence):
        problems.REGISTRY.get(name).create(parameters)


def test_wave_number_at_which_the_square_resonates_is_refused() -> None:
    """(−1, 1)² has the eigenvalues (m² + n²) π²/4."""
    helmholtz = problems.REGISTRY.get("helmholtz-2d")
    for m, n in ((1, 1), (2, 1), (3, 5)):
        with pytest.raises(problems.InputError, match="resonates"):
            helmholtz.create({"k": math.pi / 2.0 * math.hypot(m, n)})
    assert helmholtz.create({"k": math.pi / 2.0 * math.sqrt(3.0)}).k > 0  # 3 is no sum of two squares


def test_boundary_layer_does_not_overflow_at_any_peclet_number() -> None:
    points = np.array([[0.0], [0.5], [1.0 - 1e-5], [1.0]])
    layer = problems.REGISTRY.get("advection-diffusion").create({"peclet": 1e5}, "steady")
    with np.errstate(over="raise", invalid="raise"):
        values = layer.reference(points)[:, 0]
    assert values == pytest.approx([0.0, 0.0, math.exp(-1.0), 1.0], rel=1e-9, abs=1e-300)
