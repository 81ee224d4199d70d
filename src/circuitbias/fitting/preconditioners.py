"""Inverse Hessians that precondition descents: one for all targets, by spike-triggered moments, or their own.

The Hessian of target j is ``X' diag(mu_j) X / T``: its mean response times the second moments of the
covariates over its spikes. At the optimum the mean covariate over these equals the observed spike-triggered
average. If correlations are weak, the covariance there is that over all rows but for the scale of each,

    C_j = diag(s_j) C diag(s_j),

so that one inverse serves all targets, with no sum over rows for each. Of the cumulants of third order, by
which rates change covariances, those of one covariate are kept and those between covariates are left out.
"""

from dataclasses import dataclass

import torch

from circuitbias.fitting.tuning import tuning
from circuitbias.spikes.moments import mean_and_covariance


class _Inverse:
    """Inverses, for each target, of the part of a matrix that belongs to its free columns.

    The first few columns that are held are taken out exactly, which is all of them as a rule; of more, only
    the entries of the inverse are left out, which makes it too large.

    Parameters
    ----------
    inverse : tensor, shape (n_columns, n_columns)
        Of the whole matrix.
    free : tensor of bool, shape (n_columns, n_targets)
    """

    def __init__(self, inverse, free):
        self._inverse, held = inverse, ~free
        n_held = min(int(held.sum(0).max()), tuning().exactly_held)
        there, self._held = held.to(inverse).topk(n_held, dim=0)  # (n_held, n_targets)
        there = there.T > 0
        among = inverse[self._held.T[:, :, None], self._held.T[:, None, :]]
        both = there[:, :, None] & there[:, None, :]
        self._among = torch.where(both, among, torch.eye(n_held).to(inverse))
        self._there = there

    def solve(self, right):
        """Solve with the matrix of each target: (n_columns, n_targets); not to be used where it holds."""
        solution = self._inverse @ right
        if not len(self._held):
            return solution
        # With columns h held, the inverse is inverse - inverse[:, h] inverse[h, h]^-1 inverse[h, :].
        of_held = torch.where(self._there, solution.gather(0, self._held).T, 0.0)
        weights = torch.linalg.solve(self._among, of_held[:, :, None])[:, :, 0].T
        for held, weight in zip(self._held, weights, strict=True):
            solution -= self._inverse[:, held] * weight
        return solution

    def diagonal(self):
        """Diagonals of the inverses, shape (n_columns, n_targets)."""
        diagonals = self._inverse.diagonal()[:, None].repeat(1, self._held.shape[1])
        if len(self._held):
            rows = torch.where(self._there[:, :, None], self._inverse[self._held.T], 0.0)
            diagonals -= (rows * torch.linalg.solve(self._among, rows)).sum(1).T
        return diagonals


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
        Coefficients that are fitted.
    """

    covariance: torch.Tensor
    means: torch.Tensor
    scales: torch.Tensor
    response_means: torch.Tensor
    free: torch.Tensor

    def __post_init__(self):
        self._inverse = _Inverse(torch.linalg.inv(self.covariance), self.free[:-1])

    @classmethod
    def at(cls, blocks, coefficients, second_moment, cross_moment, free) -> "SpikeTriggeredMoments":
        """Scales from the rates in some rows, all else from all rows.

        Parameters
        ----------
        blocks : iterable of (tensor, shape (rows, n_columns); tensor, shape (rows, 1), or float)
            Rows, or perhaps a sample of them with about the second moment of all, and their weights.
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
        for rows, weights in blocks:
            rates = (rows @ coefficients.to(rows)).exp_() * weights
            slopes = rows[:, :-1]
            total = total + rates.sum(0)
            first = first + slopes.T @ rates
            second = second + (slopes**2).T @ rates
        _, covariance = mean_and_covariance(second_moment)
        variances = (second / total - (first / total) ** 2).to(covariance)
        ratios = (variances / covariance.diagonal()[:, None]).clamp_min(tuning().least_scale ** 2)
        scales = ratios.nan_to_num(nan=1.0, posinf=1.0).sqrt()  # not numbers where rates overflow
        response_means = cross_moment[-1]
        return cls(covariance, cross_moment[:-1] / response_means, scales, response_means, free)

    def solve(self, gradient):
        """Steps of Newton's method: the inverse Hessians times the gradients, (n_columns, n_targets)."""
        centred = (gradient[:-1] - self.means * gradient[-1]) / self.scales
        step = self._inverse.solve(centred)
        step /= self.scales * self.response_means
        intercept = gradient[-1] / self.response_means - (self.means * step).sum(0)
        return torch.cat([step, intercept[None]]) * self.free

    def inverse_diagonal(self):
        """Diagonals of the inverse Hessians that belong to the slopes, shape (n_columns - 1, n_targets)."""
        variances = self._inverse.diagonal()
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
        Coefficients that are fitted.
    ridge : float

    Returns
    -------
    callable
        From gradients to steps, both of shape (n_columns, n_targets).
    """
    inverse = torch.linalg.inv(
        second_moment + ridge / curvatures.mean() * torch.eye(len(second_moment)).to(second_moment)
    )
    inverse = _Inverse(inverse, free)

    def apply(gradient):
        return inverse.solve(gradient) * free / curvatures

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
    factors = _factors(hessians)
    return _solver(factors, free), torch.cholesky_inverse(factors).diagonal(dim1=1, dim2=2).T


def newton_steps(hessians, free):
    """The former of `target_preconditioner` alone, which takes half the time."""
    return _solver(_factors(hessians), free)


def _solver(factors, free):
    return lambda gradient: torch.cholesky_solve(gradient.T[:, :, None], factors)[:, :, 0].T * free


def _factors(hessians):
    """Cholesky factors; matrices without any have their diagonals raised, or are replaced by the unit one."""
    factors, wrong = torch.linalg.cholesky_ex(hessians)
    for raised in (1e-10, 1e-6, 1e-2):
        if not wrong.any():
            break
        diagonals = torch.diag_embed(raised * hessians.diagonal(dim1=1, dim2=2).abs())
        again, still = torch.linalg.cholesky_ex(hessians + diagonals)
        factors = torch.where((wrong > 0)[:, None, None], again, factors)
        wrong = torch.where(wrong > 0, still, wrong)
    useless = (wrong > 0) | ~factors.isfinite().all(2).all(1)
    return torch.where(useless[:, None, None], torch.eye(factors.shape[-1]).to(factors), factors)
