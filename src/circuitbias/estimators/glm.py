"""Poisson GLM with log link: one regression per neuron on the counts of the others."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from circuitbias.estimators.couplings import (
    Couplings,
    SeparableCountsWarning,
)
from circuitbias.estimators.design import Design
from circuitbias.estimators.moments import count_moments, torch_device, usable_neurons
from circuitbias.estimators.quasi_newton import minimise, sample_hessians, target_preconditioner
from circuitbias.estimators.regression import (
    Objective,
    shared_preconditioner,
    warn_not_converged,
)
from circuitbias.memory import regression_bytes, require_memory
from circuitbias.progress import Descent
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeSource

_SAMPLE_ROWS_PER_COLUMN = 100  # of the subsample whose Hessians precondition the fit
_ROUGH_TOLERANCE, _ROUGH_PASSES = 1e-2, 200


def estimate(
    source: SpikeSource,
    *,
    bin_steps: int = 100,
    binarise: bool = False,
    lags: Sequence[int] = (0,),
    ridge: float = 0.0,
    tolerance: float = 1e-8,
    max_passes: int = 200,
    memory_mb: float = 1500.0,
    device: str = "auto",
) -> Couplings:
    """Fit, for every neuron j, ``count_j(t) ~ Poisson(exp(b_j + sum_{l, i} J_l[i, j] count_i(t - l)))``.

    With ``lags=(0,)`` the covariates are the counts of all other neurons in the same bin: the main method
    of Das & Fiete (2020). At other lags a neuron's own past is a covariate too, but no coupling.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin.
    binarise : bool, optional
        Use ``count > 0`` in place of the count, as covariate and as response.
    lags : sequence of int, optional
        Lags of the covariates in bins, at least 0. With several, the coupling is the sum over the lags.
    ridge : float, optional
        Penalty ``ridge / 2 |J_j|^2`` on the mean negative log-likelihood of a bin.
    tolerance : float, optional
        Largest gradient of the mean log-likelihood at which a fit has converged, per standard deviation
        of the covariate and per mean count of the response.
    max_passes : int, optional
        Most passes over the data.
    memory_mb, device
        See `circuitbias.estimators.estimate`.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``passes``, ``largest_scaled_gradient`` (the certificate: over all
        neurons that have a fit), ``n_not_converged``. Arrays: ``coefficients`` (lags, n, n),
        ``intercepts`` (n,), ``scaled_gradient`` (n,), ``standard_errors`` (lags, n, n), those that the
        Poisson model itself predicts, from the Hessian on a subsample of the bins. The coefficient of a
        neuron's own count in the same bin is held at 0 and has no standard error.

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    SeparableCountsWarning
        A neuron that never fires together with another one (at a lag), or only where that has its largest
        count, has no finite fit: NaN.
    NotConvergedWarning
        Fits that did not reach the tolerance are NaN.

    Raises
    ------
    ValueError
        If there are not more bins than neurons and lags, a lag is negative or there twice, or the past
        counts are linearly dependent.
    """
    lags = sorted(int(lag) for lag in lags)
    if not lags or lags[0] < 0 or len(set(lags)) < len(lags):
        raise ValueError(f"lags={lags} must be different numbers of bins, 0 or more")
    device = torch_device(device)
    counts = BinnedCounts(source, bin_steps, binarise, memory_mb)
    require_memory(
        memory_mb,
        regression_bytes(n := counts.n_neurons, len(lags) * n + 1, counts.n_bins),
        f"a GLM of {n} neurons at {len(lags)} lags",
    )
    usable = usable_neurons(count_moments(counts, device))
    design = Design(counts, usable.kept, lags, device)

    fitted = fit(
        design, ridge=ridge, tolerance=tolerance, max_passes=max_passes, block_rows=counts.block_bins
    )
    if fitted.failed.any():
        failed = usable.kept[fitted.failed.cpu()]
        warn_not_converged(failed, fitted, tolerance, max_passes, fitted.passes)

    def of_pairs(values):
        values = fitted.of_fitted(values)
        return np.stack([usable.pairs(of_lag) for of_lag in np.split(values, len(lags))])

    coefficients = of_pairs(fitted.coefficients[:-1])
    return Couplings(
        coefficients.sum(axis=0),
        diagnostics=fitted.diagnostics(design.n_rows),
        arrays={
            "coefficients": coefficients,
            "intercepts": usable.neurons(fitted.of_fitted(fitted.coefficients[-1])),
            "scaled_gradient": usable.neurons(fitted.of_fitted(fitted.scaled_gradient)),
            "standard_errors": of_pairs(fitted.standard_errors),
        },
    )


@dataclass(frozen=True)
class PoissonFit:
    """Poisson regressions of all targets on one design.

    Attributes
    ----------
    coefficients : tensor, shape (n_columns, n_targets)
    scaled_gradient : tensor, shape (n_targets,)
        Largest entry of each target's gradient, per standard deviation of the covariate and mean response.
    fitted, failed : tensor of bool, shape (n_targets,)
        Which have converged, and which have not; a target whose likelihood has no maximum is neither.
    standard_errors : tensor, shape (n_columns - 1, n_targets)
        Of the slopes, from the Hessian on a subsample of the rows; NaN for those that are held at zero.
    passes : int
    """

    coefficients: torch.Tensor
    scaled_gradient: torch.Tensor
    fitted: torch.Tensor
    failed: torch.Tensor
    standard_errors: torch.Tensor
    passes: int

    def of_fitted(self, values: torch.Tensor) -> np.ndarray:
        """Values, (n_targets,) or (rows, n_targets), with NaN for targets that have no fit."""
        return torch.where(self.fitted, values, torch.nan).cpu().numpy()

    def diagnostics(self, n_rows: int) -> dict:
        """What every method says of such a fit."""
        return {
            "n_bins": n_rows,
            "passes": self.passes,
            "largest_scaled_gradient": (
                self.scaled_gradient[self.fitted].max().item() if self.fitted.any() else None
            ),
            "n_not_converged": int(self.failed.sum()),
        }


def fit(design: Design, *, ridge: float, tolerance: float, max_passes: int, block_rows: int) -> PoissonFit:
    """Fit the Poisson regressions of all targets on one design; warn of those without a maximum.

    Parameters
    ----------
    design : Design
    ridge, tolerance, max_passes
        See `estimate`.
    block_rows : int
        Most rows of the subsample that are worked on at a time.

    Returns
    -------
    PoissonFit

    Raises
    ------
    ValueError
        If columns of the design are linearly dependent.
    """
    second_moment, cross_moment, bounds, sample = design.survey(_SAMPLE_ROWS_PER_COLUMN * design.n_columns)
    means = second_moment[-1]  # of the columns; the last column is 1
    variances = second_moment.diagonal() - means**2
    response_means = cross_moment[-1]
    design.require_independent(second_moment, response_means)
    free = design.free_coefficients()
    at_bound = design.fires_at_bounds(cross_moment, bounds, response_means) & free
    separable = at_bound[:-1].any(0) & (ridge == 0)
    if separable.any():
        neurons = design.kept[separable.cpu()].tolist()
        warnings.warn(design.separable_message(neurons), SeparableCountsWarning, stacklevel=4)
    free = free & ~separable  # such a target rests at zero

    # The gradient's natural size: one standard deviation of the covariate times the mean response.
    spread = torch.cat([variances[:-1].sqrt(), means[-1:]])
    gradient_scale = spread[:, None] * response_means
    start = torch.zeros_like(cross_moment)
    start[-1] = response_means.log()
    start = start * free

    # On a subsample first: it is cheap, starts the fit close to its end, and gives the Hessians. All bins
    # say how often pairs fire together: rare pairs need not do so in the sample. A neuron that is silent
    # in the sample is left out.
    sampled = free & (sample != 0).any(0)[:, None]
    shared = shared_preconditioner(second_moment, response_means, free, ridge)
    rough = minimise(
        Objective(
            lambda: iter(sample.split(block_rows)),
            len(sample),
            cross_moment,
            sampled,
            ridge,
        ),
        start,
        lambda gradient: shared(gradient) * sampled,
        gradient_scale,
        _ROUGH_TOLERANCE,
        _ROUGH_PASSES,
    )
    begin = torch.where(rough.converged, rough.coefficients, start)
    floor = design.least_curvatures(cross_moment, response_means)
    hessians = sample_hessians(sample, lambda rows: (rows @ begin.float()).exp_(), free, floor, ridge)
    precondition, inverse_diagonal = target_preconditioner(hessians, free)
    objective = Objective(design.blocks, design.n_rows, cross_moment, free, ridge)
    solution = minimise(
        objective,
        begin,
        precondition,
        gradient_scale,
        tolerance,
        max_passes,
        report=Descent(tolerance),
    )
    return PoissonFit(
        solution.coefficients,
        solution.scaled_gradient,
        fitted=solution.converged & ~separable,
        failed=~solution.converged & ~separable,
        standard_errors=torch.where(free, inverse_diagonal / design.n_rows, torch.nan)[:-1].sqrt(),
        passes=objective.passes,
    )
