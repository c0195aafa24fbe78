"""What a run found of everything that the sources print or claim, and what of it was not run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import problems
from reports.sources.claims import Judgement
from reports.sources.published import Comparison
from reports.sources.verdicts import NOT_RUN

Place = tuple[str, str, str]
"""Source, what in it, and the problem."""


@dataclass(frozen=True)
class Finding:
    """What one verdict on one place of a source is: `kind` tells figures from claims, `anchor` where it is shown."""

    place: Place
    kind: str
    verdict: str
    anchor: str


def findings(problem: str, anchor: str, compared: Iterable[Comparison], judged: Iterable[Judgement]) -> list[Finding]:
    """All verdicts of a chapter on rows that were run."""
    found = [
        Finding((c.entry.source, c.entry.entry, problem), "figures", c.verdict, f"{anchor}-published")
        for c in compared
        if c.configuration is not None
    ]
    return found + [
        Finding((j.claim.source, j.claim.entry, problem), "claims", j.verdict, f"{anchor}-claims")
        for j in judged
        if j.verdict != NOT_RUN
    ]


def not_run(found: Sequence[Finding]) -> str:
    """A sentence on what else the sources print or claim, empty where that is nothing."""
    seen = {(finding.place, finding.kind) for finding in found}
    left: dict[str, list[str]] = {}
    for name in problems.REGISTRY.names():
        problem = problems.REGISTRY.get(name)
        places = [(entry.source, entry.entry, "figures") for entry in problem.published.values()]
        for source, entry, kind in places + [(c.source, c.entry, "claims") for c in problem.claims.values()]:
            if ((source, entry, name), kind) not in seen:
                claims = ", claims" if kind == "claims" else ""
                left.setdefault(source, []).append(f"{entry}{claims} ({name})")
    told = (f"{source}: {', '.join(dict.fromkeys(entries))}" for source, entries in sorted(left.items()))
    return f"Not run here: {'; '.join(told)}." if left else ""
