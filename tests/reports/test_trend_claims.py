"""Claims that the loss falls, rises or varies with a setting, and the mean loss that they look at."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from problems.claims import TrendClaim
from reports.run import Run
from reports.sources.claims import Judgement
from reports.sources.evidence import mean_loss
from reports.sources.verdicts import CONTRADICTED, OPEN, SUPPORTED
from tests.reports.judged import KEY, WHERE, judge, make
from tests.reports.synthetic import Writer, exact


def batches(folder: Path, direction: Any, power: float, bowl: float = 0.0) -> Judgement:
    """Mean loss batch^power with five seeds, on sizes 1 … 1024; or one that grows from 32 on to both sides."""
    decay = make("decay", "s3")
    writer = Writer(folder)
    at = np.array([500, 1000, 1500, 2000])
    for size in 2 ** np.arange(11):
        for seed in range(5):
            loss = (
                float(size) ** power
                * math.exp(bowl * abs(math.log2(size) - 5))
                * (1 + 0.02 * ((seed * 3 + int(np.log2(size))) % 5))
            )
            # What comes after the first 1,000 iterations does not count.
            arrays = {"loss_iterations": at, "loss_history": np.array([loss, loss, 1e6 / size, 1e6 / size])}
            settings = {"points.batch": int(size)}
            common = {"family": "neural", "published": KEY, "settings": settings, "arrays": arrays}
            writer.add(decay, "network", exact(decay, 1e-3), seed=seed, **common)
    (judgement,) = judge(writer.finish(), tested=TrendClaim(*WHERE, "points.batch", 1000, direction))
    return judgement


@pytest.mark.parametrize(
    ("direction", "power", "verdict"),
    [
        ("falls", -0.5, SUPPORTED),
        ("falls", 0.5, CONTRADICTED),
        ("rises", 0.5, SUPPORTED),
        ("varies", 0.5, SUPPORTED),
        ("varies", -0.5, SUPPORTED),
        ("falls", 0.0, OPEN),
        ("varies", 0.0, OPEN),
    ],
)
def test_correlation_of_batch_size_and_loss_decides(tmp_path: Path, direction: str, power: float, verdict: str) -> None:
    found = batches(tmp_path / "run", direction, power)
    assert (found.verdict, found.rows) == (verdict, 55)
    assert f"{'Kruskal–Wallis' if direction == 'varies' else 'The correlation'} decides." in found.sentence
    if power:
        # Groups of five, in order: the variance of the mean ranks over that of all of them, (11²−1)·5² over 55²−1.
        rho = math.copysign(math.sqrt(25 * (11**2 - 1) / (55**2 - 1)), power)
        assert f"is {rho:.2f} over 55 rows (p < 1e-6)" in found.sentence
        assert f"lowest at {1024 if power < 0 else 1} (" in found.sentence


@pytest.mark.parametrize(("direction", "verdict"), [("varies", SUPPORTED), ("falls", OPEN), ("rises", OPEN)])
def test_best_size_in_the_middle_is_a_difference_though_no_correlation(
    tmp_path: Path, direction: str, verdict: str
) -> None:
    found = batches(tmp_path / "run", direction, 0.0, bowl=0.5)
    assert found.verdict == verdict
    assert (found.decided < 1e-6) == (verdict == SUPPORTED)
    assert (found.decided > 0.5) == (verdict == OPEN)
    assert "lowest at 32 (" in found.sentence


@pytest.mark.parametrize(("seeds", "verdict", "p"), [(1, OPEN, 2 / 6), (2, SUPPORTED, 2 / 90)])
def test_correlation_of_few_rows_is_no_surer_than_their_orders(
    tmp_path: Path, seeds: int, verdict: str, p: float
) -> None:
    """One of six orders of three rows, or the reverse of it; of two seeds at three sizes there are 90."""
    decay = make("decay", "s3")
    writer = Writer(tmp_path / "run")
    for size, seed in itertools.product((1, 2, 4), range(seeds)):
        arrays = {"loss_iterations": np.array([1]), "loss_history": np.array([size + 0.1 * seed])}
        common = {"published": KEY, "settings": {"points.batch": size}, "arrays": arrays}
        writer.add(decay, "network", exact(decay, 1e-3), family="neural", seed=seed, **common)
    (found,) = judge(writer.finish(), tested=TrendClaim(*WHERE, "points.batch", 1000, "rises"))
    assert found.verdict == verdict
    assert found.decided == pytest.approx(p)


def test_mean_loss_ends_where_it_is_told(tmp_path: Path) -> None:
    decay = make("decay", "s3")
    writer = Writer(tmp_path / "run")
    arrays = {"loss_iterations": np.array([10, 20, 30]), "loss_history": np.array([1.0, 3.0, 8.0])}
    record = writer.add(decay, "network", exact(decay, 1e-3), arrays=arrays)
    bare = writer.add(decay, "network", exact(decay, 1e-3), seed=1)
    run = Run.open(writer.finish())
    assert mean_loss(run, record.case) == 4.0
    assert mean_loss(run, record.case, 20) == 2.0
    assert math.isnan(mean_loss(run, record.case, 5))
    assert math.isnan(mean_loss(run, bare.case))
