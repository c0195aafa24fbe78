"""A physics-informed network trained by JAX."""

from __future__ import annotations

from dataclasses import dataclass

from backends import register
from backends.base import Context, Session
from backends.neural.description import PINN
from problems.base import Problem


@register
@dataclass(frozen=True)
class JaxPINN(PINN):
    """Training is compiled ahead of time: first-order loops whole, otherwise residuals, gradients and products."""

    name = "jax-pinn"
    title = "PINN (JAX)"
    libraries = ("jax", "optax")
    imports = ("backends.neural.jax_engine", *PINN.imports)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Draw the initial parameters and the points."""
        from backends.neural.jax_engine import JaxSession

        return JaxSession(self, problem, context)
