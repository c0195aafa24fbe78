"""Integral equations: kernels read the same in every framework, and singularities are integrated exactly."""

from __future__ import annotations

import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from scipy.integrate import quad

from backends.operations import jax_operations, torch_operations
from problems.families.integral_equation import Algebraic, IntegralEquation, Logarithmic, Singularity
from problems.operations import NUMPY
from tests.problems.catalogue import CATALOGUE


@pytest.mark.parametrize("problem", [p for p in CATALOGUE if isinstance(p.values[0], IntegralEquation)])
def test_integral_equation_reads_the_same_in_every_framework(problem: IntegralEquation) -> None:
    x, t = problem.points()[::40, 0], problem.points()[7::40, 0]
    for ops, array in ((torch_operations(), torch.as_tensor), (jax_operations(), jnp.asarray)):
        assert np.asarray(problem.free_term(ops, array(x))) == pytest.approx(problem.free_term(NUMPY, x), rel=1e-14)
        found, wanted = (
            np.broadcast_to(problem.smooth_factor(o, a(x[:, None]), a(t)), (len(x), len(t)))
            for o, a in ((ops, array), (NUMPY, np.asarray))
        )
        assert found == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("singularity", [Algebraic(0.5), Algebraic(0.9), Logarithmic()], ids=str)
def test_primitives_of_a_singularity_are_its_integrals(singularity: Singularity) -> None:
    for k, u in itertools.product(range(5), (-1.3, -1e-3, 0.2, 2.0)):
        power = -singularity.alpha if isinstance(singularity, Algebraic) else 0.0
        kind = {"weight": "alg" if power else "alg-loga", "wvar": (power, 0.0)}
        wanted = math.copysign(1.0, u) ** (k + 1) * quad(lambda s, k=k: s**k, 0.0, abs(u), **kind)[0]
        assert float(singularity.primitive(np.array(u), k)) == pytest.approx(wanted, rel=1e-12)
        assert float(singularity.primitive(np.array(0.0), k)) == 0.0
    distance = np.array([0.01, 1.0, 3.0])
    step = 1e-6 * distance
    slope = (singularity.primitive(distance + step, 0) - singularity.primitive(distance - step, 0)) / (2.0 * step)
    assert singularity.value(NUMPY, distance) == pytest.approx(slope, rel=1e-8, abs=1e-8)
