"""What a case costs, and when that looks larger than before: time, and memory as far as it is sampled.

Costs scatter, and from process to process more than from round to round, so that two records cannot prove a change.
What looks larger is measured again, by `again.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.record import Record
from reports.regression.quantities import by_the_clock, number
from reports.words import memory, seconds

LOOKS_LARGER = 1.1
"""A ratio of two records from which on a cost is worth measuring again."""
MOST_NOISE_BYTES = 8.0 * 2**20
"""By how much two peaks of the same process differ; freed blocks that the C library keeps make it so."""


@dataclass(frozen=True)
class Cost:
    """A cost of a record, NaN where it was not measured; `kind` is the pass that measures it.

    A difference below `floor` is none, whatever the ratio.
    """

    title: str
    words: Callable[[float], str]
    kind: str
    read: Callable[[Record], float]
    floor: float

    def looks_larger(self, base: float, head: float, factor: float = LOOKS_LARGER) -> bool:
        """Whether a change is worth another look, where one by `factor` is a regression."""
        return head - base > self.floor and head > min(LOOKS_LARGER, factor) * base


def costs(record: Record) -> Iterator[Cost]:
    """Those that a record has."""
    for cost in COSTS:
        if not math.isnan(cost.read(record)):
            yield cost


def _solve(record: Record) -> float:
    """The fastest round: what disturbs a measurement only ever adds to it."""
    return (
        math.nan if by_the_clock(record) else min(filter(math.isfinite, map(number, record.solve_s)), default=math.nan)
    )


def _start(record: Record) -> float:
    """Set-up and compilation of the first round; in the others libraries may find their code compiled."""
    first = [*map(number, record.setup_s[:1]), *map(number, record.compile_s[:1])]
    return sum(first) if len(first) == 2 else math.nan


def _host(record: Record) -> float:
    """The peak above what the process held with its libraries imported."""
    return number(record.host_bytes) - number(record.host_base_bytes)


def _device(record: Record) -> float:
    """An accelerator's peak; on a CPU device memory is counted, and `quantities.py` compares it."""
    return number(record.device_bytes) if record.device != "cpu" else math.nan


COSTS = (
    Cost("solve time", seconds, "timing", _solve, 2e-5),
    Cost("set-up and compilation", seconds, "timing", _start, 2e-3),
    Cost("host memory", memory, "memory", _host, MOST_NOISE_BYTES),
    Cost("device memory", memory, "memory", _device, MOST_NOISE_BYTES),
)
