"""A run made of exact solutions with known perturbations, so that every median, order and verdict is known.

The solvers in it are not registered: a report has to be complete without them, as it is for somebody's plugin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import problems
from benchmarks.errors import error_norms, further_norms
from benchmarks.record import Record, Status
from problems import Problem
from problems.base import Array

HOSTILE = '<script>alert("1")</script> a | b `c` *d*'
SEED_ERRORS = (3e-3, 1e-3, 10e-3, 2e-3, 4e-3)
EXPLICIT_CONSTANT = 0.3
PLATEAU = 1e-4


class Writer:
    """Collects records and writes them as a run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.records: list[Record] = []
        (folder / "solutions").mkdir(parents=True)

    def add(
        self,
        problem: Problem,
        solver: str,
        solution: Array | None,
        *,
        family: str = "classical",
        settings: Mapping[str, Any] | None = None,
        arrays: Mapping[str, Array] | None = None,
        solve_s: Sequence[float] = (0.1, 0.2, 0.4),
        compile_s: float = 0.0,
        **columns: Any,
    ) -> Record:
        """Judge `solution` as the harness does, and keep the row."""
        row: dict[str, Any] = {"status": str(Status.FINISHED), "seed": 0, "problem_preset": "", "solver_preset": ""}
        row |= {"device": "cpu", "precision": "float64", "threads": 1}
        if solution is not None:
            row |= error_norms(problem, solution)
            row |= {"metrics": {**problem.measures(solution, arrays), **further_norms(problem, arrays or {})}}
            row |= {"reference_error": problem.reference_error()}
            row |= {"setup_s": [0.05, 0.01, 0.01], "compile_s": [compile_s, 0.0, 0.0], "solve_s": list(solve_s)}
            row |= {"evaluate_s": [1e-4], "rounds": 3, "host_bytes": 200 * 2**20, "host_method": "VmHWM"}
            row |= {"host_base_bytes": 150 * 2**20}
        record = Record(
            run="synthetic",
            case=f"case{len(self.records):08d}",
            problem=problem.name,
            problem_parameters=problem.parameters(),
            problem_family=problem.family,
            dimension=problem.dimension,
            headline=problem.headline,
            solver=solver,
            solver_parameters=dict(settings or {}),
            family=family,
            **(row | columns),
        )
        kept = ({} if solution is None else {"solution": solution}) | dict(arrays or {})
        if kept:
            np.savez_compressed(self.folder / "solutions" / f"{record.case}.npz", **kept)
        self.records.append(record)
        return record

    def finish(self) -> Path:
        """Write the records and the run's description."""
        lines = "".join(record.to_json() + "\n" for record in self.records)
        (self.folder / "records.jsonl").write_text(lines, encoding="utf-8")
        info = {
            "run": "synthetic",
            "title": "Synthetic run",
            "suite": "synthetic",
            "command": "debench run synthetic",
            "created": "2026-01-02T03:04:05+00:00",
            "environment": {"cpu": "a processor", "cores": 2, "memory_bytes": 2**33, "packages": {"numpy": "2.4"}},
            "backends": {"explicit": {"available": True, "version": "1", "interpreter": "python", "reason": ""}},
            "plugins": [],
        }
        (self.folder / "run.json").write_text(json.dumps(info), encoding="utf-8")
        return self.folder


def exact(problem: Problem, relative: float) -> Array:
    """The reference times (1 + relative): its relative L2 and L∞ errors are `relative`."""
    return problem.reference(problem.points()) * (1.0 + relative)


def with_mean_and_maximum(problem: Problem, mean: float, maximum: float) -> Array:
    """The reference plus an error of that mean and maximum."""
    solution = problem.reference(problem.points()).copy()
    n = len(solution)
    solution += (mean * n - maximum) / (n - 1)
    solution[n // 2] += maximum - (mean * n - maximum) / (n - 1)
    return solution


def write_run(folder: Path) -> Path:
    """A run with every family of problems and every kind of failure."""
    writer = Writer(folder)
    _heat(writer)
    _published_heat(writer)
    _decay(writer)
    _poisson(writer)
    _eigen(writer)
    _orbital(writer)
    return writer.finish()


def _heat(writer: Writer) -> None:
    heat = problems.REGISTRY.get("heat-1d").create({}, "s1")
    common = {"problem_preset": "s1"}
    for cells in (10, 20, 40, 80):
        h = 1.0 / cells
        writer.add(
            heat,
            "explicit",
            exact(heat, EXPLICIT_CONSTANT * h**2),
            settings={"cells": cells, "dt": h**2 / 2},
            solve_s=[1e-8 * cells**3] * 3,
            dx=h,
            dt=h**2 / 2,
            unknowns=cells - 1,
            **common,
        )
    for dt in (0.1, 0.05, 0.025, 1e-3, 1e-4, 1e-5):
        error = 0.02 * dt if dt > 0.01 else PLATEAU
        settings = {"cells": 50, "dt": dt}
        writer.add(
            heat, "implicit", exact(heat, error), settings=settings, solve_s=[1e-3 / dt], dx=0.02, dt=dt, **common
        )
    history = np.arange(0, 1000, 10.0)
    looks = np.array([1, 10, 100, 500, 1000])
    for seed, error in enumerate(SEED_ERRORS):
        loss = (1 + seed) * np.exp(-history / 200)
        trace = {
            "trace_iterations": looks,
            "trace_seconds": (20.0 + seed) * looks / looks[-1],
            "trace_errors": error * np.sqrt(looks[-1] / looks),
        }
        writer.add(
            heat,
            "network",
            exact(heat, error),
            family="neural",
            settings={"width": 20},
            seed=seed,
            compile_s=3.0,
            solve_s=[20.0 + seed],
            unknowns=81,
            arrays={
                "loss_iterations": history,
                "loss_history": loss,
                "loss_terms": np.outer(loss, [0.75, 0.25]),
                **trace,
            },
            facts={"stopped_by": "time" if seed else "steps", "term_names": "residual,initial value"},
            **common,
        )
    neural = {"family": "neural", "settings": {"width": 50}, **common}
    writer.add(heat, "network", exact(heat, 2e-2), seed=0, **neural)
    writer.add(heat, "network", None, seed=1, status="not finite", reason="400 of 400 values are NaN", **neural)
    blown = {"trace_iterations": looks[:3], "trace_seconds": 0.1 * looks[:3], "trace_errors": np.array([0.5, 0.3, 0.9])}
    diverged = {"family": "neural", "settings": {"width": 90}, "status": "diverged", "reason": "at 200", **common}
    writer.add(heat, "network", None, arrays=blown, **diverged)
    writer.add(heat, "plugged", None, status="crashed", reason=HOSTILE, **common)
    writer.add(heat, "absent", None, status="not installed", reason="dolfinx cannot be imported", **common)


def _published_heat(writer: Writer) -> None:
    coarse = problems.REGISTRY.get("heat-1d").create({}, "s1-coarse")
    common = {"problem_preset": "s1-coarse", "dx": 0.1, "dt": 0.005}
    right = with_mean_and_maximum(coarse, 1.8357e-3, 6.1635e-3)
    writer.add(coarse, "explicit", right, settings={"cells": 10}, published="table-1/explicit/0.1", **common)
    for seed in range(3):
        solution = with_mean_and_maximum(coarse, 1.5866e-4 * (0.9 + 0.1 * seed), 2.5e-3 * (0.9 + 0.1 * seed))
        writer.add(
            coarse,
            "network",
            solution,
            family="neural",
            seed=seed,
            solve_s=[12.0],
            published="table-1/network/0.1",
            **common,
        )
    fine = problems.REGISTRY.get("heat-1d").create({"level_spacing": 0.05}, "s1")
    solution = with_mean_and_maximum(fine, 2.01131e-5, 6.0525e-5)
    writer.add(fine, "explicit", solution, settings={"cells": 20}, published="table-1/explicit/0.01", dx=0.05)


def _decay(writer: Writer) -> None:
    decay = problems.REGISTRY.get("decay").create({}, "s2")
    for k in (3, 5, 7, 9):
        tolerance = 10.0**-k
        solution = exact(decay, 10 * tolerance)
        writer.add(decay, "integrator", solution, settings={"rtol": tolerance}, facts={"tolerance": tolerance})
    beyond = {"solution_beyond": decay.reference(decay.further_points()["beyond"]) * 1.5}
    writer.add(decay, "network", exact(decay, 1e-3), family="neural", solve_s=[1e-3], arrays=beyond)


def _poisson(writer: Writer) -> None:
    for d in (1, 2, 3):
        poisson = problems.REGISTRY.get("poisson").create({"d": d})
        points = poisson.points()
        for solver, family, size in (("elements", "classical", 1e-4), ("network", "neural", 1e-3)):
            bump = size * np.cos(3 * points[:, :1])
            writer.add(poisson, solver, poisson.reference(points) + bump, family=family, unknowns=100**d)


def _orbital(writer: Writer) -> None:
    orbital = problems.REGISTRY.get("schroedinger-radial").create()
    points, exact_values = orbital.points(), orbital.eigenvalues()
    for cells in (100, 200, 400):
        h = orbital.domain().upper[0] / cells
        found = -2.0 * (orbital.reference(points) + 1e-3 * h**2)
        arrays = {"eigenvalues": exact_values + 1e-4 * h**2}
        writer.add(orbital, "lapack", found, settings={"cells": cells}, dx=h, unknowns=cells, arrays=arrays)
    for seed in range(3):
        arrays = {"eigenvalues": exact_values + 1e-2}
        fallen = 1e-4 * np.cos(points / (5.0 + seed)) * np.ones(3)
        common = {"family": "neural", "published": "claim/zero-function", "settings": {"objective": "residual"}}
        writer.add(orbital, "network", fallen, seed=seed, arrays=arrays, facts={"final_loss": 1e-9}, **common)


def _eigen(writer: Writer) -> None:
    for sign in (1, -1):
        eigen = problems.REGISTRY.get("symmetric-eigen").create({"which": sign}, "s1-6")
        flow = eigen.flow()
        t = np.linspace(0.0, flow.final_time(), 101)
        y = flow.reference(t[:, None])
        common = {"problem_preset": "s1-6", "published": f"table-4/n=6/{sign:+d}"}
        writer.add(eigen, "lapack", eigen.reference(eigen.points()), solve_s=[2e-5], problem_preset="s1-6")
        for seed in range(3):
            start = -y[-1][:, None] * (1 + 1e-3 * (seed + 1) * np.cos(np.arange(6.0)))[:, None]
            writer.add(
                eigen,
                "network",
                start,
                family="neural",
                seed=seed,
                solve_s=[31.0],
                arrays={"trajectory_t": t, "trajectory_y": y},
                **common,
            )
