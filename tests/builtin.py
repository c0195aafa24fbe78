"""The problems and solvers that come with the product; other tests may have loaded plugins in the same process."""

from __future__ import annotations

from typing import Any

import backends
import problems


def problem_classes() -> list[Any]:
    found = (problems.REGISTRY.get(name) for name in problems.REGISTRY.names())
    return [cls for cls in found if cls.__module__.startswith("problems.")]


def solver_classes() -> list[Any]:
    found = (backends.REGISTRY.get(name) for name in backends.REGISTRY.names())
    return [cls for cls in found if cls.__module__.startswith("backends.")]
