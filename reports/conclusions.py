"""Conclusions in sentences, each computed from the rows; what a family lost is said like what it won."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from problems import Problem
from problems.base import ODE
from problems.families.inverse import InverseProblem
from reports import intervals
from reports.intervals import Interval
from reports.published import ROBUST
from reports.summary import NO_ANSWER, Configuration, Section
from reports.words import factor, metric, scientific, seconds, significant

EQUAL = 1.25
"""Times within this factor of each other are called equal."""
FLOOR = -14
"""Rounding: no error below 10 to this power is told apart."""
FEW = 3
"""Fewer configurations of a family, or seeds of a network, than this are pointed out."""
IMMATERIAL = 0.1
"""Distances from the exact estimate below this many standard errors do not change what is known of a parameter."""
USEFUL = -1
"""Relative errors above 10 to this power are no answer: zero has a relative error of 1."""
NOUNS = {"neural": ("network", "networks"), "classical": ("classical solver", "classical solvers")}


@dataclass(frozen=True)
class Cost:
    """The fastest configuration of each family that answers, with a median error of at most `accuracy`."""

    accuracy: float
    classical: Configuration | None
    neural: Configuration | None
    classical_s: float
    """Solve time until the accuracy was reached; NaN where nobody reached it."""
    neural_s: float
    """The same of the network, which may be a part of its training."""
    total_ratio: float
    """Total time of the network that is fastest in total, over that of the classical solver that is."""
    interval: Callable[[], Interval | None] = lambda: None
    """Where `ratio` lies with 95 % confidence, None where too few seeds and rounds were run; found when asked for."""

    @property
    def ratio(self) -> float:
        """Solve time of the network over that of the classical solver; NaN unless both got there."""
        return self.neural_s / self.classical_s if self.classical_s else math.nan


@functools.lru_cache(maxsize=256)
def costs(section: Section) -> tuple[Cost, ...]:
    """The cost of each power of ten that somebody reached; of powers that cost the same only the smallest.

    Empty where nobody came to a useful accuracy.
    """
    classical, neural = section.of_family("classical"), section.of_family("neural")
    errors = [c.median("error") for c in classical + neural]
    if not errors:
        return ()
    tightest = max(FLOOR, math.ceil(math.log10(max(min(errors), 10.0**FLOOR)) - 1e-9))
    loosest = max(tightest, math.ceil(math.log10(max(*errors, 10.0**FLOOR))))
    if section.ways:
        # On its way to a small error, training passes those that no configuration ends with.
        loosest = max(loosest, USEFUL)
    if section.headline.startswith("relative"):
        loosest = min(loosest, USEFUL)
    found: list[Cost] = []
    for power in range(loosest, tightest - 1, -1):
        cost = _cost(section, 10.0**power)
        if found and _alike(found[-1], cost):
            found.pop()
        found.append(cost)
    return tuple(found)


def _alike(one: Cost, other: Cost) -> bool:
    winners = (one.classical, one.neural) == (other.classical, other.neural)
    return winners and (one.neural is None or one.neural_s == other.neural_s)


def total(c: Configuration, solve_s: float) -> float:
    """Total time of a configuration that solves for `solve_s` seconds: set-up and compilation stay as they are."""
    return c.median("total_s") - c.median("solve_median") + solve_s


def shared(table: Sequence[Cost]) -> Cost | None:
    """The smallest error that both families reached, and what it cost them."""
    return next((cost for cost in reversed(table) if math.isfinite(cost.ratio)), None)


def most_accurate(section: Section, family: str) -> Configuration | None:
    """The configuration of a family that answers with the smallest median error; the fastest of those at rounding."""
    return min(section.of_family(family), key=lambda c: max(c.median("error"), 10.0**FLOOR), default=None)


def further_sets(configurations: Sequence[Configuration]) -> list[str]:
    """Names of the sets of points outside the domain at which some configuration was judged."""
    names = {
        column.removeprefix("metric.").removesuffix("_relative_l2")
        for c in configurations
        for column in c.shown
        if column.startswith("metric.") and column.endswith("_relative_l2") and c.spread(column)
    }
    return sorted(names)


def conclude(section: Section, problem: Problem | None = None) -> list[str]:
    """Sentences on one section, the comparison of the families first; `problem` names what lies outside its domain."""
    table = costs(section)
    both = [cost for cost in table if math.isfinite(cost.ratio)]
    told = both[-1:] + [cost for cost in both[:1] if (cost.ratio > 1.0) != (both[-1].ratio > 1.0)]
    sentences = [_comparison(cost, section.headline) for cost in told]
    for family, other in (("neural", "classical"), ("classical", "neural")):
        sentences += _absence(section, family) or _limit(section, table, family, other)
    if not table and any(c.answers for c in section.configurations):
        sentences.append(f"Nothing run here reached {scientific(10.0**USEFUL, 1)}.")
    return (
        sentences
        + _no_answer(section)
        + _noise(section, problem)
        + _outside(section, problem)
        + _idle(section)
        + _evidence(section, table)
        + _spreads(section.configurations)
    )


def _cost(section: Section, accuracy: float) -> Cost:
    fastest: list[tuple[float, Configuration | None]] = []
    totals = []
    for family in ("classical", "neural"):
        times = [(section.seconds_to(c, accuracy), c) for c in section.of_family(family)]
        reached = [(time, c) for time, c in times if math.isfinite(time)]
        fastest.append(min(reached, key=lambda pair: pair[0], default=(math.nan, None)))
        totals.append(min((total(c, time) for time, c in reached), default=math.nan))
    (classical_s, classical), (neural_s, neural) = fastest
    ratio = totals[1] / totals[0] if totals[0] else math.nan
    found = Cost(accuracy, classical, neural, classical_s, neural_s, ratio)
    if neural is None or classical is None:
        return found
    return replace(found, interval=functools.cache(lambda: intervals.of_ratio(section, neural, classical, accuracy)))


def _comparison(cost: Cost, headline: str) -> str:
    assert cost.classical is not None
    assert cost.neural is not None
    classical, network = (
        f"the fastest classical solver ({cost.classical.label}, {seconds(cost.classical_s)})",
        f"the fastest network ({cost.neural.label}, {seconds(cost.neural_s)})",
    )
    name = metric(headline)
    start = f"At {'an' if name[0] in 'aeiou' else 'a'} {name} of at most {scientific(cost.accuracy, 1)}, "
    if 1.0 / EQUAL <= cost.ratio <= EQUAL:
        text = f"{start}{classical} and {network} take about the same time to solve"
    elif cost.ratio > 1.0:
        text = f"{start}{classical} solves {factor(cost.ratio)} times{_bounds(cost, cost.ratio)} faster than {network}"
    else:
        ratio = 1.0 / cost.ratio
        text = f"{start}{network} solves {factor(ratio)} times{_bounds(cost, ratio)} faster than {classical}"
    if not math.isfinite(cost.total_ratio):
        return text + "."
    if 1.0 / EQUAL <= cost.total_ratio <= EQUAL:
        return text + "; with set-up and compilation the families are about equal."
    ahead, ratio = ("classical", cost.total_ratio) if cost.total_ratio >= 1.0 else ("neural", 1.0 / cost.total_ratio)
    return f"{text}; with set-up and compilation the {ahead} side is {factor(ratio)} times faster."


def _bounds(cost: Cost, ratio: float) -> str:
    """The interval of a ratio in words, of its inverse where that is told, with a space before it."""
    found = cost.interval()
    if found is None:
        return ""
    low, high = (found.low, found.high) if ratio == cost.ratio else (1.0 / found.high, 1.0 / found.low)
    return f" [{factor(low)}, {factor(high)}]"


def _absence(section: Section, family: str) -> list[str]:
    one, many = NOUNS[family]
    tried = [c for c in section.configurations if c.family == family]
    if not tried:
        return [f"No {one} was run here, so the families cannot be compared."]
    if not section.of_family(family):
        finished = any(c.reliable for c in tried)
        if len(tried) == 1:
            ended = "has no answer" if finished else f"did not finish ({tried[0].first['status']})"
            return [f"The only {one} tried here, {tried[0].label}, {ended}."]
        return [
            f"None of the {len(tried)} {many} tried here {'came to an answer' if finished else 'finished'} on most of "
            "its seeds."
        ]
    return []


def _no_answer(section: Section) -> list[str]:
    """What finished and is not like the solution, which no comparison counts."""
    off = [c for c in section.configurations if c.reliable and not c.answers]
    if not off:
        return []
    told = "; ".join(f"{c.label} ({scientific(c.median('relative_l2')) or 'not finite'})" for c in off)
    return [f"Not an answer, since the median {metric('relative_l2')} is above {NO_ANSWER:g}: {told}."]


def _limit(section: Section, table: Sequence[Cost], family: str, other: str) -> list[str]:
    """Where one family stops and the other goes on."""
    missed = [cost for cost in table if getattr(cost, family) is None and getattr(cost, other) is not None]
    if not missed:
        return []
    best, rival = most_accurate(section, family), most_accurate(section, other)
    assert best is not None
    assert rival is not None
    limit = 10.0 ** (math.ceil(math.log10(best.median("error")) - 1e-9) - 1)
    median = " in the median over its seeds" if family == "neural" else ""
    return [
        f"No {NOUNS[family][0]} run here reached {scientific(limit, 1)}{median}: the most accurate one ({best.label}) "
        f"stops at {scientific(best.median('error'))} after {seconds(best.median('solve_median'))}, while "
        f"{rival.label} comes to {scientific(rival.median('error'))} in {seconds(rival.median('solve_median'))}."
    ]


def _outside(section: Section, problem: Problem | None) -> list[str]:
    """How much larger errors are where nothing was trained, told of the configuration that is best inside."""
    sentences = []
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
        sentences.append(text)
    return sentences


def _noise(section: Section, problem: Problem | None) -> list[str]:
    """What the data of an inverse problem allow, so that nobody takes digits below the noise for knowledge."""
    if not isinstance(problem, InverseProblem) or problem.noise == 0.0:
        return []
    known = problem.measures(problem.estimate()[:, None])
    allowed, drawn = known["standard_error"], known["parameter_error_in_standard_errors"]
    column = "metric.estimate_error_in_standard_errors"
    judged = [c for c in section.configurations if c.reliable and c.spread(column)]
    near = sum(c.median(column) <= IMMATERIAL for c in judged)
    text = (
        f"The noise allows parameters to be known to {significant(100.0 * allowed, 2)} % (the largest standard error, "
        f"by the Cramér–Rao bound); the exact estimate from these data lies {significant(drawn, 2)} standard errors "
        "from the truth."
    )
    if not judged:
        return [text]
    among = (
        f"Of the {len(judged)} configurations judged here, {near} came"
        if len(judged) > 1
        else f"The only configuration judged here {'came' if near else 'did not come'}"
    )
    return [
        f"{text} {among} to that estimate within a tenth of a standard error, where more digits say something of the "
        "solver and nothing of the parameters."
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


def _evidence(section: Section, table: Sequence[Cost]) -> list[str]:
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
        f"Few runs stand behind this: {len(classical)} classical and {len(neural)} neural configurations; seeds of the "
        f"networks named here: {span}."
    ]


def _idle(section: Section) -> list[str]:
    """Networks that end where they began, or farther away, although what they found is an answer."""
    idle = [c for c, (_, errors) in section.ways.items() if c.answers and not np.isfinite(errors).any()]
    return [
        f"Training of {c.label} ended at {scientific(c.median('error'))}, no nearer to the solution than its first "
        "guess."
        for c in idle
    ]


def _spreads(configurations: Sequence[Configuration]) -> list[str]:
    found = []
    for c in configurations:
        seeds, error = len(c.rows), c.spread("error")
        if seeds > 1 and c.failed:
            found.append(f"{c.label} failed on {c.failed} of {seeds} seeds.")
        if c.finished > 1 and error and error.least > 0.0 and error.most / error.least >= ROBUST:
            found.append(
                f"The error of {c.label} differs by a factor of {factor(error.most / error.least)} between "
                f"{error.count} seeds ({scientific(error.least)} to {scientific(error.most)})."
            )
    return found
