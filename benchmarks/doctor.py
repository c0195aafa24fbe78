"""A look at the workplace: interpreters, versions, threads, device and clock."""

from __future__ import annotations

import itertools
import json
import shlex
import subprocess
import time

from rich.console import Group
from rich.table import Table

import backends
from benchmarks.environment import describe
from benchmarks.interpreters import ROOT, Interpreters, worker_environment

VERSIONS = """
import importlib, json, sys
versions = {}
for name in json.loads(sys.argv[1]):
    try:
        versions[name] = getattr(importlib.import_module(name), "__version__", "?")
    except Exception as error:
        versions[name] = f"broken: {type(error).__name__}: {error}"
print(json.dumps(versions))
"""


def examine(interpreters: Interpreters) -> Group:
    """Tables of what there is, found by importing every backend where it would run."""
    solvers = Table("solver", "interpreter", "libraries")
    for name in backends.REGISTRY.names():
        solver = backends.REGISTRY.get(name)
        place = interpreters.find(solver)
        if place.available:
            solvers.add_row(name, shlex.join(place.command), _versions(place.command, solver.libraries))
        else:
            solvers.add_row(name, "not installed", place.reason)
    machine = Table("machine", "")
    for key, value in describe().items():
        shown = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else str(value)
        machine.add_row(key.replace("_", " "), shown or "none")
    machine.add_row("clock", _clock())
    return Group(solvers, machine)


def _versions(command: tuple[str, ...], libraries: tuple[str, ...]) -> str:
    words = [*command, "-c", VERSIONS, json.dumps(libraries)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, cwd=ROOT, env=worker_environment())
        found = json.loads(done.stdout.splitlines()[-1])
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError):
        return "does not start"
    return ", ".join(f"{name} {version}" for name, version in found.items())


def _clock() -> str:
    """Resolution as the system states it, and the smallest difference actually seen."""
    stated = time.get_clock_info("perf_counter")
    ticks = [time.perf_counter_ns() for _ in range(10_000)]
    least = min(b - a for a, b in itertools.pairwise(ticks) if b > a)
    return f"{stated.implementation}, resolution {stated.resolution:g} s, smallest step seen {least} ns"
