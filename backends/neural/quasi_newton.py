"""The self-scaled Broyden family with a full inverse Hessian, once for both engines.

After a step s with gradient change y, and with B = H⁻¹,

    H ← (1/τ) [H − H y yᵀ H / yᵀHy + φ v vᵀ] + s sᵀ / yᵀs,      v = √(yᵀHy) (s / yᵀs − H y / yᵀHy),

φ = 1 being BFGS and φ = 0 DFP. With b = sᵀBs / yᵀs, h = yᵀHy / yᵀs and a = b h − 1 the scaling τ and the member φ of
the family follow Al-Baali 1998 (Comput. Optim. Appl. 9), as Urbán, Stefanou & Pons 2025 (J. Comput. Phys. 523) use
them for physics-informed networks. The line search is scipy's, for the strong Wolfe conditions; H and its products
stay on the host, where only one triangle of H is stored and updated.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import scipy.optimize
from scipy.linalg import blas

from backends.neural.optimizers import SSBroyden
from backends.neural.training import Driver
from problems.base import Array

if TYPE_CHECKING:
    from backends.neural.training import TrainingSession

SUFFICIENT = 1e-4
"""Decrease of the loss over what its slope promises, from which on a step is accepted."""
SHORTENED = 0.3
"""Each step over the one before, where the search for the Wolfe conditions has found none."""
LARGEST_FIRST_STEP = 1.0
"""Length of the first step in the parameters, for which nothing is known of the curvature."""


def scaling(kind: str, unknowns: int, b: float, h: float) -> tuple[float, float]:
    """(τ, φ) of an update from b = sᵀBs / yᵀs and h = yᵀHy / yᵀs."""
    if kind == "none":
        return 1.0, 1.0
    shrink = min(1.0, 1.0 / b)
    a = max(b * h - 1.0, 0.0)
    if kind == "bfgs" or a < 1e-12 or unknowns < 2:
        return shrink, 1.0
    c = math.sqrt(a / (1.0 + a))
    low = min(1.0, h * (1.0 - c))
    theta = max((low - 1.0) / a, min(1.0 / low, (1.0 - b) / b))
    sigma = 1.0 + a * theta
    phi = (1.0 - theta) / sigma
    power = sigma ** (1.0 / (1.0 - unknowns))
    if theta > 0.0:
        return shrink * min(power, 1.0 / theta), phi
    return min(shrink * power, sigma), phi


class InverseHessian:
    """H (p, p), symmetric and positive definite, the identity at first."""

    def __init__(self, unknowns: int) -> None:
        self.matrix = np.asfortranarray(np.eye(unknowns))
        self.scale = 1.0

    def __matmul__(self, vector: Array) -> Array:
        """H v, shape (p,)."""
        product: Array = blas.dsymv(self.scale, self.matrix, vector, lower=1)
        return product

    def update(self, s: Array, y: Array, gradient: Array, alpha: float, kind: str) -> bool:
        """Take in a step s = −alpha H gradient and the change y of the gradient; False if it says nothing.

        sᵀBs is −alpha sᵀgradient, so B is never needed.
        """
        ys = float(y @ s)
        if not ys > 1e-300:
            return False
        hy = self @ y
        yhy = float(y @ hy)
        b, h = -alpha * float(s @ gradient) / ys, yhy / ys
        if not (math.isfinite(b) and math.isfinite(h) and b > 0.0 and h > 0.0):
            return False
        tau, phi = scaling(kind, len(s), b, h)
        v = math.sqrt(yhy) * (s / ys - hy / yhy)
        # The factor 1/τ is kept apart, so that each update touches the triangle three times and not four.
        inner = 1.0 / self.scale
        for factor, vector in ((-inner / yhy, hy), (inner * phi, v), (inner * tau / ys, s)):
            self.matrix = blas.dsyr(factor, vector, a=self.matrix, lower=1, overwrite_a=1)
        self.scale /= tau
        if not 1e-100 < self.scale < 1e100:
            self.matrix *= self.scale
            self.scale = 1.0
        return True


class QuasiNewtonDriver(Driver):
    """One line search per iteration."""

    most = 10

    def __init__(self, described: SSBroyden, session: TrainingSession) -> None:
        self.described, self.session = described, session
        self.parameters = session.get()
        self.changed()
        self._reset()

    def changed(self) -> None:
        """Loss and gradient are not what they were; the curvature is kept."""
        self.terms, self.gradient = self.session.gradient_at(self.parameters)
        self.earlier: float | None = None

    def _reset(self) -> None:
        self.hessian = InverseHessian(len(self.parameters))
        self.new = True

    def advance(self, count: int) -> tuple[int, Array]:
        """Iterations of which each lowers the loss; stuck where no direction does."""
        done = 0
        while done < count and not self.stuck:
            if not self._iterate():
                if self.new:
                    self.stuck = True
                else:
                    # Rounding has spoilt the curvature: once more from the steepest descent.
                    self._reset()
                    continue
            done += 1
        self.session.put(self.parameters)
        return max(done, 1), self.terms

    def _iterate(self) -> bool:
        session, weights = self.session, self.session.weights
        known: dict[bytes, tuple[Array, Array]] = {}

        def at(parameters: Array) -> tuple[Array, Array]:
            key = parameters.tobytes()
            if key not in known:
                known[key] = session.gradient_at(parameters)
            return known[key]

        loss = float(weights @ self.terms)
        if not math.isfinite(loss):
            self.stuck = True
            return True
        direction = -(self.hessian @ self.gradient)
        if self.new:
            direction *= min(1.0, LARGEST_FIRST_STEP / max(float(np.linalg.norm(direction)), 1e-300))
        alpha = self._search(at, direction, loss) if float(direction @ self.gradient) < 0.0 else None
        if alpha is None:
            return False
        step = alpha * direction
        trial = self.parameters + step
        terms, gradient = at(trial)
        if self.new:
            # Size of the inverse curvature along the first step (Nocedal & Wright 2006, eq. 6.20).
            change = gradient - self.gradient
            ys = float(change @ step)
            if ys > 0.0:
                factor = ys / float(change @ change)
                self.hessian.matrix *= factor
                # The step was not −alpha H gradient for this H; plain BFGS does not ask.
                self.hessian.update(step, change, self.gradient, alpha, "none")
        else:
            self.hessian.update(step, gradient - self.gradient, self.gradient, alpha, self.described.scaling)
        self.new = False
        self.earlier = loss
        self.parameters, self.terms, self.gradient = trial, terms, gradient
        return True

    def _search(self, at: Callable[[Array], tuple[Array, Array]], direction: Array, loss: float) -> float | None:
        """Length of a step that lowers the loss, by the strong Wolfe conditions if it can be found; None if not."""
        weights, searches = self.session.weights, self.described.searches

        def value(parameters: Array) -> float:
            return float(weights @ at(parameters)[0])

        with warnings.catch_warnings():
            # It warns where it gives up, which is a return value here.
            warnings.simplefilter("ignore")
            alpha, *_ = scipy.optimize.line_search(
                value,
                lambda parameters: at(parameters)[1],
                self.parameters,
                direction,
                self.gradient,
                loss,
                self.earlier,
                c1=SUFFICIENT,
                c2=0.9,
                maxiter=searches,
            )
        if alpha is not None and alpha > 0.0 and value(self.parameters + alpha * direction) < loss:
            return float(alpha)
        # It gives up early where only a very short step helps: a sufficient decrease alone must do then.
        slope = float(direction @ self.gradient)
        for k in range(1, searches + 1):
            alpha = SHORTENED**k
            reached = value(self.parameters + alpha * direction)
            if reached < loss and reached <= loss + SUFFICIENT * alpha * slope:
                return alpha
        return None
