"""Regressions of many targets on one shared design matrix, all solved together.

Target j has the canonical parameter ``eta_tj = x_t . beta_j``, and the mean negative log-likelihood is

    F_j(beta_j) = 1/T sum_t (A(eta_tj) - y_tj eta_tj) + ridge/2 |beta_j|^2 (without the intercept),

A being exp for Poisson counts and log(1 + exp) for binary ones: the objective of scikit-learn's
``PoissonRegressor`` with ``alpha = ridge``. As the design matrix X is the same for all targets, two matrix
products, ``X B`` and ``X' (A' - Y)``, give all gradients at once. What is left is to need few passes over
the data: see `circuitbias.fitting.lbfgs`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch.nn.functional import softplus

Blocks = Callable[[], Iterator[torch.Tensor]]
"""Goes over the data once: blocks of rows of the design matrix, whose last column is 1."""


def poisson(parameters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A and its derivative, the mean of the targets; may overwrite what it is given."""
    rates = parameters.exp_()
    return rates, rates


def logistic(parameters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The same for binary targets."""
    return softplus(parameters, threshold=40), parameters.sigmoid()


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
    family : callable
        `poisson` or `logistic`.
    passes : int
        Times that the data have been gone over.
    """

    blocks: Blocks
    n_rows: int
    cross_moment: torch.Tensor
    free: torch.Tensor
    ridge: float = 0.0
    family: Callable = poisson
    passes: int = field(default=0, init=False)

    def evaluate(
        self, coefficients: torch.Tensor, *, targets: torch.Tensor | None = None, single: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values, shape (n_targets,), and gradients, shape (n_columns, n_targets), in one pass.

        Parameters
        ----------
        coefficients : tensor, shape (n_columns, n_targets)
        targets : tensor of bool, optional
            Which targets these are of, if not of all.
        single : bool, optional
            Sum over the rows of each block in single precision.
        """
        self.passes += 1
        cross_moment, free = self.cross_moment, self.free
        if targets is not None:
            cross_moment, free = cross_moment[:, targets], free[:, targets]
        total = torch.zeros_like(coefficients[0])
        gradient = torch.zeros_like(coefficients)
        dtype = torch.float32 if single else torch.float64
        # Targets in rows: in double precision these products are the faster ones.
        given = coefficients.T.to(dtype).contiguous()
        for design in self.blocks():
            design = design.to(dtype)
            partition, mean = self.family(given @ design.T)
            total += partition.sum(1)
            gradient += (mean @ design).T
        slopes = coefficients[:-1]
        value = (
            total / self.n_rows - (cross_moment * coefficients).sum(0) + self.ridge / 2 * (slopes**2).sum(0)
        )
        gradient = gradient / self.n_rows - cross_moment
        gradient[:-1] += self.ridge * slopes
        return value, gradient * free
