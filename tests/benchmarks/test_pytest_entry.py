"""`pytest --benchmark`: the suite as benchmarks, timed by the worker's own clock."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmarks.conftest import FAULTY, MEASURED, NOOP, ROOT, environment

SUITE = """
title = "Entry"
[limits]
rounds = 3
timeout = 60
[[grid]]
problem = "decay"
solver = {solvers}
"""

MOODY = """
import time
from dataclasses import dataclass
from pathlib import Path
from backends import register
from backends.base import Session, Solver

LOG = Path({log!r})


class MoodySession(Session):
    def __init__(self, problem):
        self.problem = problem
        LOG.write_text((LOG.read_text() if LOG.exists() else "") + ".")
        self.begun = len(LOG.read_text())

    def solve(self):
        slow = self.begun > 30 or 4 < self.begun <= 8
        time.sleep(0.1 if slow else 0.02)

    def solution(self, points):
        return self.problem.reference(points)

    def facts(self):
        return {{}}


@register
@dataclass(frozen=True)
class Moody(Solver):
    name = "moody"
    title = "Sometimes slow"
    family = "classical"

    def unsupported(self, problem):
        return None

    def begin(self, problem, context):
        return MoodySession(problem)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def bench(*words: str, solvers: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
        suite = tmp_path / "entry.toml"
        suite.write_text(SUITE.format(solvers=json.dumps(solvers)))
        options = ["--benchmark", f"--benchmark-suite={suite}", f"--benchmark-storage={tmp_path / 'storage'}"]
        options += [f"--benchmark-plugin={plugin}" for plugin in (FAULTY, MEASURED, NOOP)]
        return pytest_(*options, *words, **variables)

    return bench


def pytest_(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *words]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment(**variables))


def by_solver(path: Path) -> dict[str, dict]:
    stored = json.loads(path.read_text())["benchmarks"]
    return {entry["name"].partition("|")[2].rstrip("]"): entry for entry in stored}


def test_stored_times_are_the_workers_solve_clock(bench, tmp_path):
    """The solver sleeps 50 ms where it solves, and far longer everywhere else."""
    solver = "measured:setup_s=0.3,compile_s=0.2,solve_s=0.05,evaluate_s=0.15,megabytes=3"
    first = bench(f"--benchmark-json={tmp_path / 'out.json'}", "--benchmark-autosave", solvers=[solver])
    assert first.returncode == 0, first.stdout
    (entry,) = by_solver(tmp_path / "out.json").values()
    stats, facts = entry["stats"], entry["extra_info"]
    assert stats["rounds"] == 2  # A round takes half a second of its budget of one.
    for name in ("min", "median", "mean", "max"):
        assert 0.05 <= stats[name] < 0.09
    assert facts["status"] == "finished"
    assert facts["max_abs"] == 0.0
    assert facts["host_bytes"] > 10 * 2**20
    assert facts["host_method"] == "VmHWM" or facts["host_method"].startswith("ru_maxrss")
    assert facts["host_base_bytes"] < facts["host_bytes"]
    assert (facts["device_bytes"], facts["device_method"]) == (3_000_000, "compiler's plan (CPU)")
    assert min(facts["setup_s"]) >= 0.3
    assert min(facts["compile_s"]) >= 0.2
    assert entry["group"] == "decay"

    (saved,) = (tmp_path / "storage").rglob("*.json")
    assert by_solver(saved).keys() == by_solver(tmp_path / "out.json").keys()
    slower = bench("--benchmark-compare", "--benchmark-compare-fail=min:50%", solvers=[solver])
    assert slower.returncode == 0, slower.stdout
    assert "(0001_" in slower.stdout


def test_what_looks_slower_is_measured_again_before_it_fails(bench, tmp_path):
    """A solver whose second process is slow, and none after it; another one that stays slow."""
    plugin = tmp_path / "moody.py"
    plugin.write_text(MOODY.format(log=str(tmp_path / "log")))
    words = (f"--benchmark-plugin={plugin}", "--benchmark-autosave")
    assert bench(*words, solvers=["moody"]).returncode == 0
    out = f"--benchmark-json={tmp_path / 'out.json'}"
    fails = ("--benchmark-compare", "--benchmark-compare-fail=min:50%", out)
    moment = bench(*words[:1], *fails, solvers=["moody"])
    assert moment.returncode == 0, moment.stdout
    (entry,) = by_solver(tmp_path / "out.json").values()
    assert entry["extra_info"]["measured_again"] == 1
    assert entry["stats"]["max"] < 0.06
    (tmp_path / "log").write_text("always slow from now on" * 10)
    slower = bench(*words[:1], *fails, solvers=["moody"])
    assert slower.returncode != 0
    assert "Performance has regressed" in slower.stdout + slower.stderr
    (entry,) = by_solver(tmp_path / "out.json").values()
    assert entry["extra_info"]["measured_again"] == 3


def test_failure_fails_divergence_does_not_and_the_rest_goes_on(bench, tmp_path):
    faults = ["killed", "diverge", "outcome"]
    solvers = ["noop", *(f"faulty:fault={fault}" for fault in faults)]
    done = bench(f"--benchmark-json={tmp_path / 'out.json'}", "-rs", solvers=solvers)
    assert done.returncode == 1
    assert "2 passed" in done.stdout
    assert "1 failed" in done.stdout
    assert "1 skipped" in done.stdout
    assert "killed: ended by signal SIGKILL. A signal ended the worker" in done.stdout
    assert "diverged: left every bound at step 7" in done.stdout
    stored = by_solver(tmp_path / "out.json")
    assert stored["faulty:fault=outcome"]["extra_info"]["status"] == "diverged"
    assert stored["noop"]["extra_info"]["relative_l2"] == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize(("required", "code", "words"), [("1", 1, "1 failed"), ("", 0, "1 skipped")])
def test_missing_interpreter_fails_where_backends_are_required(required, code, words, bench):
    variables = {"DEBENCH_PYTHON_NOOP": "/nonexistent", "DEBENCH_REQUIRE_BACKENDS": required}
    done = bench("-rs", solvers=["noop"], **variables)
    assert done.returncode == code
    assert words in done.stdout
    assert "not installed: /nonexistent does not start" in done.stdout


def test_unsupported_pair_is_skipped_even_where_backends_are_required(bench):
    done = bench("-rs", solvers=["ftcs"], DEBENCH_REQUIRE_BACKENDS="1")
    assert done.returncode == 0, done.stdout
    assert "unsupported: " in done.stdout


def test_bad_suite_is_one_sentence():
    done = pytest_("--benchmark", "--benchmark-suite=quik")
    assert done.returncode == 4 or done.returncode == 2
    assert "unknown suite 'quik'; did you mean 'quick'?" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_plain_pytest_collects_the_tests_alone():
    done = pytest_("--collect-only", "-q")
    nodes = [line for line in done.stdout.splitlines() if "::" in line]
    assert len(nodes) > 100
    assert all(node.startswith("tests/") for node in nodes)


def test_benchmark_collects_the_suite_alone(bench):
    done = bench("--collect-only", "-q", solvers=["noop", "measured:solve_s=[0.01,0.02]"])
    nodes = [line for line in done.stdout.splitlines() if "::" in line]
    assert nodes == [
        f"benchmarks/pytest_entry.py::test_case[decay|{solver}]"
        for solver in ("noop", "measured:solve_s=0.01", "measured:solve_s=0.02")
    ]
