"""Meshes that are finer around one place of the first axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from problems.base import Array, Box


@dataclass(frozen=True)
class Grading:
    """Places x = c + w sinh(q), q equidistant: spacing grows like √(w² + (x − c)²) with the distance from c = `focus`.

    w = `width`; of n cells, about n/(2 asinh(L/2w)) lie within the width of a focus in the middle of a length L.
    """

    focus: float
    width: float

    def graded(self, box: Box, x: Array) -> Array:
        """Where equidistant places x of the first axis go; both ends stay."""
        a, b = (math.asinh((end - self.focus) / self.width) for end in (box.lower[0], box.upper[0]))
        share = (x - box.lower[0]) / box.lengths[0]
        moved = self.focus + self.width * np.sinh(a + share * (b - a))
        return np.where(share <= 0.0, box.lower[0], np.where(share >= 1.0, box.upper[0], moved))


def largest_spacing(box: Box, cells: int, grading: Grading | None) -> float:
    """The longest edge along an axis."""
    lengths = [length / cells for length in box.lengths]
    if grading is not None:
        places = grading.graded(box, np.linspace(box.lower[0], box.upper[0], cells + 1))
        lengths[0] = float(np.diff(places).max())
    return max(lengths)
