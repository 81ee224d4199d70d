"""What a recording's activity is like: the traits by which twins are held against it."""

from dataclasses import asdict, dataclass

import numpy as np

from circuitbias.memory import DEFAULT_MB
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeSource

BIN_MS = 10.0
_SLOW_BINS = 20  # of 10 ms
_BLOCKS = 8
_SLOWEST_S = 10.0  # longest lag of autocorrelations
_DRIFT_PIECES = 20


@dataclass(frozen=True, eq=False)
class Traits:
    """Traits of the counts in bins of 10 ms.

    Attributes
    ----------
    rates_hz : ndarray, shape (n,)
    correlation, correlation_se : float
        Root mean square correlation of pairs, without what chance gives, and its standard error. Products of
        blocks of time, so that noise does not add to it; 0 if these come out negative.
    slow, slow_se : float
        The same of counts in 200 ms.
    rank : float
        Effective number of independent units: the participation ratio n / (1 + (n - 1) correlation^2).
    slowest_ms : float
        Time after which the largest common mode (of three) has lost 1 - 1/e of its correlation.
    spectrum : ndarray
        Largest eigenvalues of the correlation matrix, up to ten.
    drift : ndarray, shape (n,)
        Change of each unit's rate from start to end by a straight line, in its mean.
    drift_z : ndarray, shape (n,)
        The same in standard errors, from the scatter of twenty pieces of the recording.
    synchrony : ndarray, shape (n, n)
        Correlations at lag 0.
    delayed : ndarray, shape (n, n)
        ``[i, j]``: i's counts with those of j one bin later.
    n_bins : int
    """

    rates_hz: np.ndarray
    correlation: float
    correlation_se: float
    slow: float
    slow_se: float
    rank: float
    slowest_ms: float
    spectrum: np.ndarray
    drift: np.ndarray
    drift_z: np.ndarray
    synchrony: np.ndarray
    delayed: np.ndarray
    n_bins: int

    def to_dict(self) -> dict:
        """Return those of the whole recording as JSON can hold them."""
        own = {k: v for k, v in asdict(self).items() if k not in ("synchrony", "delayed", "rates_hz")}
        return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in own.items()}


def traits(source: SpikeSource, *, memory_mb: float = DEFAULT_MB) -> Traits:
    """Measure the traits of a recording.

    Parameters
    ----------
    source : SpikeSource
    memory_mb : float, optional
    """
    bin_steps = max(round(BIN_MS / source.dt_ms), 1)
    counts = BinnedCounts(source, bin_steps, memory_mb=memory_mb)
    n, total = counts.n_neurons, counts.n_bins
    moments, slow = np.zeros((2, _BLOCKS, n + 1, n + 1))
    pieces = np.zeros((_DRIFT_PIECES, n))
    lagged = np.zeros((n, n))
    done, last = 0, None
    for block in counts.blocks():
        x = np.hstack([block.counts, np.ones((len(block.counts), 1))]).astype(np.float64)
        for rows, part in _parts(x, done, total, _BLOCKS):
            moments[part] += rows.T @ rows
            rows = rows[: len(rows) // _SLOW_BINS * _SLOW_BINS].reshape(-1, _SLOW_BINS, n + 1).sum(axis=1)
            rows[:, -1] = 1.0
            slow[part] += rows.T @ rows
        for rows, part in _parts(x, done, total, _DRIFT_PIECES):
            pieces[part] += rows[:, :-1].sum(axis=0)
        x = x[:, :-1]
        if block.first_bin == 0:
            last = None
        before = x[:-1] if last is None else np.vstack([last, x[:-1]])
        lagged += before.T @ (x[1:] if last is None else x)
        last, done = x[-1:], done + len(x)
    all_ = moments.sum(axis=0)
    mean, sd = _mean_and_sd(all_)
    synchrony = (all_[:-1, :-1] / total - np.outer(mean, mean)) / np.outer(sd, sd)
    values, vectors = np.linalg.eigh(synchrony)
    drift, drift_z = _drift(pieces)
    return Traits(
        mean / (bin_steps * source.dt_ms / 1000),
        *(found := _shared(moments)),
        *_shared(slow),
        n / (1 + (n - 1) * found[0] ** 2),
        _slowest(counts, vectors[:, -3:] / sd[:, None], mean),
        values[::-1][:10],
        drift,
        drift_z,
        synchrony,
        (lagged / total - np.outer(mean, mean)) / np.outer(sd, sd),
        total,
    )


def _parts(rows, first, total, n_parts):
    """Cut rows, which begin at the first of a total, where parts of equal length end."""
    edges = np.arange(n_parts + 1) * total // n_parts
    for part in range(n_parts):
        begin, end = np.clip([edges[part] - first, edges[part + 1] - first], 0, len(rows))
        if end > begin:
            yield rows[begin:end], part


def _mean_and_sd(moment):
    mean = moment[-1, :-1] / max(moment[-1, -1], 1.0)
    sd = np.sqrt(np.maximum(np.diag(moment)[:-1] / max(moment[-1, -1], 1.0) - mean**2, 0.0))
    return mean, np.where(sd > 0, sd, np.inf)


def _correlation(moment, sd):
    mean = moment[-1, :-1] / moment[-1, -1]
    return (moment[:-1, :-1] / moment[-1, -1] - np.outer(mean, mean)) / np.outer(sd, sd)


def _shared(moments):
    """Root of the mean product of different blocks' correlations, and its standard error (jackknife)."""
    _, sd = _mean_and_sd(moments.sum(axis=0))
    correlations = np.array([_correlation(m, sd) for m in moments if m[-1, -1] > 1])
    if len(correlations) < 3:
        return 0.0, np.inf
    upper = np.triu_indices(correlations.shape[1], 1)
    c = correlations[:, upper[0], upper[1]]
    k = len(c)
    products = c @ c.T / c.shape[1]

    def square(kept):
        some = products[np.ix_(kept, kept)]
        return (some.sum() - np.trace(some)) / (len(kept) * (len(kept) - 1))

    whole = square(np.arange(k))
    without = np.array([square(np.delete(np.arange(k), b)) for b in range(k)])
    error = np.sqrt((k - 1) / k * np.square(without - without.mean()).sum())
    root = np.sqrt(max(whole, 0.0))
    return float(root), float(np.sqrt(root**2 + error) - root)


def _slowest(counts, modes, mean):
    """Longest time over the modes, ms."""
    bin_ms = counts.bin_steps * counts.source.dt_ms
    longest, modes_in_time = 0.0, []
    for block in counts.blocks():
        modes_in_time.append((block.counts - mean) @ modes)
    x = np.concatenate(modes_in_time)
    n_lags = int(min(_SLOWEST_S * 1000 / bin_ms, len(x) // 4))
    for mode in x.T:
        power = np.abs(np.fft.rfft(mode, 2 * len(mode))) ** 2
        auto = np.fft.irfft(power)[: n_lags + 1]
        if n_lags < 3 or auto[1] <= 3 * auto[0] / np.sqrt(len(mode)):
            continue  # no memory beyond a bin
        below = np.flatnonzero(auto[1:] < auto[1] / np.e)
        longest = max(longest, bin_ms * (below[0] if len(below) else n_lags))
    return float(longest)


def _drift(pieces):
    """Slope of each unit's rate over the recording, relative to its mean, and in its standard errors."""
    k = len(pieces)
    time = np.arange(k) - (k - 1) / 2
    slope = time @ pieces / (time @ time)
    mean = pieces.mean(axis=0)
    rest = pieces - mean - time[:, None] * slope
    error = np.sqrt(np.square(rest).sum(axis=0) / (k - 2) / (time @ time))
    error = np.maximum(error, np.sqrt(np.maximum(mean, 1e-12) / (time @ time)))  # of independent spikes
    return np.where(mean > 0, slope * k / np.maximum(mean, 1e-12), 0.0), slope / error
