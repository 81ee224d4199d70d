"""How slowly the activity of a recording changes: the time after which a part of it is a new sample."""

from collections.abc import Iterator

import numpy as np

from circuitbias.spikes.binning import count_events
from circuitbias.spikes.foreign import checked_source
from circuitbias.spikes.segments import Segment, SpikeSource

_MOST_BINS, _LEAST_BINS = 20_000, 100
_COMPONENTS = 8
_CLEAR = 4.0
"""Standard errors that the correlation of neighbouring bins must be above 0 to count as one."""


class Overheard:
    """A recording that is counted in wide bins while others go over it, for its correlation time.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int
        Least width of a bin (steps); of long recordings bins are wider, at most 20 000 of them.
    """

    def __init__(self, source: SpikeSource, bin_steps: int = 100):
        self.source = checked_source(source)
        self.n_neurons, self.dt_ms = source.n_neurons, source.dt_ms
        self.bin_steps = max(bin_steps, int(np.sum(self.trial_steps)) // _MOST_BINS)
        self._counts: dict[int, np.ndarray] = {}

    @property
    def trial_steps(self) -> np.ndarray:
        """Recorded steps of each trial, shape (n_trials,)."""
        return self.source.trial_steps

    @property
    def cycle_steps(self) -> int:
        """Length of the cycles of the drive; 0: there are none."""
        return getattr(self.source, "cycle_steps", 0)

    @property
    def unusable(self) -> str:
        """Why there are no spikes; else empty."""
        return getattr(self.source, "unusable", "")

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """See `SpikeSource.segments`; trials that are read as a whole are counted."""
        counts = np.empty((0, self.n_neurons))
        for segment in self.source.segments(trial, first_step, last_step):
            number = segment.trial
            if first_step == 0 and last_step is None and number not in self._counts:
                if segment.first_step == 0:
                    n_bins = int(self.trial_steps[number]) // self.bin_steps
                    counts = np.zeros((n_bins, self.n_neurons), dtype=np.min_scalar_type(self.bin_steps))
                count_events(counts, segment.steps, segment.neurons, self.bin_steps, 0, 0)
                if segment.first_step + segment.n_steps == self.trial_steps[number]:
                    self._counts[number] = counts
            yield segment

    def counts(self) -> list[np.ndarray]:
        """Counts in the complete bins of each trial, (n_bins, n_neurons); read now what nobody has read."""
        for trial in range(len(self.trial_steps)):
            if trial not in self._counts:
                for _ in self.segments(trial):
                    pass
        nothing = np.empty((0, self.n_neurons))
        return [self._counts.get(trial, nothing) for trial in range(len(self.trial_steps))]


def correlation_time_s(source: SpikeSource, bin_steps: int = 100) -> float:
    """Measure the slowest correlation time of the population's activity.

    Counts are projected on the directions in which they vary most. The correlation time of each, and of the
    sum of their squares (a pattern may drift fast, and grow and fade slowly), is the integral of its
    autocorrelation from the first bin on, relative to that bin: independent noise of the counts is in none
    of them. The largest is the result.

    Parameters
    ----------
    source : SpikeSource
        Each trial is looked at by itself. Of one that is `Overheard`, what has been read is not read again.
    bin_steps : int, optional
        See `Overheard`.

    Returns
    -------
    float
        Seconds; 0 if no correlation stands out beyond a bin, NaN of fewer than 100 bins. A time that comes
        out longer than a twentieth of the recording is a lower bound: it saw too few of them.
    """
    heard = source if isinstance(source, Overheard) else Overheard(source, bin_steps)
    rows = [counts.astype(np.float64) for counts in heard.counts()]
    rows = [part for part in rows if len(part)]
    if sum(map(len, rows)) < _LEAST_BINS:
        return float("nan")
    every = np.concatenate(rows)
    mean = every.mean(axis=0)
    directions = np.linalg.eigh(np.cov(every.T))[1][:, -_COMPONENTS:]
    projected = [(part - mean) @ directions for part in rows]
    series = [[part[:, k] for part in projected] for k in range(directions.shape[1])]
    series.append([(part**2).sum(axis=1) for part in projected])
    return max(map(time_in_bins, series)) * heard.bin_steps * source.dt_ms / 1000


def time_in_bins(parts: list[np.ndarray]) -> float:
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
