"""Tables over the dimension: every series with its growth, and what an accuracy costs in each dimension."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from benchmarks.record import Record, Status
from reports.cells import Cell, Column, Table, quartiles, text
from reports.costs import Cost, costs, most_accurate
from reports.dimension.growth import LEVEL, LOOSE, Growth, fit
from reports.dimension.studies import BATCHES, MEMORY, QUANTITIES, UNFIT, Quantity, Series, Study, Track, predicted
from reports.summary import Configuration, Section
from reports.words import memory, scientific, seconds, significant

COLUMNS = 16
"""More dimensions than this are thinned out, the smallest and largest kept."""
CAPACITY = 32.0 * 2**30
"""Bytes of the device that S4 speaks of."""
FILLED = (10, 20, 100, 1000)
BATCH_NAMES = {name.rpartition(".")[2] for name in BATCHES}
ACCURACIES = (1e-1, 1e-2, 1e-3, 1e-4)


def of_study(study: Study) -> list[Table]:
    """Growth, what fills a device, and one table per quantity, with a row for each series and method."""
    tables = [_growths(study), _filled(study), *(_table(study, quantity) for quantity in QUANTITIES)]
    return [table for table in tables if table]


def accuracies(sections: Sequence[tuple[int, Section]]) -> Table | None:
    """The fastest of each family to some accuracies by dimension; None where nobody reached any in two of them."""
    found = [(d, section, costs(section)) for d, section in sections if any(c.answers for c in section.configurations)]
    reached = [a for a in ACCURACIES if any(_to(table, a) for _, _, table in found)]
    if not reached or sum(bool(table) for _, _, table in found) < 2:
        return None
    columns = [Column("d")]
    run = {c.family for _, section, _ in found for c in section.configurations}
    families = [family for family in ("classical", "neural") if family in run]
    for family in families:
        columns.append(Column(f"most accurate {family}", "median error, quartiles, seeds, solve time"))
        columns += [Column(f"≤ {scientific(accuracy, 1)}", f"fastest {family}") for accuracy in reached]
    rows = []
    for d, section, table in found:
        cells = [Cell(str(d), sort=d)]
        for family in families:
            best = most_accurate(section, family)
            why = section.unfinished(family)
            absent = Cell("—", why or "not reached", kind="muted")
            cells.append(_most(best) if best else Cell("—", why or "no answer", kind="muted"))
            cells += [_cost(_to(table, accuracy), family) or absent for accuracy in reached]
        rows.append(tuple(cells))
    return Table("What an accuracy costs in each dimension: the solve time of the fastest", tuple(columns), tuple(rows))


def _most(best: Configuration) -> Cell:
    """What the most accurate of a family comes to."""
    error = best.spread("error")
    assert error is not None
    count = f"{error.count} seeds" if error.count > 1 else ""
    told = [quartiles(error, scientific), count, seconds(best.median("solve_median")), best.name]
    return Cell(scientific(error.median), ", ".join(filter(None, told)), error.median)


def _to(table: Sequence[Cost], accuracy: float) -> Cost | None:
    """The cost of the accuracy: of the loosest one in the table that is no looser."""
    return next((cost for cost in table if cost.accuracy <= accuracy * (1.0 + 1e-9)), None)


def _cost(cost: Cost | None, family: str) -> Cell | None:
    winner = getattr(cost, family) if cost else None
    if cost is None or winner is None:
        return None
    spent = float(getattr(cost, f"{family}_s"))
    return Cell(seconds(spent), winner.name, spent)


def _growths(study: Study) -> Table | None:
    shown = [s for s in study.series if any(track.growth for track in s.tracks)]
    if not shown:
        return None
    kinds = [q for q in QUANTITIES if any(t.growth and t.quantity is q for s in shown for t in s.tracks)]
    columns = [Column("series", numeric=False), Column("device", "precision", numeric=False)]
    columns += [Column(quantity.title, numeric=False) for quantity in kinds]
    rows = []
    for series in shown:
        found = [series.track(quantity.key) for quantity in kinds]
        cells = [_growth(track) if track else Cell("") for track in found]
        rows.append((text(series.label, _span(series)), text(*series.place), *cells))
    caption = f"How costs grow with the dimension, with intervals of {100 * LEVEL:g} %"
    return Table(caption, tuple(columns), tuple(rows))


def _filled(study: Study) -> Table | None:
    """Points in a training step at which a device is full, from series that differ in that number alone."""
    groups: dict[tuple[object, ...], list[Series]] = {}
    for series in study.series:
        if series.family == "neural" and series.batch > 0.0:
            rest = tuple(pair for pair in series.settings if pair[0] not in BATCH_NAMES)
            groups.setdefault((series.solver, series.strategy, rest, series.place), []).append(series)
    rows = []
    for mates in groups.values():
        label = dataclasses.replace(mates[0], settings=tuple(p for p in mates[0].settings if p[0] not in BATCH_NAMES))
        tracks = [(s.batch, t) for s in mates if (t := s.track("device") or s.track("host"))]
        method = tracks[0][1].method if tracks else ""
        points = [(d, v, b) for b, t in tracks if t.method == method for d, v in t.medians.items()]
        law = fit([d for d, _, _ in points], [v for _, v, _ in points], sizes=[b for _, _, b in points])
        cells = [_filling(law, d) if law else Cell("") for d in FILLED]
        if any(cell.text for cell in cells):
            measured = ", ".join(f"{batch:,.0f}" for batch in sorted({batch for batch, _ in tracks}))
            rows.append((text(label.label), text(*label.place), text(method), text(measured), *cells))
    if not rows:
        return None
    columns = [Column("series", numeric=False), Column("device", "precision", numeric=False)]
    columns += [Column("measured by", numeric=False), Column("points measured", numeric=False)]
    columns += [Column(f"d = {d}") for d in FILLED]
    caption = (
        f"Points in a training step that fill {memory(CAPACITY)}, carried on from what was measured as a + b · points "
        "· d^p"
    )
    return Table(caption, tuple(columns), tuple(rows))


def _filling(law: Growth, dimension: int) -> Cell:
    """The number of points at which memory is full, nothing where the law gives none."""
    # Beyond what was measured the exponent alone would speak.
    within = min(law.dimensions) <= dimension <= max(law.dimensions)
    size = law.size_for(CAPACITY, dimension) if within and law.misfit <= LOOSE else None
    return Cell(size.words, sort=size.value) if size else Cell("")


def _table(study: Study, quantity: Quantity) -> Table | None:
    tracks = [(series, track) for series in study.series for track in series.tracks if track.quantity is quantity]
    if not tracks:
        return None
    at = sorted({d for series, track in tracks for d in (*track.spreads, *_lost(series, quantity))})
    if len(at) > COLUMNS:
        at = [at[round(k * (len(at) - 1) / (COLUMNS - 1))] for k in range(COLUMNS)]
    methods = any(track.method for _, track in tracks)
    columns = [Column("series", numeric=False), Column("device", "precision", numeric=False)]
    columns += [Column("measured by", numeric=False)] if methods else []
    columns += [Column(f"d = {d}") for d in at]
    rows = []
    for series, track in tracks:
        cells = [text(series.label, _count(series)), text(*series.place)]
        cells += [text(track.method)] if methods else []
        cells += [_cell(series, track, d) for d in at]
        rows.append(tuple(cells))
    return Table(f"{quantity.heading}, quartiles in small print", tuple(columns), tuple(rows))


def _lost(series: Series, quantity: Quantity) -> dict[int, Record]:
    """Rows that did not fit, by dimension; they belong to what is said of memory."""
    return {r.dimension: r for r in series.records if r.status in UNFIT} if quantity.key in MEMORY else {}


def _cell(series: Series, track: Track, d: int) -> Cell:
    spread = track.spreads.get(d)
    if spread is not None:
        words = track.quantity.words
        doubtful = track.quantity.key == "error" and not series.answers.get(d, True)
        told = [quartiles(spread, words), "no answer" if doubtful else ""]
        return Cell(words(spread.median), "; ".join(filter(None, told)), spread.median)
    lost = next((record for record in series.records if record.dimension == d and not record.answered), None)
    if lost is None:
        return Cell("")
    foreseen = predicted(lost)
    if lost.status == Status.OVER_BUDGET and foreseen:
        return Cell(str(lost.status), f"{memory(foreseen)} predicted", foreseen, "bad")
    return Cell(str(lost.status), kind="bad")


def _growth(track: Track) -> Cell:
    growth = track.growth
    if growth is None:
        return Cell("")
    if not growth.settled:
        return text(growth.words, "; ".join(filter(None, ("no exponent is settled", track.method))), kind="law")
    off = f"{significant(100.0 * growth.misfit, 2)} %" if growth.misfit >= 1e-3 else "less than 0.1 %"
    told = [f"within {off}"]
    if growth.constant >= 0.01:
        told.append(f"{significant(100.0 * growth.constant, 2)} % constant at the largest d")
    told += [track.method] if track.method else []
    return Cell(growth.words, "; ".join(told), growth.exponent, "law")


def _span(series: Series) -> str:
    return f"{len(series.dimensions)} dimensions, {series.dimensions[0]} to {series.dimensions[-1]}"


def _count(series: Series) -> str:
    seeds: dict[int, set[int]] = {}
    for record in series.records:
        seeds.setdefault(record.dimension, set()).add(record.seed)
    fewest, most = min(map(len, seeds.values())), max(map(len, seeds.values()))
    rounds = max(record.rounds for record in series.records)
    words = [f"{most} seed{'s' if most != 1 else ''}" if fewest == most else f"{fewest} to {most} seeds"]
    return ", ".join(words + ([f"{rounds} rounds"] if rounds > 1 else []))
