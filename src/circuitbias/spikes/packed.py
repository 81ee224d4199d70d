"""Spikes in memory at three or four bytes each, in pieces like those of a spike file."""

from collections.abc import Callable, Iterator

import numpy as np

from circuitbias.spikes.segments import Segment, cut

_SHORT, _LONG = 2**16, 2**32  # steps of a piece: places in it take two bytes, or four
_WORTH_IT = 2**20  # spikes
_FEWEST = 16  # spikes of a short piece on average, or its entry in the index would take more than it spares


class PackedSpikes:
    """Spikes kept in memory: of each its place in a piece of time, and its neuron.

    Fewer than a million spikes come in one piece a trial.

    Parameters
    ----------
    n_neurons : int
    dt_ms : float
        Length of a step in milliseconds.
    trial_steps : array_like of int, shape (n_trials,)
        Length of each trial.
    of_neuron : callable
        Given the number of a neuron, returns the trial and the step in it of each of its spikes, sorted, no
        two alike. Called twice: to count the spikes of each piece, and to put them there.
    n_spikes : int
        At most so many spikes there are.
    """

    def __init__(self, n_neurons: int, dt_ms: float, trial_steps, of_neuron: Callable, n_spikes: int):
        self.n_neurons, self.dt_ms = n_neurons, dt_ms
        self.trial_steps = np.asarray(trial_steps, dtype=np.int64)
        short = n_spikes >= _WORTH_IT and _FEWEST * -(-self.trial_steps // _SHORT).sum() <= n_spikes
        self._length = _SHORT if short else _LONG
        in_trial = -(-self.trial_steps // self._length)
        self._first = np.append(0, np.cumsum(in_trial))  # piece of each trial
        counts = np.zeros(self._first[-1], dtype=np.int64)
        for neuron in range(n_neurons):
            pieces, _ = self._placed(*of_neuron(neuron))
            counts += np.bincount(pieces, minlength=len(counts))
        self._ends = np.append(0, np.cumsum(counts))
        self._places = np.empty(self.n_spikes, dtype=np.uint16 if short else np.uint32)
        self._neurons = np.empty(self.n_spikes, dtype=np.min_scalar_type(n_neurons - 1))
        free = self._ends[:-1].copy()
        for neuron in range(n_neurons):
            pieces, places = self._placed(*of_neuron(neuron))
            begins = np.flatnonzero(np.diff(pieces, prepend=-1))
            many = np.diff(begins, append=len(pieces))
            target = np.arange(len(pieces)) + np.repeat(free[pieces[begins]] - begins, many)
            self._places[target], self._neurons[target] = places, neuron
            free[pieces[begins]] += many
        for first, last in zip(self._ends[:-1], self._ends[1:], strict=True):
            # Stable: neurons of a step stay in order.
            order = np.argsort(self._places[first:last], kind="stable")
            self._places[first:last] = self._places[first:last][order]
            self._neurons[first:last] = self._neurons[first:last][order]

    @property
    def n_spikes(self) -> int:
        """Number of spikes of all trials."""
        return int(self._ends[-1])

    @property
    def nbytes(self) -> int:
        """Bytes that the spikes take."""
        return self._places.nbytes + self._neurons.nbytes + self._ends.nbytes

    @property
    def pieces(self) -> list[Segment]:
        """All trials, unpacked, each as one segment: sixteen bytes a spike."""
        return [self._whole(trial) for trial in range(len(self.trial_steps))]

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """See `SpikeSource.segments`."""
        trials = range(len(self.trial_steps)) if trial is None else [trial]
        return cut(self._unpacked(trials, first_step, last_step), first_step, last_step)

    def _placed(self, trials, steps) -> tuple[np.ndarray, np.ndarray]:
        """Piece of each spike, and place in it."""
        piece, place = np.divmod(steps, self._length)
        return self._first[trials] + piece, place

    def _unpacked(self, trials, first_step: int, last_step: int | None) -> Iterator[Segment]:
        for trial in trials:
            n_steps = int(self.trial_steps[trial])
            last = n_steps if last_step is None else min(last_step, n_steps)
            for start in range(first_step // self._length * self._length, last, self._length):
                piece = self._first[trial] + start // self._length
                inside = slice(self._ends[piece], self._ends[piece + 1])
                steps = self._places[inside] + np.int64(start)
                length = min(self._length, n_steps - start)
                yield Segment(trial, start, length, steps, self._neurons[inside])

    def _whole(self, trial: int) -> Segment:
        parts = list(self.segments(trial))
        steps, neurons = (
            np.concatenate([getattr(one, name) for one in parts]) for name in ("steps", "neurons")
        )
        return Segment(trial, 0, int(self.trial_steps[trial]), steps, neurons)
