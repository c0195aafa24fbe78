"""The suite under pytest-benchmark: one benchmark per case, timed by the worker's own solve clock."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from pytest_benchmark.session import BenchmarkSession
from pytest_benchmark.stats import Stats

from benchmarks import suites
from benchmarks.cases import Case
from benchmarks.environment import describe
from benchmarks.execute import Outcome, execute
from benchmarks.interpreters import Interpreters, backends_required
from benchmarks.plugins import load_plugins
from benchmarks.record import REMEDY, Status
from problems import InputError


class ReplayClock:
    """A timer for pytest-benchmark that advances by the solve times that a worker measured."""

    def __init__(self) -> None:
        self._now = 0.0
        self._pending: Iterator[float] = iter(())

    def load(self, seconds: list[float]) -> None:
        """Times to replay, one per round."""
        self._pending = iter(seconds)

    def advance(self) -> None:
        """Let one round pass."""
        self._now += next(self._pending)

    def __call__(self) -> float:
        """The time now."""
        return self._now


CLOCK = ReplayClock()
MOST_PROCESSES = 4
"""What is slower in one process by chance is hardly so in four."""
EXTRA_INFO = (
    *("case", "status", "reason", "relative_l2", "relative_linf", "mean_abs", "max_abs", "metrics"),
    *("setup_s", "compile_s", "evaluate_s", "unknowns"),
    *("host_bytes", "host_base_bytes", "host_method", "device_bytes", "device_method"),
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per case of the suite."""
    try:
        load_plugins(metafunc.config.option.benchmark_plugin)
        suite = suites.load(metafunc.config.option.benchmark_suite, suites.Overrides())
    except InputError as error:
        raise pytest.UsageError(str(error)) from None
    metafunc.parametrize(
        ("case", "suite"), [pytest.param(case, suite, id=case.label.replace(" · ", "|")) for case in suite.cases]
    )


@pytest.fixture(scope="session")
def interpreters() -> Interpreters:
    """Where backends run."""
    return Interpreters.from_config()


@pytest.fixture(scope="session")
def machine() -> str:
    """What tells this machine from others."""
    return str(describe()["fingerprint"])


@pytest.mark.benchmark(timer=CLOCK)
def test_case(
    case: Case,
    suite: suites.Suite,
    interpreters: Interpreters,
    machine: str,
    benchmark: BenchmarkFixture,
    request: pytest.FixtureRequest,
) -> None:
    """Measure one case; a solver that diverges is a result, one that fails is a failure."""
    interpreter = interpreters.find(case.solver)
    outcome = execute(case, interpreter, suite.limits, "pytest", request.config.option.benchmark_plugin)
    record = outcome.record
    benchmark.extra_info.update(_facts(outcome), environment=machine)
    excused = record.status in (Status.UNSUPPORTED, Status.OVER_BUDGET)
    if record.status == Status.NOT_INSTALLED:
        excused = not backends_required()
    if excused or (record.status == Status.DIVERGED and not record.solve_s):
        pytest.skip(f"{record.status}: {record.reason}")
    if not record.answered:
        status = Status(record.status)
        pytest.fail(f"{status}: {record.reason}. {REMEDY[status]}", pytrace=False)
    benchmark.group = case.problem.name
    solve_s = record.solve_s
    session: BenchmarkSession = request.config._benchmarksession  # type: ignore[attr-defined]
    limits = dataclasses.replace(suite.limits, measure_memory=False)
    for again in range(1, MOST_PROCESSES):
        if not _looks_slower(session, benchmark.fullname, solve_s):
            break
        repeated = execute(case, interpreter, limits, "pytest", request.config.option.benchmark_plugin).record
        # What passes counts; among those that do not, the fastest.
        passes = bool(repeated.solve_s) and not _looks_slower(session, benchmark.fullname, repeated.solve_s)
        solve_s = repeated.solve_s if passes else min(solve_s, repeated.solve_s or solve_s, key=statistics.median)
        benchmark.extra_info["measured_again"] = again
    CLOCK.load(solve_s)
    benchmark.pedantic(  # type: ignore[no-untyped-call]
        CLOCK.advance, rounds=len(solve_s), iterations=1
    )


def _looks_slower(session: BenchmarkSession, name: str, solve_s: list[float]) -> bool:
    """Whether `--benchmark-compare-fail` would fail on these rounds."""
    stats: Any = Stats()  # type: ignore[no-untyped-call]
    for seconds in solve_s:
        stats.update(seconds)
    stored = [run[name]["stats"] for run in (session.compared_mapping or {}).values() if name in run]
    checks = session.compare_fail or ()
    now = {check.field: getattr(stats, check.field) for check in checks}
    return any(check.fails(now, before) for check in checks for before in stored)


def _facts(outcome: Outcome) -> dict[str, object]:
    """Errors, memory and status, for the JSON that pytest-benchmark stores."""
    record = outcome.record
    return {name: getattr(record, name) for name in EXTRA_INFO}
