"""Poisson GLM on spike histories through one temporal filter that all pairs share and the fit finds."""

import numpy as np
import torch

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import torch_device
from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.result import warn_infinite, warn_not_converged
from circuitbias.estimators.usable import usable_neurons
from circuitbias.exceptions import UnusableDataError
from circuitbias.fitting.designs.raised_cosines import BasisDesign, raised_cosines
from circuitbias.fitting.filter_fit import fit_shared_filter
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import DEFAULT_MB, for_data, regression_bytes, require_memory
from circuitbias.options import (
    ErrorKind,
    convergence,
    kind_of_errors,
    most_passes,
    quadratic_penalty,
    response_width,
    with_own_past,
)
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.events import Events
from circuitbias.spikes.moments import count_moments
from circuitbias.spikes.segments import SpikeSource


class GlmSpatiotemporal(Estimator):
    """Poisson regression on past spikes through one temporal filter for all pairs, which the fit finds."""

    bin_steps: int = response_width()
    history_ms: float = option(20.0, "How far back the temporal filter reaches (ms).", above=0)
    n_basis: int = option(10, "Number of raised cosines that make up the temporal filter.", least=1, most=50)
    own_past: bool = with_own_past()
    ridge: float = quadratic_penalty()
    tolerance: float = convergence()
    max_passes: int = most_passes()
    errors: ErrorKind = kind_of_errors()

    directed = True
    cost = Cost(seconds=72)
    look = Look("regressions", {"glm_spatiotemporal": ("#44AA99", "X")}, ("GLM",))
    examples = Examples({"bin_steps": 20, "n_basis": 4})


@GlmSpatiotemporal.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    history_ms: float,
    n_basis: int,
    own_past: bool,
    ridge: float,
    tolerance: float,
    max_passes: int,
    errors: str,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
) -> Couplings:
    """Fit ``count_j(t) ~ Poisson(exp(b_j + sum_i W[i, j] f_i(t)))``, f being histories through one filter h.

    Here t is the first step of a bin, and h is a sum of raised cosines that all pairs share:

        f_i(t) = sum over spikes of i at steps t - q, q = 1 ... history, of h(q),    h = sum_k a_k phi_k.

    The largest absolute value of h is 1 and its sum is positive: the couplings W carry the size. A neuron's
    own past is a covariate too, unless ``own_past`` is false, but no coupling. This is the spatio-temporal
    variant in the code of Das & Fiete (2020); the functions phi are the log-spaced bumps of Pillow et al.
    (2008), made narrower: see
    `circuitbias.fitting.designs.raised_cosines.raised_cosines`. The likelihood may have several maxima: the
    fit is that which is reached from a constant filter.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin of the response; the past is filtered step by step.
    history_ms : float, optional
        How far back the filter reaches.
    n_basis : int, optional
        Number of raised cosines that make up the filter.
    own_past : bool, optional
        Whether a neuron's own history is a covariate of its regression.
    ridge : float, optional
        Penalty ``ridge / 2 sum_ijq (W[i, j] h(q))^2`` on the mean negative log-likelihood of a bin, summed
        over neurons. It does not depend on how the size is shared between W and h.
    tolerance : float, optional
        Largest gradient of the mean log-likelihood at which the fit has converged. For couplings: per
        standard deviation of the covariate and per mean count of the response. For a_k: of the sum over
        all neurons, per sum over neurons of the mean count times the standard deviation of
        ``sum_i W[i, j] (phi_k * s_i)(t)``. Standard deviations are those in a subsample of the bins.
    max_passes : int, optional
        Most passes over the data.
    errors : {"model", "sandwich", "jackknife"}, optional
        Kind of the standard errors: see `circuitbias.fitting.standard_errors`.
    memory_mb, device
        See `circuitbias.estimators.estimate`.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``n_counts``, ``passes``, ``n_alternations`` (of couplings and filter, on a
        subsample), ``largest_scaled_gradient`` (the certificate of the couplings: over all neurons
        that have a fit), ``filter_scaled_gradient`` (that of the filter), ``n_not_converged``.
        Arrays: ``filter_ms`` (lags,) and ``temporal_filter`` (lags,), h at these lags;
        ``basis_coefficients`` (n_basis,);
        ``coefficients`` (n, n), W with a neuron's own past on the diagonal; ``intercepts`` (n,);
        ``scaled_gradient`` (n,); ``standard_errors`` (n, n), those that the Poisson model itself predicts
        given the filter, from the Hessian on the subsample.

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    SeparableCountsWarning
        The coupling to a neuron that fires only where the history of another one is empty has no finite
        value: it is NaN, and all others are those in this limit (see `circuitbias.fitting.limits`). That to a
        neuron that fires only where it is largest is NaN and left out.
    NotConvergedWarning
        Fits that did not reach the tolerance are NaN: all of them, and the filter, if the filter did not.

    Raises
    ------
    ValueError
        If history_ms is shorter than a step or longer than every trial, n_basis does not fit it, there are
        not more bins than neurons, or the histories are linearly dependent.
    """
    device = torch_device(device)
    counts = BinnedCounts(source, bin_steps, memory_mb=memory_mb)
    needed = regression_bytes(n := counts.n_neurons, n + 1, tuning().least_rows_per_column * (n + 1))
    needed += 64 * n_basis * n * (n + 1)  # the least sample, and what couplings and filter share
    require_memory(memory_mb, needed, f"a spatio-temporal GLM of {n} neurons and {n_basis} basis functions")
    longest = _history_steps(source, history_ms)
    basis = raised_cosines(longest, n_basis)
    moments = count_moments(counts, device)
    usable = usable_neurons(moments)
    block_bins, n_kept = counts.block_bins, len(usable.kept)
    del counts  # the histories are made from the events
    events = Events(source, bin_steps, usable.kept, block_bins, look_back=longest)
    design = BasisDesign(events, usable.kept, basis, device, own_past)
    survey = design.survey_basis(
        _sample_rows(design.n_columns, int(for_data(memory_mb) / (4 * n_basis * n_kept)))
    )
    fitted = fit_shared_filter(
        design,
        survey,
        torch.from_numpy(basis).to(device),
        ridge=ridge,
        tolerance=tolerance,
        max_passes=max_passes,
        block_rows=block_bins,
        errors=errors,
    )
    infinite = fitted.infinite.cpu().numpy()
    warn_infinite(
        infinite,
        usable.kept,
        "fire only where the history of some neuron is empty, or only where it is largest",
    )
    warn_not_converged(usable.kept, fitted, tolerance, max_passes)
    coefficients, weights = fitted.coefficients.cpu().numpy(), fitted.weights.cpu().numpy()
    if fitted.filter_gradient > tolerance:
        weights = np.full(n_basis, np.nan)
    converged = fitted.converged.cpu().numpy()

    def of_fitted(values):
        return np.where(converged, values, np.nan)

    scaled_gradient = of_fitted(fitted.scaled_gradient.cpu().numpy())
    values = usable.pairs(of_fitted(np.where(infinite, np.nan, coefficients[:n_kept])))
    return Couplings(
        values,
        diagnostics={
            "n_bins": design.n_rows,
            "n_counts": moments.total,
            "passes": fitted.passes,
            "n_alternations": fitted.n_alternations,
            "largest_scaled_gradient": float(np.nanmax(scaled_gradient)) if converged.any() else None,
            "filter_scaled_gradient": fitted.filter_gradient,
            "n_not_converged": int((~converged).sum()),
        },
        arrays={
            "filter_ms": np.arange(1, longest + 1) * source.dt_ms,
            "temporal_filter": basis @ weights,
            "basis_coefficients": weights,
            "coefficients": values,
            "intercepts": usable.neurons(of_fitted(coefficients[-1])),
            "scaled_gradient": usable.neurons(scaled_gradient),
            "standard_errors": usable.pairs(of_fitted(fitted.standard_errors.cpu().numpy())),
        },
    )


def _history_steps(source, history_ms):
    if not history_ms / source.dt_ms + 1e-9 >= 1:
        raise ValueError(
            f"history_ms={history_ms:g} must be at least a step of {source.dt_ms:g} ms: it is made of them"
        )
    longest = min(history_ms / source.dt_ms + 1e-9, np.iinfo(np.int64).max)
    if longest >= source.trial_steps.max():
        raise UnusableDataError(
            f"history_ms={history_ms:g} is longer than every trial "
            f"(longest: {source.trial_steps.max() * source.dt_ms:g} ms): no spike has that much before it"
        )
    return int(longest)


def _sample_rows(n_columns, allowed):
    wanted = max(tuning().sample_rows_per_column * n_columns, tuning().filter_sample_rows)
    return max(min(allowed, wanted), tuning().least_rows_per_column * n_columns)
