"""The trace of torch's allocations, against programs whose peak is known by counting."""

from __future__ import annotations

import pytest

from benchmarks.allocations import AllocationTrace

torch = pytest.importorskip("torch")

COUNT = 100_000
BYTES = 8 * COUNT
SCALARS = 128
"""The sum at the end, and its gradient."""


def vector(**how):
    return torch.ones(COUNT, dtype=torch.float64, **how)


def in_place():
    vector().mul_(2.0).add_(1.0)


def chain():
    """Two are held at each step, since nothing is kept for a gradient."""
    vector().sin().sin().sin()


def backward():
    """x, sin x and sin sin x are saved; on the way back the last one is joined by a cosine and a gradient."""
    x = vector(requires_grad=True)
    x.sin().sin().sin().sum().backward()


@pytest.mark.parametrize(("program", "vectors"), [(in_place, 1), (chain, 2), (backward, 5)])
def test_peak_is_what_counting_gives(program, vectors):
    for _ in range(2):
        trace = AllocationTrace()
        with trace:
            program()
        assert vectors * BYTES <= trace.peak <= vectors * BYTES + SCALARS


def test_workspace_of_an_operation_is_seen():
    trace = AllocationTrace()
    with trace:
        vector().median()
    # It sorts a copy.
    assert 2 * BYTES <= trace.peak <= 2 * BYTES + SCALARS


def test_what_lives_on_counts_and_what_lived_before_does_not():
    before, trace = vector(), AllocationTrace()
    with trace:
        held = vector()
        vector().sin()
    assert trace.peak == 3 * BYTES
    with trace:
        del before
        held.sin()
    assert trace.peak == 2 * BYTES
    with trace:
        del held
        vector()
    assert trace.peak == BYTES
