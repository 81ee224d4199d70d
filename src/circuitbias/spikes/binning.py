"""Spike counts in bins, block by block, so that memory stays bounded however long the recording."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit

from circuitbias.checks import flag, whole
from circuitbias.exceptions import UnusableDataError
from circuitbias.memory import DEFAULT_MB, Budget
from circuitbias.spikes.foreign import checked_source
from circuitbias.spikes.segments import SpikeSource

_CACHED_BINS = 2048  # more rows of a hundred float64 columns do not stay in a core's cache


class CountBlock(NamedTuple):
    """Consecutive bins of one trial.

    Attributes
    ----------
    trial, first_bin : int
    counts : ndarray of unsigned int, shape (n_bins, n_neurons)
    """

    trial: int
    first_bin: int
    counts: np.ndarray


@njit(nogil=True, cache=True)
def count_events(counts, steps, neurons, bin_steps, first_bin, start):
    """Count events from index ``start`` on, until one lies beyond the block; return its index.

    Row k of ``counts`` is bin ``first_bin + k``, of ``bin_steps`` steps.
    """
    end = (first_bin + counts.shape[0]) * bin_steps
    for event in range(start, steps.shape[0]):
        if steps[event] >= end:
            return event
        place = steps[event] // bin_steps - first_bin, neurons[event]
        counts[place] += 1
        if counts[place] == 0:
            raise OverflowError(
                "a neuron fires more often in a bin than its counts can tell: take wider bins"
            )
    return steps.shape[0]


@dataclass
class BinnedCounts:
    """Spike counts of a recording in non-overlapping bins, as blocks that can be gone over repeatedly.

    Bins are counted from the start of recording of each trial; an incomplete last bin is dropped. Counts
    are kept in memory if they fit in a quarter of the bound, and are otherwise read again in each pass.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int
        Steps in a bin.
    binarise : bool, optional
        Store ``count > 0`` in place of the count.
    memory_mb : float, optional
        Bound of the memory that counts and the work on a block may take, in 1e6 bytes.

    Attributes
    ----------
    n_neurons, n_bins : int
        Of all trials together.
    budget : Budget
    block_bins : int
        Most bins in a block.

    Raises
    ------
    ValueError
        If an argument is not what it must be, no trial is as long as a bin, or the bound is too small for
        useful blocks.
    """

    source: SpikeSource
    bin_steps: int
    binarise: bool = False
    memory_mb: float = DEFAULT_MB

    def __post_init__(self):
        self.source = checked_source(self.source)
        self.bin_steps = whole("bin_steps", self.bin_steps, least=1)
        self.binarise = flag("binarise", self.binarise)
        self.budget = Budget(self.memory_mb)
        self.n_neurons = self.source.n_neurons
        self.trial_bins = self.source.trial_steps // self.bin_steps
        self.n_bins = int(self.trial_bins.sum())
        if self.n_bins == 0:
            raise UnusableDataError(
                f"bin_steps={self.bin_steps} is longer than every trial "
                f"(longest: {self.source.trial_steps.max(initial=0)} steps): no bin is complete"
            )
        self.dtype = np.min_scalar_type(self.bin_steps)  # a neuron hardly fires more often than once a step
        self.block_bins = min(self.budget.block_rows(self.n_neurons), _CACHED_BINS)
        in_memory = self.n_bins * self.n_neurons * self.dtype.itemsize
        self._kept = [] if in_memory <= self.budget.kept else None
        self._complete = False

    def blocks(self) -> Iterator[CountBlock]:
        """Go over all bins once, trial by trial in order of time.

        Yields
        ------
        CountBlock
        """
        if self._complete:
            yield from self._kept
            return
        kept = []
        for trial, n_bins in enumerate(self.trial_bins):
            for block in self._read_trial(trial, int(n_bins)):
                if self._kept is not None:
                    kept.append(block)
                yield block
        if self._kept is not None:
            self._kept, self._complete = kept, True

    def _read_trial(self, trial: int, n_bins: int) -> Iterator[CountBlock]:
        first_bin = 0
        counts = self._empty(n_bins)
        for segment in self.source.segments(trial):
            event = 0
            while first_bin < n_bins:
                event = count_events(counts, segment.steps, segment.neurons, self.bin_steps, first_bin, event)
                segment_end = segment.first_step + segment.n_steps
                if segment_end < (first_bin + len(counts)) * self.bin_steps:
                    break  # the block goes on in the next segment
                yield self._finished(trial, first_bin, counts)
                first_bin += len(counts)
                counts = self._empty(n_bins - first_bin)

    def _empty(self, bins_left: int) -> np.ndarray:
        return np.zeros((min(self.block_bins, bins_left), self.n_neurons), dtype=self.dtype)

    def _finished(self, trial: int, first_bin: int, counts: np.ndarray) -> CountBlock:
        return CountBlock(trial, first_bin, (counts > 0).astype(np.uint8) if self.binarise else counts)

    def all(self) -> np.ndarray:
        """Return all bins at once, shape (n_bins, n_neurons): for small data and for tests."""
        return np.concatenate([block.counts for block in self.blocks()])
