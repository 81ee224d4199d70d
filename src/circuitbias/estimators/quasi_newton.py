"""Minimise many objectives together in few passes over the data.

Limited-memory BFGS, preconditioned for each target with the Hessian of a subsample of the bins, which
differs from that of all bins by its sampling error alone.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

_HISTORY = 8  # pairs that limited-memory BFGS keeps
_SUFFICIENT_DECREASE = 1e-4
_ROUNDING = 1e-13  # of the objective, relative
_BACKTRACK = 0.3
_SHORTEST_STEP = 1e-8
_CACHED_ROWS = 2048


class Objective(Protocol):
    """Convex objectives, one a target."""

    passes: int
    """Times that the data have been gone over."""

    def evaluate(self, coefficients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Values, shape (n_targets,), and gradients, shape (n_columns, n_targets), in one pass."""


def sample_hessians(design, weights, free, least_diagonal, ridge=0.0):
    """Hessians ``X' diag(w_j) X / T`` of every target, on a sample of rows.

    Parameters
    ----------
    design : tensor, shape (n_rows, n_columns)
    weights : callable
        From some rows of the design, in single precision, to w, shape (rows, n_targets).
    free : tensor of bool, shape (n_columns, n_targets)
        Coefficients that are fitted. Rows and columns of the others are those of the unit matrix.
    least_diagonal : tensor, shape (n_columns, n_targets)
        Bound from below of the diagonals: all there is of a column that is zero in every row of the sample.
    ridge : float, optional
        Added to the diagonals, but not to the last entry.

    Returns
    -------
    tensor, shape (n_targets, n_columns, n_columns)
    """
    n_rows, n_columns = design.shape
    hessians = design.new_zeros((free.shape[1], n_columns, n_columns))
    # Single precision, as it only has to point the way; rows in pieces that stay in the cache.
    for rows in design.float().split(_CACHED_ROWS):
        for hessian, weight in zip(hessians, weights(rows).T, strict=True):
            hessian += (rows * weight[:, None]).T @ rows
    hessians /= n_rows
    diagonals = hessians.diagonal(dim1=1, dim2=2)
    diagonals.copy_(diagonals.maximum(least_diagonal.T))
    hessians += ridge * torch.diag((torch.arange(n_columns) < n_columns - 1).to(hessians))
    both_free = free.T[:, :, None] & free.T[:, None, :]
    return torch.where(both_free, hessians, torch.eye(n_columns).to(hessians))


def target_preconditioner(hessians, free):
    """Inverse of each target's own Hessian.

    Parameters
    ----------
    hessians : tensor, shape (n_targets, n_columns, n_columns)
    free : tensor of bool, shape (n_columns, n_targets)

    Returns
    -------
    apply : callable
        From gradients to steps.
    inverse_diagonal : tensor, shape (n_columns, n_targets)
        Diagonals of the inverse Hessians.
    """
    factors = torch.linalg.cholesky_ex(hessians)[0]
    inverse_diagonal = torch.cholesky_inverse(factors).diagonal(dim1=1, dim2=2).T

    def apply(gradient):
        return torch.cholesky_solve(gradient.T[:, :, None], factors)[:, :, 0].T * free

    return apply, inverse_diagonal


@dataclass
class Solution:
    """Result of `minimise`.

    Attributes
    ----------
    coefficients : tensor, shape (n_columns, n_targets)
    scaled_gradient : tensor, shape (n_targets,)
        Largest absolute entry of each target's gradient, in units of ``gradient_scale``.
    converged : tensor of bool, shape (n_targets,)
    """

    coefficients: torch.Tensor
    scaled_gradient: torch.Tensor
    converged: torch.Tensor


def minimise(
    objective: Objective,
    start: torch.Tensor,
    precondition: Callable[[torch.Tensor], torch.Tensor],
    gradient_scale: torch.Tensor,
    tolerance: float,
    max_passes: int,
    report: Callable[[int, float, int], None] = lambda passes, worst, left: None,
) -> Solution:
    """Minimise all objectives together by preconditioned limited-memory BFGS.

    Each target has its own step length and history; a target that has converged rests.

    Parameters
    ----------
    objective : Objective
    start : tensor, shape (n_columns, n_targets)
    precondition : callable
        Approximate inverse Hessians.
    gradient_scale : tensor, shape (n_columns, n_targets)
        Natural size of the gradient's entries.
    tolerance : float
        A target has converged when its largest scaled gradient is at most this.
    max_passes : int
        Most passes over the data.
    report : callable, optional
        Called after each pass with its number, the largest scaled gradient and the targets left.

    Returns
    -------
    Solution
    """

    def scaled(gradient):
        return (gradient.abs() / gradient_scale).amax(0).nan_to_num(nan=math.inf)

    first_pass = objective.passes
    beta = start.clone()
    value, gradient = objective.evaluate(beta)
    history: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
    length = torch.ones_like(value)
    direction = -precondition(gradient)
    while objective.passes - first_pass < max_passes:
        left = (scaled(gradient) > tolerance) & (length > _SHORTEST_STEP)
        report(objective.passes, scaled(gradient).max().item(), int(left.sum()))
        if not left.any():
            break
        slope = (gradient * direction).sum(0)
        trial = beta + torch.where(left, length, 0.0) * direction
        new_value, new_gradient = objective.evaluate(trial)
        # An overflow gives inf or NaN, which fails this test like any other step too long.
        accepted = left & (
            new_value <= value + _SUFFICIENT_DECREASE * length * slope + _ROUNDING * value.abs()
        )
        step = torch.where(accepted, trial - beta, 0.0)
        change = torch.where(accepted, new_gradient - gradient, 0.0)
        curvature = (step * change).sum(0)
        history.append((step, change, torch.where(curvature > 0, 1 / curvature, 0.0)))
        del history[:-_HISTORY]
        beta = beta + step
        gradient = gradient + change
        value = torch.where(accepted, new_value, value)
        length = torch.where(accepted, 1.0, _BACKTRACK * length)
        # A rejected target tries again along its old direction, only shorter.
        direction = torch.where(accepted, _quasi_newton(gradient, history, precondition), direction)
    worst = scaled(gradient)
    return Solution(beta, worst, worst <= tolerance)


def _quasi_newton(gradient, history, precondition):
    """Two-loop recursion (Nocedal & Wright 2006, algorithm 7.4), for all targets at once."""
    remainder = gradient.clone()
    weights = []
    for step, change, inverse_curvature in reversed(history):
        weight = inverse_curvature * (step * remainder).sum(0)
        remainder -= weight * change
        weights.append(weight)
    direction = precondition(remainder)
    for (step, change, inverse_curvature), weight in zip(history, reversed(weights), strict=True):
        direction += (weight - inverse_curvature * (change * direction).sum(0)) * step
    return -direction


def conjugate_gradients(product, diagonal, right, tolerance, max_iterations):
    """Solve ``A x = right`` for a positive definite A of which only products and the diagonal are known.

    Parameters
    ----------
    product : callable
        From x to ``A x``.
    diagonal : tensor, shape (n, 1)
    right : tensor, shape (n, 1)
    tolerance : float
        Size of the residual, relative to ``right``, both in the norm of the inverse diagonal.
    max_iterations : int

    Returns
    -------
    tensor, shape (n, 1)
    """
    solution, residual = torch.zeros_like(right), right.clone()
    scaled = residual / diagonal
    direction = scaled.clone()
    size = first = (residual * scaled).sum()
    for _ in range(max_iterations):
        if size <= tolerance**2 * first:
            break
        image = product(direction)
        length = size / (direction * image).sum()
        solution += length * direction
        residual -= length * image
        scaled = residual / diagonal
        before, size = size, (residual * scaled).sum()
        direction = scaled + size / before * direction
    return solution
