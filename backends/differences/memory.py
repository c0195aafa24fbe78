"""What finite differences hold at their peak, in bytes, from the sizes of a grid alone.

Counted are arrays of the size of the grid: those of the code, and the temporaries of an expression. Both were compared
with measured peaks, to which they are held within a factor of two.
"""

from __future__ import annotations

import math

from backends.timeline import levels_kept
from problems.base import PDE, Dirichlet

DOUBLE = 8
MEBIBYTE = 2**20
READ_OUT = 2.5
"""States held beside those that are kept, for every instant that is interpolated to."""
ENTRY = 60
"""Bytes for every entry of a sparse matrix while it is made: rows, columns, values, and differences by colour."""
FACTOR_ENTRY = 12
"""Bytes for every entry of sparse factors: a number and its row."""
FILL = {1: (6.0, 1.0), 2: (7.0, 1.18), 3: (1.4, 1.56), 4: (0.72, 1.74), 5: (0.78, 1.8)}
"""Entries c Nᵖ of SuperLU's factors for second differences on N nodes, by dimension, in minimum-degree order: fitted to
N from 600 to 160,000. A good order in d dimensions has p = 2 − 2/d, and a dense matrix 2."""
FILL_BEYOND = (0.35, 1.9)


def compiler_bytes(dimension: int) -> int:
    """What numba takes to compile loops over that many axes."""
    return (50 + 10 * dimension) * MEBIBYTE


def ghosted(shape: tuple[int, ...]) -> int:
    """Numbers in an array (components, nodes…) with a layer of ghosts around it."""
    return shape[0] * math.prod(n + 2 for n in shape[1:])


def read_out_numbers(problem: PDE, unknowns: int) -> int:
    """Numbers held while states of so many unknowns are interpolated to the instants of a problem."""
    return math.ceil(READ_OUT * len(problem.times())) * unknowns


def kept_numbers(problem: PDE, unknowns: int, dt: float, *, exact_step: bool = False) -> int:
    """Numbers in the levels that are kept for output."""
    final = problem.final_time()
    return 0 if final is None else levels_kept(final, dt, problem.times(), exact_step=exact_step) * unknowns


def sparse_bytes(problem: PDE, shape: tuple[int, ...]) -> int:
    """A matrix of second differences and its factors; rows of nodes whose values are given are empty."""
    components, nodes = shape[0], shape[1:]
    given = [sum(isinstance(problem.condition(a, side), Dirichlet) for side in (0, 1)) for a in range(len(nodes))]
    free = math.prod(max(1, n - g) for n, g in zip(nodes, given, strict=True))
    entries = components**2 * (2 * len(nodes) + 1) * math.prod(nodes)
    return ENTRY * entries + FACTOR_ENTRY * components**2 * fill(free, len(nodes))


def fill(free: int, dimension: int) -> int:
    """Entries of both factors of a matrix of differences between so many nodes."""
    factor, power = FILL.get(dimension, FILL_BEYOND)
    if free > 2**63:
        # The least that any order leaves; floating-point numbers end before whole ones do.
        return free
    return min(free**2, math.ceil(factor * float(free) ** power))
