"""The archive of runs: one SQLite file that is only ever appended to, by as many writers as there are.

A series is one figure of one case; what depends on the machine has a series for each. A run gives at most one point to
each. Reasons for known shifts are kept beside them, and the newest one of a shift counts.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from problems import InputError

PATIENCE_S = 60.0
"""How long a writer waits for another one."""
SCHEMA = 1
TABLES = (
    "CREATE TABLE run (id INTEGER PRIMARY KEY, name TEXT NOT NULL, created TEXT NOT NULL, revision TEXT NOT NULL, "
    "dirty INTEGER NOT NULL, machine TEXT NOT NULL, surroundings TEXT NOT NULL, UNIQUE (name, created, machine))",
    'CREATE TABLE series (id INTEGER PRIMARY KEY, "case" TEXT NOT NULL, label TEXT NOT NULL, figure TEXT NOT NULL, '
    'unit TEXT NOT NULL, machine TEXT NOT NULL, counted INTEGER NOT NULL, UNIQUE ("case", figure, machine))',
    "CREATE TABLE point (run INTEGER NOT NULL REFERENCES run, series INTEGER NOT NULL REFERENCES series, "
    "value REAL NOT NULL, PRIMARY KEY (run, series)) WITHOUT ROWID",
    'CREATE TABLE reason (id INTEGER PRIMARY KEY, revision TEXT NOT NULL, "case" TEXT NOT NULL, text TEXT NOT NULL, '
    "created TEXT NOT NULL)",
    *(
        f"CREATE TRIGGER {table}_{event} BEFORE {event} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'the archive is only appended to'); END"
        for table in ("run", "series", "point", "reason")
        for event in ("UPDATE", "DELETE")
    ),
    f"PRAGMA user_version = {SCHEMA}",
)


@dataclass(frozen=True)
class Origin:
    """A run: its name, when it was made (ISO 8601), of which revision, and where; `surroundings` are the packages."""

    name: str
    created: str
    revision: str = ""
    dirty: bool = False
    machine: str = ""
    surroundings: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Series:
    """One figure of one case. What is `counted` is the same in every run of the same code, the rest scatters.

    `unit` is "s", "bytes", "count" or "1"; `machine` is empty where the figure is the same on all.
    """

    case: str
    label: str
    figure: str
    unit: str
    machine: str = ""
    counted: bool = False


@dataclass(frozen=True)
class Trend:
    """A series with its points, oldest first."""

    series: Series
    points: tuple[tuple[Origin, float], ...]


class Archive:
    """An open archive."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def append(self, origin: Origin, points: Iterable[tuple[Series, float]]) -> int:
        """Add what is not there yet of a run; the number of points that were."""
        connection = self._connection
        with connection:
            connection.execute("BEGIN IMMEDIATE")  # One writer at a time; the others wait here.
            identity = (origin.name, origin.created, origin.machine)
            surroundings = json.dumps(dict(origin.surroundings or {}), sort_keys=True)
            connection.execute(
                "INSERT OR IGNORE INTO run (name, created, machine, revision, dirty, surroundings) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (*identity, origin.revision, origin.dirty, surroundings),
            )
            (run,) = connection.execute(
                "SELECT id FROM run WHERE (name, created, machine) = (?, ?, ?)", identity
            ).fetchone()
            return sum(
                connection.execute(
                    "INSERT OR IGNORE INTO point VALUES (?, ?, ?)", (run, self._identify(series), value)
                ).rowcount
                for series, value in points
            )

    def explain(self, revision: str, case: str, text: str, created: str) -> None:
        """Keep the reason of the shifts that appear with a revision, of one case or, with case "", of all."""
        with self._connection:
            self._connection.execute(
                'INSERT INTO reason (revision, "case", text, created) VALUES (?, ?, ?, ?)',
                (revision, case, text, created),
            )

    def trends(self) -> Iterator[Trend]:
        """All series with their points, those of a case together."""
        rows = self._connection.execute(
            'SELECT s.id, s."case", s.label, s.figure, s.unit, s.machine, s.counted, '
            "r.name, r.created, r.revision, r.dirty, r.machine, r.surroundings, p.value "
            "FROM point p JOIN series s ON s.id = p.series JOIN run r ON r.id = p.run "
            'ORDER BY s.label, s."case", s.id, r.created, r.id'
        )
        found: dict[int, tuple[Series, list[tuple[Origin, float]]]] = {}
        for (
            number,
            case,
            label,
            figure,
            unit,
            place,
            counted,
            name,
            created,
            revision,
            dirty,
            machine,
            around,
            value,
        ) in rows:
            origin = Origin(name, created, revision, bool(dirty), machine, json.loads(around))
            series = Series(case, label, figure, unit, place, bool(counted))
            found.setdefault(number, (series, []))[1].append((origin, value))
        yield from (Trend(series, tuple(points)) for series, points in found.values())

    def reasons(self) -> list[tuple[str, str, str]]:
        """Revision, case ("" for all) and text of each reason, the newest first."""
        return list(self._connection.execute('SELECT revision, "case", text FROM reason ORDER BY id DESC'))

    def _identify(self, series: Series) -> int:
        identity = (series.case, series.figure, series.machine)
        self._connection.execute(
            'INSERT OR IGNORE INTO series ("case", figure, machine, label, unit, counted) VALUES (?, ?, ?, ?, ?, ?)',
            (*identity, series.label, series.unit, series.counted),
        )
        (number,) = self._connection.execute(
            'SELECT id FROM series WHERE ("case", figure, machine) = (?, ?, ?)', identity
        ).fetchone()
        return int(number)


@contextlib.contextmanager
def open_archive(path: Path, *, create: bool = False) -> Iterator[Archive]:
    """Open an archive, or make it.

    Raises:
        InputError: if it is not there, not an archive, of a newer version, or cannot be written.

    """
    if not create and not path.exists():
        raise InputError(f"there is no archive {path}; make one with `debench history add RUN`")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=PATIENCE_S, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise InputError(f"cannot open the archive {path}: {error}") from error
    try:
        _prepare(connection, path)
        yield Archive(connection)
    except sqlite3.Error as error:
        raise InputError(f"the archive {path}: {error}") from error
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        # Two writers may find a new file at once: the second one waits, and looks again.
        connection.execute("BEGIN IMMEDIATE")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version == 0 and tables == 0:
            for statement in TABLES:
                connection.execute(statement)
            version = SCHEMA
        connection.execute("COMMIT")
    if version != SCHEMA:
        raise InputError(f"{path} is no archive that this version can read; name another file with --archive")
