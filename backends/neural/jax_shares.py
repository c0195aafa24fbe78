"""Among how many processors an iteration in JAX divides its points, and which arrays are divided with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
from jax.sharding import NamedSharding, PartitionSpec

if TYPE_CHECKING:
    from backends.neural.jax_engine import JaxSession

SHARE = 1_500_000
"""Multiplications of jets by weights, per iteration and processor, for which dividing the points pays on a CPU.

Measured on the heat equation, three layers of 32, two processors, one against both: 0.078 against 0.118 ms per
iteration of 64 points, 0.37 against 0.29 of 512, 1.16 against 0.87 of 2048.
"""

EVERYWHERE = PartitionSpec()  # type: ignore[no-untyped-call]


def work(session: JaxSession) -> int:
    """Multiplications of jets by weights in an iteration, about."""
    assert session.sets[0] is not None
    return len(session.sets[0]) * sum(session.sizes) * session.formulation.orders.count


def pays(session: JaxSession) -> bool:
    """Whether an iteration has work for two processors."""
    return work(session) >= 2 * SHARE


def shares(session: JaxSession) -> int:
    """Among how many processors an iteration divides the points inside: as many as give each the same number."""
    assert session.sets[0] is not None
    # Batch statistics and causal weights belong to all points together, as some losses do.
    solver, formulation = session.solver, session.formulation
    apart = formulation.additive and not solver.network.normalises and solver.weighting is None
    if session.device.platform != "cpu" or not apart:
        return 1
    most = min(len(jax.devices("cpu")), max(1, work(session) // SHARE))
    summands = len(session.sets[0]) // formulation.together
    return max(k for k in range(1, most + 1) if summands % k == 0)


def specification(leaf: Any) -> PartitionSpec:
    """How an argument is divided; arrays of the host are not."""
    sharding = getattr(leaf, "sharding", None)
    return sharding.spec if isinstance(sharding, NamedSharding) else EVERYWHERE


def along_points(leaf: Any) -> PartitionSpec:
    """How an array of a prepared place is divided: points lie along axis 0, in jets along axis 1."""
    before = (None,) if leaf.ndim == 3 else ()
    equal = leaf.shape[len(before)] == 1
    return EVERYWHERE if equal else PartitionSpec(*before, "points")  # type: ignore[no-untyped-call]
