"""Error norms: what they are, and their computation from a solution and a reference."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from problems import Problem
from problems.base import Array


@dataclass(frozen=True)
class Metric:
    """A figure of merit; smaller is better for each of them."""

    name: str
    label: str
    description: str


METRICS = {
    metric.name: metric
    for metric in (
        Metric("relative_l2", "relative L2", "‖u − u_ref‖₂ / ‖u_ref‖₂ over all evaluation points and components"),
        Metric("relative_linf", "relative L∞", "max |u − u_ref| / max |u_ref|"),
        Metric("mean_abs", "mean |e|", "mean of |u − u_ref|"),
        Metric("max_abs", "max |e|", "maximum of |u − u_ref|"),
        Metric(
            "eigenvalue_error",
            "|λ − λ_ref|",
            "absolute error of the eigenvalue (by Rayleigh quotient for a matrix), the largest of several",
        ),
        Metric(
            "relative_eigenvalue_error",
            "|λ − λ_ref| / |λ_ref|",
            "error of the eigenvalue relative to its size, for problems in which that grows",
        ),
        Metric(
            "estimate_error",
            "|θ − θ_ls| / |θ|",
            "largest distance of a parameter from the exact least-squares estimate, relative to its true value",
        ),
    )
}


def error_norms(problem: Problem, solution: Array) -> dict[str, float | None]:
    """The four norms of the error of `solution` (n, components) at the problem's evaluation points.

    Relative norms are None where the reference is zero everywhere.

    Raises:
        ValueError: if `solution` has another shape than the reference.

    """
    return _norms(problem, solution, problem.reference(problem.points()))


def further_norms(problem: Problem, arrays: Mapping[str, Array]) -> dict[str, float | None]:
    """The same norms at each set of the problem's further points for which there is a solution, as `<set>_<norm>`.

    Raises:
        ValueError: if a solution has another shape than the reference.

    """
    return {
        f"{name}_{norm}": value
        for name, points in problem.further_points().items()
        if f"solution_{name}" in arrays
        for norm, value in _norms(problem, arrays[f"solution_{name}"], problem.reference(points)).items()
    }


def headline_error(
    problem: Problem, solution: Array, reference: Array, findings: Callable[[], Mapping[str, Array]] | None = None
) -> float:
    """What the problem is judged by, for a `solution` with the `reference` at its evaluation points; NaN if undefined.

    `findings()` gives the arrays that were reported with the solution; it is called where they are needed.

    Raises:
        ValueError: if `solution` has another shape than the reference.

    """
    value = _norms(problem, solution, reference).get(problem.headline)
    if value is None:
        value = problem.measures(solution, findings() if findings else None).get(problem.headline)
    return math.nan if value is None else float(value)


def _norms(problem: Problem, solution: Array, reference: Array) -> dict[str, float | None]:
    if solution.shape != reference.shape:
        raise ValueError(f"the solution has shape {solution.shape}, the reference {reference.shape}")
    with np.errstate(all="ignore"):
        size = np.abs(problem.align(solution, reference) - reference)
        worst = float(size.max())
        # Scaled by the largest entry, so that a solution of 1e200 has a norm and not an overflow.
        scale = worst if 0.0 < worst < np.inf else 1.0
        l2 = scale * float(np.linalg.norm(size / scale))
        return {
            "relative_l2": _ratio(l2, float(np.linalg.norm(reference))),
            "relative_linf": _ratio(worst, float(np.abs(reference).max())),
            "mean_abs": scale * float((size / scale).mean()),
            "max_abs": worst,
        }


def _ratio(error: float, size: float) -> float | None:
    return error / size if size > 0.0 else None
