"""By how much a solution misses its own equation, by nested automatic differentiation or adaptive quadrature."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad

from backends.operations import jax_operations
from problems.base import PDE
from problems.families.eigenproblem import Eigenproblem
from problems.families.integral_equation import Algebraic, IntegralEquation, Logarithmic
from problems.operations import NUMPY


def has_exact(problem: PDE) -> bool:
    """Whether the solution is given by a formula, and not computed."""
    return type(problem).exact is not PDE.exact


def split(problem: PDE, point: Any) -> tuple[list[Any], Any]:
    """Coordinates and time of one point."""
    d = problem.dimension
    return [point[i] for i in range(d)], 0.0 if problem.steady else point[d]


def exact(problem: PDE, point: Any) -> Any:
    x, t = split(problem, point)
    return jnp.stack([jnp.asarray(v, dtype=float) for v in problem.exact(jax_operations(), x, t)])


def diffusive_flux(problem: PDE, point: Any, axis: int) -> Any:
    """κ ∂u/∂x_axis of the exact solution at one point."""
    x, t = split(problem, point)
    gradient = jax.jacfwd(lambda z: exact(problem, z))(point)[:, axis]
    kappa = problem.diffusivity(jax_operations(), x, t, exact(problem, point))
    return jnp.asarray(kappa) @ gradient if isinstance(kappa, (tuple, list)) else kappa * gradient


def strong_residual(problem: PDE, point: Any) -> Any:
    """uₜ + ∇·F(u) − ∇·(κ∇u) − S of the exact solution at one point (x…, t), by nested automatic differentiation."""
    ops, d = jax_operations(), problem.dimension

    def total_flux(z: Any, axis: int) -> Any:
        x, t = split(problem, z)
        flux = problem.flux(ops, x, t, exact(problem, z))
        convective = jnp.stack([row[axis] for row in flux]) if flux is not None else 0.0
        return convective - diffusive_flux(problem, z, axis)

    x, t = split(problem, point)
    residual = sum(jax.jacfwd(lambda z, a=a: total_flux(z, a))(point)[:, a] for a in range(d))
    if not problem.steady:
        residual = residual + jax.jacfwd(lambda z: exact(problem, z))(point)[:, d]
    source = problem.source(ops, x, t, exact(problem, point))
    return residual if source is None else residual - jnp.stack([jnp.asarray(s, dtype=float) for s in source])


def integral_residual(problem: IntegralEquation, x: float) -> float:
    """y − f − λ ∫ K y of the reference at x, by adaptive Gauss–Kronrod rules whose weights know the singularity.

    They are those of QUADPACK for (t − a)^μ (b − t)^ν, times log (t − a) or log (b − t), on either side of x.
    """
    a, b = problem.interval()
    singularity = problem.singularity()

    def product(t: float) -> float:
        return float(problem.smooth_factor(NUMPY, x, t)) * float(problem.reference(np.array([[t]]))[0, 0])

    def integral(lower: float, upper: float, **weight: Any) -> float:
        return 0.0 if lower == upper else float(quad(product, lower, upper, epsabs=1e-12, limit=400, **weight)[0])

    if singularity is None:
        total = integral(a, b)
    elif isinstance(singularity, Algebraic):
        power = -singularity.alpha
        total = integral(a, x, weight="alg", wvar=(0.0, power)) + integral(x, b, weight="alg", wvar=(power, 0.0))
    else:
        assert isinstance(singularity, Logarithmic)
        total = integral(a, x, weight="alg-logb", wvar=(0, 0)) + integral(x, b, weight="alg-loga", wvar=(0, 0))
    free = float(problem.free_term(NUMPY, x))
    return float(problem.reference(np.array([[x]]))[0, 0]) - free - problem.multiplier() * total


def states_at(problem: Eigenproblem, point: Any) -> Any:
    return jnp.stack([jnp.asarray(v, dtype=float) for v in problem.exact(jax_operations(), list(point))])


def state_residual(problem: Eigenproblem, point: Any) -> Any:
    """−∇·(κ∇ψ) + V ψ − E w ψ of every exact state at one point, by nested automatic differentiation."""
    ops = jax_operations()

    def flux(x: Any) -> Any:
        return problem.diffusivity(ops, list(x)) * jax.jacfwd(lambda z: states_at(problem, z))(x)

    divergence = jnp.trace(jax.jacfwd(flux)(point), axis1=1, axis2=2)
    x, psi = list(point), states_at(problem, point)
    return (
        -divergence + problem.reaction(ops, x) * psi - jnp.asarray(problem.eigenvalues()) * problem.weight(ops, x) * psi
    )
