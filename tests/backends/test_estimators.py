"""What every method that estimates one number keeps: its seed decides, its error bar is honest, its family is asked."""

from __future__ import annotations

import math
import os
from typing import Any

import pytest

from backends.base import Solver
from backends.branching import Branching
from backends.monte_carlo import MonteCarlo
from backends.multilevel_picard import MultilevelPicard
from tests.backends.estimator_cases import estimate, made


@pytest.mark.parametrize(
    ("method", "problem", "parameters"),
    [
        (Branching, made("allen-cahn-nd", d=200), {"samples": 1024, "trees": 1024}),
        (MultilevelPicard, made("allen-cahn-nd", d=10), {"levels": 3}),
        (MonteCarlo, made("hjb-lq", d=1000), {"sampling": "random", "samples": 2048}),
        (MonteCarlo, made("hjb-lq", d=1000), {"sampling": "sobol", "samples": 2048}),
    ],
    ids=["branching", "multilevel-picard", "random", "sobol"],
)
def test_seed_decides_and_threads_do_not(
    monkeypatch: pytest.MonkeyPatch, method: type[Solver], problem: Any, parameters: dict[str, Any]
) -> None:
    values = [estimate(method, problem, seed, **parameters)[0] for seed in (0, 1)]
    assert values[0] != values[1]
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    assert estimate(method, problem, 0, **parameters)[0] == values[0]


TREES = {"samples": 2**15, "trees": 2**14}
LEVELS = {"levels": 4, "repetitions": 40}


@pytest.mark.parametrize(
    ("method", "d", "seed", "parameters", "bars", "cap"),
    [
        *((Branching, d, 1, TREES, 4.0, 2e-3 / math.sqrt(d)) for d in (1, 10, 100)),
        # Four levels leave a bias of 0.027 %, which is below the error bar.
        *((MultilevelPicard, d, 2, LEVELS, 3.0, 5e-3) for d in (10, 100)),
    ],
)
def test_reaction_in_many_dimensions_is_solved_to_three_digits_within_the_error_bar(
    method: type[Solver], d: int, seed: int, parameters: dict[str, Any], bars: float, cap: float
) -> None:
    problem = made("allen-cahn-nd", d=d)
    value, bar, session = estimate(method, problem, seed, **parameters)
    assert abs(value - problem.value()) < bars * bar
    assert bar < cap * problem.value()
    assert not session.outcome


@pytest.mark.parametrize("method", [Branching, MonteCarlo, MultilevelPicard])
def test_other_families_are_refused(method: type[Solver]) -> None:
    assert "family ODE" in (method().unsupported(made("decay")) or "")
