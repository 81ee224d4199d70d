"""Hessians of Poisson regressions from the moments of all rows, with no sum over rows for every target.

The Hessian of target j is ``X' diag(mu_j) X / T``: its mean response times the second moments of the
covariates over its spikes. Their mean there is known at the optimum: it is that over the observed spikes. If
correlations are weak, their covariances there are those over all rows but for the scale of each,

    C_j = diag(s_j) C diag(s_j),

so that one inverse serves all targets. Of the cumulants of third order, by which rates change covariances,
those of one covariate are kept and those between covariates are left out.
"""

from dataclasses import dataclass

import torch

_LEAST_SCALE = 0.1  # what hardly varies over the spikes in a sample may do so in all rows


@dataclass
class SpikeTriggeredMoments:
    """Moments of the covariates over the spikes of each target.

    Attributes
    ----------
    covariance : tensor, shape (n_columns - 1, n_columns - 1)
        Over all rows; the last column of the design is the constant one.
    means, scales : tensor, shape (n_columns - 1, n_targets)
        Over the spikes of each target; scales are those of the standard deviations.
    response_means : tensor, shape (n_targets,)
    free : tensor of bool, shape (n_columns, n_targets)
        At most one slope of each target may be held at zero, or all coefficients.
    """

    covariance: torch.Tensor
    means: torch.Tensor
    scales: torch.Tensor
    response_means: torch.Tensor
    free: torch.Tensor

    def __post_init__(self):
        self._inverse = torch.linalg.inv(self.covariance)
        self._held, self._target = (~self.free[:-1]).nonzero(as_tuple=True)

    @classmethod
    def at(cls, blocks, coefficients, second_moment, cross_moment, free) -> "SpikeTriggeredMoments":
        """Scales from the rates in some rows, all else from all rows.

        Parameters
        ----------
        blocks : iterable of tensor, shape (n_rows, n_columns)
            Rows, or perhaps a sample of them, with about the second moment of all.
        coefficients : tensor, shape (n_columns, n_targets)
            Near the optimum.
        second_moment, cross_moment : tensor
            ``X'X / T`` and ``X'Y / T`` of all rows.
        free : tensor of bool, shape (n_columns, n_targets)

        Returns
        -------
        SpikeTriggeredMoments
        """
        total, first, second = 0.0, 0.0, 0.0
        for rows in blocks:
            rates = (rows @ coefficients.to(rows)).exp_()
            slopes = rows[:, :-1]
            total = total + rates.sum(0)
            first = first + slopes.T @ rates
            second = second + (slopes**2).T @ rates
        overall = second_moment[-1, :-1]
        covariance = second_moment[:-1, :-1] - overall[:, None] * overall
        variances = (second / total - (first / total) ** 2).to(covariance)
        ratios = (variances / covariance.diagonal()[:, None]).clamp_min(_LEAST_SCALE**2)
        scales = ratios.nan_to_num(nan=1.0, posinf=1.0).sqrt()  # not numbers where rates overflow
        response_means = cross_moment[-1]
        return cls(covariance, cross_moment[:-1] / response_means, scales, response_means, free)

    def solve(self, gradient):
        """Steps of Newton's method: the inverse Hessians times the gradients, (n_columns, n_targets)."""
        centred = (gradient[:-1] - self.means * gradient[-1]) / self.scales
        step = self._inverse @ centred
        # The inverse without row and column k is inverse - inverse[:, k] inverse[k, :] / inverse[k, k].
        held, target = self._held, self._target
        step[:, target] -= self._inverse[:, held] * (step[held, target] / self._inverse[held, held])
        step /= self.scales * self.response_means
        intercept = gradient[-1] / self.response_means - (self.means * step).sum(0)
        return torch.cat([step, intercept[None]]) * self.free

    def inverse_diagonal(self):
        """Diagonals of the inverse Hessians that belong to the slopes, shape (n_columns - 1, n_targets)."""
        variances = self._inverse.diagonal()[:, None].repeat(1, self.free.shape[1])
        held, target = self._held, self._target
        variances[:, target] -= self._inverse[:, held] ** 2 / self._inverse[held, held]
        return variances / (self.scales**2 * self.response_means)


def shared_preconditioner(second_moment, curvatures, free, ridge):
    """Inverse of the Hessians if all means were constant: ``A''_j X'X/T`` for every target.

    Parameters
    ----------
    second_moment : tensor, shape (n_columns, n_columns)
        ``X'X / T``; or with weights in time, if all A'' had the same course.
    curvatures : tensor, shape (n_targets,)
        Second derivatives of A: the variances that the model gives to the targets.
    free : tensor of bool, shape (n_columns, n_targets)
        At most one column of each target may be held at zero.
    ridge : float

    Returns
    -------
    callable
        From gradients to steps, both of shape (n_columns, n_targets).
    """
    inverse = torch.linalg.inv(
        second_moment + ridge / curvatures.mean() * torch.eye(len(second_moment)).to(second_moment)
    )
    held, target = (~free).nonzero(as_tuple=True)

    def apply(gradient):
        step = inverse @ gradient
        # The inverse without row and column k is inverse - inverse[:, k] inverse[k, :] / inverse[k, k].
        step[:, target] -= inverse[:, held] * (step[held, target] / inverse[held, held])
        return step * free / curvatures

    return apply


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
