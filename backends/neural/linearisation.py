"""Derivatives of all residuals with respect to all parameters, from what passes through each dense layer.

A residual at a point depends on the weights of a layer only through the layer's product z = y W at that point. With y
(J, n, in) the jets that enter the layer, and s (m, J, n, out) the derivative of residual component c at point i with
respect to z at i, the derivative with respect to W is Σ_j y_ji ⊗ s_cji, and that with respect to the bias is s_c0i.
One reverse pass per component thus gives every row of J, and products with J need y and s alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backends.neural.jets import JetAlgebra
from backends.neural.residual import Term
from backends.neural.squares import PointwiseFormulation


class RecordingAlgebra(JetAlgebra):
    """Keeps what enters each dense layer; `probes` (zeros, one per layer) stand for a change of what leaves it."""

    def __init__(self, *arguments: Any, probes: Any) -> None:
        super().__init__(*arguments)
        self.probes = probes
        self.inputs: dict[int, Any] = {}

    def product(self, y: Any, k: int) -> Any:
        """As the plain one, with the probe added."""
        self.inputs[k] = self.whole(y)
        return super().product(y, k) + self.probes[k]


@dataclass(frozen=True)
class Sensitivity:
    """Rows of one block: `inputs` y (J, n, in) and `slopes` s (m, J, n, out) per layer, scaled by the row."""

    inputs: Sequence[Any]
    slopes: Sequence[Any]

    def jacobian(self, xp: Any) -> Any:
        """Shape (m n, p)."""
        columns = []
        for y, s in zip(self.inputs, self.slopes, strict=True):
            m, _, n, _ = s.shape
            columns.append(xp.einsum("jni,mjno->mnio", y, s).reshape(m * n, -1))
            columns.append(s[:, 0].reshape(m * n, -1))
        return xp.concatenate(columns, 1)

    def product(self, other: Sensitivity, xp: Any) -> Any:
        """Sum of the products of both rows' entries: Σ_jk (y_j·y'_k)(s_j·s'_k) + s_0·s'_0 at each point."""
        total: Any = 0.0
        for y, s, z, r in zip(self.inputs, self.slopes, other.inputs, other.slopes, strict=True):
            entering, leaving = xp.einsum("jni,kni->njk", y, z), xp.einsum("mjno,mkno->njk", s, r)
            total = total + (entering * leaving).sum() + (s[:, 0] * r[:, 0]).sum()
        return total

    def forward(self, xp: Any, layers: Sequence[tuple[Any, Any]]) -> Any:
        """J v, shape (m n,), for v laid out as parameters."""
        total: Any = 0.0
        for y, s, (weights, bias) in zip(self.inputs, self.slopes, layers, strict=True):
            total = total + xp.einsum("jno,mjno->mn", y @ weights, s) + (s[:, 0] * bias).sum(-1)
        return total.reshape(-1)

    def adjoint(self, xp: Any, rows: Any) -> list[tuple[Any, Any]]:
        """Jᵀ u for u (m n,), laid out as parameters."""
        parts = []
        for y, s in zip(self.inputs, self.slopes, strict=True):
            m, _, n, _ = s.shape
            weighted = xp.einsum("mn,mjno->jno", rows.reshape(m, n), s)
            parts.append((xp.einsum("jni,jno->io", y, weighted), weighted[0].sum(0)))
        return parts


def sum_of_squares(blocks: Sequence[Sequence[Sensitivity]], xp: Any) -> Any:
    """Of all entries of all rows; a row is the sum of its block's parts."""
    return sum(a.product(b, xp) for block in blocks for a in block for b in block)


def row_scales(form: PointwiseFormulation, blocks: Sequence[Any], inside: Any, weights: Any) -> list[Any]:
    """Factors, broadcast to each block (m, n), that make the sum of squares of all entries the loss."""
    residual, *others = blocks
    spread = form.emphasis(residual, inside) / (residual.shape[0] * residual.shape[1])
    scales = [(weights[0] * spread) ** 0.5]
    for k, block in enumerate(others):
        scales.append((weights[1 + k] / (block.shape[1] * form.components)) ** 0.5)
    return scales


def sensitivities(
    xp: Any, term: Term | None, inputs: Sequence[Any], slopes: Sequence[Any], scale: Any
) -> list[Sensitivity]:
    """A block's rows; `term` picks its points out of those of all conditions.

    A periodic condition's rows depend on two points each and are the sum of two.
    """
    if term is None:
        return [Sensitivity(inputs, [scale_rows(s, scale) for s in slopes])]
    parts = [term.rows] if term.twin is None else [term.rows, term.twin]
    return [
        Sensitivity([y[:, rows] for y in inputs], [scale_rows(s[:, :, rows], scale) for s in slopes]) for rows in parts
    ]


def scale_rows(slopes: Any, scale: Any) -> Any:
    """s (m, J, n, out) times a factor per point (n,), or one for all."""
    return slopes * (scale[:, None] if getattr(scale, "ndim", 0) else scale)
