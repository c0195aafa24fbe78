"""What runs out of memory, on the host or on a device, is a row that says so; other failures are none."""

from __future__ import annotations

import pytest

from benchmarks.cases import Case, Spec
from benchmarks.execute import execute
from benchmarks.plugins import load_plugin
from benchmarks.record import Status
from tests.benchmarks.conftest import HERE, PLUGINS, QUICK

HUNGRY = PLUGINS / "hungry.py"
ON_DEVICE = "out of memory: OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
EXHAUSTED = {
    "compiler": ON_DEVICE,
    "capture": ON_DEVICE,
    "group": ON_DEVICE,
    "xla": "out of memory: JaxRuntimeError: RESOURCE_EXHAUSTED: Failed to allocate request for 1.2GiB",
    "xla-inside": "out of memory: JaxRuntimeError: INTERNAL: Failed to load in-memory CUBIN: CUDA_ERROR_OUT_OF_MEMORY",
    "library": "out of memory: RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED",
    "abort": "ended by signal SIGABRT; its last line: what(): std::bad_alloc",
    "numpy": "out of memory: MemoryError: Unable to allocate 1.00 EiB",
    "torch": "DefaultCPUAllocator: can't allocate memory: you tried to allocate 576460752303423488 bytes",
    "jax": "RESOURCE_EXHAUSTED: Out of memory allocating 4503599627370496 bytes",
    "jax-call": "out of memory: JaxRuntimeError: RESOURCE_EXHAUSTED",
}
OTHERS = {
    "went-on": "ValueError: another fault altogether",
    "shared": "JaxRuntimeError: RESOURCE_EXHAUSTED: Shared memory size limit exceeded",
    "points": "ValueError: cannot allocate seven points to 2 processors",
}


@pytest.mark.parametrize("fault", [*EXHAUSTED, *OTHERS])
def test_whatever_ran_out_of_memory_is_a_row_that_says_so(fault: str) -> None:
    for library in ("torch", "jax"):
        if fault.startswith(library):
            pytest.importorskip(library)
    load_plugin(HUNGRY)
    case = Case.create(Spec.parse("decay"), Spec.parse(f"hungry:fault={fault}"))
    record = execute(case, HERE, QUICK, plugins=[HUNGRY]).record
    assert record.status == (Status.MEMORY_LIMIT if fault in EXHAUSTED else Status.CRASHED), record.reason
    assert (EXHAUSTED | OTHERS)[fault] in record.reason
