"""A synthetic run over the dimension, whose laws of growth are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import problems
from benchmarks.record import Record
from tests.reports.synthetic import Writer

DIMENSIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
BYTES: dict[str, Callable[[int], float]] = {
    "nested-reverse": lambda d: 2e6 + 3e5 * d,
    "forward-over-reverse": lambda d: 2e6 + 1.5e5 * d,
    "taylor": lambda d: 2e6 + 3e4 * d,
    "hutchinson": lambda d: 3e6 + 1e3 * d,
    "stde": lambda d: 2.5e6 + 5e2 * d,
}
SECONDS: dict[str, Callable[[int], float]] = {
    "nested-reverse": lambda d: 1e-3 + 2e-4 * d,
    "forward-over-reverse": lambda d: 1e-3 + 1.5e-4 * d,
    "taylor": lambda d: 1e-3 + 4e-5 * d,
    "hutchinson": lambda d: 1.5e-3 + 2e-7 * d,
    "stde": lambda d: 1.2e-3 + 1e-7 * d,
}
METHODS = {"jax-net": "XLA memory_analysis, plan for the CPU", "torch-net": "allocation trace of torch on the CPU"}
ON_GPU = {"jax-net": "JAX peak_bytes_in_use", "torch-net": "torch max_memory_allocated"}
SLOWER = {"torch-net": 1.7}
ITERATIONS = 20
GRID = 17
BUDGET = 8 * 2**30


def timed(writer: Writer, solver: str, strategy: str, d: int, **columns: Any) -> Record:
    """A row of a few steps that were timed, with the laws above but for what `columns` say; a GPU is ten times as fast.

    Its `facts` and `settings` are added to those of every such row.
    """
    on_cpu = columns.get("device", "cpu") == "cpu"
    step = SLOWER.get(solver, 1.0) * (1.0 if on_cpu else 0.1) * SECONDS[strategy](d)
    held = 400 * 2**20
    facts = {"iterations": ITERATIONS, "derivatives": strategy, **columns.pop("facts", {})}
    settings = {"derivatives": strategy, "batch": 128, **columns.pop("settings", {})}
    method = (METHODS if on_cpu else ON_GPU).get(solver, "trace")
    row = {"judged": False, "precision": "float32", "device_method": method, "host_method": "VmHWM"}
    row |= {"device_bytes": round(BYTES[strategy](d)), "host_base_bytes": held, "rounds": 3, "relative_l2": 0.99}
    row |= {"host_bytes": held + round(2e7 + BYTES[strategy](d)), "setup_s": [0.1], "compile_s": [1.0]}
    times = columns.pop("solve_s", [ITERATIONS * step * factor for factor in (1.1, 1.0, 1.02)])
    record = writer.add(
        problems.REGISTRY.get("allen-cahn-nd").create({"d": d}),
        solver,
        None,
        family="neural",
        settings=settings,
        facts=facts,
        **{**row, **columns},
    )
    record.solve_s = times
    return record


def write_dimension(folder: Path, devices: Sequence[str] = ("cpu",)) -> Path:
    """Every way of taking derivatives in two frameworks, a grid up to where it does not fit, and accuracy rows."""
    writer = Writer(folder)
    for device in devices:
        for solver in METHODS:
            for strategy in BYTES:
                for d in DIMENSIONS:
                    scatter = {"estimator_deviation": 0.1 * np.sqrt(d)} if strategy in ("hutchinson", "stde") else {}
                    timed(writer, solver, strategy, d, device=device, facts=scatter)
    grid(writer)
    for d in (1, 2, 4, 8, 16):
        for seed in range(5):
            timed(
                writer,
                "deep-net",
                "stde",
                d,
                seed=seed,
                judged=True,
                solve_s=[10.0 + d + seed],
                relative_l2=1e-3 * d * (1 + 0.2 * seed),
                settings={"derivatives": None},
                facts={"derivatives": None, "iterations": 2000},
            )
    return writer.finish()


def grid(writer: Writer) -> None:
    """A classical solver with `GRID`ᵈ unknowns."""
    for d in (1, 2, 3, 4, 5, 6):
        problem = problems.REGISTRY.get("allen-cahn-nd").create({"d": d})
        needed = 2000 * GRID**d
        facts = {"predicted_bytes": needed}
        if needed > BUDGET:
            columns = {"status": "over budget", "reason": "too large", "facts": facts}
            writer.add(problem, "grid", None, settings={"cells": 16}, **columns)
            continue
        row = {"host_bytes": 2**20 + needed, "host_base_bytes": 2**20, "host_method": "VmHWM", "relative_l2": 1e-3}
        record = writer.add(problem, "grid", None, settings={"cells": 16}, facts=facts, rounds=3, **row)
        record.solve_s = [1e-6 * GRID**d] * 3
