"""Claims that one setting is the slowest or fastest, and disputes between two of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from problems.claims import RankingClaim
from reports.sources.claims import Judgement, rivals
from reports.sources.verdicts import CONTRADICTED, OPEN, SUPPORTED
from tests.reports.judged import COMPLETE, ORDER, WHERE, by_counting, judge, make
from tests.reports.synthetic import Writer, exact

SLOWEST = RankingClaim(*WHERE, "network.normalisation", "after", "slowest")
FASTEST = RankingClaim(*WHERE, "network.normalisation", "after", "fastest")


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
