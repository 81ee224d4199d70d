"""The phase of steps and bins of a recording whose drive repeats itself, and views that go by it.

A recording under such a drive begins with a cycle, so that step t of a trial has the phase t modulo the
cycle.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from circuitbias.checks import require, whole
from circuitbias.spikes.segments import Segment, SpikeSource, cut
from circuitbias.spikes.views import ObservedNeurons, Remembered, StepWindow


def cycle_of(source: SpikeSource) -> tuple[int, np.ndarray]:
    """Steps of a cycle of the drive, 0 if there is none, and the phase of the first step of each trial.

    Parameters
    ----------
    source : SpikeSource
        A spike file or record that says so, or a view of one.
    """
    if isinstance(source, ObservedNeurons | Remembered):
        return cycle_of(source.source)
    if isinstance(source, StepWindow):
        cycle, phases = cycle_of(source.source)
        return cycle, (source.begins + phases[source.trials]) % max(cycle, 1)
    return getattr(source, "cycle_steps", 0), np.zeros(len(source.trial_steps), dtype=np.int64)


def phase_of_bins(source: SpikeSource, trial: int, bin_steps: int) -> np.ndarray:
    """Phase of the first step of every complete bin of a trial, in steps.

    Raises
    ------
    ValueError
        If the drive does not repeat itself.
    """
    cycle, phases = cycle_of(source)
    require(cycle > 0, "source", source, "a recording under a drive that repeats itself")
    return (phases[trial] + np.arange(source.trial_steps[trial] // bin_steps) * bin_steps) % cycle


@dataclass
class PhaseWindow:
    """The steps of a recording with some phases, one cycle's after the other's.

    Bins that fit into the window are those of the recording that begin at these phases. What follows in the
    view need not have followed in the recording: it is for methods that look at each bin by itself.

    Parameters
    ----------
    source : SpikeSource
        Under a drive that repeats itself.
    first_step, n_steps : int
        Phases, from the start of a cycle.

    Raises
    ------
    ValueError
        If the drive does not repeat itself, or its cycle is shorter.
    """

    source: SpikeSource
    first_step: int
    n_steps: int

    def __post_init__(self):
        self.n_neurons, self.dt_ms = self.source.n_neurons, self.source.dt_ms
        self._cycle, self._phases = cycle_of(self.source)
        if not self._cycle:
            raise ValueError("the recording has no phases: its drive does not repeat itself")
        self.first_step = whole("first_step", self.first_step)
        self.n_steps = whole("n_steps", self.n_steps, least=1)
        if self.first_step + self.n_steps > self._cycle:
            raise ValueError(
                f"phases {self.first_step} ... {self.first_step + self.n_steps - 1}: must lie within the "
                f"{self._cycle} steps of a cycle of the drive"
            )

    def _kept_before(self, steps, trial):
        """Steps of the view before steps of a trial of the recording."""
        phase = self._phases[trial]
        kept = [
            t // self._cycle * self.n_steps + np.clip(t % self._cycle - self.first_step, 0, self.n_steps)
            for t in (np.asarray(steps) + phase, phase)
        ]
        return kept[0] - kept[1]

    @property
    def trial_steps(self) -> np.ndarray:
        """Steps of each trial in the window, shape (n_trials,)."""
        lengths = enumerate(self.source.trial_steps)
        return np.array([self._kept_before(length, trial) for trial, length in lengths], dtype=np.int64)

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """See `SpikeSource.segments`."""
        # No step of the view stands before its own number of the recording: what comes earlier is not read.
        return cut(self._segments(self.source.segments(trial, first_step)), first_step, last_step)

    def _segments(self, segments):
        for segment in segments:
            phases = (segment.steps + self._phases[segment.trial]) % self._cycle
            inside = (phases >= self.first_step) & (phases < self.first_step + self.n_steps)
            ends = np.array([segment.first_step, segment.first_step + segment.n_steps])
            first, last = self._kept_before(ends, segment.trial)
            if last > first:
                steps = self._kept_before(segment.steps[inside], segment.trial)
                yield Segment(segment.trial, int(first), int(last - first), steps, segment.neurons[inside])


@dataclass
class PhasesAsNeurons:
    """A recording with a neuron more for every phase but the last: it fires once in each bin of that phase.

    Among the covariates of a regression on the counts of a bin they are offsets by phase; the inverse of a
    covariance takes the mean of each phase out.

    Parameters
    ----------
    source : SpikeSource
        Under a drive that repeats itself.
    bin_steps : int
        Steps of a bin: a part of the cycle.

    Raises
    ------
    ValueError
        If the drive does not repeat itself, a cycle is no whole number of bins, two at least, or a trial
        does not begin with a bin of the cycle.
    """

    source: SpikeSource
    bin_steps: int

    def __post_init__(self):
        cycle, self._phases = cycle_of(self.source)
        n_phases, rest = divmod(cycle, self.bin_steps)
        if rest or n_phases < 2 or (self._phases % self.bin_steps).any():
            raise ValueError(
                f"bin_steps={self.bin_steps}: offsets by phase need a cycle of the drive, here of {cycle} "
                f"steps, "
                "that is a whole number of bins, two or more, and trials that begin with one"
            )
        self._n_phases, self._n = n_phases, self.source.n_neurons
        self.n_neurons, self.dt_ms = self._n + n_phases - 1, self.source.dt_ms

    @property
    def trial_steps(self) -> np.ndarray:
        """Recorded steps of each trial, shape (n_trials,)."""
        return self.source.trial_steps

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """See `SpikeSource.segments`; the neurons of phases fire in the first step of their bins."""
        for segment in self.source.segments(trial, first_step, last_step):
            end = segment.first_step + segment.n_steps
            starts = np.arange(-(-segment.first_step // self.bin_steps) * self.bin_steps, end, self.bin_steps)
            phases = (starts + self._phases[segment.trial]) // self.bin_steps % self._n_phases
            starts, phases = starts[phases < self._n_phases - 1], phases[phases < self._n_phases - 1]
            # After the spikes of the same step, as events are sorted.
            places = np.searchsorted(segment.steps, starts, side="right")
            yield segment._replace(
                steps=np.insert(segment.steps, places, starts),
                neurons=np.insert(segment.neurons.astype(np.int64), places, self._n + phases),
            )
