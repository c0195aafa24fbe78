"""Who solves it: one adapter per method. No adapter knows the name of a problem; none imports its library on import."""

from __future__ import annotations

from backends.base import Solver
from problems.registry import Registry

REGISTRY: Registry[Solver] = Registry("solver", __name__)
register = REGISTRY.register

__all__ = ["REGISTRY", "Solver", "register"]
