"""Logistic regression: whether a neuron fires in a bin, given the counts of the others."""

import warnings

import numpy as np
import torch

from circuitbias.estimators.couplings import Couplings, SeparableCountsWarning
from circuitbias.estimators.design import Design
from circuitbias.estimators.moments import count_moments, torch_device, usable_neurons
from circuitbias.estimators.proximal import minimise_with_penalty
from circuitbias.estimators.quasi_newton import minimise, sample_hessians, target_preconditioner
from circuitbias.estimators.regression import Objective, logistic, report_pass, warn_not_converged
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeSource

_SAMPLE_ROWS_PER_COLUMN = 100  # of the subsample whose Hessians lead the fit
_ROUGH_TOLERANCE, _ROUGH_PASSES, _ROUGH_RIDGE = 1e-2, 50, 1e-3
_FLOOR = 0.3  # of a diagonal of all bins, where the sample makes it less


def estimate(
    source: SpikeSource,
    *,
    bin_steps: int = 100,
    binarise: bool = False,
    l1: float = 0.0,
    tolerance: float = 1e-8,
    max_passes: int = 200,
    memory_mb: float = 1500.0,
    device: str = "auto",
) -> Couplings:
    """Fit, for every neuron j, ``P(count_j > 0) = 1 / (1 + exp(-b_j - sum_i J[i, j] count_i))``.

    Covariates are the counts of all other neurons in the same bin.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin.
    binarise : bool, optional
        Use ``count > 0`` as covariate too: the conditional of an Ising model.
    l1 : float, optional
        Penalty ``l1 * sum_i |J[i, j]|`` on the sum over bins of the negative log-likelihood: as for Das &
        Fiete (2020), and the inverse of scikit-learn's ``C``. The intercept b is not penalised. As the
        sum grows with the number of bins, so must l1 if it is to mean the same. They chose, for 1e8 spikes,
        what came closest to the true weights: 260, 310, 210, 110, 0, 0, 0, 0, 0, 60, 260 for r = 0.0005,
        0.0025, ... 0.025.
    tolerance : float, optional
        Largest gradient of the mean log-likelihood at which a fit has converged, per standard deviations
        of covariate and response; with ``l1``, that of the subgradient of least size.
    max_passes : int, optional
        Most passes over the data.
    memory_mb, device
        See `circuitbias.estimators.estimate`.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``mean_count``, ``passes``, ``largest_scaled_gradient`` (the certificate:
        over all neurons that have a fit), ``n_not_converged``. Arrays: ``intercepts`` (n,),
        ``scaled_gradient`` (n,).

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    SeparableCountsWarning
        A neuron whose response another one's count decides where that is lowest or highest, or that fires in
        every bin, has no finite fit: NaN. A penalty gives the former one.
    NotConvergedWarning
        Fits that did not reach the tolerance are NaN.

    Raises
    ------
    ValueError
        If l1 is negative or there are not more bins than neurons.
    """
    if not l1 >= 0:
        raise ValueError(f"l1={l1} must be 0 or more")
    device = torch_device(device)
    counts = BinnedCounts(source, bin_steps, binarise, memory_mb)
    moments = count_moments(counts, device)
    usable = usable_neurons(moments)
    design = Design(counts, usable.kept, [0], device)

    second_moment, _, bounds, sample = design.survey(_SAMPLE_ROWS_PER_COLUMN * design.n_columns)
    cross_moment = _cross_moment(design.blocks(), design.n_rows)
    rates, means = cross_moment[-1], second_moment[-1]
    variances = rates * (1 - rates)
    free = design.free_coefficients()
    always = rates > 1 - 0.5 / design.n_rows
    separable = _at_bound(cross_moment, means, bounds, design.n_rows, free) & (l1 == 0) | always
    if separable.any():
        warnings.warn(
            f"neurons {usable.kept[separable.cpu()].tolist()} fire always, or whether they do is certain "
            "where some other neuron's count is not its lowest, or not its highest: their likelihood has no "
            "maximum and their couplings are NaN",
            SeparableCountsWarning,
            stacklevel=3,
        )
    free = free & ~separable  # such a target rests at zero

    # The gradient's natural size: the standard deviations of covariate and response.
    spread = torch.cat([(second_moment.diagonal() - means**2)[:-1].sqrt(), means[-1:]])
    gradient_scale = spread[:, None] * torch.where(separable, 1.0, variances).sqrt()
    start = torch.zeros_like(cross_moment)
    start[-1] = torch.where(separable, 0.0, (rates / (1 - rates)).log())

    def weights_at(coefficients):
        def weights(rows):
            mean = (rows @ coefficients.to(rows)).sigmoid_()
            return mean * (1 - mean)

        return weights

    def fit(objective, begin, floor, *limits):
        """Minimise, led by the Hessians of the sample with diagonals of at least ``floor``."""

        def hessians_at(coefficients):
            return sample_hessians(sample, weights_at(coefficients), free, floor, objective.ridge)

        if l1 > 0:
            penalty = l1 / design.n_rows
            return minimise_with_penalty(
                objective, begin, hessians_at, free, penalty, gradient_scale, *limits
            )
        precondition, _ = target_preconditioner(hessians_at(begin), free)
        return minimise(objective, begin, precondition, gradient_scale, *limits)

    # On a subsample first, which a small ridge keeps from what only the sample separates.
    sampled = Objective(
        lambda: iter(sample.split(counts.block_bins)),
        len(sample),
        _cross_moment([sample], len(sample)),
        free,
        _ROUGH_RIDGE,
        logistic,
    )
    floor = _FLOOR * second_moment.diagonal()[:, None] * torch.where(separable, 1.0, variances)
    rough = fit(sampled, start, floor, _ROUGH_TOLERANCE, _ROUGH_PASSES)
    begin = torch.where(rough.converged, rough.coefficients, start)
    weights = weights_at(begin)
    floor = _FLOOR * sum((rows**2).T @ weights(rows) for rows in design.blocks()) / design.n_rows
    objective = Objective(design.blocks, design.n_rows, cross_moment, free, family=logistic)
    solution = fit(objective, begin, floor, tolerance, max_passes, report_pass)

    failed = ~solution.converged & ~separable
    if failed.any():
        warn_not_converged(usable.kept[failed.cpu()], solution, tolerance, max_passes, objective.passes)
    fitted = solution.converged & ~separable
    coefficients, scaled_gradient = (
        torch.where(fitted, result, torch.nan).cpu().numpy()
        for result in (solution.coefficients, solution.scaled_gradient)
    )
    return Couplings(
        usable.pairs(coefficients[:-1]),
        diagnostics={
            "n_bins": design.n_rows,
            "mean_count": float(moments.mean.mean()),
            "passes": objective.passes,
            "largest_scaled_gradient": float(np.nanmax(scaled_gradient)) if fitted.any() else None,
            "n_not_converged": int(failed.sum()),
        },
        arrays={
            "intercepts": usable.neurons(coefficients[-1]),
            "scaled_gradient": usable.neurons(scaled_gradient),
        },
    )


def _cross_moment(blocks, n_rows):
    """``X'Y / T``, Y being whether each neuron fires."""
    return sum(rows.T @ (rows[:, :-1] > 0).to(rows) for rows in blocks) / n_rows


def _at_bound(cross_moment, means, bounds, n_rows, free):
    """Targets that fire only, or are silent only, where some covariate is lowest, or is highest."""
    at_bound = torch.zeros_like(free)
    for sums, share in (
        (cross_moment, cross_moment[-1]),
        (means[:, None] - cross_moment, 1 - cross_moment[-1]),
    ):
        distances = (sums - bounds[0][:, None] * share).minimum(bounds[1][:, None] * share - sums)
        at_bound |= distances * n_rows < 0.5  # the sums are whole numbers
    return (at_bound & free)[:-1].any(0)
