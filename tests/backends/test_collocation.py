"""Kinds of collocation points: where they lie, how evenly, and what renewing them does."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.polynomial import chebyshev as series
from scipy.stats import kstest, norm, qmc

from backends.neural.collocation import (
    Adaptive,
    Concentrated,
    LatinHypercube,
    Normal,
    Points,
    Scattered,
    Sobol,
    Uniform,
)
from backends.neural.pointsets import matching
from backends.neural.sampling import points_generator, residual_densities, sobol, weighted_choice
from backends.neural.tensor_points import Chebyshev, Grid, JitteredGrid
from problems.parameters import InputError, Parameterised, build, flatten, parameter

LOWER, UPPER = np.array([-1.0, 2.0, 0.0]), np.array([1.0, 2.5, 3.0])
FACE = np.array([1.0, 2.0, 0.0]), UPPER
START = LOWER, np.array([1.0, 2.5, 0.0])
CORNER = LOWER, LOWER
EVERY_KIND = [
    *(Grid(counts=(5,)), JitteredGrid(counts=(5,), deviation=1e-9), Chebyshev(counts=(5,))),
    *(Chebyshev(counts=(5, 4, 3), ends=True), Uniform(batch=40), Scattered(count=100), Sobol(count=100)),
    *(LatinHypercube(count=100), Adaptive(count=100, pool=400), Concentrated(count=100, axis=1, centre=2.1)),
    *(Normal(count=100, width=0.2), Normal(count=100, width=1e-9, fresh=True)),
]
SEEDED = [
    *(Sobol(count=100, every=10), LatinHypercube(count=100, every=10), Adaptive(count=100, pool=400, every=10)),
    *(Concentrated(count=100, axis=1, centre=2.1, every=10), Normal(count=100, width=0.2, every=10)),
]


@pytest.mark.parametrize("region", [(LOWER, UPPER), FACE, START, CORNER], ids=["inside", "face", "start", "corner"])
@pytest.mark.parametrize("points", EVERY_KIND, ids=lambda points: points.kind)
def test_points_lie_in_their_region_however_flat(points, region):
    points.check(LOWER, UPPER)
    lower, upper = region
    first = points.within(lower, upper, 3).drawn(np.random.default_rng(0))
    later = points.renewed(lower, upper, np.random.default_rng(0), None)
    assert first.shape == later.shape
    assert first.shape[1] == 3
    for sample in (first, later):
        assert (sample >= lower - 1e-7).all()
        assert (sample <= upper + 1e-7).all()
        assert (sample[:, lower == upper] == lower[lower == upper]).all()


@pytest.mark.parametrize("points", EVERY_KIND, ids=lambda points: points.kind)
def test_the_number_of_points_does_not_depend_on_the_seed(points):
    for lower, upper in ((LOWER, UPPER), FACE, START, CORNER):
        assert len({len(points.within(lower, upper, seed)) for seed in range(3)}) == 1


@pytest.mark.parametrize("points", SEEDED, ids=lambda points: points.kind)
def test_conditions_are_as_dense_as_the_inside(points):
    assert len(points.within(LOWER, UPPER)) == 100
    assert len(points.within(*FACE)) == 22  # 100^(2/3) = 21.5…
    assert len(points.within(*CORNER)) == 1


def test_exact_roots_are_not_rounded_up():
    assert 3125**0.2 > 5.0
    assert matching(3125, np.zeros(5), np.array([1.0, 0.0, 0.0, 0.0, 0.0])) == 5


@pytest.mark.parametrize("points", SEEDED, ids=lambda points: points.kind)
def test_the_seed_alone_decides_the_first_points(points):
    first, again, other = (points.within(LOWER, UPPER, seed).base for seed in (4, 4, 5))
    assert (first == again).all()
    assert abs(first - other).max() > 0.01


@pytest.mark.parametrize("points", SEEDED, ids=lambda points: points.kind)
def test_renewed_points_are_as_many_and_new_each_time(points):
    generator = points_generator(4)
    sets = [points.within(LOWER, UPPER, 4).base]
    sets += [points.renewed(LOWER, UPPER, generator, lambda at: at[:, 0]) for _ in range(2)]
    assert {one.shape for one in sets} == {(100, 3)}
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert not set(sets[a][:, 2]) & set(sets[b][:, 2])


@pytest.mark.parametrize("points", EVERY_KIND, ids=lambda points: points.kind)
def test_only_kinds_that_are_renewed_say_so(points):
    assert points.every == (1000 if isinstance(points, Adaptive) else 0)
    assert points.pool == (400 if isinstance(points, Adaptive) else 0)


def test_points_and_initial_weights_have_streams_of_their_own():
    first = [
        np.random.default_rng(7).random(),
        *(points_generator(7, *place).random() for place in ((), (0.0,), (0.0, 0.0), (1.0,))),
    ]
    assert len(set(first)) == 5
    assert points_generator(7, -0.0).random() == points_generator(7, 0.0).random()


@pytest.mark.parametrize(("kind", "cdf"), [(Uniform(batch=4000), "uniform"), (JitteredGrid(counts=(2000,)), "norm")])
def test_points_drawn_on_the_host_are_distributed_as_described(kind, cdf):
    described = kind.within(np.zeros(1), np.ones(1))
    points = described.drawn(np.random.default_rng(1))
    offsets = (points - described.base) / described.span
    assert kstest(offsets[:, 0], cdf).pvalue > 0.01
    assert (points != described.drawn(np.random.default_rng(2))).all()


@pytest.mark.parametrize("count", [256, 300])
def test_a_sobol_set_is_more_even_than_independent_points(count):
    discrepancies = [
        (
            qmc.discrepancy(Sobol(count=count).within(np.zeros(2), np.ones(2), seed).base),
            qmc.discrepancy(Uniform(batch=count).within(np.zeros(2), np.ones(2)).drawn(np.random.default_rng(seed))),
        )
        for seed in range(5)
    ]
    even, independent = np.array(discrepancies).T
    assert even.max() < 0.2 * independent.min()


def test_a_sobol_set_of_any_size_is_made_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [len(Sobol(count=n).within(np.zeros(2), np.ones(2))) for n in (1, 2, 3, 37)] == [1, 2, 3, 37]


def test_a_sobol_set_of_a_power_of_two_has_one_point_in_each_dyadic_stratum():
    for column in Sobol(count=64).within(np.zeros(3), np.ones(3), 2).base.T:
        assert sorted(np.floor(64 * column)) == list(range(64))


def test_a_latin_hypercube_has_one_point_per_stratum_and_coordinate():
    points = LatinHypercube(count=50).within(LOWER, UPPER, 1).base
    for column in ((points - LOWER) / (UPPER - LOWER)).T:
        assert sorted(np.floor(50 * column)) == list(range(50))


@pytest.mark.parametrize("count", [1, 2, 7, 24])
def test_chebyshev_points_are_the_roots_of_their_polynomial(count):
    points = Chebyshev(counts=(count,)).within(np.array([-1.0]), np.array([1.0])).base[:, 0]
    assert points == pytest.approx(series.chebpts1(count), abs=1e-14)
    assert abs(series.chebval(points, [0.0] * count + [1.0])).max() < 1e-12


@pytest.mark.parametrize("count", [2, 7, 24])
def test_chebyshev_points_with_ends_are_the_extrema(count):
    points = Chebyshev(counts=(count,), ends=True).within(np.array([-1.0]), np.array([1.0])).base[:, 0]
    assert points == pytest.approx(series.chebpts2(count), abs=1e-14)
    assert (points[0], points[-1]) == (-1.0, 1.0)


def test_chebyshev_counts_are_per_coordinate():
    points = Chebyshev(counts=(4, 3, 2)).within(LOWER, UPPER).base
    assert [len(np.unique(column)) for column in points.T] == [4, 3, 2]
    assert len(points) == 24


def peak(points):
    return 1.0 * (abs(points[:, 0]) < 0.1)


@pytest.mark.parametrize(("power", "offset", "kept"), [(1.0, 1.0, 0.0), (2.0, 0.0, 0.5), (1.0, 0.25, 0.25)])
def test_adaptive_points_gather_at_the_residual_as_the_density_says(power, offset, kept):
    """A tenth of the square has residual 1: density 10 + c there and c elsewhere, hence the share (10 + c)/(10 + 10 c).

    The pool is so large that drawing without replacement changes that share by less than the tolerance.
    """
    points = Adaptive(count=4000, pool=2**17, power=power, offset=offset, kept=kept)
    sample = points.renewed(-np.ones(2), np.ones(2), np.random.default_rng(0), lambda at: 7.0 * peak(at))
    expected = kept * 0.1 + (1.0 - kept) * (10.0 + offset) / (10.0 + 10.0 * offset)
    assert peak(sample).mean() == pytest.approx(expected, abs=0.03)
    assert len(np.unique(sample, axis=0)) == 4000


def test_adaptive_points_look_at_the_residual_once_at_the_whole_pool():
    calls = []

    def residual_at(points):
        calls.append(points.shape)
        return np.zeros(len(points))

    points = Adaptive(count=64, pool=300)
    assert points.renewed(LOWER, UPPER, np.random.default_rng(0), residual_at).shape == (64, 3)
    assert calls == [(points.pool, 3)]


@pytest.mark.parametrize("residual", [0.0, math.nan, math.inf, 1e308, 1e-320])
def test_a_residual_that_says_nothing_gives_an_even_density(residual):
    assert np.ptp(residual_densities(np.full(5, residual), 3.0, 1.0)) == 0.0


def test_densities_are_those_of_the_formula():
    residuals = np.array([0.5, -1.0, 2.0])
    assert residual_densities(residuals, 2.0, 0.3) == pytest.approx(np.array([0.25, 1.0, 4.0]) / 1.75 + 0.3)


def test_rows_are_chosen_in_proportion_to_their_density():
    """Without replacement, the pair {i, j} has the probability pᵢ pⱼ (1/(1 − pᵢ) + 1/(1 − pⱼ))."""
    p, rounds = np.array([0.5, 0.3, 0.2]), 20_000
    generator = np.random.default_rng(0)
    left_out = [3 - weighted_choice(10.0 * p, 2, generator).sum() for _ in range(rounds)]
    for k, (i, j) in enumerate([(1, 2), (0, 2), (0, 1)]):
        chance = p[i] * p[j] * (1.0 / (1.0 - p[i]) + 1.0 / (1.0 - p[j]))
        assert left_out.count(k) / rounds == pytest.approx(chance, abs=0.015)


def test_rows_of_no_density_come_last():
    chosen = weighted_choice(np.array([0.0, 1.0, 0.0, 1e-9, 0.0]), 3, np.random.default_rng(0))
    assert {1, 3} < set(chosen)


PROFILES = {
    # Shares within one and two widths of the centre, where nothing is cut off.
    "normal": (norm.cdf(1.0) - norm.cdf(-1.0), norm.cdf(2.0) - norm.cdf(-2.0)),
    "cauchy": (0.5, 2.0 * math.atan(2.0) / math.pi),
    "triangular": (1.0, 1.0),
}


@pytest.mark.parametrize("profile", PROFILES)
def test_concentrated_points_have_their_share_and_profile(profile):
    """In the profile's own unit, and beside the evenly spread points, of which as many are there as width allows."""
    lower, upper, width = np.array([0.0, 10.0]), np.array([1.0, 30.0]), 0.01
    points = Concentrated(count=2**14, axis=1, centre=22.0, width=width, share=0.75, profile=profile)
    distance = abs(points.within(lower, upper, 1).base[:, 1] - 22.0) / 20.0
    # The tails of a Cauchy profile that are cut off at the ends: 0.6 and 0.4 of the extent away.
    inside = (math.atan(60.0) + math.atan(40.0)) / math.pi if profile == "cauchy" else 1.0
    for widths, within in enumerate(PROFILES[profile], 1):
        expected = 0.75 * within / inside + 0.25 * 2.0 * widths * width
        assert (distance < widths * width).mean() == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("centre", [0.0, 1.0])
def test_a_plane_at_the_end_of_the_region_keeps_its_share_inside(profile, centre):
    points = Concentrated(count=2**12, centre=centre, width=0.05, share=1.0, profile=profile)
    distance = abs(points.within(np.zeros(2), np.ones(2)).base[:, 0] - centre)
    one, _ = PROFILES[profile]
    inside = 2.0 * math.atan(20.0) / math.pi if profile == "cauchy" else 1.0
    assert (distance < 0.05).mean() == pytest.approx(one / inside, abs=2e-3)
    assert (distance <= 1.0).all()


def test_faces_that_the_plane_crosses_are_concentrated_and_others_are_even():
    points = Concentrated(count=2**12, axis=1, centre=0.5, width=0.01, share=0.5)
    crossed = points.within(np.zeros(2), np.array([0.0, 1.0])).base
    apart = points.within(np.zeros(2), np.array([1.0, 0.0])).base
    assert (abs(crossed[:, 1] - 0.5) < 0.04).mean() == pytest.approx(0.5 + 0.5 * 0.08, abs=0.04)
    assert kstest(apart[:, 0], "uniform").pvalue > 0.5


def test_one_generator_gives_another_sobol_set_each_time():
    generator = np.random.default_rng(0)
    assert (sobol(8, 2, generator) != sobol(8, 2, generator)).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid(counts=(5, 5)).check(LOWER, UPPER), r"'counts' is \[5, 5\].*3 coordinates.*give one number"),
        (lambda: Chebyshev(counts=(5, 5)).check(LOWER, UPPER), r"'counts' is \[5, 5\].*3 coordinates.*give one"),
        (lambda: Chebyshev(counts=(5, 1), ends=True), r"'counts' is \[5, 1\].*at least 2"),
        (
            lambda: Grid(counts=(501,)).check(LOWER, UPPER),
            r"'counts' is \[501, 501, 501\].*1.3e\+08 points; give fewer",
        ),
        (lambda: Concentrated(axis=3).check(LOWER, UPPER), "'axis' is 3.*give at most 2"),
        (lambda: Concentrated(axis=1, centre=7.0).check(LOWER, UPPER), "'centre' is 7.0.*from 2 to 2.5"),
        (lambda: Concentrated(axis=-1), "'axis' is -1"),
        (lambda: Concentrated(width=0.0), "'width' is 0.0"),
        (lambda: Concentrated(share=1.5), "'share' is 1.5"),
        (lambda: Concentrated(profile="box"), "'profile' is 'box'; choose one of normal"),
        (lambda: Adaptive(kept=1.0), "'kept' is 1.0.*sobol"),
        (lambda: Adaptive(count=100, pool=50), "'pool' is 50.*give at least 75"),
        (lambda: Adaptive(every=0), "'every' is 0"),
        (lambda: Sobol(count=0), "'count' is 0"),
        (lambda: LatinHypercube(every=-1), "'every' is -1"),
    ],
)
def test_nonsense_is_refused_with_field_value_and_remedy(make, message):
    with pytest.raises(InputError, match=message):
        make()


@dataclass(frozen=True)
class Holder(Parameterised):
    points: Points = parameter(Uniform(), "any kind")


@pytest.mark.parametrize("points", EVERY_KIND, ids=lambda points: points.kind)
def test_every_kind_survives_a_suite_file(points):
    row = flatten(Holder(points=points))
    assert build(Holder, row) == Holder(points=points)
