"""How slowly the activity of a recording changes: the time after which a part of it is a new sample."""

import numpy as np

from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeSource

_MOST_BINS, _LEAST_BINS = 20_000, 100
_COMPONENTS = 8
_CLEAR = 4.0
"""Standard errors that the correlation of neighbouring bins must be above 0 to count as one."""


def correlation_time_s(source: SpikeSource, bin_steps: int = 100) -> float:
    """Measure the slowest correlation time of the population's activity.

    Counts are projected on the directions in which they vary most. The correlation time of each, and of the
    sum of their squares (a pattern may drift fast, and grow and fade slowly), is the integral of its
    autocorrelation from the first bin on, relative to that bin: independent noise of the counts is in none
    of them. The largest is the result.

    Parameters
    ----------
    source : SpikeSource
        Each trial is looked at by itself.
    bin_steps : int, optional
        Least width of a bin (steps); of long recordings bins are wider, at most 20 000 of them.

    Returns
    -------
    float
        Seconds; 0 if no correlation stands out beyond a bin, NaN of fewer than 100 bins. A time that comes
        out longer than a twentieth of the recording is a lower bound: it saw too few of them.
    """
    bin_steps = max(bin_steps, int(np.sum(source.trial_steps)) // _MOST_BINS)
    counts = BinnedCounts(source, bin_steps)
    trials: dict[int, list] = {}
    for block in counts.blocks():
        trials.setdefault(block.trial, []).append(block.counts.astype(np.float64))
    rows = [np.concatenate(parts) for parts in trials.values()]
    if sum(map(len, rows)) < _LEAST_BINS:
        return float("nan")
    every = np.concatenate(rows)
    mean = every.mean(axis=0)
    directions = np.linalg.eigh(np.cov(every.T))[1][:, -_COMPONENTS:]
    projected = [(part - mean) @ directions for part in rows]
    series = [[part[:, k] for part in projected] for k in range(directions.shape[1])]
    series.append([(part**2).sum(axis=1) for part in projected])
    return max(map(_time_in_bins, series)) * bin_steps * source.dt_ms / 1000


def _time_in_bins(parts: list[np.ndarray]) -> float:
    """Correlation time (bins) of a series of trials: the sum over lags, up to 5 times itself."""
    mean = np.concatenate(parts).mean()
    longest = max(map(len, parts))
    products, pairs = np.zeros(longest), np.zeros(longest)
    for part in parts:
        n = len(part)
        power = np.abs(np.fft.rfft(part - mean, 2 * n)) ** 2
        products[:n] += np.fft.irfft(power, 2 * n)[:n]
        pairs[:n] += np.arange(n, 0, -1)
    most = max(2, longest // 2)
    correlation = products[:most] / np.maximum(pairs[:most], 1)
    if not (correlation[0] > 0 and correlation[1] > _CLEAR * correlation[0] / np.sqrt(pairs[1])):
        return 0.0
    times = np.cumsum(correlation[1:]) / correlation[1] - 0.5  # of exp(-k / t) that is t, but for 1 / 12 t
    enough = np.flatnonzero(np.arange(1, len(times) + 1) >= 5 * times)
    return float(times[enough[0] if len(enough) else -1])
