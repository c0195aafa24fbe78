"""Claims on what a training step costs in many dimensions, judged by the law that is fitted to the rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from problems.claims import CapacityClaim, Claim, GrowthClaim
from reports.dimension.growth import LOOSE, fit
from reports.sources.verdicts import CONTRADICTED, SUPPORTED, Outcome
from reports.words import listed, memory, number, probability, seconds, significant, the_strategy


def growth(claim: Claim, part: pd.DataFrame) -> Outcome:
    """Is the exponent within its bounds? Tested by the profile of the squares at the bounds.

    Each dimension is one point, so that a deterministic figure does not count more for having been repeated.
    """
    assert isinstance(claim, GrowthClaim)
    way = the_strategy(claim.derivatives)
    medians = part.groupby("level")["value"].median()
    law = fit(list(medians.index), list(medians))
    if law is None:
        return Outcome(f"Only d = {_numbers(medians.index)} {'was' if len(medians) == 1 else 'were'} run.")
    cost = "The time of a training step" if claim.cost == "time" else f"Memory{_measured(part)}"
    words = seconds if claim.cost == "time" else memory
    first, last = medians.index[0], medians.index[-1]
    start = (
        f"{cost} with {way}{_enclosed(_points_in_step(part) + _network(part))} is {words(medians[first])} at "
        f"d = {first:g} and {words(medians[last])} at d = {last:g}"
    )
    if law.misfit > LOOSE:
        return Outcome(f"{start}, which is too far off for a power of the dimension.")
    if not law.settled:
        return Outcome(f"{start}; {len(medians)} dimensions settle no exponent.")
    start += f", and grows as {law.words}, within {significant(100.0 * max(law.misfit, 1e-3), 2)} %"
    low, high = claim.exponent - claim.within, claim.exponent + claim.within
    bounds = f"{number(low)} to {number(high)}"
    inside = low <= law.exponent <= high
    p = max(map(law.probability, (low, high))) if inside else law.probability(low if law.exponent < low else high)
    sentence = f"{start}; the exponent is {'within' if inside else 'outside'} {bounds} with {probability(p)}."
    return Outcome(sentence, SUPPORTED if inside else CONTRADICTED, p, 0.0)


def capacity(claim: Claim, part: pd.DataFrame) -> Outcome:
    """Which numbers of points in a step fill the device between the two dimensions, and are they in use?

    Bytes are a constant and what grows with the number of points times a power of the dimension.
    """
    assert isinstance(claim, CapacityClaim)
    way = the_strategy(claim.derivatives)
    known = part[part["batch"] > 0.0]
    medians = known.groupby(["level", "batch"])["value"].median().reset_index()
    law = fit(list(medians["level"]), list(medians["value"]), sizes=list(medians["batch"]))
    few, many = claim.dimensions
    room = memory(claim.capacity)
    if law is None:
        return Outcome(f"Fewer than three dimensions were run with {way}.")
    most, least = law.size_for(claim.capacity, few), law.size_for(claim.capacity, many)
    if most is None or least is None or law.misfit > LOOSE or not law.settled:
        return Outcome(f"Memory{_measured(part)} follows no law that could be carried on to {room}.")
    batches = sorted(medians["batch"].unique())
    alone = ", taken to be proportional to the points" if len(batches) == 1 else ""
    told = (
        f"Memory{_measured(part)} with {way}, measured at {_numbers(batches)} points in a step and up to "
        f"{memory(float(medians['value'].max()))}, grows with the points and as {law.words}{alone}. Carried on, {room} "
        f"are full at {most.words} points for d = {few} and {least.words} for d = {many}"
        f"{_enclosed(_network(part))}. The claim is true of this network for numbers of points between these; with "
        f"more, memory is full in fewer than {few} dimensions, and with less in more than {many}"
    )
    small, large = claim.batches
    use = f"numbers in use are {small:,} to {large:,}"
    if least.value > large:
        p = least.probability(large)
        return Outcome(f"{told}; {use}, which is too few with {probability(p)}.", CONTRADICTED, p, 0.0)
    if most.value < small:
        p = most.probability(small)
        return Outcome(f"{told}; {use}, which is too many with {probability(p)}.", CONTRADICTED, p, 0.0)
    p = max(least.probability(large), most.probability(small))
    return Outcome(f"{told}; {use}, some of which are between with {probability(p)}.", SUPPORTED, p, 0.0)


def _measured(part: pd.DataFrame) -> str:
    methods = ", ".join(dict.fromkeys(str(method) for method in part["method"] if method))
    return f" ({methods})" if methods else ""


def _enclosed(told: Sequence[str]) -> str:
    """Circumstances in brackets, nothing for none."""
    return f" ({', '.join(told)})" if told else ""


def _points_in_step(part: pd.DataFrame) -> list[str]:
    """The numbers of points in a step, where they are known."""
    batches = sorted(part["batch"].dropna().unique())
    return [f"{_numbers(batches)} points in a step"] if batches else []


def _network(part: pd.DataFrame) -> list[str]:
    """The size of the network, by its widths and its number of parameters where they are the same in all rows."""
    told = []
    for column, words in (("solver.network.widths", "widths {}"), ("solver.network.width", "width {}")):
        if column in part and part[column].nunique() == 1:
            told.append(words.format(part[column].dropna().iloc[0]))
    sizes = part["unknowns"].dropna()
    if len(sizes):
        ends = sorted({int(sizes.min()), int(sizes.max())})
        told.append(f"{' to '.join(f'{end:,}' for end in ends)} parameters")
    return told


def _numbers(values: Iterable[float]) -> str:
    return listed(f"{value:,g}" for value in values)
