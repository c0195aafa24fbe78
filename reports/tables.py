"""Tables of a report: rows, what an accuracy costs, failures."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from benchmarks.record import REMEDY, Status
from reports.cells import Cell, Column, Table, count, digits, quantity, seeds, short, spread, text
from reports.conclusions import EQUAL, further_sets
from reports.costs import Cost, costs, most_accurate, shared, total
from reports.intervals import Interval
from reports.summary import NO_ANSWER, Configuration, Section
from reports.words import factor, known, mebibytes, metric, scientific, seconds

NORMS = ("relative_l2", "relative_linf", "mean_abs", "max_abs")
TIMES = {"setup_first": "set-up", "compile_first": "compile", "solve_median": "solve", "evaluate_median": "evaluate"}
MOST_STATES = 4
"""Eigenvalues that have a column."""
INVERSE = ("parameter_error", "estimate_error_in_standard_errors", "stated_standard_error")
"""Further figures of merit of parameters that were found."""
DOUBTFUL, MARGIN = "†", 100.0
"""The sign of an error that is not as many times larger than that of the reference."""


def measured(section: Section) -> Table:
    """Every configuration of a section, numbered, in the order of the run; columns without any entry are left out."""
    chosen = section.configurations
    columns: list[tuple[Column, list[Cell]]] = [
        (Column("solver", numeric=False), [text(c.label, f"row {n}") for n, c in enumerate(chosen, 1)]),
        (Column("family", numeric=False), [text(c.family, kind=c.family) for c in chosen]),
        (Column("precision", numeric=False), [_circumstances(c) for c in chosen]),
        (Column("status", numeric=False), [_status(c) for c in chosen]),
    ]
    names = [section.headline, *(name for name in NORMS if name != section.headline)]
    for name in names:
        column = name if name in NORMS else f"metric.{name}"
        kind = "headline" if name == section.headline else ""
        cells = [spread(c, column, scientific, kind) for c in chosen]
        if name == "max_abs":
            cells = [_marked(cell) if _doubtful(c) else cell for c, cell in zip(chosen, cells, strict=True)]
        columns.append((Column(metric(name)), cells))
    outside = further_sets(chosen)
    for name in outside:
        title = f"error {name.replace('_', ' ')} the domain"
        spreads = [spread(c, f"metric.{name}_relative_l2", scientific) for c in chosen]
        columns.append((Column(title, metric("relative_l2").removesuffix(" error")), spreads))
    columns.append((Column("eigenvalue"), [spread(c, "metric.eigenvalue", digits) for c in chosen]))
    for state in range(MOST_STATES):
        columns.append((Column(f"E{state}"), [spread(c, f"metric.eigenvalue_{state}", digits) for c in chosen]))
    columns.append((Column("norm", "√∫wψ², before"), [spread(c, "metric.norm", scientific) for c in chosen]))
    columns.append((Column(metric("overlap"), "after"), [spread(c, "metric.overlap", scientific) for c in chosen]))
    columns.append((Column(metric("ratio_mean"), "mean ± deviation over i"), [_ratio(c) for c in chosen]))
    for name in INVERSE:
        columns.append((Column(metric(name)), [spread(c, f"metric.{name}", scientific) for c in chosen]))
    columns.append((Column("unknowns"), [spread(c, "unknowns", count) for c in chosen]))
    for title, column in (("dx", "dx"), ("dt", "dt"), ("tolerance", "fact.tolerance")):
        columns.append((Column(title), [spread(c, column, scientific) for c in chosen]))
    for column, title in TIMES.items():
        columns.append((Column(title, "time"), [spread(c, column, seconds) for c in chosen]))
    columns += [*_memory(chosen, "host"), *_memory(chosen, "device")]
    columns.append((Column("training ended by", numeric=False), [_said(c, "fact.stopped_by") for c in chosen]))
    columns.append((Column("iterations"), [spread(c, "fact.iterations", count) for c in chosen]))
    columns.append((Column("kept iteration"), [spread(c, "fact.best_iteration", count) for c in chosen]))
    columns.append((Column("forward solutions"), [spread(c, "fact.forward_solves", count) for c in chosen]))
    columns.append((Column("derivatives", numeric=False), [_said(c, "fact.derivatives") for c in chosen]))
    scatter = [spread(c, "fact.estimator_deviation", scientific) for c in chosen]
    columns.append((Column("scatter of derivatives", "relative, at the end"), scatter))
    columns.append((Column("samples"), [spread(c, "fact.samples", count) for c in chosen]))
    columns.append(
        (Column("standard error", "as stated"), [spread(c, "fact.standard_error", scientific) for c in chosen])
    )
    columns.append((Column("seeds"), [seeds(c) for c in chosen]))
    kept = [(head, cells) for head, cells in columns if any(cell.text for cell in cells)]
    rows = tuple(zip(*(cells for _, cells in kept), strict=True))
    caption = "Every configuration that was tried"
    if outside:
        caption += "; errors outside the domain are those of methods that can answer there, at points of their own"
    if any(_doubtful(c) for c in chosen):
        caption += (
            f"; {DOUBTFUL} less than {MARGIN:g} times the error of the reference, which may be a part of this one and "
            "of those beside it"
        )
    return Table(caption, tuple(head for head, _ in kept), rows)


def overview(found: Sequence[tuple[str, str, Section]]) -> Table:
    """What each family reached on each section, and who was faster where both got; with title and anchor of each."""
    rows = []
    for title, anchor, section in found:
        cost = shared(costs(section))
        rows.append(
            (
                Cell(title, "", title.lower(), link=anchor),
                text(metric(section.headline)),
                *(_best(section, family) for family in ("classical", "neural")),
                Cell(f"≤ {scientific(cost.accuracy, 1)}", "", cost.accuracy) if cost else Cell(""),
                _ahead(cost.ratio) if cost else Cell(""),
                _ahead(cost.total_ratio) if cost else Cell(""),
            )
        )
    columns = (
        Column("problem", numeric=False),
        Column("judged by", numeric=False),
        Column("most accurate classical", "median error, solve time"),
        Column("most accurate neural", "median error, solve time"),
        Column("reached by both"),
        Column("faster there", "solve time", numeric=False),
        Column("faster there", "total time", numeric=False),
    )
    return Table("What each family reached", columns, tuple(rows))


def cost_table(table: Sequence[Cost], section: Section) -> Table:
    """The fastest way of each family to each accuracy."""
    rows = []
    why = [section.unfinished(family) or "not reached" for family in ("classical", "neural")]
    for cost in table:
        rows.append(
            (
                Cell(f"≤ {scientific(cost.accuracy, 1)}", sort=cost.accuracy),
                _winner(cost.classical, cost.classical_s, why[0]),
                _winner(cost.neural, cost.neural_s, why[1]),
                _time_ratio(cost.ratio, cost.interval()),
                _time_ratio(cost.total_ratio),
            )
        )
    columns = (
        Column(metric(section.headline)),
        Column("fastest classical", numeric=False),
        Column("fastest neural", numeric=False),
        Column("neural ÷ classical", "solve time, 95 % interval"),
        Column("neural ÷ classical", "total time"),
    )
    caption = "Cost of an accuracy: the fastest configuration of each family that answers"
    if section.ways:
        caption += "; of a training, as much as it took until the median error over its seeds stayed that small"
    return Table(caption, columns, tuple(rows))


def _time_ratio(value: float, interval: Interval | None = None) -> Cell:
    """A ratio of times with its interval."""
    cell = quantity(value, _times)
    return dataclasses.replace(cell, detail=f"{_times(interval.low)} – {_times(interval.high)}") if interval else cell


def _times(value: float) -> str:
    return f"{factor(value)}×" if value >= 1.0 else f"1/{factor(1.0 / value)}×"


def failures_table(rows: Sequence[tuple[Section, Configuration]]) -> Table:
    """Everything that did not finish, one row per status of a configuration."""
    cells = []
    for section, c in rows:
        lost = c.rows[~c.rows["ok"]]
        for (status, reason), part in lost.groupby(["status", "reason"], sort=False, dropna=False):
            seeds = ", ".join(str(seed) for seed in sorted(part["seed"]))
            remedy = REMEDY.get(Status(status), "") if status in set(Status) else ""
            cells.append(
                (
                    text(c.label, ": ".join(part for part in (section.problem, section.title) if part)),
                    text(str(status), kind="bad"),
                    text(str(reason)),
                    text(remedy or ("The headline error is not finite." if status == Status.FINISHED else "")),
                    Cell(seeds, sort=len(part)),
                )
            )
    titles = ("solver and problem", "status", "reason", "what to do", "seeds")
    return Table("Rows that did not finish", tuple(Column(title, numeric=False) for title in titles), tuple(cells))


def _circumstances(c: Configuration) -> Cell:
    threads = c.first["threads"]
    return text(str(c.first["precision"]), f"{c.first['device']}, {threads} thread{'s' if threads != 1 else ''}")


def _status(c: Configuration) -> Cell:
    if c.finished:
        detail = f"{c.failed} of {len(c.rows)} seeds did not" if c.failed else ""
        if c.reliable and not c.answers:
            off = f"no answer: the {metric('relative_l2')} is above {NO_ANSWER:g}"
            detail = "; ".join(part for part in (detail, off) if part)
        return text("finished", detail, kind="bad" if detail else "")
    return text(str(c.first["status"]), short(str(c.first["reason"])), kind="bad")


def _doubtful(c: Configuration) -> bool:
    """Whether the error of the reference may be a part of what is called the error of the solver."""
    return c.median("max_abs") < MARGIN * c.median("reference_error")


def _marked(cell: Cell) -> Cell:
    return dataclasses.replace(cell, text=f"{cell.text} {DOUBTFUL}")


def _said(c: Configuration, column: str) -> Cell:
    """What the shown rows say in words; with the number of seeds that say it, where they differ."""
    said = [str(value) for value in c.shown[column].dropna()] if column in c.shown else []
    if len(set(said)) < 2:
        return text(said[0] if said else "")
    return text(", ".join(f"{value} ({said.count(value)})" for value in dict.fromkeys(said)))


def _memory(chosen: Sequence[Configuration], kind: str) -> list[tuple[Column, list[Cell]]]:
    """One column per method of measurement, so that no column mixes two."""
    methods = [str(c.first[f"{kind}_method"]) for c in chosen]
    found = []
    for method in dict.fromkeys(m for m, c in zip(methods, chosen, strict=True) if c.spread(f"{kind}_bytes")):
        cells = []
        for c, mine in zip(chosen, methods, strict=True):
            base = c.median(f"{kind}_base_bytes")
            detail = f"from {mebibytes(base)}" if known(base) else ""
            cells.append(
                Cell(mebibytes(c.median(f"{kind}_bytes")), detail, c.median(f"{kind}_bytes"))
                if mine == method and c.spread(f"{kind}_bytes")
                else Cell("", mine if mine.startswith("not measured") else "")
            )
        found.append((Column(f"{kind} memory", f"MiB, {method or 'method unknown'}"), cells))
    return found


def _ratio(c: Configuration) -> Cell:
    mean, deviation = c.spread("metric.ratio_mean"), c.spread("metric.ratio_std")
    if mean is None or deviation is None:
        return Cell("")
    return Cell(f"{digits(mean.median)} ± {scientific(deviation.median, 2)}", "", mean.median)


def _best(section: Section, family: str) -> Cell:
    c = most_accurate(section, family)
    if c is None:
        reliable = any(other.reliable for other in section.configurations if other.family == family)
        why = section.unfinished(family) or ("no answer" if reliable else "none reliable")
        return Cell("—", why, kind="muted")
    error = c.median("error")
    return Cell(scientific(error), f"{seconds(c.median('solve_median'))}, {c.name}", error)


def _ahead(ratio: float) -> Cell:
    """Who is ahead by how much, for a time of the network over one of the classical solver."""
    if not known(ratio) or ratio <= 0.0:
        return Cell("")
    size = max(ratio, 1.0 / ratio)
    return text("equal" if size <= EQUAL else f"{'classical' if ratio > 1.0 else 'neural'}, {factor(size)}×")


def _winner(c: Configuration | None, solve_s: float, why: str) -> Cell:
    if c is None:
        return text("—", why, kind="muted")
    spent, whole = seconds(solve_s), seconds(c.median("solve_median"))
    part = "" if spent == whole else f" of {whole}"
    failed = f", {c.failed} of {len(c.rows)} seeds failed" if c.failed else ""
    return text(c.label, f"{spent}{part} (total {seconds(total(c, solve_s))}){failed}")
