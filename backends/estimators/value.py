"""Sessions whose answer is one number with an error bar."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np

from backends.base import Session
from backends.estimators.sampling import Estimate
from problems.base import Array


class ValueSession(Session):
    """u(0, ξ) as an estimate."""

    @abstractmethod
    def estimate(self) -> Estimate:
        """Draw the samples, and take their mean."""

    def solve(self) -> None:
        """Estimate once.

        An error bar of zero, where no sample met what the mean consists of, says nothing.
        """
        self._found = self.estimate()
        if self._found.standard_error == 0.0:
            self.outcome = "all samples gave the same value, so that nothing is known of its error: take more of them"

    def solution(self, points: Array) -> Array:
        """The number, at the one place and time at which it is asked for."""
        return np.full((len(points), 1), self._found.mean)

    def facts(self) -> Mapping[str, Any]:
        """The error bar."""
        return {"unknowns": 1, "standard_error": self._found.standard_error}
