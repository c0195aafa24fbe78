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

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from problems import Problem
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
from reports.rank_tests import holm, kruskal, larger_p, least_kruskal, least_p, two_sided
from reports.run import Run
from reports.sources.evidence import collect, counted
from reports.sources.growth_claims import capacity, growth
from reports.sources.verdicts import CONTRADICTED, LEVEL, NOT_RUN, OPEN, SUPPORTED, Outcome
from reports.words import factor, listed, metric, number, probability, scientific, seconds

MANN_WHITNEY = "two-sided Mann–Whitney"
FEW_LEVELS = 3
DEVICES = {"cpu": "a CPU", "cuda": "a GPU"}


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
class Levels:
    """Values of a group of rows at each level of what the claim is about; `lost` of them are infinite."""

    values: dict[Any, Array]

    def words(self, level: Any) -> str:
        """Median, number of seeds, and how many of them were lost."""
        values = self.values[level]
        lost = int(np.isinf(values).sum())
        failed = f", {lost} failed" if lost else ""
        # Between an answer and none there is no middle; the larger half then counts, so that half lost is no answer.
        middle = np.quantile(values, 0.5, method="higher") if lost else np.median(values)
        return f"{_amount(float(middle))} ({_seeds(len(values))}{failed})"


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
            told = f"No evidence: {counted(reasons)}." if len(reasons) else ""
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


def rivals(judgements: Sequence[Judgement]) -> list[str]:
    """For ranking claims that exclude each other, a sentence on what the rows say of each, and where."""
    sentences = []
    ranked = {j.key: j.claim for j in judgements if isinstance(j.claim, RankingClaim) and j.verdict != NOT_RUN}
    subjects = dict.fromkeys((claim.parameter, claim.value) for claim in ranked.values())
    for parameter, value in subjects:
        mine = {key: claim for key, claim in ranked.items() if (claim.parameter, claim.value) == (parameter, value)}
        if len({claim.place for claim in mine.values()}) < 2:
            continue
        parts = []
        for key, claim in mine.items():
            tested = [j for j in judgements if j.key == key and not math.isnan(j.decided)]
            found = {
                verdict: [j.group for j in tested if j.verdict == verdict]
                for verdict in (SUPPORTED, CONTRADICTED, OPEN)
            }
            told = [f"{verdict} on {listed(groups)}" for verdict, groups in found.items() if groups]
            parts.append(f"{claim.source} (“{claim.place}”) is {'; '.join(told) or 'not tested'}")
        if any(not math.isnan(j.decided) for j in judgements if j.key in mine):
            sentences.append(f"{parameter} = {value}: {', and '.join(parts)}.")
    return sentences


def _refinement(claim: Claim, part: pd.DataFrame) -> Outcome:
    """Errors at the finest against those at the coarsest step; no verdict where the trend over all steps disagrees."""
    assert isinstance(claim, RefinementClaim)
    levels = _levels(part)
    steps = sorted(levels.values)
    if len(steps) < 2:
        return Outcome(f"Only {claim.step} = {number(float(steps[0]))} was run.")
    fine, coarse = steps[0], steps[-1]
    larger, smaller = (larger_p(levels.values[a], levels.values[b]) for a, b in ((fine, coarse), (coarse, fine)))
    trend = stats.kendalltau(-part["level"].astype(float), part["value"])
    start = (
        f"The median {metric(claim.metric)} is {levels.words(coarse)} at {claim.step} = {number(float(coarse))} and "
        f"{levels.words(fine)} at {claim.step} = {number(float(fine))}"
    )
    reach = least_p(levels.values[fine], levels.values[coarse])
    told = f"Kendall's τ of error against refinement over all {len(part)} rows is {trend.statistic:.2f}"
    what = f"errors at the finer {claim.step} are {{}}"
    outcome = _decide(start, what, larger, smaller, reach, MANN_WHITNEY, told)
    if (trend.statistic > 0.0) == (larger <= smaller):
        return outcome
    return replace(outcome, leaning=OPEN, sentence=f"{outcome.sentence} The steps between do not agree with the ends.")


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


def _cost(claim: Claim, part: pd.DataFrame) -> Outcome:
    """A sign test: does the network take longer than the claim says more or less often than by chance?

    No verdict where the solver that the claim praises does not do its part or was not run, and no support from networks
    on another device than the claim is about.
    """
    assert isinstance(claim, CostClaim)
    first = part.iloc[0]
    times, rival = part["value"].to_numpy(dtype=float), float(first["rival_s"])
    longer = int((times > claim.at_least).sum())
    larger, smaller = (
        float(stats.binomtest(longer, len(times), 0.5, alternative=side).pvalue) for side in ("greater", "less")
    )
    middle = float(np.quantile(times, 0.5, method="higher"))
    place = DEVICES.get(str(first["device"]), str(first["device"]))
    took = f"{seconds(middle)} in the median of {_seeds(len(times))}"
    if math.isinf(middle):
        took = f"more than it was given on half of {_seeds(len(times))}"
    elif rival > 0.0:
        took += f", {factor(middle / rival)} times as long"
    goal = f"to an error of {scientific(claim.accuracy, 1)}"
    if rival > 0.0:
        reached = (
            f"The fastest row of {claim.solver} comes {goal} in {seconds(rival)}, set-up and compilation included."
        )
    elif first["rival_ran"]:
        reached = f"No row of {claim.solver} comes {goal}."
    else:
        absent = f" ({first['rival_absent']})" if first["rival_absent"] else ""
        reached = f"{claim.solver} was not run here{absent}."
    start = (
        f"{reached} To come {goal} on {place}, the network takes {took}, and more than {seconds(claim.at_least)} on "
        f"{longer} of them"
    )
    if claim.chosen:
        start = f"The source names no accuracy; {scientific(claim.accuracy, 1)} is chosen here. {start}"
    what = f"its times are {{}} than {seconds(claim.at_least)}"
    outcome = _decide(start, what, larger, smaller, 2.0 * 0.5 ** len(times), "two-sided sign test")
    if not first["rival_ran"]:
        why = f"Without {claim.solver} there is nothing to compare with."
    elif not rival <= claim.at_most:
        why = f"That is not what the claim says of {claim.solver}."
    elif outcome.leaning == SUPPORTED and first["device"] != claim.device:
        there = DEVICES.get(claim.device, claim.device)
        why = f"The claim is about networks on {there}; rows on {place} that are slow do not support it."
    else:
        return outcome
    return replace(outcome, leaning=OPEN, sentence=f"{outcome.sentence} {why}")


def _ranking(claim: Claim, part: pd.DataFrame) -> Outcome:
    """The value must differ from every other one for a yes; for a no, one other that is more extreme is enough."""
    assert isinstance(claim, RankingClaim)
    levels = _levels(part)
    others = [level for level in levels.values if level != claim.value]
    if claim.value not in levels.values or not others:
        return Outcome(f"Only {claim.parameter} = {listed(levels.values)} was run.")
    mine = levels.values[claim.value]
    pairs = {level: (larger_p(mine, levels.values[level]), larger_p(levels.values[level], mine)) for level in others}
    side = 0 if claim.slowest else 1
    yes = max(pair[side] for pair in pairs.values())
    # Several chances to find one that is more extreme have to be paid for, and so have the two sides.
    no = min(1.0, min(pair[1 - side] for pair in pairs.values()) * len(others))
    p = two_sided(yes, no)
    overall = kruskal(list(levels.values.values()))
    told = ", ".join(f"{level} {levels.words(level)}" for level in levels.values)
    errors = part["error"].where(~part["lost"], math.inf).groupby(part["level"]).median()
    final = ", ".join(f"{level} {_amount(float(errors[level]))}" for level in levels.values)
    against = ", ".join(
        f"{'slower' if above <= below else 'faster'} than {level} with {probability(two_sided(above, below))}"
        for level, (above, below) in pairs.items()
    )
    sentence = (
        f"Median of the mean of the noted losses: {told}; Kruskal–Wallis {probability(overall)}. Training with "
        f"{claim.value} is {against} ({MANN_WHITNEY}); that it is {'' if yes <= no else 'not '}the {claim.place} has "
        f"{probability(p)}. Median final error: {final}."
    )
    if overall > p:
        sentence += " The values as a whole differ less clearly, and that decides."
    reaches = [least_p(mine, levels.values[level]) for level in others]
    reach = min(max(reaches), min(reaches) * len(others))
    reach = max(reach, least_kruskal(list(levels.values.values())))
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
    overall = kruskal(list(levels.values.values()))
    medians = {level: float(np.median(values)) for level, values in levels.values.items()}
    best, worst = min(medians, key=lambda k: medians[k]), max(medians, key=lambda k: medians[k])
    sentence = (
        f"Spearman's correlation of {claim.parameter} with the mean of the losses noted in the first "
        f"{claim.iterations:,} iterations is {rho:.2f} over {len(part)} rows ({probability(correlated)}); "
        f"Kruskal–Wallis over its {len(medians)} values gives {probability(overall)}; the median is lowest at "
        f"{number(best)} ({_amount(medians[best])}) and highest at {number(worst)} ({_amount(medians[worst])})."
    )
    if claim.direction == "varies":
        reach = least_kruskal(list(levels.values.values()))
        return Outcome(sentence + " Kruskal–Wallis decides.", SUPPORTED, overall, reach)
    reach = least_p(*levels.values.values())
    agrees = (claim.direction == "rises") == (rho > 0.0)
    # The p-value is an approximation that comes too small on few rows.
    return Outcome(
        sentence + " The correlation decides.", SUPPORTED if agrees else CONTRADICTED, max(correlated, reach), reach
    )


def _attractor(claim: Claim, part: pd.DataFrame) -> Outcome:
    """A sign test: does training end below the size more or less often than not?"""
    assert isinstance(claim, AttractorClaim)
    known = part[part["value"].notna()]
    n, lost = len(known), int(part["lost"].sum())
    if not n:
        return Outcome("No seed gave an answer that could be compared.")
    fallen = known["value"] < claim.size
    count = int(fallen.sum())
    more, fewer = (float(stats.binomtest(count, n, 0.5, alternative=side).pvalue) for side in ("greater", "less"))
    start = (
        f"The {metric(claim.metric)} of what was found, 1 for a true answer, is "
        f"{_amount(float(known['value'].median()))} in the median of {_seeds(n)}, and below {number(claim.size)} on "
        f"{count} of them" + (f" ({lost} more failed and {'has' if lost == 1 else 'have'} none)" if lost else "")
    )
    if count:
        told = {"loss at the end": "fact.final_loss", "error": "error"}
        medians = {
            words: float(known.loc[fallen, column].astype(float).median())
            for words, column in told.items()
            if column in known and known.loc[fallen, column].notna().any()
        }
        start += ", with " + " and ".join(f"a median {words} of {_amount(value)}" for words, value in medians.items())
    what = "the share of seeds that end there is {} than one half"
    return _decide(start, what, more, fewer, 2.0 * 0.5**n, "two-sided sign test")


JUDGES: dict[type[Claim], Callable[[Claim, pd.DataFrame], Outcome]] = {
    RefinementClaim: _refinement,
    ExtrapolationClaim: _extrapolation,
    CostClaim: _cost,
    RankingClaim: _ranking,
    TrendClaim: _trend,
    AttractorClaim: _attractor,
    GrowthClaim: growth,
    CapacityClaim: capacity,
}


def _decide(start: str, what: str, larger: float, smaller: float, reach: float, test: str, told: str = "") -> Outcome:
    """The outcome of a test with the one-sided p-values `larger` and `smaller`, told with its two-sided one."""
    p = two_sided(larger, smaller)
    if larger == smaller:
        sentence = f"{start}; {what.format('neither larger nor smaller')} ({test})" + (f"; {told}." if told else ".")
        return Outcome(sentence, OPEN, p, reach)
    side = "larger" if larger < smaller else "smaller"
    sentence = f"{start}; {what.format(side)} with {probability(p)} ({test})" + (f"; {told}." if told else ".")
    return Outcome(sentence, SUPPORTED if side == "larger" else CONTRADICTED, p, reach)


def _levels(part: pd.DataFrame) -> Levels:
    grouped = part.groupby("level", sort=True)["value"]
    return Levels({level: values.to_numpy(dtype=float) for level, values in grouped})


def _seeds(count: int) -> str:
    return f"{count} seed{'s' if count != 1 else ''}"


def _amount(value: float) -> str:
    return "no answer" if math.isinf(value) else scientific(value)
