"""Quantities and names in words, the same ones in tables, figures and sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

METRICS = {
    "relative_l2": "relative L2 error",
    "relative_linf": "relative L∞ error",
    "mean_abs": "mean absolute error",
    "max_abs": "maximum absolute error",
    "estimate_error": "relative distance from the exact estimate",
    "parameter_error": "relative error of the parameters",
    "standard_error": "relative standard error that the noise allows",
    "stated_standard_error": "relative standard error that the solver states",
    "parameter_error_in_standard_errors": "error of the parameters in standard errors",
    "estimate_error_in_standard_errors": "distance from the exact estimate in standard errors",
    "interval_covers": "share of the stated intervals that cover the truth",
    "eigenvalue": "eigenvalue",
    "eigenvalue_error": "absolute eigenvalue error",
    "relative_eigenvalue_error": "relative eigenvalue error",
    "norm": "norm",
    "overlap": "overlap",
    "distance": "L2 distance of normalised states",
    "ratio_mean": "mean of (Av)ᵢ/vᵢ",
    "ratio_std": "deviation of (Av)ᵢ/vᵢ",
    "ratio_error": "error of the mean ratio",
}
WORK = {"solve_median": "solve time / s", "total_s": "set-up + compilation + solve time / s"}
"""Columns of times that errors are drawn against, as axes call them."""
UNITS = ((60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
BYTES = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")
STRATEGIES = {
    "nested-reverse": "reverse-over-reverse Hessian",
    "forward-over-reverse": "forward-over-reverse Hessian",
    "taylor": "forward Laplacian",
    "hutchinson": "Hutchinson's estimator",
    "stde": "sparse coordinate estimator",
}
"""How networks take second derivatives."""


def metric(name: str) -> str:
    """What a figure of merit is called."""
    if name in METRICS:
        return METRICS[name]
    for norm, words in METRICS.items():
        if name.endswith(f"_{norm}"):
            return f"{words} {name.removesuffix(f'_{norm}').replace('_', ' ')} the domain"
    return name.replace("_", " ")


def known(value: Any) -> bool:
    """Whether there is a finite number to show."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any) -> str:
    """A parameter's value: floats to six digits, the rest as it is."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e6 else f"{value:.6g}"
    return str(value)


def scientific(value: float, digits: int = 3) -> str:
    """An error: 1.23e-4."""
    if not known(value):
        return ""
    if value == 0.0:
        return "0"
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    return f"{mantissa}e{int(exponent)}" if int(exponent) else mantissa


def seconds(value: float) -> str:
    """A duration in the unit that suits it; from ten minutes on in minutes."""
    if not known(value):
        return ""
    if value == 0.0:
        return "0 s"
    size, unit = next(((s, u) for s, u in UNITS if value >= (10 * s if u == "min" else s)), UNITS[-1])
    return f"{significant(value / size)} {unit}"


def mebibytes(value: float) -> str:
    """Memory in MiB, without the unit."""
    return significant(value / 2**20) if known(value) else ""


def memory(value: float) -> str:
    """Bytes in the unit that suits them; large numbers of PiB as a power of ten, and infinity as a bound."""
    if value == math.inf:
        return f"more than 1e292 {BYTES[-1]}"
    if not known(value):
        return ""
    power = min(int(math.log(max(abs(value), 1.0), 1024.0) + 1e-9), len(BYTES) - 1)
    size = value / 1024.0**power
    return f"{significant(size) if abs(size) < 1e4 else scientific(size)} {BYTES[power]}"


def significant(value: float, digits: int = 3) -> str:
    """Fixed notation with that many significant digits, never in scientific notation."""
    if value == 0.0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def factor(value: float) -> str:
    """A ratio to two digits: 0.031, 1.4, 37, 5,200, 3.1e9."""
    if 0.0 < value < 1.0:
        return significant(value, 2) if value >= 1e-3 else scientific(value, 2)
    if value < 10 or not math.isfinite(value):
        return f"{value:.1f}".replace("inf", "∞")
    if value >= 1e7:
        return scientific(value, 2)
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return f"{round(value / unit) * unit:,.0f}"


def listed(words: Iterable[object]) -> str:
    """Names or numbers in one line: a, b and c."""
    *first, last = map(str, words)
    return f"{', '.join(first)} and {last}" if first else last


def strategy(name: str) -> str:
    """What a way of taking second derivatives is called."""
    return STRATEGIES.get(name, name)


def the_strategy(name: str) -> str:
    """The same with its article, but for what is called after somebody."""
    words = strategy(name)
    return words if words[:1].isupper() else f"the {words}"


def probability(value: float) -> str:
    """A p-value to two digits."""
    return "p < 1e-6" if value < 1e-6 else f"p = {scientific(value, 2) if value < 1e-3 else significant(value, 2)}"
