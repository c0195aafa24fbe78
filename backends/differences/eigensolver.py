"""What solvers of eigenproblems on finite volumes share: the grid as a parameter, and what it will take of memory."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from backends.base import Solver
from backends.differences import volumes
from backends.differences.memory import DOUBLE, ENTRY, FACTOR_ENTRY, fill
from problems import Problem
from problems.base import MatrixEigenproblem
from problems.families.eigenproblem import Eigenproblem
from problems.parameters import parameter

SQUARES = 4
"""Arrays of the size of a matrix that is dense: itself, what it is made from, and its factors."""
COPIES = 2
"""Copies of sparse factors: those that solve, and those whose pivots are looked at."""
BESIDE = 4
"""Arrays of the size of the grid, beside one for each axis, that an operator is made from."""


@dataclass(frozen=True)
class VolumeEigensolver(Solver):
    """Lowest states on finite volumes of second order, or extreme pairs of a matrix."""

    family: ClassVar[str] = "classical"
    libraries: ClassVar[tuple[str, ...]] = ("scipy",)

    cells: int | None = parameter(None, volumes.DEFAULT, least=volumes.LEAST)

    @abstractmethod
    def vectors_held(self, states: int) -> int:
        """Vectors of the size of the grid that the method holds for so many states."""

    @property
    def factorises(self) -> bool:
        """Whether the shifted operator is factorised."""
        return True

    def validate(self, problem: Problem) -> None:
        """Refuse grids that are too coarse for the states."""
        volumes.validate(problem, self.cells, self.name)

    def predicted_shape(self, problem: Problem) -> tuple[int, ...] | None:
        """Cells along each axis, or the order of a matrix."""
        if isinstance(problem, MatrixEigenproblem):
            return (problem.dimension,)
        return (volumes.cells_per_axis(problem, self.cells),) * problem.dimension

    def predicted_bytes(self, problem: Problem, precision: str = "float64") -> int | None:
        """The matrix while it is made, its factors, and the vectors."""
        if isinstance(problem, MatrixEigenproblem):
            return DOUBLE * SQUARES * problem.dimension**2
        assert isinstance(problem, Eigenproblem)
        d = problem.dimension
        unknowns = volumes.cells_per_axis(problem, self.cells) ** d
        made = ENTRY * (2 * d + 1) + DOUBLE * (2 * d + BESIDE)
        factors = COPIES * FACTOR_ENTRY * fill(unknowns, d) if self.factorises else 0
        return unknowns * (made + DOUBLE * self.vectors_held(problem.states)) + factors
