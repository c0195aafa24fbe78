"""The rows of a run that are evidence for a claim of a source, and what of them is compared."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from benchmarks.record import Status
from problems.base import Array
from problems.claims import (
    AttractorClaim,
    CapacityClaim,
    Claim,
    CostClaim,
    ExtrapolationClaim,
    GrowthClaim,
    RankingClaim,
    RefinementClaim,
    TrendClaim,
)
from reports.dimension.studies import BATCHES, DIMENSION, batch_of, memory_of, step_of, strategy_of
from reports.run import Run
from reports.sources.published import tagged_for
from reports.training import LOSS, TRACE
from reports.words import number

LOST = (Status.DIVERGED, Status.NOT_FINITE)
"""Failures of the method; one of the machine says nothing about a claim."""
ENDED = {
    Status.TIMEOUT: "stopped at the time limit",
    Status.MEMORY_LIMIT: "stopped at the memory limit",
    Status.KILLED: "killed",
    Status.CRASHED: "crashed",
    Status.NOT_INSTALLED: "not installed",
    Status.UNSUPPORTED: "not supported",
    Status.OVER_BUDGET: "over the memory budget",
}
NO_FIGURE = "without a figure to compare"
ROUNDING = 1e-6
"""Relative difference of steps that are the same."""


def gather(run: Run, rows: pd.DataFrame, key: str, claim: Claim) -> pd.DataFrame:
    """The rows of `collect` that are evidence."""
    found = collect(run, rows, key, claim)
    return found[found["absent"] == ""] if len(found) else found


def collect(run: Run, rows: pd.DataFrame, key: str, claim: Claim) -> pd.DataFrame:
    """The rows tagged for a claim, with what is compared in the columns `level`, `value`, `lost`, `group`.

    Lost rows have the value infinity; the column `absent` says why a row is no evidence, and is empty for all others.
    """
    kept = rows[[tagged_for(key, str(tags)) for tags in rows["published"]]].copy()
    if kept.empty:
        return kept
    kept["lost"] = kept["status"].isin([str(status) for status in LOST]) & ~kept["ok"]
    apart: tuple[str, ...] = ()
    if isinstance(claim, RefinementClaim):
        kept["level"] = _steps(kept, claim.step)
        if kept[claim.step].notna().any():
            kept = kept[~(kept["level"] > claim.coarsest * (1.0 + ROUNDING))]
        kept["value"] = _column(kept, claim.metric).abs()
        apart = ("solver.points.", *_following(kept))
    elif isinstance(claim, ExtrapolationClaim):
        kept["level"] = claim.points
        kept["value"] = _column(kept, f"{claim.points}_{claim.metric}") / _column(kept, claim.metric)
    elif isinstance(claim, CostClaim):
        rivals = kept[kept["solver"] == claim.solver]
        reached = rivals[rivals["ok"] & (rivals["error"] <= claim.accuracy)]
        ran = (rivals["ok"] | rivals["lost"]).any()
        kept = kept[kept["family"] == "neural"].copy()
        kept["level"] = claim.accuracy
        kept["value"] = [seconds_to(run, row, claim) for _, row in kept.iterrows()]
        kept["rival_s"] = reached["total_s"].min()
        kept["rival_ran"] = bool(ran)
        kept["rival_absent"] = "" if ran else counted(ENDED.get(status, NO_FIGURE) for status in rivals["status"])
    elif isinstance(claim, AttractorClaim):
        kept["level"] = claim.metric
        kept["value"] = _column(kept, claim.metric)
    elif isinstance(claim, (RankingClaim, TrendClaim)):
        column = f"solver.{claim.parameter}"
        if column not in kept:
            return kept.iloc[:0]
        kept["level"] = kept[column]
        first = claim.iterations if isinstance(claim, TrendClaim) else None
        kept["value"] = [mean_loss(run, str(case), first) for case in kept["case"]]
        apart = (column,)
    elif isinstance(claim, (GrowthClaim, CapacityClaim)):
        kept, apart = _costs(run, kept, claim)
    # A lost row has no errors whose ratio could be taken, and no answer that has a size; it is only counted then.
    if kept.empty:
        return kept
    kept.loc[kept["lost"], "value"] = math.nan if isinstance(claim, (ExtrapolationClaim, AttractorClaim)) else math.inf
    known = (kept["value"].notna() | kept["lost"]) & kept["level"].notna()
    reasons = [ENDED.get(status, NO_FIGURE) for status in kept["status"]]
    kept["absent"] = pd.Series(reasons, index=kept.index, dtype=object).where(
        ~((kept["ok"] | kept["lost"]) & known), ""
    )
    return kept.assign(group=_groups(kept, apart)) if len(kept) else kept


def _costs(run: Run, rows: pd.DataFrame, claim: GrowthClaim | CapacityClaim) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Rows that take derivatives as the claim says, with what a step costs, by what it was measured, and its points.

    What a step costs does not depend on where training ends, but a row that was lost has not been measured whole.
    """
    records = {case: run.record(str(case)) for case in rows["case"]}
    told = [
        strategy_of(record) == claim.derivatives
        and (isinstance(claim, GrowthClaim) or record.precision == claim.precision)
        for record in records.values()
    ]
    kept = rows[told].copy()
    mine = [records[case] for case in kept["case"]]
    timed = isinstance(claim, GrowthClaim) and claim.cost == "time"
    kept["level"] = [float(record.dimension) for record in mine]
    kept["value"] = [step_of(record) if timed else memory_of(record)[0] for record in mine]
    kept["method"] = ["" if timed else memory_of(record)[1] for record in mine]
    kept["batch"] = [batch_of(record) for record in mine]
    kept["lost"] = False
    sizes = () if isinstance(claim, GrowthClaim) else tuple(f"solver.{name}" for name in BATCHES)
    return kept, (f"problem.{DIMENSION}", *sizes)


def counted(reasons: Iterable[str]) -> str:
    """How often each reason is given, in words."""
    return ", ".join(f"{count} {reason}" for reason, count in Counter(reasons).items())


def loss_curve(run: Run, case: str) -> tuple[Array, Array] | None:
    """Iterations and losses (notes,) of one row, None where none were kept."""
    arrays = run.arrays(run.record(case))
    if not all(name in arrays for name in LOSS):
        return None
    at, loss = (np.asarray(arrays[name], dtype=float).ravel() for name in LOSS)
    return (at, loss) if at.size == loss.size > 0 else None


def mean_loss(run: Run, case: str, first: int | None = None) -> float:
    """Mean of the noted losses of a row up to iteration `first`; NaN where none were kept.

    Not every iteration is noted.
    """
    curve = loss_curve(run, case)
    if curve is None:
        return math.nan
    at, loss = curve
    loss = loss[at <= first] if first else loss
    return float(loss.mean()) if loss.size else math.nan


def seconds_to(run: Run, row: pd.Series, claim: CostClaim) -> float:
    """Seconds of set-up, compilation and training until a network was first seen to be as accurate as a claim asks.

    Infinity if it was trained for as long as the claim says and was not; NaN if training ended before, or if the error
    was not looked at.
    """
    arrays = run.arrays(run.record(str(row["case"])))
    if not all(name in arrays for name in TRACE):
        return math.nan
    before = float(row["total_s"] - row["solve_median"])
    seconds, errors = (np.asarray(arrays[name], dtype=float).ravel() for name in TRACE[1:])
    there = np.flatnonzero(errors <= claim.accuracy)
    if len(there):
        return before + float(seconds[there[0]])
    return math.inf if row["total_s"] >= claim.at_least else math.nan


def _steps(rows: pd.DataFrame, step: str) -> pd.Series:
    """The step of each row; that of a row which was lost before it could say follows from its grid's nodes.

    The interval that they divide is that of the rows which say their step; where none does, steps are parts of it.
    """
    known = pd.to_numeric(rows[step]).map(lambda value: float(f"{value:.6g}"))
    nodes = rows.get("solver.points.counts")
    if nodes is None:
        return known
    at = -1 if step == "dt" else 0
    parts = nodes.map(lambda text: json.loads(text)[at] - 1 if isinstance(text, str) else math.nan)
    length = 1.0 if known.isna().all() else float((known * parts).median())
    return known.fillna((length / parts).map(lambda value: float(f"{value:.6g}")))


def _following(rows: pd.DataFrame) -> tuple[str, ...]:
    """Parameters of the problem that change with the step alone: those of a grid on which the source judges."""
    names = [name for name in rows if name.startswith("problem.") and rows[name].astype(str).nunique() > 1]
    steps = [rows[name].astype(str).groupby(rows["level"]).nunique() for name in names]
    return tuple(name for name, count in zip(names, steps, strict=True) if (count <= 1).all())


def _groups(rows: pd.DataFrame, apart: Sequence[str]) -> list[str]:
    """The solver of each row, with every parameter and circumstance that varies, but for those that stand `apart`."""
    names = [
        name
        for name in rows
        if (name.startswith(("problem.", "solver.")) or name in ("device", "precision", "threads"))
        and not (name in apart or name.startswith(tuple(folder for folder in apart if folder.endswith("."))))
    ]
    labels = pd.Series("", index=rows.index)
    for solver, mates in rows.groupby("solver", sort=False):
        # A parameter of the problem tells groups apart even where each solver met only one value of it.
        varying = [
            name for name in names if (rows if name.startswith("problem.") else mates)[name].astype(str).nunique() > 1
        ]
        for at, row in mates.iterrows():
            labels[at] = ", ".join([str(solver), *(f"{n.rpartition('.')[2]} = {number(row[n])}" for n in varying)])
    return list(labels)


def _column(rows: pd.DataFrame, name: str) -> pd.Series:
    column = name if name in rows else f"metric.{name}"
    return pd.to_numeric(rows[column]) if column in rows else pd.Series(math.nan, index=rows.index)
