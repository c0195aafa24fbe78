"""The regression gate: what got worse between two runs."""

from reports.regression.again import measure_again
from reports.regression.baseline import accept
from reports.regression.comparison import compare, surroundings
from reports.regression.outputs import to_annotations, to_junit, to_markdown, to_trend
from reports.regression.stored import commit, find
from reports.regression.tables import for_terminal, tables, verdict

__all__ = [
    "accept",
    "commit",
    "compare",
    "find",
    "for_terminal",
    "measure_again",
    "surroundings",
    "tables",
    "to_annotations",
    "to_junit",
    "to_markdown",
    "to_trend",
    "verdict",
]
