"""The regression gate: what got worse between two runs."""

from reports.regression.comparison import compare, surroundings
from reports.regression.outputs import to_annotations, to_junit, to_markdown, to_trend
from reports.regression.stored import find
from reports.regression.tables import for_terminal, tables, verdict

__all__ = [
    "compare",
    "find",
    "for_terminal",
    "surroundings",
    "tables",
    "to_annotations",
    "to_junit",
    "to_markdown",
    "to_trend",
    "verdict",
]
