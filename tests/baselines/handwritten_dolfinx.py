"""The heat equation written out by hand in dolfinx, to measure what generating it from a declaration costs.

    uₜ = uₓₓ on (0, 1),  u = 0 at both ends,  u(x, 0) = sin πx,  until T = 0.5

in Lagrange elements and the θ-scheme. The matrix is factorised once; a step is one matrix–vector product and one pair
of triangular solves, which is faster than assembling its right-hand side. Prints one JSON object with the median
seconds of the time loop and the final error.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import time

import dolfinx
import numpy as np
import ufl
from dolfinx import fem, mesh
from dolfinx.fem import petsc
from mpi4py import MPI
from petsc4py import PETSc

FINAL = 0.5


def main() -> None:
    """Solve, time and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=64)
    parser.add_argument("--degree", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--theta", type=float, default=0.5, help="0.5 Crank–Nicolson, 1 backward Euler")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-1:])

    seconds = []
    for _ in range(given.rounds):
        elapsed, error = solve(given)
        seconds.append(elapsed)
    print(json.dumps({"solve_s": statistics.median(seconds), "error": error, "dolfinx": dolfinx.__version__}))


def solve(given: argparse.Namespace) -> tuple[float, float]:
    """Seconds of the time loop and maximum error at the end; set up anew, so that no round finds it in a cache."""
    rod = mesh.create_interval(MPI.COMM_SELF, given.cells, [0.0, 1.0])
    function_space = getattr(fem, "functionspace", None) or fem.FunctionSpace
    space = function_space(rod, ("Lagrange", given.degree))
    dt = FINAL / given.steps

    ends = fem.locate_dofs_geometrical(space, lambda x: np.isclose(x[0], 0.0) | np.isclose(x[0], 1.0))
    zero = fem.dirichletbc(PETSc.ScalarType(0.0), ends, space)
    u, v = ufl.TrialFunction(space), ufl.TestFunction(space)
    mass, stiffness = u * v * ufl.dx, ufl.inner(ufl.grad(u), ufl.grad(v)) * ufl.dx
    left = petsc.assemble_matrix(fem.form(mass + given.theta * dt * stiffness), bcs=[zero])
    right = petsc.assemble_matrix(fem.form(mass - (1.0 - given.theta) * dt * stiffness))
    for matrix in (left, right):
        matrix.assemble()
    right.zeroRows(ends, diag=0.0)

    solver = PETSc.KSP().create(MPI.COMM_SELF)
    solver.setOperators(left)
    solver.setType("preonly")
    solver.getPC().setType("lu")
    solver.setUp()
    factorised = solver.getPC().getFactorMatrix()

    solution = fem.Function(space)
    solution.interpolate(lambda x: np.sin(np.pi * x[0]))
    state = PETSc.Vec().createWithArray(solution.x.array, comm=MPI.COMM_SELF)
    rhs = state.duplicate()
    start = time.perf_counter()
    for _ in range(given.steps):
        right.mult(state, rhs)
        factorised.solve(rhs, state)
    elapsed = time.perf_counter() - start

    x = space.tabulate_dof_coordinates()[:, 0]
    exact = math.exp(-(math.pi**2) * FINAL) * np.sin(np.pi * x)
    return elapsed, float(np.abs(solution.x.array - exact).max())


if __name__ == "__main__":
    main()
