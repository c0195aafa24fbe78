"""What memory gives, an explicit step on a large grid takes."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "ftcs_bandwidth.py"


def ratios(*words: str, to: str = "copy") -> list[float]:
    """Copy / step, or another one's time, for each line that the script prints."""
    shown = subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        env=os.environ | {"NUMBA_NUM_THREADS": "1"},
    )
    assert shown.returncode == 0, shown.stderr
    return [float(value) for value in re.findall(rf"{to} / step ([\d.]+)", shown.stdout)]


def test_one_line_per_grid() -> None:
    assert len(ratios("--shape", "2:40", "--shape", "3:12", "--rounds", "3")) == 2


@pytest.mark.timing
@pytest.mark.parametrize("shape", ["2:4096", "3:256"])
def test_explicit_step_runs_at_no_less_than_three_fifths_of_the_rate_of_a_copy(shape: str) -> None:
    """Arrays of 135 MB, which no cache holds; the best of three runs, since other work on the machine slows some."""
    assert max(ratios("--shape", shape, "--rounds", "5")[0] for _ in range(3)) >= 0.6


@pytest.mark.timing
@pytest.mark.skipif(importlib.util.find_spec("pde") is None, reason="python -m pip install py-pde")
@pytest.mark.parametrize("shape", ["2:512", "2:2048", "3:192"])
def test_explicit_step_is_no_slower_than_that_of_py_pde(shape: str) -> None:
    assert ratios("--shape", shape, "--rounds", "5", "--py-pde", to="py-pde")[0] >= 1.0
