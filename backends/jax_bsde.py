"""The deep BSDE method in JAX."""

from __future__ import annotations

from dataclasses import dataclass

from backends import register
from backends.neural.bsde import DeepBSDE
from backends.neural.jax_trained import JaxTrained


@register
@dataclass(frozen=True)
class JaxBSDE(DeepBSDE, JaxTrained):
    """Training is one compiled loop; processors have a share of the paths each where that pays."""

    name = "jax-bsde"
    title = "Deep BSDE (JAX)"
