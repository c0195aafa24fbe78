"""Everything that the sources print or claim in one table, with how many rows of a run said what about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import problems
from reports.cells import Cell, Column, Table, text
from reports.claims import Judgement
from reports.published import Comparison
from reports.verdicts import NOT_RUN

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


def sources_table(found: Sequence[Finding]) -> Table | None:
    """One row for each table, figure or claim of a source that rows were run for; None where there are none."""
    groups: dict[tuple[Place, str, str], Counter[str]] = {}
    for finding in found:
        groups.setdefault((finding.place, finding.kind, finding.anchor), Counter())[finding.verdict] += 1
    rows = tuple(
        (
            text(entry, source),
            Cell(problem, "", problem, link=anchor),
            text(kind),
            Cell(str(sum(verdicts.values())), "", sum(verdicts.values())),
            text("; ".join(f"{verdict}: {count}" for verdict, count in verdicts.most_common())),
        )
        for ((source, entry, problem), kind, anchor), verdicts in sorted(groups.items(), key=lambda item: item[0])
    )
    columns = (
        Column("table, figure or section", numeric=False),
        Column("problem", numeric=False),
        Column("what", numeric=False),
        Column("verdicts"),
        Column("of these", numeric=False),
    )
    return Table("What the sources print and claim, and what this run says about it", columns, rows) if rows else None


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
