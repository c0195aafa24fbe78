"""The experiment on the regression gate catches what it puts into the code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.environment import revision
from examples import gate_experiment

SUITE = """
title = "One case"
[limits]
rounds = 5
rounds_budget = 0.2
[[grid]]
problem = "decay"
solver = "scipy-ivp"
"""


def test_the_worker_has_the_lines_that_are_changed() -> None:
    text = (gate_experiment.ROOT / gate_experiment.WORKER).read_text()
    assert [text.count(old) for old, _, _ in gate_experiment.SCENARIOS.values() if old] == [1, 1, 1]


@pytest.mark.skipif(not revision()[0], reason="the checkout has no history")
def test_a_solver_made_slower_is_caught(tmp_path: Path) -> None:
    suite = tmp_path / "one.toml"
    suite.write_text(SUITE)
    words = [str(tmp_path / "out"), "slower-2", "--seeds", "1", "--suite", str(suite)]
    done = subprocess.run([sys.executable, gate_experiment.__file__, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "slower-2: 1 of 1 called worse" in done.stdout
    outcome = json.loads((tmp_path / "out" / "outcome.json").read_text())
    assert "solve time" in outcome["slower-2"]["messages"][0]
