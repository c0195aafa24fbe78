"""A record: one flat row per case, the same columns for every family of problems."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from dataclasses import dataclass, field
from typing import Any

SCHEMA = 1


class Status(enum.StrEnum):
    """How a case ended; `REMEDY` says what that usually means and what to do."""

    FINISHED = "finished"
    DIVERGED = "diverged"
    NOT_FINITE = "not finite"
    TIMEOUT = "timeout"
    MEMORY_LIMIT = "memory limit"
    KILLED = "killed"
    CRASHED = "crashed"
    NOT_INSTALLED = "not installed"
    UNSUPPORTED = "unsupported"
    OVER_BUDGET = "over budget"


REMEDY = {
    Status.FINISHED: "",
    Status.DIVERGED: "The solution left every bound: use a smaller step, or a scheme that is stable at this one.",
    Status.NOT_FINITE: "The answer holds NaN or infinity: use a smaller step, a lower learning rate or more precision.",
    Status.TIMEOUT: "The worker was stopped at its time limit: raise --timeout or make the case smaller.",
    Status.MEMORY_LIMIT: "It passed its memory limit, or there was no more memory: raise --memory-limit, or take less.",
    Status.KILLED: "A signal ended the worker: the system ran out of memory, or somebody killed it.",
    Status.CRASHED: "The worker failed; the reason holds its last words, `debench doctor` checks its interpreter.",
    Status.NOT_INSTALLED: "Its libraries or its device are not there: `debench doctor` says where it looked.",
    Status.UNSUPPORTED: "The method cannot solve this problem; the reason says why.",
    Status.OVER_BUDGET: "Not started, since it needs more memory than it may take: raise --memory-limit, or take less.",
}


class Newer(ValueError):
    """A record of a schema that this version does not know."""


@dataclass
class Record:
    """One case, measured. Times are in seconds with one entry per round; memory is in bytes.

    `problem_parameters`, `solver_parameters`, `metrics` and `facts` are flat mappings of scalars (dotted names);
    arrays among a solver's facts are kept beside the solution. `host_bytes` is the worker's peak from set-up to
    evaluation, `host_base_bytes` what it held before, with its libraries imported; `device_bytes` is the peak until
    training ends, of the accelerator or, as `device_method` says, of arrays on the CPU. All are measured once for all
    rows of a run whose memory pass is the same (any seed, any length of training). Compilation is cold in the first
    round only. A row that is not `judged` was run for what a step takes, and its errors mean nothing. An entry that was
    not measured is None.
    """

    run: str
    case: str
    problem: str
    problem_preset: str
    problem_parameters: dict[str, Any]
    problem_family: str
    dimension: int
    headline: str
    solver: str
    solver_preset: str
    solver_parameters: dict[str, Any]
    family: str
    device: str
    precision: str
    threads: int
    seed: int
    status: str
    reason: str = ""
    published: str = ""
    judged: bool = True
    backend_version: str = ""
    python: str = ""
    dx: float | None = None
    dt: float | None = None
    unknowns: int | None = None
    rounds: int = 0
    setup_s: list[float] = field(default_factory=list)
    compile_s: list[float] = field(default_factory=list)
    solve_s: list[float] = field(default_factory=list)
    evaluate_s: list[float] = field(default_factory=list)
    wall_s: float | None = None
    relative_l2: float | None = None
    relative_linf: float | None = None
    mean_abs: float | None = None
    max_abs: float | None = None
    reference_error: float | None = None
    metrics: dict[str, float | None] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    host_bytes: int | None = None
    host_base_bytes: int | None = None
    host_method: str = ""
    device_bytes: int | None = None
    device_method: str = ""
    environment: str = ""
    finished_at: str = ""
    schema: int = SCHEMA

    def to_json(self) -> str:
        """One line of strict JSON: NaN and infinities become null."""
        return json.dumps(_strict(dataclasses.asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Read a line that `to_json` wrote; what an older version did not write has its default.

        Raises:
            ValueError: if it is not such a line; `Newer` if it is one of a newer schema.

        """
        row = json.loads(line)
        schema = row.get("schema") if isinstance(row, dict) else None
        if type(schema) is not int:
            raise ValueError("not a record")
        if schema > SCHEMA:
            raise Newer(f"of a newer version (schema {schema}, this version reads {SCHEMA})")
        fields = dataclasses.fields(cls)
        wrong = [f.name for f in fields if f.name in row and not _fits(row[f.name], str(f.type))]
        if wrong:
            raise ValueError(f"{wrong[0]} is of another type")
        if "\\ud" in line or "\\uD" in line:  # Half of a pair, which no file could be written with.
            row = _strict(row)
        return cls(**{f.name: row[f.name] for f in fields if f.name in row})

    @property
    def answered(self) -> bool:
        """Whether there is a solution to judge."""
        return self.status in (Status.FINISHED, Status.DIVERGED)


KINDS: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "bool": (bool,),
    "int": (int, float),
    "float": (int, float),
    "None": (type(None),),
}
"""What JSON has for the simple types of a record."""


def _fits(value: Any, kind: str) -> bool:
    """Whether a value that was read is of the type that a field is declared with."""
    if kind.startswith("list["):
        # What was measured and is not finite is null.
        return isinstance(value, list) and all(entry is None or _fits(entry, kind[5:-1]) for entry in value)
    if kind.startswith("dict["):
        inner = kind[5:-1].partition(", ")[2]
        return isinstance(value, dict) and (inner == "Any" or all(_fits(entry, inner) for entry in value.values()))
    names = kind.split(" | ")
    return isinstance(value, tuple(t for name in names for t in KINDS[name])) and (
        "bool" in names or not isinstance(value, bool)
    )


def one_line(text: str) -> str:
    """`text` as one printable line of at most 300 characters: what a library says may hold anything."""
    words = "".join(letter if letter.isprintable() else " " for letter in text[:3000]).split()
    line = " ".join(words)
    return line if len(line) <= 300 else line[:299] + "…"


def _strict(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _strict(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(inner) for inner in value]
    return value
