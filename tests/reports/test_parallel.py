"""A report is the same, whoever does its parts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from reports import parallel

ROOT = Path(__file__).resolve().parents[2]

SCRIPT = """
import os, sys
from reports import parallel
parallel.SHARE = {share}
os.sched_getaffinity = lambda process: {{0, 1}}
used = []
pool = parallel.ProcessPoolExecutor
parallel.ProcessPoolExecutor = lambda *words, **more: used.append(1) or pool(*words, **more)
import reports
for path in reports.render({folder!r}):
    print(path.read_text("utf-8"))
print("shared" if used else "alone")
"""


def rendered(folder: Path, share: int) -> list[str]:
    """What a fresh process writes, and whether it had help."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT.format(share=share, folder=str(folder))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().rsplit("\n", 1)


def test_two_processes_write_what_one_does(run_dir: Path) -> None:
    (alone, how), (shared, help_) = rendered(run_dir, 10**6), rendered(run_dir, 1)
    assert (how, help_) == ("alone", "shared")
    assert len(alone) > 100_000
    assert shared == alone


def test_notes_of_another_process_are_told(run_dir: Path) -> None:
    """Pictures that cannot be drawn are found missing by whoever draws them."""
    folder = run_dir.parent / "without-solutions"
    shutil.copytree(run_dir, folder)
    shutil.rmtree(folder / "solutions")
    (alone, _), (shared, _) = rendered(folder, 10**6), rendered(folder, 1)
    assert "missing or damaged" in alone
    assert shared == alone


def test_few_jobs_are_done_at_once_and_in_order() -> None:
    done: list[int] = []
    assert parallel.each([lambda k=k: done.append(k) or k * k for k in range(5)]) == [0, 1, 4, 9, 16]
    assert done == [0, 1, 2, 3, 4]


def test_jobs_of_a_process_that_is_killed_are_done_all_the_same() -> None:
    script = """
import os
from reports import parallel
parallel.SHARE, parent = 1, os.getpid()
os.sched_getaffinity = lambda process: {0, 1}
def job():
    if os.getpid() != parent:
        os._exit(9)
    return "here"
print(parallel._forks(), parallel.each([job, job, job]))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "True ['here', 'here', 'here']"
