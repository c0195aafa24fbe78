"""Verdicts on claims follow from tests whose p-values are known by counting."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import problems
import reports
from problems import Problem
from problems.claims import (
    AttractorClaim,
    Claim,
    CostClaim,
    ExtrapolationClaim,
    RankingClaim,
    RefinementClaim,
    TrendClaim,
)
from reports.claims import Judgement, judge_all, rivals
from reports.evidence import mean_loss
from reports.frame import frame
from reports.rank_tests import holm, kruskal, least_kruskal
from reports.run import Run
from reports.verdicts import CONTRADICTED, LEVEL, NOT_RUN, OPEN, SUPPORTED
from tests.reports.synthetic import Writer, exact

KEY = "claim/tested"
WHERE = ("a source", "its table", "Words.")
SMALLER = RefinementClaim(*WHERE, "dx", "relative_l2", 0.1)
FALLING = AttractorClaim(*WHERE, "norm", 0.1)
BEYOND = ExtrapolationClaim(*WHERE, "beyond", "max_abs", 10.0)
COSTLY = CostClaim(*WHERE, "elements", 1e-3, 10.0, 60.0, "cuda")
SLOWEST = RankingClaim(*WHERE, "network.normalisation", "after", "slowest")
FASTEST = RankingClaim(*WHERE, "network.normalisation", "after", "fastest")
ORDER = {"none": 1.0, "before": 2.0, "after": 4.0}
COMPLETE = 2 / math.comb(10, 5)
"""Two-sided p-value of five values that all lie on one side of five others."""


def make(name: str, preset: str = "", **parameters: Any) -> Problem:
    return problems.REGISTRY.get(name).create(parameters, preset)


def judge(folder: Path, **claims: Claim) -> list[Judgement]:
    """Judge claims about the only problem of a run, as if that problem had declared them."""
    run = Run.open(folder)
    known = {f"claim/{name}": claim for name, claim in claims.items()}
    return judge_all(run, frame(run.records), type("Claimed", (), {"claims": known}))


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


def by_counting(first: Sequence[float], second: Sequence[float]) -> float:
    """Two-sided Mann–Whitney: twice the part of all divisions of the values whose first half wins as many pairs."""

    def wins(part: Sequence[float], rest: Sequence[float]) -> float:
        return sum((a > b) + 0.5 * (a == b) for a in part for b in rest)

    together = [*first, *second]
    splits = list(itertools.combinations(range(len(together)), len(first)))
    counts = [wins([together[i] for i in s], [v for i, v in enumerate(together) if i not in s]) for s in splits]
    mine = wins(first, second)
    larger, smaller = sum(count >= mine for count in counts), sum(count <= mine for count in counts)
    return min(1.0, 2 * min(larger, smaller) / len(splits))


LOW, HIGH = (1e-3, 2e-3, 3e-3, 4e-3, 5e-3), (6e-3, 7e-3, 8e-3, 9e-3, 10e-3)


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


def test_adjusted_values_are_those_of_holms_method() -> None:
    """0.01·4, 0.013·3 raised to it, 0.02·2 likewise, 0.3·1."""
    assert holm([0.02, 0.01, 0.3, 0.013]) == pytest.approx([0.04, 0.04, 0.3, 0.04])
    assert holm([0.4, 0.6]) == pytest.approx([0.8, 0.8])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([0.03]) == [0.03]


def beyond(folder: Path, ratios: Sequence[float | None]) -> Judgement:
    """Largest errors outside over those inside, one seed each; None for a lost seed."""
    decay = make("decay", "s2")
    inside, there = decay.reference(decay.points()), decay.reference(decay.further_points()["beyond"])
    writer = Writer(folder)
    for seed, ratio in enumerate(ratios):
        common = {"family": "neural", "published": KEY, "seed": seed}
        if ratio is None:
            writer.add(decay, "network", None, status="diverged", reason="at 7", **common)
        else:
            arrays = {"solution_beyond": there + 1e-3 * ratio}
            writer.add(decay, "network", inside + 1e-3, arrays=arrays, **common)
    (judgement,) = judge(writer.finish(), tested=BEYOND)
    return judgement


@pytest.mark.parametrize(
    ("ratios", "verdict", "p"),
    [
        ((20, 30, 40, 50, 60, 70), SUPPORTED, 2 / 64),
        ((1, 2, 3, 4, 5, 6), CONTRADICTED, 2 / 64),
        ((20, 30, 40, 5, 6, 7), OPEN, 1.0),
        ((20, 30, 40, 50, 60, 6), OPEN, 14 / 64),
        ((20, 30, 40, 50, 60), OPEN, 2 / 32),
        ((20, 30, 40, 50, 60, 70, None), SUPPORTED, 2 / 64),
    ],
)
def test_sign_test_decides_how_much_worse_a_network_is_outside(
    tmp_path: Path, ratios: tuple[float | None, ...], verdict: str, p: float
) -> None:
    found = beyond(tmp_path / "run", ratios)
    assert found.verdict == verdict
    assert found.decided == pytest.approx(p, rel=1e-12)
    assert found.lost == ratios.count(None)
    assert ("too few seeds" in found.sentence) == (len(ratios) == 5)
    assert "two-sided sign test" in found.sentence
    assert ("(1 more failed and has no ratio)" in found.sentence) == (None in ratios)
    known = [ratio for ratio in ratios if ratio is not None]
    assert f"more than 10 times on {sum(r > 10 for r in known)} of them" in found.sentence


def costly(
    folder: Path,
    reached: Sequence[float | None],
    rival: float | None,
    trained: float = 80.0,
    device: str = "cuda",
    absent: Sequence[str] = (),
) -> Judgement:
    """Seconds after which each seed came to an error of 1e-3, None for never; total seconds of the other solver.

    With `absent`, the other solver has nothing but rows that ended so.
    """
    heat = make("heat-1d", "s1")
    writer = Writer(folder)
    for seed, at in enumerate(reached):
        errors = [1.0, 1e-2, 1e-2 if at is None else 9e-4]
        # Set-up takes 0.05 s, compilation 1 s.
        seconds = np.array([0.0, 0.5, trained if at is None else at - 1.05])
        arrays = dict(
            zip(("trace_iterations", "trace_seconds", "trace_errors"), ([0, 1, 2], seconds, errors), strict=True)
        )
        common = {"family": "neural", "published": KEY, "seed": seed, "compile_s": 1.0, "solve_s": [trained]}
        common |= {"device": device}
        writer.add(
            heat, "network", exact(heat, errors[-1]), arrays={k: np.array(v) for k, v in arrays.items()}, **common
        )
    for cells, status in enumerate(absent):
        writer.add(heat, "elements", None, published=KEY, status=status, reason="so", settings={"cells": cells})
    for error, solve in ((5e-4, rival), (5e-3, 0.2)):
        if solve is not None and not absent:
            writer.add(heat, "elements", exact(heat, error), published=KEY, solve_s=[solve - 0.05])
    (judgement,) = judge(writer.finish(), tested=COSTLY)
    return judgement


@pytest.mark.parametrize(
    ("reached", "rival", "verdict", "p"),
    [
        ((70.0,) * 6, 2.0, SUPPORTED, 2 / 64),
        ((None,) * 6, 2.0, SUPPORTED, 2 / 64),
        ((20.0, 25.0, 30.0, 35.0, 40.0, 45.0), 2.0, CONTRADICTED, 2 / 64),
        ((20.0, 70.0, 30.0, 70.0, 40.0, 70.0), 2.0, OPEN, 1.0),
        ((70.0,) * 5, 2.0, OPEN, 2 / 32),
        ((70.0,) * 6, 20.0, OPEN, 2 / 64),
        ((70.0,) * 6, None, OPEN, 2 / 64),
    ],
)
def test_sign_test_decides_whether_a_network_takes_so_long(
    tmp_path: Path, reached: tuple[float | None, ...], rival: float | None, verdict: str, p: float
) -> None:
    found = costly(tmp_path / "run", reached, rival)
    assert found.verdict == verdict
    assert found.decided == pytest.approx(p, rel=1e-12)
    longer = sum(at is None or at > 60.0 for at in reached)
    assert f"and more than 60.0 s on {longer} of them" in found.sentence
    assert ("not what the claim says of elements" in found.sentence) == (rival != 2.0)
    if rival is None:
        assert found.sentence.startswith(
            "No row of elements comes to an error of 1e-3. To come to an error of 1e-3, the"
        )
    elif None in reached:
        assert "the network takes more than it was given on half of 6 seeds" in found.sentence
    else:
        middle = sorted(reached)[len(reached) // 2]
        took = f"{rival:.{2 if rival < 10 else 1}f} s, set-up and compilation included. To come"
        assert found.sentence.startswith(f"The fastest row of elements comes to an error of 1e-3 in {took}")
        assert f"the network takes {middle:.1f} s in the median of {len(reached)} seeds" in found.sentence


@pytest.mark.parametrize(("each", "verdict"), [(70.0, OPEN), (20.0, CONTRADICTED)])
def test_networks_on_a_slower_device_can_contradict_and_not_support(tmp_path: Path, each: float, verdict: str) -> None:
    found = costly(tmp_path / "run", (each,) * 6, 2.0, device="cpu")
    assert found.verdict == verdict
    assert found.decided == pytest.approx(2 / 64, rel=1e-12)
    told = "The claim is about networks on a GPU; rows on a CPU that are slow do not support it."
    assert (told in found.sentence) == (verdict == OPEN)


@pytest.mark.parametrize(
    ("absent", "words"),
    [
        (("not installed",), "elements was not run here (1 not installed). To come"),
        (("crashed", "timeout", "crashed"), "elements was not run here (2 crashed, 1 stopped at the time limit). To"),
        # A method that diverges was run, and did not come there.
        (("not installed", "diverged"), "No row of elements comes to an error of 1e-3. To come"),
    ],
)
@pytest.mark.parametrize("each", [70.0, 20.0])
def test_praised_solver_that_could_not_be_run_is_evidence_of_nothing(
    tmp_path: Path, absent: tuple[str, ...], words: str, each: float
) -> None:
    found = costly(tmp_path / "run", (each,) * 6, 2.0, absent=absent)
    assert found.verdict == OPEN
    assert found.sentence.startswith(words)
    ran = "diverged" in absent
    assert ("That is not what the claim says of elements." in found.sentence) == ran
    assert ("Without elements there is nothing to compare with." in found.sentence) == (not ran)


def test_network_that_was_stopped_too_soon_is_no_evidence_of_how_long_it_would_take(tmp_path: Path) -> None:
    found = costly(tmp_path / "run", (70.0,) * 6 + (None,), 2.0, trained=30.0)
    assert (found.verdict, found.rows, found.absent) == (SUPPORTED, 6, 1)
    assert "No evidence: 1 without a figure to compare." in found.sentence


def ranked(folder: Path, losses: dict[str, dict[str, Sequence[float]]]) -> list[Judgement]:
    """Mean losses by activation, normalisation and seed."""
    decay = make("decay", "s3")
    writer = Writer(folder)
    for activation, modes in losses.items():
        for mode, means in modes.items():
            for seed, mean in enumerate(means):
                # Its mean is the one wanted, since 0.5 + 1 + 1.5 = 3.
                arrays = {"loss_iterations": np.array([1, 2, 3]), "loss_history": mean * np.array([1.5, 1.0, 0.5])}
                settings = {"network.activation": activation, "network.normalisation": mode}
                common = {"family": "neural", "published": "claim", "settings": settings, "arrays": arrays}
                writer.add(decay, "network", exact(decay, 1e-3), seed=seed, **common)
    return judge(writer.finish(), v1=SLOWEST, v5=FASTEST)


def apart(scale: dict[str, float]) -> dict[str, Sequence[float]]:
    return {mode: [size * (1 + 0.01 * seed) for seed in range(5)] for mode, size in scale.items()}


def test_normalisation_is_slowest_on_one_activation_and_fastest_on_the_other(tmp_path: Path) -> None:
    losses = {"tanh": apart(ORDER), "relu": apart({mode: 1 / size for mode, size in ORDER.items()})}
    found = ranked(tmp_path / "run", losses)
    verdicts = {(j.key, j.group): (j.verdict, j.decided) for j in found}
    tanh, relu = "network, activation = tanh", "network, activation = relu"
    assert {key: verdict for key, (verdict, _) in verdicts.items()} == {
        ("claim/v1", tanh): SUPPORTED,
        ("claim/v1", relu): CONTRADICTED,
        ("claim/v5", tanh): CONTRADICTED,
        ("claim/v5", relu): SUPPORTED,
    }
    # Where two others could each have contradicted, twice the value; with two groups, Holm doubles the smaller one.
    assert verdicts["claim/v1", tanh][1] == pytest.approx(2 * COMPLETE, rel=1e-12)
    assert verdicts["claim/v5", tanh][1] == pytest.approx(2 * COMPLETE, rel=1e-12)
    assert "slower than none with p = 0.0079" in found[0].sentence
    assert "(two-sided Mann–Whitney); that it is the slowest has p = 0.0079." in found[0].sentence
    # Ranks 1–5, 6–10, 11–15: H = 12/(15·16) · (15² + 40² + 65²)/5 − 3·16 = 12.5, and p = e^{−H/2}.
    assert f"Kruskal–Wallis p = {math.exp(-6.25):.4f}" in found[0].sentence
    (dispute,) = rivals(found)
    assert dispute == (
        "network.normalisation = after: a source (“slowest”) is supported on network, activation = tanh; contradicted "
        "on network, activation = relu, and a source (“fastest”) is supported on network, activation = relu; "
        "contradicted on network, activation = tanh."
    )


def test_normalisation_in_the_middle_contradicts_both(tmp_path: Path) -> None:
    found = ranked(tmp_path / "run", {"tanh": apart({"none": 1.0, "after": 2.0, "before": 4.0})})
    assert [j.verdict for j in found] == [CONTRADICTED, CONTRADICTED]
    assert [j.decided for j in found] == pytest.approx([2 * COMPLETE] * 2)
    assert "that it is not the slowest has p = 0.016." in found[0].sentence
    (dispute,) = rivals(found)
    assert "(“slowest”) is contradicted on network, and a source (“fastest”) is contradicted on network." in dispute


def test_normalisation_that_differs_from_one_other_alone_is_not_settled(tmp_path: Path) -> None:
    """Faster than `before`, and mixed with `none`."""
    modes = {"none": [1.0, 1.2, 1.4, 1.6, 1.8], "after": [1.1, 1.3, 1.5, 1.7, 1.9], "before": [4.0, 4.1, 4.2, 4.3, 4.4]}
    slowest, fastest = ranked(tmp_path / "run", {"tanh": modes})
    assert (slowest.verdict, fastest.verdict) == (CONTRADICTED, OPEN)
    assert slowest.decided == pytest.approx(2 * COMPLETE, rel=1e-12)
    # Neither side is below 1/2, as each has two chances.
    assert by_counting(modes["after"], modes["none"]) > 0.5
    assert fastest.decided == 1.0


def test_two_seeds_of_each_normalisation_settle_nothing(tmp_path: Path) -> None:
    found = ranked(tmp_path / "run", {"tanh": {mode: [size, 1.1 * size] for mode, size in ORDER.items()}})
    assert {j.verdict for j in found} == {OPEN}
    assert all("too few seeds" in j.sentence for j in found)
    assert "is not settled on network" in rivals(found)[0]


def test_claims_of_which_nothing_was_tested_are_no_dispute(tmp_path: Path) -> None:
    found = ranked(tmp_path / "run", {"tanh": {"none": [1.0, 1.1, 1.2]}})
    assert {j.verdict for j in found} == {OPEN}
    assert rivals(found) == []


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


@pytest.mark.parametrize("sizes", [(2, 2, 2), (1,) * 11, (5, 5, 5)])
def test_no_order_of_values_is_rarer_than_the_least_p_value(sizes: tuple[int, ...]) -> None:
    generator = np.random.default_rng(0)
    least = least_kruskal([np.zeros(n) for n in sizes])
    shuffled = (generator.permutation(sum(sizes)).astype(float) for _ in range(200))
    assert min(kruskal(np.split(values, np.cumsum(sizes)[:-1])) for values in shuffled) >= least
    k = len(sizes)
    if sizes == (2, 2, 2):  # Ranks 1–2, 3–4, 5–6: H = 12/(6·7) · (3² + 7² + 11²)/2 − 3·7 = 32/7.
        assert least == pytest.approx(math.exp(-16 / 7), rel=1e-12)
    assert (least < LEVEL) == (sizes == (5, 5, 5)), k


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


def test_report_shows_claims_with_their_figures(tmp_path: Path) -> None:
    heat = make("heat-1d", "s3")
    writer = Writer(tmp_path / "run")
    at = np.arange(10, 1010, 10)
    for mode, size in ORDER.items():
        for seed in range(5):
            loss = size * (1 + 0.1 * seed) * np.exp(-at / 300)
            settings = {"network.normalisation": mode, "points.batch": 64}
            common = {"family": "neural", "settings": settings, "published": "claim/normalisation"}
            arrays = {"loss_iterations": at, "loss_history": loss}
            writer.add(heat, "network", exact(heat, 1e-3 * size), seed=seed, arrays=arrays, **common)
    for size in (1, 4, 16):
        for seed in range(5):
            loss = (1 + 0.1 * seed) / size * np.exp(-at / 300)
            settings = {"network.normalisation": "none", "points.batch": size}
            common = {"family": "neural", "settings": settings, "published": "claim/batch-size"}
            arrays = {"loss_iterations": at, "loss_history": loss}
            writer.add(heat, "network", exact(heat, 1e-2), seed=seed, arrays=arrays, **common)
    folder = writer.finish()
    for text in (path.read_text(encoding="utf-8") for path in reports.render(folder)):
        assert "Claims of the sources" in text
        assert "Batch normalisation after the activation makes training slowest." in text
        for verdict in (SUPPORTED, CONTRADICTED, NOT_RUN):
            assert verdict in text
        assert "S3 v1 (“slowest”) is supported on network, and S3 v5 (“fastest”) is contradicted on network." in text
        assert "Training loss for each network.normalisation" in text
        assert "Mean of the losses noted in the first 1,000 iterations against points.batch" in text
    drawn = {path.name for path in (folder / "figures").iterdir()}
    assert {"heat-1d-claim-network-normalisation-losses.svg", "heat-1d-claim-points-batch-trend.svg"} <= drawn


def test_problem_without_tagged_rows_has_no_claims_in_its_report(rendered: tuple[str, str]) -> None:
    """Of the synthetic run's problems that have claims, one has rows tagged for them."""
    html, markdown = rendered
    assert re.findall(r'id="([\w-]+)-claims"', html) == ["schroedinger-radial"]
    assert markdown.count("### Claims of the sources") == 1


def fallen(folder: Path, norms: Sequence[float | None]) -> Judgement:
    """States of these lengths, one seed each, with a loss as small; None for a lost seed."""
    orbital = make("schroedinger-radial", states=1)
    reference, found = orbital.reference(orbital.points()), {"eigenvalues": orbital.eigenvalues() + 0.03}
    writer = Writer(folder)
    for seed, norm in enumerate(norms):
        common = {"family": "neural", "published": KEY, "seed": seed}
        if norm is None:
            writer.add(orbital, "network", None, status="diverged", reason="at 7", **common)
        else:
            facts = {"final_loss": 1e-3 * norm**2}
            writer.add(orbital, "network", norm * reference, arrays=found, facts=facts, **common)
    (judgement,) = judge(writer.finish(), tested=FALLING)
    return judgement


@pytest.mark.parametrize(
    ("norms", "verdict", "p"),
    [
        ((1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3), SUPPORTED, 2 / 64),
        ((1.0, 0.9, 1.1, 1.2, 0.2, 3.0), CONTRADICTED, 2 / 64),
        ((1e-3, 2e-3, 3e-3, 1.0, 1.0, 1.0), OPEN, 1.0),
        ((1e-3, 2e-3, 3e-3, 4e-3, 5e-3), OPEN, 2 / 32),
        ((1e-3, 2e-3, 3e-3, 4e-3, 5e-3, 6e-3, None), SUPPORTED, 2 / 64),
    ],
)
def test_sign_test_decides_whether_training_falls_to_zero(
    tmp_path: Path, norms: tuple[float | None, ...], verdict: str, p: float
) -> None:
    found = fallen(tmp_path / "run", norms)
    assert found.verdict == verdict
    assert found.decided == pytest.approx(p, rel=1e-12)
    low = [norm for norm in norms if norm is not None and norm < 0.1]
    assert f"below 0.1 on {len(low)} of them" in found.sentence
    assert ("(1 more failed and has none)" in found.sentence) == (None in norms)
    assert ("a median error of 3.00e-2" in found.sentence) == bool(low)
    if low:
        assert (
            f"a median loss at the end of {1e-3 * np.median(np.square(low)):.2e}".replace("e-0", "e-") in found.sentence
        )
