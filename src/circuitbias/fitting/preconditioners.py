"""Inverse Hessians that precondition descents: one for all targets, by spike-triggered moments, or their own.

The Hessian of target j is ``X' diag(mu_j) X / T``: its mean response times the second moments of the
covariates over its spikes. At the optimum the mean covariate over these equals the observed spike-triggered
average. If correlations are weak, the covariance there is that over all rows but for the scale of each,

    C_j = diag(s_j) C diag(s_j),

so that one inverse serves all targets, with no sum over rows for each. Of the cumulants of third order, by
which rates change covariances, those of one covariate are kept and those between covariates are left out.
"""

from dataclasses import dataclass

from circuitbias.device import Array, double, namespace, positive_inverses, quietly
from circuitbias.fitting.families import POISSON
from circuitbias.fitting.tuning import tuning
from circuitbias.spikes.moments import mean_and_covariance


class _Inverse:
    """Inverses, for each target, of the part of a matrix that belongs to its free columns.

    The first column that is held, mostly that of the target itself, is taken out exactly; of more, only the
    entries of the inverse are left out, which makes it too large. On the ring of 100 neurons a fit takes 1.5
    times as long without the first, and as long without the second.

    Parameters
    ----------
    inverse : array, shape (n_columns, n_columns)
        Of the whole matrix.
    free : array of bool, shape (n_columns, n_targets)
    """

    def __init__(self, inverse, free):
        xp = namespace(inverse)
        self._inverse, self._held = inverse, xp.argmin(double(free), 0)
        self._targets = xp.arange(free.shape[1], device=free.device)
        # Zero if a target has all columns.
        there = ~free[self._held, self._targets]
        self._of_held = xp.where(there, inverse[:, self._held], 0.0)

    def solve(self, right):
        """Solve with the matrix of each target: (n_columns, n_targets); not to be used where it holds."""
        solution = self._inverse @ right
        # With column h held, the inverse is inverse - inverse[:, h] inverse[h, :] / inverse[h, h].
        weights = solution[self._held, self._targets] / self._inverse[self._held, self._held]
        return solution - self._of_held * weights

    def diagonal(self):
        """Diagonals of the inverses, shape (n_columns, n_targets)."""
        among = self._inverse[self._held, self._held]
        return self._inverse.diagonal()[:, None] - self._of_held**2 / among


@dataclass
class SpikeTriggeredMoments:
    """Moments of the covariates over the spikes of each target.

    Attributes
    ----------
    covariance : array, shape (n_columns - 1, n_columns - 1)
        Over all rows; the last column of the design is the constant one.
    means, scales : array, shape (n_columns - 1, n_targets)
        Over the spikes of each target; scales are those of the standard deviations.
    response_means : array, shape (n_targets,)
    free : array of bool, shape (n_columns, n_targets)
        Coefficients that are fitted.
    """

    covariance: Array
    means: Array
    scales: Array
    response_means: Array
    free: Array

    def __post_init__(self):
        self._inverse = _Inverse(namespace(self.free).linalg.inv(self.covariance), self.free[:-1])

    @classmethod
    def with_constant_means(cls, second_moment, curvatures, free, ridge=0.0) -> "SpikeTriggeredMoments":
        """Moments where the mean responses are the same in all rows: the Hessians are ``A''_j X'X / T``.

        Parameters
        ----------
        second_moment : array, shape (n_columns, n_columns)
            ``X'X / T``; or with weights in time, if all A'' had the same course.
        curvatures : array, shape (n_targets,)
            Second derivatives of A: the variances that the model gives to the targets.
        free : array of bool, shape (n_columns, n_targets)
        ridge : float, optional
        """
        xp, (mean, covariance) = namespace(second_moment), mean_and_covariance(second_moment)
        unit = xp.eye(len(mean), dtype=mean.dtype, device=mean.device)
        means = mean[:, None] + 0 * curvatures
        return cls(covariance + ridge / curvatures.mean() * unit, means, 0 * means + 1, curvatures, free)

    @classmethod
    @quietly
    def at(cls, rows, coefficients, second_moment, cross_moment, free) -> "SpikeTriggeredMoments":
        """Scales from the rates in some rows, all else from all rows.

        Parameters
        ----------
        rows : Rows
            All, or a sample of them with about the second moment of all.
        coefficients : array, shape (n_columns, n_targets)
            Near the optimum.
        second_moment, cross_moment : array
            ``X'X / T`` and ``X'Y / T`` of all rows.
        free : array of bool, shape (n_columns, n_targets)

        Returns
        -------
        SpikeTriggeredMoments
        """
        xp = namespace(coefficients)
        total, first = rows.sums(coefficients, POISSON)
        _, second = rows.sums(coefficients, POISSON, power=2)
        _, covariance = mean_and_covariance(second_moment)
        variances = (second / total - (first / total) ** 2)[:-1]
        ratios = xp.clip(variances / covariance.diagonal()[:, None], tuning().least_scale ** 2, None)
        scales = xp.where(xp.isfinite(ratios), ratios, 1.0) ** 0.5  # not numbers where rates overflow
        response_means = cross_moment[-1]
        return cls(covariance, cross_moment[:-1] / response_means, scales, response_means, free)

    def solve(self, gradient):
        """Steps of Newton's method: the inverse Hessians times the gradients, (n_columns, n_targets)."""
        centred = (gradient[:-1] - self.means * gradient[-1]) / self.scales
        step = self._inverse.solve(centred)
        step /= self.scales * self.response_means
        intercept = gradient[-1] / self.response_means - (self.means * step).sum(0)
        return namespace(step).concat([step, intercept[None]]) * self.free

    def inverse_diagonal(self):
        """Diagonals of the inverse Hessians that belong to the slopes, shape (n_columns - 1, n_targets)."""
        variances = self._inverse.diagonal()
        return variances / (self.scales**2 * self.response_means)


def own_inverses(hessians, free):
    """Inverse of each target's own Hessian; of one that is not positive definite, with its diagonal raised.

    Parameters
    ----------
    hessians : array, shape (n_targets, n_columns, n_columns)
    free : array of bool, shape (n_columns, n_targets)

    Returns
    -------
    solve : callable
        From gradients to steps.
    inverse_diagonal : array, shape (n_columns, n_targets)
        Diagonals of the inverse Hessians.
    """
    xp = namespace(hessians)
    unit = xp.eye(len(free), dtype=hessians.dtype, device=hessians.device)
    inverses = positive_inverses(hessians)
    for raised in (1e-10, 1e-6, 1e-2, None):
        wrong = ~xp.isfinite(inverses).all(2).all(1)
        if not wrong.any():
            break
        if raised is None:
            inverses[wrong] = unit
        else:
            some = hessians[wrong]
            inverses[wrong] = positive_inverses(some + raised * unit * abs(some.diagonal(0, 1, 2))[:, None])

    def solve(gradient):
        return (inverses @ gradient.T[:, :, None])[:, :, 0].T * free

    return solve, xp.asarray(inverses.diagonal(0, 1, 2).T, copy=True)
