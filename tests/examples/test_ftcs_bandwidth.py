"""What memory gives, an explicit step on a large grid takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "ftcs_bandwidth.py"


def ratios(*words: str) -> list[float]:
    """Copy / step for each line that the script prints."""
    shown = subprocess.run(
        [sys.executable, str(SCRIPT), *words],
        capture_output=True,
        text=True,
        env=os.environ | {"NUMBA_NUM_THREADS": "1"},
    )
    assert shown.returncode == 0, shown.stderr
    return [float(value) for value in re.findall(r"copy / step (\S+)", shown.stdout)]


def test_one_line_per_grid() -> None:
    assert len(ratios("--shape", "2:40", "--shape", "3:12", "--rounds", "3")) == 2


@pytest.mark.timing
@pytest.mark.parametrize("shape", ["2:2048", "3:192"])
def test_explicit_step_runs_at_no_less_than_two_fifths_of_the_rate_of_a_copy(shape: str) -> None:
    """Three fifths are wanted and more is measured; the rest is room for other work on the machine."""
    assert ratios("--shape", shape, "--rounds", "15")[0] >= 0.4
