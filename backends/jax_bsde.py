"""The deep BSDE method in JAX."""

from __future__ import annotations

from dataclasses import dataclass

from backends import register
from backends.base import Context, Session
from backends.neural.bsde import DeepBSDE
from problems.base import Problem


@register
@dataclass(frozen=True)
class JaxBSDE(DeepBSDE):
    """Training is one compiled loop; processors have a share of the paths each where that pays."""

    name = "jax-bsde"
    title = "Deep BSDE (JAX)"
    libraries = ("jax", "optax")
    imports = ("backends.neural.jax_engine", *DeepBSDE.imports)

    def begin(self, problem: Problem, context: Context) -> Session:
        """Draw the initial parameters."""
        from backends.neural.jax_engine import JaxSession

        return JaxSession(self, problem, context)
