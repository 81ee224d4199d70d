"""Minimise smooth objectives plus an absolute-value penalty, all targets together.

Proximal Newton steps with Hessians of a subsample: the step minimises the quadratic model of the objective
plus the penalty itself, so that coefficients become exactly zero.
"""

import math
from collections.abc import Callable

import numpy as np
from numba import njit

from circuitbias.device import Array, namespace, on_cpu, placed, quietly
from circuitbias.fitting.lbfgs import Solution, no_report
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.tuning import tuning


@quietly
def minimise_with_penalty(
    objective: Objective,
    start: Array,
    hessians_at: Callable[[Array], Array],
    free: Array,
    penalty: float,
    gradient_scale: Array,
    tolerance: float,
    max_passes: int,
    report=no_report,
) -> Solution:
    """Minimise ``F_j + penalty |beta_j|_1`` for every target; the last coefficient is not penalised.

    Parameters
    ----------
    objective, start, gradient_scale, tolerance, max_passes, report
        As in `circuitbias.fitting.lbfgs.lbfgs`.
    hessians_at : callable
        From coefficients to Hessians, shape (n_targets, n_columns, n_columns), approximate and positive
        definite; called now and then.
    free : array of bool, shape (n_columns, n_targets)
        Coefficients that are fitted.
    penalty : float

    Returns
    -------
    Solution
        Its ``scaled_gradient`` is that of the subgradient of least size.
    """
    xp = namespace(start)
    penalties = penalty * xp.asarray(free, dtype=start.dtype)
    penalties[-1] = 0

    def scaled(beta, gradient):
        at_zero = xp.clip(abs(gradient) - penalties, 0, None)
        least = xp.where(beta == 0, at_zero, abs(gradient + penalties * xp.sign(beta)))
        worst = xp.amax(least / gradient_scale, 0)
        return xp.where(xp.isnan(worst), math.inf, worst)

    tuned = tuning()
    first_pass = objective.passes
    beta = start
    smooth, gradient = objective.evaluate(beta)
    value = smooth + (penalties * abs(beta)).sum(0)
    hessians = hessians_at(beta)
    direction = _model_step(hessians, gradient, beta, penalties, free)
    length = xp.ones_like(value)
    while objective.passes - first_pass < max_passes:
        worst = scaled(beta, gradient)
        left = (worst > tolerance) & (length > tuned.shortest_step)
        report(objective.passes, worst.max().item(), int(left.sum()))
        if not left.any():
            break
        trial = beta + xp.where(left, length, 0.0) * direction
        smooth, new_gradient = objective.evaluate(trial)
        new_value = smooth + (penalties * abs(trial)).sum(0)
        promised = (gradient * direction + penalties * (abs(beta + direction) - abs(beta))).sum(0)
        accepted = left & (
            new_value <= value + tuned.sufficient_decrease * length * promised + tuned.rounding * abs(value)
        )
        beta = xp.where(accepted, trial, beta)
        gradient = xp.where(accepted, new_gradient, gradient)
        value = xp.where(accepted, new_value, value)
        length = xp.where(accepted, 1.0, tuned.proximal_backtrack * length)
        if (objective.passes - first_pass) % tuned.proximal_refresh == 0:
            hessians = hessians_at(beta)
        fresh = _model_step(hessians, gradient, beta, penalties, free & accepted)
        direction = xp.where(accepted, fresh, direction)
    worst = scaled(beta, gradient)
    return Solution(beta, worst, worst <= tolerance, value)


def _model_step(hessians, gradient, beta, penalties, free):
    """Minimise ``g.d + d'Hd/2 + penalty |beta + d|`` over d, for all targets at once."""
    given = (np.ascontiguousarray(on_cpu(each.T)) for each in (gradient, beta, penalties, free))
    steps = _descend(on_cpu(hessians), *given, tuning().proximal_sweeps, tuning().proximal_descent)
    return placed(np.ascontiguousarray(steps.T), beta.device)


@njit(nogil=True, cache=True)
def _descend(hessians, gradient, beta, penalties, free, most_sweeps, descent):
    """Coordinate descent, target by target, until a sweep moves less than this share of the first."""
    steps, slopes = np.zeros_like(beta), gradient.copy()
    for target in range(len(beta)):
        hessian, slope, step, first = hessians[target], slopes[target], steps[target], 0.0
        for _ in range(most_sweeps):
            moved = 0.0
            for k in np.flatnonzero(free[target]):
                now = beta[target, k] + step[k]
                aim = now - slope[k] / hessian[k, k]
                aim = np.sign(aim) * max(abs(aim) - penalties[target, k] / hessian[k, k], 0.0)
                change, row = aim - now, hessian[k]
                if change != 0:
                    for other in range(len(row)):
                        slope[other] += row[other] * change
                    step[k] += change
                    moved = max(moved, row[k] * change**2)
            first = max(first, moved)
            if moved <= descent**2 * first:
                break
    return steps
