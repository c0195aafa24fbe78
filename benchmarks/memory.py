"""Memory and device of the process that asks, with the name of the method that measured it."""

from __future__ import annotations

import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CLEAR_REFS = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")
PLAN = "compiler's plan (CPU)"
XLA_PLAN = "XLA memory_analysis (compiler's plan, CPU)"
TRACE = "torch allocation trace (CPU)"
NO_FIGURES = "not measured: JAX's allocator keeps no figures here"


def reset_host_peak() -> str:
    """Start a new peak; returns the method by which `host_peak` then measures.

    `ru_maxrss` survives exec: it may show what the parent held, and is used only where the kernel's resettable VmHWM
    is out of reach.
    """
    try:
        CLEAR_REFS.write_text("5")
        STATUS.read_text()
    except OSError:
        return "ru_maxrss (cannot be reset)"
    return "VmHWM"


def host_peak(method: str) -> int:
    """Peak resident bytes since the last reset."""
    if method == "VmHWM":
        return _status_bytes("VmHWM")
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes if sys.platform == "darwin" else kilobytes * 1024


def host_now() -> int | None:
    """Resident bytes at this moment, where the kernel tells."""
    try:
        return _status_bytes("VmRSS")
    except OSError:
        return None


def _status_bytes(key: str) -> int:
    for line in STATUS.read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"the kernel does not report {key}")


def absent_device(libraries: tuple[str, ...], device: str) -> str:
    """Why `device` cannot be used, or "" if it can."""
    if device == "cpu":
        return ""
    if "torch" in libraries:
        import torch

        if not torch.cuda.is_available():
            return "torch finds no CUDA device here; use --device cpu"
        # Its context is made by the first tensor; JAX makes its own below, and neither is a solver's set-up.
        torch.zeros(1, device="cuda")
        return ""
    if "jax" in libraries:
        import jax

        found = {place.platform for place in jax.devices()}
        return "" if "gpu" in found else f"JAX finds no GPU here, only {', '.join(sorted(found))}; use --device cpu"
    return "this backend runs on the CPU only; use --device cpu"


def reset_device_peak(libraries: tuple[str, ...], device: str) -> None:
    """Start a new peak of device memory where the library can; JAX cannot, and is measured in a fresh process."""
    if device == "cuda" and "torch" in libraries:
        import torch

        torch.cuda.reset_peak_memory_stats()


def device_peak(
    libraries: tuple[str, ...], device: str, planned: Mapping[str, int]
) -> tuple[int | None, str, dict[str, Any]]:
    """Peak bytes on the accelerator, the method, and further figures of that library.

    Without an accelerator it is what the compiler `planned` for the largest call, where one did.
    """
    further: dict[str, Any] = {}
    if planned:
        largest = max(planned, key=planned.__getitem__)
        further = {"planned_bytes": planned[largest], "planned_call": largest}
    if device == "cpu":
        return (planned[largest], XLA_PLAN if "jax" in libraries else PLAN, further) if planned else (None, "", {})
    if "torch" in libraries:
        import torch

        further["device_reserved_bytes"] = torch.cuda.max_memory_reserved()
        further["device_limit_bytes"] = torch.cuda.mem_get_info()[1]
        return torch.cuda.max_memory_allocated(), "torch max_memory_allocated", further
    if "jax" in libraries:
        import jax

        stats = jax.devices()[0].memory_stats() or {}
        names = {"device_reserved_bytes": "peak_pool_bytes", "device_limit_bytes": "bytes_limit"}
        further |= {name: stats[key] for name, key in names.items() if key in stats}
        peak = stats.get("peak_bytes_in_use")
        return peak, NO_FIGURES if peak is None else "JAX peak_bytes_in_use", further
    return None, "", {}
