"""`debench doctor` and the description of the machine that is kept with every run."""

from __future__ import annotations

import re
import sys

import numpy as np
from rich.console import Console

from benchmarks import doctor
from benchmarks.environment import describe
from benchmarks.interpreters import Interpreter


def test_doctor_imports_what_it_names():
    shown = doctor._versions((sys.executable,), ("numpy", "no_such_library"))
    assert shown == (
        f"numpy {np.__version__}, no_such_library broken: ModuleNotFoundError: No module named 'no_such_library'"
    )


def test_interpreter_that_does_not_start_is_no_failure():
    for command in ("/nonexistent", "/bin/false"):
        assert doctor._versions((command,), ("numpy",)) == "does not start"


def test_doctor_tells_why_a_backend_is_missing():
    class Nowhere:
        def find(self, solver):
            return Interpreter((), f"[red] looked for {solver.name}")

    console = Console(width=200, markup=False)
    with console.capture() as captured:
        console.print(doctor.examine(Nowhere()))
    assert re.search(r"ftcs .* not installed .* \[red\] looked for ftcs", captured.get())
    assert "perf_counter" in captured.get() or "resolution" in captured.get()


def test_description_of_the_machine_is_stable_and_complete():
    one, other = describe(), describe()
    assert one == other
    assert re.fullmatch(r"[0-9a-f]{12}", one["fingerprint"])
    assert one["packages"]["numpy"] == np.__version__
    assert one["cores"] >= 1
    assert one["memory_bytes"] > 2**28
