"""Bumps of activity on a ring: how much co-tuned neurons share, and how fast the bumps drift."""

import numpy as np

from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeSource
from circuitbias.spikes.views import StepWindow

_DIFFUSION_MS = 1000.0  # longest time over which displacements are followed
_LAGS = 8  # times at which they are looked at
_PUBLISHED_MS, _PUBLISHED_LAG_MS, _PUBLISHED_LAGS = 10_000.0, 20.0, 40  # the same of the published ones
_FORGOTTEN = 10  # time constants after which an activation no longer tells how it began


def co_tuned_correlation(correlations: np.ndarray, period: float) -> float:
    """Mean correlation of neurons that lie whole periods apart: the peaks of the bumps coincide.

    Parameters
    ----------
    correlations : ndarray, shape (n, n)
        Of spike counts; NaN entries are left out.
    period : float
        Distance between bumps in neurons.

    Returns
    -------
    float
        NaN if no pair at such an offset has a correlation.

    References
    ----------
    Das & Fiete, Nat. Neurosci. 23:1286 (2020): of the ring of 100 neurons, at offsets 25, 50 and 75.
    """
    n = len(correlations)
    offsets = np.round(np.arange(period, n - period / 2, period)).astype(int)
    pre = np.arange(n)
    return mean_of_known(np.array([correlations[pre, (pre + offset) % n] for offset in offsets]))


def co_tuned_as_published(correlations: np.ndarray, period: float) -> float:
    """Mean correlation of co-tuned neurons as the authors' other measures of the pinned ring count offsets.

    Neurons that never fire are taken out and the ring is closed over the gap: the 99 that are left of 100
    have bumps 24.75 apart, and the offsets nearest to whole periods are 25, 50 and 74. Pairs across the gap
    are then one place off, and the mean is up to 2 % below that of `co_tuned_correlation`.
    """
    fire = np.isfinite(correlations).any(axis=0)
    closed = correlations[np.ix_(fire, fire)]
    return co_tuned_correlation(closed, period * len(closed) / len(correlations))


def mean_of_known(values: np.ndarray) -> float:
    """Average the values that are not NaN; return NaN, without a warning, if there are none."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.nan


def bump_phases(counts: BinnedCounts, period: float, smooth_bins: int = 1) -> list[np.ndarray]:
    """Position of the bumps in each bin of each trial, in neurons, unwrapped.

    The phase of the Fourier mode that the bumps are, of counts averaged over ``smooth_bins`` bins.

    Returns
    -------
    list of ndarray, shape (n_bins - smooth_bins + 1,)
    """
    mode = np.exp(2j * np.pi * np.arange(counts.n_neurons) / period)
    trials: list[list] = [[] for _ in counts.trial_bins]
    for block in counts.blocks():
        trials[block.trial].append(block.counts @ mode)
    phases = []
    for parts in trials:
        if parts:
            signal = np.convolve(np.concatenate(parts), np.ones(smooth_bins), mode="valid")
            phases.append(np.unwrap(np.angle(signal)) * period / (2 * np.pi))
    return phases


def bump_diffusivity(counts: BinnedCounts, bin_ms: float, period: float, smooth_bins: int = 5) -> float:
    """Diffusivity D of the bumps in neurons²/s, from ``<[x(t + T) - x(t)]²> = 2 D T + const``.

    The constant is the error of the position, which counts of a few bins tell with little certainty only;
    the slope over T from a tenth of a second to a second leaves it out.

    Parameters
    ----------
    counts : BinnedCounts
    bin_ms : float
    period : float
        Distance between bumps in neurons.
    smooth_bins : int, optional
        Bins over which counts are averaged before the position is read.

    Returns
    -------
    float
        NaN if no trial is long enough. Without a pattern the position is noise that runs around the ring, and
        the number says nothing of a diffusion.
    """
    longest = int(_DIFFUSION_MS / bin_ms)
    phases = [p for p in bump_phases(counts, period, smooth_bins) if len(p) > 2 * longest]
    if not phases or longest < _LAGS:
        return float("nan")
    lags = np.unique(np.linspace(max(longest / 10, 1), longest, _LAGS).astype(int))
    squares = [np.concatenate([(p[lag:] - p[:-lag]) ** 2 for p in phases]).mean() for lag in lags]
    slope = np.polyfit(lags * bin_ms / 1000, squares, 1)[0]
    return float(slope / 2)


def diffusivities_as_published(source: SpikeSource, period: float, tau_ms: float) -> np.ndarray:
    """Diffusivities of the bumps in neurons²/s over times up to 20 ms, as the authors' scripts measure them.

    The position is the phase of the Fourier mode that the bumps are, of the synaptic activations (spikes
    through an exponential), at every step; D is half the slope of the mean square displacement. Where bumps
    are firm it is that of `bump_diffusivity`; where they are weak, the phase runs away now and then, and D is
    made of few such events.

    Parameters
    ----------
    source : SpikeSource
    period : float
        Distance between bumps in neurons.
    tau_ms : float
        Time constant of the exponential.

    Returns
    -------
    ndarray, shape (n_windows,)
        One of every ten seconds of each trial, after the first ten time constants.

    References
    ----------
    https://github.com/abhranildas/neural-circuit-inference: a line through the mean squares at 1, 2, ... 200
    steps, of the unwrapped phase of the fifth term of a discrete Fourier transform.
    """
    from scipy.signal import lfilter  # slow to load

    mode = np.exp(2j * np.pi * np.arange(source.n_neurons) / period)
    length, early = (int(ms / source.dt_ms) for ms in (_PUBLISHED_MS, _FORGOTTEN * tau_ms))
    longest = max(int(_PUBLISHED_LAG_MS / source.dt_ms), 2)
    lags = np.unique(np.linspace(1, longest, _PUBLISHED_LAGS).astype(int))
    found, begin = [], 0
    for n_steps in source.trial_steps.tolist():
        for first in range(begin, begin + n_steps - early - length + 1, length):
            window = StepWindow(source, first, early + length)
            pushes = np.zeros(early + length, dtype=complex)
            for segment in window.segments():
                np.add.at(pushes, segment.steps, mode[segment.neurons])
            activation = lfilter([1.0], [1.0, source.dt_ms / tau_ms - 1], pushes)[early:]
            phase = np.unwrap(np.angle(activation)) * period / (2 * np.pi)
            squares = [np.square(phase[lag:] - phase[:-lag]).mean() for lag in lags]
            found.append(np.polyfit(lags * source.dt_ms / 1000, squares, 1)[0] / 2)
        begin += n_steps
    return np.array(found)
