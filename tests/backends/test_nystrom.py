"""Integral equations by Nyström's method and by successive approximation: orders, caps, exactness, refusals."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.integrate import quad

from backends.base import Context, Diverged
from backends.integrals.product import Mesh
from backends.nystrom import Nystrom
from backends.picard import Picard
from problems import REGISTRY, InputError
from problems.families.integral_equation import Algebraic, IntegralEquation, Logarithmic
from problems.parameters import parameter

FREDHOLM = REGISTRY.get("fredholm")
SEPARABLE, LOVE = FREDHOLM.create(), FREDHOLM.create({}, "love")
SINGULAR = {"algebraic": FREDHOLM.create({}, "algebraic"), "logarithmic": FREDHOLM.create({}, "logarithmic")}


def run(problem, solver=Nystrom, seed=0, others=None, **rule):
    built = solver.create({**(others or {}), "rule": rule})
    assert built.unsupported(problem) is None
    built.validate(problem)
    session = built.begin(problem, Context(seed=seed))
    session.solve()
    points = problem.points()
    wanted, found = problem.reference(points), session.solution(points)
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted)), session


def orders(problem, nodes, **parameters):
    errors = [run(problem, nodes=n, **parameters)[0] for n in nodes]
    return [math.log2(a / b) for a, b in itertools.pairwise(errors)], errors


def test_gauss_legendre_converges_geometrically_at_the_rate_of_the_nearest_pole():
    """Poles at x ± i, seen from (−1, 1) at its middle: two nodes more divide the error by ρ⁴ = (1 + √2)⁴ = 34."""
    errors = [run(LOVE, nodes=n)[0] for n in (4, 6, 8, 10)]
    assert [a / b for a, b in itertools.pairwise(errors)] == pytest.approx([34.0] * 3, rel=0.25)
    assert run(LOVE, nodes=24)[0] < 1e-14


def test_gauss_legendre_solves_the_equation_of_the_source_with_eight_nodes():
    error, session = run(SEPARABLE, nodes=8)
    assert error < 1e-13
    assert session.facts()["unknowns"] == 8
    assert 1e-4 < run(SEPARABLE, nodes=3)[0] < 1e-3


@pytest.mark.parametrize("problem", [SEPARABLE, LOVE], ids=["separable", "love"])
@pytest.mark.parametrize(("kind", "order", "cap"), [("trapezoid", 2, 3e-4), ("simpson", 4, 5e-8)])
def test_composite_rules_have_their_orders(problem, kind, order, cap):
    found, errors = orders(problem, (17, 33, 65), kind=kind)
    assert found == pytest.approx([order] * 2, abs=0.1)
    assert errors[-1] < cap


def test_monte_carlo_is_of_order_one_half_and_follows_the_seed():
    """The solution is sin x / (1 − Q) with Q = π/(2n) Σ sin t cos t, of mean ½ and variance (π/2)² (1/8 − 1/π²)/n.

    So the relative error has the deviation 2 √(var Q), which 40 seeds show to 11 %.
    """
    errors = []
    for n in (25, 100, 400):
        squares = [run(SEPARABLE, kind="monte-carlo", nodes=n, seed=seed)[0] ** 2 for seed in range(40)]
        errors.append(math.sqrt(np.mean(squares)))
    slopes = [math.log(a / b, 4) for a, b in itertools.pairwise(errors)]
    assert slopes == pytest.approx([0.5, 0.5], abs=0.25)
    assert errors[-1] == pytest.approx(math.pi * math.sqrt((1.0 / 8.0 - 1.0 / math.pi**2) / 400), rel=0.35)
    one, other, again = (run(SEPARABLE, kind="monte-carlo", seed=seed)[0] for seed in (1, 2, 1))
    assert one == again
    assert one != other


@pytest.mark.parametrize("singularity", [Algebraic(0.3), Algebraic(0.9), Logarithmic()], ids=str)
@pytest.mark.parametrize(("degree", "grading"), [(1, 1.0), (2, 3.0), (4, 4.0), (8, 2.0)])
def test_product_weights_are_exact_for_what_their_elements_hold(singularity, degree, grading):
    mesh = Mesh.graded(-0.5, 2.0, 8, degree, grading)
    nodes = mesh.nodes
    assert len(nodes) == 8 * degree + 1
    assert (np.diff(nodes) > 0).all()
    assert (nodes[0], nodes[-1]) == (-0.5, 2.0)
    x = np.array([-0.5, nodes[1], -0.31, 0.75, 1.999, 2.0])
    found = mesh.weights(singularity, x) @ (1.0 - nodes) ** degree
    for place, value in zip(x, found, strict=True):
        wanted = 0.0
        for lower, upper, sign in ((-0.5, place, 1), (place, 2.0, 0)):
            if upper > lower:
                power = -singularity.alpha if isinstance(singularity, Algebraic) else 0.0
                weight = {"weight": "alg", "wvar": (0.0, power)[:: sign or -1]}
                if not power:
                    weight = {"weight": "alg-logb" if sign else "alg-loga", "wvar": (0.0, 0.0)}
                wanted += quad(lambda t: (1.0 - t) ** degree, lower, upper, **weight)[0]
        assert value == pytest.approx(wanted, rel=1e-11, abs=1e-12)


# Solutions behave like a distance to the power β at the ends: β = (1 + α)/2 = 3/4 and 1/2.
@pytest.mark.parametrize(("kernel", "beta"), [("algebraic", 0.75), ("logarithmic", 0.5)])
@pytest.mark.parametrize("degree", [1, 2, 4])
def test_on_equal_elements_the_ends_spoil_the_order_of_product_integration(kernel, beta, degree):
    nodes = [degree * m + 1 for m in (16, 32, 64, 128)]
    found, _ = orders(SINGULAR[kernel], nodes, kind="product", degree=degree)
    assert np.mean(found) == pytest.approx(1.0 + beta, abs=0.15)


# Order r + 1 for the odd degree, 1 − α more for even ones, and a little more than that for α = ½ before it is reached.
@pytest.mark.parametrize(
    ("kernel", "degree", "grading", "order", "cap"),
    [
        ("algebraic", 1, 2.0, 2.0, 5e-4),
        ("algebraic", 2, 3.0, 3.6, 1.5e-7),
        ("algebraic", 4, 4.0, 5.5, 1.5e-10),
        ("logarithmic", 1, 2.0, 2.0, 1.5e-4),
        ("logarithmic", 2, 4.0, 4.0, 1.5e-7),
        ("logarithmic", 4, 4.0, 5.75, 1e-10),
    ],
)
def test_grading_restores_the_order_of_product_integration(kernel, degree, grading, order, cap):
    nodes = [degree * m + 1 for m in (16, 32, 64)]
    found, errors = orders(SINGULAR[kernel], nodes, kind="product", degree=degree, grading=grading)
    assert found == pytest.approx([order] * 2, abs=0.3)
    assert errors[-1] < cap


@pytest.mark.parametrize("kernel", SINGULAR)
def test_high_degree_on_graded_elements_reaches_rounding(kernel):
    assert run(SINGULAR[kernel], kind="product", nodes=513, degree=8, grading=5.0)[0] < 1e-13
    assert run(SINGULAR[kernel], **Nystrom.presets["graded"]["rule"])[0] < 1e-8


@dataclass(frozen=True)
class Weighted(IntegralEquation):
    """y = f + ¼ ∫₀¹ |x − t|^{−1/2} e^{xt} y(t) dt with y = 1: a singularity times a factor that is not constant."""

    name = "weighted"
    title = equation = citation = "manufactured"

    strength: float = parameter(0.25, "λ")

    def interval(self):
        return (0.0, 1.0)

    def multiplier(self):
        return self.strength

    def singularity(self):
        return Algebraic(0.5)

    def smooth_factor(self, ops, x, t):
        return ops.exp(x * t)

    def free_term(self, ops, x):
        halves = [
            quad(lambda t, s=s: math.exp(s * t), a, b, weight="alg", wvar=power)[0] if b > a else 0.0
            for s in x
            for a, b, power in ((0.0, s, (0.0, -0.5)), (s, 1.0, (-0.5, 0.0)))
        ]
        return 1.0 - self.strength * np.add(halves[::2], halves[1::2])

    def exact(self, ops, x):
        return 1.0 + 0.0 * x


def test_smooth_factor_of_a_singular_kernel_is_interpolated_with_the_solution():
    """For smooth products even degrees gain 1 − α: order 3.5 on equal elements."""
    found, errors = orders(Weighted(), (17, 33, 65), kind="product", degree=2)
    assert found == pytest.approx([3.5] * 2, abs=0.25)
    assert errors[-1] < 1e-6


def test_iterations_give_what_the_factorisation_gives():
    nodes, found = 601, {}
    for linear in ("lu", "gmres", "auto"):
        _, session = run(LOVE, kind="simpson", nodes=nodes, others={"linear": linear})
        found[linear] = session.solution(LOVE.points())
        facts = session.facts()
        assert facts["engine"] == ("dense LU" if linear == "lu" else "GMRES")
        assert (0 < facts["linear_iterations"] <= 8) == (linear != "lu")
    assert found["gmres"] == pytest.approx(found["lu"], rel=1e-13)
    assert np.array_equal(found["auto"], found["gmres"])
    assert run(LOVE, nodes=64)[1].facts()["engine"] == "dense LU"


def test_successive_approximation_converges_by_the_spectral_radius_to_nystroms_solution():
    """S3's kernel has the one eigenvalue ∫ sin t cos t dt = ½: 47 halvings from 1 to 10⁻¹⁴."""
    error, session = run(SEPARABLE, Picard, nodes=8)
    assert error < 1e-13
    assert 44 <= session.facts()["linear_iterations"] <= 50
    points = LOVE.points()
    pair = [run(LOVE, solver, nodes=6)[1].solution(points) for solver in (Nystrom, Picard)]
    assert pair[0] == pytest.approx(pair[1], rel=1e-13)
    assert run(SINGULAR["logarithmic"], Picard, kind="product", nodes=129, degree=4, grading=4.0)[0] < 1e-8


def test_successive_approximation_that_cannot_converge_is_a_divergence():
    with pytest.raises(Diverged, match="larger than 1"):
        run(Weighted(strength=2.0), Picard, kind="product")
    _, session = run(SEPARABLE, Picard, others={"iterations": 5})
    assert "still changed by" in session.outcome


def test_what_a_rule_cannot_take_is_refused():
    assert "choose rule.kind=product" in Nystrom().unsupported(SINGULAR["algebraic"])
    assert "choose gauss-legendre" in Nystrom.create({"rule": "product"}).unsupported(LOVE)
    assert "family ODE" in Picard().unsupported(REGISTRY.get("decay").create())


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"kind": "simpson", "nodes": 64}, "give 65"),
        ({"kind": "product", "nodes": 64}, "such as 65"),
        ({"kind": "product", "nodes": 67, "grading": 2.0}, "multiple of 4, such as 69"),
        ({"kind": "product", "nodes": 513, "degree": 4, "grading": 9.0}, "give at most 7.03"),
    ],
)
def test_rules_that_do_not_fit_are_refused_with_the_nearest_that_do(rule, sentence):
    with pytest.raises(InputError, match=sentence):
        Nystrom.create({"rule": rule})
