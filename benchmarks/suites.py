"""Suites: grids of cases declared in TOML.

title = "…"
include = ["quick"]                       # optional: the cases of other suites, by name, before those below
[limits]                                  # optional: timeout (s), rounds, rounds_budget (s)
[[grid]]
problem = "heat-1d@s1"                    # a spec, or a list of specs
solver = ["ftcs", "fenics:degree=2"]      # likewise
problem_parameters = { T = [0.1, 0.5] }   # a list of values is swept
solver_parameters = { cells = [10, 100] }
seeds = [0, 1]                            # optional, as are precision, threads, judged and published
judged = false                            # for rows that are run for what a step takes, and not for an answer
published = "table-1/{solver[cells]}"     # key of the published figures that these cases are held against
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import backends
import problems
from benchmarks.cases import Case, Spec, dotted, sweep_axes
from benchmarks.execute import Limits
from problems import InputError
from problems.parameters import did_you_mean

EXAMPLES = {"problem": "heat-1d", "solver": "ftcs:cells=100"}
FOLDER = Path(__file__).resolve().parent / "suites"


@dataclass(frozen=True)
class Key:
    """What a key of a suite file may hold, for the reader of a complaint and for the program."""

    wanted: str
    holds: Callable[[Any], bool]


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _truth(value: Any) -> bool:
    return isinstance(value, bool)


def _table(value: Any) -> bool:
    return isinstance(value, dict)


def _specs(value: Any) -> bool:
    return _text(value) or (isinstance(value, list) and bool(value) and all(map(_text, value)))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _whole(value: Any, least: int = 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _seeds(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_whole(item, 0) for item in value)


def _tables(value: Any) -> bool:
    return isinstance(value, list) and all(map(_table, value))


SUITE_KEYS = {
    "title": Key("text", _text),
    "include": Key("a list of names of suites", lambda value: isinstance(value, list) and _specs(value)),
    "limits": Key("a table, [limits]", _table),
    "grid": Key("a list of tables, each under [[grid]]", _tables),
}
GRID_KEYS = {
    "problem": Key("a spec, or a list of specs", _specs),
    "solver": Key("a spec, or a list of specs", _specs),
    "problem_parameters": Key("a table of parameters", _table),
    "solver_parameters": Key("a table of parameters", _table),
    "seeds": Key("a list of whole numbers, at least one and none below 0", _seeds),
    "precision": Key("float64 or float32", _text),
    "threads": Key("a whole number, at least 1", _whole),
    "published": Key("text", _text),
    "judged": Key("true or false", _truth),
}
LIMIT_KEYS = {
    "timeout": Key("seconds, more than 0", _number),
    "rounds": Key("a whole number, at least 1", _whole),
    "rounds_budget": Key("seconds, more than 0", _number),
}
LIMITS = {"timeout": "timeout_s", "rounds": "rounds", "rounds_budget": "rounds_budget_s"}


@dataclass(frozen=True)
class Suite:
    """A named list of cases, with the limits under which they are meant to be run."""

    name: str
    title: str
    cases: tuple[Case, ...]
    limits: Limits


@dataclass(frozen=True)
class Overrides:
    """What the command line says about every case; None leaves it to the suite."""

    seeds: tuple[int, ...] | None = None
    precision: str | None = None
    threads: int | None = None
    device: str = "cpu"


def names() -> list[str]:
    """Names of the suites that come with the product."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str, overrides: Overrides) -> Suite:
    """The suite called `name`, or the one in the TOML file at that path.

    Raises:
        InputError: for an unknown or empty suite, an unknown key, or a bad case; the message names the suite.

    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        remedy = f"{did_you_mean(name, names())} (A file of your own is named by its path, ending in .toml.)"
        raise InputError(f"unknown suite {name!r}; {remedy}")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"suite {name}: {error}; mend {path.name}") from error
    _check(table, SUITE_KEYS, f"suite {name}")
    limits = table.get("limits", {})
    _check(limits, LIMIT_KEYS, f"suite {name}: limits")
    cases = [case for other in table.get("include", []) for case in _included(other, name, overrides)]
    for number, grid in enumerate(table.get("grid", []), 1):
        try:
            _check(grid, GRID_KEYS, "grid")
            cases += _expand(grid, overrides)
        except InputError as error:
            raise InputError(f"suite {name}, grid {number}: {error}") from error
    if not cases:
        raise InputError(f"suite {name} is empty; give it at least one [[grid]] with a problem and a solver")
    return Suite(
        path.stem,
        table.get("title", path.stem),
        _merge(cases),
        replace(Limits(), **{LIMITS[key]: value for key, value in limits.items()}),
    )


def from_specs(problem_specs: list[str], solver_specs: list[str], overrides: Overrides) -> Suite:
    """Every given problem with every given solver.

    Raises:
        InputError: for a bad spec.

    """
    cases = _expand({"problem": problem_specs, "solver": solver_specs}, overrides)
    return Suite("adhoc", "Cases given on the command line", _merge(cases), Limits())


def _included(other: str, name: str, overrides: Overrides) -> tuple[Case, ...]:
    """Cases of another suite that comes with the product; one level deep, so that none can include itself.

    Raises:
        InputError: for an unknown suite, or one that includes others itself.

    """
    if other not in names():
        raise InputError(f"suite {name}: include names an unknown suite {other!r}; {did_you_mean(other, names())}")
    if "include" in tomllib.loads((FOLDER / f"{other}.toml").read_text(encoding="utf-8")):
        raise InputError(f"suite {name}: {other} includes others itself; include those directly")
    return load(other, overrides).cases


def _merge(cases: Sequence[Case]) -> tuple[Case, ...]:
    """Each case once, with the published figures of all its mentions; judged if one of them is."""
    merged: dict[str, Case] = {}
    for case in cases:
        same = merged.get(case.hash)
        keys = dict.fromkeys(f"{same.published if same else ''} {case.published}".split())
        judged = case.judged or (same is not None and same.judged)
        merged[case.hash] = replace(case, published=" ".join(keys), judged=judged)
    return tuple(merged.values())


def _check(table: Mapping[str, Any], keys: Mapping[str, Key], where: str) -> None:
    for name, value in table.items():
        if name not in keys:
            raise InputError(f"{where}: unknown key {name!r}; {did_you_mean(name, keys)}")
        if not keys[name].holds(value):
            raise InputError(f"{where}: {name} is {value!r}; give {keys[name].wanted}")


def _expand(grid: Mapping[str, Any], overrides: Overrides) -> list[Case]:
    for key in ("problem", "solver"):
        if not grid.get(key):
            raise InputError(f"{key} is missing; give a spec such as {key} = {EXAMPLES[key]!r}, or a list of them")
    sides = []
    for key, registry in (("problem", problems.REGISTRY), ("solver", backends.REGISTRY)):
        given = grid[key] if isinstance(grid[key], list) else [grid[key]]
        extra = grid.get(f"{key}_parameters", {})
        sides.append([spec for text in given for spec in _sweep(Spec.parse(text), extra, registry)])
    cases = []
    for problem, solver, seed in itertools.product(*sides, overrides.seeds or grid.get("seeds", [0])):
        case = Case.create(
            problem,
            solver,
            seed=seed,
            precision=overrides.precision or grid.get("precision", "float64"),
            threads=overrides.threads or grid.get("threads", 1),
            judged=grid.get("judged", True),
        )
        device = overrides.device if overrides.device in case.solver.devices else "cpu"
        cases.append(replace(case, published=_published(grid.get("published", ""), case), device=device))
    return cases


def _published(template: str, case: Case) -> str:
    try:
        return template.format(problem=case.problem.parameters(), solver=case.solver.parameters())
    except (LookupError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"published is {template!r}, which cannot be filled in ({type(error).__name__}: {error}); "
            "write parameters as {problem[name]} or {solver[name]}"
        ) from error


def _sweep(spec: Spec, extra: Mapping[str, Any], registry: Any) -> list[Spec]:
    # A nested choice may get its kind from the spec and the rest of its parameters from the table.
    axes = sweep_axes(registry.get(spec.name), {**dict(spec.parameters), **dict(dotted(extra))})
    combinations = itertools.product(*axes.values())
    return [Spec(spec.name, spec.preset, tuple(zip(axes, values, strict=True))) for values in combinations]
