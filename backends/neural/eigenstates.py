"""States of −∇·(κ∇ψ) + V ψ = E w ψ: three losses of a network with one output per state.

With A = (∫ κ ∇ψᵢ·∇ψⱼ + V ψᵢ ψⱼ) and M = (∫ w ψᵢ ψⱼ) of the outputs, as means over the points with their weights,

- `rayleigh` is the trace of M⁻¹A: the sum of the Rayleigh quotients of the outputs after each was made orthogonal to
  those before it. It depends on nothing but their span, its minimum is the sum of the lowest energies (Ky Fan 1949,
  PNAS 35, 652), and the lowest states cannot be found twice: deflation without a penalty or an order. A and M have to
  be integrals, though: few points leave room for functions that are steep between them, with quotients below the
  lowest, and points drawn for each iteration make the quotient of two means, which is not that of two integrals even
  on average. Points of the kind gauss are the ones to take;
- `normalised-residual` is the mean square of −∇·(κ∇ψ) + V ψ − w ψ Λ for the orthonormalised outputs and their Rayleigh
  quotients Λ = M⁻¹A, plus the trace. The residual alone is as small at every other set of states, so the trace says
  which are wanted; a function that vanishes has no small loss, since it is made of unit length first;
- `residual` is the mean square as it stands, with trained numbers E that start from zero: nothing keeps ψ from
  vanishing, and nothing keeps two outputs apart. It is what a residual loss is elsewhere, and a trap here.

The first two answer with the Ritz vectors of the span, the last one with its outputs and numbers as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from backends.neural.activations import PIECEWISE_LINEAR
from backends.neural.calculus import Calculus, Network
from backends.neural.jets import Orders
from backends.neural.networks import Parameters
from backends.neural.residual import Formulation, Jets, Setting
from backends.neural.ritz import ritz, unit_length
from backends.neural.trial import ZeroTrial
from problems.base import Array, Dirichlet, Neumann, Periodic
from problems.families.eigenproblem import Eigenproblem
from problems.operations import NUMPY

if TYPE_CHECKING:
    from backends.neural.description import PINN


class StatesFormulation(Formulation):
    """What the three losses share; conditions hold by construction, those of vanishing flux as far as a loss sees them.

    An energy has them as its natural conditions. A residual does not see them where κ does not vanish at the face.
    """

    pointwise: ClassVar[bool] = False
    additive: ClassVar[bool] = False
    strong: ClassVar[bool] = True
    """Whether the loss has second derivatives."""

    def __init__(self, problem: Eigenproblem, calculus: Calculus, setting: Setting) -> None:
        super().__init__(problem, calculus, setting)
        self.problem = problem
        self.components = problem.states
        self.spatial = d = problem.dimension
        self.orders = Orders(d, d if self.strong else 0)
        self.wraps = tuple(a for a in range(d) if isinstance(problem.condition(a, 0), Periodic))

    @classmethod
    def refuses(cls, problem: Eigenproblem, described: PINN) -> str | None:
        """Conditions as penalties, which eigenfunctions escape by becoming small, and networks without curvature."""
        if described.constrains:
            return (
                "conditions of an eigenproblem are built into its trial function, and none has a weight; leave all "
                "parameters of constraint out"
            )
        if described.envelope is not None and any(not isinstance(kind, Dirichlet) for _, _, kind in problem.faces()):
            return "an envelope falls towards all faces, and this problem is not 0 on some of them; leave it out"
        if described.weighting is not None:
            return "causal weights follow time, and an eigenproblem has none; set weighting=none"
        if described.network.normalises:
            return "batch normalisation would make a state depend on the points it is asked at; set it to none"
        if cls.strong and described.network.activation in PIECEWISE_LINEAR:
            return (
                f"the second derivatives of a {described.network.activation} network vanish almost everywhere, so a "
                "residual does not see them; choose a smooth one such as tanh, or objective=rayleigh"
            )
        if cls.strong and any(
            isinstance(kind, Neumann) and not _flux_vanishes(problem, axis, side)
            for axis, side, kind in problem.faces()
        ):
            return "the residual does not see that no flux leaves through a face; set objective=rayleigh"
        return None

    def objection(self, layers: Parameters) -> str | None:
        """Fewer functions than states, and points where the equation has no coefficients."""
        span = sum(part.size for part in layers[-1]) // self.components
        if span < self.components:
            return (
                f"the outputs of the network lie in the span of {span} functions, the last hidden layer's and 1, and "
                f"{self.components} states are sought; give network.widths (or width) at least {self.components - 1}"
            )
        if len(self.inside) < self.components:
            return (
                f"{len(self.inside)} points cannot tell {self.components} states apart; take many more, with "
                "points.counts, points.count or points.batch"
            )
        # Points that are drawn have a base at the corner of the interval, where none of them lies.
        x = list(self.inside.drawn(np.random.default_rng(self.setting.seed)).T)
        for name, field, least in (
            ("κ", self.problem.diffusivity, 0.0),
            ("V", self.problem.reaction, -np.inf),
            ("w", self.problem.weight, 0.0),
        ):
            with np.errstate(all="ignore"):
                values = np.asarray(field(NUMPY, x), dtype=float)
            if not (np.isfinite(values) & (values >= least)).all():
                return (
                    f"{name} of the equation is not finite, or is negative, at some points of the kind "
                    f"{self.setting.points.kind}, such as an end of the interval; take points.kind=gauss"
                )
        return None

    def prepare(self, points: Any, *, inside: bool) -> dict[str, Any]:
        """As for every formulation, with weights of the integrals, κ and its slopes, V and w at the points."""
        place = super().prepare(points, inside=inside)
        if not inside:
            return place
        ops, d = self.calculus.ops, self.spatial
        x = [points[:, a] for a in range(d)]
        ones = 0.0 * points[:, 0] + 1.0
        place["quadrature"] = self._evened(points)
        place["reaction"] = self.problem.reaction(ops, x) * ones
        place["weight"] = self.problem.weight(ops, x) * ones
        kappa = self._field_jets(lambda z: (self.problem.diffusivity(ops, z),), points, Orders(d))
        place["kappa"] = tuple(row[0] for row in kappa)
        return place

    def _evened(self, points: Any) -> Any:
        """Weights (n,) of mean 1 that make means over the points integrals."""
        lower, upper = (self.calculus.array(end, points) for end in (self.lower, self.upper))
        logs = self.setting.points.log_density(points, lower, upper)
        if logs is None:
            return self.measure(points, [(self.lower, self.upper)])
        # The largest is taken out first: in many dimensions no floating-point number holds it.
        inverse = self.calculus.ops.exp(logs.min() - logs)
        return inverse / inverse.mean()

    def loss(
        self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None, weights: Any
    ) -> tuple[Any, Any]:
        """The sum of the terms, and these."""
        terms = self.calculus.xp.stack(self.summands(network, inside))
        return (weights * terms).sum(), terms

    @property
    def weights(self) -> Array:
        """All terms count as they are."""
        return np.ones(len(self.term_names))

    def summands(self, network: Network, place: dict[str, Any]) -> list[Any]:
        """The terms of the loss."""
        raise NotImplementedError

    def quotients(self, u: Jets, place: dict[str, Any]) -> Any:
        """A (k, k) of orthonormal functions."""
        q = place["quadrature"] / len(place["quadrature"])
        energy = (q * place["reaction"] * u.value) @ u.value.T
        for slopes in u.first:
            energy = energy + (q * place["kappa"][0] * slopes) @ slopes.T
        return energy

    def operator(self, u: Jets, place: dict[str, Any]) -> Any:
        """−∇·(κ∇ψ) + V ψ, shape (k, n)."""
        total = place["reaction"] * u.value
        for axis in range(self.spatial):
            total = total - place["kappa"][0] * u.second[axis] - place["kappa"][1 + axis] * u.first[axis]
        return total


class SpanFormulation(StatesFormulation):
    """What depends on the span of the outputs alone, by orthonormal functions in it."""

    integral: ClassVar[bool] = True
    vanishes: ClassVar[bool] = False
    remedy: ClassVar[str] = (
        "use a lower learning rate, a wider network or precision=float64: outputs that are not independent in the "
        "working precision cannot be made orthonormal"
    )

    def orthonormal(self, network: Network, place: dict[str, Any]) -> Jets:
        """Orthonormal functions of the span with their derivatives.

        Outputs are made of unit length first, then orthogonal by a QR factorisation of their values. It loses as many
        digits as the outputs are alike; one of M would lose twice as many. Where less than half of all digits were
        left all is NaN: quotients could be anything, also below the lowest energies.
        """
        xp, u = self.calculus.xp, self.jets(network, place, self.orders)
        rows = (place["quadrature"] * place["weight"] / len(place["quadrature"])) ** 0.5 * u.value
        lengths = (rows * rows).sum(1)[:, None] ** 0.5
        lower = xp.linalg.qr((rows / lengths).T)[1].T
        enough = abs(lower.diagonal()).min() > float(xp.finfo(lower.dtype).eps) ** 0.5
        lower = xp.where(enough, lower, xp.nan)
        fields = xp.concatenate([u.value, *u.first, *u.second], 1)
        turned = self.calculus.forward(lower, fields / lengths)
        first, count = 1 + len(u.first), len(place["quadrature"])
        parts = [turned[:, k * count : (k + 1) * count] for k in range(first + len(u.second))]
        return Jets(parts[0], parts[1:first], parts[first:])

    def answer(self, values: Callable[[Array], Array], coefficients: Array, points: Array) -> Array:
        """The Ritz vectors."""
        judged = self.problem.points()
        outputs = values(judged)
        single = self.components == 1
        turn = unit_length(self.problem, outputs) if single else ritz(self.problem, outputs, values)[1]
        return np.asarray((outputs if np.array_equal(points, judged) else values(points)) @ turn)

    def facts(self, values: Callable[[Array], Array], coefficients: Array) -> Mapping[str, Any]:
        """The Ritz values, by a quadrature that training has not seen."""
        return {"eigenvalues": ritz(self.problem, values(self.problem.points()), values)[0]}


class RayleighFormulation(SpanFormulation):
    """The trace of M⁻¹A.

    Within an envelope ψ = b N, where N is the network, the quotients are those of N in the measure b²:

        ∫ κ|∇ψ|² + V ψ² = ∫ b² (κ|∇N|² + U N²),   U = V − ∇·(κ∇b)/b,

    by parts, since b vanishes or has no slope at every face. Only b, which is known, has second derivatives. Where
    points are drawn with the density b², what is summed up is of order 1 in any number of dimensions, and varies the
    less from point to point the nearer b comes to the lowest state: if it is the lowest state, not at all.
    """

    objective: ClassVar[str] = "rayleigh"
    strong: ClassVar[bool] = False

    @property
    def term_names(self) -> tuple[str, ...]:
        """The sum of the energies."""
        return ("energies",)

    @property
    def _enveloped(self) -> bool:
        return isinstance(self.trial, ZeroTrial) and self.trial.envelope is not None

    def trial_jets(self, points: Any, orders: Orders, rows: Any = None) -> tuple[Any, Any]:
        """The value alone within an envelope, whose derivatives are known."""
        return super().trial_jets(points, Orders() if self._enveloped else orders)

    def prepare(self, points: Any, *, inside: bool) -> dict[str, Any]:
        """As for every state; within an envelope, its square in the weights, and U in place of V."""
        place = super().prepare(points, inside=inside)
        if not inside or not self._enveloped:
            return place
        assert isinstance(self.trial, ZeroTrial)
        _, mask = place.pop("trial")
        place["quadrature"] = place["quadrature"] * mask[0, :, 0] ** 2
        kappa, *slopes = place["kappa"]
        along = self.trial.relative_derivatives([points[:, a] for a in range(self.spatial)])
        for drift, (slope, bend) in zip(slopes, along, strict=True):
            place["reaction"] = place["reaction"] - kappa * bend - drift * slope
        return place

    def summands(self, network: Network, place: dict[str, Any]) -> list[Any]:
        """The trace."""
        return [self.quotients(self.orthonormal(network, place), place).diagonal().sum()]


class NormalisedResidualFormulation(SpanFormulation):
    """The residual of orthonormal functions with their Rayleigh quotients, and these."""

    objective: ClassVar[str] = "normalised-residual"

    @property
    def term_names(self) -> tuple[str, ...]:
        """Residual, and the sum of the energies."""
        return ("residual", "energies")

    def summands(self, network: Network, place: dict[str, Any]) -> list[Any]:
        """∫ of the squares of the residual of all functions, made orthonormal; the trace."""
        u = self.orthonormal(network, place)
        quotients = self.quotients(u, place)
        left = self.operator(u, place) - quotients @ (place["weight"] * u.value)
        return [(place["quadrature"] * left * left).mean() * self.components, quotients.diagonal().sum()]


class PlainResidualFormulation(StatesFormulation):
    """The residual of the outputs as they are, with trained numbers E."""

    objective: ClassVar[str] = "residual"

    def __init__(self, problem: Eigenproblem, calculus: Calculus, setting: Setting) -> None:
        super().__init__(problem, calculus, setting)
        self.coefficients = np.zeros(problem.states)

    @property
    def term_names(self) -> tuple[str, ...]:
        """The residual."""
        return ("residual",)

    def summands(self, network: Network, place: dict[str, Any]) -> list[Any]:
        """The mean square over points and states."""
        u = self.jets(network, place, self.orders)
        left = self.operator(u, place) - network.coefficients[:, None] * (place["weight"] * u.value)
        return [(place["quadrature"] * left * left).mean()]

    def answer(self, values: Callable[[Array], Array], coefficients: Array, points: Array) -> Array:
        """The outputs, in the order of their numbers."""
        return values(points)[:, np.argsort(coefficients)]

    def facts(self, values: Callable[[Array], Array], coefficients: Array) -> Mapping[str, Any]:
        """The trained numbers."""
        return {"eigenvalues": np.sort(coefficients)}


def _flux_vanishes(problem: Eigenproblem, axis: int, side: int) -> bool:
    """Whether κ is zero on a face."""
    box = problem.domain()
    face = problem.points().copy()
    face[:, axis] = (box.lower, box.upper)[side][axis]
    return bool(np.abs(np.asarray(problem.diffusivity(NUMPY, list(face.T)), dtype=float)).max() == 0.0)
