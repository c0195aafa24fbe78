"""Which formulation serves which family of problems: the one place where a new family of loss is entered."""

from __future__ import annotations

from typing import Any

from backends.base import as_ode
from backends.neural.eigenstates import NormalisedResidualFormulation, PlainResidualFormulation, RayleighFormulation
from backends.neural.energy import EnergyFormulation
from backends.neural.integral import IntegralFormulation
from backends.neural.inverse import InverseFormulation
from backends.neural.ode_residual import ODEFormulation
from backends.neural.pde_residual import PDEFormulation
from backends.neural.residual import Formulation
from backends.neural.terminal import TerminalFormulation
from problems.base import ODE, PDE, Problem
from problems.families.eigenproblem import Eigenproblem
from problems.families.integral_equation import IntegralEquation
from problems.families.inverse import InverseProblem
from problems.families.terminal import TerminalValueProblem

KINDS: tuple[tuple[type[Problem], type[Formulation]], ...] = (
    (PDE, PDEFormulation),
    (PDE, EnergyFormulation),
    (ODE, ODEFormulation),
    (IntegralEquation, IntegralFormulation),
    (Eigenproblem, PlainResidualFormulation),
    (Eigenproblem, NormalisedResidualFormulation),
    (Eigenproblem, RayleighFormulation),
    (InverseProblem, InverseFormulation),
    (TerminalValueProblem, TerminalFormulation),
)
"""Families with the formulations that serve them; `Formulation.objective` tells those of one family apart."""


def trained_on(problem: Problem) -> Any:
    """What a network is trained for: the flow of a matrix eigenproblem, else `problem` itself."""
    return as_ode(problem) or problem


def represented(problem: Problem) -> Any:
    """The equation that conditions and points are those of; where its parameters are sought, with the first guess."""
    equation = trained_on(problem)
    return equation.at_guess() if isinstance(equation, InverseProblem) else equation


def formulation_of(problem: Problem, objective: str) -> type[Formulation] | None:
    """The formulation that makes `objective` small for `problem`; None where there is none."""
    equation = trained_on(problem)
    for family, kind in KINDS:
        if isinstance(equation, family) and kind.objective == objective:
            return kind
    return None
