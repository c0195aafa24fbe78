"""Which figures a section has, and the arrays that they are drawn from."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.record import Record
from problems import Problem
from problems.base import ODE, PDE, Array, MatrixEigenproblem
from reports import pictures, workprecision
from reports.convergence import STEPS, studies
from reports.drawing import Figure, Palette
from reports.run import Run
from reports.summary import Configuration, Section

LOSS = ("loss_iterations", "loss_history")
TRAJECTORY = ("trajectory_t", "trajectory_y")


def of_section(run: Run, section: Section, problem: Problem | None, palette: Palette, anchor: str) -> Iterator[Figure]:
    """Step-size studies, pictures of the best row of each solver, training curves; `anchor` begins their names."""
    found = studies(section)
    for step in STEPS:
        of_step = [study for study in found if study.step == step]
        if of_step:
            yield workprecision.step_study(of_step, section, palette, f"{anchor}-{step}")
    curves = _training_curves(run, section)
    best = {c: run.arrays(_best(run, c)) for c in _best_of_each_solver(section)}
    solutions = {c: a["solution"] for c, a in best.items() if problem and _matches(a.get("solution"), problem)}
    if isinstance(problem, PDE) and solutions:
        scene = pictures.Scene.of(problem)
        limits = pictures.error_limits(scene, list(solutions.values()))
        for i, (c, solution) in enumerate(solutions.items()):
            yield pictures.field(scene, c, solution, limits, f"{anchor}-field-{i}")
    elif isinstance(problem, ODE) and solutions:
        yield pictures.states(pictures.Scene.of(problem), solutions, palette, f"{anchor}-states")
    elif isinstance(problem, MatrixEigenproblem):
        for i, (c, arrays) in enumerate(best.items()):
            t, y = (arrays.get(name) for name in TRAJECTORY)
            if t is not None and y is not None and y.shape == (t.size, problem.dimension) and t.size > 1:
                yield pictures.flow(problem, c, t.ravel(), y, f"{anchor}-flow-{i}")
    if curves:
        yield workprecision.training(curves, palette, f"{anchor}-loss")


def _training_curves(run: Run, section: Section) -> list[tuple[Configuration, list[tuple[Array, Array]]]]:
    curves = []
    for c in section.configurations:
        if c.family != "neural":
            continue
        arrays = [run.arrays(run.record(case)) for case in c.shown["case"]]
        histories = [(a[LOSS[0]].ravel(), a[LOSS[1]].ravel()) for a in arrays if all(name in a for name in LOSS)]
        histories = [(at, loss) for at, loss in histories if at.size == loss.size > 1]
        if histories:
            curves.append((c, histories))
    return curves


def _best_of_each_solver(section: Section) -> list[Configuration]:
    finished = [c for c in section.configurations if c.finished]
    solvers = dict.fromkeys(c.solver for c in finished)
    return [min((c for c in finished if c.solver == s), key=lambda c: c.median("error")) for s in solvers]


def _best(run: Run, c: Configuration) -> Record:
    return run.record(str(c.shown.loc[c.shown["error"].idxmin(), "case"]))


def _matches(solution: Array | None, problem: Problem) -> bool:
    return solution is not None and solution.ndim == 2 and len(solution) == len(problem.points())
