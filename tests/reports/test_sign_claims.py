"""Claims that a sign test over seeds decides: errors outside the domain, time to an accuracy, a fall to zero."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from problems.claims import AttractorClaim, CostClaim, ExtrapolationClaim
from reports.sources.claims import Judgement
from reports.sources.verdicts import CONTRADICTED, OPEN, SUPPORTED
from tests.reports.judged import KEY, WHERE, judge, make
from tests.reports.synthetic import Writer, exact

FALLING = AttractorClaim(*WHERE, "norm", 0.1)
BEYOND = ExtrapolationClaim(*WHERE, "beyond", "max_abs", 10.0)
COSTLY = CostClaim(*WHERE, "elements", 1e-3, 10.0, 60.0, "cuda")


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
            "No row of elements comes to an error of 1e-3. To come to an error of 1e-3 on a GPU, the"
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
