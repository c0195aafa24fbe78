"""The method of lines: a PDE on a grid as y' = f(t, y), with everything an implicit method wants to know about f.

Values at Dirichlet nodes are imposed by f itself: whatever y holds there is ignored, and has no slope.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from backends.differences.grid import Grid, sample
from backends.differences.stencil import Stencil, build_kernels
from backends.structure import Structure
from problems.base import PDE, Array, Dirichlet, Periodic
from problems.operations import NUMPY

ROOT_EPS = float(np.sqrt(np.finfo(float).eps))
"""Step of a difference quotient, relative to what it moves."""


class Lines:
    """Second-order differences in space of one problem, on flat states of shape (components · nodes,).

    A steady equation is 0 = f(0, y), and its `start` is zero. `engine` evaluates f: numpy needs no compilation, and is
    the better choice for a few evaluations.
    """

    def __init__(self, problem: PDE, cells: int, convection: str, engine: str) -> None:
        self.problem, self.structure = problem, Structure.of(problem)
        self.grid = Grid(problem, cells)
        self._upwind = convection == "upwind"
        self._stencil = Stencil(problem, self.grid, convection)
        self.use(engine)
        self.shape = (problem.components, *self.grid.shape)
        values = np.zeros(self.shape)
        if not problem.steady:
            values = sample(problem.initial(NUMPY, self.grid.coordinates()), self.grid.shape)
        self.u = np.pad(values, [(0, 0)] + [(1, 1)] * self.grid.dimension)
        self.du = np.zeros_like(self.u)
        self._inside = (slice(None), *(slice(1, -1),) * self.grid.dimension)
        self.start = self.imposed(0.0, values.reshape(-1)).reshape(-1)

    def use(self, engine: str) -> None:
        """Evaluate f in another way from now on."""
        self.kernels = build_kernels(self._stencil, self.grid.dimension, engine)

    @property
    def unknowns(self) -> int:
        """Length of a state."""
        return len(self.start)

    @property
    def bandwidth(self) -> int | None:
        """That of ∂f/∂y (see `bandwidth`)."""
        return bandwidth(self.problem)

    def interleaved(self) -> Any:
        """Index of each unknown in a state, in the order of nodes with the components of a node side by side."""
        return np.arange(self.unknowns).reshape(self.shape[0], -1).T.ravel()

    def rhs(self, t: float, y: Array) -> Array:
        """Slopes of all nodes, shape (n,), a copy: integrators keep several."""
        self.u[self._inside] = y.reshape(self.shape)
        self.kernels.slope(t, self.u, self.du, *self.grid.axes)
        return self.du[self._inside].flatten()

    def imposed(self, t: float, y: Array) -> Array:
        """A state with the Dirichlet values of the instant t put in, shape (components, nodes…), a copy."""
        self.u[self._inside] = y.reshape(self.shape)
        self.kernels.impose(t, self.u, *self.grid.axes)
        return self.u[self._inside].copy()

    def sparsity(self) -> Any:
        """Pattern of ∂f/∂y: each node depends on its neighbours along every axis, and on all components there."""
        import scipy.sparse as sp

        shape = self.grid.shape
        pattern = sp.eye_array(int(np.prod(shape)), format="csr")
        for a, n in enumerate(shape):
            ring = [1 - n, n - 1] if self.grid.periodic[a] else []
            neighbours = sp.diags_array([1.0] * (2 + len(ring)), offsets=[-1, 1, *ring], shape=(n, n))
            before, after = int(np.prod(shape[:a])), int(np.prod(shape[a + 1 :]))
            pattern = pattern + sp.kron(sp.kron(sp.eye_array(before), neighbours), sp.eye_array(after))
        return sp.kron(np.ones((self.shape[0], self.shape[0])), pattern, format="csr")

    def jacobian(self, t: float, y: Array, *, steps: Array | None = None) -> Any:
        """∂f/∂y (n, n) in compressed columns, by differences: one evaluation of f per colour and component.

        No two unknowns of one colour act on the same node (Curtis, Powell & Reid 1974, IMA J. Appl. Math. 13).
        """
        import scipy.sparse as sp

        rows, columns, colours = self._coloured
        if steps is None:
            # Of the size of the component: at a node where it vanishes, a smaller one would leave rounding alone.
            sizes = np.abs(y.reshape(self.shape[0], -1)).max(axis=1)
            steps = np.repeat(ROOT_EPS * np.where(sizes > 0.0, sizes, 1.0), len(y) // self.shape[0])
        base = self.rhs(t, y)
        changes = np.stack([self.rhs(t, np.where(colours == k, y + steps, y)) - base for k in range(colours.max() + 1)])
        taken = (y + steps) - y
        data = changes[colours[columns], rows] / taken[columns]
        return sp.csc_array((data, (rows, columns)), shape=(self.unknowns, self.unknowns))

    @functools.cached_property
    def _coloured(self) -> tuple[Array, Array, Array]:
        """Rows and columns of the entries of ∂f/∂y, and the colour of each unknown."""
        pattern = self.sparsity().tocoo()
        shape = self.grid.shape
        if not any(self.grid.periodic):
            # Nodes at most two steps apart differ in Σ (a + 1) iₐ modulo 2d + 1: every colour tiles the grid.
            weights = [np.arange(n) * (a + 1) for a, n in enumerate(shape)]
            colours = functools.reduce(np.add.outer, weights) % (2 * len(shape) + 1)
        else:
            # Three colours along an axis; around a ring that they do not divide, the rest get colours of their own.
            colours = np.zeros(shape, dtype=int)
            for a, n in enumerate(shape):
                line = np.arange(n) % 3
                if self.grid.periodic[a] and n % 3:
                    line[n - n % 3 :] += 3
                line = np.unique(line, return_inverse=True)[1]
                colours = colours * (line.max() + 1) + line.reshape([-1 if b == a else 1 for b in range(len(shape))])
        flat = colours.ravel()
        per_component = [flat + c * (flat.max() + 1) for c in range(self.shape[0])]
        return pattern.row, pattern.col, np.concatenate(per_component)

    def affinity(self) -> str:
        """What f(t, y) is (see `affinity`)."""
        return affinity(self.structure, upwind=self._upwind)

    def matrix(self) -> Any:
        """A of an affine f, sparse in compressed columns (n, n), exact up to rounding."""
        return self.jacobian(0.0, np.zeros_like(self.start), steps=np.ones_like(self.start))


def bandwidth(problem: PDE) -> int | None:
    """Sub- and superdiagonals of ∂f/∂y with the components of a node side by side; None unless it is banded."""
    if problem.dimension > 1 or isinstance(problem.condition(0, 0), Periodic):
        return None
    return 2 * problem.components - 1


def affinity(structure: Structure, *, upwind: bool) -> str:
    """What f(t, y) is: "nonlinear", or A y + b(t) with a constant A.

    In the latter case "settled" where b does not change in time, and "moving" where it does.
    """
    # |F(u₊) − F(u)| sign(u₊ − u) is linear in u where F is |c| u, with one c.
    curved = upwind and structure.convected and structure.speeds is None
    if curved or not structure.linear or structure.coefficients_move:
        return "nonlinear"
    return "moving" if structure.data_move else "settled"


def constant_coefficients(problem: PDE) -> tuple[Array, Array] | None:
    """κ and r per component if f is κ Δu + r u + b(x, t) for each of them alone, and every face has values given."""
    if any(not isinstance(condition, Dirichlet) for _, _, condition in problem.faces()):
        return None
    structure = Structure.of(problem)
    kappas, rates = structure.diffusivities, structure.reactions
    return None if kappas is None or rates is None or structure.convected else (kappas, rates)
