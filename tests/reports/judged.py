"""Claims judged about a synthetic run, and p-values by counting to compare theirs with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import problems
from problems import Problem
from problems.claims import Claim
from reports.frame import frame
from reports.run import Run
from reports.sources.claims import Judgement, judge_all

KEY = "claim/tested"
"""What rows are tagged with, where one claim is judged."""
WHERE = ("a source", "its table", "Words.")
"""Source, entry and text of a claim."""
ORDER = {"none": 1.0, "before": 2.0, "after": 4.0}
"""Losses of a network by the place of its normalisation."""
COMPLETE = 2 / math.comb(10, 5)
"""Two-sided p-value of five values that all lie on one side of five others."""


def make(name: str, preset: str = "", **parameters: Any) -> Problem:
    return problems.REGISTRY.get(name).create(parameters, preset)


def judge(folder: Path, **claims: Claim) -> list[Judgement]:
    """Judge claims about the only problem of a run, as if that problem had declared them."""
    run = Run.open(folder)
    known = {f"claim/{name}": claim for name, claim in claims.items()}
    return judge_all(run, frame(run.records), type("Claimed", (), {"claims": known}))


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
