"""Parts of a recording, as recordings of their own: some of its steps, or some of its neurons."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from circuitbias.checks import whole, whole_numbers
from circuitbias.spikes.foreign import checked_source
from circuitbias.spikes.segments import Segment, SpikeSource, cut


@dataclass
class StepWindow:
    """Consecutive steps of a recording, its trials taken one after the other.

    Parameters
    ----------
    source : SpikeSource
    first_step, n_steps : int
        Counted through all trials. A trial that the window only touches in part becomes a shorter one; those
        outside it are left out, and the others are numbered anew from 0.

    Raises
    ------
    ValueError
        If the window does not lie within the recording.
    """

    source: SpikeSource
    first_step: int
    n_steps: int

    def __post_init__(self):
        self.source = checked_source(self.source)
        self.first_step, self.n_steps = whole("first_step", self.first_step), whole("n_steps", self.n_steps)
        lengths = self.source.trial_steps
        if not (self.first_step >= 0 and 1 <= self.n_steps <= lengths.sum() - self.first_step):
            raise ValueError(
                f"first_step={self.first_step}, n_steps={self.n_steps}: the window must lie within the "
                f"{lengths.sum()} steps of the recording"
            )
        self.n_neurons, self.dt_ms = self.source.n_neurons, self.source.dt_ms
        starts = np.cumsum(lengths) - lengths
        self._begin = np.clip(self.first_step - starts, 0, lengths)
        self._end = np.clip(self.first_step + self.n_steps - starts, 0, lengths)
        self._trials = np.flatnonzero(self._end > self._begin)

    @property
    def trials(self) -> np.ndarray:
        """Numbers that its trials have in the recording, shape (n_trials,)."""
        return self._trials

    @property
    def begins(self) -> np.ndarray:
        """First step of each of them in the recording, shape (n_trials,)."""
        return self._begin[self._trials]

    @property
    def trial_steps(self) -> np.ndarray:
        """Steps of each trial inside the window, shape (n_trials,)."""
        return (self._end - self._begin)[self._trials]

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """See `SpikeSource.segments`."""
        for number, original in enumerate(self._trials):
            if trial is not None and number != trial:
                continue
            begin, end = int(self._begin[original]), int(self._end[original])
            last = end if last_step is None else min(end, begin + last_step)
            for segment in self.source.segments(int(original), begin + first_step, last):
                yield Segment(
                    number,
                    segment.first_step - begin,
                    segment.n_steps,
                    segment.steps - begin,
                    segment.neurons,
                )


@dataclass
class ObservedNeurons:
    """Some neurons of a recording; the others go unseen.

    Parameters
    ----------
    source : SpikeSource
    neurons : ndarray of int, shape (n_observed,)
        Different ones, at least one. Neuron k of the view is ``neurons[k]``.

    Raises
    ------
    ValueError
        If a neuron is not one of the recording or is there twice.
    """

    source: SpikeSource
    neurons: np.ndarray

    def __post_init__(self):
        self.source = checked_source(self.source)
        self.neurons = whole_numbers("neurons", self.neurons, "; of a mask: np.flatnonzero(mask)")
        n = self.source.n_neurons
        if not len(self.neurons) or len(np.unique(self.neurons)) < len(self.neurons):
            raise ValueError(f"neurons={self.neurons.tolist()} must be one or more different neurons")
        if not (self.neurons.min() >= 0 and self.neurons.max() < n):
            raise ValueError(f"neurons={self.neurons.tolist()} must lie in 0 ... {n - 1}")
        self.n_neurons, self.dt_ms = len(self.neurons), self.source.dt_ms
        self._label = np.full(n, -1, dtype=np.int64)
        self._label[self.neurons] = np.arange(len(self.neurons))

    @property
    def trial_steps(self) -> np.ndarray:
        """Recorded steps of each trial, shape (n_trials,)."""
        return self.source.trial_steps

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """See `SpikeSource.segments`."""
        rising = bool((np.diff(self.neurons) > 0).all())
        for segment in self.source.segments(trial, first_step, last_step):
            labels = self._label[segment.neurons]
            steps, labels = segment.steps[labels >= 0], labels[labels >= 0]
            if not rising:  # within a step, events are sorted by neuron
                from circuitbias.spikes.sorting import sort_within_steps  # compiled: slow to load

                sort_within_steps(steps, labels)
            yield segment._replace(steps=steps, neurons=labels)


class Remembered:
    """A recording that is read once and kept in memory, if it is small enough: for what goes over it often.

    Parameters
    ----------
    source : SpikeSource
    most_bytes : float
        That its spikes may take; a larger recording is read anew each time.
    """

    def __init__(self, source: SpikeSource, most_bytes: float):
        self.source, self._most_bytes = checked_source(source), most_bytes
        self.n_neurons, self.dt_ms, self.trial_steps = source.n_neurons, source.dt_ms, source.trial_steps
        self._kept: list[list[Segment]] | None = None

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """See `SpikeSource.segments`."""
        if self._kept is None:
            self._kept = self._read()
        if not self._kept:
            yield from self.source.segments(trial, first_step, last_step)
            return
        for one in self._kept if trial is None else self._kept[trial : trial + 1]:
            yield from cut(one, first_step, last_step)

    def _read(self) -> list[list[Segment]]:
        """The segments of each trial; nothing if they take too much."""
        kept, n_bytes = [[] for _ in self.trial_steps], 0
        for segment in self.source.segments():
            n_bytes += segment.steps.nbytes + segment.neurons.nbytes
            if n_bytes > self._most_bytes:
                return []
            # Arrays of their own: a view would keep alive all that was read with it.
            kept[segment.trial].append(
                segment._replace(steps=segment.steps.copy(), neurons=segment.neurons.copy())
            )
        return kept


def count_spikes(source: SpikeSource) -> int:
    """Spikes of all neurons and trials of a recording."""
    return sum(segment.steps.size for segment in source.segments())


def first_spikes(source: SpikeSource, n_spikes: int | None) -> SpikeSource:
    """Return the beginning of a recording, up to the step in which it reaches a number of spikes.

    Parameters
    ----------
    source : SpikeSource
    n_spikes : int or None
        None, or a number that it does not reach, gives the whole recording.
    """
    if n_spikes is None:
        return source
    n_spikes = whole("n_spikes", n_spikes, least=1)
    before = 0
    for trial, length in enumerate(source.trial_steps):
        for segment in source.segments(trial):
            if n_spikes <= segment.steps.size:
                return StepWindow(source, 0, before + int(segment.steps[n_spikes - 1]) + 1)
            n_spikes -= segment.steps.size
        before += int(length)
    return source


@dataclass
class Joined:
    """Recordings of the same neurons, one after the other: the trials of each are trials of the whole.

    Parameters
    ----------
    sources : list of SpikeSource
        One or more, of equal number of neurons and time step.

    Raises
    ------
    ValueError
        If there is none, or they differ.
    """

    sources: list

    def __post_init__(self):
        self.sources = [checked_source(source) for source in self.sources]
        kinds = {(source.n_neurons, source.dt_ms) for source in self.sources}
        if len(kinds) != 1:
            raise ValueError(
                f"sources: (neurons, dt_ms) are {sorted(kinds)}; must be those of all, of 1 or more"
            )
        ((self.n_neurons, self.dt_ms),) = kinds

    @property
    def source(self) -> SpikeSource:
        """The first of them, which says of what model they are."""
        return self.sources[0]

    @property
    def trial_steps(self) -> np.ndarray:
        """Recorded steps of each trial, shape (n_trials,)."""
        return np.concatenate([source.trial_steps for source in self.sources])

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """See `SpikeSource.segments`."""
        before = 0
        for source in self.sources:
            own, n_trials = None if trial is None else trial - before, len(source.trial_steps)
            if own is None or 0 <= own < n_trials:
                for segment in source.segments(own, first_step, last_step):
                    yield segment._replace(trial=segment.trial + before)
            before += n_trials
