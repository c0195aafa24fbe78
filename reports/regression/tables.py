"""A comparison as tables, the same for the terminal and for Markdown, and its parts in words."""

from __future__ import annotations

from collections.abc import Sequence

import rich.table
from rich.text import Text

from benchmarks.record import Record, Status
from reports.cells import Cell, Column, Table, text
from reports.regression.comparison import USUAL, Comparison, Difference, Pair, circumstance, label
from reports.words import factor, listed, metric


def verdict(comparison: Comparison) -> str:
    """What came out, in one sentence, and a second one on what was not compared."""
    c = comparison
    bad = [
        *_counted(len(c.worse), "figure is worse", "figures are worse"),
        *_counted(len(c.failing), "case fails now", "cases fail now"),
        *_counted(len(c.missing), "case is missing", "cases are missing"),
    ]
    scope = " of ".join([*_counted(c.figures, "figure", "figures"), *_counted(c.compared, "case", "cases")])
    sentence = f"Regression: {listed(bad)} ({scope} compared)." if bad else f"No regression ({scope} compared)."
    if c.unmeasured:
        sentence += f" {_counted(len(c.unmeasured), 'figure is', 'figures are')[0]} not in the newer run any more."
    trainings = _counted(len(c.trainings), "training was", "trainings were")
    if trainings:
        sentence += f" {trainings[0]} not compared, since the machine or the packages differ."
    if c.other_machine:
        sentence += (
            " Nor were times and sampled memory, since the machines differ."
            if trainings
            else " Times and sampled memory were not compared, since the machines differ."
        )
    if c.suspicious:
        sentence += f" Not decided: {_counted(len(c.suspicious), 'cost that looks', 'costs that look')[0]} larger."
    return sentence


def tables(comparison: Comparison) -> list[Table]:
    """What differs, what got worse first; nothing for what does not."""
    found = [
        _differences("Worse", comparison.worse),
        _endings("Failing now", comparison.failing),
        _records("Missing", comparison.missing),
        _differences("Looks larger, not decided", comparison.suspicious, "cost"),
        _differences("Better", comparison.better),
        _endings("Passing now", comparison.passing),
        _records("New", comparison.new),
        _apart(comparison.apart),
        _unmeasured(comparison.unmeasured),
        _records("Not compared, since the machine or the packages of trainings differ", comparison.trainings),
        _differences("As before, measured again", comparison.acquitted, "cost"),
    ]
    return [table for table in found if table.rows]


def for_terminal(table: Table) -> rich.table.Table:
    """A table as rich prints it."""
    shown = rich.table.Table(title=table.caption, title_justify="left")
    for column in table.columns:
        shown.add_column(column.title, justify="right" if column.numeric else "left", overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text("\n".join(filter(None, (cell.text, cell.detail)))) for cell in row))
    return shown


def difference_words(difference: Difference) -> str:
    """A difference in words."""
    return f"{difference.title}: {difference.words(difference.base)} → {difference.words(difference.head)}"


def ending_words(pair: Pair) -> str:
    """How a case ended and how it ends now, in words."""
    (old, why), (now, reason) = map(_ending, pair)
    return f"{old} → {now}" + (f": {reason}" if reason else f" (before: {why})" if why else "")


def _ending(record: Record) -> tuple[str, str]:
    """Status and reason of a row."""
    if record.status == Status.FINISHED and record.judged and not record.reason:
        value = getattr(record, record.headline, None)
        unknown = value is None and record.metrics.get(record.headline) is None
        return record.status, f"without a {metric(record.headline)}" if unknown else ""
    return record.status, record.reason


def _counted(count: int, one: str, many: str) -> list[str]:
    """A number with its noun, nothing for none."""
    return [f"{count:,} {one if count == 1 else many}"] if count else []


def _differences(caption: str, differences: Sequence[Difference], what: str = "figure") -> Table:
    columns = (
        Column("case", numeric=False),
        Column(what, numeric=False),
        Column("base"),
        Column("head"),
        Column("ratio"),
    )
    rows = tuple(
        (
            text(d.label, d.case),
            text(d.title),
            Cell(d.words(d.base), sort=d.base),
            Cell(d.words(d.head), sort=d.head),
            Cell(f"{factor(d.ratio)}×" if d.ratio >= 2.0 else f"{d.ratio:.3g}×", sort=d.ratio),
        )
        for d in differences
    )
    return Table(caption, columns, rows)


def _endings(caption: str, pairs: Sequence[Pair]) -> Table:
    columns = (Column("case", numeric=False), Column("base", numeric=False), Column("head", numeric=False))
    rows = tuple((text(label(now), now.case), text(*_ending(old)), text(*_ending(now))) for old, now in pairs)
    return Table(caption, columns, rows)


def _records(caption: str, records: Sequence[Record]) -> Table:
    columns = (Column("case", numeric=False), Column("status", numeric=False))
    return Table(caption, columns, tuple((text(label(r), r.case), text(r.status)) for r in records))


def _apart(pairs: Sequence[Pair]) -> Table:
    columns = (Column("case", numeric=False), Column("base", numeric=False), Column("head", numeric=False))
    rows = tuple((text(label(now), now.case), *map(_circumstances, pair)) for pair in pairs for now in pair[1:])
    return Table("Not compared, since run in other circumstances", columns, rows)


def _circumstances(record: Record) -> Cell:
    ended = [] if record.status == Status.FINISHED else [str(record.status)]
    return text(", ".join([*(circumstance(record, name) for name in USUAL), *ended]))


def _unmeasured(figures: Sequence[tuple[Record, str]]) -> Table:
    columns = (Column("case", numeric=False), Column("figure", numeric=False))
    rows = tuple((text(label(record), record.case), text(title)) for record, title in figures)
    return Table("Not compared, since the newer run does not have it", columns, rows)
