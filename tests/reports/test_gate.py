"""What looks slower is measured again, old code and new code by turns, and only then a regression."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.again import Bench, tree
from benchmarks.cli import main
from benchmarks.environment import revision
from benchmarks.execute import Limits
from benchmarks.interpreters import ROOT, Interpreters
from benchmarks.record import Record, Status
from benchmarks.supervision import Pass
from problems import InputError
from reports import regression
from reports.regression.comparison import Comparison
from reports.regression.costs import COSTS
from reports.regression.weighing import LOOKS, PROOF, Weight, decide, weigh
from reports.run import Run
from tests.reports.test_regression import row, write

MACHINE = "machine"
TIMED = {"environment": MACHINE, "setup_s": [0.01], "compile_s": [0.0], "solve_s": [0.1, 0.11]}
SLOWER = TIMED | {"solve_s": [0.13, 0.15]}
NO_GIT = pytest.mark.skipif(not revision()[0], reason="the checkout has no history")


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., Comparison]:
    """The comparison of two lists of rows; both were made with the code of the commit that is checked out."""

    def run(base: Sequence[Record], head: Sequence[Record], **environment: Any) -> Comparison:
        known = {"git_commit": revision()[0], "git_dirty": False, **environment}
        folders = [write(tmp_path / name, rows, environment=known) for name, rows in (("base", base), ("head", head))]
        return regression.compare(*map(Run.open, folders))

    return run


class FakeBench:
    """Measures what a function says of the number of the process, counted for old and new code apart."""

    def __init__(self, base: Callable[[int], float], head: Callable[[int], float]) -> None:
        self.costs, self.roots, self.calls = (base, head), [], []

    def measure(self, record: Record, root: Path, kind: str) -> Record:
        if root not in self.roots:
            self.roots.append(root)
        side = self.roots.index(root)
        value = self.costs[side](self.calls.count(side))
        self.calls.append(side)
        if not math.isfinite(value):
            return dataclasses.replace(record, status=Status.CRASHED, reason="no luck", solve_s=[], setup_s=[])
        times = {"solve_s": [value, 1.5 * value], "setup_s": [value], "compile_s": [0.0]}
        memory = {"host_bytes": int(value * 2**30), "host_base_bytes": 0}
        return dataclasses.replace(record, **(times if kind == "timing" else memory))


def test_estimate_interval_and_p_value_are_those_of_the_literature() -> None:
    """Depression scale factors, Hollander and Wolfe (1999), examples 3.1, 3.3 and 3.4."""
    before = [1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30]
    after = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29]
    found = weigh([(math.exp(y), math.exp(x)) for x, y in zip(before, after, strict=True)])
    assert math.log(found.ratio) == pytest.approx(0.46, abs=5e-3)
    assert math.log(found.low) == pytest.approx(0.010, abs=5e-4)
    assert math.log(found.high) == pytest.approx(0.786, abs=5e-4)
    assert found.p == pytest.approx(0.01953, abs=5e-6)


def test_few_pairs_have_their_range_as_interval() -> None:
    found = weigh([(1.0, 1.1), (1.0, 1.3), (1.0, 1.2), (1.0, 1.4)])
    assert (found.low, found.high) == (pytest.approx(1.1), pytest.approx(1.4))
    assert found.p == 1 / 16
    assert weigh([(1.0, 1.0)] * 6).p == 1.0


def _judged(rng: np.random.Generator, factor: float, scatter: float) -> bool:
    """Whether a cost that grew by `factor` is called larger: if it looks so, and if pairs then say so."""

    def measured() -> tuple[float, float]:
        base, head = np.exp(scatter * rng.standard_normal(2))
        return float(base), float(factor * head)

    if not COSTS[0].looks_larger(*measured()):
        return False
    pairs: list[tuple[float, float]] = []
    weight = Weight.OPEN
    while weight is Weight.OPEN:
        pairs.append(measured())
        weight = decide(weigh(pairs))
    return weight is Weight.LARGER


@pytest.mark.parametrize(
    ("factor", "scatter", "least", "most"),
    [(1.0, 0.1, 0.0, 0.01), (1.0, 0.2, 0.0, 0.015), (2.0, 0.15, 0.99, 1.0), (1.3, 0.1, 0.85, 1.0)],
)
def test_the_rule_errs_seldom(factor: float, scatter: float, least: float, most: float) -> None:
    """Costs that scatter from process to process by 10 to 20 %."""
    rng = np.random.default_rng(7)
    assert least <= sum(_judged(rng, factor, scatter) for _ in range(500)) / 500 <= most


def test_times_that_look_larger_are_told_and_count_for_nothing(compared: Callable[..., Comparison]) -> None:
    found = compared([row(**TIMED)], [row(**SLOWER)])
    assert not found.regressed
    (difference,) = found.suspicious
    assert (difference.title, difference.base, difference.head) == ("solve time", 0.1, 0.13)
    assert regression.verdict(found).endswith("Not decided: 1 cost that looks larger.")


UNSUSPICIOUS = {
    "little": TIMED | {"solve_s": [0.109]},
    "one slow round": TIMED | {"solve_s": [0.101, 0.9]},
    "faster": TIMED | {"solve_s": [0.05]},
    "compiled again": TIMED | {"setup_s": [0.01, 9.0], "compile_s": [0.0, 9.0]},
    "a moment longer to set up": TIMED | {"setup_s": [0.0115]},
    "the clock ended it": SLOWER | {"facts": {"stopped_by": "time"}},
    "no times": {"environment": MACHINE},
}


@pytest.mark.parametrize("columns", UNSUSPICIOUS.values(), ids=UNSUSPICIOUS)
def test_what_does_not_look_larger(columns: dict[str, Any], compared: Callable[..., Comparison]) -> None:
    assert compared([row(**TIMED)], [row(**columns)]).suspicious == ()


def test_memory_as_sampled_looks_larger_beyond_its_noise(compared: Callable[..., Comparison]) -> None:
    def held(mebibytes: int) -> Record:
        return row(environment=MACHINE, host_bytes=(100 + mebibytes) * 2**20, host_base_bytes=100 * 2**20)

    assert compared([held(20)], [held(27)]).suspicious == ()


def test_memory_that_grew_is_told(compared: Callable[..., Comparison]) -> None:
    old, now = (row(environment=MACHINE, host_bytes=size * 2**20, host_base_bytes=2**20) for size in (101, 121))
    (difference,) = compared([old], [now]).suspicious
    assert (difference.title, difference.words(difference.head)) == ("host memory", "120 MiB")


def test_times_of_another_machine_are_not_looked_at(compared: Callable[..., Comparison]) -> None:
    found = compared([row(**TIMED)], [row(**SLOWER | {"environment": "another"})])
    assert found.suspicious == ()
    assert "Times and sampled memory were not compared, since the machines differ." in regression.verdict(found)


def test_nothing_is_said_of_machines_where_no_times_could_be_compared(compared: Callable[..., Comparison]) -> None:
    found = compared([row(**TIMED)], [row(status="crashed", **TIMED)])
    assert found.regressed
    assert "machines" not in regression.verdict(found)


@NO_GIT
def test_a_slower_solver_is_confirmed_in_seven_pairs(compared: Callable[..., Comparison]) -> None:
    bench = FakeBench(lambda k: 0.1, lambda k: 0.13 + 0.001 * k)
    found = regression.measure_again(compared([row(**TIMED)], [row(**SLOWER)]), bench)  # type: ignore[arg-type]
    assert found.regressed
    assert found.suspicious == found.acquitted == ()
    (difference,) = found.worse
    assert difference.title == "solve time, measured again 7 times by turns: 1.33 × (1.31 to 1.35)"
    assert bench.calls == [0, 1, 1, 0] * 3 + [0, 1]


@NO_GIT
def test_a_slow_moment_is_acquitted_in_four_pairs(compared: Callable[..., Comparison]) -> None:
    bench = FakeBench(lambda k: 0.1 + 0.02 * (k % 2), lambda k: 0.1 + 0.02 * ((k + 1) % 2))
    found = regression.measure_again(compared([row(**TIMED)], [row(**SLOWER)]), bench)  # type: ignore[arg-type]
    assert not found.regressed
    assert len(bench.calls) == 8
    (difference,) = found.acquitted
    assert difference.title.startswith("solve time, measured again 4 times by turns: 1.00 ×")


@NO_GIT
def test_growth_below_the_factor_is_no_regression_however_certain(compared: Callable[..., Comparison]) -> None:
    found = compared([row(**TIMED)], [row(**SLOWER)])
    bench = FakeBench(lambda k: 0.1, lambda k: 0.112)
    again = regression.measure_again(found, bench)  # type: ignore[arg-type]
    assert not again.regressed
    assert len(bench.calls) == 2 * LOOKS[-1]
    bench = FakeBench(lambda k: 0.1, lambda k: 0.112)
    assert regression.measure_again(found, bench, factor=1.1).regressed  # type: ignore[arg-type]


@NO_GIT
def test_all_costs_are_measured_where_that_is_asked_for(compared: Callable[..., Comparison]) -> None:
    memory = {"host_bytes": 2**28, "host_base_bytes": 2**20}
    rows = [row(**TIMED, **memory)]
    other = [dataclasses.replace(rows[0], environment="another")]
    bench = FakeBench(lambda k: 0.1, lambda k: 0.2)
    found = regression.measure_again(compared(rows, other), bench, every=True)  # type: ignore[arg-type]
    assert {d.title.partition(",")[0] for d in found.worse} == {"solve time", "set-up and compilation", "host memory"}


@NO_GIT
def test_what_fails_or_takes_too_long_is_not_decided(compared: Callable[..., Comparison]) -> None:
    suspected = compared([row(**TIMED)], [row(**SLOWER)])
    failing = FakeBench(lambda k: math.nan, lambda k: 0.1)
    found = regression.measure_again(suspected, failing)  # type: ignore[arg-type]
    assert found.suspicious[0].title == "solve time, not measured again (crashed: no luck)"
    slow = FakeBench(lambda k: 0.1, lambda k: 0.13)
    found = regression.measure_again(suspected, slow, most_s=1e-9)  # type: ignore[arg-type]
    assert "measured again 1 times by turns: 1.30 × (1.30 to 1.30) (stopped after 0 s)" in found.suspicious[0].title
    never = FakeBench(lambda k: 0.1, lambda k: 0.13)
    found = regression.measure_again(suspected, never, most_in_all_s=0.0)  # type: ignore[arg-type]
    assert found.suspicious[0].title == "solve time, not measured again (no time was left)"
    assert never.calls == []
    assert not found.regressed
    (warning,) = regression.to_annotations(found)
    assert warning.startswith("::warning title=heat-1d · ftcs%3Acells=20::not decided: solve time, not measured again")


@NO_GIT
def test_what_grew_evidently_is_measured_until_that_is_certain(compared: Callable[..., Comparison]) -> None:
    bench = FakeBench(lambda k: 0.1, lambda k: 1.0)
    found = regression.measure_again(compared([row(**TIMED)], [row(**SLOWER)]), bench, most_s=1e-9)  # type: ignore[arg-type]
    assert found.regressed
    assert len(bench.calls) == 2 * PROOF


@NO_GIT
def test_new_code_that_fails_every_other_time_is_not_decided(compared: Callable[..., Comparison]) -> None:
    bench = FakeBench(lambda k: 0.1, lambda k: math.nan if k % 2 else 0.13)
    found = regression.measure_again(compared([row(**TIMED)], [row(**SLOWER)]), bench, factor=1.5)  # type: ignore[arg-type]
    assert not found.regressed
    assert found.suspicious[0].title.endswith("(11 of 22 processes of the newer code failed)")


@NO_GIT
def test_a_limit_that_the_older_code_all_but_reaches_convicts_nobody(compared: Callable[..., Comparison]) -> None:

    class Slow(FakeBench):
        def measure(self, record: Record, root: Path, kind: str) -> Record:
            time.sleep(0.02)
            found = super().measure(record, root, kind)
            late = {"status": Status.TIMEOUT, "reason": "still running", "solve_s": []}
            return dataclasses.replace(found, **late) if self.calls[-1] else found

    found = compared([row(**TIMED)], [row(**SLOWER)])
    for most, regressed in ((0.021, False), (100.0, True)):
        bench = Slow(lambda k: 0.1, lambda k: 0.13)
        again = regression.measure_again(found, bench, most_s=most)  # type: ignore[arg-type]
        assert again.regressed == regressed
        assert "timeout: still running" in "".join(d.title for d in (*again.worse, *again.suspicious))


@NO_GIT
def test_a_case_that_cannot_be_measured_leaves_the_others_as_they_were_decided(
    compared: Callable[..., Comparison],
) -> None:

    class Strange(FakeBench):
        def measure(self, record: Record, root: Path, kind: str) -> Record:
            if record.case == "strange":
                raise InputError("unknown solver")
            return super().measure(record, root, kind)

    bench = Strange(lambda k: 0.1, lambda k: 0.13)
    base = [row(**TIMED), row("strange", seed=1, **TIMED)]
    found = compared(base, [row(**SLOWER), row("strange", seed=1, **SLOWER)])
    again = regression.measure_again(found, bench)  # type: ignore[arg-type]
    assert [d.case for d in again.worse] == ["case"]
    assert [d.title for d in again.suspicious] == ["solve time, not measured again (unknown solver)"]


@NO_GIT
@pytest.mark.parametrize("dirty_now", [True, False])
def test_a_run_with_changes_is_measured_by_the_changed_code_alone(
    tmp_path: Path, dirty_now: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the changes are taken back, the code of the run is nowhere."""
    here = revision()[0]
    monkeypatch.setattr("reports.regression.again.revision", lambda: (here, dirty_now))
    clean, changed = ({"git_commit": here, "git_dirty": dirty} for dirty in (False, True))
    base = Run.open(write(tmp_path / "base", [row(**TIMED)], environment=clean))
    head = Run.open(write(tmp_path / "head", [row(**SLOWER)], environment=changed))
    bench = FakeBench(lambda k: 0.1, lambda k: 0.13)
    if dirty_now:
        assert regression.measure_again(regression.compare(base, head), bench).regressed  # type: ignore[arg-type]
        assert bench.roots[1] == ROOT
    else:
        with pytest.raises(InputError, match="code that is in no commit"):
            regression.measure_again(regression.compare(base, head), bench)  # type: ignore[arg-type]


@pytest.mark.parametrize(("fails", "regressed"), [({1}, False), ({1, 2}, True)], ids=["once", "twice in a row"])
@NO_GIT
def test_new_code_that_fails_where_the_old_one_does_not_is_worse(
    fails: set[int], regressed: bool, compared: Callable[..., Comparison]
) -> None:
    bench = FakeBench(lambda k: 0.1, lambda k: math.nan if k in fails else 0.1)
    found = regression.measure_again(compared([row(**TIMED)], [row(**SLOWER)]), bench)  # type: ignore[arg-type]
    assert found.regressed == regressed
    assert ("crashed: no luck" in "".join(d.title for d in found.worse)) == regressed
    assert bool(found.acquitted) != regressed


@NO_GIT
def test_nothing_is_acquitted_that_other_packages_may_have_slowed(tmp_path: Path) -> None:
    """Both codes are measured with the packages of today."""
    runs = []
    for name, columns, version in (("base", TIMED, "0.10"), ("head", SLOWER, "0.11")):
        environment = {"git_commit": revision()[0], "git_dirty": False, "packages": {"jax": version}}
        runs.append(Run.open(write(tmp_path / name, [row(**columns)], environment=environment)))
    for every in (False, True):
        bench = FakeBench(lambda k: 0.1, lambda k: 0.1)
        found = regression.measure_again(regression.compare(*runs), bench, every=every)  # type: ignore[arg-type]
        assert [bool(found.suspicious), bool(found.acquitted)] == [not every, every]
        assert all("packages changed" in difference.title for difference in found.suspicious)


def test_a_pass_that_fails_has_measured_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the stored row held is no measurement of today."""
    done = Pass(Status.CRASHED, "no luck")
    monkeypatch.setattr("benchmarks.again.run_worker", lambda *_: done)
    bench = Bench(Interpreters.from_config(), Limits())
    stored = row(host_bytes=2**28, host_base_bytes=2**27, device_bytes=2**20, **TIMED)
    for kind in ("timing", "memory"):
        found = bench.measure(stored, ROOT, kind)
        assert (found.status, found.reason) == (Status.CRASHED, "no luck")
        assert all(math.isnan(cost.read(found)) for cost in COSTS)


@NO_GIT
def test_a_run_that_went_on_with_another_commit_is_of_none(compared: Callable[..., Comparison], tmp_path: Path) -> None:
    clean = {"git_commit": revision()[0], "git_dirty": False}
    other = {"created": "2026-01-02", "git_commit": "0123456789abcdef", "git_dirty": False}
    base = write(tmp_path / "older", [row(**TIMED)], environment=clean, resumed=[other])
    head = write(tmp_path / "newer", [row(**SLOWER)], environment=clean)
    found = regression.compare(Run.open(base), Run.open(head))
    with pytest.raises(InputError, match="code that is in no commit"):
        regression.measure_again(found, FakeBench(lambda k: 1.0, lambda k: 1.0))  # type: ignore[arg-type]


def test_what_is_known_is_written_even_if_nothing_can_be_measured_again(tmp_path: Path) -> None:
    base = write(tmp_path / "base", [row(**TIMED)])
    head = write(tmp_path / "head", [row(**SLOWER)])
    page = tmp_path / "page.md"
    said = CliRunner().invoke(main, ["compare", str(base), str(head), "--measure-again", "--markdown", str(page)])
    assert said.exit_code == 2
    assert "code that is in no commit" in said.output
    assert "Looks larger, not decided" in said.output
    assert "solve time" in page.read_text("utf-8")
    worse = write(tmp_path / "worse", [row(relative_l2=1.0, **SLOWER)])
    said = CliRunner().invoke(main, ["compare", str(base), str(worse), "--measure-again"])
    assert said.exit_code == 1
    assert "code that is in no commit" in said.output


@NO_GIT
def test_code_that_is_in_no_commit_cannot_be_measured(compared: Callable[..., Comparison]) -> None:
    found = compared([row(**TIMED)], [row(**SLOWER)], git_dirty=True)
    with pytest.raises(InputError, match="code that is in no commit"):
        regression.measure_again(found, FakeBench(lambda k: 1.0, lambda k: 1.0))  # type: ignore[arg-type]


@NO_GIT
def test_a_commit_has_its_code_and_no_results() -> None:
    with tree("HEAD") as folder:
        assert (folder / "benchmarks" / "worker.py").is_file()
        assert not (folder / "results").exists()
    assert not folder.exists()
    with pytest.raises(InputError, match="commit 0123456789 is not here"), tree("0123456789abcdef"):
        pass
