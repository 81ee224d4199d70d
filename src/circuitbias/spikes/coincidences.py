"""Correlations of single-step counts in windows of a recording."""

import numpy as np
from numba import njit

from circuitbias.checks import MOST_WHOLE, whole
from circuitbias.spikes.correlograms import normalised
from circuitbias.spikes.segments import Segment


class WindowCorrelations:
    """Correlations of single-step counts in windows of so many spikes, from segments as they come.

    A window ends with the step in which it reaches its number; an incomplete one is dropped.

    Parameters
    ----------
    n_neurons : int
    n_spikes : int
        In a window, of all neurons.
    most : int, optional
        Windows that are wanted: what follows them is not looked at.

    Attributes
    ----------
    found : list of ndarray, shape (n, n)
        One of each complete window; NaN where a neuron is silent.
    """

    def __init__(self, n_neurons: int, n_spikes: int, most: int = MOST_WHOLE):
        self._n, self._n_spikes, self._most = n_neurons, whole("n_spikes", n_spikes, least=1), most
        self.found: list[np.ndarray] = []
        self._begin()

    def _begin(self):
        self._missing, self._n_steps = self._n_spikes, 0
        self._pairs = np.zeros((self._n, self._n), dtype=np.int64)
        self._spikes = np.zeros(self._n, dtype=np.int64)

    def add(self, segment: Segment) -> None:
        """Go on with the next segment of the same trial."""
        while len(self.found) < self._most and segment.steps.size >= self._missing:
            piece, segment = _split(segment, int(segment.steps[self._missing - 1]) + 1)
            self._count(piece)
            pairs = self._pairs + self._pairs.T
            self.found.append(normalised(pairs[None], self._spikes, np.array([self._n_steps]))[0])
            self._begin()
        if len(self.found) < self._most:
            self._count(segment)

    def _count(self, piece):
        _add_coincidences(self._pairs, self._spikes, piece.steps, piece.neurons)
        self._missing -= piece.steps.size
        self._n_steps += piece.n_steps


@njit(nogil=True, cache=True)
def _add_coincidences(pairs, spikes, steps, neurons):
    """Add each event to the spikes, and each two of one step to the pairs: ``[later, earlier]``."""
    first = 0
    for event in range(len(steps)):
        if steps[event] != steps[first]:
            first = event
        spikes[neurons[event]] += 1
        for earlier in range(first, event):
            pairs[neurons[event], neurons[earlier]] += 1


def _split(segment: Segment, step: int) -> tuple[Segment, Segment]:
    """Cut a segment before a step."""
    cut, length = np.searchsorted(segment.steps, step), step - segment.first_step
    return (
        segment._replace(n_steps=length, steps=segment.steps[:cut], neurons=segment.neurons[:cut]),
        segment._replace(
            first_step=step,
            n_steps=segment.n_steps - length,
            steps=segment.steps[cut:],
            neurons=segment.neurons[cut:],
        ),
    )
