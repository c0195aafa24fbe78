"""Records as a data frame, one row per record.

Columns: every scalar field of `Record`; `problem.<name>` and `solver.<name>` for parameters, `metric.<name>` for
measures and `fact.<name>` for what the solver reported; and, derived from them,

    error            the problem's headline metric
    ok               finished with a finite headline metric
    setup_first      first set-up, in seconds (later ones may profit from caches)
    compile_first    first compilation: compilation is always reported cold
    solve_median     median over rounds
    evaluate_median  median over rounds
    total_s          setup_first + compile_first + solve_median
    solve_rounds     a tuple, the solve time of each round
    section          identifies the problem and its parameters
    configuration    identifies everything but the seed
"""

from __future__ import annotations

import dataclasses
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.record import Record, Status
from reports.run import Run

ROUNDS = ("setup_s", "compile_s", "solve_s", "evaluate_s")
NESTED = {"problem_parameters": "problem", "solver_parameters": "solver", "metrics": "metric", "facts": "fact"}


def load(run_dir: str | Path) -> pd.DataFrame:
    """The records of a run; see the module's docstring for the columns.

    Raises:
        InputError: if the folder holds no readable record.

    """
    return frame(Run.open(run_dir).records)


def frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per record, in their order."""
    rows = pd.DataFrame([_row(record) for record in records])
    # Strings as objects, in one block: as arrays of their own they would make grouping and slicing three times slower.
    texts = [name for name, kind in rows.dtypes.items() if isinstance(kind, pd.StringDtype)]
    return rows.astype(dict.fromkeys(texts, object)).copy()


def headline(record: Record) -> float:
    """The value that the problem is judged by, NaN where there is none."""
    value = getattr(record, record.headline, None)
    if value is None:
        value = record.metrics.get(record.headline)
    return math.nan if value is None else float(value)


def _row(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if field.name in NESTED:
            row |= {f"{NESTED[field.name]}.{key}": _scalar(inner) for key, inner in value.items()}
        elif field.name not in ROUNDS:
            row[field.name] = value
    error = headline(record)
    setup, compiled, solve = _first(record.setup_s), _first(record.compile_s), _median(record.solve_s)
    return row | {
        "error": error,
        "ok": record.status == Status.FINISHED and math.isfinite(error),
        "answered": record.answered,
        "setup_first": setup,
        "compile_first": compiled,
        "solve_median": solve,
        "solve_rounds": tuple(value for value in record.solve_s if value is not None),
        "evaluate_median": _median(record.evaluate_s),
        "total_s": solve + sum(part for part in (setup, compiled) if math.isfinite(part)),
        "section": _key(record.problem, record.problem_parameters),
        "configuration": _key(
            record.problem,
            record.problem_parameters,
            record.solver,
            record.solver_parameters,
            record.device,
            record.precision,
            record.threads,
            record.published,
        ),
    }


def _scalar(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def _first(values: Sequence[float | None]) -> float:
    return math.nan if not values or values[0] is None else float(values[0])


def _median(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else math.nan


def _key(*parts: Any) -> str:
    return json.dumps(parts, sort_keys=True, default=str)
