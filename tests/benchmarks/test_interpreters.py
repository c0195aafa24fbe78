"""Where a backend runs: configuration first, and a reason that names what was looked for."""

from __future__ import annotations

import sys

import pytest

from benchmarks.cases import Case, Spec
from benchmarks.execute import Limits, execute
from benchmarks.interpreters import Interpreters, _usual_places, backends_required
from problems import InputError
from tests.benchmarks.conftest import NOOP, make_case

VARIABLE = "DEBENCH_PYTHON_SCIPY_IVP"


@pytest.fixture
def solver(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    return Case.create(Spec.parse("decay"), Spec.parse("scipy-ivp")).solver


def test_own_interpreter_is_tried_first(solver):
    assert Interpreters().find(solver).command == (sys.executable,)
    assert _usual_places()[0] == (sys.executable,)


def test_environment_comes_before_the_file_and_the_file_before_the_usual_places(solver, monkeypatch, tmp_path):
    (tmp_path / "debench.toml").write_text('[interpreters]\nscipy-ivp = "/from/file"\n')
    found = Interpreters.from_config(tmp_path).find(solver)
    assert not found.available
    assert found.reason.startswith("/from/file does not start (No such file or directory)")
    monkeypatch.setenv(VARIABLE, sys.executable)
    assert Interpreters.from_config(tmp_path).find(solver).command == (sys.executable,)
    monkeypatch.setenv(VARIABLE, "  ")
    assert Interpreters.from_config(tmp_path).find(solver).reason.startswith("/from/file")


def test_command_prefix_with_arguments_starts_the_worker(monkeypatch):
    monkeypatch.setenv("DEBENCH_PYTHON_NOOP", f"env DEBENCH_TEST='a b' '{sys.executable}' -X utf8")
    case = make_case("decay", "noop")
    found = Interpreters().find(case.solver)
    assert found.command == ("env", "DEBENCH_TEST=a b", sys.executable, "-X", "utf8")
    record = execute(case, found, Limits(timeout_s=60, rounds=1, measure_memory=False), plugins=[NOOP]).record
    assert record.status == "finished", record.reason


def test_wrapper_that_greets_does_not_disturb(solver, monkeypatch, tmp_path):
    wrapper = tmp_path / "activate and run"
    wrapper.write_text(f'#!/bin/sh\necho "Environment activated."\nexec {sys.executable} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv(VARIABLE, f"'{wrapper}'")
    assert Interpreters().find(solver).command == (str(wrapper),)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("/nonexistent/python -u", "/nonexistent/python -u does not start (No such file or directory)"),
        ("/bin/false", "/bin/false is not a Python that starts (exit status 1: no words on its standard error)"),
        ("sh -c 'echo no licence >&2; exit 3'", "is not a Python that starts (exit status 3: no licence)"),
        ("echo []", "is not a Python that starts (exit status 0"),
        ("python 'half", "python 'half is not a command: No closing quotation; mend DEBENCH_PYTHON_SCIPY_IVP"),
    ],
)
def test_command_that_is_no_python_is_named_with_its_words(command, reason, solver, monkeypatch):
    monkeypatch.setenv(VARIABLE, command)
    found = Interpreters().find(solver)
    assert not found.available
    assert reason in found.reason
    assert VARIABLE in found.reason


def test_missing_libraries_are_named_for_every_place(monkeypatch):
    class Solver:
        name, libraries = "exotic-solver", ("numpy", "no_such_library", "no_such.inner")

    found = Interpreters().find(Solver)
    assert not found.available
    assert f"{sys.executable} lacks no_such_library, no_such.inner" in found.reason
    assert found.reason.endswith("name another in DEBENCH_PYTHON_EXOTIC_SOLVER")


def test_old_python_is_named_as_such(solver, monkeypatch):
    monkeypatch.setattr("benchmarks.interpreters.OLDEST", (9, 0))
    found = Interpreters({"scipy-ivp": sys.executable}).find(solver)
    now = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert found.reason.startswith(f"{sys.executable} is Python {now}, older than 9.0")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[interpreters\n", "mend the file"),
        (b"\xff", "mend the file"),
        (b"interpreters = 'python3'", r"\[interpreters\] needs lines such as fenics = "),
        (b"interpreters = ['python3']", r"\[interpreters\] needs lines such as fenics = "),
        (b"[interpreters]\nfenics = 3", r"\[interpreters\] needs lines such as fenics = "),
    ],
)
def test_malformed_configuration_is_an_input_error_that_names_the_file(text, words, tmp_path):
    (tmp_path / "debench.toml").write_bytes(text)
    with pytest.raises(InputError, match=words) as caught:
        Interpreters.from_config(tmp_path)
    assert str(tmp_path / "debench.toml") in str(caught.value)


def test_folder_without_configuration_is_fine(tmp_path):
    assert Interpreters.from_config(tmp_path).configured == {}
    (tmp_path / "debench.toml").write_text("")
    assert Interpreters.from_config(tmp_path).configured == {}


@pytest.mark.parametrize(("value", "required"), [("", False), ("0", False), ("1", True), ("yes", True)])
def test_backends_are_required_by_a_variable(value, required, monkeypatch):
    monkeypatch.setenv("DEBENCH_REQUIRE_BACKENDS", value)
    assert backends_required() is required
