"""What recurrence does to the activity: pattern strength, noise correlations, diffusion of the bumps."""

import numpy as np
import pandas as pd

from circuitbias.component import Cost, Experiment, option
from circuitbias.device import resolve_device
from circuitbias.dynamics.parameters import synaptic_tau_ms
from circuitbias.networks.network import Network
from circuitbias.options import beginning, which_strengths
from circuitbias.spikes.activity import bump_period, firing_rates_hz, pattern_strength
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.bumps import (
    bump_diffusivity,
    co_tuned_as_published,
    co_tuned_correlation,
    diffusivities_as_published,
    mean_of_known,
)
from circuitbias.spikes.moments import correlation, count_moments
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import StepWindow, count_spikes, first_spikes

_PARTS = 5  # of a recording, whose scatter gives standard errors


class Patterns(Experiment):
    """Pattern strength, noise correlations and bump diffusion (rings only)."""

    strengths: tuple[float, ...] | None = which_strengths()
    bin_steps: int = option(100, "Width of the bins of the correlations (steps).", least=1, most=100_000)
    n_spikes: int | None = beginning()

    cost = Cost(seconds=7)
    columns = ("pattern_strength", "diffusivity")


def run(
    network: Network,
    source: SpikeSource,
    *,
    bin_steps: int,
    n_spikes: int | None,
    resources: dict,
    **_,
) -> tuple[pd.DataFrame, dict]:
    """Describe the activity by counts in bins.

    Parameters
    ----------
    network : Network
        With circulant weights that favour a pattern: all measures are of its period.
    source : SpikeSource
    bin_steps : int
        Steps in a bin.
    n_spikes : int or None
        Use the beginning of the recording only.
    resources : dict
        ``memory_mb`` and ``device``.

    Returns
    -------
    table : DataFrame
        One row: n_spikes, duration_s, ``mean_rate_hz``, ``lowest_rate_hz``, ``highest_rate_hz`` (of the
        neurons with drive), ``pattern_strength`` (of counts in bins), ``noise_correlation`` (of co-tuned
        neurons, binarised counts), ``mean_abs_correlation`` (of all pairs, counts), ``diffusivity``
        (neurons²/s), ``period`` (neurons); ``noise_correlation_as_published``, with the ring closed over
        neurons that never fire; and, ending in ``_se``, standard errors from the scatter of five parts.
        ``diffusivity_as_published``, over times up to 20 ms, mean over ``n_windows`` of ten seconds, with
        ``diffusivity_as_published_sd``, by which these scatter.
    arrays : dict
        None.

    Raises
    ------
    ValueError
        If the weights are not circulant or favour no pattern.
    """
    period = bump_period(network.dense_weights()) if network.circulant else np.nan
    if not np.isfinite(period):
        raise ValueError(
            f"patterns: network {network.name!r} must have circulant weights that favour a pattern"
        )
    source = first_spikes(source, n_spikes)
    n_steps = int(source.trial_steps.sum())

    def binned(part, binarise=False):
        return BinnedCounts(part, bin_steps, binarise, resources["memory_mb"])

    def scatter(values):
        return np.std(values, ddof=1) / _PARTS**0.5

    def shared(part):
        correlations = _correlations(binned(part, binarise=True), resources["device"])
        return [measure(correlations, period) for measure in (co_tuned_correlation, co_tuned_as_published)]

    def diffusivity(part):
        return bump_diffusivity(binned(part), source.dt_ms * bin_steps, period)

    parts = [StepWindow(source, k * n_steps // _PARTS, max(n_steps // _PARTS, 1)) for k in range(_PARTS)]
    correlations = _correlations(binned(source), resources["device"])
    co_tuned, as_published = shared(source)
    co_tuned_se, as_published_se = map(scatter, zip(*map(shared, parts), strict=True))
    over_20_ms = diffusivities_as_published(source, period, synaptic_tau_ms(source))
    driven = network.drive_scale > 0
    rates = firing_rates_hz(source)[driven]
    complete = np.isfinite(correlations).sum() == correlations.size - len(correlations)
    table = pd.DataFrame(
        [
            {
                "n_spikes": count_spikes(source),
                "duration_s": source.trial_steps.sum() * source.dt_ms / 1000,
                "mean_rate_hz": rates.mean(),
                "lowest_rate_hz": rates.min(),
                "highest_rate_hz": rates.max(),
                "period": period,
                "pattern_strength": pattern_strength(correlations, period) if complete else np.nan,
                "noise_correlation": co_tuned,
                "noise_correlation_se": co_tuned_se,
                "noise_correlation_as_published": as_published,
                "noise_correlation_as_published_se": as_published_se,
                "mean_abs_correlation": mean_of_known(np.abs(correlations)),
                "diffusivity": diffusivity(source),
                "diffusivity_se": scatter([diffusivity(part) for part in parts]),
                "diffusivity_as_published": mean_of_known(over_20_ms),
                "diffusivity_as_published_sd": np.std(over_20_ms, ddof=1) if len(over_20_ms) > 1 else np.nan,
                "n_windows": len(over_20_ms),
            }
        ]
    )
    return table, {}


def _correlations(counts, device):
    """Correlations of counts, shape (n, n); NaN on the diagonal and at neurons that never fire."""
    moments = count_moments(counts, resolve_device(device))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlations = correlation(moments.covariance)
    np.fill_diagonal(correlations, np.nan)
    return correlations
