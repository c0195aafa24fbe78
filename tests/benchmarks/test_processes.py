"""Several processes under an MPI launcher are one worker, with one answer."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backends.fenics import Fenics
from backends.fenics_eigen import FenicsEigen
from benchmarks.cases import Case
from benchmarks.execute import Limits, Outcome, execute
from benchmarks.interpreters import Interpreter, Interpreters, worker_environment
from benchmarks.plugins import load_plugins
from benchmarks.processes import LAUNCHERS, Processes, launched_together
from problems.decay import Decay
from problems.poisson import Poisson
from tests.plugins.grids import Carried
from tests.plugins.states import Membrane

RANKS = Path(__file__).parent.parent / "plugins" / "ranks.py"
GRIDS, STATES = RANKS.with_name("grids.py"), RANKS.with_name("states.py")
LIMITS = Limits(timeout_s=60, rounds=2, measure_memory=False)


@pytest.fixture(scope="module")
def alone() -> Interpreter:
    found = Interpreters().find(Fenics)
    if not found.available:
        pytest.skip(f"dolfinx is not installed: {found.reason}")
    return found


@pytest.fixture
def pair(alone: Interpreter, monkeypatch: pytest.MonkeyPatch) -> Interpreter:
    """Two processes, on a machine of any size and for any user."""
    if shutil.which("mpirun", path=worker_environment().get("PATH")) is None:
        pytest.skip("there is no mpirun")
    for variable, value in {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
    }.items():
        monkeypatch.setenv(variable, value)
    return Interpreter(("mpirun", "-n", "2", *alone.command))


def run(name: str, interpreter: Interpreter, limits: Limits = LIMITS, **parameters: Any) -> Outcome:
    load_plugins([RANKS])
    import backends

    solver = backends.REGISTRY.get(name).create(parameters)
    return execute(Case(Decay(), solver), interpreter, limits, plugins=[RANKS])


def test_launched_processes_are_one_worker_with_one_answer(pair: Interpreter) -> None:
    outcome = run("ranks", pair, Limits(timeout_s=60, rounds=3, rounds_budget_s=10))
    record = outcome.record
    assert record.status == "finished", record.reason
    assert record.rounds == 3
    assert record.facts["processes"] == 2
    assert np.all(outcome.arrays["solution"] == 2.0)
    assert record.host_method.endswith("sum of 2 processes")


def test_single_process_says_nothing_of_processes(alone: Interpreter) -> None:
    record = run("ranks", alone).record
    assert record.status == "finished", record.reason
    assert "processes" not in record.facts


@pytest.mark.parametrize(
    ("failing", "reason"),
    [
        (-2, "RuntimeError: asked to fail"),
        (0, "RuntimeError: asked to fail"),
        (1, "process 1 of 2: RuntimeError: asked"),
    ],
)
def test_failure_of_any_process_is_the_failure_of_the_worker(pair: Interpreter, failing: int, reason: str) -> None:
    begun = time.monotonic()
    record = run("ranks", pair, failing=failing).record
    assert record.status == "crashed"
    assert record.reason.startswith(reason)
    assert time.monotonic() - begun < 30


def test_solver_for_one_process_refuses_several(pair: Interpreter) -> None:
    record = run("solitary", pair).record
    assert record.status == "crashed"
    assert "take the launcher out of its command prefix" in record.reason


@pytest.mark.parametrize("problem", [Poisson(d=3, solution="skewed"), Carried(d=2, T=0.02)], ids=["space", "ring"])
def test_finite_elements_on_two_processes_agree_with_one(pair: Interpreter, alone: Interpreter, problem: Any) -> None:
    """Multigrid in space, to its tolerance of 1e-12; a factorisation, and glued faces between processes, in a ring."""
    case = Case(problem, Fenics(cells=6, tolerance=1e-12))
    one, two = (execute(case, place, LIMITS, plugins=[GRIDS]) for place in (alone, pair))
    assert two.record.status == "finished", two.record.reason
    assert two.record.facts["processes"] == 2
    assert two.record.unknowns == one.record.unknowns
    assert np.abs(two.arrays["solution"] - one.arrays["solution"]).max() < 1e-10


def test_eigenpairs_on_two_processes_agree_with_one(pair: Interpreter, alone: Interpreter) -> None:
    """Four equal states and one more; functions are rotated by integrals that are exact to some digits only."""
    if not Interpreters().find(FenicsEigen).available:
        pytest.skip("slepc4py is not installed")
    problem = Membrane(d=2, faces_are="closed", states=5)
    outcomes = [
        execute(Case(problem, FenicsEigen(cells=6)), place, LIMITS, plugins=[STATES]) for place in (alone, pair)
    ]
    one, two = outcomes
    assert two.record.status == "finished", two.record.reason
    assert two.record.facts["linear_solver"].startswith("LDLᵀ")
    assert np.abs(two.arrays["eigenvalues"] - one.arrays["eigenvalues"]).max() < 1e-10
    assert two.record.relative_l2 == pytest.approx(one.record.relative_l2, rel=1e-3)


@pytest.mark.parametrize(
    ("variables", "together"),
    [
        ({}, False),
        ({"OMPI_COMM_WORLD_SIZE": "2", "PMIX_RANK": "0"}, True),
        ({"OMPI_COMM_WORLD_SIZE": "1", "PMIX_RANK": "0"}, False),
        ({"PMI_SIZE": "4"}, True),
        ({"PMIX_RANK": "1", "SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}, True),
        ({"PMIX_RANK": "0", "SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}, False),
        ({"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "8", "SLURM_NTASKS": "8"}, False),
    ],
)
def test_launchers_are_known_by_what_they_tell(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], together: bool
) -> None:
    for variable in (*LAUNCHERS, "PMIX_RANK", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert launched_together() is together


def test_neighbours_get_different_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in LAUNCHERS:
        monkeypatch.delenv(variable, raising=False)
    third = Processes()
    monkeypatch.setattr(third, "rank", 1)
    monkeypatch.setattr(third, "gather", lambda own: [own, own])
    assert third.own_processors({0, 1, 2, 3}, 1) == {2}
    assert third.own_processors({0, 1, 2, 3}, 2) == {0, 1}
    assert third.own_processors({5}, 1) == {5}
    monkeypatch.setattr(third, "gather", lambda own: [(own[0], [7]), own])
    assert third.own_processors({5}, 1) == {5}
