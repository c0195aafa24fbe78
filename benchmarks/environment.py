"""Where a run happens: what is recorded with it, and by what two machines are told apart."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.interpreters import ROOT

PACKAGES = ("numpy", "scipy", "numba", "torch", "jax", "jaxlib", "optax", "pandas", "seaborn", "pytest-benchmark")


def describe() -> dict[str, Any]:
    """Machine, interpreter, packages and revision; `fingerprint` covers what decides speed."""
    hardware = {
        "platform": platform.platform(),
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "gpu": _gpu(),
    }
    commit, dirty = revision()
    decisive = {key: hardware[key] for key in ("cpu", "cores", "gpu")}
    return {
        "fingerprint": hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:12],
        **hardware,
        "python": platform.python_version(),
        "git_commit": commit,
        "git_dirty": dirty,
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
    }


def revision() -> tuple[str, bool]:
    """The commit that is checked out, "" outside a repository, and whether there are uncommitted changes."""
    return _output(["git", "rev-parse", "HEAD"]), bool(_output(["git", "status", "--porcelain"]))


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _gpu() -> str:
    return _output(["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"])


def _output(command: list[str]) -> str:
    """What a command prints, or "" if there is no such command or it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, cwd=ROOT, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
