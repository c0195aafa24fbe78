"""A comparison for machines: annotations and a page for a code host, JUnit XML, and figures for a trend."""

from __future__ import annotations

import json
import math
import statistics
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.record import Record
from reports import markdown
from reports.cells import Cell, Table, text
from reports.frame import headline
from reports.regression.comparison import Comparison, Difference, Pair, label, surroundings
from reports.regression.quantities import sound
from reports.regression.tables import difference_words, ending_words, tables, verdict
from reports.run import Run
from reports.words import metric

MOST_LINES, MOST_NOTES = 60, 3
HEAD_LINES, TABLE_LINES = 6, 6
"""Of a page and of a table, without notes and rows: headings, names of columns, empty lines."""
MOST_ANNOTATIONS = 10
"""GitHub shows no more errors of one step, and no more warnings."""
GONE = "the case is not in the newer run"
APART = "the newer run has the case in other circumstances alone"


def to_markdown(comparison: Comparison) -> str:
    """A page for a pull request, of at most `MOST_LINES` lines: what got worse comes first, the rest is counted."""
    base, head = comparison.base, comparison.head
    notes = [*base.notes, *head.notes]
    if len(notes) > MOST_NOTES:
        notes = [*notes[: MOST_NOTES - 1], f"{len(notes) - MOST_NOTES + 1} more lines could not be read."]
    shown, counted = _shortened(tables(comparison), MOST_LINES - HEAD_LINES - len(notes))
    return markdown.fill(
        "comparison.md.j2",
        verdict=verdict(comparison),
        tables=shown,
        counted=counted,
        surroundings=surroundings(base, head),
        names=_names(comparison),
        notes=notes,
    )


def _shortened(found: Sequence[Table], room: int) -> tuple[list[Table], list[tuple[str, int]]]:
    """Tables with as many rows as there are lines for, and captions with numbers of rows of those that do not fit."""
    shown, counted = [], []
    for number, table in enumerate(found, 1):
        rows = room - TABLE_LINES - (len(found) - number)  # The others need a line each.
        if rows < min(2, len(table.rows)):
            counted.append((table.caption, len(table.rows)))
            room -= 1
            continue
        if len(table.rows) > rows:
            more = text(f"and {len(table.rows) - rows + 1} more")
            blank = (Cell(""),) * (len(table.columns) - 1)
            table = replace(table, rows=(*table.rows[: rows - 1], (more, *blank)))
        room -= TABLE_LINES + len(table.rows)
        shown.append(table)
    return shown, counted


def to_annotations(comparison: Comparison) -> list[str]:
    """Workflow commands of GitHub, as many as it shows.

    There is an error for each thing that got worse, and a warning for each that could not be decided or is not there.
    """
    errors = [(d.label, difference_words(d)) for d in comparison.worse]
    errors += [(label(pair[1]), ending_words(pair)) for pair in comparison.failing]
    errors += [(label(record), GONE) for record in comparison.missing]
    warnings = [(d.label, f"not decided: {difference_words(d)}") for d in comparison.suspicious]
    warnings += [(label(record), f"not in the newer run any more: {title}") for record, title in comparison.unmeasured]
    return [*_annotations("error", errors), *_annotations("warning", warnings)]


def _annotations(level: str, found: Sequence[tuple[str, str]]) -> list[str]:
    """As many of a level as are shown, with titles; the rest is counted."""
    if len(found) > MOST_ANNOTATIONS:
        rest = len(found) - MOST_ANNOTATIONS + 1
        found = [*found[: MOST_ANNOTATIONS - 1], ("and more", f"{rest} more findings; see the table of this step")]
    return [_annotation(level, *one) for one in found]


def to_junit(comparison: Comparison) -> str:
    """One test per case of the older run.

    A failure is a figure that got worse, an error a case that fails now or is missing; what failed before already, or
    was run in other circumstances, is skipped.
    """
    worse: dict[str, list[Difference]] = {}
    for difference in comparison.worse:
        worse.setdefault(difference.case, []).append(difference)
    suite = ET.Element("testsuite", name=_printable(" → ".join(_names(comparison))))
    for pair in comparison.common:
        _test(suite, pair[1], *_finding(pair, worse, failing=pair in comparison.failing))
    for record in comparison.missing:
        _test(suite, record, "error", GONE)
    for old, _ in comparison.apart:
        _test(suite, old, "skipped", APART)
    counts = {f"{kind}s": len(suite.findall(f"testcase/{kind}")) for kind in ("failure", "error")}
    counts |= {"skipped": len(suite.findall("testcase/skipped")), "tests": len(suite)}
    suite.attrib |= {name: str(count) for name, count in counts.items()}
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def to_trend(run: Run) -> str:
    """Figures of a run of which smaller ones are better, as the action github-action-benchmark reads them."""
    found = []
    for record in filter(sound, run.records):
        solve = [seconds for seconds in record.solve_s if seconds is not None]
        figures = (
            (metric(record.headline), "1", headline(record) if record.judged else math.nan),
            ("solve time", "s", statistics.median(solve) if solve else math.nan),
            ("host memory", "bytes", math.nan if record.host_bytes is None else float(record.host_bytes)),
        )
        found += [
            {"name": f"{label(record)} · {title}", "unit": unit, "value": value}
            for title, unit, value in figures
            if math.isfinite(value)
        ]
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def _names(comparison: Comparison) -> tuple[str, str]:
    return comparison.base.path.resolve().name, comparison.head.path.resolve().name


def _finding(pair: Pair, worse: dict[str, list[Difference]], *, failing: bool) -> tuple[str, str]:
    """What a test of a case that both runs have says: the kind of element in it, and its message."""
    if failing or not sound(pair[1]):
        return ("error" if failing else "skipped"), ending_words(pair)
    found = worse.get(pair[1].case, [])
    return "failure" if found else "", "; ".join(map(difference_words, found))


def _test(suite: ET.Element, record: Record, kind: str, message: str) -> None:
    names = {"classname": _printable(record.problem), "name": _printable(label(record))}
    test = ET.SubElement(suite, "testcase", names)
    if kind:
        ET.SubElement(test, kind, message=_printable(message))


def _annotation(level: str, title: str, message: str) -> str:
    """Properties end at commas and colons, commands at line ends; all of them, and per cents, are escaped."""
    escaped = [text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A") for text in (title, message)]
    escaped[0] = escaped[0].replace(":", "%3A").replace(",", "%2C")
    return f"::{level} title={escaped[0]}::{escaped[1]}"


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
