"""The pieces that spikes travel in: segments of sorted events, from the engine to the estimator."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np


class Segment(NamedTuple):
    """Consecutive steps of one trial and the spikes in them, sorted by step and then by neuron.

    Attributes
    ----------
    trial : int
        Which trial the segment belongs to.
    first_step : int
        Its first step, counted from the trial's start of recording.
    n_steps : int
        Its length in steps, spikes or not.
    steps : ndarray of int64, shape (n_spikes,)
        Step of each spike, counted from the trial's start of recording.
    neurons : ndarray of int, shape (n_spikes,)
        Neuron of each spike.
    """

    trial: int
    first_step: int
    n_steps: int
    steps: np.ndarray
    neurons: np.ndarray


class SpikeSource(Protocol):
    """What binning and estimators need of spikes, in memory (`SpikeRecord`) or on disk (`SpikeFile`)."""

    n_neurons: int
    dt_ms: float

    @property
    def trial_steps(self) -> np.ndarray:
        """Recorded steps of each trial, shape (n_trials,)."""

    def segments(self, trial: int | None = None) -> Iterator[Segment]:
        """Segments in order of time within a trial, of one trial or of all of them, trial by trial."""


@dataclass
class SpikeRecord:
    """Spikes kept in memory.

    Parameters
    ----------
    n_neurons : int
    dt_ms : float
        Length of a step in milliseconds.
    pieces : iterable of Segment
        Contiguous in time within each trial; the order of the trials does not matter.
    """

    n_neurons: int
    dt_ms: float
    pieces: list[Segment] = field(default_factory=list)

    def __post_init__(self):
        self.pieces = sorted(self.pieces, key=lambda piece: (piece.trial, piece.first_step))

    @classmethod
    def from_events(cls, steps, neurons, n_neurons, n_steps, dt_ms=0.1) -> "SpikeRecord":
        """Make a record of one trial from two arrays of events.

        Parameters
        ----------
        steps, neurons : array_like of int, shape (n_spikes,)
            In any order.
        n_neurons, n_steps : int
        dt_ms : float, optional

        Raises
        ------
        ValueError
            If an event lies outside the recording, or a neuron fires twice in a step.
        """
        steps = np.asarray(steps, dtype=np.int64)
        neurons = np.asarray(neurons, dtype=np.int64)
        if steps.shape != neurons.shape or steps.ndim != 1:
            raise ValueError(f"steps {steps.shape} and neurons {neurons.shape} must be vectors of one length")
        order = np.lexsort((neurons, steps))
        steps, neurons = steps[order], neurons[order]
        if steps.size and not (steps[0] >= 0 and steps[-1] < n_steps):
            raise ValueError(f"steps must lie in 0 ... {n_steps - 1}, got {steps[0]} ... {steps[-1]}")
        if steps.size and not (neurons.min() >= 0 and neurons.max() < n_neurons):
            raise ValueError(
                f"neurons must lie in 0 ... {n_neurons - 1}, got {neurons.min()} ... {neurons.max()}"
            )
        if np.any((np.diff(steps) == 0) & (np.diff(neurons) == 0)):
            raise ValueError("a neuron fires at most once in a step, but an event is there twice")
        return cls(n_neurons, dt_ms, [Segment(0, 0, n_steps, steps, neurons)])

    @property
    def trial_steps(self) -> np.ndarray:
        """Recorded steps of each trial, shape (n_trials,)."""
        return total_steps((piece.trial, piece.n_steps) for piece in self.pieces)

    @property
    def n_spikes(self) -> int:
        """Number of spikes of all trials."""
        return sum(piece.steps.size for piece in self.pieces)

    def segments(self, trial: int | None = None) -> Iterator[Segment]:
        """Segments in order of time within a trial, of one trial or of all of them."""
        return (piece for piece in self.pieces if trial is None or piece.trial == trial)


def total_steps(trial_and_steps: Iterable[tuple[int, int]]) -> np.ndarray:
    """Sum lengths by trial: shape (n_trials,) of int64."""
    pairs = np.array(list(trial_and_steps), dtype=np.int64).reshape(-1, 2)
    totals = np.zeros(pairs[:, 0].max(initial=-1) + 1, dtype=np.int64)
    np.add.at(totals, pairs[:, 0], pairs[:, 1])
    return totals
