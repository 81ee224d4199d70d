"""Does the model fit? What a Poisson GLM on filtered histories leaves unexplained in a recording."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import kstest

from circuitbias.estimators.couplings import Couplings
from circuitbias.fitting.designs.histories import ExponentialDesign
from circuitbias.spikes.events import Events
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import StepWindow

_MOST_BINS = 300_000  # that are looked at: windows spread over the recording
_WINDOWS = 10
_LAGS = 6  # of residual correlations, in bins of 10 ms
_COARSE_MS = 10.0
_FEWEST_INTERVALS = 20
HELD_OUT = 0.2
"""Last part of the recording, which the model of the held-out likelihood has not seen."""


@dataclass(frozen=True, eq=False)
class FitChecks:
    """What the model leaves unexplained.

    Attributes
    ----------
    distance : ndarray, shape (n,)
        Largest distance between the distribution of a unit's rescaled intervals and that of a unit
        exponential (Kolmogorov-Smirnov); NaN with fewer than twenty intervals.
    rejected : float
        Share of units whose intervals differ significantly (p < .01).
    bits : float
        Gain of the held-out log-likelihood over constant rates, bits a spike; NaN if it was not taken.
    residual : ndarray, shape (lags,)
        Root mean square correlation of the residuals of pairs at lags of 0, 10, 20 ... ms, over what chance
        gives: 1 if the model explains all.
    n_bins : int
        That were looked at.
    """

    distance: np.ndarray
    rejected: float
    bits: float
    residual: np.ndarray
    n_bins: int

    def to_dict(self) -> dict:
        """Return what JSON can hold."""
        return {
            "distance_median": float(np.nanmedian(self.distance))
            if np.isfinite(self.distance).any()
            else None,
            "rejected": self.rejected,
            "bits_a_spike": self.bits if np.isfinite(self.bits) else None,
            "residual_over_chance": self.residual.tolist(),
            "n_bins": self.n_bins,
        }


def check_fit(
    source: SpikeSource, fitted: Couplings, before: Couplings | None = None, *, seed: int = 0
) -> FitChecks:
    """Hold a fit of `glm_history` against the recording.

    Parameters
    ----------
    source : SpikeSource
    fitted : Couplings
        Of the whole recording.
    before : Couplings, optional
        Of all but its last part, for the held-out likelihood.
    seed : int, optional
        Of the places of spikes within bins, which rescaled intervals need (Haslinger et al. 2010).

    Returns
    -------
    FitChecks
    """
    n = source.n_neurons
    rng = np.random.default_rng(seed)
    bin_steps = fitted.diagnostics["options"]["bin_steps"]
    window = max(_MOST_BINS // _WINDOWS * bin_steps, 1)
    total = int(source.trial_steps.sum())
    starts = np.linspace(0, total - window, _WINDOWS).astype(int) if total > _WINDOWS * window else [0]
    length = window if len(starts) > 1 else total
    coarse = max(round(_COARSE_MS / source.dt_ms / bin_steps), 1)
    intervals = [[] for _ in range(n)]
    sums, squares, n_coarse, n_bins = np.zeros((_LAGS, n, n)), np.zeros(n), 0, 0
    for start in starts:
        part = StepWindow(source, int(start), int(length))
        waiting = np.full(n, np.nan)
        for counts, means, fresh in _predicted(part, fitted):
            n_bins += len(counts)
            if fresh:
                waiting[:] = np.nan
            _rescale(counts, means, waiting, intervals, rng)
            rest = counts - means
            whole = len(rest) // coarse * coarse
            rest = rest[:whole].reshape(-1, coarse, n).sum(axis=1)
            if len(rest) <= _LAGS:
                continue
            squares += np.square(rest).sum(axis=0)
            n_coarse += len(rest)
            for lag in range(_LAGS):
                sums[lag] += rest[: len(rest) - lag].T @ rest[lag:]
    tests = [kstest(one, "expon") if len(one) >= _FEWEST_INTERVALS else None for one in intervals]
    distance = np.array([test.statistic if test else np.nan for test in tests])
    p = np.array([test.pvalue for test in tests if test])
    bits = held_out_bits(source, before) if before is not None else np.nan
    sd = np.sqrt(np.maximum(squares, 1e-300))
    others = ~np.eye(n, dtype=bool) & (squares > 0) & (squares > 0)[:, None]
    correlations = (sums / sd / sd[:, None])[:, others]
    residual = np.sqrt(np.square(correlations).mean(axis=1) * n_coarse)
    return FitChecks(distance, float((p < 0.01).mean()) if len(p) else np.nan, bits, residual, n_bins)


def held_out_parts(source: SpikeSource) -> tuple[StepWindow, StepWindow]:
    """The first part, to fit to, and the last one."""
    total = int(source.trial_steps.sum())
    first = int(total * (1 - HELD_OUT))
    return StepWindow(source, 0, first), StepWindow(source, first, total - first)


def _predicted(source, fitted):
    """Counts of the bins and their means by the model, block by block; and whether a block begins a trial."""
    options = fitted.diagnostics["options"]
    kept = np.arange(source.n_neurons)
    events = Events(source, options["bin_steps"], kept, 2000, look_back=0)
    filter_steps = fitted.diagnostics["filter_ms"] / source.dt_ms
    design = ExponentialDesign(events, kept, filter_steps, "cpu")
    beta = np.nan_to_num(np.vstack([fitted.arrays["coefficients"], fitted.arrays["intercepts"]]), nan=0.0)
    beta[-1] = np.where(np.isfinite(fitted.arrays["intercepts"]), beta[-1], -np.inf)
    firsts = (block.first_bin == 0 for block in events.blocks())
    for (rows, counts), first in zip(design.blocks_and_counts(), firsts, strict=True):
        yield counts, np.exp(np.minimum(rows @ beta, 20.0)), first


def _rescale(counts, means, waiting, intervals, rng):
    """Add up the hazard between spikes; ``waiting``: since the last one of each unit (NaN: none yet)."""
    cumulated = np.cumsum(means, axis=0)
    for j in range(counts.shape[1]):
        at = np.flatnonzero(counts[:, j])
        if not len(at):
            waiting[j] += cumulated[-1, j]
            continue
        # Somewhere within its bin: uniformly in probability.
        inside = -np.log1p(rng.random(len(at)) * np.expm1(-means[at, j]))
        places = cumulated[at, j] - means[at, j] + inside
        gaps = np.diff(places, prepend=-waiting[j])
        intervals[j].extend(gaps[np.isfinite(gaps)].tolist())
        waiting[j] = cumulated[-1, j] - places[-1]


def held_out_bits(source: SpikeSource, before: Couplings) -> float:
    """Bits a spike that the model of the first part gains over constant rates in the last one."""
    first, last = held_out_parts(source)
    spikes = np.zeros(source.n_neurons)
    for segment in first.segments():
        spikes += np.bincount(segment.neurons, minlength=source.n_neurons)
    bin_steps = before.diagnostics["options"]["bin_steps"]
    rate = (spikes + 0.5) / max(first.trial_steps.sum() / bin_steps, 1)
    gain, n_spikes = 0.0, 0.0
    for counts, means, _ in _predicted(last, before):
        known = means > 0
        log_ratio = np.log(np.where(known, means, 1.0) / np.where(known, rate, 1.0))
        gain += (counts * log_ratio)[known].sum() - (means - rate)[known].sum()
        n_spikes += counts[known].sum()
    return float(gain / np.log(2) / n_spikes) if n_spikes else np.nan
