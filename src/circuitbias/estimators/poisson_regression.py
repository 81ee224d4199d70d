"""Poisson regressions of many targets on one shared design matrix, all solved together.

For target j with rates ``mu_tj = exp(x_t . beta_j)`` the mean negative log-likelihood is

    F_j(beta_j) = 1/T sum_t (mu_tj - y_tj x_t . beta_j) + ridge/2 |beta_j|^2 (without the intercept),

the objective of scikit-learn's ``PoissonRegressor`` with ``alpha = ridge``. As the design matrix X is the
same for all targets, two matrix products, ``X B`` and ``X' (mu - Y)``, give all gradients at once. What is
left is to need few passes over the data: limited-memory BFGS, preconditioned for each target with the
Hessian of a subsample of the bins, which differs from that of all bins by its sampling error alone.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

_HISTORY = 8  # pairs that limited-memory BFGS keeps
_SUFFICIENT_DECREASE = 1e-4
_ROUNDING = 1e-13  # of the objective, relative
_BACKTRACK = 0.3
_SHORTEST_STEP = 1e-8
_CACHED_ROWS = 2048

Blocks = Callable[[], Iterator[torch.Tensor]]
"""Goes over the data once: blocks of rows of the design matrix, whose last column is 1."""


@dataclass
class Objective:
    """The objectives of all targets.

    Attributes
    ----------
    blocks : callable
        See `Blocks`.
    n_rows : int
        T, number of rows of all blocks together.
    cross_moment : tensor, shape (n_columns, n_targets)
        ``X'Y / T``: all that is needed of the targets, as the objective is linear in them.
    free : tensor of bool, shape (n_columns, n_targets)
        Coefficients that are fitted; the others are held at zero.
    ridge : float
    passes : int
        Times that the data have been gone over.
    """

    blocks: Blocks
    n_rows: int
    cross_moment: torch.Tensor
    free: torch.Tensor
    ridge: float = 0.0
    passes: int = field(default=0, init=False)

    def evaluate(self, coefficients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Values, shape (n_targets,), and gradients, shape (n_columns, n_targets), in one pass."""
        self.passes += 1
        total_rate = torch.zeros_like(coefficients[0])
        gradient = torch.zeros_like(coefficients)
        for design in self.blocks():
            rate = (design @ coefficients).exp_()
            total_rate += rate.sum(0)
            gradient.addmm_(design.T, rate)
        slopes = coefficients[:-1]
        value = (
            total_rate / self.n_rows
            - (self.cross_moment * coefficients).sum(0)
            + self.ridge / 2 * (slopes**2).sum(0)
        )
        gradient = gradient / self.n_rows - self.cross_moment
        gradient[:-1] += self.ridge * slopes
        return value, gradient * self.free


def shared_preconditioner(second_moment, mean_targets, free, ridge):
    """Inverse of the Hessians if all rates were constant: ``mean_j X'X/T`` for every target.

    Parameters
    ----------
    second_moment : tensor, shape (n_columns, n_columns)
        ``X'X / T``.
    mean_targets : tensor, shape (n_targets,)
    free : tensor of bool, shape (n_columns, n_targets)
        At most one column of each target may be held at zero.
    ridge : float

    Returns
    -------
    callable
        From gradients to steps, both of shape (n_columns, n_targets).
    """
    inverse = torch.linalg.inv(
        second_moment + ridge / mean_targets.mean() * torch.eye(len(second_moment)).to(second_moment)
    )
    held, target = (~free).nonzero(as_tuple=True)

    def apply(gradient):
        step = inverse @ gradient
        # The inverse without row and column k is inverse - inverse[:, k] inverse[k, :] / inverse[k, k].
        step[:, target] -= inverse[:, held] * (step[held, target] / inverse[held, held])
        return step * free / mean_targets

    return apply


def target_preconditioner(design, coefficients, free, ridge, cross_moment):
    """Inverse of each target's own Hessian on a sample of rows.

    Parameters
    ----------
    design : tensor, shape (n_rows, n_columns)
    coefficients : tensor, shape (n_columns, n_targets)
        Where the Hessians are taken.
    free, ridge, cross_moment
        As in `Objective`, of all rows.

    Returns
    -------
    apply : callable
        From gradients to steps.
    inverse_diagonal : tensor, shape (n_columns, n_targets)
        Diagonals of the inverse Hessians; T times smaller they are the variances of the coefficients
        that the Poisson model itself predicts.
    """
    n_rows, n_columns = design.shape
    hessians = coefficients.new_zeros((coefficients.shape[1], n_columns, n_columns))
    # Single precision, as it only has to point the way; rows in pieces that stay in the cache.
    for rows in design.float().split(_CACHED_ROWS):
        rates = (rows @ coefficients.float()).exp_()
        for hessian, rate in zip(hessians, rates.T, strict=True):
            hessian += (rows * rate[:, None]).T @ rows
    hessians /= n_rows
    # Where all gradients are zero, mean(mu x^2) >= mean(mu x) = mean(y x), the counts x being whole
    # numbers: this is all there is of a column that is zero in every row of the sample.
    diagonals = hessians.diagonal(dim1=1, dim2=2)
    diagonals.copy_(diagonals.maximum(cross_moment.T))
    hessians += ridge * torch.diag((torch.arange(n_columns) < n_columns - 1).to(hessians))
    both_free = free.T[:, :, None] & free.T[:, None, :]
    hessians = torch.where(both_free, hessians, torch.eye(n_columns).to(hessians))
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
