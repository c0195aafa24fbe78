"""Losses that are sums of mean squares, of residuals and of what conditions leave."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from backends.neural.calculus import Network
from backends.neural.jets import Orders
from backends.neural.residual import Formulation, Jets, Term
from backends.neural.weighting import causal_weights


class SquaresFormulation(Formulation):
    """A loss that is a sum of mean squares."""

    @abstractmethod
    def blocks(self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None) -> list[Any]:
        """What each term of the loss is the mean square of: arrays (m, n), that of the residual first."""

    def twin(self, network: Network, inside: dict[str, Any]) -> Any:
        """The residual's block with the second set of random directions."""
        raise NotImplementedError(f"{type(self).__name__} takes no random directions")

    def emphasis(self, block: Any, place: Mapping[str, Any]) -> Any:
        """Weight (n,) of each point in the residual's mean square, not to be differentiated; 1 without any."""
        if "chunks" not in place:
            return 1.0
        assert self.setting.weighting is not None
        # A mean over the components: each chunk's loss is that of all of them.
        squares = (block * block).mean(0)
        return self.calculus.constant(
            causal_weights(squares, place["chunks"], self.setting.weighting.epsilon, self.calculus.xp)
        )

    def loss(
        self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None, weights: Any
    ) -> tuple[Any, Any]:
        """The loss Σ weight · term, and its terms: the mean squares of the blocks per component."""
        residual, *others = self.blocks(network, inside, conditions)
        # The square of an estimate would have the estimate's variance in its mean; the product of two has not.
        twin = self.twin(network, inside) if "twin" in inside else residual
        squares = residual * twin * self.emphasis(residual, inside)
        terms = [squares.mean(), *((block * block).sum() / (block.shape[1] * self.components) for block in others)]
        if len(terms) == 1:
            return weights[0] * terms[0], terms[0][None]
        stacked = self.calculus.xp.stack(terms)
        return (weights * stacked).sum(), stacked


class PointwiseFormulation(SquaresFormulation):
    """A residual, and what conditions leave, at each point (or its twin) alone."""

    @abstractmethod
    def residual(self, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What the equation leaves: an array (n,) per component, or one of shape (m, n)."""

    @abstractmethod
    def mismatch(self, term: Term, u: Jets, place: dict[str, Any]) -> Sequence[Any]:
        """What the condition of `term` leaves, in arrays (n,) or (m, n)."""

    def blocks(self, network: Network, inside: dict[str, Any], conditions: dict[str, Any] | None) -> list[Any]:
        """What each term of the loss is the mean square of: arrays (m, n), that of the residual first."""
        xp = self.calculus.xp
        found = [self._left(network, inside)]
        if conditions is not None:
            edge = self.jets(network, conditions, self.condition_orders)
            for term in self.terms:
                parts = self.mismatch(term, edge, conditions)
                found.append(xp.concatenate(parts) if parts[0].ndim == 2 else xp.stack(list(parts)))
        return found

    def twin(self, network: Network, inside: dict[str, Any]) -> Any:
        """The same with the other seeds and trial function."""
        return self._left(network, inside | inside["twin"])

    def operator(self, network: Network, points: Any, rows: Any) -> Any:
        """The operator of second order along directions (V, k) at points (n, k), shape (m, n)."""
        orders = Orders(len(rows), 1, self.orders.laplacian)
        place = {"points": points} | self._derived(points, orders, rows)
        return self.jets(network, place, orders).second[0]

    def _left(self, network: Network, inside: dict[str, Any]) -> Any:
        """The residual (m, n)."""
        parts = self.residual(self.jets(network, inside, self.orders), inside | {"network": network})
        return parts[0] if len(parts) == 1 and parts[0].ndim == 2 else self.calculus.xp.stack(list(parts))
