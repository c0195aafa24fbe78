"""Which figures a section has, and the arrays that they are drawn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.record import Record
from problems import Problem
from problems.base import ODE, PDE, Array, MatrixEigenproblem
from problems.families.eigenproblem import Eigenproblem
from problems.families.integral_equation import IntegralEquation
from problems.families.inverse import InverseProblem
from problems.families.terminal import TerminalValueProblem
from reports import estimates, fields, pictures, training, workprecision
from reports.convergence import STEPS, studies
from reports.drawing import Figure, Palette
from reports.run import Run
from reports.summary import Configuration, Section
from reports.training import Course

TRAJECTORY = ("trajectory_t", "trajectory_y")


def of_section(
    run: Run, section: Section, problem: Problem | None, courses: Sequence[Course], palette: Palette, anchor: str
) -> Iterator[Figure]:
    """Step-size studies, pictures of the best row of each solver, training; `anchor` begins their names."""
    found = studies(section)
    for step in STEPS:
        of_step = [study for study in found if study.step == step]
        if of_step:
            yield workprecision.step_study(of_step, section, palette, f"{anchor}-{step}")
    best = {c: run.arrays(_best(run, c)) for c in _best_of_each_solver(section)}
    solutions = {c: a["solution"] for c, a in best.items() if problem and _matches(a.get("solution"), problem)}
    if isinstance(problem, PDE) and solutions:
        scene = pictures.Scene.of(problem)
        limits = fields.error_limits(scene, list(solutions.values()))
        for i, c in enumerate(solutions):
            yield fields.field(scene, c, best[c], limits, f"{anchor}-field-{i}")
    elif isinstance(problem, (ODE, IntegralEquation)) and solutions:
        shown, scene = {c: best[c] for c in solutions}, pictures.Scene.of(problem)
        yield pictures.states(scene, shown, palette, f"{anchor}-states")
        plane = pictures.phase_plane(scene, shown, palette, f"{anchor}-phase-plane")
        if plane:
            yield plane
    elif isinstance(problem, Eigenproblem) and problem.dimension == 1 and solutions:
        shown = {c: best[c] for c in solutions}
        yield pictures.eigenfunctions(pictures.Scene.of(problem), shown, palette, f"{anchor}-eigenfunctions")
    elif isinstance(problem, InverseProblem) and solutions:
        nearest = min(solutions, key=lambda c: c.median("error"))
        fitted = estimates.observations(problem, nearest, solutions[nearest][:, 0], f"{anchor}-observations")
        if fitted:
            yield fitted
        yield estimates.estimates(problem, {c: best[c] for c in solutions}, palette, f"{anchor}-estimates")
    elif isinstance(problem, TerminalValueProblem):
        found_values = estimates.single_values(run, section, problem, palette, f"{anchor}-values")
        if found_values:
            yield found_values
    elif isinstance(problem, MatrixEigenproblem):
        for i, (c, arrays) in enumerate(best.items()):
            t, y = (arrays.get(name) for name in TRAJECTORY)
            if t is not None and y is not None and y.shape == (t.size, problem.dimension) and t.size > 1:
                yield pictures.flow(problem, c, t.ravel(), y, f"{anchor}-flow-{i}")
    drawn = (
        training.trajectories(courses, section.headline, palette, f"{anchor}-training"),
        training.losses(courses, palette, f"{anchor}-loss"),
        training.terms(courses, f"{anchor}-terms"),
    )
    yield from (figure for figure in drawn if figure)


def _best_of_each_solver(section: Section) -> list[Configuration]:
    finished = [c for c in section.configurations if c.finished]
    solvers = dict.fromkeys(c.solver for c in finished)
    return [
        min((c for c in finished if c.solver == s), key=lambda c: (not c.answers, c.median("error"))) for s in solvers
    ]


def _best(run: Run, c: Configuration) -> Record:
    return run.record(str(c.shown.loc[c.shown["error"].idxmin(), "case"]))


def _matches(solution: Array | None, problem: Problem) -> bool:
    return solution is not None and solution.ndim == 2 and len(solution) == len(problem.points())
