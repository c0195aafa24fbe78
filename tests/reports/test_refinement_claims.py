"""Claims on refinement: seeds of two steps are compared, lost ones count as worst, and groups share one level."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from problems.claims import RefinementClaim
from reports.sources.claims import Judgement
from reports.sources.verdicts import CONTRADICTED, LEVEL, NOT_RUN, OPEN, SUPPORTED
from tests.reports.judged import COMPLETE, HIGH, KEY, LOW, WHERE, by_counting, judge, make
from tests.reports.synthetic import Writer, exact

SMALLER = RefinementClaim(*WHERE, "dx", "relative_l2", 0.1)


def refined(
    folder: Path, coarse: Sequence[float | None], fine: Sequence[float | None], **others: Sequence[float]
) -> Judgement:
    """Errors at dx = 0.1 and 0.05, and at 0.2 (`coarser`), 0.08 (`after`) and 0.0625 (`before`); None for a lost seed.

    Each has a grid of its own to be judged on.
    """
    writer = Writer(folder)
    between = {0.08: others.get("after", ()), 0.0625: others.get("before", ())}
    given = {0.2: others.get("coarser", ()), 0.1: coarse, **between, 0.05: fine}
    for dx, errors in given.items():
        heat = make("heat-1d", "s1", level_spacing=dx)
        for seed, error in enumerate(errors):
            row: dict[str, Any] = {"family": "neural", "published": KEY, "seed": seed}
            row["settings"] = {"points.counts": [round(1 / dx) + 1, 11], "network.widths": [20]}
            row |= {"dx": dx} if error is not None else {"status": "diverged", "reason": "at 7"}
            writer.add(heat, "network", None if error is None else exact(heat, error), **row)
    (judgement,) = judge(writer.finish(), tested=SMALLER)
    return judgement


@pytest.mark.parametrize(("coarse", "fine", "verdict"), [(LOW, HIGH, SUPPORTED), (HIGH, LOW, CONTRADICTED)])
def test_five_seeds_against_five_apart_settle_a_refinement(
    tmp_path: Path, coarse: tuple[float, ...], fine: tuple[float, ...], verdict: str
) -> None:
    found = refined(tmp_path / "run", coarse, fine)
    assert (found.verdict, found.rows, found.group) == (verdict, 10, "network")
    assert found.decided == pytest.approx(COMPLETE, rel=1e-12)
    # Of 45 pairs of rows 20 are tied in their step, and the other 25 agree.
    tau = (1 if verdict == SUPPORTED else -1) * 25 / math.sqrt(45 * 25)
    assert f"Kendall's τ of error against refinement over all 10 rows is {tau:.2f}" in found.sentence
    assert (
        f"{'larger' if verdict == SUPPORTED else 'smaller'} with p = 0.0079 (two-sided Mann–Whitney" in found.sentence
    )
    medians = [sorted(errors)[2] for errors in (coarse, fine)]
    assert f"is {medians[0]:.2e} (5 seeds) at dx = 0.1".replace("e-0", "e-") in found.sentence
    assert f"{medians[1]:.2e} (5 seeds) at dx = 0.05".replace("e-0", "e-") in found.sentence


def test_steps_coarser_than_those_of_the_source_are_no_evidence(tmp_path: Path) -> None:
    found = refined(tmp_path / "run", LOW, HIGH, coarser=[1e-1] * 5)
    assert (found.verdict, found.rows) == (SUPPORTED, 10)
    assert "dx = 0.2" not in found.sentence


def test_seeds_that_overlap_settle_nothing(tmp_path: Path) -> None:
    mixed = (1e-3, 3e-3, 5e-3, 7e-3, 9e-3), (2e-3, 4e-3, 6e-3, 8e-3, 10e-3)
    found = refined(tmp_path / "run", *mixed)
    assert found.verdict == OPEN
    assert found.decided == pytest.approx(by_counting(mixed[1], mixed[0]), rel=1e-12)
    assert found.decided > 0.05


@pytest.mark.parametrize(("seeds", "p"), [(2, 2 / 6), (3, 2 / 20)])
def test_three_seeds_against_three_cannot_settle_anything(tmp_path: Path, seeds: int, p: float) -> None:
    found = refined(tmp_path / "run", LOW[:seeds], HIGH[:seeds])
    assert found.verdict == OPEN
    assert found.decided == pytest.approx(p)
    assert "too few seeds" in found.sentence


def test_four_seeds_against_four_can_settle_a_refinement(tmp_path: Path) -> None:
    found = refined(tmp_path / "run", LOW[:4], HIGH[:4])
    assert found.verdict == SUPPORTED
    assert found.decided == pytest.approx(2 / 70)


def test_chance_gives_a_false_verdict_at_most_as_often_as_the_level_says(tmp_path: Path) -> None:
    """All 70 ways to deal eight errors to two steps: two of them are complete, 2/70 each; the next would be 4/70."""
    values = [*LOW[:4], *HIGH[:4]]
    settled = 0
    for at, fine in enumerate(itertools.combinations(values, 4)):
        found = refined(tmp_path / str(at), [value for value in values if value not in fine], fine)
        settled += found.verdict != OPEN
    assert settled == 2
    assert settled / 70 < LEVEL


def test_tied_seeds_are_counted_exactly(tmp_path: Path) -> None:
    """Three lost seeds are tied for the last place."""
    found = refined(tmp_path / "run", [1e-3, 2e-3, 3e-3, 5e-3, None], [4e-3, 6e-3, 7e-3, None, None])
    worst = math.inf
    first, second = [4e-3, 6e-3, 7e-3, worst, worst], [1e-3, 2e-3, 3e-3, 5e-3, worst]
    assert found.decided == pytest.approx(by_counting(first, second), rel=1e-12)
    assert found.lost == 3


def test_lost_seed_is_the_worst_of_all_and_counted(tmp_path: Path) -> None:
    """It said no step; its points are those of the others."""
    found = refined(tmp_path / "run", LOW, (*HIGH[:4], None))
    assert (found.verdict, found.rows, found.lost) == (SUPPORTED, 10, 1)
    assert found.decided == pytest.approx(COMPLETE, rel=1e-12)
    assert "(5 seeds, 1 failed)" in found.sentence


def test_failure_of_the_machine_is_no_evidence(tmp_path: Path) -> None:
    heat = make("heat-1d", "s1")
    writer = Writer(tmp_path / "run")
    for status in ("not installed", "timeout", "crashed"):
        writer.add(heat, "network", None, status=status, reason="no", published=KEY, family="neural")
    (found,) = judge(writer.finish(), tested=SMALLER)
    assert (found.verdict, found.rows, found.absent) == (NOT_RUN, 0, 3)
    assert found.sentence == "No evidence: 1 not installed, 1 stopped at the time limit, 1 crashed."


def test_row_that_was_stopped_is_no_evidence_and_told(tmp_path: Path) -> None:
    heat = make("heat-1d", "s1")
    writer = Writer(tmp_path / "run")
    common = {"family": "neural", "published": KEY}
    for dx, errors in ((0.1, LOW), (0.05, HIGH)):
        settings = {"points.counts": [round(1 / dx) + 1, 11]}
        for seed, error in enumerate(errors):
            writer.add(heat, "network", exact(heat, error), seed=seed, dx=dx, settings=settings, **common)
    writer.add(heat, "network", None, seed=5, settings=settings, status="timeout", reason="no", **common)
    (found,) = judge(writer.finish(), tested=SMALLER)
    assert (found.verdict, found.rows, found.lost, found.absent) == (SUPPORTED, 10, 0, 1)
    assert found.decided == pytest.approx(COMPLETE, rel=1e-12)
    assert found.sentence.endswith(" No evidence: 1 stopped at the time limit.")


def test_one_step_is_no_study(tmp_path: Path) -> None:
    found = refined(tmp_path / "run", LOW, ())
    assert (found.verdict, found.sentence) == (OPEN, "Only dx = 0.1 was run.")


def several(folder: Path, groups: dict[str, tuple[Sequence[float], Sequence[float]]]) -> list[Judgement]:
    """Errors at dx = 0.1 and 0.05 by solver."""
    heat = make("heat-1d", "s1")
    writer = Writer(folder)
    for solver, sides in groups.items():
        for dx, errors in zip((0.1, 0.05), sides, strict=True):
            for seed, error in enumerate(errors):
                settings = {"points.counts": [round(1 / dx) + 1, 11]}
                common = {"family": "neural", "published": KEY, "settings": settings}
                writer.add(heat, solver, exact(heat, error), seed=seed, dx=dx, **common)
    return judge(writer.finish(), tested=SMALLER)


def test_solvers_are_judged_apart(tmp_path: Path) -> None:
    found = several(tmp_path / "run", {"one": (LOW, HIGH), "two": (HIGH, LOW)})
    assert [(j.group, j.verdict) for j in found] == [("one", SUPPORTED), ("two", CONTRADICTED)]
    assert [j.decided for j in found] == pytest.approx([2 * COMPLETE] * 2)
    assert all("Holm's method over 2 groups makes that p = 0.016." in j.sentence for j in found)


def test_level_holds_for_all_groups_of_a_claim_together(tmp_path: Path) -> None:
    """Six groups at 2/252 stay below 0.05, seven do not; a group too small for any verdict costs the others nothing."""
    six = {f"s{k}": (LOW, HIGH) for k in range(6)}
    found = several(tmp_path / "six", six | {"small": (LOW[:3], HIGH[:3])})
    assert [j.verdict for j in found] == [SUPPORTED] * 6 + [OPEN]
    assert [j.decided for j in found] == pytest.approx([6 * COMPLETE] * 6 + [0.1])
    found = several(tmp_path / "seven", six | {"s6": (LOW, HIGH)})
    assert [j.verdict for j in found] == [OPEN] * 7
    assert all("too few seeds for any outcome to be significant among 7 groups" in j.sentence for j in found)


def test_a_trend_against_the_ends_forbids_a_verdict(tmp_path: Path) -> None:
    """The finest grid is worse than the coarsest, but from the second on errors fall: 85 pairs rise and 96 fall."""
    found = refined(tmp_path / "run", LOW, HIGH, after=[1e-1] * 6, before=[5e-2] * 6)
    assert found.verdict == OPEN
    assert found.decided == pytest.approx(COMPLETE, rel=1e-12)
    assert "The steps between do not agree with the ends." in found.sentence


def test_a_finest_grid_that_only_diverged_is_evidence(tmp_path: Path) -> None:
    """Its step follows from its nodes and from the interval of the grids that finished."""
    found = refined(tmp_path / "run", LOW, [None] * 5)
    assert (found.verdict, found.lost) == (SUPPORTED, 5)
    assert "no answer (5 seeds, 5 failed) at dx = 0.05" in found.sentence
