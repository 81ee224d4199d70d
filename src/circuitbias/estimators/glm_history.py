"""Poisson GLM on exponentially filtered spike histories."""

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import torch_device
from circuitbias.dynamics.parameters import synaptic_tau_ms
from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.result import warn_infinite, warn_not_converged
from circuitbias.estimators.usable import usable_neurons
from circuitbias.fitting.designs.histories import ExponentialDesign
from circuitbias.fitting.poisson import fit, require_fit_memory
from circuitbias.memory import DEFAULT_MB
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


class GlmHistory(Estimator):
    """Poisson regression of a neuron's counts on the filtered past spikes of all neurons."""

    bin_steps: int = response_width()
    filter_ms: float | None = option(
        None,
        "Decay time of the exponential filter of past spikes (ms); null takes `generator.tau_ms`.",
        above=0,
    )
    own_past: bool = with_own_past()
    ridge: float = quadratic_penalty()
    tolerance: float = convergence()
    max_passes: int = most_passes()
    errors: ErrorKind = kind_of_errors()

    directed = True
    cost = Cost(seconds=39, bin_steps=10)
    look = Look("regressions", {"glm_history": ("#332288", "P")}, ("GLM",))
    examples = Examples({}, {"bin_steps": 20, "filter_ms": 5.0, "ridge": 0.001})


@GlmHistory.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    filter_ms: float | None,
    own_past: bool,
    ridge: float,
    tolerance: float,
    max_passes: int,
    errors: str,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
) -> Couplings:
    """Fit, for every neuron j, ``count_j(t) ~ Poisson(exp(b_j + sum_i J[i, j] f_i(t)))``.

    Here t is the first step of a bin and the covariate is the filtered past of neuron i,

        f_i(t) = sum over spikes of i at steps k < t of exp(-(t - k) dt / filter_ms),

    which is empty at the start of a trial. A neuron's own past is a covariate too, unless
    ``own_past`` is false, but no coupling. A variant
    in the code of Das & Fiete (2020) has bins of one step and a filter of 100 steps, cut after 1000.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int, optional
        Steps in a bin of the response; the past is filtered step by step.
    filter_ms : float, optional
        Time constant of the filter. Default: the synaptic one of the model that made the recording, or 10 ms.
    own_past : bool, optional
        Whether a neuron's own history is a covariate of its regression.
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
        all neurons that have a fit), ``n_not_converged``. Arrays: ``coefficients`` (n, n), with those of a
        neuron's own past on the diagonal, ``intercepts`` (n,), ``scaled_gradient`` (n,),
        ``standard_errors`` (n, n).

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    SeparableCountsWarning
        The coefficient to a neuron that fires only where the history of another one is empty (below 1e-9 of
        its largest value), or only where that is largest, has no finite value: it is NaN, and all others are
        those in this limit (see `circuitbias.fitting.limits`). With a ridge all are finite.
    NotConvergedWarning
        Fits that did not reach the tolerance are NaN.

    Raises
    ------
    ValueError
        If filter_ms is not positive, there are not more bins than neurons, or the histories are linearly
        dependent.
    """
    filter_ms = synaptic_tau_ms(source) if filter_ms is None else filter_ms
    if not 0 < filter_ms < np.inf:
        raise ValueError(f"filter_ms={filter_ms:g} must be greater than 0 and finite")
    device = torch_device(device)
    counts = BinnedCounts(source, bin_steps, memory_mb=memory_mb)
    n = counts.n_neurons
    require_fit_memory(memory_mb, n, n + 1, counts.n_bins, f"a GLM on the histories of {n} neurons")
    moments = count_moments(counts, device)
    usable = usable_neurons(moments)
    events = Events(source, bin_steps, usable.kept, counts.block_bins, look_back=0)
    del counts  # the histories are made from the events
    design = ExponentialDesign(events, usable.kept, filter_ms / source.dt_ms, device, own_past)
    fitted = fit(
        design,
        ridge=ridge,
        tolerance=tolerance,
        max_passes=max_passes,
        block_rows=events.block_bins,
        memory_mb=memory_mb,
        errors=errors,
    )
    warn_infinite(
        fitted.infinite[:-1].cpu().numpy(),
        usable.kept,
        "fire only where the history of some neuron is empty, or only where it is largest",
    )
    warn_not_converged(usable.kept, fitted, tolerance, max_passes)
    coefficients = usable.pairs(fitted.finite(fitted.coefficients[:-1]))
    return Couplings(
        coefficients,
        diagnostics=fitted.diagnostics(design.n_rows) | {"n_counts": moments.total, "filter_ms": filter_ms},
        arrays={
            "coefficients": coefficients,
            "intercepts": usable.neurons(fitted.intercepts()),
            "scaled_gradient": usable.neurons(fitted.of_fitted(fitted.scaled_gradient)),
            "standard_errors": usable.pairs(fitted.finite(fitted.standard_errors)),
        },
    )
