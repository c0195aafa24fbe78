"""Residuals, losses and their derivatives: one engine against the other, and against plain differentiation."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from tests.backends.neural_cases import (
    CASES,
    LINEARISED,
    TIED,
    begin,
    flat,
    jax_view,
    of_jax,
    of_torch,
    shaken,
    squares,
    torch_view,
    vectors,
)

torch = pytest.importorskip("torch")


def agree(found, wanted, tolerance=1e-10):
    """Equal up to rounding in the larger of the numbers."""
    found, wanted = np.asarray(found), np.asarray(wanted)
    assert found.shape == wanted.shape
    assert np.abs(wanted).max() > 1e-3
    assert np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()


@pytest.mark.parametrize("case", [*CASES, *TIED])
def test_both_engines_have_the_same_blocks_loss_and_gradient(case):
    (session, on_torch), (_, on_jax) = of_torch(case), of_jax(case)
    count = len(session.formulation.term_names) if squares(session.formulation) else 0
    assert len(on_torch["blocks"]) == len(on_jax["blocks"]) == count
    for found, wanted in zip(on_jax["blocks"], on_torch["blocks"], strict=True):
        agree(found, wanted)
    agree(on_jax["terms"], on_torch["terms"])
    agree(on_jax["gradient"], on_torch["gradient"])


def test_both_engines_begin_with_the_same_parameters_and_points():
    for case in CASES:
        one, other = of_torch(case)[0], of_jax(case)[0]
        assert (flat(one.layers) == flat(other.layers)).all()
        for a, b in zip(one.sets, other.sets, strict=True):
            assert (a is None) == (b is None)
            assert a is None or (a.base == b.base).all()


def rows_by_torch(session):
    """All scaled residuals, differentiated by torch through the plain operations of a network, row by row.

    The scales are worked out from what the loss is said to be: Σ weight · mean square of a block per component.
    """
    form = session.formulation
    session.put(shaken(session))
    blocks = form.blocks(session.network(session.parameters), *session.places)
    rows = []
    for weight, block in zip(session.weights, blocks, strict=True):
        emphasis = form.emphasis(block, session.places[0]) if block is blocks[0] else 1.0
        scale = (weight * emphasis / (block.shape[1] * form.components)) ** 0.5
        rows.append((block * scale).reshape(-1))
    rows = torch.cat(rows)
    jacobian = [
        torch.cat(
            [
                part.reshape(-1)
                for part in torch.autograd.grad(row, session.parameters, retain_graph=True, materialize_grads=True)
            ]
        )
        for row in rows
    ]
    return rows.detach().numpy(), torch.stack(jacobian).numpy()


@pytest.mark.parametrize("case", CASES)
def test_the_jacobian_is_that_of_plain_differentiation(case):
    session, _ = of_torch(case)
    rows, jacobian = rows_by_torch(session)
    found_rows, found = session.jacobian_at(shaken(session))
    agree(found_rows, rows, 1e-12)
    agree(found, jacobian, 1e-10)
    if case in LINEARISED:
        _, on_jax = of_jax(case)
        agree(on_jax["rows"], rows)
        agree(on_jax["jacobian"], jacobian)


@pytest.mark.parametrize("case", CASES)
def test_the_squares_of_all_rows_add_up_to_the_loss_and_make_its_gradient(case):
    session, view = of_torch(case)
    rows, jacobian = session.jacobian_at(shaken(session))
    assert float(rows @ rows) == pytest.approx(float(session.weights @ view["terms"]), rel=1e-12)
    # With causal weights too: neither side differentiates them.
    agree(2.0 * rows @ jacobian, view["gradient"])


@pytest.mark.parametrize("case", CASES)
def test_products_are_those_with_the_jacobian(case):
    session, _ = of_torch(case)
    rows, jacobian = session.jacobian_at(shaken(session))
    again, forward, adjoint, square = session.products_at(shaken(session))
    assert again == pytest.approx(rows, rel=1e-12)
    v, u = vectors(*jacobian.shape)
    agree(forward(v), jacobian @ v, 1e-12)
    agree(adjoint(u), jacobian.T @ u, 1e-12)
    assert square == pytest.approx(float((jacobian**2).sum()), rel=1e-12)
    if case in LINEARISED:
        _, view = of_jax(case)
        agree(view["forward"], jacobian @ v)
        agree(view["adjoint"], jacobian.T @ u)


MODES = ("taylor", "forward-over-reverse", "nested-reverse")
NESTED = {
    "reactor": {"points.count": 4, "network.widths": (3,)},
    "burgers": {"network.kind": "dgm", "network.width": 3, "network.layers": 1, "constraint.kind": "penalty"},
    "ring": {"network.kind": "modified-mlp", "network.width": 3, "network.layers": 1, "network.features": 2},
    "rod": {"network.kind": "residual", "network.width": 3, "network.blocks": 1, "constraint.kind": "penalty"},
    "eigen": {"constraint.form": "published", "network.activation": "silu"},
}


@pytest.mark.parametrize(
    ("engine", "problem"), [*(("torch", name) for name in NESTED), ("jax", "reactor"), ("jax", "ring")]
)
def test_all_ways_of_differentiation_agree(engine, problem):
    view = torch_view if engine == "torch" else jax_view
    first, *others = (view(begin(engine, problem, derivatives=mode, **NESTED[problem])) for mode in MODES)
    for other in others:
        for one, two in zip(first["blocks"], other["blocks"], strict=True):
            agree(two, one)
        agree(other["gradient"], first["gradient"])


def test_the_ways_of_differentiation_are_different_programs():
    """Otherwise their agreement would say nothing."""
    programs = set()
    for mode in MODES:
        session = begin("jax", "burgers", derivatives=mode)
        place = session.formulation.prepare(session.sets[0].base, inside=True)
        programs.add(
            str(
                jax.make_jaxpr(lambda p, s=session, at=place: s.network(p)(at, s.formulation.orders))(
                    session.parameters
                )
            )
        )
    assert len(programs) == len(MODES)
