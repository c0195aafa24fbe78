"""A physics-informed network trained by JAX."""

from __future__ import annotations

from dataclasses import dataclass

from backends import register
from backends.neural.description import PINN
from backends.neural.jax_trained import JaxTrained


@register
@dataclass(frozen=True)
class JaxPINN(PINN, JaxTrained):
    """Training is compiled ahead of time: first-order loops whole, otherwise residuals, gradients and products."""

    name = "jax-pinn"
    title = "PINN (JAX)"
    imports = (*JaxTrained.imports, *PINN.imports)
