"""Claims of the sources, judged by statistical tests over the rows that are tagged for them.

A claim is supported or contradicted where a test rejects the opposite at the level `LEVEL`; everything else is not
settled, also where there are too few seeds for any outcome to be significant. A seed that diverged counts as worse
than all that did not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.record import Status
from problems import Problem
from problems.base import Array
from problems.claims import Claim, ExtrapolationClaim, RankingClaim, RefinementClaim, TrendClaim
from reports.published import tagged_for
from reports.run import Run
from reports.training import LOSS
from reports.words import factor, metric, number, probability, scientific

LEVEL = 0.05
SUPPORTED, CONTRADICTED, OPEN, NOT_RUN = "supported", "contradicted", "not settled", "not run"
LOST = (Status.DIVERGED, Status.NOT_FINITE)
"""Failures of the method; one of the machine says nothing about a claim."""
FEW_LEVELS = 3
ROUNDING = 1e-6
"""Relative difference of steps that are the same."""


@dataclass(frozen=True)
class Judgement:
    """What the rows of one group (a solver with one set of parameters) say about a claim.

    `decided` is the p-value of the side that the data lean to; NaN where nothing could be tested.
    """

    key: str
    claim: Claim
    group: str
    verdict: str
    sentence: str
    decided: float = math.nan
    rows: int = 0
    lost: int = 0


@dataclass(frozen=True)
class Outcome:
    """A verdict before it is put on record."""

    verdict: str
    sentence: str
    decided: float = math.nan


@dataclass(frozen=True)
class Levels:
    """Values of a group of rows at each level of what the claim is about; `lost` of them are infinite."""

    values: dict[Any, Array]

    def words(self, level: Any) -> str:
        """Median, number of seeds, and how many of them were lost."""
        values = self.values[level]
        lost = int(np.isinf(values).sum())
        failed = f", {lost} failed" if lost else ""
        return f"{_amount(float(np.median(values)))} ({_seeds(len(values))}{failed})"


def judge_all(run: Run, rows: pd.DataFrame, problem: type[Problem]) -> list[Judgement]:
    """Every claim about a problem with each group of rows tagged for it; `rows` is a frame of one problem.

    Claims for which nothing was run come last.
    """
    found: list[Judgement] = []
    missing: list[Judgement] = []
    for key, claim in problem.claims.items():
        evidence = gather(run, rows, key, claim)
        if evidence.empty:
            missing.append(Judgement(key, claim, "", NOT_RUN, ""))
            continue
        for group, part in evidence.groupby("group", sort=False):
            outcome = JUDGES[type(claim)](claim, part)
            lost = int(part["lost"].sum())
            found.append(
                Judgement(key, claim, str(group), outcome.verdict, outcome.sentence, outcome.decided, len(part), lost)
            )
    return found + missing


def gather(run: Run, rows: pd.DataFrame, key: str, claim: Claim) -> pd.DataFrame:
    """The rows that are evidence for a claim, with what is compared in the columns `level`, `value`, `lost`, `group`.

    Rows that could not be run are left out; lost ones have the value infinity.
    """
    tagged = rows[[tagged_for(key, str(tags)) for tags in rows["published"]]]
    lost = tagged["status"].isin([str(status) for status in LOST])
    kept = tagged[tagged["ok"] | lost].copy()
    if kept.empty:
        return kept
    kept["lost"] = lost[kept.index] & ~kept["ok"]
    apart: tuple[str, ...] = ()
    if isinstance(claim, RefinementClaim):
        kept["level"] = _steps(kept, claim.step)
        kept = kept[~(kept["level"] > claim.coarsest * (1.0 + ROUNDING))]
        kept["value"] = _column(kept, claim.metric).abs()
        apart = ("solver.points.", *_following(kept))
    elif isinstance(claim, ExtrapolationClaim):
        kept["level"] = claim.points
        kept["value"] = _column(kept, f"{claim.points}_{claim.metric}") / _column(kept, claim.metric)
    elif isinstance(claim, (RankingClaim, TrendClaim)):
        column = f"solver.{claim.parameter}"
        if column not in kept:
            return kept.iloc[:0]
        kept["level"] = kept[column]
        first = claim.iterations if isinstance(claim, TrendClaim) else None
        kept["value"] = [mean_loss(run, str(case), first) for case in kept["case"]]
        apart = (column,)
    # A lost row has no errors whose ratio could be taken; it is only counted then.
    kept.loc[kept["lost"], "value"] = math.nan if isinstance(claim, ExtrapolationClaim) else math.inf
    kept = kept[(kept["value"].notna() | kept["lost"]) & kept["level"].notna()]
    return kept.assign(group=_groups(kept, apart)) if len(kept) else kept


def loss_curve(run: Run, case: str) -> tuple[Array, Array] | None:
    """Iterations and losses (notes,) of one row, None where none were kept."""
    arrays = run.arrays(run.record(case))
    if not all(name in arrays for name in LOSS):
        return None
    at, loss = (np.asarray(arrays[name], dtype=float).ravel() for name in LOSS)
    return (at, loss) if at.size == loss.size > 0 else None


def mean_loss(run: Run, case: str, first: int | None = None) -> float:
    """Mean of the noted losses of a row, up to iteration `first`; NaN where none were kept."""
    curve = loss_curve(run, case)
    if curve is None:
        return math.nan
    at, loss = curve
    loss = loss[at <= first] if first else loss
    return float(loss.mean()) if loss.size else math.nan


def rivals(judgements: Sequence[Judgement]) -> list[str]:
    """For ranking claims that exclude each other, a sentence on which of them the rows support, and where."""
    sentences = []
    ranked = {j.key: j.claim for j in judgements if isinstance(j.claim, RankingClaim) and j.verdict != NOT_RUN}
    subjects = dict.fromkeys((claim.parameter, claim.value) for claim in ranked.values())
    for parameter, value in subjects:
        mine = {key: claim for key, claim in ranked.items() if (claim.parameter, claim.value) == (parameter, value)}
        if len({claim.place for claim in mine.values()}) < 2:
            continue
        parts = []
        for key, claim in mine.items():
            where = [j.group for j in judgements if j.key == key and j.verdict == SUPPORTED]
            parts.append(f"{claim.source} (“{claim.place}”) " + (f"on {_listed(where)}" if where else "nowhere"))
        groups = dict.fromkeys(j.group for j in judgements if j.key in mine)
        decided = {j.group for j in judgements if j.key in mine and j.verdict == SUPPORTED}
        neither = [group for group in groups if group not in decided]
        text = f"{parameter} = {value}: the rows support {'; '.join(parts)}"
        sentences.append(text + (f"; neither on {_listed(neither)}." if neither else "."))
    return sentences


def _refinement(claim: Claim, part: pd.DataFrame) -> Outcome:
    """Errors at the finest against those at the coarsest step; the trend over all steps is told beside it."""
    assert isinstance(claim, RefinementClaim)
    levels = _levels(part)
    steps = sorted(levels.values)
    if len(steps) < 2:
        return Outcome(OPEN, f"Only {claim.step} = {number(float(steps[0]))} was run.")
    fine, coarse = steps[0], steps[-1]
    larger, smaller = (_above(levels.values[a], levels.values[b]) for a, b in ((fine, coarse), (coarse, fine)))
    trend = stats.kendalltau(-part["level"].astype(float), part["value"])
    start = (
        f"The median {metric(claim.metric)} is {levels.words(coarse)} at {claim.step} = {number(float(coarse))} and "
        f"{levels.words(fine)} at {claim.step} = {number(float(fine))}"
    )
    reach = 1.0 / math.comb(len(levels.values[fine]) + len(levels.values[coarse]), len(levels.values[fine]))
    told = f"Kendall's τ of error against refinement over all {len(part)} rows is {trend.statistic:.2f}"
    what = f"errors at the finer {claim.step} are {{}}"
    return _decide(start, what, larger, smaller, reach, "one-sided Mann–Whitney", told)


def _extrapolation(claim: Claim, part: pd.DataFrame) -> Outcome:
    """A sign test: does the ratio of the errors lie above the factor more often than by chance?"""
    assert isinstance(claim, ExtrapolationClaim)
    ratios = part["value"].dropna().to_numpy(dtype=float)
    apart = ratios[ratios != claim.factor]
    n, above = len(ratios), int((ratios > claim.factor).sum())
    if not len(apart):
        return Outcome(OPEN, "No seed gave an answer that could be compared.")
    larger, smaller = (
        float(stats.binomtest(above, len(apart), 0.5, alternative=side).pvalue) for side in ("greater", "less")
    )
    start = (
        f"The {metric(f'{claim.points}_{claim.metric}')} is {factor(float(np.median(ratios)))} times that inside, in "
        f"the median of {_seeds(n)}, and more than {factor(claim.factor)} times on {above} of them"
    )
    what = f"the ratio is {{}} than {factor(claim.factor)}"
    return _decide(start, what, larger, smaller, 0.5 ** len(apart), "sign test")


def _ranking(claim: Claim, part: pd.DataFrame) -> Outcome:
    """The value must differ from every other one for a yes; for a no, one other that is more extreme is enough."""
    assert isinstance(claim, RankingClaim)
    levels = _levels(part)
    others = [level for level in levels.values if level != claim.value]
    if claim.value not in levels.values or not others:
        return Outcome(OPEN, f"Only {claim.parameter} = {_listed(map(str, levels.values))} was run.")
    mine = levels.values[claim.value]
    pairs = {level: (_above(mine, levels.values[level]), _above(levels.values[level], mine)) for level in others}
    side = 0 if claim.slowest else 1
    yes = max(pair[side] for pair in pairs.values())
    # Several chances to find one that is more extreme have to be paid for.
    no = min(1.0, min(pair[1 - side] for pair in pairs.values()) * len(others))
    overall = _kruskal(list(levels.values.values()))
    told = ", ".join(f"{level} {levels.words(level)}" for level in levels.values)
    errors = part["error"].where(~part["lost"], math.inf).groupby(part["level"]).median()
    final = ", ".join(f"{level} {_amount(float(errors[level]))}" for level in levels.values)
    against = ", ".join(
        f"{'slower' if above <= below else 'faster'} than {level} with {probability(min(above, below))}"
        for level, (above, below) in pairs.items()
    )
    sentence = (
        f"Median of the mean loss over the run: {told}; Kruskal–Wallis {probability(overall)}. Training with "
        f"{claim.value} is {against} (one-sided Mann–Whitney). Median final error: {final}."
    )
    reach = max(1.0 / math.comb(len(mine) + len(levels.values[level]), len(mine)) for level in others)
    if reach >= LEVEL:
        return Outcome(OPEN, sentence + " There are too few seeds for any outcome to be significant.", min(yes, no))
    if overall >= LEVEL or min(yes, no) >= LEVEL:
        return Outcome(OPEN, sentence, min(yes, no))
    return Outcome(SUPPORTED if yes < LEVEL else CONTRADICTED, sentence, yes if yes < LEVEL else no)


def _trend(claim: Claim, part: pd.DataFrame) -> Outcome:
    """Spearman's rank correlation over all rows."""
    assert isinstance(claim, TrendClaim)
    levels = _levels(part.assign(level=part["level"].astype(float)))
    if len(levels.values) < FEW_LEVELS:
        return Outcome(OPEN, f"Only {len(levels.values)} values of {claim.parameter} were run.")
    found = stats.spearmanr(part["level"].astype(float), part["value"])
    rho, p = float(found.statistic), float(found.pvalue)
    medians = {level: float(np.median(values)) for level, values in levels.values.items()}
    best, worst = min(medians, key=lambda k: medians[k]), max(medians, key=lambda k: medians[k])
    sentence = (
        f"Spearman's correlation of {claim.parameter} with the mean loss of the first {claim.iterations:,} iterations "
        f"is {rho:.2f} over {len(part)} rows ({probability(p)}); the median is lowest at {number(best)} "
        f"({_amount(medians[best])}) and highest at {number(worst)} ({_amount(medians[worst])})."
    )
    if not p < LEVEL:
        return Outcome(OPEN, sentence, p)
    agrees = claim.direction == "varies" or (claim.direction == "rises") == (rho > 0.0)
    return Outcome(SUPPORTED if agrees else CONTRADICTED, sentence, p)


JUDGES: dict[type[Claim], Callable[[Claim, pd.DataFrame], Outcome]] = {
    RefinementClaim: _refinement,
    ExtrapolationClaim: _extrapolation,
    RankingClaim: _ranking,
    TrendClaim: _trend,
}


def _decide(start: str, what: str, larger: float, smaller: float, reach: float, test: str, told: str = "") -> Outcome:
    """A verdict from the p-values of both sides; `reach` is the smallest that so many rows can have."""
    decided = min(larger, smaller)
    side = "larger" if larger <= smaller else "smaller"
    sentence = f"{start}; {what.format(side)} with {probability(decided)} ({test})" + (f"; {told}." if told else ".")
    if reach >= LEVEL:
        return Outcome(OPEN, sentence + " There are too few seeds for any outcome to be significant.", decided)
    if decided >= LEVEL:
        return Outcome(OPEN, sentence, decided)
    return Outcome(SUPPORTED if side == "larger" else CONTRADICTED, sentence, decided)


def _above(first: Array, second: Array) -> float:
    """P-value of the hypothesis that values of the first sample are not larger than those of the second."""
    return float(stats.mannwhitneyu(first, second, alternative="greater").pvalue)


def _kruskal(samples: Sequence[Array]) -> float:
    values = np.concatenate(samples)
    return 1.0 if (values == values[0]).all() else float(stats.kruskal(*samples).pvalue)


def _levels(part: pd.DataFrame) -> Levels:
    grouped = part.groupby("level", sort=True)["value"]
    return Levels({level: values.to_numpy(dtype=float) for level, values in grouped})


def _steps(rows: pd.DataFrame, step: str) -> pd.Series:
    """The step of each row; that of a row which was lost before it could say is the one of others on the same points.

    Where no row says its step, that of a grid's nodes, in parts of the interval.
    """
    known = pd.to_numeric(rows[step]).map(lambda value: float(f"{value:.6g}"))
    nodes = rows.get("solver.points.counts")
    if nodes is None:
        return known
    if known.isna().all():
        at = -1 if step == "dt" else 0
        return nodes.map(lambda text: 1.0 / (json.loads(text)[at] - 1) if isinstance(text, str) else math.nan)
    return known.fillna(known.groupby(nodes).transform("median"))


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
        and not name.startswith(tuple(apart) or ("\0",))
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


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count != 1 else ''}"


def _amount(value: float) -> str:
    return "no answer" if math.isinf(value) else scientific(value)


def _listed(words: Any) -> str:
    *first, last = list(words)
    return f"{', '.join(first)} and {last}" if first else str(last)
