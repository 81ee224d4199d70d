"""Poisson GLM with log link: one regression per neuron on the counts of the others."""

import warnings
from collections.abc import Sequence

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
    report_pass,
    shared_preconditioner,
    warn_not_converged,
)
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
    usable = usable_neurons(count_moments(counts, device))
    design = Design(counts, usable.kept, lags, device)

    second_moment, cross_moment, bounds, sample = design.survey(_SAMPLE_ROWS_PER_COLUMN * design.n_columns)
    means = second_moment[-1]  # of the columns; the last column is 1
    variances = second_moment.diagonal() - means**2
    response_means = cross_moment[-1]
    design.require_independent(second_moment, response_means)
    free = design.free_coefficients()
    # Over the spikes of the target, the covariate's distance from its lowest and from its highest count.
    distances = (cross_moment - bounds[0][:, None] * response_means).minimum(
        bounds[1][:, None] * response_means - cross_moment
    )
    at_bound = (distances * design.n_rows < 0.5) & free  # the sums are whole numbers
    separable = at_bound[:-1].any(0) & (ridge == 0)
    if separable.any():
        warnings.warn(
            f"neurons {usable.kept[separable.cpu()].tolist()} never fire in the bins (at lags {lags}) of "
            "some other neuron, or only in those where it fires most: their likelihood has no maximum "
            "and their couplings are NaN",
            SeparableCountsWarning,
            stacklevel=3,
        )
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
            lambda: iter(sample.split(counts.block_bins)),
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
    # Where all gradients are zero, mean(mu x^2) >= mean(mu x) = mean(y x), as x are whole numbers.
    hessians = sample_hessians(sample, lambda rows: (rows @ begin.float()).exp_(), free, cross_moment, ridge)
    precondition, inverse_diagonal = target_preconditioner(hessians, free)
    objective = Objective(design.blocks, design.n_rows, cross_moment, free, ridge)
    solution = minimise(
        objective,
        begin,
        precondition,
        gradient_scale,
        tolerance,
        max_passes,
        report=report_pass,
    )
    failed = ~solution.converged & ~separable
    if failed.any():
        warn_not_converged(usable.kept[failed.cpu()], solution, tolerance, max_passes, objective.passes)

    fitted = solution.converged & ~separable

    def of_neurons(values):
        return usable.neurons(torch.where(fitted, values, torch.nan).cpu().numpy())

    def of_pairs(values):
        values = torch.where(fitted, values, torch.nan).cpu().numpy()
        return np.stack([usable.pairs(of_lag) for of_lag in np.split(values, len(lags))])

    coefficients = of_pairs(solution.coefficients[:-1])
    return Couplings(
        coefficients.sum(axis=0),
        diagnostics={
            "n_bins": design.n_rows,
            "passes": objective.passes,
            "largest_scaled_gradient": (
                solution.scaled_gradient[fitted].max().item() if fitted.any() else None
            ),
            "n_not_converged": int(failed.sum()),
        },
        arrays={
            "coefficients": coefficients,
            "intercepts": of_neurons(solution.coefficients[-1]),
            "scaled_gradient": of_neurons(solution.scaled_gradient),
            "standard_errors": of_pairs(
                torch.where(free, inverse_diagonal / design.n_rows, torch.nan)[:-1].sqrt()
            ),
        },
    )
