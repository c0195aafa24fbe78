"""The table of times per step: medians over rounds, ratios within a round."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "examples" / "step_times.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("step_times", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ratio_is_taken_within_a_round(script: Any) -> None:
    # The machine was three times slower in the second round, and the third has no partner.
    times = {("deepxde-jax", 64): {0: 2.0, 1: 6.0, 2: 90.0}, ("jax-pinn", 64): {0: 1.0, 1: 3.0}}
    assert script.ratio(times, "deepxde-jax", "jax-pinn", 64) == pytest.approx(2.0)
    assert script.ratio(times, "deepxde-jax", "jax-pinn", 512) is None
    lines = script.table(times, {("deepxde-jax", 64): {0: 0.5, 1: 0.7}}).splitlines()
    assert lines[0] == "| ms per step | 64 points |"
    assert "| deepxde-jax | 6 (2 – 90) |" in lines
    assert "| jax-pinn | 2 (1 – 3) |" in lines
    assert lines[-2:] == ["| deepxde-jax / jax-pinn | 2 |", "| deepxde-jax: compilation, s | 0.6 |"]


def test_time_per_step_is_solve_time_over_iterations(script: Any, tmp_path: Path) -> None:
    spec = "torch-pinn:iterations=50,points.kind=scattered,points.count=32,network.widths=[8]"
    words = ["run", "--problem", "heat-1d", "--solver", spec, "--solver", "ftcs", "--no-memory"]
    words += ["--out", str(tmp_path / "run")]
    subprocess.run([sys.executable, "-m", "benchmarks", *words], cwd=ROOT, check=True, capture_output=True)
    records = script.store.read(tmp_path / "run")[0]
    own = next(record for record in records if record.solver == "torch-pinn")
    times, compilations = script.step_times(records)
    assert set(times) == {("torch-pinn", 32)}
    assert times["torch-pinn", 32][0] == pytest.approx(1e3 * float(np.median(own.solve_s)) / 50)
    assert compilations["torch-pinn", 32][0] == float(np.median(own.compile_s))
    with pytest.raises(ValueError, match="two rows of torch-pinn with 32 points and seed 0"):
        script.step_times([own, own])
    shown = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path / "run")], capture_output=True, text=True)
    assert "torch-pinn" in shown.stdout, shown.stderr


def test_run_without_such_rows_says_so(tmp_path: Path) -> None:
    shown = subprocess.run([sys.executable, str(SCRIPT), str(tmp_path)], capture_output=True, text=True)
    assert "no finished rows" in shown.stdout
