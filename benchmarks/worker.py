"""A worker: one fresh process, one case, one pass. Started as `python -m benchmarks.worker` in the root.

It reads one line of JSON (the request) from standard input and answers in lines of JSON on what was its standard
output; everything else that is printed in it goes to standard error. It imports with the standard library and
numpy ≥ 1.24 alone, in any interpreter that has the solver's libraries. When its standard input closes, its parent is
gone, and so is it. Where an MPI launcher has started several processes (`benchmarks/processes.py`), they make up one
worker.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import importlib
import io
import json
import os
import platform
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.exhaustion import out_of_memory
from benchmarks.processes import Processes

COMPILING_FACTOR = 5.0
"""How much longer than their budget all rounds together may take where each one compiles anew."""
MEMORY_FRACTION = "0.9"
"""Share of an accelerator's memory that JAX may take. Its own limit is 0.75; torch has none."""
PATIENCE_S = 2.0
"""How long a process that failed waits for the first one to say so."""
PICTURED = 4
"""Most coordinates of a problem whose residual is kept: in more of them no picture shows it."""
OWN = ("solution", "trace_")
OWN_NAMES = ("residual", "residual_failure")
"""Beginnings of the names, and names, under which the harness keeps what it has seen; a solver cannot report it."""


def main() -> None:
    """Serve one request."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    processes: Processes | None = None
    try:
        processes = Processes()
        request = processes.share(json.loads(sys.stdin.buffer.readline()) if processes.first else None)
        _die_with_parent(processes.first)
        _set_circumstances(request, processes)
        _serve(request, processes, _sender(answer if processes.first else None))
        processes.leave()
    except BaseException as error:  # The parent needs a reason for everything, also for SystemExit in a plugin.
        sys.stderr.write(traceback.format_exc())
        exhausted = out_of_memory(error)
        text = _words(error) if exhausted is None else f"out of memory: {_words(exhausted)}"
        if processes is not None and not processes.first:
            # Most failures are those of all; then the first one speaks, ends, and the launcher ends the others.
            time.sleep(PATIENCE_S)
            text = f"process {processes.rank} of {processes.count}: {text}"
        _send(answer, "failed", {"kind": "crashed" if exhausted is None else "memory", "reason": text})
    # A library's own exit handlers may hang or crash after the answer is complete.
    answer.flush()
    sys.stderr.flush()
    os._exit(0)


def _words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _die_with_parent(first: bool) -> None:
    # A solver that asks for input gets an end of file, not what is meant for the watch below.
    control, nothing = os.dup(0), os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)

    def watch() -> None:
        while os.read(control, 4096):
            pass
        with contextlib.suppress(OSError):
            os.killpg(0, signal.SIGKILL)  # Its children too.
        os._exit(1)

    if first:  # A launcher hands its standard input to the first process alone.
        threading.Thread(target=watch, daemon=True).start()
    with contextlib.suppress(Exception):  # Linux only; the thread above may be starved by a long call into C.
        import ctypes

        parent_death_signal = 1
        ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


def _set_circumstances(request: dict[str, Any], processes: Processes) -> None:
    """Threads, device and precision must be set before any library is imported."""
    threads = request["threads"]
    for variable in ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM", "NUMEXPR"):
        os.environ[f"{variable}_NUM_THREADS"] = str(threads)
    if "torch" in request["libraries"]:
        # torch has threads of its own, and those of numpy's BLAS would contend with them: five times slower was seen.
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
    if hasattr(os, "sched_setaffinity"):
        # Some thread pools (XLA's) take as many threads as the process has processors; the last ones are used,
        # since the first serve most of the system's own work.
        os.sched_setaffinity(0, processes.own_processors(os.sched_getaffinity(0), threads))
    if request["device"] == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["JAX_PLATFORMS"] = "cpu"
        os.environ["JAX_NUM_CPU_DEVICES"] = str(threads)
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    if not any(name.startswith("XLA_") and name.endswith("CLIENT_MEM_FRACTION") for name in os.environ):
        os.environ["XLA_CLIENT_MEM_FRACTION"] = MEMORY_FRACTION
    os.environ["NVIDIA_TF32_OVERRIDE"] = "0"
    # A library that dies of lack of memory should take the worker with it, not the harness.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _serve(request: dict[str, Any], processes: Processes, send: Any) -> None:
    import backends
    import problems
    from backends.base import Context, Diverged, Watch
    from benchmarks import memory
    from benchmarks.looking import JudgingWatch
    from benchmarks.plugins import load_plugins

    load_plugins(request["plugins"])
    problem = problems.REGISTRY.get(request["problem"]).create(request["problem_parameters"])
    solver = backends.REGISTRY.get(request["solver"]).create(request["solver_parameters"])
    if processes.count > 1 and not solver.parallel:
        raise RuntimeError(
            f"{processes.count} processes were started, and {solver.name} runs on one; take the launcher out of its "
            "command prefix"
        )
    versions = [_version(importlib.import_module(library), library) for library in solver.libraries]
    for module in solver.imports:
        importlib.import_module(module)
    send("started", python=platform.python_version(), version=", ".join(versions))
    absent = memory.absent_device(solver.libraries, request["device"])
    if absent:
        send("failed", kind="absent", reason=absent)
        return
    points = problem.points()
    # Nobody looks in the memory pass: what judging takes would count as the method's memory.
    watch = Watch() if request["pass"] == "memory" else JudgingWatch(problem)
    context = Context(request["seed"], request["device"], request["precision"], watch)
    try:
        if request["pass"] == "memory":
            _memory_pass(solver.rehearsal(), problem, context, points, processes, send)
        else:
            _timing_pass(solver, problem, context, points, request, processes, send)
    except Diverged as error:
        trace = watch.trace() if isinstance(watch, JudgingWatch) else {}
        send("failed", kind="diverged", reason=str(error), arrays=_packed(trace))


def _version(module: Any, name: str) -> str:
    version = getattr(module, "__version__", None)
    return f"{name} {version}" if version else name


def _timing_pass(
    solver: Any, problem: Any, context: Any, points: Any, request: dict[str, Any], processes: Processes, send: Any
) -> None:
    """Rounds from the very beginning, each with a new session, until there are enough of them or time is up.

    Several processes start each phase together, and the clock of the first one counts.
    """
    begun, spent, answer, session = time.perf_counter(), 0.0, None, None

    def clock() -> float:
        processes.wait()
        return time.perf_counter()

    for _ in range(request["rounds"]):
        session = answer = None
        gc.collect()
        gc.disable()
        t0 = clock()
        session = solver.begin(problem, context)
        t1 = clock()
        session.compile()
        t2 = clock()
        session.prepare()
        t3 = clock()
        context.watch.start()
        session.solve()
        processes.wait()
        solving = context.watch.elapsed()
        t4 = clock()
        answer = session.solution(points)
        t5 = clock()
        gc.enable()
        send("round", setup=t1 - t0 + t3 - t2, compile=t2 - t1, solve=solving, evaluate=t5 - t4)
        # Most libraries find their code compiled in a second round; for those that do not, the whole is bounded too.
        # Looking takes time as well, although no clock shows it.
        spent += t5 - t2 + t1 - t0
        enough = spent > request["rounds_budget_s"] or t5 - begun > COMPILING_FACTOR * request["rounds_budget_s"]
        if processes.share(enough):
            break
    assert session is not None
    facts, arrays = {}, {"solution": answer}
    for key, value in session.facts().items():
        if key.startswith(OWN) or key in OWN_NAMES:
            continue
        if getattr(value, "ndim", 0):
            arrays[key] = value
        else:
            facts[key] = value.item() if hasattr(value, "item") else value
    if processes.count > 1:
        facts["processes"] = processes.count
    if session.extrapolates:
        arrays |= {f"solution_{name}": session.solution(there) for name, there in problem.further_points().items()}
    arrays |= context.watch.trace()
    if context.watch.failure:
        facts["look_failure"] = context.watch.failure
    pictured = points.shape[1] <= PICTURED
    send("done", facts=facts, outcome=session.outcome, arrays=_packed(arrays), more=pictured)
    if pictured:
        send("residual", **_residual(session, points))


def _residual(session: Any, points: Any) -> dict[str, Any]:
    """The residual at the points, packed, or why there is none; what is only looked at fails by itself."""
    import numpy as np

    try:
        found = session.residual(points)
        if found is None:
            return {"arrays": {}, "facts": {}}
        values = np.asarray(found, dtype=float)
        if values.shape != (len(points),):
            raise ValueError(f"the residual has shape {values.shape}, not {(len(points),)}")
        return {"arrays": _packed({"residual": values}), "facts": {}}
    except Exception as error:
        return {"arrays": {}, "facts": {"residual_failure": _words(error)}}


def _memory_pass(solver: Any, problem: Any, context: Any, points: Any, processes: Processes, send: Any) -> None:
    from benchmarks import memory

    gc.collect()
    base = memory.host_now()
    method = memory.reset_host_peak()
    memory.reset_device_peak(solver.libraries, context.device)
    session = _ready(solver, problem, context)
    session.solve()
    peak, device_method, further = memory.device_peak(solver.libraries, context.device, session.planned_bytes())
    session.solution(points)
    peaks, bases = processes.gather(memory.host_peak(method)), processes.gather(base)
    if peak is None and _traceable(solver, context):
        del session
        gc.collect()
        peak, device_method = _traced(solver, problem, context)
    send(
        "memory",
        host_bytes=sum(peaks),
        host_base_bytes=None if None in bases else sum(bases),
        host_method=method if processes.count == 1 else f"{method}, sum of {processes.count} processes",
        device_bytes=peak,
        device_method=device_method,
        further=further,
    )


def _ready(solver: Any, problem: Any, context: Any) -> Any:
    """A session that can be solved, on a new clock."""
    session = solver.begin(problem, context)
    session.compile()
    session.prepare()
    context.watch.start()
    return session


def _traceable(solver: Any, context: Any) -> bool:
    """Whether torch's allocations can be traced: an event takes 2 kB, too much for a training at its full length."""
    from backends.base import Solver

    short = type(solver).rehearsal is not Solver.rehearsal
    return short and "torch" in solver.libraries and context.device == "cpu"


def _traced(solver: Any, problem: Any, context: Any) -> tuple[int | None, str]:
    """Peak of live tensors while another session trains, and the method; a trace takes memory itself, so it comes last.

    What compiling takes is not part of it, what stays from there on is.
    """
    from benchmarks import memory
    from benchmarks.allocations import AllocationTrace

    trace = AllocationTrace()
    try:
        with trace:
            session = _ready(solver, problem, context)
        with trace:
            session.solve()
    # The host's figures, which are complete, do not depend on what torch's profiler can do here.
    except Exception as error:
        return None, f"not measured: {_words(error)}"
    return trace.peak, memory.TRACE


def _packed(arrays: dict[str, Any]) -> dict[str, str]:
    return {name: _pack(array) for name, array in arrays.items()}


def _pack(array: Any) -> str:
    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _sender(answer: Any) -> Callable[..., None]:
    """What `_serve` says goes to `answer`; nowhere if that is None."""

    def send(event: str, **content: Any) -> None:
        if answer is not None:
            _send(answer, event, content)

    return send


def _send(answer: Any, event: str, content: dict[str, Any]) -> None:
    answer.write(json.dumps({"event": event, **content}) + "\n")
    answer.flush()


if __name__ == "__main__":
    main()
