"""A case: one problem, one solver, and the circumstances under which they meet."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import backends
import problems
from backends import Solver
from benchmarks.record import Record
from problems import InputError, Problem
from problems.parameters import did_you_mean, is_sequence_field

PRECISIONS = ("float64", "float32")


@dataclass(frozen=True)
class Spec:
    """What a user writes for a problem or a solver: `name[@preset][:parameter=value,…]`."""

    name: str
    preset: str = ""
    parameters: tuple[tuple[str, Any], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Read a spec.

        Raises:
            InputError: if a parameter has no value.

        """
        head, _, tail = text.partition(":")
        name, _, preset = head.partition("@")
        parameters = []
        for part in _split(tail) if tail else ():
            key, equals, value = part.partition("=")
            if not equals or not key.strip():
                raise InputError(f"{text!r}: {part!r} is not parameter=value; write for instance {name}:cells=100")
            parameters.append((key.strip(), _parse_value(value.strip())))
        return cls(name.strip(), preset.strip(), tuple(parameters))

    def __str__(self) -> str:
        text = f"{self.name}@{self.preset}" if self.preset else self.name
        settings = ",".join(f"{key}={format_value(value)}" for key, value in self.parameters)
        return f"{text}:{settings}" if settings else text


def _split(text: str) -> list[str]:
    """Cut at the commas that are neither inside brackets nor inside quotation marks."""
    parts, depth, quoted = [""], 0, False
    for before, letter in zip(" " + text, text, strict=False):
        quoted ^= letter == '"' and before != "\\"
        depth += 0 if quoted else (letter == "[") - (letter == "]")
        if letter == "," and depth <= 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _parse_value(text: str) -> Any:
    if text.lower() in ("none", "null"):
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return json.loads(text)
    except ValueError:
        # JSON knows neither .5 nor 1. nor +2.
        return float(text) if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text.lower()) else text


def format_value(value: Any) -> str:
    """`value` as it stands in a spec."""
    if value is None:
        return "none"
    plain = isinstance(value, str) and _parse_value(value.strip()) == value and not set(value) & set('",[]')
    return str(value) if plain else json.dumps(value, separators=(",", ":"))


@dataclass(frozen=True)
class Case:
    """A problem, a solver, a seed and the circumstances; equal cases have equal hashes."""

    problem: Problem
    solver: Solver
    problem_preset: str = ""
    solver_preset: str = ""
    seed: int = 0
    device: str = "cpu"
    precision: str = "float64"
    threads: int = 1
    published: str = ""
    judged: bool = True

    @classmethod
    def create(cls, problem: Spec, solver: Spec, **circumstances: Any) -> Case:
        """Look both up and build them.

        Raises:
            InputError: for unknown names, bad parameters, or an impossible combination of them.

        """
        problem_class, solver_class = problems.REGISTRY.get(problem.name), backends.REGISTRY.get(solver.name)
        case = cls(
            problem_class.create(dict(problem.parameters), problem.preset),
            solver_class.create(dict(solver.parameters), solver.preset),
            problem.preset,
            solver.preset,
            **circumstances,
        )
        case.check()
        return case

    @classmethod
    def from_record(cls, record: Record) -> Case:
        """The case that `record` measured."""
        return cls(
            problems.REGISTRY.get(record.problem).create(record.problem_parameters),
            backends.REGISTRY.get(record.solver).create(record.solver_parameters),
            record.problem_preset,
            record.solver_preset,
            record.seed,
            record.device,
            record.precision,
            record.threads,
            record.published,
            record.judged,
        )

    def check(self) -> None:
        """Refuse circumstances and parameters that make no sense.

        Raises:
            InputError: with the remedy.

        """
        if self.threads < 1:
            raise InputError(f"threads is {self.threads}; give at least 1")
        if self.seed < 0:
            raise InputError(f"seed is {self.seed}; give 0 or a positive whole number")
        if self.precision not in PRECISIONS:
            raise InputError(f"unknown precision {self.precision!r}; {did_you_mean(self.precision, PRECISIONS)}")
        if self.solver.unsupported(self.problem) is None:
            self.solver.validate(self.problem)

    def unsupported(self) -> str | None:
        """Why this case cannot be run at all, or None."""
        if self.precision not in self.solver.precisions:
            return f"{self.solver.name} computes in {' or '.join(self.solver.precisions)}, not in {self.precision}"
        return self.solver.unsupported(self.problem)

    @property
    def hash(self) -> str:
        """Identity of the case: everything that may change its answer or its cost, as 12 hexadecimal digits."""
        identity = {
            "problem": [self.problem.name, self.problem.parameters()],
            "solver": [self.solver.name, self.solver.parameters()],
            "circumstances": [self.seed, self.device, self.precision, self.threads],
        }
        return hashlib.sha256(json.dumps(_one_zero(identity), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def rehearsal(self) -> str:
        """Identity of the case's memory pass, which does not depend on the seed or on how long a network is trained."""
        return replace(self, solver=self.solver.rehearsal(), seed=0).hash

    @property
    def label(self) -> str:
        """Problem and solver with the parameters that differ from the preset, for people."""
        return f"{self.specs()[0]} · {self.specs()[1]}" + (f" · seed {self.seed}" if self.seed else "")

    def specs(self) -> tuple[Spec, Spec]:
        """The shortest specs that give this problem and this solver."""
        return _shortest(self.problem, self.problem_preset), _shortest(self.solver, self.solver_preset)

    def command(self, plugins: Sequence[str] = ()) -> str:
        """The command that runs this one case again."""
        problem, solver = self.specs()
        words = ["debench", "run", "--problem", str(problem), "--solver", str(solver), "--seeds", str(self.seed)]
        words += ["--precision", self.precision, "--device", self.device, "--threads", str(self.threads)]
        for plugin in plugins:
            words += ["--plugin", plugin]
        return shlex.join(words)

    def blank_record(self, run: str, status: str, reason: str = "") -> Record:
        """A record of this case with nothing measured yet."""
        return Record(
            run=run,
            case=self.hash,
            problem=self.problem.name,
            problem_preset=self.problem_preset,
            problem_parameters=self.problem.parameters(),
            problem_family=self.problem.family,
            dimension=self.problem.dimension,
            headline=self.problem.headline,
            solver=self.solver.name,
            solver_preset=self.solver_preset,
            solver_parameters=self.solver.parameters(),
            family=self.solver.family,
            device=self.device,
            precision=self.precision,
            threads=self.threads,
            seed=self.seed,
            published=self.published,
            judged=self.judged,
            status=status,
            reason=reason,
        )


def _one_zero(value: Any) -> Any:
    """−0.0 equals 0.0, but is not written like it."""
    if isinstance(value, dict):
        return {key: _one_zero(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_one_zero(inner) for inner in value]
    return value + 0.0 if isinstance(value, float) else value


def _shortest(thing: Problem | Solver, preset: str) -> Spec:
    """A nested choice of another kind starts from that kind's own defaults, so the others are compared with those."""
    base, mine = _defaults(type(thing), preset), thing.parameters()
    kinds = {key: value for key, value in mine.items() if key.endswith(".kind") and base.get(key) != value}
    base = type(thing).create(kinds, preset).parameters() if kinds else base
    changed = tuple((key, value) for key, value in mine.items() if key in kinds or base[key] != value)
    return Spec(thing.name, preset, changed)


@functools.cache
def _defaults(cls: type[Problem] | type[Solver], preset: str) -> dict[str, Any]:
    """Parameters of a preset, which are asked for again for every row of a report."""
    return cls.create({}, preset).parameters()


def sweep_axes(cls: type, parameters: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Every parameter as a list of values to sweep; a list is one value where the parameter itself is a sequence."""
    axes: dict[str, list[Any]] = {}
    for name, value in dotted(parameters):
        if is_sequence_field(cls, name):
            sweep = isinstance(value, list) and bool(value) and isinstance(value[0], list)
        else:
            sweep = isinstance(value, list)
        axes[name] = value if sweep else [value]
        if not axes[name]:
            raise InputError(f"{cls.name}: the list of values for {name!r} is empty; give at least one")  # type: ignore[attr-defined]
    return axes


def dotted(parameters: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested tables as pairs of dotted names and values."""
    rows: list[tuple[str, Any]] = []
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            rows += dotted(value, f"{prefix}{key}.")
        else:
            rows.append((prefix + key, value))
    return rows
