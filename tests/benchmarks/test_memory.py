"""Peak memory is the worker's own, from set-up to evaluation."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks import memory
from benchmarks.cases import Case, Spec
from benchmarks.execute import Limits, _run_pass, execute
from benchmarks.interpreters import Interpreter, Interpreters
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
    assert (busy.device_bytes, busy.facts["planned_call"]) == (200 * MEGABYTE, "block")
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


def memory_of(solver: str, points: int, folder: str) -> dict[str, object]:
    """The memory pass of a network with jets of some megabytes per layer; freed pages go back to the system at once."""
    network = f"iterations=3,points.kind=scattered,points.count={points},network.widths=[128,128,128]"
    case = Case.create(Spec.parse("heat-1d"), Spec.parse(f"{solver}:{network}"))
    command = ("/usr/bin/env", "MALLOC_TRIM_THRESHOLD_=65536", *HERE.command)
    found = _run_pass(case, Interpreter(command), Limits(timeout_s=120), (), "memory", folder)
    assert found.memory, found.reason
    return found.memory


@pytest.mark.parametrize(
    ("solver", "method", "most"),
    [
        # Compilation and its threads.
        ("jax-pinn", "XLA memory_analysis (compiler's plan, CPU)", 250 * MEGABYTE),
        # Code that is read when it is first called.
        ("torch-pinn", "torch allocation trace (CPU)", 80 * MEGABYTE),
    ],
)
def test_arrays_of_a_training_step_are_counted_and_agree_with_the_resident_peak(solver, method, most, tmp_path) -> None:
    """Two runs give the same bytes, and from one size to another the resident peak grows by as many."""
    pytest.importorskip(solver.partition("-")[0])
    few, again, many = (memory_of(solver, points, str(tmp_path)) for points in (1000, 1000, 6000))
    assert few["device_method"] == method
    assert few["device_bytes"] == again["device_bytes"]
    assert many["device_bytes"] > 100 * MEGABYTE
    resident = [found["host_bytes"] - found["host_base_bytes"] for found in (few, many)]
    assert 0.95 * many["device_bytes"] < resident[1] < many["device_bytes"] + most
    assert resident[1] - resident[0] == pytest.approx(many["device_bytes"] - few["device_bytes"], rel=0.15)
    assert few["further"].get("planned_call", "") == ("loop 0" if solver == "jax-pinn" else "")


def test_method_without_a_framework_has_no_device_figure() -> None:
    record = execute(make_case("decay", "measured"), HERE, LIMITS, plugins=[MEASURED]).record
    assert (record.device_bytes, record.device_method) == (None, "")


class Cuda:
    """What torch says of an accelerator."""

    max_memory_allocated = staticmethod(lambda: 70)
    max_memory_reserved = staticmethod(lambda: 90)
    mem_get_info = staticmethod(lambda: (5, 1000))


@pytest.mark.parametrize(
    ("stats", "peak", "method", "further"),
    [
        (
            {"peak_bytes_in_use": 60, "peak_pool_bytes": 80, "bytes_limit": 900, "num_allocs": 3},
            *(60, "JAX peak_bytes_in_use", {"device_reserved_bytes": 80, "device_limit_bytes": 900}),
        ),
        (None, None, "not measured: JAX's allocator keeps no figures here", {}),
    ],
)
def test_accelerator_is_read_from_the_library_that_uses_it(monkeypatch, stats, peak, method, further) -> None:
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    monkeypatch.setattr(torch, "cuda", Cuda)
    monkeypatch.setattr(jax, "devices", lambda: [SimpleNamespace(memory_stats=lambda: stats)])
    found = memory.device_peak(("torch",), "cuda", {})
    assert found == (70, "torch max_memory_allocated", {"device_reserved_bytes": 90, "device_limit_bytes": 1000})
    plan = {"planned_bytes": 50, "planned_call": "loop 1"}
    found = memory.device_peak(("jax", "optax"), "cuda", {"loop 0": 40, "loop 1": 50})
    assert found == (peak, method, plan | further)
