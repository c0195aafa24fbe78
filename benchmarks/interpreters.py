"""Which interpreter runs which backend: configuration first, then the usual places."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backends import Solver
from benchmarks.record import one_line
from problems import InputError

ROOT = Path(__file__).resolve().parent.parent
CONFIG_FILE = "debench.toml"
REQUIRE = "DEBENCH_REQUIRE_BACKENDS"
OLDEST = (3, 11)

PROBE = """
import importlib.util, json, sys
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
found = {name: there(name) for name in json.loads(sys.argv[1])}
print(json.dumps({"version": sys.version_info[:2], "found": found}))
"""


@dataclass(frozen=True)
class Interpreter:
    """A command prefix that starts a Python which has what a solver needs; empty where none was found."""

    command: tuple[str, ...]
    reason: str = ""

    @property
    def available(self) -> bool:
        """Whether there is one."""
        return bool(self.command)

    @property
    def shown(self) -> str:
        """The command as a record keeps it: relative to the checkout where it lies inside."""
        return shlex.join(word.removeprefix(f"{ROOT}/") for word in self.command)


@dataclass
class Interpreters:
    """Finds interpreters, and remembers what it found.

    `DEBENCH_PYTHON_<SOLVER>` (upper case, dashes as underscores) or the table `[interpreters]` of `debench.toml` in
    the working folder names the command prefix of a solver, such as `/usr/bin/python3` or
    `micromamba run -n fenicsx python`. Without either, the suite's own interpreter is tried, then the system's and
    those of conda environments.
    """

    configured: Mapping[str, str] = field(default_factory=dict)
    _probed: dict[tuple[str, ...], dict[str, bool] | str] = field(default_factory=dict)

    @classmethod
    def from_config(cls, folder: Path | None = None) -> Interpreters:
        """Read `debench.toml` in `folder` (the working folder by default), if there is one.

        Raises:
            InputError: if it cannot be read.

        """
        path = (folder or Path.cwd()) / CONFIG_FILE
        if not path.is_file():
            return cls()
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8")).get("interpreters", {})
        except (OSError, ValueError) as error:  # Not TOML, or not even UTF-8.
            raise InputError(f"{path}: {error}; mend the file") from error
        if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
            raise InputError(f'{path}: [interpreters] needs lines such as fenics = "/usr/bin/python3"')
        return cls(table)

    def find(self, solver: type[Solver] | Solver) -> Interpreter:
        """The interpreter for `solver`, or the reason why there is none."""
        variable = "DEBENCH_PYTHON_" + solver.name.upper().replace("-", "_")
        named = os.environ.get(variable, "").strip() or self.configured.get(solver.name, "").strip()
        try:
            candidates = [tuple(shlex.split(named))] if named else _usual_places()
        except ValueError as error:
            return Interpreter((), f"{named} is not a command: {error}; mend {variable} or {CONFIG_FILE}")
        lacking: list[str] = []
        for command in candidates:
            found = self._probe(command, solver.libraries)
            if isinstance(found, str):
                lacking.append(found)
            elif all(found.get(name) for name in solver.libraries):
                return Interpreter(command)
            else:
                missing = ", ".join(name for name in solver.libraries if not found.get(name))
                lacking.append(f"{shlex.join(command)} lacks {missing}")
        return Interpreter((), "; ".join(lacking) + f"; name another in {variable}")

    def _probe(self, command: tuple[str, ...], libraries: tuple[str, ...]) -> dict[str, bool] | str:
        """Which of `libraries` that interpreter could import, without importing them; or why it did not start."""
        key = (*command, "", *libraries)
        if key not in self._probed:
            self._probed[key] = _ask(command, ("numpy", *libraries))
        return self._probed[key]


def _ask(command: tuple[str, ...], libraries: tuple[str, ...]) -> dict[str, bool] | str:
    words, shown = [*command, "-c", PROBE, json.dumps(libraries)], shlex.join(command)
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=60, cwd=ROOT, env=worker_environment()
        )
    except OSError as error:
        return f"{shown} does not start ({error.strerror})"
    except subprocess.TimeoutExpired:
        return f"{shown} does not start (no answer for 60 s)"
    try:
        # A wrapper may greet before Python speaks.
        answer = json.loads(done.stdout.splitlines()[-1])
        version, found = tuple(answer["version"]), dict(answer["found"])
    except (ValueError, IndexError, KeyError, TypeError):
        said = one_line(done.stderr) or "no words on its standard error"
        return f"{shown} is not a Python that starts (exit status {done.returncode}: {said})"
    if version < OLDEST:
        return f"{shown} is Python {version[0]}.{version[1]}, older than {OLDEST[0]}.{OLDEST[1]}"
    return found if found["numpy"] else f"{shown} lacks numpy"


def worker_environment(root: Path = ROOT) -> dict[str, str]:
    """The parent's environment, with the suite in `root` importable and nothing of the parent's own interpreter."""
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONSTARTUP")}
    environment["PYTHONPATH"] = str(root)
    return environment


def _usual_places() -> list[tuple[str, ...]]:
    places = [Path(sys.executable), Path("/usr/bin/python3")]
    prefix = os.environ.get("CONDA_PREFIX")
    if prefix:
        places.append(Path(prefix) / "bin" / "python")
    for home in ("miniforge3", "mambaforge", "miniconda3", "anaconda3"):
        places += sorted((Path.home() / home / "envs").glob("*/bin/python"))
    unique = dict.fromkeys(str(place) for place in places if place.exists())
    return [(place,) for place in unique]


def backends_required() -> bool:
    """Whether a backend that is not installed is an error instead of a row (continuous integration sets this)."""
    return os.environ.get(REQUIRE, "") not in ("", "0")
