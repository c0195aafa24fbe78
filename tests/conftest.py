"""Shared by all tests: solving a problem as the harness does, in a worker process of the right interpreter."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cases import Case
from benchmarks.execute import Limits, execute
from benchmarks.interpreters import Interpreters, backends_required
from benchmarks.record import Record

ROOT = Path(__file__).resolve().parent.parent
INTERPRETERS = Interpreters()


def pytest_configure(config: pytest.Config) -> None:
    """Give each of xdist's processes a processor: their workers would otherwise all choose the machine's last one.

    JAX takes that processor for two, so that dividing points among processors can be tested.
    """
    os.environ.setdefault("JAX_NUM_CPU_DEVICES", "2")
    name = os.environ.get("PYTEST_XDIST_WORKER", "")
    if name and "XLA_FLAGS" not in os.environ:
        _compile_quickly()
    if name and hasattr(os, "sched_setaffinity"):
        processors = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {processors[int(name.removeprefix("gw")) % len(processors)]})


def _compile_quickly() -> None:
    """Tests compile more than they compute; the workers that they start compile as users' do, as does plain pytest."""
    os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    import jax

    jax.devices()  # XLA reads its flags once.
    del os.environ["XLA_FLAGS"]


@dataclass(frozen=True)
class Answer:
    """What a worker made of a case."""

    status: str
    reason: str
    solution: Any
    arrays: dict[str, Any]
    facts: dict[str, Any]
    seconds: dict[str, list[float]]
    errors: dict[str, float]
    record: Record


@pytest.fixture(scope="session")
def solve() -> Callable[..., Answer]:
    """Run `solve(problem, solver, seed=…, precision=…, threads=…)`; skips where the backend is not installed."""

    def run(
        problem: Any, solver: Any, *, plugins: tuple[Path, ...] = (), limits: Limits | None = None, **how: Any
    ) -> Answer:
        interpreter = INTERPRETERS.find(solver)
        if not interpreter.available:
            message = f"{solver.name} is not installed: {interpreter.reason}"
            if backends_required():
                pytest.fail(message)
            pytest.skip(message)
        outside = {Path(inspect.getfile(type(thing))) for thing in (problem, solver)}
        files = plugins + tuple(file for file in outside if file.parent.parent != ROOT)
        limits = limits or Limits(timeout_s=120, rounds=1, measure_memory=False)
        outcome = execute(Case(problem, solver, **how), interpreter, limits, plugins=files)
        record = outcome.record
        norms = ("relative_l2", "relative_linf", "mean_abs", "max_abs")
        return Answer(
            record.status,
            record.reason,
            outcome.arrays.get("solution"),
            outcome.arrays,
            record.facts | {"dx": record.dx, "dt": record.dt, "unknowns": record.unknowns},
            {phase: getattr(record, f"{phase}_s") for phase in ("setup", "compile", "solve", "evaluate")},
            {name: getattr(record, name) for name in norms} | record.metrics,
            record,
        )

    return run
