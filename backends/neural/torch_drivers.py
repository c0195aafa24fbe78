"""Runs of an optimizer in torch: first-order steps, captured on a GPU, and torch's own L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

from backends.neural.optimizers import LBFGS, SGD, AdamW, Scheduled
from backends.neural.training import Driver
from problems.base import Array

if TYPE_CHECKING:
    from backends.neural.torch_engine import TorchSession

FUSED_RATE = torch.float32
"""The type in which the fused optimizers read a learning rate from the device, whatever that of the parameters."""


class StepDriver(Driver):
    """A first-order method, one operation after the other; on a GPU one captured iteration is replayed."""

    def __init__(self, session: TorchSession, index: int) -> None:
        stage, start, end = session.stages[index]
        assert isinstance(stage, Scheduled)
        self.session, self.stage, self.index = session, stage, index
        self.on_gpu = session.device.type == "cuda"
        rates = stage.rates(end - start).tolist()
        self.rates = torch.tensor(rates, dtype=FUSED_RATE, device="cuda") if self.on_gpu else rates
        self.optimizer = self._optimizer()
        self.replay: Callable[[Any], Any] | None = None
        if self.on_gpu:
            self._capture()
        self.begin()

    def begin(self) -> None:
        """From the present parameters, without memory; in place, since a captured iteration knows only its tensors."""
        for state in self.optimizer.state.values():
            for moment in state.values():
                if moment is not None:
                    moment.zero_()
        self.count = 0
        self.before = self.session.parameters.detach().clone()
        generator = torch.Generator(self.session.device).manual_seed(1_000_003 * self.index + self.session.context.seed)
        self.places = self.session.series(generator)

    def _optimizer(self) -> torch.optim.Optimizer:
        """The described optimizer; the fused ones take one operation per step."""
        stage, parameters = self.stage, [self.session.parameters]
        rate: Any = torch.tensor(stage.rate, dtype=FUSED_RATE, device="cuda") if self.on_gpu else stage.rate
        if isinstance(stage, SGD):
            return torch.optim.SGD(parameters, lr=rate, momentum=stage.momentum, fused=True)
        if isinstance(stage, AdamW):
            return torch.optim.AdamW(
                parameters, lr=rate, weight_decay=stage.weight_decay, fused=True, capturable=self.on_gpu
            )
        return torch.optim.Adam(parameters, lr=rate, fused=True, capturable=self.on_gpu)

    def _iteration(self, places: Any) -> torch.Tensor:
        _, terms = self.session.differentiate(places)
        self.optimizer.step()
        return terms

    def _capture(self) -> None:
        session = self.session
        places = next(session.series(torch.Generator(session.device)))
        moving = session.moving(places)
        start = session.get()
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._iteration(places)
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            terms = self._iteration(places)
        session.put(start)

        def replay(new: Any) -> Any:
            if moving:
                torch._foreach_copy_(moving, session.moving(new))
            graph.replay()
            return terms

        self.replay = replay
        session.synchronise()

    def advance(self, count: int) -> tuple[int, Array]:
        """Iterations one by one; whether the loss is finite is asked once, after the last."""
        iteration = self.replay or self._iteration
        group = self.optimizer.param_groups[0]
        terms = None
        for k in range(count):
            if k == count - 1:
                # The loss is that before the step.
                self.before.copy_(self.session.parameters.detach())
            rate = self.rates[self.count]
            if self.replay is None:
                group["lr"] = rate
            else:
                group["lr"].copy_(rate)
            terms = iteration(next(self.places))
            self.count += 1
        assert terms is not None
        return count, terms.cpu().numpy().astype(float)

    def measured(self) -> Array:
        """Those before the last step."""
        return self.before.cpu().numpy().astype(float)


class LBFGSDriver(Driver):
    """torch's own L-BFGS with its search for the strong Wolfe conditions."""

    def __init__(self, stage: LBFGS, session: TorchSession) -> None:
        self.stage, self.session = stage, session
        self.changed()

    def changed(self) -> None:
        """It forgets: its curvature and its last loss belong to other points."""
        self.optimizer = torch.optim.LBFGS(
            [self.session.parameters],
            history_size=self.stage.memory,
            line_search_fn="strong_wolfe",
            tolerance_grad=0.0,
            tolerance_change=0.0,
        )

    def advance(self, count: int) -> tuple[int, Array]:
        """Iterations in one call of the library's own loop."""
        session, group = self.session, self.optimizer.param_groups[0]
        state, done = self.optimizer.state[session.parameters], 0

        def closure() -> torch.Tensor:
            return session.differentiate(session.places)[0]

        while done < count and not self.stuck:
            left, before = count - done, (state.get("n_iter", 0), state.get("func_evals", 0))
            group["max_iter"], group["max_eval"] = left, left * self.stage.searches
            self.optimizer.step(closure)  # type: ignore[no-untyped-call]
            run = state.get("n_iter", 0) - before[0]
            # Too many evaluations end the library's loop as well, but then the next call goes on.
            self.stuck = run < left and state.get("func_evals", 0) - before[1] < group["max_eval"]
            done += run
        return max(done, 1), session.terms_at(session.get())
