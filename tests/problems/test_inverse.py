"""Inverse problems: their data, what the noise in them allows, and the estimate by which solvers are judged."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import torch

import problems
from backends.operations import jax_operations, torch_operations
from problems.families.inverse import InverseProblem
from problems.operations import NUMPY
from tests.plugins.parameters import Front, Slab

HEAT = problems.REGISTRY.get("heat-inverse")
CASES = [HEAT.create(), HEAT.create({}, "two"), Front(), Slab()]
NAMED = pytest.mark.parametrize("problem", CASES, ids=["heat", "heat-two", "front", "slab"])


@NAMED
def test_sensitivities_are_the_derivatives_of_the_exact_solution(problem: InverseProblem) -> None:
    """By forward-mode differentiation through the declaration, with coefficients that JAX traces."""
    points = problem.observations()[0]

    def prediction(theta: Any) -> Any:
        equation = problem.forward(theta)
        x, t = equation.split(jnp.asarray(points))
        return jnp.stack(equation.exact(jax_operations(), x, t), axis=-1)

    for theta in (problem.truth(), [unknown.guess for unknown in problem.unknowns()]):
        wanted = jax.jacfwd(prediction)(jnp.asarray(theta))
        found = problem.sensitivities(theta)
        assert found.shape == (len(points), 1, len(problem.unknowns()))
        assert found == pytest.approx(np.asarray(wanted), abs=1e-12 * float(jnp.abs(wanted).max()))
        assert problem.prediction(theta) == pytest.approx(np.asarray(prediction(jnp.asarray(theta))), abs=1e-13)


@NAMED
def test_standard_errors_follow_from_central_differences_too(problem: InverseProblem) -> None:
    truth, h = problem.truth(), 1e-5
    columns = []
    for move in np.diag(h * truth):
        columns.append((problem.prediction(truth + move) - problem.prediction(truth - move)).ravel() / (2 * move.sum()))
    slopes = np.column_stack(columns)
    # The bound by the singular values of the differences, not by a product and its inverse.
    _, values, rows = np.linalg.svd(slopes, full_matrices=False)
    wanted = problem.noise * np.sqrt(((rows.T / values) ** 2).sum(axis=1))
    assert problem.standard_errors() == pytest.approx(wanted, rel=1e-8)


def test_noise_has_the_stated_deviation_and_belongs_to_the_seed() -> None:
    samples = []
    for seed in range(100):
        problem = HEAT.create({"noise": 0.03, "seed": seed})
        points, values = problem.observations()
        assert np.array_equal(values, problem.observations()[1])
        assert points.shape == (200, 2)
        samples.append(values - problem.prediction(problem.truth()))
    noise = np.stack(samples).ravel()
    # Four standard deviations of the mean and of the deviation of 20,000 samples.
    assert abs(noise.mean()) < 4 * 0.03 / np.sqrt(noise.size)
    assert noise.std() == pytest.approx(0.03, rel=4 / np.sqrt(2 * noise.size))
    assert abs(np.mean(noise**4) / noise.var() ** 2 - 3.0) < 4 * np.sqrt(24 / noise.size)
    assert np.abs(np.corrcoef(np.stack(samples)[:20, :, 0])[0, 1:]).max() < 4 / np.sqrt(200)


@NAMED
def test_data_without_noise_are_the_exact_solution(problem: InverseProblem) -> None:
    clean = dataclasses.replace(problem, noise=0.0)
    assert np.array_equal(clean.observations()[1], clean.prediction(clean.truth()))
    assert clean.estimate() == pytest.approx(clean.truth(), rel=1e-14)
    found = clean.measures(1.01 * clean.truth()[:, None])
    assert found["parameter_error"] == pytest.approx(0.01)
    assert found["estimate_error"] == pytest.approx(0.01)
    assert "standard_error" not in found


@NAMED
def test_estimate_has_the_least_sum_of_squares(problem: InverseProblem) -> None:
    """Its gradient vanishes to rounding, and a search without derivatives from the first guess ends there."""
    _, values = problem.observations()
    best = problem.estimate()
    residual = (problem.prediction(best) - values).ravel()
    slopes = problem.sensitivities(best).reshape(len(residual), -1)
    angles = slopes.T @ residual / (np.linalg.norm(slopes, axis=0) * np.linalg.norm(residual))
    assert np.abs(angles).max() < 1e-13

    def sum_of_squares(theta: np.ndarray) -> float:
        return float(((problem.prediction(theta) - values) ** 2).sum())

    searched = scipy.optimize.minimize(
        sum_of_squares, [u.guess for u in problem.unknowns()], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 0}
    )
    assert searched.x == pytest.approx(best, rel=1e-6)


def test_estimates_scatter_as_the_bound_says() -> None:
    """Over 400 samples of the noise, in standard errors: a mean of 0, a deviation of 1, and one in twenty beyond 1.96.

    The bias of nonlinear least squares is of second order in the noise, which is small here.
    """
    for preset in ("", "two"):
        cases = [HEAT.create({"noise": 0.003, "seed": seed}, preset) for seed in range(400)]
        scaled = np.array([(p.estimate() - p.truth()) / p.standard_errors() for p in cases])
        assert np.abs(scaled.mean(axis=0)).max() < 4 / 20
        assert scaled.std(axis=0) == pytest.approx(1.0, abs=4 / np.sqrt(800))
        assert (np.abs(scaled) > 1.96).mean() == pytest.approx(0.05, abs=0.025)


def test_figures_of_the_docstring_are_what_the_noise_allows() -> None:
    one, two = HEAT.create(), HEAT.create({}, "two")
    assert one.standard_errors() / one.truth() == pytest.approx([0.0050], abs=5e-5)
    assert two.standard_errors() / two.truth() == pytest.approx([0.011, 0.030], abs=5e-4)
    start = one.forward(one.truth()).initial(NUMPY, [np.linspace(0.0, 1.0, 1001)])[0]
    assert start.max() == pytest.approx(1.0, abs=0.05)
    finer = HEAT.create({"noise": 0.001, "sensors": 80})
    assert finer.standard_errors() == pytest.approx(one.standard_errors() / 20.0, rel=0.01)


def test_measures_tell_the_distance_from_the_truth_from_that_of_the_estimate() -> None:
    problem = HEAT.create({}, "two")
    best, truth, deviations = problem.estimate(), problem.truth(), problem.standard_errors()
    found = problem.measures(best[:, None])
    assert found["estimate_error"] == 0.0
    assert found["parameter_error"] == pytest.approx(np.abs(best / truth - 1.0).max())
    assert found["kappa"] == best[0]
    assert found["rate_error"] == pytest.approx(abs(best[1] - 0.5) / 0.5)
    found = problem.measures((truth + [0.0, 2.0] * deviations)[:, None])
    assert found["parameter_error_in_standard_errors"] == pytest.approx(2.0)
    assert found["standard_error"] == pytest.approx(0.030, abs=5e-4)


@pytest.mark.parametrize(("factor", "covered"), [(0.5, 0.5), (2.0, 1.0)])
def test_stated_interval_covers_the_truth_or_does_not(factor: float, covered: float) -> None:
    """The first parameter is off by nothing, the second by 1.5 standard errors."""
    problem = HEAT.create({}, "two")
    deviations = problem.standard_errors()
    solution = (problem.truth() + [0.0, 1.5] * deviations)[:, None]
    assert problem.measures(solution, {"standard_errors": factor * deviations})["interval_covers"] == covered
    assert "interval_covers" not in problem.measures(solution, {"standard_errors": deviations[:1]})


@NAMED
def test_coefficients_may_be_scalars_of_torch(problem: InverseProblem) -> None:
    """Whatever a declaration gives can be differentiated with respect to them."""
    theta = torch.tensor(problem.truth(), requires_grad=True)
    equation = problem.forward(list(theta))
    points = torch.as_tensor(problem.observations()[0])
    x, t = [points[:, 0]], 0.0 if equation.steady else points[:, 1]
    u = equation.exact(torch_operations(), x, t)
    parts = [equation.diffusivity(torch_operations(), x, t, u), *(equation.source(torch_operations(), x, t, u) or ())]
    (gradient,) = torch.autograd.grad(sum(torch.as_tensor(part).sum() for part in parts), theta)
    assert torch.isfinite(gradient).all()
    assert (gradient != 0.0).all()


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"unknown": "kappa-and-rate"}, "'rate' is 0 and is to be found"),
        ({"noise": -1.0}, "'noise' is -1.0; it must be at least 0"),
        ({"kappa": 2.0}, "'kappa' is 2.0; it must be at most 0.5"),
    ],
)
def test_problem_that_makes_no_sense_is_refused(parameters: dict[str, Any], sentence: str) -> None:
    with pytest.raises(problems.InputError, match=sentence):
        HEAT.create(parameters)


def test_noise_that_drowns_the_signal_is_told() -> None:
    with pytest.raises(ArithmeticError, match=r"-0\.559 is not within the bounds; take less noise"):
        HEAT.create({"noise": 1.0}, "two").estimate()
    with pytest.raises(ArithmeticError, match="did not converge"):
        HEAT.create({"noise": 30.0}).estimate()
