"""Minimise smooth objectives plus an absolute-value penalty, all targets together.

Proximal Newton steps with Hessians of a subsample: the step minimises the quadratic model of the objective
plus the penalty itself, so that coefficients become exactly zero.
"""

import math
from collections.abc import Callable

from circuitbias.device import Array, namespace, quietly
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
    return Solution(beta, worst, worst <= tolerance)


def _model_step(hessians, gradient, beta, penalties, free):
    """Minimise ``g.d + d'Hd/2 + penalty |beta + d|`` over d, for all targets at once."""
    xp = namespace(beta)
    unit = xp.eye(len(beta), dtype=beta.dtype, device=beta.device)

    def product(step):
        return (hessians @ step.T[:, :, None])[:, :, 0].T

    def model(step, image):
        return ((gradient + image / 2) * step + penalties * abs(beta + step)).sum(0)

    diagonals = hessians.diagonal(0, 1, 2).T
    step = _descend(hessians, gradient, beta, penalties, free)
    image = product(step)
    best, lowest = step, model(step, image)
    before = None
    for _ in range(tuning().proximal_guesses):
        aim = beta + step - (gradient + image) / diagonals
        active = free & ((abs(aim) > penalties / diagonals) | (penalties == 0))
        signs = xp.where(active, xp.sign(aim), 0.0)
        if before is not None and (signs == before).all():
            break
        before = signs
        # Which coefficients are zero, and the signs of the others, are guessed: what is left is linear.
        zeroed = xp.where(active, 0.0, -beta) * free
        right = xp.where(active, -gradient - penalties * signs - product(zeroed), 0.0)
        both = active.T[:, :, None] & active.T[:, None, :]
        step = zeroed + xp.linalg.solve(xp.where(both, hessians, unit), right.T[:, :, None])[:, :, 0].T
        image = product(step)
        value = model(step, image)
        best = xp.where(value < lowest, step, best)
        lowest = xp.minimum(lowest, value)
    return best


def _descend(hessians, gradient, beta, penalties, free):
    """A few sweeps of coordinate descent on the same model, which never raise it.

    Guesses of the active set alone do not end where counts are strongly correlated: on 1e5 spikes of the ring
    at r = .025 with a penalty of 3, they take 200 passes and leave 44 of 100 fits, with sweeps 8 and none.
    """
    xp, step = namespace(beta), 0 * beta
    slopes = xp.asarray(gradient, copy=True)
    columns = xp.empty((*beta.shape[:1] * 2, beta.shape[1]), dtype=beta.dtype, device=beta.device)
    columns[:] = xp.moveaxis(hessians, 0, 2)
    diagonals = hessians.diagonal(0, 1, 2).T
    for _ in range(tuning().proximal_sweeps):
        for k, column in enumerate(columns):
            now = beta[k] + step[k]
            aim = now - slopes[k] / diagonals[k]
            aim = xp.sign(aim) * xp.clip(abs(aim) - penalties[k] / diagonals[k], 0, None)
            change = xp.where(free[k], aim - now, 0.0)
            slopes += column * change
            step[k] += change
    return step
