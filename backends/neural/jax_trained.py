"""Networks trained by JAX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from backends.base import Context, Session
from backends.neural.trained import Trained
from problems.base import Problem


@dataclass(frozen=True)
class JaxTrained(Trained):
    """Training is compiled ahead of time."""

    libraries: ClassVar[tuple[str, ...]] = ("jax", "optax")
    imports: ClassVar[tuple[str, ...]] = ("backends.neural.jax_engine", *Trained.imports)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Draw the initial parameters and the points."""
        from backends.neural.jax_engine import JaxSession

        return JaxSession(self, problem, context)
