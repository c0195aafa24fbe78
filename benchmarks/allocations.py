"""Bytes of live tensors of torch on a CPU, counted from the events of its own allocator."""

from __future__ import annotations

from typing import Any


class AllocationTrace:
    """What torch's CPU allocator has handed out and not got back, while the trace is entered as a context.

    It may be entered several times: what is live at the end of one stays so for the next, and `peak` is that of the
    last. Sizes are those asked for, in every kind of code that uses the allocator: autograd's saved tensors, the
    inside of an operation, and compiled code; arrays of numpy and the scratch of MKL and oneDNN are not among them.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._live: dict[int, int] = {}

    def __enter__(self) -> None:
        # The public profiler notes every operation as well, at six times the price in time and memory.
        from torch._C._autograd import _enable_profiler, _prepare_profiler
        from torch._C._profiler import (
            ProfilerActivity,
            ProfilerConfig,
            ProfilerState,
            RecordScope,
            _ExperimentalConfig,
        )

        memory_alone = ProfilerConfig(ProfilerState.KINETO, False, True, False, False, False, _ExperimentalConfig())
        _prepare_profiler(memory_alone, {ProfilerActivity.CPU})
        no_operations = {RecordScope.STATIC_RUNTIME_MODEL}
        _enable_profiler(memory_alone, {ProfilerActivity.CPU}, no_operations)  # type: ignore[call-arg]

    def __exit__(self, *_: object) -> None:
        from torch._C._autograd import _disable_profiler

        self._count(_disable_profiler().experimental_event_tree())

    def _count(self, events: list[Any]) -> None:
        """Follow the events, which come in the order of time."""
        held = self.peak = sum(self._live.values())
        for event in events:
            change, address = event.extra_fields.alloc_size, event.extra_fields.ptr
            if change > 0:
                self._live[address] = change
            else:
                # Blocks from before the trace are given back as well.
                change = -self._live.pop(address, 0)
            held += change
            self.peak = max(self.peak, held)
