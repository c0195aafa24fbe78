"""Suites: grids of cases declared in TOML.

title = "…"
[limits]                                  # optional: timeout (s), rounds, rounds_budget (s)
[[grid]]
problem = "heat-1d@s1"                    # a spec, or a list of specs
solver = ["ftcs", "fenics:degree=2"]      # likewise
problem_parameters = { T = [0.1, 0.5] }   # a list of values is swept
solver_parameters = { cells = [10, 100] }
seeds = [0, 1]                            # optional, as are precision, threads and published
published = "table-1/{solver[cells]}"     # key of the published figures that these cases are held against
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import backends
import problems
from benchmarks.cases import Case, Spec, sweep_axes
from benchmarks.execute import Limits
from problems import InputError
from problems.parameters import did_you_mean

FOLDER = Path(__file__).resolve().parent / "suites"
GRID_KEYS = (
    "problem",
    "solver",
    "problem_parameters",
    "solver_parameters",
    "seeds",
    "precision",
    "threads",
    "published",
)
LIMIT_KEYS = {"timeout": "timeout_s", "rounds": "rounds", "rounds_budget": "rounds_budget_s"}


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
        raise InputError(f"unknown suite {name!r}; {did_you_mean(name, names())}, or give the path of a .toml file")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"suite {name}: {error}; mend {path.name}") from error
    _check_keys(table, ("title", "limits", "grid"), f"suite {name}")
    cases: dict[str, Case] = {}
    for number, grid in enumerate(table.get("grid", []), 1):
        try:
            for case in _expand(grid, overrides):
                same = cases.get(case.hash)
                keys = dict.fromkeys(f"{same.published if same else ''} {case.published}".split())
                cases[case.hash] = replace(case, published=" ".join(keys))
        except InputError as error:
            raise InputError(f"suite {name}, grid {number}: {error}") from error
    if not cases:
        raise InputError(f"suite {name} is empty; give it at least one [[grid]] with a problem and a solver")
    limits = table.get("limits", {})
    _check_keys(limits, tuple(LIMIT_KEYS), f"suite {name}: limits")
    return Suite(
        path.stem,
        table.get("title", path.stem),
        tuple(cases.values()),
        replace(Limits(), **{LIMIT_KEYS[key]: value for key, value in limits.items()}),
    )


def from_specs(problem_specs: list[str], solver_specs: list[str], overrides: Overrides) -> Suite:
    """Every given problem with every given solver.

    Raises:
        InputError: for a bad spec.

    """
    cases = _expand({"problem": problem_specs, "solver": solver_specs}, overrides)
    return Suite("adhoc", "Cases given on the command line", tuple(cases), Limits())


def _check_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; {did_you_mean(key, known)}")


def _expand(grid: Mapping[str, Any], overrides: Overrides) -> list[Case]:
    _check_keys(grid, GRID_KEYS, "grid")
    for key in ("problem", "solver"):
        if not grid.get(key):
            raise InputError(f"{key} is missing; give a spec, or a list of specs")
    sides = []
    for key, registry in (("problem", problems.REGISTRY), ("solver", backends.REGISTRY)):
        given = grid[key] if isinstance(grid[key], list) else [grid[key]]
        extra = grid.get(f"{key}_parameters", {})
        sides.append([spec for text in given for spec in _sweep(Spec.parse(text), extra, registry)])
    seeds = overrides.seeds or grid.get("seeds", [0])
    cases = []
    for problem, solver, seed in itertools.product(*sides, seeds):
        case = Case.create(
            problem,
            solver,
            seed=seed,
            precision=overrides.precision or grid.get("precision", "float64"),
            threads=overrides.threads or grid.get("threads", 1),
        )
        published = grid.get("published", "").format(problem=case.problem.parameters(), solver=case.solver.parameters())
        device = overrides.device if overrides.device in case.solver.devices else "cpu"
        cases.append(replace(case, published=published, device=device))
    return cases


def _sweep(spec: Spec, extra: Mapping[str, Any], registry: Any) -> list[Spec]:
    axes = sweep_axes(registry.get(spec.name), {**dict(spec.parameters), **extra})
    combinations = itertools.product(*axes.values())
    return [Spec(spec.name, spec.preset, tuple(zip(axes, values, strict=True))) for values in combinations]
