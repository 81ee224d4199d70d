"""Whether a peak of a correlogram stands out from what loosely timed spikes would give.

Interval jitter: time is cut into windows, and each spike is moved to a random bin of its own window. This
keeps the slow part of the rates and destroys what is timed more finely than a window. With windows of W bins,
two spikes whose windows lie k apart come to lag l with probability ``(W - |l - k W|) / W^2`` where that is
positive, so the expected number of pairs of spikes at lag l is

    E_ij(l) = sum over pairs of spikes of max(0, W - |l - k W|) / W^2,

a linear interpolation between the correlograms of the counts in windows: no surrogates are needed.

Amarasingham, Harrison, Hatsopoulos & Geman (2012), doi:10.1152/jn.00633.2011.
"""

import numpy as np
from numba import njit

from circuitbias.exceptions import UnusableDataError
from circuitbias.spikes.segments import SpikeSource


@njit(nogil=True, cache=True)
def _add_pairs(observed, expected, lags, bins, neurons, first_new, window_bins, farthest):
    """Add each pair of spikes that ends with a new one, at ``[earlier, later]``; events come sorted by bin.

    ``farthest`` is the largest distance between windows from which spikes can come to any of the lags.
    """
    windows = bins // window_bins
    oldest = 0
    for event in range(first_new, bins.shape[0]):
        while windows[event] - windows[oldest] > farthest:
            oldest += 1
        later = neurons[event]
        for past in range(oldest, event):
            earlier = neurons[past]
            lag = lags[earlier, later]
            if bins[event] - bins[past] == lag:
                observed[earlier, later] += 1
            distance = abs(lag - (windows[event] - windows[past]) * window_bins)
            if distance < window_bins:
                expected[earlier, later] += window_bins - distance


def jittered_pairs(
    source: SpikeSource, bin_steps: int, window_bins: int, lags: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count the pairs of spikes at one lag of each pair of neurons, as recorded and as expected under jitter.

    Parameters
    ----------
    source : SpikeSource
        An incomplete last window of a trial is left out of both.
    bin_steps : int
        Steps in a bin.
    window_bins : int
        W, bins in a window.
    lags : ndarray of int, shape (n, n)
        ``[i, j]`` is the lag in bins, positive if j fires after i; ``lags[j, i]`` is ``-lags[i, j]``.

    Returns
    -------
    observed : ndarray of int, shape (n, n)
        Pairs with exactly that lag; symmetric.
    expected : ndarray of float, shape (n, n)
        Mean of the same over all ways to jitter both neurons.

    Raises
    ------
    ValueError
        If no trial is as long as a window.
    """
    window_steps = window_bins * bin_steps
    whole_steps = source.trial_steps // window_steps * window_steps
    if not whole_steps.any():
        raise UnusableDataError(
            f"jitter windows of {window_steps} steps are longer than every trial "
            f"(longest: {source.trial_steps.max(initial=0)} steps)"
        )
    lags = np.ascontiguousarray(lags, dtype=np.int64)
    farthest = int(np.abs(lags).max(initial=0)) // window_bins + 1
    observed, expected = np.zeros_like(lags), np.zeros_like(lags)
    trial = None
    for segment in source.segments():
        if segment.trial != trial:
            trial = segment.trial
            bins = neurons = np.empty(0, dtype=np.int64)
        first_new = len(bins)
        whole = segment.steps < whole_steps[trial]
        bins = np.concatenate([bins, segment.steps[whole] // bin_steps])
        neurons = np.concatenate([neurons, segment.neurons[whole]])
        _add_pairs(observed, expected, lags, bins, neurons, first_new, window_bins, farthest)
        recent = bins // window_bins >= (bins[-1] // window_bins if len(bins) else 0) - farthest
        bins, neurons = bins[recent], neurons[recent]
    return observed + observed.T, (expected + expected.T) / window_bins**2


def stands_out(
    source: SpikeSource, bin_steps: int, window_bins: int, lags: np.ndarray, least_z: float
) -> np.ndarray:
    """Whether ``|observed - expected| > least_z sqrt(expected)`` at the lag of each pair of neurons.

    The variance of the number of pairs is taken to be that of a Poisson variable, its mean.

    Parameters
    ----------
    source, bin_steps, window_bins, lags
        See `jittered_pairs`.
    least_z : float

    Returns
    -------
    ndarray of bool, shape (n, n)
        Symmetric.
    """
    observed, expected = jittered_pairs(source, bin_steps, window_bins, lags)
    return np.abs(observed - expected) > least_z * np.sqrt(expected)
