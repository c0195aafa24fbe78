"""Rank tests: p-values that are known by hand, and bounds that no order of values goes below."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reports.rank_tests import MOST_EXACT, holm, kruskal, larger_p, least_kruskal
from reports.sources.verdicts import LEVEL


def test_adjusted_values_are_those_of_holms_method() -> None:
    """0.01·4, 0.013·3 raised to it, 0.02·2 likewise, 0.3·1."""
    assert holm([0.02, 0.01, 0.3, 0.013]) == pytest.approx([0.04, 0.04, 0.3, 0.04])
    assert holm([0.4, 0.6]) == pytest.approx([0.8, 0.8])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]


@pytest.mark.parametrize("sizes", [(2, 2, 2), (1,) * 11, (5, 5, 5)])
def test_no_order_of_values_is_rarer_than_the_least_p_value(sizes: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    least = least_kruskal([np.zeros(n) for n in sizes])
    shuffled = (generator.permutation(sum(sizes)).astype(float) for _ in range(200))
    assert min(kruskal(np.split(values, np.cumsum(sizes)[:-1])) for values in shuffled) >= least
    if sizes == (2, 2, 2):  # Ranks 1–2, 3–4, 5–6: H = 12/(6·7) · (3² + 7² + 11²)/2 − 3·7 = 32/7.
        assert least == pytest.approx(math.exp(-16 / 7), rel=1e-12)
    assert (least < LEVEL) == (sizes == (5, 5, 5))


def test_many_values_have_the_p_value_of_few_nearly_and_soon() -> None:
    """The distribution of ranks of thousands of values would fill the memory."""
    generator = np.random.default_rng(0)
    first, second = generator.normal(0.3, 1.0, 101), generator.normal(0.0, 1.0, 100)
    assert len(first) * len(second) > MOST_EXACT >= (len(first) - 1) * len(second)
    assert larger_p(first, second) == pytest.approx(larger_p(first[:-1], second), rel=0.3)
    long = larger_p(generator.normal(0.2, 1.0, 3000), generator.normal(0.0, 1.0, 3000))
    assert 0.0 < long < 0.01
