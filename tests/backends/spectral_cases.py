"""Runs of spectral collocation, and a wave that goes around."""

from __future__ import annotations

import math

import numpy as np

from backends.base import Context
from backends.spectral import Spectral
from problems import REGISTRY
from problems.base import Periodic


def run(problem, **parameters):
    """Relative L² error at the problem's own points, and the session."""
    solver = Spectral.create(parameters)
    assert solver.unsupported(problem) is None
    solver.validate(problem)
    session = solver.begin(problem, Context())
    session.solve()
    points = problem.points()
    wanted, found = problem.reference(points), session.solution(points)
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted)), session


class RingWave(type(REGISTRY.get("wave-1d").create())):
    """The wave equation around a ring: u = sin 2πx cos 2πct, which no node at an end holds fast."""

    name = "ring-wave"

    def condition(self, axis, side):
        return Periodic()

    def exact(self, ops, x, t):
        k, w = 2.0 * math.pi, 2.0 * math.pi * self.c
        return ops.sin(k * x[0]) * ops.cos(w * t), -w * ops.sin(k * x[0]) * ops.sin(w * t)
