"""Minimise many objectives together in few passes over the data.

Limited-memory BFGS, preconditioned for each target with the Hessian of a subsample of the bins, which
differs from that of all bins by its sampling error alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from circuitbias.device import Array, namespace, quietly
from circuitbias.fitting.tuning import tuning


class Objective(Protocol):
    """Convex objectives, one a target."""

    passes: int
    """Times that the data have been gone over."""

    def evaluate(self, coefficients: Array) -> tuple[Array, Array]:
        """Values, shape (n_targets,), and gradients, shape (n_columns, n_targets), in one pass.

        Two keywords are used only where needed: ``targets``, a mask of those that the coefficients are of if
        these are not all, and ``single``, whether to work in single precision.
        """


def no_report(passes: int, worst: float, left: int) -> None:
    """Say nothing of the passes, the largest gradient and the fits that are left."""


@dataclass
class Solution:
    """Result of `lbfgs`.

    Attributes
    ----------
    coefficients : array, shape (n_columns, n_targets)
    scaled_gradient : array, shape (n_targets,)
        Largest absolute entry of each target's gradient, in units of ``gradient_scale``.
    converged : array of bool, shape (n_targets,)
    value : array, shape (n_targets,)
        Of the objectives; infinite where it is not known in double precision.
    """

    coefficients: Array
    scaled_gradient: Array
    converged: Array
    value: Array

    @classmethod
    def at(cls, start: Array) -> "Solution":
        """Nothing found yet: a copy of where to begin."""
        xp = namespace(start)
        nothing = xp.full_like(start[0], math.inf)
        none = xp.zeros_like(nothing, dtype=xp.bool)
        return cls(xp.asarray(start, copy=True), nothing, none, xp.asarray(nothing, copy=True))


@quietly
def lbfgs(
    objective: Objective,
    start: Array,
    precondition: Callable[[Array], Array],
    gradient_scale: Array,
    tolerance: float,
    max_passes: int,
    report: Callable[[int, float, int], None] = no_report,
    begin_in_single: bool = False,
) -> Solution:
    """Minimise all objectives together by preconditioned limited-memory BFGS.

    Each target has its own step length and history; a target that has converged rests. Passes in single
    precision take half the time or, on many a GPU, a thirtieth: they may bring all targets close to the end,
    and those in double precision the rest of the way.

    Parameters
    ----------
    objective : Objective
    start : array, shape (n_columns, n_targets)
    precondition : callable
        Approximate inverse Hessians.
    gradient_scale : array, shape (n_columns, n_targets)
        Natural size of the gradient's entries.
    tolerance : float
        A target has converged when its largest scaled gradient is at most this: the one in double precision,
        where single precision cannot tell.
    max_passes : int
        Most passes over the data.
    report : callable, optional
        Called after each pass with its number, the largest scaled gradient and the targets left.
    begin_in_single : bool, optional
        Make the first passes in single precision.

    Returns
    -------
    Solution
    """
    xp = namespace(start)

    def scaled(gradient):
        worst = xp.amax(abs(gradient) / gradient_scale, 0)
        return xp.where(xp.isnan(worst), math.inf, worst)

    def evaluate(coefficients, of):
        options = {"single": True} if single else {}
        if of.all():
            return objective.evaluate(coefficients, **options)
        at_rest = xp.zeros_like(value), xp.zeros_like(gradient)
        some = objective.evaluate(coefficients[:, of], targets=of, **options)
        for everywhere, moved in zip(at_rest, some, strict=True):
            everywhere[..., of] = moved
        return at_rest

    tuned = tuning()
    single = begin_in_single
    coarse = max(tolerance, tuned.single_until)
    first_pass = objective.passes
    beta = xp.asarray(start, copy=True)
    value, gradient = evaluate(beta, xp.ones_like(beta[0], dtype=xp.bool))
    exact = xp.full_like(value, not single, dtype=xp.bool)  # values and gradients in double precision
    history = []  # of steps, changes of the gradient, and their inverse products
    length = xp.ones_like(value)
    direction = -precondition(gradient)
    course = []  # of the largest gradient
    while objective.passes - first_pass < max_passes:
        sizes = scaled(gradient)
        again = length == 0
        left = (sizes > (coarse if single else tolerance)) & (length > tuned.shortest_step) | again
        course.append(sizes.max().item())
        report(objective.passes, course[-1], int(left.sum()))
        if single and tolerance < coarse:
            before = course[-1 - tuned.single_stalled] if len(course) > tuned.single_stalled else math.inf
            stalled = course[-1] > before / 2
            if stalled or not left.any():
                single, length, left = False, xp.ones_like(length), xp.ones_like(left)
        if not left.any():
            break
        slope = (gradient * direction).sum(0)
        trial = beta + xp.where(left, length, 0.0) * direction
        new_value, new_gradient = evaluate(trial, left)
        # An overflow gives inf or NaN, which fails these tests like any other step too long.
        decreases = new_value <= value + tuned.sufficient_decrease * length * slope + tuned.rounding * abs(
            value
        )
        # Rounding leaves more of slopes than of differences of values (Hager & Zhang 2005): an objective that
        # is convex has come down if it still falls, and in single precision a flatter slope will do.
        new_slope = (new_gradient * direction).sum(0)
        falls = new_slope <= xp.where(exact, 0.0, tuned.least_flattening * abs(slope))
        falls &= xp.isfinite(new_value)
        accepted = left & (again | falls | exact & decreases)
        step = xp.where(accepted, trial - beta, 0.0)
        change = xp.where(accepted, new_gradient - gradient, 0.0)
        # Where precision changes, the change of a small gradient is mostly that.
        curvature = (step * change).sum(0) * (exact != single)
        history.append((step, change, xp.where(curvature > 0, 1 / curvature, 0.0)))
        del history[: -tuned.steps_kept]
        beta = beta + step
        gradient = gradient + change
        value = xp.where(accepted, new_value, value)
        # A gradient in single precision can be too coarse to go on from: first it is made exact where it is.
        shorter = length * (exact | single) * tuned.backtrack
        length = xp.where(accepted, 1.0, shorter)
        exact = xp.where(accepted, not single, exact)
        # A rejected target tries again along its old direction, only shorter.
        direction = xp.where(accepted, _quasi_newton(gradient, history, precondition), direction)
    worst = scaled(gradient)
    converged = (worst <= tolerance) & (exact | (tolerance == coarse))
    return Solution(beta, worst, converged, xp.where(exact, value, math.inf))


def _quasi_newton(gradient, history, precondition):
    """Two-loop recursion (Nocedal & Wright 2006, algorithm 7.4), for all targets at once."""
    remainder = gradient
    weights = []
    for step, change, inverse_curvature in reversed(history):
        weight = inverse_curvature * (step * remainder).sum(0)
        remainder = remainder - weight * change
        weights.append(weight)
    direction = precondition(remainder)
    for (step, change, inverse_curvature), weight in zip(history, reversed(weights), strict=True):
        direction = direction + (weight - inverse_curvature * (change * direction).sum(0)) * step
    return -direction
