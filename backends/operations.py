"""The operations of a declaration (`problems/operations.py`) for torch, jax.numpy and UFL, imported on first use."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from problems.operations import UNARY, Operations


class _Namespace:
    """Operations gathered from a module, with those named in `extra` put in its place."""

    def __init__(self, module: Any, **extra: Any) -> None:
        for name in UNARY:
            setattr(self, name, extra.get(name) or getattr(module, name))
        for name in ("matvec", "dot", "sum"):
            setattr(self, name, extra.get(name))


def _on_numbers_too(module: Any, name: str) -> Any:
    """torch and UFL refuse plain numbers, which a declaration may pass (`ops.exp(0.5)`)."""
    function = getattr(module, name)
    plain = getattr(np, name)
    return lambda x: float(plain(x)) if isinstance(x, (int, float)) else function(x)


@functools.cache
def torch_operations() -> Operations:
    """Operations on torch tensors."""
    import torch

    known: dict[Any, Any] = {}

    def matvec(matrix: np.ndarray, y: Any) -> Any:
        # A constant matrix goes to the device once: a copy per call is slow, and forbidden in a captured graph.
        key = (matrix.tobytes(), y.dtype, y.device)
        if key not in known:
            known[key] = torch.as_tensor(matrix, dtype=y.dtype, device=y.device)
        return torch.tensordot(known[key], y, dims=1)

    unary = {name: _on_numbers_too(torch, name) for name in UNARY}
    sums = {"dot": lambda a, b: (a * b).sum(dim=0), "sum": lambda a: a.sum(dim=0)}
    return _Namespace(torch, **unary, matvec=matvec, **sums)  # type: ignore[return-value]


@functools.cache
def jax_operations() -> Operations:
    """Operations on JAX arrays."""
    import jax.numpy as jnp

    def matvec(matrix: np.ndarray, y: Any) -> Any:
        return jnp.tensordot(jnp.asarray(matrix, dtype=y.dtype), y, axes=1)

    sums = {"dot": lambda a, b: (a * b).sum(axis=0), "sum": lambda a: a.sum(axis=0)}
    return _Namespace(jnp, matvec=matvec, **sums)  # type: ignore[return-value]


@functools.cache
def ufl_operations() -> Operations:
    """Operations on UFL expressions; matvec, dot and sum are for families that have no weak form here."""
    import ufl

    unary = {name: _on_numbers_too(ufl, name) for name in UNARY if name not in ("log", "abs")}
    unary["log"] = lambda x: float(np.log(x)) if isinstance(x, (int, float)) else ufl.ln(x)
    unary["abs"] = abs
    return _Namespace(ufl, **unary)  # type: ignore[return-value]
