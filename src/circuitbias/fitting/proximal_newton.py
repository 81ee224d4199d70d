"""Minimise smooth objectives plus an absolute-value penalty, all targets together.

Proximal Newton steps with Hessians of a subsample: the step minimises the quadratic model of the objective
plus the penalty itself, so that coefficients become exactly zero.
"""

import math
from collections.abc import Callable

import torch

from circuitbias.fitting.lbfgs import Solution, no_report
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.tuning import tuning


def minimise_with_penalty(
    objective: Objective,
    start: torch.Tensor,
    hessians_at: Callable[[torch.Tensor], torch.Tensor],
    free: torch.Tensor,
    penalty: float,
    gradient_scale: torch.Tensor,
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
    free : tensor of bool, shape (n_columns, n_targets)
        Coefficients that are fitted.
    penalty : float

    Returns
    -------
    Solution
        Its ``scaled_gradient`` is that of the subgradient of least size.
    """
    penalties = penalty * free.to(start)
    penalties[-1] = 0

    def scaled(beta, gradient):
        least = torch.where(
            beta == 0, (gradient.abs() - penalties).clamp(min=0), gradient + penalties * beta.sign()
        )
        return (least.abs() / gradient_scale).amax(0).nan_to_num(nan=math.inf)

    tuned = tuning()
    first_pass = objective.passes
    beta = start.clone()
    smooth, gradient = objective.evaluate(beta)
    value = smooth + (penalties * beta.abs()).sum(0)
    hessians = hessians_at(beta)
    direction = _model_step(hessians, gradient, beta, penalties, free)
    length = torch.ones_like(value)
    while objective.passes - first_pass < max_passes:
        worst = scaled(beta, gradient)
        left = (worst > tolerance) & (length > tuned.shortest_step)
        report(objective.passes, worst.max().item(), int(left.sum()))
        if not left.any():
            break
        trial = beta + torch.where(left, length, 0.0) * direction
        smooth, new_gradient = objective.evaluate(trial)
        new_value = smooth + (penalties * trial.abs()).sum(0)
        promised = (gradient * direction + penalties * ((beta + direction).abs() - beta.abs())).sum(0)
        accepted = left & (
            new_value <= value + tuned.sufficient_decrease * length * promised + tuned.rounding * value.abs()
        )
        beta = torch.where(accepted, trial, beta)
        gradient = torch.where(accepted, new_gradient, gradient)
        value = torch.where(accepted, new_value, value)
        length = torch.where(accepted, 1.0, tuned.proximal_backtrack * length)
        if (objective.passes - first_pass) % tuned.proximal_refresh == 0:
            hessians = hessians_at(beta)
        fresh = _model_step(hessians, gradient, beta, penalties, free & accepted)
        direction = torch.where(accepted, fresh, direction)
    worst = scaled(beta, gradient)
    return Solution(beta, worst, worst <= tolerance)


def _model_step(hessians, gradient, beta, penalties, free):
    """Minimise ``g.d + d'Hd/2 + penalty |beta + d|`` over d, for all targets at once."""

    def product(step):
        return torch.einsum("jkl,lj->kj", hessians, step)

    def model(step, image):
        return ((gradient + image / 2) * step + penalties * (beta + step).abs()).sum(0)

    diagonals = hessians.diagonal(dim1=1, dim2=2).T
    step = _descend(hessians, gradient, beta, penalties, free)
    image = product(step)
    best, lowest = step, model(step, image)
    before = None
    for _ in range(tuning().proximal_guesses):
        aim = beta + step - (gradient + image) / diagonals
        active = free & ((aim.abs() > penalties / diagonals) | (penalties == 0))
        signs = torch.where(active, aim.sign(), 0.0)
        if before is not None and (signs == before).all():
            break
        before = signs
        # Which coefficients are zero, and the signs of the others, are guessed: what is left is linear.
        zeroed = torch.where(active, 0.0, -beta) * free
        right = torch.where(active, -gradient - penalties * signs - product(zeroed), 0.0)
        both = active.T[:, :, None] & active.T[:, None, :]
        factors = torch.linalg.cholesky_ex(torch.where(both, hessians, torch.eye(len(beta)).to(hessians)))[0]
        step = zeroed + torch.cholesky_solve(right.T[:, :, None], factors)[:, :, 0].T
        image = product(step)
        value = model(step, image)
        best = torch.where(value < lowest, step, best)
        lowest = lowest.minimum(value)
    return best


def _descend(hessians, gradient, beta, penalties, free):
    """A few sweeps of coordinate descent on the same model, which never raise it."""
    step, slopes = torch.zeros_like(beta), gradient.clone()
    columns = hessians.permute(1, 2, 0).contiguous()
    diagonals = hessians.diagonal(dim1=1, dim2=2).T
    for _ in range(tuning().proximal_sweeps):
        for k, column in enumerate(columns):
            now = beta[k] + step[k]
            aim = now - slopes[k] / diagonals[k]
            aim = aim.sign() * (aim.abs() - penalties[k] / diagonals[k]).clamp(min=0)
            change = torch.where(free[k], aim - now, 0.0)
            slopes.addcmul_(column, change)
            step[k] += change
    return step
