"""Levenberg–Marquardt on the residuals of all points, once for both engines: dense, kernel or matrix-free.

The loss is r·r for residuals r (N,) with derivatives J (N, p). A step solves (JᵀJ + μ I) δ = −Jᵀ r; by the identity
(JᵀJ + μ I)⁻¹ Jᵀ = Jᵀ (J Jᵀ + μ I)⁻¹ the system may have the size of the points instead (the kernel form). With μ → 0
the step is the energy natural gradient of Müller & Zeinhofer 2023 (ICML) for a quadratic energy. Small systems are
factorised on the host by LAPACK; J itself is made by the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import scipy.linalg
import scipy.sparse.linalg

from backends.neural.optimizers import LevenbergMarquardt
from backends.neural.training import Driver
from problems.base import Array

if TYPE_CHECKING:
    from backends.neural.training import TrainingSession

ATTEMPTS = 12
"""Steps that are tried in one iteration, each with more damping than the one before."""
HALVINGS = 30
"""Lengths of a step that are tried in one iteration."""
LARGEST_DAMPING = 1e12
"""Relative to the mean square of J's columns; where even such a step fails, the loss is at rounding."""
SMALLEST_DAMPING = 1e-17

Step = Callable[[float], Array | None]
"""Damping μ → step δ (p,)."""


class LeastSquaresDriver(Driver):
    """One linearisation per iteration; the damping is carried from one iteration to the next."""

    most = 1

    def __init__(self, described: LevenbergMarquardt, session: TrainingSession) -> None:
        self.described, self.session = described, session
        self.damping = described.damping
        self.parameters = session.get()

    def advance(self, count: int) -> tuple[int, Array]:
        """Iterations of which each lowers the loss, or leaves the parameters where they are."""
        session, terms = self.session, np.empty(0)
        done = 0
        while done < count and not self.stuck:
            session.draw()
            terms = self._iterate()
            done += 1
            if not np.isfinite(terms).all():
                break
        session.put(self.parameters)
        return done, terms

    def _iterate(self) -> Array:
        session, d = self.session, self.described
        step, mean_square = self._linearise()
        # By the same sum as that of every trial: r·r rounds otherwise, and could make no step look like progress.
        terms = session.terms_at(self.parameters)
        loss = float(session.weights @ terms)
        if not np.isfinite(loss):
            return np.full(len(session.weights), np.nan)
        moved = self._damp(step, mean_square, loss) if d.search == "damping" else self._halve(step, mean_square, loss)
        return terms if moved is None else moved

    def _damp(self, step: Step, mean_square: float, loss: float) -> Array | None:
        """Terms of the loss after a step with enough damping; None where no damping is enough."""
        d = self.described
        for _ in range(ATTEMPTS):
            found = step(self.damping * mean_square)
            terms = None if found is None else self._try(found, loss)
            if terms is not None:
                self.damping = max(self.damping / d.fall, SMALLEST_DAMPING)
                return terms
            self.damping *= d.rise
        if self.damping > LARGEST_DAMPING:
            # On points that stay the same the next iteration would fail alike.
            self.stuck = not self.session.fresh
            self.damping = d.damping
        return None

    def _halve(self, step: Step, mean_square: float, loss: float) -> Array | None:
        """Terms of the loss after the best of the step and its halves; None where none is lower."""
        direction, start, best = step(self.damping * mean_square), self.parameters, None
        for k in range(HALVINGS):
            if direction is None:
                break
            trial = start + 0.5**k * direction
            terms = self.session.terms_at(trial)
            value = float(self.session.weights @ terms)
            if value < loss:
                loss, best, self.parameters = value, terms, trial
            elif best is not None:
                break
        self.stuck = best is None and not self.session.fresh
        return best

    def _try(self, step: Array, loss: float) -> Array | None:
        trial = self.parameters + step
        terms = self.session.terms_at(trial)
        if not float(self.session.weights @ terms) < loss:
            return None
        self.parameters = trial
        return terms

    def _linearise(self) -> tuple[Step, float]:
        """The step as a function of the damping, None where rounding leaves none; the mean square of J's columns."""
        d, session = self.described, self.session
        if d.solve == "matrix-free":
            residuals, forward, adjoint, square = session.products_at(self.parameters)
            gradient = adjoint(residuals)
            operator = scipy.sparse.linalg.LinearOperator(
                (len(residuals), len(gradient)), matvec=forward, rmatvec=adjoint, dtype=float
            )
            mean_square = square / len(gradient)

            def iterative(damping: float) -> Array:
                found = scipy.sparse.linalg.lsmr(
                    operator, -residuals, damp=damping**0.5, atol=1e-10, btol=1e-10, maxiter=d.inner
                )
                return np.asarray(found[0])

            return iterative, mean_square
        residuals, jacobian = session.jacobian_at(self.parameters)
        kernel = d.uses_kernel(*jacobian.shape)
        normal = session.gram(np.ascontiguousarray(jacobian.T) if kernel else jacobian)
        right = -residuals if kernel else -(jacobian.T @ residuals)
        mean_square = float(np.trace(normal)) / jacobian.shape[1]
        diagonal = np.diagonal(normal).copy()

        def direct(damping: float) -> Array | None:
            np.fill_diagonal(normal, diagonal + damping)
            try:
                factor = scipy.linalg.cho_factor(normal, check_finite=False)
            except scipy.linalg.LinAlgError:
                return None
            solved = np.asarray(scipy.linalg.cho_solve(factor, right, check_finite=False))
            return jacobian.T @ solved if kernel else solved

        return direct, mean_square
