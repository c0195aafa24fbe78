"""The contract between a method and the harness.

To write a new solver:

1. decorate a frozen dataclass with `@register`; its fields are its parameters; set `name`, `title`, `family`
   ("neural" or "classical"), `libraries`, the modules that must be importable where it runs, and `imports`, further
   modules to import before any clock starts;
2. `unsupported(problem)` says in words why it cannot solve a problem, or returns None; `validate(problem)` raises
   InputError for parameters that make no sense for it;
3. `begin(problem, context)` does the set-up (mesh, assembly, factorisation, network) and returns a `Session`:
   timed as *setup*. Import the library in functions, never at the top of the module;
4. `Session.compile()` does just-in-time compilation only: timed as *compile*; what needs compiled code before the
   first step (assembly, a factorisation that many steps share) goes in `Session.prepare()`, which counts as *setup*;
5. `Session.solve()` steps in time or trains: timed as *solve*. It does no other work, prints and writes nothing;
   An iterative method may call `context.watch.look(iteration, self.solution)` now and then: the clock stands still
   while the unfinished solution is judged, and `context.watch.elapsed()` is what a time budget is measured by. What
   is judged is kept by the harness, as the arrays `trace_…` of `FACTS`;
6. `Session.solution(points)` evaluates at points of shape (n, k) and returns (n, components): timed as *evaluate*;
   a method that steps in time keeps the levels around the instants of `problem.points()` and answers at those alone;
   one that can answer outside the domain sets `extrapolates`, and one that has a residual at any point tells it by
   `Session.residual(points)`, which is in no phase's time;
7. `Session.facts()` reports what happened, under the names of `FACTS`; arrays among them are kept beside the solution;
   where a compiler plans memory ahead, `Session.planned_bytes()` hands its plan to the harness;
8. a solve that blew up raises `Diverged`, or sets `outcome` when it still has a solution to show;
9. `predicted_bytes(problem, precision)` foresees the peak of its memory, from parameters alone, where that can be done
   within a factor of two, and `predicted_shape(problem)` the number of unknowns: the harness asks before it starts a
   worker, and what does not fit becomes a row `over budget` instead of a machine that runs out of memory.

Device work is finished (synchronised) before `compile`, `solve` and `solution` return.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from problems.base import ODE, Array, MatrixEigenproblem, Problem, create
from problems.parameters import Parameterised, flatten

FACTS = {
    "dx": "largest spacing of grid, mesh, nodes or collocation points; mean spacing of random ones",
    "dt": "time step",
    "unknowns": "degrees of freedom per time level, or network parameters",
    "steps": "time steps taken",
    "iterations": "optimizer iterations",
    "newton_iterations": "Newton iterations, all steps together",
    "linear_iterations": "iterations of an iterative linear solver, all systems together",
    "linear_solver": "how linear systems were solved, with the package that did it",
    "factorisations": "factorisations of a matrix",
    "processes": "processes that an MPI launcher started, where there were several (noted by the harness)",
    "planned_bytes": "bytes of the largest call of training by the compiler's plan (noted by the harness)",
    "planned_call": "name of that call (noted by the harness)",
    "device_reserved_bytes": "most bytes that a library's pool held on the accelerator (noted by the harness)",
    "device_limit_bytes": "bytes that a library may take of the accelerator's memory (noted by the harness)",
    "evaluations": "evaluations of the right-hand side",
    "predicted_bytes": "peak of host memory that the method foresaw for itself (noted by the harness)",
    "budget_bytes": "host memory that it may take, where that was foreseen to be more (noted by the harness)",
    "forward_solves": "solutions of the forward problem that a search for its parameters took",
    "tolerance": "tolerance that the method worked to; relative, unless its parameter says what it is of",
    "final_loss": "loss at the end of training",
    "stopped_by": "what ended training: iterations, time, stagnation",
    "derivatives": "how derivatives in the residual were taken",
    "estimator_deviation": "scatter of an estimated Laplacian (root mean square error of one over that of its value)",
    "best_iteration": "iteration whose parameters were kept",
    "engine": "how the inner loop was run",
    "stability_limit": "largest stable time step",
    "blow_up_step": "step at which the solution left every bound",
    "loss_iterations": "iterations at which the loss was noted (array)",
    "loss_history": "the loss there (array)",
    "loss_terms": "the terms of the loss at loss_iterations, shape (notes, terms) (array)",
    "coefficient_history": "parameters trained beside a network, at loss_iterations, shape (notes, p) (array)",
    "term_names": "names of the loss terms, comma-separated",
    "trace_iterations": "iterations at which the harness looked at the unfinished solution (array)",
    "trace_seconds": "seconds of solving until then, without those spent looking (array)",
    "trace_errors": "the error there in the problem's headline measure, NaN where it could not be judged (array)",
    "look_failure": "why an unfinished solution could not be judged",
    "residual_failure": "why the residual of what was found could not be evaluated",
    "eigenvalues": "eigenvalues, one per state in the order of the solution's columns (array)",
    "standard_errors": "standard errors of the parameters found, as the solver estimates them, shape (p,) (array)",
    "particles": "particles of branching diffusions, all trees together",
    "samples": "samples, or points in their place, over which a mean was taken",
    "standard_error": "standard error of the one value found, estimated from the spread of its samples",
    "trajectory_t": "instants of a trajectory (array)",
    "trajectory_y": "its states, shape (instants, components) (array)",
}

TRAJECTORY_LEVELS = 101
"""Equidistant instants at which a trajectory is reported."""


class Diverged(ArithmeticError):
    """The computed solution left every bound; the message says at which step."""


class Watch:
    """The clock of `Session.solve`, which stands still while somebody looks at the unfinished solution."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin at zero."""
        self._idle = 0.0
        self._begun = time.perf_counter()

    def elapsed(self) -> float:
        """Seconds since the start, without those spent looking."""
        return time.perf_counter() - self._begun - self._idle

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The clock stands still inside; device work must be finished before."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self._idle += time.perf_counter() - begun

    def look(
        self,
        iteration: int,
        solution: Callable[[Array], Array],
        findings: Callable[[], Mapping[str, Array]] | None = None,
    ) -> None:
        """Called by a solver that has an unfinished `solution(points)` to show; the harness judges it, paused.

        `findings()` gives those arrays of its facts by which the problem is judged as well (eigenvalues).
        """


@dataclass(frozen=True)
class Context:
    """What a session is told about where and how it runs."""

    seed: int = 0
    device: str = "cpu"
    precision: str = "float64"
    watch: Watch = field(default_factory=Watch, compare=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The precision as a numpy dtype."""
        return np.dtype(self.precision)


class Session(ABC):
    """One attempt of one solver at one problem."""

    extrapolates: ClassVar[bool] = False
    """Whether `solution` answers outside the domain as well; then it is asked at `problem.further_points()`."""

    outcome: str = ""
    """Why the solution is not to be trusted ("" when all went well), although there is one to show."""

    def compile(self) -> None:  # noqa: B027  (most methods have nothing to compile)
        """Just-in-time compilation, where there is any."""

    def prepare(self) -> None:  # noqa: B027
        """Set-up that needs compiled code."""

    @abstractmethod
    def solve(self) -> None:
        """Compute the solution from the initial state."""

    @abstractmethod
    def solution(self, points: Array) -> Array:
        """Values at `points` (n, k), shape (n, components)."""

    def residual(self, points: Array) -> Array | None:
        """Size (n,) of what the equation leaves at `points` (n, k), with the solution that was found.

        None for methods that do not have a residual at any point.
        """
        return None

    def planned_bytes(self) -> Mapping[str, int]:
        """Bytes that each compiled call of `solve` holds by its compiler's plan, under the names of the calls.

        Counted are what goes in, what comes out, and everything between; nothing where no compiler plans.
        """
        return {}

    def facts(self) -> Mapping[str, Any]:
        """What happened, under the names of `FACTS`."""
        return {}


@dataclass(frozen=True)
class Solver(Parameterised, ABC):
    """A method with its parameters."""

    name: ClassVar[str]
    title: ClassVar[str]
    family: ClassVar[str]
    libraries: ClassVar[tuple[str, ...]] = ()
    imports: ClassVar[tuple[str, ...]] = ()
    parallel: ClassVar[bool] = False
    """Whether it divides its work among the processes of an MPI launcher."""
    devices: ClassVar[tuple[str, ...]] = ("cpu",)
    precisions: ClassVar[tuple[str, ...]] = ("float64",)
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    @classmethod
    def create(cls, parameters: Mapping[str, Any] | None = None, preset: str = "") -> Solver:
        """An instance from a named preset with `parameters` on top; raises InputError as `Problem.create` does."""
        return create(cls, cls.presets, parameters or {}, preset)

    def parameters(self) -> dict[str, Any]:
        """All parameters as one flat row."""
        return flatten(self)

    @abstractmethod
    def unsupported(self, problem: Problem) -> str | None:
        """Why this method cannot solve `problem`, in words for a user, or None."""

    def validate(self, problem: Problem) -> None:
        """Check parameters against the problem.

        Raises:
            InputError: naming the parameter, the value and the remedy.

        """

    def predicted_shape(self, problem: Problem) -> tuple[int, ...] | None:
        """Numbers whose product is that of the unknowns (components, nodes per axis, …); None if it is not known."""
        return None

    def predicted_bytes(self, problem: Problem, precision: str = "float64") -> int | None:
        """Peak of host memory beyond that of interpreter and libraries; None if it cannot be told beforehand.

        Asked only of problems that are supported and parameters that are valid. It must not allocate what it counts,
        and is exact in whole numbers of any size.
        """
        return None

    @abstractmethod
    def begin(self, problem: Problem, context: Context) -> Session:
        """Everything before the first step."""

    def rehearsal(self) -> Solver:
        """A cheaper solver with the same peak memory, for the memory pass; by default the solver itself.

        Only a method that has one gets its torch tensors traced on a CPU, since a trace grows with every iteration.
        """
        return self


def as_ode(problem: Problem) -> ODE | None:
    """`problem` as an initial value problem: itself, or the flow of a matrix eigenproblem; None for anything else."""
    if isinstance(problem, ODE):
        return problem
    if isinstance(problem, MatrixEigenproblem):
        return problem.flow()
    return None


def read_out(problem: Problem, states: Callable[[Array], Array], points: Array) -> Array:
    """Answer of an initial-value method at `points`; `states(t)` gives (len(t), components).

    An ODE is read at the instants in `points`; an eigenproblem takes the flow's last state as its vector.
    """
    if isinstance(problem, MatrixEigenproblem):
        end = np.array([problem.flow().final_time()])
        return states(end)[0, points[:, 0].astype(int)][:, None]
    return states(points[:, 0])
