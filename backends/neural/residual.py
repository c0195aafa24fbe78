"""A trial function, its Taylor jets and the layout of its loss; the same code runs on torch and on JAX.

A trial function is affine in the network, u = g + b N, so the derivatives in the residual follow from the jets
(value, first derivatives, second-order ones) of g, b and N:

    u_i = g_i + b_i N + b N_i,        u_ii = g_ii + b_ii N + 2 b_i N_i + b N_ii,

and with an operator L of second order (see `jets.py`) in place of ∂_ii: Lu = Lg + N Lb + 2 f Σ b_i N_i + b LN.
Those of N come from one forward pass (see the engines), those of g and b are computed once where points are fixed.
Only the declared flux, and a diffusivity that varies, are differentiated automatically, forward along each axis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from backends.integrals.rules import Rules
from backends.neural.calculus import UNROLLED, Calculus, Network
from backends.neural.collocation import Points
from backends.neural.directions import Estimator
from backends.neural.jets import Orders
from backends.neural.networks import Parameters
from backends.neural.pointsets import PointSet, region
from backends.neural.trial import Trial
from backends.neural.weighting import Causal, chunk_matrix
from problems.base import Array

if TYPE_CHECKING:
    from backends.neural.description import PINN


Field = Callable[[Any], tuple[Any, ...]]
"""Coordinates (k, n) → entries (n,), any of which may be a plain number."""


@dataclass(frozen=True)
class Setting:
    """What a described network asks of the formulation.

    `weights` are those of initial and boundary terms; `scaled` maps every coordinate to [-1, 1] for the network;
    `quadrature` is the rule for an integral in the equation, None for the one that suits it; `observation_weight` is
    the weight of the observations of an inverse problem; `estimator` takes second derivatives along random directions.
    """

    trial: Trial | None
    weights: tuple[float, float]
    points: Points
    seed: int = 0
    scaled: bool = True
    weighting: Causal | None = None
    quadrature: Rules | None = None
    observation_weight: float = 1.0
    estimator: Estimator | None = None


@dataclass(frozen=True)
class Jets:
    """A field and its derivatives per component: value (m, n), first (A, m, n), second (D, m, n)."""

    value: Any
    first: Any
    second: Any


@dataclass(frozen=True)
class Term:
    """One condition that is a term of the loss; `rows` are its points, `twin` those of the opposite face."""

    kind: str
    weight: float
    rows: slice
    region: tuple[Array, Array]
    twin: slice | None = None
    axis: int = 0
    side: int = 0
    opposite: float = 0.0

    @property
    def label(self) -> str:
        """What the term is called in a record."""
        return self.kind if self.kind in ("initial", "terminal") else f"{self.kind} x{self.axis}{'-+'[self.side]}"

    def laid(self, points: Array) -> list[Array]:
        """`points` of the region, and behind them their twins."""
        if self.twin is None:
            return [points]
        moved = points.copy()
        moved[:, self.axis] = self.opposite
        return [points, moved]


class Formulation(ABC):
    """An equation on its box of coordinates (x₀, …, t), with the loss of a network that is to solve it.

    `lower` and `upper` have shape (k,), the first `spatial` of the coordinates are places and one behind them is time.
    The residual needs the derivatives `orders`, the conditions those of `condition_orders`. Rows (A, k) are directions
    along which derivatives are taken, those of the coordinates where none are given.
    """

    components: int
    spatial: int
    lower: Array
    upper: Array
    orders: Orders
    objective: ClassVar[str] = "residual"
    pointwise: ClassVar[bool] = True
    """Whether the loss is a sum of squares of which each depends on the network at one point (or its twin) alone."""
    additive: ClassVar[bool] = True
    """Whether the loss is a mean over the points inside, so that processors may have a share of them each."""
    integral: ClassVar[bool] = False
    """Whether means over the points stand for integrals, so that their density must be even or made good by weights."""
    estimates: ClassVar[bool] = False
    """Whether second derivatives inside may be estimated along random directions."""
    vanishes: ClassVar[bool] = True
    """Whether the loss falls towards 0 at the solution."""
    remedy: ClassVar[str] = "use a lower learning rate"
    """What may help where the loss is not finite any more."""

    def __init__(self, problem: Any, calculus: Calculus, setting: Setting) -> None:
        self.calculus, self.setting, self.trial = calculus, setting, setting.trial
        self.lower, self.upper = region(problem)
        self.inside = setting.points.within(self.lower, self.upper, setting.seed)
        self.wraps: tuple[int, ...] = ()
        self.terms: tuple[Term, ...] = ()
        self.conditions: PointSet | None = None
        self.condition_orders = Orders()
        self.coefficients: Array = np.empty(0)
        """First guesses (q,) of what is trained beside the network; `Network.coefficients` in the loss."""

    @classmethod
    def refuses(cls, problem: Any, described: PINN) -> str | None:
        """Why a described network cannot solve `problem` this way, in words for a user, or None."""
        return None

    def objection(self, layers: Parameters) -> str | None:
        """Why it cannot be trained on its first points with a network of these initial layers, or None."""
        return None

    def stands_for(self, coefficients: Array) -> Array:
        """What the coefficients mean to the problem, shape (q,)."""
        return coefficients

    def answer(self, values: Callable[[Array], Array], coefficients: Array, points: Array) -> Array:
        """The problem's answer at `points`; `values` evaluates the trained function."""
        return values(points)

    def facts(self, values: Callable[[Array], Array], coefficients: Array) -> Mapping[str, Any]:
        """What a solution of this kind has to tell, under the names of `FACTS`."""
        return {}

    @property
    def breadth(self) -> int:
        """How many numbers are prepared for a point, about."""
        return 16

    @property
    def together(self) -> int:
        """How many neighbouring points one summand of the loss is made of, which are not to be divided."""
        return 1

    @property
    def inputs(self) -> int:
        """Number of inputs of the network: one per coordinate, two where an axis closes on itself."""
        return len(self.lower) + len(self.wraps)

    @property
    def weights(self) -> Array:
        """Weights of the terms of the loss, the residual's first."""
        return np.array([1.0, *(term.weight for term in self.terms)])

    @property
    def term_names(self) -> tuple[str, ...]:
        """What the terms of the loss are called, the residual's first."""
        return ("residual", *(term.label for term in self.terms))

    def renewed_conditions(self, generator: np.random.Generator) -> Array:
        """Points of all conditions drawn anew, shape (n, k), as `conditions` lies."""
        fresh = [self.setting.points.renewed(*part.region, generator, None) for part in self.terms]
        return np.concatenate(
            [points for part, new in zip(self.terms, fresh, strict=True) for points in part.laid(new)]
        )

    @property
    def estimator(self) -> Estimator | None:
        """What draws random directions for the second derivatives inside, if anything does."""
        return self.setting.estimator

    def prepare(self, points: Any, *, inside: bool) -> dict[str, Any]:
        """All that is known of `points` (n, k) before the network is: its input, trial function and data.

        Where an estimator draws directions, what depends on them is left to `directed`.
        """
        place: dict[str, Any] = {"points": points}
        if not inside or self.estimator is None:
            place |= self._derived(points, self.orders if inside else self.condition_orders, None)
        causal = self.setting.weighting
        if causal is not None and inside:
            place["chunks"] = chunk_matrix(
                points, float(self.lower[-1]), float(self.upper[-1]), causal.chunks, self.calculus.xp
            )
        return place

    def directed(self, place: dict[str, Any], directions: Any) -> dict[str, Any]:
        """A prepared place with derivatives along two sets of directions (2, V, k), the second one under "twin"."""
        first, second = (self._derived(place["points"], self.orders, rows) for rows in directions)
        return place | first | {"twin": second}

    def _derived(self, points: Any, orders: Orders, rows: Any) -> dict[str, Any]:
        """Jets of what is known."""
        place = {"seeds": self.seeds(points, orders, rows)}
        if self.trial is not None:
            place["trial"] = self.trial_jets(points, orders, rows)
        return place

    def measure(self, points: Any, regions: Sequence[tuple[Array, Array]]) -> Any:
        """Weights (n,) of the `points` of all `regions`, of mean 1 in each, that make means integrals."""
        parts = [self.setting.points.weights(*part) for part in regions]
        weights = [part for part in parts if part is not None]
        equal = 0.0 * points[:, 0] + 1.0
        return self.calculus.array(np.concatenate(weights), points) * equal if weights else equal

    def trial_jets(self, points: Any, orders: Orders, rows: Any = None) -> tuple[Any, Any]:
        """Jets of lift (J, n, m) and mask (J, n, 1)."""
        assert self.trial is not None
        trial, xp = self.trial, self.calculus.xp

        def field(coordinates: Any) -> tuple[Any, ...]:
            lift, mask = trial(self.calculus.ops, coordinates)
            return (*lift, mask)

        stacked = xp.moveaxis(self._field_jets(field, points, orders, rows), 1, 2)
        return stacked[:, :, :-1], stacked[:, :, -1:]

    def jets(self, network: Network, place: dict[str, Any], orders: Orders) -> Jets:
        """Jets of u at the prepared points."""
        xp, first = self.calculus.xp, orders.first
        n = network(place, orders)
        value, slopes, bends = n[0], n[1 : 1 + first], n[1 + first :]
        if "trial" in place:
            lift, mask = place["trial"]
            b, b1, b2 = mask[0], mask[1 : 1 + first], mask[1 + first :]
            if orders.second:
                bends = lift[1 + first :] + b * bends + 2.0 * orders.squares(b1 * slopes) + b2 * value
            if first:
                slopes = lift[1 : 1 + first] + b * slopes + b1 * value
            value = lift[0] + b * value
        return Jets(xp.moveaxis(value, 0, 1), xp.moveaxis(slopes, 1, 2), xp.moveaxis(bends, 1, 2))

    @abstractmethod
    def loss(
        self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None, weights: Any
    ) -> tuple[Any, Any]:
        """The loss, and its terms, which `weights` weigh."""

    def values(self, network: Network, points: Any) -> Any:
        """The trial function at `points` (n, k), shape (n, m)."""
        value = network({"points": points, "seeds": self.seeds(points, Orders())}, Orders())[0]
        if self.trial is None:
            return value
        lift, mask = self.trial_jets(points, Orders())
        return lift[0] + mask[0] * value

    def seeds(self, points: Any, orders: Orders, rows: Any = None) -> Any:
        """The network's input and its derivatives: scaled coordinates, and sine and cosine of those that wrap.

        Jets (J, n, inputs); where nothing wraps, a pair of values (n, inputs) and derivatives (J − 1, 1, inputs).
        """
        xp, ops = self.calculus.xp, self.calculus.ops
        columns: list[tuple[int, Any, Any, Any]] = []
        scale, shift = np.ones(len(self.lower)), np.zeros(len(self.lower))
        if self.setting.scaled:
            extent = self.upper - self.lower
            scale, shift = 2.0 / extent, -(self.upper + self.lower) / extent
        if not self.wraps:
            scales = self.calculus.array(scale, points)
            value = scales * points + self.calculus.array(shift, points)
            slopes, bends, owners = scales[None], 0.0 * scales[None], list(range(len(scale)))
        else:
            zero = 0.0 * points[:, 0]
            for a, (low, high) in enumerate(zip(self.lower, self.upper, strict=True)):
                x = points[:, a]
                if a in self.wraps:
                    w = float(2.0 * np.pi / (high - low))
                    s, c = ops.sin(w * (x - float(low))), ops.cos(w * (x - float(low)))
                    columns += [(a, s, w * c, -w * w * s), (a, c, -w * s, -w * w * c)]
                else:
                    columns.append((a, float(scale[a]) * x + float(shift[a]), zero + float(scale[a]), zero))
            value, slopes, bends = (xp.stack([column[k] for column in columns], -1) for k in (1, 2, 3))
            owners = [column[0] for column in columns]
        others = self._input_derivatives(slopes, bends, owners, orders, rows)
        if not self.wraps:
            return value, others
        return xp.concatenate([value[None], others])

    def _input_derivatives(self, slopes: Any, bends: Any, owners: list[int], orders: Orders, rows: Any) -> Any:
        """Derivatives (J − 1, n, inputs) of inputs that depend on the coordinates `owners`, slope and bend (n, inputs).

        n is 1 where they are the same at all points.
        """
        rows = self.calculus.array(self._units(orders), slopes) if rows is None else rows
        along = rows[:, owners][:, None, :]
        parts = [along * slopes]
        if orders.laplacian is None:
            parts.append((along * along)[: orders.second] * bends)
        elif orders.second:
            times = self.calculus.array((np.array(owners) >= self.spatial).astype(float), slopes)
            parts.append((times * slopes + orders.laplacian * (along * along).sum(0) * bends)[None])
        return self.calculus.xp.concatenate(parts)

    def _units(self, orders: Orders) -> Array:
        """The directions (A, k) of the coordinates."""
        return np.eye(orders.first, len(self.lower))

    def _field_jets(self, field: Field, points: Any, orders: Orders, rows: Any = None) -> Any:
        """Jets (J, q, n) of a field with q entries, by nested forward differentiation along one row after the other."""
        xp, jvp = self.calculus.xp, self.calculus.jvp
        zero = 0.0 * points[:, 0]
        one = zero + 1.0

        def along(row: Any) -> Callable[[Any], Any]:
            """Step → the field at points moved by so much."""
            return lambda s: xp.stack([entry + 0.0 * s for entry in field(_moved(xp, points, row, s))])

        def slope(row: Any) -> Callable[[Any], Any]:
            return lambda s: jvp(along(row), (s,), (one,))[1]

        def derived(row: Any, order: int) -> list[Any]:
            """Slope, and bend if `order` is 2, (q, n) each."""
            return list(jvp(slope(row), (zero,), (one,))) if order == 2 else [slope(row)(zero)]

        units = self._units(orders)
        if rows is None and len(units) > UNROLLED:
            rows = self.calculus.array(units, points)
        curved = (orders.first if orders.laplacian is not None else orders.second) if orders.second else 0
        if rows is None:
            pairs = [derived(row, 2 if a < curved else 1) for a, row in enumerate(units)]
            along_all = [xp.stack([pair[0] for pair in pairs])] if pairs else []
            bends = xp.stack([pair[1] for pair in pairs[:curved]]) if curved else None
        else:
            found = self.calculus.each(lambda row: xp.stack(derived(row, 2 if curved else 1)), rows)
            along_all, bends = [found[:, 0]], found[:curved, 1] if curved else None
        parts = [xp.stack([entry + zero for entry in field(points.T)])[None], *along_all]
        if orders.laplacian is None and bends is not None:
            parts.append(bends)
        elif bends is not None:
            k = len(self.lower)
            times = sum(slope(np.eye(1, k, a)[0])(zero) for a in range(self.spatial, k))
            parts.append((times + orders.laplacian * bends.sum(0))[None])
        return xp.concatenate(parts)


def _moved(xp: Any, points: Any, row: Any, step: Any) -> Any:
    """Coordinates (k, n) of points (n, k) moved along `row` by steps (n,); zeros of a host's row cost nothing."""
    if not isinstance(row, np.ndarray):
        return points.T + row[:, None] * step
    return xp.stack([x if v == 0.0 else x + float(v) * step for x, v in zip(points.T, row, strict=True)])
