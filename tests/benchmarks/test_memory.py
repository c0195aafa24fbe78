"""Peak memory is the worker's own, from set-up to evaluation."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from benchmarks import memory
from benchmarks.cases import Case, Spec
from benchmarks.execute import Limits, execute
from benchmarks.interpreters import Interpreters
from benchmarks.supervision import Pass
from tests.benchmarks.conftest import HERE, MEASURED, ROOT, environment, make_case

MEGABYTE = 10**6
LIMITS = Limits(timeout_s=60, rounds=1)


@pytest.fixture(autouse=True)
def _resettable():
    if memory.reset_host_peak() != "VmHWM":
        pytest.skip("this kernel does not let a process reset its peak")


def test_block_that_solve_held_for_a_moment_is_seen():
    idle, busy = (
        execute(make_case("decay", f"measured:megabytes={size}"), HERE, LIMITS, plugins=[MEASURED]).record
        for size in (0, 200)
    )
    assert busy.host_method == idle.host_method == "VmHWM"
    assert busy.host_bytes - busy.host_base_bytes == pytest.approx(200 * MEGABYTE, rel=0.1)
    assert busy.host_bytes - idle.host_bytes == pytest.approx(200 * MEGABYTE, rel=0.1)
    assert idle.host_bytes - idle.host_base_bytes < 10 * MEGABYTE


def test_block_of_the_parent_is_not_seen():
    block = np.ones(300 * MEGABYTE // 8)
    record = execute(make_case("decay", "measured"), HERE, LIMITS, plugins=[MEASURED]).record
    assert block.nbytes == 300 * MEGABYTE
    assert record.host_bytes < 150 * MEGABYTE


TELL = """
import json
from benchmarks import memory
before = memory.host_peak("VmHWM")
method = memory.reset_host_peak()
print(json.dumps([memory.host_peak("ru_maxrss"), before, memory.host_peak("VmHWM"), memory.host_now()]))
"""
ALLOCATE = """
import os, sys
block = b"x" * 200_000_000
if sys.argv[1] == "exec":
    os.execv(sys.executable, [sys.executable, "-c", sys.argv[2]])
del block
exec(sys.argv[2])
"""


@pytest.mark.parametrize("how", ["exec", "free"])
def test_peak_survives_neither_exec_nor_reset(how):
    """`ru_maxrss` does survive exec, and then shows what another program held."""
    words = [sys.executable, "-c", ALLOCATE, how, TELL]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, env=environment())
    maxrss, before, after, now = json.loads(done.stdout)
    if how == "exec":
        assert maxrss > 200 * MEGABYTE
    assert (before > 200 * MEGABYTE) == (how == "free")
    assert after < 100 * MEGABYTE
    # A fresh peak starts at what is held now.
    assert after == pytest.approx(now, abs=2 * MEGABYTE)


def test_peak_never_lies_below_what_is_held():
    method = memory.reset_host_peak()
    assert memory.host_peak(method) >= memory.host_now() - MEGABYTE


def test_kernel_without_reset_is_named_as_the_method(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "CLEAR_REFS", tmp_path / "missing" / "clear_refs")
    method = memory.reset_host_peak()
    assert method == "ru_maxrss (cannot be reset)"
    assert memory.host_peak(method) > MEGABYTE


@pytest.mark.parametrize("solver", ["jax-pinn:iterations=5", "torch-pinn:iterations=5", "scipy-eigh"])
def test_missing_gpu_is_a_row_that_says_so(solver: str) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    problem = "symmetric-eigen@s1-3"
    case = Case.create(Spec.parse(problem), Spec.parse(solver), device="cuda")
    record = execute(case, Interpreters().find(case.solver), Limits(timeout_s=120)).record
    assert record.status == "not installed"
    assert "use --device cpu" in record.reason


def test_memory_pass_that_would_be_the_same_is_not_repeated() -> None:
    def case(seed: int, iterations: int, width: int) -> Case:
        solver = Spec.parse(f"jax-pinn:iterations={iterations},network.widths=[{width}]")
        return Case.create(Spec.parse("decay"), solver, seed=seed)

    assert case(0, 100, 8).rehearsal == case(3, 5000, 8).rehearsal
    assert case(0, 100, 8).rehearsal != case(0, 100, 9).rehearsal
    measured = {"host_bytes": 123, "host_base_bytes": 45, "host_method": "VmHWM", "device_bytes": None}
    known = {case(0, 100, 8).rehearsal: Pass(memory=measured | {"device_method": "", "further": {}})}
    place = Interpreters().find(case(0, 100, 8).solver)
    record = execute(case(3, 30, 8), place, Limits(timeout_s=120, rounds=1), memories=known).record
    assert record.status == "finished"
    assert (record.host_bytes, record.host_base_bytes, record.host_method) == (123, 45, "VmHWM")
    assert len(known) == 1
