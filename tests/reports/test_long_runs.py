"""A report keeps up with a long run."""

from __future__ import annotations

import dataclasses
import itertools
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks import store

ROOT = Path(__file__).resolve().parents[2]
ROWS, MOST_S, TRIES = 5000, 20.0, 3


@pytest.fixture
def long_run(tmp_path: Path) -> Path:
    """The records of all published runs, which are repeated with other seeds until they are as many as wanted."""
    published = [record for run in sorted((ROOT / "results/published").iterdir()) for record in store.read(run)[0]]
    distinct = list({record.case: record for record in published}.values())
    repeated = (
        dataclasses.replace(record, seed=record.seed + 1000 * turn, case=f"{record.case[:8]}{turn:04x}")
        for turn in itertools.count()
        for record in distinct
    )
    with store.open_store(tmp_path / "run", {"run": "long"}, resume=False) as opened:
        for record in itertools.islice(repeated, ROWS):
            opened.append(record, {})
    return tmp_path / "run"


@pytest.mark.timing
def test_five_thousand_rows_are_reported_within_twenty_seconds(long_run: Path) -> None:
    """As a user waits for it, start of the command included; there are no solutions to draw beside the records.

    The machine may do something else for a while, so up to three tries are made.
    """
    command = [sys.executable, "-m", "benchmarks", "report", str(long_run)]
    waits: list[float] = []
    while len(waits) < TRIES and min(waits, default=MOST_S) >= MOST_S:
        began = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        waits.append(time.perf_counter() - began)
    print(f"{ROWS} rows: {', '.join(f'{wait:.1f} s' for wait in waits)}")
    assert min(waits) < MOST_S
    assert len(store.read(long_run)[0]) == ROWS
    assert (long_run / "report.html").read_text("utf-8").count("<figure") > 300
