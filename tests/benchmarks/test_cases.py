"""Identity of a case: equal parameters have equal hashes, whatever the spelling; everything else has another."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from types import SimpleNamespace

import pytest

import backends
import problems
from benchmarks import cases, cli, suites
from benchmarks.cases import Case, Spec
from benchmarks.record import Record
from problems import InputError
from tests.benchmarks.conftest import NOOP, make_case


def case(problem: str, solver: str, **circumstances) -> Case:
    return Case.create(Spec.parse(problem), Spec.parse(solver), **circumstances)


SAME = [
    ("heat-1d", "ftcs", "heat-1d:T=0.5", "ftcs:cells=100"),
    ("heat-1d@s1-coarse", "ftcs@s1", "heat-1d:level_spacing=1e-1", "ftcs:alpha=0.50,cells=10"),
    ("heat-1d", "ftcs:dt=1e-5", "heat-1d:T=.5e0", "ftcs:dt=0.00001"),
    ("decay:y0=1", "scipy-ivp", "decay@s2", "scipy-ivp: method = DOP853 , tolerance = 1e-08"),
    ("decay:y0=0", "scipy-ivp", "decay:y0=-0.0", "scipy-ivp"),
    ("decay", "jax-pinn", "decay", "jax-pinn:network.widths=[32,32,32],optimizer.kind=adam"),
    ("decay", "jax-pinn:network.widths=[8, 9]", "decay", "jax-pinn:network.widths=[8,9]"),
    ("decay", "jax-pinn:optimizer=sgd", "decay", "jax-pinn:optimizer.kind=sgd,optimizer.rate=8e-3"),
]


@pytest.mark.parametrize("pairs", SAME, ids=lambda pairs: " = ".join(pairs[2:]))
def test_equal_parameters_have_equal_hashes_whatever_the_spelling(pairs):
    one, other = case(*pairs[:2]), case(*pairs[2:])
    assert one.problem == other.problem
    assert one.solver == other.solver
    assert one.hash == other.hash


def test_preset_label_and_published_figure_are_no_part_of_the_identity():
    one = case("decay@s2", "scipy-ivp")
    assert replace(one, published="table-1", problem_preset="").hash == one.hash


def test_every_difference_makes_another_hash():
    base = case("heat-1d", "ftcs")
    others = [
        *(replace(base, **change) for change in ({"seed": 1}, {"threads": 2}, {"precision": "float32"})),
        replace(base, device="cuda"),
        case("heat-1d:T=0.4", "ftcs"),
        case("heat-1d:mode=2", "ftcs"),
        case("heat-1d", "ftcs:cells=101"),
        case("heat-1d", "ftcs:engine=numpy"),
        case("heat-1d", "ftcs:allow_unstable=true"),
        case("heat-1d", "scipy-odeint"),
        case("heat-1d", "jax-pinn"),
        case("heat-1d", "torch-pinn"),
        case("heat-1d", "jax-pinn:network.widths=[32,32]"),
        case("heat-1d", "jax-pinn:optimizer=sgd"),
        case("heat-1d", "jax-pinn:iterations=1"),
    ]
    hashes = {other.hash for other in [base, *others]}
    assert len(hashes) == 1 + len(others)
    assert all(len(name) == 12 and set(name) <= set("0123456789abcdef") for name in hashes)


def variants(cls: type) -> list[dict]:
    """Nested choices and sequences that a class of parameters allows."""
    flat = cls.create({}).parameters()
    found = [{}]
    if "network.widths" in flat:
        found += [
            {"network.widths": [24, 24]},
            {"network.widths": [7], "network.activation": "sine", "network.scaled": False},
            {"optimizer.kind": "sgd"},
            {"optimizer.kind": "sgd", "optimizer.rate": 5e-3},
            {"constraint.kind": "penalty", "constraint.boundary_weight": 10.0},
            {"points.kind": "uniform", "points.batch": 17},
            {"points.kind": "grid", "points.counts": [5, 6]},
            {"iterations": 1, "optimizer.rate": 1e-7},
        ]
    return found


def every_case():
    """Problems × solvers of the product, with every preset of both and nested parameters.

    Presets of a solver meet the default of every problem; changes of its parameters meet one problem of each family.
    """
    met = set()
    for problem_name in problems.REGISTRY.names():
        problem_class = problems.REGISTRY.get(problem_name)
        for solver_name in backends.REGISTRY.names():
            solver_class = backends.REGISTRY.get(solver_name)
            if "plugin" in problem_class.__module__ + solver_class.__module__:
                continue
            first = (problem_class.family, solver_name) not in met
            for problem_preset in ("", *problem_class.presets):
                for solver_preset in ("", *solver_class.presets) if not problem_preset else [""]:
                    for change in variants(solver_class) if first and not problem_preset else [{}]:
                        problem = problem_class.create({}, problem_preset)
                        try:
                            solver = solver_class.create(change, solver_preset)
                        except InputError:
                            # Not every change goes with every preset; refusals have tests of their own.
                            continue
                        if solver.unsupported(problem) is None:
                            met.add((problem_class.family, solver_name))
                            yield Case(problem, solver, problem_preset, solver_preset, seed=3, threads=2)


def parsed(command: str) -> list[Case]:
    """The cases that the command line makes of a command."""
    program, *words = shlex.split(command)
    assert program == "debench"
    context = cli.main.commands["run"].make_context("run", words[1:])
    given = SimpleNamespace(**context.params)
    overrides = suites.Overrides(given.seeds, given.precision, given.threads, given.device)
    return list(suites.from_specs(list(given.problem_specs), list(given.solver_specs), overrides).cases)


def test_command_of_a_case_gives_the_same_case():
    checked = 0
    for one in every_case():
        try:
            one.check()
        except InputError:
            continue
        again = parsed(one.command())
        assert [other.hash for other in again] == [one.hash], one.command()
        assert (again[0].problem_preset, again[0].solver_preset) == (one.problem_preset, one.solver_preset)
        checked += 1
    assert checked > 1000


def test_record_of_a_case_gives_the_same_case():
    for one in every_case():
        line = one.blank_record("run", "finished").to_json()
        again = Case.from_record(Record.from_json(line))
        assert again == one
        assert again.hash == one.hash == json.loads(line)["case"]


def test_command_names_plugins_with_their_paths():
    one = make_case("decay", "faulty:fault=raise", seed=5, threads=2)
    command = one.command(["/some where/plug'in.py", str(NOOP)])
    assert shlex.split(command)[-4:] == ["--plugin", "/some where/plug'in.py", "--plugin", str(NOOP)]
    assert [other.hash for other in parsed(command)] == [one.hash]


@pytest.mark.parametrize(
    "text", ["a,b", "none", "True", "3", "[1", 'say "no"', "", " padded ", "x=y:z", "κ", "a\\", "[1,2]", 'a"b,c']
)
def test_text_that_looks_like_something_else_survives_the_command(text):
    solver = backends.REGISTRY.get(make_case("decay", "faulty").solver.name).create({"tally": text})
    one = Case(make_case("decay", "faulty").problem, solver)
    assert [other.solver.tally for other in parsed(one.command())] == [text]


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("s:a=1,b=[1,2],c=x", {"a": 1, "b": [1, 2], "c": "x"}),
        ("s:a=[[1,2],[3]],b=none", {"a": [[1, 2], [3]], "b": None}),
        ('s:a="x,]y",b=True', {"a": "x,]y", "b": True}),
        ("s:a=1e-3,b=-2", {"a": 1e-3, "b": -2}),
        ("s:a=b=c:d@e", {"a": "b=c:d@e"}),
    ],
)
def test_spec_is_cut_at_its_own_commas_only(text, parameters):
    spec = Spec.parse(text)
    assert (spec.name, spec.preset, dict(spec.parameters)) == ("s", "", parameters)
    assert Spec.parse(str(spec)) == spec


@pytest.mark.parametrize("text", ["s:a", "s:=1", "s:a=1,", "s:a=1,,b=2", "s:,"])
def test_spec_without_a_value_is_refused(text):
    with pytest.raises(InputError, match="is not parameter=value; write for instance s:cells=100"):
        Spec.parse(text)


@pytest.mark.parametrize(
    ("circumstances", "words"),
    [
        ({"threads": 0}, "threads is 0; give at least 1"),
        ({"seed": -1}, "seed is -1; give 0 or a positive whole number"),
        ({"precision": "float46"}, "did you mean 'float64'?"),
    ],
)
def test_impossible_circumstances_are_refused(circumstances, words):
    with pytest.raises(InputError) as caught:
        case("decay", "scipy-ivp", **circumstances)
    assert words in str(caught.value)


def test_label_names_what_differs_from_the_preset():
    assert case("heat-1d@s1:T=0.1", "ftcs@s1:cells=20", seed=2).label == "heat-1d@s1:T=0.1 · ftcs@s1:cells=20 · seed 2"


def test_a_list_is_one_value_where_the_parameter_is_a_sequence():
    solver = backends.REGISTRY.get("jax-pinn")
    axes = cases.sweep_axes(solver, {"network": {"widths": [8, 8]}, "iterations": [1, 2], "optimizer.rate": 1e-3})
    assert axes == {"network.widths": [[8, 8]], "iterations": [1, 2], "optimizer.rate": [1e-3]}
    assert cases.sweep_axes(solver, {"network.widths": [[8], [8, 8]]}) == {"network.widths": [[8], [8, 8]]}
