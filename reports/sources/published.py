"""Published figures beside measured ones, with a verdict computed from both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from problems import Problem
from problems.base import MatrixEigenproblem, Published
from reports.sources.verdicts import OPEN
from reports.summary import Configuration, Spread
from reports.words import factor, scientific

CLOSE = 2.0
"""Errors within this factor of each other count as the same size."""
ROBUST = 5.0
"""From this ratio of the largest to the smallest error over seeds on, a single run says little."""
FEWEST = 3
"""Seeds from which on a network is called better or worse than a published one: one run may be a lucky one."""
ESTIMATES = ("eigenvalue", "ratio_mean")
"""Measures that estimate the eigenvalue: they are judged by their distance from it."""


@dataclass(frozen=True)
class Comparison:
    """One published figure and what one configuration gave for it; `measured` is None where nothing was run."""

    key: str
    entry: Published
    configuration: Configuration | None
    measured: Spread | None
    published_error: float | None
    measured_error: Spread | None
    verdict: str
    detail: str


def tagged_for(key: str, tags: str) -> bool:
    """Whether a row reproduces the entry `key`: one of its space-separated tags is that key, or a folder above it."""
    return any(key == tag or key.startswith(tag + "/") for tag in tags.split())


def compare(key: str, entry: Published, configuration: Configuration, problem: Problem) -> Comparison:
    """Judge one configuration against one published figure."""
    rows = configuration.shown
    column = entry.metric if entry.metric in rows else f"metric.{entry.metric}"
    values = [float(v) for v in rows[column].dropna()] if column in rows else []
    measured = Spread.of(values)
    if measured is None:
        reason = str(configuration.first["reason"] or configuration.first["status"])
        return Comparison(key, entry, configuration, None, None, None, "failed", reason)
    true = 0.0
    if isinstance(problem, MatrixEigenproblem) and entry.metric in ESTIMATES:
        true = problem.wanted()[0]
    target = abs(entry.value - true)
    errors = Spread.of(abs(v - true) for v in values)
    assert errors is not None
    if entry.deterministic:
        verdict, detail = _exact(entry.value, measured)
    elif configuration.family != "neural":
        # What is not deterministic was published for a network; a classical solver beside it reproduces nothing.
        verdict, detail = "another method", f"error {_words(errors.median / target if target else math.inf)}"
    else:
        verdict, detail = _size(target, errors, configuration.failed if configuration.finished else 0)
    estimate = true != 0.0
    return Comparison(
        key, entry, configuration, measured, target if estimate else None, errors if estimate else None, verdict, detail
    )


def missing(key: str, entry: Published) -> Comparison:
    """A published figure that no row of the run was meant to reproduce."""
    return Comparison(key, entry, None, None, None, None, "not run", "")


def compare_all(problem: type[Problem], found: Sequence[tuple[Configuration, Problem]]) -> list[Comparison]:
    """Every published figure of a problem with each configuration tagged for it; those that were not run come last."""
    result = []
    for key, entry in problem.published.items():
        tagged = [(c, instance) for c, instance in found if tagged_for(key, str(c.first["published"]))]
        result += [compare(key, entry, c, instance) for c, instance in tagged] or [missing(key, entry)]
    return sorted(result, key=lambda c: c.configuration is None)


def printed_digits(value: float) -> int:
    """Significant digits that a source printed, at most five."""
    mantissa = f"{value:.15e}".partition("e")[0]
    return min(5, len(mantissa.replace(".", "").lstrip("-").rstrip("0")))


def _exact(value: float, measured: Spread) -> tuple[str, str]:
    digits = printed_digits(value)
    if scientific(measured.median, digits) == scientific(value, digits):
        return "reproduced", f"equal to {digits} digits"
    ratio = measured.median / value if value else math.inf
    if 0.5 < ratio < 2.0:
        return "differs", f"by {ratio - 1.0:+.2%}"
    return "differs", f"{_words(ratio)}" if ratio > 0.0 else "in its sign"


def _size(target: float, errors: Spread, failed: int) -> tuple[str, str]:
    ratio = errors.median / target if target else math.inf
    variation = errors.most / errors.least if errors.least else math.inf
    size = _words(ratio)
    if failed:
        return "not robust across seeds", f"{failed} of {failed + errors.count} seeds failed; median error {size}"
    if errors.count > 1 and variation >= ROBUST:
        return "not robust across seeds", f"errors of {errors.count} seeds differ {factor(variation)}×; median {size}"
    if 1.0 / CLOSE < ratio <= CLOSE:
        return "reproduced", f"error {size}"
    if errors.count < FEWEST:
        return OPEN, f"error {size}, of {errors.count} seed{'s' if errors.count > 1 else ''} alone"
    return "worse" if ratio > CLOSE else "better", f"error {size}"


def _words(ratio: float) -> str:
    if 0.95 < ratio < 1.05:
        return "equal to the published one"
    if 0.0 < ratio < 1.0:
        return f"{factor(1.0 / ratio)}× smaller than published"
    return f"{factor(ratio)}× the published one"
