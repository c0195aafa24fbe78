"""Every problem that declarations are checked for, and points of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import problems
from problems.base import Problem
from problems.families.inverse import InverseProblem
from tests.builtin import problem_classes
from tests.plugins.grids import Carried, Coupled, Insulated, Variable
from tests.plugins.parameters import Front, Slab
from tests.plugins.states import FACES, Graded, Membrane


def declared() -> Iterator[Any]:
    """Every problem with every preset, every combination of its choices, and the manufactured ones of other tests."""
    for cls in problem_classes():
        for preset in ("", *cls.presets):
            yield pytest.param(cls.create({}, preset), id=f"{cls.name}@{preset}")
    poisson = problems.REGISTRY.get("poisson")
    for d, solution in itertools.product((1, 2, 3), ("sines", "skewed")):
        yield pytest.param(poisson.create({"d": d, "solution": solution}), id=f"poisson-{d}-{solution}")
    for d, solution in itertools.product((1, 2, 5, 10), ("sine-sum", "harmonic")):
        if solution == "sine-sum" or d % 2 == 0:
            yield pytest.param(poisson.create({"d": d, "solution": solution}), id=f"poisson-{d}-{solution}")
    heat = problems.REGISTRY.get("heat")
    for d, walls, solution in itertools.product((1, 2, 5, 10), ("dirichlet", "mixed"), ("product", "slanted")):
        contrast = 0.5 if walls == "mixed" else 0.0
        parameters = {"d": d, "contrast": contrast, "walls": walls, "solution": solution}
        yield pytest.param(heat.create(parameters), id=f"heat-{d}-{walls}-{solution}")
    yield pytest.param(problems.REGISTRY.get("heat-1d").create({"mode": 3, "kappa": 0.7}), id="heat-1d-mode-3")
    wave = {"c": 1.3, "length": 2.0, "overtone": 0.3}
    yield pytest.param(problems.REGISTRY.get("wave-1d").create(wave), id="wave-1d-long")
    for problem in (Insulated(), Carried(), Variable(d=1), Variable(d=3), Coupled()):
        yield pytest.param(problem, id=f"{problem.name}-{problem.dimension}")
    radial = problems.REGISTRY.get("schroedinger-radial")
    for potential, ell in itertools.product(("hydrogen", "harmonic"), (0, 1, 2, 5)):
        yield pytest.param(
            radial.create({"potential": potential, "ell": ell, "states": 6}),
            id=f"schroedinger-radial-{potential}-{ell}",
        )
    yield pytest.param(radial.create({"Z": 3.0}), id="schroedinger-radial-Z=3")
    for d, coupling in ((1, 0.5), (2, 0.0), (5, 0.5), (10, 2.0)):
        yield pytest.param(
            problems.REGISTRY.get("schroedinger-nd").create({"d": d, "coupling": coupling}),
            id=f"schroedinger-nd-{d}-{coupling:g}",
        )
    fredholm = problems.REGISTRY.get("fredholm")
    for alpha, distance in ((0.1, 0.1), (0.9, 0.3)):
        yield pytest.param(fredholm.create({"kernel": "algebraic", "alpha": alpha}), id=f"fredholm-alpha={alpha}")
        yield pytest.param(fredholm.create({"kernel": "love", "distance": distance}), id=f"fredholm-d={distance}")
    for problem in (Front(), Slab()):
        yield pytest.param(problem, id=problem.name)
    yield pytest.param(Graded(), id="graded-string")
    for d, faces in itertools.product((1, 2), FACES):
        yield pytest.param(Membrane(d=d, faces_are=faces), id=f"membrane-{d}-{faces}")


def forward_problems(cases: Sequence[Any]) -> Iterator[Any]:
    """The equations behind inverse problems, with the true parameters and with those of the first guess."""
    for case in cases:
        problem = case.values[0]
        if not isinstance(problem, InverseProblem):
            continue
        guess = [unknown.guess for unknown in problem.unknowns()]
        yield pytest.param(problem.forward(problem.truth()), id=f"{case.id}-truth")
        yield pytest.param(problem.forward(guess), id=f"{case.id}-guess")


DECLARED = list(declared())
CATALOGUE = [*DECLARED, *forward_problems(DECLARED)]


def some_points(problem: Problem, count: int = 40) -> np.ndarray:
    """About `count` of the points that the problem is judged at, evenly spaced among them."""
    points = problem.points()
    return points[:: max(1, len(points) // count)]
