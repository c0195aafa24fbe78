"""Two runs held against each other: cases matched by their hash, and what of them differs."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.cases import Case
from benchmarks.record import Record
from problems import InputError
from reports import convergence
from reports.frame import frame
from reports.regression.costs import costs
from reports.regression.quantities import error, quantities, sound
from reports.regression.weighing import FACTOR
from reports.run import Run
from reports.summary import sections

ORDER_SLACK = 0.1
"""A difference of observed orders that is none."""
MACHINE = ("cpu", "cores", "gpu", "python")
TRAINING = ("numpy", "scipy", "torch", "jax", "jaxlib", "optax")
"""Packages that have a part in what a training comes to."""
USUAL = {"device": "cpu", "precision": "float64", "threads": 1}

Pair = tuple[Record, Record]
"""The older row and the newer one."""


class Verdict(enum.StrEnum):
    """What a difference is for whoever uses the solver."""

    WORSE = "worse"
    BETTER = "better"


@dataclass(frozen=True)
class Difference:
    """A figure that is another one in the newer run; `case` is the newer row's, of an order that at its finest step."""

    label: str
    case: str
    title: str
    words: Callable[[float], str]
    base: float
    head: float
    verdict: Verdict

    @property
    def ratio(self) -> float:
        """The newer figure by the older one."""
        return self.head / self.base if self.base else math.inf

    @property
    def size(self) -> float:
        """How far the ratio is from one, either way."""
        return abs(math.log(self.ratio)) if 0.0 < self.ratio < math.inf else math.inf


@dataclass(frozen=True)
class Comparison:
    """What differs from `base` to `head`.

    `common` are the cases that both have, of which `figures` figures of `compared` cases were compared. `failing` and
    `passing` are those of them that were sound and are not, or the other way round; what had an answer, if one that
    diverged, and has none is failing as well. `missing` are cases of the older run alone that were sound. `apart`
    differ in nothing but device, precision or threads. Neither these nor the figures `unmeasured`, which the newer run
    does not have or not by the same method, nor those of the `trainings` on another machine or with other packages are
    compared. Costs that look larger are `suspicious` until they are measured
    again, which leaves those that could not be decided; `acquitted` are as before. With `other_machine` none was looked
    at.
    """

    base: Run
    head: Run
    common: tuple[Pair, ...]
    compared: int
    figures: int
    worse: tuple[Difference, ...]
    better: tuple[Difference, ...]
    failing: tuple[Pair, ...]
    passing: tuple[Pair, ...]
    missing: tuple[Record, ...]
    new: tuple[Record, ...]
    apart: tuple[Pair, ...]
    unmeasured: tuple[tuple[Record, str], ...]
    trainings: tuple[Record, ...]
    other_machine: bool
    suspicious: tuple[Difference, ...] = ()
    acquitted: tuple[Difference, ...] = ()

    @property
    def regressed(self) -> bool:
        """Whether anything got worse; a case that is not there any more may hide that."""
        return bool(self.worse or self.failing or self.missing)


def compare(base: Run, head: Run, factor: float = FACTOR) -> Comparison:
    """Compare two runs; a cost may grow by `factor`.

    Raises:
        InputError: if they have nothing in common that could be compared.

    """
    before, after = ({case_key(record): record for record in run.records} for run in (base, head))
    common = [(before[case], after[case]) for case in after if case in before]
    missing = [record for case, record in before.items() if case not in after]
    new = [record for case, record in after.items() if case not in before]
    apart = list(_apart(missing, new))
    paired = {id(record) for pair in apart for record in pair}
    both = [pair for pair in common if all(map(sound, pair))]
    held, at_home = _Held(), _same_for_training(base, head)
    for pair in both:
        held.add(*pair, at_home=at_home)
    failing = [pair for pair in common if _fell(*pair)]
    if not held.figures and not failing:
        raise InputError(
            f"{base.path} and {head.path} have nothing in common that could be compared; compare two runs of one suite"
        )
    found = _orders(both, held.differences) + sorted(held.differences, key=lambda difference: -difference.size)
    return Comparison(
        base,
        head,
        tuple(common),
        len(held.cases),
        held.figures,
        tuple(d for d in found if d.verdict is Verdict.WORSE),
        tuple(d for d in found if d.verdict is Verdict.BETTER),
        tuple(failing),
        tuple((old, now) for old, now in common if sound(now) and not sound(old)),
        tuple(record for record in missing if id(record) not in paired and sound(record)),
        tuple(record for record in new if id(record) not in paired),
        tuple(apart),
        tuple(held.unmeasured),
        tuple(held.trainings.values()),
        bool(both) and all(old.environment != now.environment for old, now in both),
        tuple(sorted(_larger_costs(both, factor), key=lambda difference: -difference.size)),
    )


def label(record: Record) -> str:
    """Problem and solver as on a command line, as far as they are known here, and unusual circumstances."""
    case = _case(record)
    name = case.label if case else f"{record.problem} · {record.solver} · {record.case}"
    unusual = [circumstance(record, key) for key, value in USUAL.items() if getattr(record, key) != value]
    return " · ".join([name, *unusual])


def circumstance(record: Record, name: str) -> str:
    """Device, precision or number of threads in words."""
    value = getattr(record, name)
    return f"{value} thread{'s' if value != 1 else ''}" if name == "threads" else str(value)


def surroundings(base: Run, head: Run) -> list[str]:
    """What differs between the machines and the software of two runs, in words."""
    old, now = base.environment, head.environment
    found = [f"{name}: {old.get(name)} → {now.get(name)}" for name in MACHINE if old.get(name) != now.get(name)]
    packages = [side if isinstance(side := run.get("packages"), Mapping) else {} for run in (old, now)]
    for name in dict.fromkeys([*packages[0], *packages[1]]):
        versions = [side.get(name, "none") for side in packages]
        if versions[0] != versions[1]:
            found.append(f"{name}: {versions[0]} → {versions[1]}")
    return found


def _same_for_training(base: Run, head: Run) -> bool:
    """Whether a training comes to the same in both runs, as far as machine and packages decide on that."""
    found = []
    for run in (base, head):
        packages = run.environment.get("packages")
        versions = packages if isinstance(packages, Mapping) else {}
        python = str(run.environment.get("python")).rpartition(".")[0]  # Patches do not change what is computed.
        machine = [run.environment.get(name) for name in MACHINE if name != "python"]
        found.append([*machine, python, *(versions.get(name) for name in TRAINING)])
    return found[0] == found[1]


def _fell(old: Record, now: Record) -> bool:
    """Whether a case fails that did not; what diverges as it did before does not."""
    return (sound(old) and not sound(now)) or (old.answered and not now.answered)


@dataclass
class _Held:
    """What came of holding the figures of rows against each other, row by row."""

    differences: list[Difference] = field(default_factory=list)
    unmeasured: list[tuple[Record, str]] = field(default_factory=list)
    cases: set[str] = field(default_factory=set)
    trainings: dict[str, Record] = field(default_factory=dict)
    figures: int = 0

    def add(self, old: Record, now: Record, *, at_home: bool) -> None:
        for quantity in quantities(old):
            base, head = quantity.read(old), quantity.read(now)
            if quantity.of_training and not at_home:
                self.trainings[now.case] = now
            elif math.isnan(head):
                self.unmeasured.append((now, quantity.title))
            else:
                self.figures += 1
                self.cases.add(now.case)
                # What the newer row says of itself must not excuse it.
                relative, absolute = map(min, zip(quantity.slack(old), quantity.slack(now), strict=True))
                verdict = _verdict(base, head, relative, absolute)
                if verdict:
                    name = label(now), now.case, quantity.title
                    self.differences.append(Difference(*name, quantity.words, base, head, verdict))


def _case(record: Record) -> Case | None:
    """The case of a row; None where this installation does not know its problem or solver."""
    try:
        return Case.from_record(record)
    except InputError:
        return None


def case_key(record: Record) -> str:
    """The hash of the case as it is today: a parameter that was added since has its default."""
    case = _case(record)
    return case.hash if case else record.case


def _larger_costs(pairs: Iterable[Pair], factor: float) -> Iterator[Difference]:
    """Costs that look larger than on the same machine before."""
    for old, now in pairs:
        for cost in costs(now) if old.environment == now.environment else ():
            base, head = cost.read(old), cost.read(now)
            if cost.looks_larger(base, head, factor):
                yield Difference(label(now), now.case, cost.title, cost.words, base, head, Verdict.WORSE)


def _apart(missing: Sequence[Record], new: Sequence[Record]) -> Iterator[Pair]:
    """Cases of one run each with the same problem, solver and seed; most alike first."""
    waiting: dict[str, list[Record]] = {}
    for record in missing:
        waiting.setdefault(_identity(record), []).append(record)
    for record in new:
        mates = waiting.get(_identity(record))
        if mates:
            nearest = max(mates, key=lambda mate: sum(getattr(mate, k) == getattr(record, k) for k in USUAL))
            mates.remove(nearest)
            yield nearest, record


def _identity(record: Record) -> str:
    parts = (record.problem, record.problem_parameters, record.solver, record.solver_parameters, record.seed)
    return json.dumps(parts, sort_keys=True, default=str)


def _verdict(base: float, head: float, relative: float, absolute: float) -> Verdict | None:
    if head > base + relative * abs(base) + absolute:
        return Verdict.WORSE
    return Verdict.BETTER if base > head + relative * abs(head) + absolute else None


def _orders(pairs: Sequence[Pair], differences: Iterable[Difference]) -> list[Difference]:
    """Observed orders that changed, where the error at the finest step did as well.

    An order also falls where the coarsest error got smaller, and close to rounding it means nothing.
    """
    usable = [pair for pair in pairs if all(math.isfinite(error(record)) for record in pair)]
    changed = {difference.case: difference.verdict for difference in differences}
    before, after = (dict(_studies([pair[k] for pair in usable])) for k in (0, 1))
    renamed = {now.case: old.case for old, now in usable}
    found = []
    for (cases, step), (name, study) in after.items():
        earlier = before.get((frozenset(renamed[case] for case in cases), step))
        order = earlier[1].fit.order if earlier else None
        if order is None or study.fit.faster:
            continue
        head = study.fit.order or 0.0
        finest = {str(case) for case in study.configurations[-1].rows["case"]}
        verdict = Verdict.WORSE if head < order else Verdict.BETTER
        case = next((case for case in finest if changed.get(case) is verdict), None)
        if case and abs(head - order) > ORDER_SLACK:
            title = f"order in {study.step}, {len(cases)} cases"
            found.append(Difference(f"{name} · {study.label}", case, title, _order_words, order, head, verdict))
    return found


def _studies(
    records: Sequence[Record],
) -> Iterator[tuple[tuple[frozenset[str], str], tuple[str, convergence.Study]]]:
    """Studies over a step, by their cases and the step, with the problem's name."""
    if records:
        for section in sections(frame(records)):
            name = ", ".join(filter(None, (section.problem, section.title)))
            for study in convergence.studies(section):
                cases = frozenset(str(case) for c in study.configurations for case in c.rows["case"])
                yield (cases, study.step), (name, study)


def _order_words(value: float) -> str:
    return f"{value:.2f}" if value else "none"
