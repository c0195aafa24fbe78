"""Conclusions in sentences, each computed from the rows; what a family lost is said like what it won."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from problems import Problem
from problems.base import ODE, MatrixEigenproblem
from problems.families.inverse import InverseProblem
from reports.costs import ROUNDING, Cost, costs, most_accurate, useful
from reports.sources.published import ROBUST
from reports.summary import NO_ANSWER, Configuration, Section
from reports.words import factor, metric, scientific, seconds, significant

EQUAL = 1.25
"""Times within this factor of each other are called equal."""
FEW = 3
"""Fewer configurations of a family, or seeds of a network, than this are pointed out."""
IMMATERIAL = 0.1
"""Distances from the exact estimate below this many standard errors do not change what is known of a parameter."""
LEFT = 0.5
"""From this part of an error on, what causes it is named."""
NOUNS = {"neural": ("network", "networks"), "classical": ("classical solver", "classical solvers")}


class Sentence(str):
    """A sentence that knows of which configurations it speaks; of none where it is about all."""

    about: tuple[Configuration, ...]

    def __new__(cls, text: str, *about: Configuration | None) -> Sentence:
        """`about` without those that are None."""
        self = super().__new__(cls, text)
        self.about = tuple(c for c in about if c is not None)
        return self


def further_sets(configurations: Sequence[Configuration]) -> list[str]:
    """Names of the sets of points outside the domain at which some configuration was judged."""
    names = {
        column.removeprefix("metric.").removesuffix("_relative_l2")
        for c in configurations
        for column in c.shown
        if column.startswith("metric.") and column.endswith("_relative_l2") and c.spread(column)
    }
    return sorted(names)


def conclude(section: Section, problem: Problem | None = None) -> list[Sentence]:
    """Sentences on one section, the comparison of the families first; `problem` names what lies outside its domain."""
    table = costs(section)
    both = [cost for cost in table if math.isfinite(cost.ratio)]
    told = both[-1:] + [cost for cost in both[:1] if (cost.ratio > 1.0) != (both[-1].ratio > 1.0)]
    sentences = [_comparison(cost, section.headline) for cost in told]
    for family, other in (("neural", "classical"), ("classical", "neural")):
        sentences += _absence(section, family) or _limit(section, table, family, other)
    limit = useful(section)
    answers = [c.median("error") for c in section.configurations if c.answers]
    if not table and limit is not None and answers and min(answers) > 10.0**limit:
        sentences.append(Sentence(f"Nothing run here reached {scientific(10.0**limit, 1)}."))
    return (
        sentences
        + _flow(section, problem)
        + _no_answer(section)
        + _noise(section, problem)
        + _outside(section, problem)
        + _idle(section)
        + _evidence(section, table)
        + _spreads(section.configurations)
    )


def _comparison(cost: Cost, headline: str) -> Sentence:
    assert cost.classical is not None
    assert cost.neural is not None
    classical, network = (
        f"the fastest classical solver ({cost.classical.label}, {seconds(cost.classical_s)})",
        f"the fastest network ({cost.neural.label}, {seconds(cost.neural_s)})",
    )
    name = metric(headline)
    start = f"At {_article(name)} {name} of at most {scientific(cost.accuracy, 1)}, "
    if 1.0 / EQUAL <= cost.ratio <= EQUAL:
        text = f"{start}{classical} and {network} take about the same time to solve"
    elif cost.ratio > 1.0:
        text = f"{start}{classical} solves {factor(cost.ratio)} times{_bounds(cost, cost.ratio)} faster than {network}"
    else:
        ratio = 1.0 / cost.ratio
        text = f"{start}{network} solves {factor(ratio)} times{_bounds(cost, ratio)} faster than {classical}"
    if math.isfinite(cost.total_ratio):
        text += f"; with set-up and compilation {_ahead_in_total(cost.total_ratio)}"
    return Sentence(f"{text}.", *dict.fromkeys((cost.classical, cost.neural, *cost.fastest_in_total)))


def _article(name: str) -> str:
    return "an" if name[0] in "aeiou" else "a"


def _ahead_in_total(ratio: float) -> str:
    if 1.0 / EQUAL <= ratio <= EQUAL:
        return "the families are about equal"
    return f"the {'classical' if ratio > 1.0 else 'neural'} side is {factor(max(ratio, 1.0 / ratio))} times faster"


def _bounds(cost: Cost, ratio: float) -> str:
    """The interval of a ratio in words, of its inverse where that is told, with a space before it."""
    found = cost.interval()
    if found is None:
        return ""
    low, high = (found.low, found.high) if ratio == cost.ratio else (1.0 / found.high, 1.0 / found.low)
    return f" [{factor(low)}, {factor(high)}]"


def _absence(section: Section, family: str) -> list[Sentence]:
    one, many = NOUNS[family]
    tried = [c for c in section.configurations if c.family == family]
    if not tried:
        return [Sentence(f"No {one} was run here, so the families cannot be compared.")]
    if not section.of_family(family):
        finished = any(c.reliable for c in tried)
        if len(tried) == 1:
            lost = tried[0].rows.loc[~tried[0].rows["ok"], "status"].unique()
            most = " on most of its seeds" if tried[0].finished else ""
            ended = "has no answer" if finished else f"did not finish{most} ({', '.join(map(str, lost))})"
            return [Sentence(f"The only {one} tried here, {tried[0].label}, {ended}.", *tried)]
        ended = "came to an answer" if finished else "finished"
        return [Sentence(f"None of the {len(tried)} {many} tried here {ended} on most of its seeds.", *tried)]
    return []


def _no_answer(section: Section) -> list[Sentence]:
    """What finished and is not like the solution, which no comparison counts."""
    off = [c for c in section.configurations if c.reliable and not c.answers]
    if not off:
        return []
    told = "; ".join(f"{c.label} ({scientific(c.median('relative_l2')) or 'not finite'})" for c in off)
    return [Sentence(f"Not an answer, since the median {metric('relative_l2')} is above {NO_ANSWER:g}: {told}.", *off)]


def _limit(section: Section, table: Sequence[Cost], family: str, other: str) -> list[Sentence]:
    """Where one family stops and the other goes on."""
    missed = [cost for cost in table if getattr(cost, family) is None and getattr(cost, other) is not None]
    if not missed:
        return []
    best, rival = most_accurate(section, family), most_accurate(section, other)
    assert best is not None
    assert rival is not None
    if section.idle(best):
        return []  # What it ended with was there before its training, of which another sentence tells.
    limit = 10.0 ** (math.ceil(math.log10(best.median("error")) - 1e-9) - 1)
    median = " in the median over its seeds" if family == "neural" else ""
    return [
        Sentence(
            f"No {NOUNS[family][0]} run here reached {scientific(limit, 1)}{median}: the most accurate one "
            f"({best.label}) stops at {scientific(best.median('error'))} after "
            f"{seconds(best.median('solve_median'))}, while {rival.label} comes to "
            f"{scientific(rival.median('error'))} in {seconds(rival.median('solve_median'))}.",
            best,
            rival,
        )
    ]


def _flow(section: Section, problem: Problem | None) -> list[Sentence]:
    """What the flow of a matrix has itself not come to when it is stopped, where that is what is left of an error.

    Networks follow the flow, and cannot find what is not in it.
    """
    best = most_accurate(section, "neural")
    if not isinstance(problem, MatrixEigenproblem) or best is None or section.headline != problem.headline:
        return []
    flow = problem.flow()
    end = flow.reference(np.array([[flow.final_time()]]))
    left = problem.measures(end.T)[problem.headline]
    if not LEFT <= left / max(best.median("error"), ROUNDING) <= 1.0 / LEFT:
        return []
    name = metric(problem.headline)
    return [
        Sentence(
            f"The flow that networks follow here has itself {_article(name)} {name} of {scientific(left)} where it is "
            f"stopped, at t = {flow.final_time():.3g}: nothing that follows it comes closer, however well.",
            best,
        )
    ]


def _outside(section: Section, problem: Problem | None) -> list[Sentence]:
    """How much larger errors are where nothing was trained, told of the configuration that is best inside."""
    sentences: list[Sentence] = []
    for name in further_sets(section.configurations):
        column = f"metric.{name}_relative_l2"
        judged = [c for c in section.configurations if c.reliable and c.spread(column) and c.median("relative_l2") > 0]
        if not judged:
            continue
        best = min(judged, key=lambda c: c.median("relative_l2"))
        within, there = _regions(problem, name)
        inside, outside = best.median("relative_l2"), best.median(column)
        ratios = [c.median(column) / c.median("relative_l2") for c in judged]
        text = (
            f"{within}, {best.label} has a {metric('relative_l2')} of {scientific(inside)}; {there}, beyond what it "
            f"was trained on, {scientific(outside)}: {_compared(outside / inside)}."
        )
        if best.spread(f"metric.{name}_max_abs"):
            # Where the solution fades, a relative error grows although the absolute one may not.
            largest = best.median("max_abs"), best.median(f"metric.{name}_max_abs")
            text += f" Its largest absolute error is {scientific(largest[0])} inside, {scientific(largest[1])} there."
        if len(judged) > 1:
            text += (
                f" Over the {len(judged)} configurations that were judged there, that ratio lies between "
                f"{factor(min(ratios))} and {factor(max(ratios))}."
            )
        sentences.append(Sentence(text, best, *(c for c in judged if c is not best)))
    return sentences


def _noise(section: Section, problem: Problem | None) -> list[Sentence]:
    """What the data of an inverse problem allow, so that nobody takes digits below the noise for knowledge."""
    if not isinstance(problem, InverseProblem) or problem.noise == 0.0:
        return []
    known = problem.measures(problem.estimate()[:, None])
    allowed, drawn = known["standard_error"], known["parameter_error_in_standard_errors"]
    column = "metric.estimate_error_in_standard_errors"
    judged = [c for c in section.configurations if c.reliable and c.spread(column)]
    near = [c for c in judged if c.median(column) <= IMMATERIAL]
    text = (
        f"The noise allows parameters to be known to {significant(100.0 * allowed, 2)} % (the largest standard error, "
        f"by the Cramér–Rao bound); the exact estimate from these data lies {significant(drawn, 2)} standard errors "
        "from the truth."
    )
    if not judged:
        return [Sentence(text)]
    among = (
        f"Of the {len(judged)} configurations judged here, {len(near)} came"
        if len(judged) > 1
        else f"The only configuration judged here {'came' if near else 'did not come'}"
    )
    return [
        Sentence(
            f"{text} {among} to that estimate within a tenth of a standard error, where more digits say something of "
            "the solver and nothing of the parameters.",
            *(near or judged),
        )
    ]


def _regions(problem: Problem | None, name: str) -> tuple[str, str]:
    """The domain and a set of points outside of it in words, as intervals where there is but one coordinate."""
    points = problem.further_points().get(name) if isinstance(problem, ODE) else None
    if points is None or not isinstance(problem, ODE):
        return "Inside the domain", f"{name.replace('_', ' ')} it"
    first, last = problem.start_time(), problem.final_time()
    if points.min() <= last:
        return f"Inside [{first:g}, {last:g}]", f"{name.replace('_', ' ')} it"
    return f"Inside [{first:g}, {last:g}]", f"on ({last:g}, {points.max():g}]"


def _compared(ratio: float) -> str:
    if 1.0 / EQUAL <= ratio <= EQUAL:
        return "about as much"
    return f"{factor(ratio)} times more" if ratio > 1.0 else f"{factor(1.0 / ratio)} times less"


def _evidence(section: Section, table: Sequence[Cost]) -> list[Sentence]:
    """A warning where a comparison of the families rests on few runs of either."""
    classical, neural = ([c for c in section.configurations if c.family == f] for f in ("classical", "neural"))
    if not classical or not neural:
        return []
    named = {most_accurate(section, "neural"), *(cost.neural for cost in table)} - {None}
    seeds = sorted({len(c.rows) for c in named or neural if c})
    if min(len(classical), len(neural), seeds[0]) >= FEW:
        return []
    span = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]}–{seeds[-1]}"
    return [
        Sentence(
            f"Few runs stand behind this: {len(classical)} classical and {len(neural)} neural configurations; seeds of "
            f"the networks named here: {span}."
        )
    ]


def _idle(section: Section) -> list[Sentence]:
    """Networks that end where they began, or farther away, although what they found is an answer."""
    idle = [c for c in section.looks if c.answers and section.idle(c)]
    return [
        Sentence(
            f"Training of {c.label} ended at {scientific(c.median('error'))}, no nearer to the solution than its first "
            "guess.",
            c,
        )
        for c in idle
    ]


def _spreads(configurations: Sequence[Configuration]) -> list[Sentence]:
    found: list[Sentence] = []
    for c in configurations:
        seeds, error = len(c.rows), c.spread("error")
        if seeds > 1 and c.failed:
            found.append(Sentence(f"{c.label} failed on {c.failed} of {seeds} seeds.", c))
        if c.finished > 1 and error and error.least > 0.0 and error.most / error.least >= ROBUST:
            found.append(
                Sentence(
                    f"The error of {c.label} differs by a factor of {factor(error.most / error.least)} between "
                    f"{error.count} seeds ({scientific(error.least)} to {scientific(error.most)}).",
                    c,
                )
            )
    return found
