"""Claims on memory in many dimensions follow from laws that are known."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reports
from problems.claims import CapacityClaim, Claim, GrowthClaim
from reports.sources.claims import Judgement
from reports.sources.verdicts import CONTRADICTED, NOT_RUN, OPEN, SUPPORTED
from tests.reports.dimensional import timed
from tests.reports.judged import KEY, WHERE, judge
from tests.reports.synthetic import Writer

LINEAR = GrowthClaim(*WHERE, "nested-reverse", "memory", 1.0, 0.25)
QUICK = GrowthClaim(*WHERE, "nested-reverse", "time", 1.0, 0.25)
FULL = CapacityClaim(*WHERE, "nested-reverse", "float32", 32.0 * 2**30, (10, 20), (100, 100_000))
FEW = (1, 2, 4, 8, 16, 32, 64)


def judged(
    folder: Path, claim: Claim, cost: Callable[[int], float], dimensions: tuple[int, ...] = FEW, **columns: Any
) -> Judgement:
    """Rows with the given bytes per dimension, tagged for the claim."""
    writer = Writer(folder)
    for d in dimensions:
        timed(writer, "jax-net", "nested-reverse", d, device_bytes=round(cost(d)), published=KEY, **columns)
    (found,) = judge(writer.finish(), tested=claim)
    return found


@pytest.mark.parametrize(
    ("exponent", "verdict"), [(1.0, SUPPORTED), (1.15, SUPPORTED), (2.0, CONTRADICTED), (0.4, CONTRADICTED)]
)
def test_exponent_settles_a_claim_on_growth(tmp_path: Path, exponent: float, verdict: str) -> None:
    found = judged(tmp_path / "run", LINEAR, lambda d: 2e6 + 5e5 * d**exponent)
    assert (found.verdict, found.rows, found.group) == (verdict, len(FEW), "jax-net")
    assert f"grows as d^{exponent:.2f} (" in found.sentence
    side = "within" if verdict == SUPPORTED else "outside"
    assert f"the exponent is {side} 0.75 to 1.25 with p" in found.sentence
    assert found.decided < 0.05


def test_exponent_close_to_its_bound_settles_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    noise = dict(zip(FEW, np.exp(0.1 * rng.standard_normal(len(FEW))), strict=True))
    found = judged(tmp_path / "run", LINEAR, lambda d: 5e5 * d**1.25 * noise[d])
    assert found.verdict == OPEN
    assert found.decided > 0.05


def test_false_verdicts_on_a_law_at_the_bound_are_as_rare_as_the_level_says(tmp_path: Path) -> None:
    """At an exponent of exactly 1.25 either verdict is false; each draw is tested at 5 %, both sides together."""
    rng = np.random.default_rng(9)
    settled = 0
    for draw in range(60):
        noise = dict(zip(FEW, np.exp(0.05 * rng.standard_normal(len(FEW))), strict=True))
        law = {d: 5e5 * d**1.25 * noise[d] for d in FEW}
        settled += judged(tmp_path / str(draw), LINEAR, law.__getitem__).verdict != OPEN
    assert settled <= 9


def test_constant_that_hides_growth_settles_nothing(tmp_path: Path) -> None:
    found = judged(tmp_path / "run", LINEAR, lambda d: 1e9 + 1e4 * d)
    assert found.verdict == OPEN
    assert "7 dimensions settle no exponent" in found.sentence


def test_what_follows_no_power_settles_nothing(tmp_path: Path) -> None:
    found = judged(tmp_path / "run", LINEAR, lambda d: 1e6 * d * (3.0 if FEW.index(d) % 2 else 1.0))
    assert found.verdict == OPEN
    assert found.sentence.endswith("too far off for a power of the dimension.")


def test_two_dimensions_settle_nothing(tmp_path: Path) -> None:
    found = judged(tmp_path / "run", LINEAR, lambda d: 1e6 * d, (1, 2))
    assert (found.verdict, found.sentence) == (OPEN, "Only d = 1 and 2 were run.")


def test_repeated_figures_do_not_count_twice(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for seed in range(20):
        for d in (1, 2, 4):
            bent = 1e6 * d * (1.3 if d == 2 else 1.0)
            timed(writer, "jax-net", "nested-reverse", d, device_bytes=round(bent), published=KEY, seed=seed)
    (found,) = judge(writer.finish(), tested=LINEAR)
    assert (found.verdict, found.rows) == (OPEN, 60)


def test_other_ways_of_taking_derivatives_are_no_evidence(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for d in FEW:
        timed(writer, "jax-net", "taylor", d, published=KEY)
    (found,) = judge(writer.finish(), tested=LINEAR)
    assert found.verdict == NOT_RUN


def test_rows_over_the_budget_are_told_as_no_evidence(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for d in FEW:
        timed(writer, "jax-net", "nested-reverse", d, published=KEY)
    lost = {"status": "over budget", "reason": "too large", "device_bytes": None, "host_bytes": None}
    timed(writer, "jax-net", "nested-reverse", 1024, published=KEY, **lost)
    (found,) = judge(writer.finish(), tested=LINEAR)
    assert (found.verdict, found.rows, found.absent) == (SUPPORTED, len(FEW), 1)
    assert found.sentence.endswith("No evidence: 1 over the memory budget.")


def test_time_of_a_step_is_judged_alike(tmp_path: Path) -> None:
    found = judged(tmp_path / "run", QUICK, lambda d: 1.0)
    assert found.verdict == SUPPORTED
    cost = "The time of a training step with the reverse-over-reverse Hessian (128 points in a step) is "
    assert found.sentence.startswith(cost)


def full(folder: Path, per_point: float, **columns: Any) -> Judgement:
    """Rows at three batches with a constant and `per_point` bytes per point and dimension."""
    writer = Writer(folder)
    for batch in (128, 256, 1024):
        for d in (2, 5, 10, 20, 40):
            row = {"device_bytes": round(3e5 + per_point * batch * d), "published": KEY, "unknowns": 9000 + d}
            timed(writer, "jax-net", "nested-reverse", d, settings={"points.batch": batch}, **row, **columns)
    (found,) = judge(writer.finish(), tested=FULL)
    return found


@pytest.mark.parametrize(
    ("per_point", "verdict", "why"),
    [(1e5, SUPPORTED, "some of which are between"), (2e3, CONTRADICTED, "too few"), (1e8, CONTRADICTED, "too many")],
)
def test_points_that_fill_a_device_settle_a_claim_on_capacity(
    tmp_path: Path, per_point: float, verdict: str, why: str
) -> None:
    """A device is full at 2³⁵ / (bytes per point and dimension · d) points."""
    found = full(tmp_path / "run", per_point)
    assert (found.verdict, found.rows) == (verdict, 15)
    assert why in found.sentence
    at_ten, at_twenty = (2.0**35 / (per_point * d) for d in (10, 20))
    told = [float(n.replace(",", "")) for n in points_told(found.sentence)]
    assert told == [pytest.approx(at_ten, rel=0.04), pytest.approx(at_twenty, rel=0.04)]
    assert "(9,002 to 9,040 parameters)" in found.sentence
    assert "measured at 128, 256 and 1,024 points in a step" in found.sentence


def points_told(sentence: str) -> list[str]:
    (both,) = re.findall(r"full at ([\d,.e]+)(?: \([^)]*\))? points for d = 10 and ([\d,.e]+)", sentence)
    return list(both)


def test_other_precisions_are_no_evidence_for_a_claim_on_one(tmp_path: Path) -> None:
    assert full(tmp_path / "run", 1e5, precision="float64").verdict == NOT_RUN


def test_number_of_points_that_fill_a_device_is_tabulated_for_every_way(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "run")
    for strategy, per_point in (("nested-reverse", 1e5), ("taylor", 1e4)):
        for d in (2, 4, 8, 16, 32):
            columns = {"device_bytes": round(per_point * 128 * d), "settings": {"batch": 128}}
            timed(writer, "torch-net", strategy, d, **columns)
    _, path = reports.render(writer.finish())
    markdown = path.read_text(encoding="utf-8")
    assert "Points in a training step that fill 32.0 GiB" in markdown
    for name, per_point in (("reverse-over-reverse Hessian", 1e5), ("forward Laplacian", 1e4)):
        rows = [line for line in markdown.splitlines() if line.startswith(f"| torch-net, {name}") and "| 128 |" in line]
        cells = [cell.strip() for cell in rows[0].split("|")]
        shown = float(cells[5].partition(" ")[0].replace(",", ""))
        assert shown == pytest.approx(2.0**35 / (per_point * 10), rel=0.04)
