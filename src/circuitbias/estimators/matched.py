"""Maximum likelihood of the threshold model itself: no mismatch between model and data."""

import warnings
from typing import Literal

import numpy as np

from circuitbias.component import Cost, Estimator, Examples, Look, option
from circuitbias.device import torch_device
from circuitbias.dynamics.parameters import RHO_PAPER, model_parameter, synaptic_tau_ms
from circuitbias.estimators.couplings import Couplings, SaturatedNeuronWarning
from circuitbias.estimators.matched_fit import BOUNDS, SATURATED, fit
from circuitbias.estimators.matched_likelihood import WARM_UP, SpikeLikelihood
from circuitbias.estimators.matched_link import ThresholdLink
from circuitbias.estimators.matched_shared import fit_shared
from circuitbias.estimators.matched_symmetric import of_couplings, symmetric_fit
from circuitbias.estimators.result import warn_infinite, warn_not_converged
from circuitbias.estimators.usable import usable_neurons
from circuitbias.exceptions import UnusableDataError
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import DEFAULT_MB, require_memory
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import Moments, count_moments
from circuitbias.spikes.segments import SpikeSource


class Matched(Estimator):
    """Maximum likelihood of the threshold model, step by step: what can be known with the right model."""

    bin_steps: int = option(
        20,
        "Steps for each one at which the likelihood of silence is taken; spikes are taken step by step.",
        least=1,
        most=100_000,
    )
    tau_ms: Literal["estimate"] | float | None = option(
        None,
        "Synaptic time constant (ms); null takes that of the model that made the recording.",
        above=0,
    )
    rho: Literal["estimate"] | float | None = option(
        None,
        "Probability that the noise is on in a step; null takes that of the model that made the recording.",
        above=0,
        below=1,
    )
    symmetric: bool = option(False, "Whether couplings are known to be the same both ways.")
    tolerance: float = option(
        0.01,
        "Largest derivative of the log-likelihood at which the fit has converged (standard deviations).",
        above=0,
        most=1,
    )
    max_passes: int = option(100, "Largest number of passes over the data.", least=1)

    cost = Cost(seconds=45, bin_steps=20)
    look = Look("matched", {"matched": ("#000000", "*")})
    examples = Examples({}, {"bin_steps": 7, "rho": 0.05})

    @property
    def directed(self) -> bool:
        """Unless couplings are known to be the same both ways."""
        return not self.symmetric


@Matched.computed_by
def estimate(
    source: SpikeSource,
    *,
    bin_steps: int,
    tau_ms: float | str | None,
    rho: float | str | None,
    symmetric: bool,
    tolerance: float,
    max_passes: int,
    memory_mb: float = DEFAULT_MB,
    device: str = "auto",
) -> Couplings:
    r"""Fit, for every neuron j, the threshold model's own probability of a spike in a step.

    .. math::
        P(\text{spike of } j \text{ at } t) = \rho\, \Phi(a_j + \sum_i J_{ij} s_i(t)), \quad
        s_i(t) = \sum_{k < t} (1 - dt/\tau)^{t - 1 - k},

    the inner sum over the spikes of i: the `ThresholdSAM`, with :math:`J_{ij} = r W_{ij} / (b_j \sigma)` and
    :math:`a_j = (b_j - \theta) / (b_j \sigma)`. A coupling is in standard deviations of the noise.
    The probability jumps where the input reaches the threshold; steps at which a first fit says that it does
    are left out. A neuron's own past is always a covariate.

    Parameters
    ----------
    source : SpikeSource
        The first five time constants of each trial are left out, as what came before them is not known.
    bin_steps : int, optional
        The probability of silence is taken at one step of so many. Spikes are taken step by step.
    tau_ms : float or "estimate", optional
        Synaptic time constant. Default: that of the model that made the recording, or 10 ms. ``estimate``
        fits it, the same for all neurons, from there.
    rho : float or "estimate", optional
        Probability that a neuron's noise is on in a step. Default: that of the model, or 0.0668. If too high
        or low, couplings keep their form and change their scale.
    symmetric : bool, optional
        Whether couplings are known to be the same both ways.
    tolerance : float, optional
        Largest derivative of the log-likelihood at which a fit has converged, in standard deviations
        of what it is at the true couplings: about the distance from the maximum, in standard errors.
    max_passes : int, optional
        Most passes over all data.
    memory_mb, device
        See `circuitbias.estimators.estimate`. The likelihood is summed on the CPU.

    Returns
    -------
    Couplings
        Diagnostics: ``n_bins``, ``n_counts``, ``n_steps`` (those of the likelihood), ``tau_ms``, ``rho``,
        ``passes``, ``largest_scaled_gradient`` (the certificate), ``n_not_converged``, ``reached_threshold``,
        ``spikes_left_out`` and ``steps_left_out`` (shares of those of all targets). Of what is estimated also
        ``tau_ms_error``, ``rho_error`` (standard errors) and ``not_identifiable``, the names of those whose
        standard error would be more than half of their value: they keep their defaults. Errors of couplings
        are those with these parameters known.
        Arrays: ``standard_errors`` (n, n) of the couplings, from the Fisher information at the estimate;
        ``coefficients`` (n, n), with the same taken as free both ways, those of a neuron's own past on the
        diagonal, and ``coefficient_errors``; ``intercepts`` (n,); ``scaled_gradient`` (n,).

    Warns
    -----
    ConstantNeuronWarning, CollinearNeuronsWarning
        Neurons whose couplings are not defined are NaN.
    SaturatedNeuronWarning
        Couplings to a neuron with most of its spikes above threshold are NaN.
    SeparableCountsWarning
        The coupling to a neuron that fires only when another one has long been silent is infinite: NaN.
    NotConvergedWarning
        Fits that did not reach the tolerance are NaN.

    Raises
    ------
    UnusableDataError
        If there are not more bins than neurons, or no trial is longer than five time constants.
    """
    torch_device(device)
    wanted = np.array([tau_ms == "estimate", rho == "estimate"])
    tau_ms = synaptic_tau_ms(source) if tau_ms in (None, "estimate") else tau_ms
    rho = model_parameter(source, "rho", RHO_PAPER) if rho in (None, "estimate") else rho
    if not source.dt_ms < tau_ms < np.inf:
        raise ValueError(f"tau_ms={tau_ms:g} must be longer than a step, {source.dt_ms:g} ms, and finite")
    if not 0 < rho < 1:
        raise ValueError(f"rho={rho:g} must be a probability between 0 and 1")
    counts = BinnedCounts(source, bin_steps, memory_mb=memory_mb)
    n = counts.n_neurons
    require_memory(memory_mb, _bytes(n, counts.n_bins, symmetric), f"the matched likelihood of {n} neurons")
    moments = count_moments(counts, torch_device(device))
    del counts
    usable = usable_neurons(moments)
    kept = usable.kept
    single = tuning().worth_single_precision(moments.n_bins, len(kept) + 1, len(kept))

    def likelihood_of(tau_ms, rho):
        return SpikeLikelihood(source, kept, 1 - source.dt_ms / tau_ms, ThresholdLink(rho), bin_steps, single)

    def fit_at(likelihood, before):
        start = _start(likelihood.link, moments, kept, bin_steps)
        return fit(likelihood, start, moments.total, tolerance, max_passes, before)

    if likelihood_of(tau_ms, rho).used_steps() == 0:
        raise UnusableDataError(
            f"no trial is longer than {WARM_UP:g} time constants of {tau_ms:g} ms: the past is unknown"
        )
    shared = fit_shared(likelihood_of, source.dt_ms, tau_ms, rho, wanted, fit_at)
    likelihood, fitted = shared.likelihood, shared.fit
    warn_not_converged(kept, fitted, tolerance, max_passes)
    saturated = fitted.saturated
    _warn_saturated(kept[saturated])
    infinite = fitted.infinite
    warn_infinite(
        infinite, kept, "fire only where the history of some neuron is empty", "More data may give them one"
    )
    spikes_left_out, steps_left_out, spikes = likelihood.left_out
    steps = likelihood.used_steps()
    failed = saturated | ~fitted.converged.numpy()
    defined = ~(infinite | failed)
    values, own_errors = fitted.coefficients[:-1].copy(), _standard_errors(fitted.information, infinite)
    couplings, errors = values.copy(), own_errors.copy()
    # A target's own past stays its own.
    values[~defined], own_errors[~defined] = np.nan, np.nan
    if symmetric:
        information = of_couplings(_without(fitted.information, infinite)) * ~failed[:, None, None]
        couplings, errors = symmetric_fit(couplings, information)
        defined &= defined.T
    couplings[~defined], errors[~defined] = np.nan, np.nan
    return Couplings(
        usable.pairs(couplings),
        diagnostics={
            "n_bins": moments.n_bins,
            "n_counts": moments.total,
            "n_steps": steps,
            "tau_ms": shared.tau_ms,
            "rho": shared.rho,
            "passes": fitted.passes,
            "largest_scaled_gradient": float(fitted.scaled_gradient.max()),
            "n_not_converged": int((~fitted.converged).sum()),
            "reached_threshold": fitted.reached,
            "spikes_left_out": float(spikes_left_out[~saturated].sum() / max(spikes[~saturated].sum(), 1)),
            "steps_left_out": float(steps_left_out[~saturated].sum() / max(steps * (~saturated).sum(), 1)),
            **_said_of_shared(shared, wanted),
        },
        arrays={
            "coefficients": usable.pairs(values),
            "intercepts": usable.neurons(np.where(failed, np.nan, fitted.coefficients[-1])),
            "scaled_gradient": usable.neurons(fitted.scaled_gradient.numpy()),
            "standard_errors": usable.pairs(errors),
            "coefficient_errors": usable.pairs(own_errors),
        },
    )


def _said_of_shared(shared, wanted):
    """Diagnostics of the parameters that were estimated."""
    if not wanted.any():
        return {}
    values = np.array([shared.tau_ms, shared.rho])
    errors = {
        f"{name}_error": float(error * value)
        for name, error, value, one in zip(("tau_ms", "rho"), shared.errors, values, wanted, strict=True)
        if one and name not in shared.unidentified
    }
    return errors | {"not_identifiable": shared.unidentified, "settled": shared.settled}


def _bytes(n, n_bins, symmetric):
    """Hessians and their factors; the sample and its information; the pairs' own matrix."""
    columns = n + 1
    needed = 24 * n * columns**2 + 16 * columns * min(1000 * columns, n_bins)
    return needed + symmetric * (8 * n**3 + 8 * (n * (n - 1) / 2) ** 2)


def _start(link, moments: Moments, kept, bin_steps):
    """No couplings, and the rates."""
    start = np.zeros((len(kept) + 1, len(kept)))
    start[-1] = link.eta_of(moments.mean[kept] / bin_steps)
    return start


def _without(information, infinite):
    """Information without the coefficients that are held at their limits: their rows and columns are zero."""
    free = np.vstack([~infinite, np.ones((1, len(information)), dtype=bool)]).T
    return information * free[:, :, None] * free[:, None, :]


def _standard_errors(information, infinite):
    """Of all couplings, (n, n) [source, target]; NaN where they have no finite value."""
    n = len(information)
    errors = np.full((n, n), np.nan)
    for target, matrix in enumerate(_without(information, infinite)):
        free = np.flatnonzero(matrix.diagonal() > 0)
        variances = np.linalg.pinv(matrix[np.ix_(free, free)], hermitian=True).diagonal()
        sources = free[free < n]
        errors[sources, target] = np.sqrt(np.where(variances > 0, variances, np.nan)[: len(sources)])
    return errors


def _warn_saturated(neurons):
    if len(neurons):
        warnings.warn(
            f"neurons {neurons.tolist()} have more than {SATURATED:.0%} of their spikes where their input is "
            f"above threshold (fitted eta > {BOUNDS[-1]:g}): couplings to them are NaN",
            SaturatedNeuronWarning,
            stacklevel=4,
        )
