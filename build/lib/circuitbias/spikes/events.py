"""Spikes of some neurons with the past that matters to them, block by block."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit

from circuitbias.spikes.segments import SpikeSource


class EventBlock(NamedTuple):
    """The spikes that matter to consecutive bins of one trial, sorted.

    Attributes
    ----------
    trial, first_bin, n_bins : int
    steps : ndarray of int64, shape (n_events,)
        Counted from the first step of the first bin; the past has negative steps.
    columns : ndarray of int64, shape (n_events,)
        Place of each spike's neuron among the kept ones.
    """

    trial: int
    first_bin: int
    n_bins: int
    steps: np.ndarray
    columns: np.ndarray


class Events:
    """Spikes of the kept neurons, read again in each pass, in blocks of bins.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int
        Steps in a bin; an incomplete last bin of a trial is dropped.
    kept : ndarray of int, shape (n_kept,)
        Neurons whose spikes are wanted.
    block_bins : int
        Most bins in a block.
    look_back : int, optional
        Steps before a block from which its events start.
    """

    def __init__(
        self, source: SpikeSource, bin_steps: int, kept: np.ndarray, block_bins: int, look_back: int
    ):
        self._source, self.bin_steps, self._look_back, self.block_bins = (
            source,
            bin_steps,
            look_back,
            block_bins,
        )
        self.n_kept = len(kept)
        self._column = np.full(source.n_neurons, -1)
        self._column[kept] = np.arange(len(kept))
        self.trial_bins = source.trial_steps // bin_steps

    def blocks(self, block_bins: int | None = None) -> Iterator[EventBlock]:
        """Go over all bins once, trial by trial in order of time, perhaps in other blocks."""
        for trial, n_bins in enumerate(self.trial_bins):
            yield from self._blocks_of(trial, int(n_bins), block_bins or self.block_bins)

    def _blocks_of(self, trial, n_bins, most_bins):
        first_bin = 0
        steps, columns = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        for segment in self._source.segments(trial):
            new = self._column[segment.neurons]
            steps = np.concatenate([steps, segment.steps[new >= 0]])
            columns = np.concatenate([columns, new[new >= 0]])
            known = segment.first_step + segment.n_steps
            while first_bin < n_bins:
                block_bins = min(most_bins, n_bins - first_bin)
                start, end = first_bin * self.bin_steps, (first_bin + block_bins) * self.bin_steps
                if end > known:
                    break  # the block goes on in the next segment
                first, last, next_first = np.searchsorted(
                    steps, [start - self._look_back, end, end - self._look_back]
                )
                yield EventBlock(trial, first_bin, block_bins, steps[first:last] - start, columns[first:last])
                steps, columns = steps[next_first:], columns[next_first:]
                first_bin += block_bins

    def counts(self, block: EventBlock) -> np.ndarray:
        """Spikes in the bins of a block: float64, shape (n_bins, n_kept)."""
        counts = np.zeros((block.n_bins, self.n_kept))
        _count(counts, block.steps, block.columns, self.bin_steps)
        return counts


@njit(nogil=True, cache=True)
def _count(counts, steps, columns, bin_steps):
    for event in range(steps.shape[0]):
        if steps[event] >= 0:
            counts[steps[event] // bin_steps, columns[event]] += 1
