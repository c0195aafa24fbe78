"""Tables on the sources: each published figure and claim beside what a run gave, and all of them in one table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reports.cells import Cell, Column, Table, digits, quantity, seeds, short, spread, text
from reports.sources.claims import Judgement
from reports.sources.findings import Finding, Place
from reports.sources.published import ESTIMATES, Comparison, printed_digits
from reports.sources.verdicts import CONTRADICTED, OPEN, SUPPORTED
from reports.words import known, metric, number, probability, scientific, seconds

CLAIM_KINDS = {SUPPORTED: "good", CONTRADICTED: "bad"}


def overview(found: Sequence[Finding]) -> Table | None:
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


def published_table(comparisons: Sequence[Comparison]) -> Table:
    """Published against measured."""
    columns = (
        Column("figure", numeric=False),
        Column("published"),
        Column("measured", "median, quartiles over seeds"),
        Column("seeds"),
        Column("solver", numeric=False),
        Column("verdict", numeric=False),
        Column("published time"),
        Column("solve time"),
        Column("remark", numeric=False),
    )
    rows = tuple(_published_row(c) for c in comparisons)
    filled = [any(row[i].text for row in rows) for i in range(len(columns))]
    kept = tuple(column for column, keep in zip(columns, filled, strict=True) if keep)
    rows = tuple(tuple(cell for cell, keep in zip(row, filled, strict=True) if keep) for row in rows)
    return Table("Each figure of the sources, and what this run gave for it", kept, rows)


def claims_table(judgements: Sequence[Judgement]) -> Table:
    """What the sources claim, and what the rows tagged for it say."""
    columns = (
        Column("claim", numeric=False),
        Column("solver", numeric=False),
        Column("verdict", numeric=False),
        Column("evidence", numeric=False),
        Column("rows"),
    )
    rows = tuple(
        (
            text(j.claim.text, f"{j.claim.source}, {j.claim.entry} · {j.key}", kind="long"),
            text(j.group),
            text(
                j.verdict, probability(j.decided) if known(j.decided) else "", kind=CLAIM_KINDS.get(j.verdict, "muted")
            ),
            text(j.sentence, kind="long"),
            Cell(str(j.rows) if j.rows else "", f"{j.lost} failed" if j.lost else "", j.rows),
        )
        for j in judgements
    )
    return Table("Each claim of the sources, and what the rows that are tagged for it say", columns, rows)


def _published_row(c: Comparison) -> tuple[Cell, ...]:
    entry, known_time = c.entry, c.entry.seconds
    digits_printed = printed_digits(entry.value)
    value = number(entry.value) if entry.metric in ESTIMATES else scientific(entry.value, digits_printed)
    value += f" ± {number(entry.spread)}" if entry.spread is not None else ""
    shown = Cell("")
    if c.measured:
        words = digits if c.measured_error else lambda v: scientific(v, 5)
        error = f"error {scientific(c.measured_error.median)}" if c.measured_error else ""
        cell = quantity(c.measured.median, words, c.measured)
        shown = Cell(cell.text, " · ".join(part for part in (error, cell.detail) if part), cell.sort)
    config = c.configuration
    return (
        text(f"{entry.entry}: {metric(entry.metric)}", f"{entry.source} · {c.key}"),
        Cell(value, f"error {scientific(c.published_error)}" if c.published_error is not None else "", entry.value),
        shown,
        seeds(config) if config else Cell(""),
        text(config.label if config else ""),
        text(c.verdict, short(c.detail), kind=_verdict_kind(c.verdict)),
        quantity(known_time, seconds) if known_time is not None else Cell(""),
        spread(config, "solve_median", seconds) if config else Cell(""),
        text(entry.remark, kind="long"),
    )


def _verdict_kind(verdict: str) -> str:
    if verdict in ("reproduced", "better"):
        return "good"
    return "muted" if verdict in ("not run", "another method", OPEN) else "bad"
