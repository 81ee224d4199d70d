"""Poisson GLM with log link: one regression per neuron on the counts of the others."""

from collections.abc import Sequence

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import torch_device
from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.result import warn_infinite, warn_not_converged
from circuitbias.estimators.usable import usable_neurons
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.poisson import fit, require_fit_memory
from circuitbias.memory import DEFAULT_MB
from circuitbias.options import (
    ErrorKind,
    bin_width,
    binarised,
    convergence,
    kind_of_errors,
    most_passes,
    quadratic_penalty,
    with_own_past,
)
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import count_moments
from circuitbias.spikes.segments import SpikeSource


class Glm(Estimator):
    """Poisson regression of a neuron's counts on those of the others, in the same or in earlier bins."""

    bin_steps: int = bin_width()
    binarise: bool = binarised()
    ridge: float = quadratic_penalty()
    lags: tuple[int, ...] = option(
        (0,),
        "Lags (bins) of the presynaptic counts that enter the regression.",
        least=0,
        fewest=1,
        different=True,
    )
    own_past: bool = with_own_past()
    tolerance: float = convergence()
    max_passes: int = most_passes()
    errors: ErrorKind = kind_of_errors()

    cost = Cost(seconds=7)
    look = Look("regressions", {"glm": ("#0072B2", "o"), "glm_lagged": ("#56B4E9", "v")}, ("GLM",))
    examples = Examples(
        {}, {"binarise": True}, {"lags": [1], "ridge": 1e-3}, {"lags": [0, 1], "bin_steps": 50}
    )

    @property
    def directed(self):
        """A lag tells who came first."""
        return set(self.lags) != {0}

    @property
    def binary(self):
        """As `binarise` says."""
        return self.binarise

    @property
    def n_fits(self):
        """As many columns for each neuron as there are lags."""
        return len(self.lags)


@Glm.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    binarise: bool,
    lags: Sequence[int],
    own_past: bool,
    ridge: float,
    tolerance: float,
    max_passes: int,
    errors: str,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
) -> Couplings:
    """Fit, for every neuron j, ``count_j(t) ~ Poisson(exp(b_j + sum_{l, i} J_l[i, j] count_i(t - l)))``.

    With ``lags=(0,)`` the covariates are the counts of all other neurons in the same bin: the main method
    of Das & Fiete (2020). At other lags a neuron's own past is a covariate too, unless ``own_past`` is false,
    but no coupling.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin.
    binarise : bool, optional
        Use ``count > 0`` in place of the count, as covariate and as response.
    lags : sequence of int, optional
        Lags of the covariates in bins, at least 0. With several, the coupling is the sum over the lags.
    own_past : bool, optional
        Whether a neuron's own counts at lags above 0 are covariates of its regression. The literature often
        leaves them out, and the couplings to others are biased otherwise then (the unpinned ring at
        r = 0.0125, lag 1 bin of 10 ms, 5e6 spikes: a bias of .542 with it, .523 without).
    ridge : float, optional
        Penalty ``ridge / 2 |J_j|^2`` on the mean negative log-likelihood of a bin.
    tolerance : float, optional
        Largest gradient of the mean log-likelihood at which a fit has converged, per standard deviation
        of the covariate and per mean count of the response.
    max_passes : int, optional
        Most passes over the data.
    errors : {"model", "sandwich", "jackknife"}, optional
        Kind of the standard errors: see `circuitbias.fitting.standard_errors`.
    memory_mb, device
        See `circuitbias.estimators.estimate`.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``n_counts``, ``passes``, ``largest_scaled_gradient`` (the certificate: over
        all neurons that have a fit), ``n_not_converged``. Arrays: ``coefficients`` (lags, n, n),
        ``intercepts`` (n,), ``scaled_gradient`` (n,), ``standard_errors`` (lags, n, n). The
        coefficients of a neuron's own count in the same bin, and of its past if that is no covariate, are
        held at 0 and have no standard error.

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    SeparableCountsWarning
        The coefficient to a neuron that never fires together with another one (at a lag), or only where that
        has its largest count, has no finite value: it is NaN, and all others are those in this limit (see
        `circuitbias.fitting.limits`). With a ridge all are finite.
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
    n_columns = len(lags) * (n := counts.n_neurons) + 1
    require_fit_memory(memory_mb, n, n_columns, counts.n_bins, f"a GLM of {n} neurons at {len(lags)} lags")
    moments = count_moments(counts, device)
    usable = usable_neurons(moments)
    design = Design(counts, usable.kept, lags, device, moments, own_past)

    fitted = fit(
        design,
        ridge=ridge,
        tolerance=tolerance,
        max_passes=max_passes,
        block_rows=counts.block_bins,
        memory_mb=memory_mb,
        errors=errors,
    )
    infinite = fitted.infinite[:-1].cpu().numpy().reshape(len(lags), *[design.n_targets] * 2)
    warn_infinite(
        infinite.any(0),
        usable.kept,
        f"never fire in the bins (at lags {lags}) of some other neuron, or only in those where it fires most",
    )
    warn_not_converged(usable.kept, fitted, tolerance, max_passes)

    def of_pairs(values):
        values = fitted.finite(values)
        return np.stack([usable.pairs(of_lag) for of_lag in np.split(values, len(lags))])

    coefficients = of_pairs(fitted.coefficients[:-1])
    return Couplings(
        coefficients.sum(axis=0),
        diagnostics=fitted.diagnostics(design.n_rows) | {"n_counts": moments.total},
        arrays={
            "coefficients": coefficients,
            "intercepts": usable.neurons(fitted.intercepts()),
            "scaled_gradient": usable.neurons(fitted.of_fitted(fitted.scaled_gradient)),
            "standard_errors": of_pairs(fitted.standard_errors),
        },
    )
