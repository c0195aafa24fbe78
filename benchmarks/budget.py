"""What a case is foreseen to need of memory, asked before a worker is started, and what it may take."""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import dataclass
from decimal import Decimal

from benchmarks.cases import Case

LARGEST = 2**63 - 1
"""Whole numbers up to here are told as they are; data frames hold larger ones as floating-point numbers only."""
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


@dataclass(frozen=True)
class Foreseen:
    """Peak bytes of a case on the host, and the numbers whose product is that of its unknowns, where they are known."""

    bytes: int
    shape: tuple[int, ...] | None = None

    @property
    def unknowns(self) -> int | None:
        """How many there are; None for more than a record can hold."""
        count = None if self.shape is None else math.prod(self.shape)
        return None if count is None or count > LARGEST else count

    @property
    def facts(self) -> dict[str, int | float]:
        """What a record says of it."""
        try:
            return {"predicted_bytes": self.bytes if self.bytes <= LARGEST else float(self.bytes)}
        except OverflowError:
            return {"predicted_bytes": math.inf}

    def reason(self, budget: int) -> str:
        """Why a case is not started, in words for a user."""
        of_what = "" if self.shape is None else f"{in_words(self.shape)} unknowns: "
        return f"{of_what}some {in_bytes(self.bytes)} are needed, and the budget is {in_bytes(budget)}"


def foresee(case: Case) -> Foreseen | None:
    """What `case` will hold on the host; None where its method cannot tell, and on other devices than the host."""
    if case.device != "cpu":
        return None
    need = case.solver.predicted_bytes(case.problem, case.precision)
    return None if need is None else Foreseen(need, case.solver.predicted_shape(case.problem))


def most_of_memory() -> int:
    """Four fifths of the machine's memory, in bytes: past that, the system itself starts to suffer."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 4 // 5


def in_words(shape: tuple[int, ...]) -> str:
    """A product and what it comes to: 2·9^6 = 1062882."""
    runs = [(n, len(list(run))) for n, run in itertools.groupby(shape)]
    factors = [f"{n}^{power}" if power > 1 else str(n) for n, power in runs if n > 1] or ["1"]
    count = math.prod(shape)
    total = str(count) if count < 10**9 else f"{Decimal(count):.1e}"
    text = "·".join(factors)
    return text if text == total else f"{text} = {total}"


def in_bytes(count: int) -> str:
    """A number of bytes in the largest unit of which there is one."""
    power = min((max(count, 1).bit_length() - 1) // 10, len(UNITS) - 1)
    if power == 0:
        return f"{count} bytes"
    size = Decimal(count) / 1024**power
    return f"{size:.1f} {UNITS[power]}" if size < 1024 else f"{Decimal(count):.1e} bytes"
