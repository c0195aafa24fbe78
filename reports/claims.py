"""Claims of the sources, judged by statistical tests over the rows that are tagged for them.

A claim is supported or contradicted where a two-sided test rejects chance; the side that the data lean to says which.
Everything else is not settled, also where there are too few seeds for any outcome to be significant.

The level `LEVEL` holds for all groups of one claim on one problem together: their p-values are adjusted by Holm's
method, so that the chance of even one false verdict among them is at most that. Groups with too few seeds to reach
the level by themselves can give no verdict, hence are not counted. Nothing is adjusted over claims or problems.

A seed that diverged counts as worse than all that did not, except where a ratio of two errors is judged: it has none,
and is only told. A row that the machine ended says nothing about a method; it is told as no evidence.
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
ENDED = {
    Status.TIMEOUT: "stopped at the time limit",
    Status.MEMORY_LIMIT: "stopped at the memory limit",
    Status.KILLED: "killed",
    Status.CRASHED: "crashed",
    Status.NOT_INSTALLED: "not installed",
    Status.UNSUPPORTED: "not supported",
}
NO_FIGURE = "without a figure to compare"
MANN_WHITNEY = "two-sided Mann–Whitney"
FEW_LEVELS = 3
ROUNDING = 1e-6
"""Relative difference of steps that are the same."""


@dataclass(frozen=True)
class Judgement:
    """What the rows of one group (a solver with one set of parameters) say about a claim.

    `decided` is the two-sided p-value, adjusted for the number of groups; NaN where nothing could be tested. Of the
    `rows` that are evidence `lost` diverged; `absent` more gave none.
    """

    key: str
    claim: Claim
    group: str
    verdict: str
    sentence: str
    decided: float = math.nan
    rows: int = 0
    lost: int = 0
    absent: int = 0


@dataclass(frozen=True)
class Outcome:
    """What the test of one group gave: what the data lean to, and how likely as much is by chance.

    `p` is two-sided, NaN where nothing could be tested; `reach` is the smallest that so many rows can have.
    """

    sentence: str
    leaning: str = OPEN
    p: float = math.nan
    reach: float = 1.0

    @property
    def able(self) -> bool:
        """Whether the rows suffice for a verdict if no other group is judged."""
        return self.reach < LEVEL


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
        tagged = collect(run, rows, key, claim)
        if tagged.empty:
            missing.append(Judgement(key, claim, "", NOT_RUN, ""))
            continue
        parts = {str(group): part for group, part in tagged.groupby("group", sort=False)}
        evidence = {group: part[part["absent"] == ""] for group, part in parts.items()}
        outcomes = {group: JUDGES[type(claim)](claim, part) for group, part in evidence.items() if len(part)}
        settled = dict(zip(outcomes, settle(list(outcomes.values())), strict=True))
        for group, part in parts.items():
            reasons = part["absent"][part["absent"] != ""]
            counts = ", ".join(f"{count} {reason}" for reason, count in reasons.value_counts(sort=False).items())
            told = f"No evidence: {counts}." if counts else ""
            if group not in settled:
                missing.append(Judgement(key, claim, group, NOT_RUN, told, absent=len(reasons)))
                continue
            verdict, sentence, decided = settled[group]
            sentence = f"{sentence} {told}".rstrip()
            mine = evidence[group]
            lost = int(mine["lost"].sum())
            found.append(Judgement(key, claim, group, verdict, sentence, decided, len(mine), lost, len(reasons)))
    return found + missing


def settle(outcomes: Sequence[Outcome]) -> list[tuple[str, str, float]]:
    """Verdict, sentence and adjusted p-value of every group of one claim, so that `LEVEL` holds for all together."""
    family = [at for at, outcome in enumerate(outcomes) if outcome.able]
    values = [outcomes[at].p for at in family]
    settled = []
    for at, outcome in enumerate(outcomes):
        few = "There are too few seeds for any outcome to be significant"
        if at not in family:
            told = "" if math.isnan(outcome.p) else f" {few}."
            settled.append((OPEN, outcome.sentence + told, outcome.p))
            continue
        place = family.index(at)
        decided = holm(values)[place]
        sentence = outcome.sentence
        if len(family) > 1:
            sentence += f" Holm's method over {len(family)} groups makes that {probability(decided)}."
        if holm([*values[:place], outcome.reach, *values[place + 1 :]])[place] >= LEVEL:
            sentence += f" {few} among {len(family)} groups."
        settled.append((outcome.leaning if decided < LEVEL else OPEN, sentence, decided))
    return settled


def holm(values: Sequence[float]) -> list[float]:
    """P-values adjusted so that the chance of any false rejection among them stays below the level (Holm 1979)."""
    adjusted, least = [0.0] * len(values), 0.0
    for rank, at in enumerate(sorted(range(len(values)), key=lambda k: values[k])):
        least = max(least, min(1.0, (len(values) - rank) * values[at]))
        adjusted[at] = least
    return adjusted


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
    known = (kept["value"].notna() | kept["lost"]) & kept["level"].notna()
    reasons = [ENDED.get(status, NO_FIGURE) for status in kept["status"]]
    kept["absent"] = pd.Series(reasons, index=kept.index, dtype=object).where(
        ~((kept["ok"] | kept["lost"]) & known), ""
    )
    return kept.assign(group=_groups(kept, apart)) if len(kept) else kept


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
        groups = dict.fromkeys(j.group for j in judgements if j.key in mine and j.verdict != NOT_RUN)
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
        return Outcome(f"Only {claim.step} = {number(float(steps[0]))} was run.")
    fine, coarse = steps[0], steps[-1]
    larger, smaller = (_above(levels.values[a], levels.values[b]) for a, b in ((fine, coarse), (coarse, fine)))
    trend = stats.kendalltau(-part["level"].astype(float), part["value"])
    start = (
        f"The median {metric(claim.metric)} is {levels.words(coarse)} at {claim.step} = {number(float(coarse))} and "
        f"{levels.words(fine)} at {claim.step} = {number(float(fine))}"
    )
    reach = _reach(levels.values[fine], levels.values[coarse])
    told = f"Kendall's τ of error against refinement over all {len(part)} rows is {trend.statistic:.2f}"
    what = f"errors at the finer {claim.step} are {{}}"
    return _decide(start, what, larger, smaller, reach, MANN_WHITNEY, told)


def _extrapolation(claim: Claim, part: pd.DataFrame) -> Outcome:
    """A sign test: does the ratio of the errors lie above the factor more or less often than by chance?"""
    assert isinstance(claim, ExtrapolationClaim)
    ratios = part["value"].dropna().to_numpy(dtype=float)
    apart = ratios[ratios != claim.factor]
    n, above, lost = len(ratios), int((ratios > claim.factor).sum()), int(part["lost"].sum())
    if not len(apart):
        return Outcome("No seed gave an answer that could be compared.")
    larger, smaller = (
        float(stats.binomtest(above, len(apart), 0.5, alternative=side).pvalue) for side in ("greater", "less")
    )
    start = (
        f"The {metric(f'{claim.points}_{claim.metric}')} is {factor(float(np.median(ratios)))} times that inside, in "
        f"the median of {_seeds(n)}, and more than {factor(claim.factor)} times on {above} of them"
        + (f" ({lost} more failed and {'has' if lost == 1 else 'have'} no ratio)" if lost else "")
    )
    what = f"the ratio is {{}} than {factor(claim.factor)}"
    return _decide(start, what, larger, smaller, 2.0 * 0.5 ** len(apart), "two-sided sign test")


def _ranking(claim: Claim, part: pd.DataFrame) -> Outcome:
    """The value must differ from every other one for a yes; for a no, one other that is more extreme is enough."""
    assert isinstance(claim, RankingClaim)
    levels = _levels(part)
    others = [level for level in levels.values if level != claim.value]
    if claim.value not in levels.values or not others:
        return Outcome(f"Only {claim.parameter} = {_listed(map(str, levels.values))} was run.")
    mine = levels.values[claim.value]
    pairs = {level: (_above(mine, levels.values[level]), _above(levels.values[level], mine)) for level in others}
    side = 0 if claim.slowest else 1
    yes = max(pair[side] for pair in pairs.values())
    # Several chances to find one that is more extreme have to be paid for, and so have the two sides.
    no = min(1.0, min(pair[1 - side] for pair in pairs.values()) * len(others))
    p = _two_sided(yes, no)
    overall = _kruskal(list(levels.values.values()))
    told = ", ".join(f"{level} {levels.words(level)}" for level in levels.values)
    errors = part["error"].where(~part["lost"], math.inf).groupby(part["level"]).median()
    final = ", ".join(f"{level} {_amount(float(errors[level]))}" for level in levels.values)
    against = ", ".join(
        f"{'slower' if above <= below else 'faster'} than {level} with {probability(_two_sided(above, below))}"
        for level, (above, below) in pairs.items()
    )
    sentence = (
        f"Median of the mean of the noted losses: {told}; Kruskal–Wallis {probability(overall)}. Training with "
        f"{claim.value} is {against} ({MANN_WHITNEY}); that it is {'' if yes <= no else 'not '}the {claim.place} has "
        f"{probability(p)}. Median final error: {final}."
    )
    reaches = [_reach(mine, levels.values[level]) for level in others]
    reach = min(max(reaches), min(reaches) * len(others))
    # A verdict needs a difference among all the values as well.
    return Outcome(sentence, SUPPORTED if yes <= no else CONTRADICTED, max(p, overall), reach)


def _trend(claim: Claim, part: pd.DataFrame) -> Outcome:
    """Spearman's rank correlation over all rows, or Kruskal–Wallis over the levels where any difference will do.

    A correlation does not see a loss that is smallest, or largest, in the middle.
    """
    assert isinstance(claim, TrendClaim)
    levels = _levels(part.assign(level=part["level"].astype(float)))
    if len(levels.values) < FEW_LEVELS:
        return Outcome(f"Only {len(levels.values)} values of {claim.parameter} were run.")
    same = part["value"].nunique() == 1
    found = None if same else stats.spearmanr(part["level"].astype(float), part["value"])
    rho, correlated = (float(found.statistic), float(found.pvalue)) if found else (0.0, 1.0)
    overall = _kruskal(list(levels.values.values()))
    medians = {level: float(np.median(values)) for level, values in levels.values.items()}
    best, worst = min(medians, key=lambda k: medians[k]), max(medians, key=lambda k: medians[k])
    sentence = (
        f"Spearman's correlation of {claim.parameter} with the mean of the losses noted in the first "
        f"{claim.iterations:,} iterations is {rho:.2f} over {len(part)} rows ({probability(correlated)}); "
        f"Kruskal–Wallis over its {len(medians)} values gives {probability(overall)}; the median is lowest at "
        f"{number(best)} ({_amount(medians[best])}) and highest at {number(worst)} ({_amount(medians[worst])})."
    )
    reach = _reach(*levels.values.values())
    if claim.direction == "varies":
        return Outcome(sentence + " Kruskal–Wallis decides.", SUPPORTED, max(overall, reach), reach)
    agrees = (claim.direction == "rises") == (rho > 0.0)
    # The p-value is an approximation that comes too small on few rows.
    return Outcome(
        sentence + " The correlation decides.", SUPPORTED if agrees else CONTRADICTED, max(correlated, reach), reach
    )


JUDGES: dict[type[Claim], Callable[[Claim, pd.DataFrame], Outcome]] = {
    RefinementClaim: _refinement,
    ExtrapolationClaim: _extrapolation,
    RankingClaim: _ranking,
    TrendClaim: _trend,
}


def _decide(start: str, what: str, larger: float, smaller: float, reach: float, test: str, told: str = "") -> Outcome:
    """The outcome of a test with the one-sided p-values `larger` and `smaller`, told with its two-sided one."""
    p = _two_sided(larger, smaller)
    side = "larger" if larger <= smaller else "smaller"
    sentence = f"{start}; {what.format(side)} with {probability(p)} ({test})" + (f"; {told}." if told else ".")
    return Outcome(sentence, SUPPORTED if side == "larger" else CONTRADICTED, p, reach)


def _two_sided(first: float, second: float) -> float:
    """The p-value of leaning to either side so far, from those of both sides."""
    return min(1.0, 2.0 * min(first, second))


def _reach(*samples: Array) -> float:
    """The smallest two-sided p-value of ranks: one order of the samples and its reverse, of all divisions."""
    divisions, total = 1, 0
    for sample in samples:
        total += len(sample)
        divisions *= math.comb(total, len(sample))
    return min(1.0, 2.0 / divisions)


def _above(first: Array, second: Array) -> float:
    """P-value of the hypothesis that values of the first sample are not larger than those of the second.

    Mann–Whitney, exact for tied values as well: of all divisions of the ranks, the part with as large a sum.
    """
    ranks = np.rint(2.0 * stats.rankdata(np.concatenate([first, second]))).astype(int)
    ways = np.zeros((len(first) + 1, int(ranks.sum()) + 1))
    ways[0, 0] = 1.0
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, :-rank].copy()
    return float(ways[-1, int(ranks[: len(first)].sum()) :].sum() / ways[-1].sum())


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
