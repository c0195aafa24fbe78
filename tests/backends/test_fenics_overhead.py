"""What generating the weak form from a declaration costs against writing the solver by hand."""

from __future__ import annotations

import json
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import problems
from backends.fenics import Fenics
from benchmarks.execute import Limits
from benchmarks.interpreters import ROOT, Interpreters, worker_environment

HAND = Path(__file__).parent.parent / "baselines" / "handwritten_dolfinx.py"
CELLS, STEPS, PAIRS = 256, 2000, 9
MOST = 1.15


@pytest.mark.timing
def test_solve_time_is_within_15_percent_of_a_handwritten_loop(
    solve: Callable[..., Any], benchmark: BenchmarkFixture
) -> None:
    """The same elements, step, scheme and processor, run in turn: the median ratio of the pairs."""
    solver = Fenics(degree=2, cells=CELLS, dt=0.5 / STEPS)
    problem = problems.REGISTRY.get("heat-1d")()
    place = Interpreters.from_config().find(solver)
    words = [*place.command, str(HAND), f"--cells={CELLS}", f"--steps={STEPS}", "--rounds=3"]
    ours, theirs, error = [], [], 0.0

    def pair() -> None:
        nonlocal error
        answer = solve(problem, solver, limits=Limits(rounds=3, rounds_budget_s=10, measure_memory=False))
        assert answer.status == "finished", answer.reason
        ours.append(statistics.median(answer.seconds["solve"]))
        error = answer.errors["max_abs"]
        environment = worker_environment() | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, env=environment, check=True)
        hand = json.loads(done.stdout.splitlines()[-1])
        theirs.append(hand["solve_s"])
        assert hand["error"] < 1e-5

    benchmark.pedantic(pair, rounds=PAIRS)  # type: ignore[no-untyped-call]
    # The machine's speed drifts; the two halves of a pair see the same one.
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    benchmark.extra_info["ratio"] = ratio
    print(f"adapter / hand-written: {ratio:.3f}")
    assert ratio <= MOST
    assert error < 1e-5
