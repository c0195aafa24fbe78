"""What is solved: declarations of differential equations, one file each, without any solver's numerics."""

from __future__ import annotations

from problems.base import Problem
from problems.parameters import InputError
from problems.registry import Registry

REGISTRY: Registry[Problem] = Registry("problem", __name__)
register = REGISTRY.register

__all__ = ["REGISTRY", "InputError", "Problem", "register"]
