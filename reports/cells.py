"""The parts of a table, independent of the format that it is written in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reports.summary import Configuration, Spread
from reports.words import known, scientific

LONG = 140
"""Characters of a reason that a cell has room for."""


@dataclass(frozen=True)
class Cell:
    """What is shown, in a second line in small print, what a column is sorted by, and the place it leads to."""

    text: str
    detail: str = ""
    sort: float | str = ""
    kind: str = ""
    link: str = ""


@dataclass(frozen=True)
class Column:
    """Heading, its unit or method, and whether it holds numbers."""

    title: str
    unit: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """Columns and rows; the first cell of a row is its heading."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


def text(value: str, detail: str = "", kind: str = "") -> Cell:
    """A cell of words."""
    return Cell(value, detail, value.lower(), kind)


def quantity(value: float, words: Callable[[float], str], spread: Spread | None = None, kind: str = "") -> Cell:
    """A cell of one number, with the quartiles over seeds where there are several."""
    if not known(value):
        return Cell("")
    return Cell(words(value), quartiles(spread, words) if spread else "", float(value), kind)


def spread(c: Configuration, column: str, words: Callable[[float], str], kind: str = "") -> Cell:
    """A column of the frame for one configuration: the median over its seeds with the quartiles."""
    found = c.spread(column)
    return quantity(found.median, words, found, kind) if found else Cell("")


def seeds(c: Configuration) -> Cell:
    """The number of seeds, and how many of them failed."""
    total = len(c.rows)
    return Cell(str(total), "" if not c.failed else f"{c.finished} ok, {c.failed} failed", total)


def quartiles(spread: Spread, words: Callable[[float], str]) -> str:
    """From the lower to the upper quartile, "" where there is nothing between them."""
    lower, upper = spread.lower_quartile, spread.upper_quartile
    return f"{words(lower)} – {words(upper)}" if upper > lower else ""


def digits(value: float) -> str:
    """An eigenvalue, to the five decimals that the sources print."""
    return f"{value:.5f}" if abs(value) < 1e5 else scientific(value)


def count(value: float) -> str:
    """A whole number."""
    return f"{value:,.0f}"


def short(value: str) -> str:
    """A reason, cut where it is longer than there is room for."""
    return value if len(value) < LONG else value[:LONG] + "…"
