"""Verdicts on claims, and what the test of one group of rows gives."""

from __future__ import annotations

import math
from dataclasses import dataclass

LEVEL = 0.05
SUPPORTED, CONTRADICTED, OPEN, NOT_RUN = "supported", "contradicted", "not settled", "not run"


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
