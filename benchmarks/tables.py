"""Tables for the terminal."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.table import Table
from rich.text import Text

import backends
import problems
from benchmarks import suites
from benchmarks.cases import Case, format_value
from benchmarks.interpreters import Interpreters
from benchmarks.record import REMEDY, Record, Status
from problems.parameters import describe


def solvers_of(problem: Any) -> list[str]:
    """Names of the solvers that take `problem` with their default parameters."""
    names = backends.REGISTRY.names()
    return [name for name in names if backends.REGISTRY.get(name)().unsupported(problem) is None]


def problems_table() -> Table:
    """Every problem with its equation, dimensions, kind of reference and who can solve it as it is by default."""
    table = Table("problem", "equation", "dimension or components", "presets", "reference", "solved by")
    for name in problems.REGISTRY.names():
        problem = problems.REGISTRY.get(name)()
        table.add_row(
            name,
            problem.equation,
            _dimensions(problem),
            ", ".join(problem.presets) or "–",
            problem.reference_kind,
            ", ".join(solvers_of(problem)),
        )
    return table


def _dimensions(problem: Any) -> str:
    """The default, and from where to where it can be chosen."""
    for field in dataclasses.fields(problem):
        bounds = field.metadata
        if bounds.get("description", "").startswith("dimension") and bounds.get("most"):
            return f"{problem.dimension} ({bounds['least']}–{bounds['most']})"
    return str(problem.dimension)


def support_markdown() -> str:
    """Problems with who solves them as a Markdown table; a third-party plugin's are included when loaded."""
    lines = ["| problem | equation | classical solvers | networks |", "|---|---|---|---|"]
    for name in problems.REGISTRY.names():
        problem = problems.REGISTRY.get(name)()
        able = solvers_of(problem)
        families = [
            ", ".join(solver for solver in able if backends.REGISTRY.get(solver).family == family)
            for family in ("classical", "neural")
        ]
        # A bar within a cell would end it.
        lines.append(" | ".join([f"| `{name}`", problem.equation.replace("|", "\\|"), *families]) + " |")
    return "\n".join(lines)


def solvers_table(interpreters: Interpreters) -> Table:
    """Every solver, and whether it can run here."""
    table = Table("solver", "method", "family", "presets", "here")
    for name in backends.REGISTRY.names():
        solver = backends.REGISTRY.get(name)
        place = interpreters.find(solver)
        here = Text(" ".join(place.command) if place.available else place.reason, "green" if place.available else "red")
        table.add_row(name, solver.title, solver.family, ", ".join(solver.presets) or "–", here)
    return table


def parameters_table(cls: Any) -> Table:
    """Every parameter of a problem or solver; those of a nested choice begin with the kind that has them."""
    table = Table("parameter", "default", "values", "meaning")
    for line in describe(cls):
        table.add_row(line.name, str(format_value(line.default)).strip('"'), line.allowed, line.meaning)
    return table


def suites_table() -> Table:
    """Every suite that comes with the product."""
    table = Table("suite", "title", "cases")
    for name in suites.names():
        suite = suites.load(name, suites.Overrides())
        table.add_row(name, suite.title, str(len(suite.cases)))
    return table


def results_table(records: Sequence[Record]) -> Table:
    """One line per record."""
    table = Table("problem", "solver", "seed", "status", "error", "setup", "compile", "solve", "memory")
    for record in records:
        problem, solver = (Text(str(spec)) for spec in Case.from_record(record).specs())
        good = record.status == Status.FINISHED
        table.add_row(
            problem,
            solver,
            str(record.seed),
            Text(record.status, "green" if good else "red"),
            _error(record),
            *(_seconds(times) for times in (record.setup_s[:1], record.compile_s[:1], record.solve_s)),
            "–" if record.host_bytes is None else f"{record.host_bytes / 2**20:.0f} MiB",
        )
    return table


def troubles(records: Sequence[Record]) -> list[str]:
    """What did not finish and why, under a heading for each status with the remedy."""
    lines = []
    for status in Status:
        rows = [record for record in records if record.status == status and status != Status.FINISHED]
        if rows:
            lines.append(f"{status} ({len(rows)} of {len(records)}). {REMEDY[status]}")
            lines += [f"  {Case.from_record(row).label}: {row.reason}" for row in rows]
    return lines


def _error(record: Record) -> str:
    value = record.metrics.get(record.headline, getattr(record, record.headline, None))
    return "–" if value is None else f"{value:.2e}"


def _seconds(times: Sequence[float]) -> str:
    if not times:
        return "–"
    value = median(times)
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if value * factor >= 1.0:
            return f"{value * factor:.3g} {unit}"
    return f"{value * 1e6:.3g} µs"
