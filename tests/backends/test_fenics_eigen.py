"""Eigenpairs by finite elements: order 2p with a cap, singular coefficients, degenerate states, several processes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import problems
from backends import fenics_eigen
from backends.base import Context
from backends.fenics_eigen import FenicsEigen
from problems import InputError
from problems.decay import Decay
from tests.plugins.states import Graded, Membrane

RADIAL = problems.REGISTRY.get("schroedinger-radial")
Solve = Callable[..., Any]
# Leading terms for a wave number k on cells of size h, (kh)²/12 and (kh)⁴/720 of E = k² for P1 and P2 (Strang & Fix
# 1973, ch. 6), (kh)⁶/100800 for P3; k = 3π. Those of the atom were found by halving and stand with a margin of a fifth.
LADDERS = [
    (Membrane(), 1, 8, 1.1 * (3 * math.pi) ** 4 / 12),
    (Membrane(), 2, 8, 1.1 * (3 * math.pi) ** 6 / 720),
    (Membrane(), 3, 8, 1.1 * (3 * math.pi) ** 8 / 100800),
    (Membrane(d=2, faces_are="closed", states=5), 2, 6, 1.2 * 85.0),
    (Graded(), 3, 20, 1.2 * 4700.0),
    (RADIAL(ell=0, potential="harmonic"), 3, 16, None),
    (RADIAL(ell=2, potential="harmonic"), 3, 16, None),
    (RADIAL(), 2, 100, None),
    (RADIAL(), 3, 100, None),
    (RADIAL(ell=0), 3, 100, None),
]
FOUND = {
    ("harmonic", 0, 3): 6.5e-6,
    ("harmonic", 2, 3): 1.9e-5,
    ("hydrogen", 0, 3): 2.4e-5,
    ("hydrogen", 2, 2): 6.8e-6,
    ("hydrogen", 2, 3): 4.1e-8,
}


@pytest.mark.parametrize(("problem", "degree", "cells", "energy"), LADDERS)
def test_energies_are_of_order_twice_the_degree(
    solve: Solve, problem: Any, degree: int, cells: int, energy: float | None
) -> None:
    answers = [solve(problem, FenicsEigen(degree=degree, cells=n)) for n in (cells, 2 * cells)]
    assert [answer.status for answer in answers] == ["finished"] * 2, answers[1].reason
    coarse, fine = (answer.errors for answer in answers)
    assert math.log2(coarse["eigenvalue_error"] / fine["eigenvalue_error"]) == pytest.approx(2 * degree, abs=0.4)
    cap = energy * answers[1].facts["dx"] ** (2 * degree) if energy else FOUND[key(problem, degree)]
    assert fine["eigenvalue_error"] < cap
    assert math.log2(coarse["relative_l2"] / fine["relative_l2"]) == pytest.approx(degree + 1, abs=0.5)
    assert fine["norm"] == pytest.approx(1.0, abs=1e-4)
    assert fine["overlap"] < 1e-3


def key(problem: Any, degree: int) -> tuple[str, int, int]:
    return problem.potential, problem.ell, degree


def test_equal_states_are_all_found(solve: Solve) -> None:
    """Four states of a closed square have E = 4π², and a Krylov space alone holds one."""
    problem = Membrane(d=2, faces_are="closed", states=5)
    for cells in (8, 12, 16):
        answer = solve(problem, FenicsEigen(degree=1, cells=cells))
        assert answer.errors["eigenvalue_4"] == pytest.approx(4 * math.pi**2, rel=4.0 / cells**2)
        assert answer.errors["eigenvalue_4"] - answer.errors["eigenvalue_1"] < 0.2 * math.pi**2
        assert 2 <= answer.facts["factorisations"] <= 4


def test_default_mesh_finds_the_d_orbital_to_nine_digits(solve: Solve) -> None:
    answer = solve(RADIAL(), FenicsEigen(degree=3))
    assert answer.errors["eigenvalue_error"] < 1e-9
    assert answer.errors["relative_l2"] < 1e-5


def test_matrices_of_both_meshes_are_set_up_before_solving(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is assembled while the clock of solving runs would be charged to the method."""
    made: list[int] = []
    asked: list[Any] = []

    class Dense:
        def convert(self, kind: str) -> Any:
            return self

        def getDenseArray(self) -> Any:
            return np.diag([1.0, 4.0, 9.0, 16.0])

    class Pencil:
        def __init__(self, problem: Any, cells: int, degree: int) -> None:
            made.append(cells)

        def matrices(self) -> Any:
            return Dense(), Dense()

    monkeypatch.setattr(fenics_eigen, "Pencil", Pencil)
    monkeypatch.setattr(fenics_eigen, "ShiftInvert", lambda *given: asked.append(given[3]))
    monkeypatch.setattr(fenics_eigen.versions, "box_mesh", lambda box, cells, comm: cells)
    for place in ("world", "alone"):
        monkeypatch.setattr(fenics_eigen.versions, place, lambda: None)
    session = FenicsEigen(cells=100).begin(Membrane(), Context())
    session.prepare()
    assert made == [100, 33]
    session.solve()
    assert made == [100, 33]
    assert asked[0] == pytest.approx(np.ones(3))


@pytest.mark.parametrize("problem", [Decay(), problems.REGISTRY.get("symmetric-eigen")()])
def test_refuses_in_words_what_it_cannot_solve(problem: Any) -> None:
    assert "eigenproblem of an operator is needed" in (FenicsEigen().unsupported(problem) or "")


def test_refuses_fewer_unknowns_than_states_need() -> None:
    with pytest.raises(InputError, match="take more cells"):
        FenicsEigen(cells=3, degree=1).validate(Membrane())
