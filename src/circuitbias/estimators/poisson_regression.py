"""Poisson regressions of many targets on one shared design matrix, all solved together.

For target j with rates ``mu_tj = exp(x_t . beta_j)`` the mean negative log-likelihood is

    F_j(beta_j) = 1/T sum_t (mu_tj - y_tj x_t . beta_j) + ridge/2 |beta_j|^2 (without the intercept),

the objective of scikit-learn's ``PoissonRegressor`` with ``alpha = ridge``. As the design matrix X is the
same for all targets, two matrix products, ``X B`` and ``X' (mu - Y)``, give all gradients at once. What is
left is to need few passes over the data: see `circuitbias.estimators.quasi_newton`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

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
