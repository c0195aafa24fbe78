"""What sources claim without printing a figure for it, in a form that a test over measured rows can judge.

A row of a run is evidence for a claim if it is tagged with the claim's key, which begins with `CLAIM`. What the rows of
a claim have to share, and which test decides, is said by its kind; no kind says what comes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CLAIM = "claim/"
"""Beginning of every claim's key, which tells it from that of a figure that a source prints."""


@dataclass(frozen=True)
class Claim:
    """A statement of a source: where it stands (`source`, `entry`), and what it says in our own words (`text`)."""

    source: str
    entry: str
    text: str


@dataclass(frozen=True)
class RefinementClaim(Claim):
    """The error grows as the step is refined from `coarsest` on, the coarsest one that the source had.

    `step` is "dx" or "dt", `metric` an error or measure of a record. Rows with coarser steps are no evidence: that an
    error falls where the source did not look contradicts nothing.
    """

    step: str
    metric: str
    coarsest: float


@dataclass(frozen=True)
class ExtrapolationClaim(Claim):
    """The error at the problem's further points called `points` is at least `factor` times that in the domain."""

    points: str
    metric: str
    factor: float


@dataclass(frozen=True)
class CostClaim(Claim):
    """To an error of `accuracy`, `solver` takes at most `at_most` seconds, and a network `at_least` seconds or more.

    Where the source names no accuracy, it is `chosen` here, and a verdict says so.
    The error is the problem's headline; seconds are those of set-up, compilation and solving together. The claim is
    about networks on `device`: slow ones elsewhere are no evidence for it, while fast ones on a slower device are
    evidence against it all the more.
    """

    solver: str
    accuracy: float
    at_most: float
    at_least: float
    device: Literal["cpu", "cuda"]
    chosen: bool = False


@dataclass(frozen=True)
class RankingClaim(Claim):
    """Of all values of a solver's parameter, `value` trains fastest or slowest: by the mean of the noted losses."""

    parameter: str
    value: str
    place: Literal["fastest", "slowest"]

    @property
    def slowest(self) -> bool:
        """Whether `value` is said to be the slowest, and not the fastest."""
        return self.place == "slowest"


@dataclass(frozen=True)
class TrendClaim(Claim):
    """The mean of the losses noted in the first `iterations` iterations changes with a solver's parameter.

    It "falls" or "rises" as the parameter grows, or "varies": differs between values in whatever order.
    """

    parameter: str
    iterations: int
    direction: Literal["falls", "rises", "varies"]


@dataclass(frozen=True)
class AttractorClaim(Claim):
    """Training falls to the zero function: `metric`, a size that is 1 for every true answer, ends below `size`."""

    metric: str
    size: float


@dataclass(frozen=True)
class GrowthClaim(Claim):
    """A training step's `cost` grows as the dimension to the power `exponent`, give or take `within`.

    The claim is about second derivatives taken by `derivatives`, a name of the fact of that name; what other ways of
    taking them cost is no evidence for it.
    """

    derivatives: str
    cost: Literal["memory", "time"]
    exponent: float
    within: float


@dataclass(frozen=True)
class CapacityClaim(Claim):
    """Somewhere between two `dimensions` a training step in `precision` fills a device of `capacity` bytes.

    Second derivatives are taken by `derivatives`. Memory grows with the number of points in a step as well, which a
    source may not name: the claim can then be true of some numbers of points and of no others. It is supported for a
    network if some number between `batches`, the smallest and the largest in use, makes it true.
    """

    derivatives: str
    precision: str
    capacity: float
    dimensions: tuple[int, int]
    batches: tuple[int, int]
