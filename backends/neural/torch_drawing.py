"""Points and directions drawn by torch, and the tensors of prepared places."""

from __future__ import annotations

import itertools
from typing import Any

import torch

from backends.neural.directions import Estimator
from backends.neural.pointsets import PointSet


def draw(generator: torch.Generator, block: int, described: PointSet, base: Any, span: Any, rows: Any) -> Any:
    """New points of a set for `block` iterations, one after the other, shape (block · n, k); or its own."""
    if not described.noise:
        return base.repeat(block, 1)
    sample = torch.rand if described.noise == "uniform" else torch.randn
    shape = (block, described.draws, base.shape[1])
    noise = sample(shape, generator=generator, dtype=base.dtype, device=base.device)
    if described.noise == "brownian":
        time = torch.rand((*shape[:2], 1), generator=generator, dtype=base.dtype, device=base.device)
        noise = torch.cat([time.sqrt() * noise[..., :-1], time], -1)
    return (base + span * noise[:, rows]).flatten(0, 1)


def draw_directions(generator: torch.Generator, estimator: Estimator, like: torch.Tensor) -> torch.Tensor:
    """Two independent sets of directions (2, V, k)."""
    count, spatial = estimator.count, estimator.spatial
    if estimator.kind == "hutchinson":
        signs = torch.randint(0, 2, (2, count, spatial), generator=generator, device=like.device)
        rows = 2.0 * signs.to(like.dtype) - 1.0
    else:
        axes = torch.rand(2, spatial, generator=generator, device=like.device).argsort(1)[:, :count]
        rows = torch.nn.functional.one_hot(axes, spatial).to(like.dtype)
    return torch.nn.functional.pad(estimator.factor * rows, (0, estimator.coordinates - spatial))


def divide(tree: Any, block: int) -> Any:
    """A prepared place as an iterator over `block` equal ones; points lie along axis 0, in jets along axis 1."""
    if isinstance(tree, dict):
        parts = [divide(entry, block) for entry in tree.values()]
        return (dict(zip(tree, entry, strict=True)) for entry in zip(*parts, strict=True))
    if isinstance(tree, tuple):
        return zip(*(divide(entry, block) for entry in tree), strict=True)
    if tree.ndim == 3 and tree.shape[1] == 1:
        return itertools.repeat(tree, block)  # The same at all points.
    return tree.chunk(block, dim=1 if tree.ndim == 3 else 0)


def tensors(tree: Any) -> list[torch.Tensor]:
    """All tensors of a prepared place, in a fixed order."""
    if isinstance(tree, torch.Tensor):
        return [tree]
    return [part for entry in (tree.values() if isinstance(tree, dict) else tree) for part in tensors(entry)]
