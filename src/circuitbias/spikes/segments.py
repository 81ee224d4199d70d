"""The pieces that spikes travel in: segments of sorted events, from the engine to the estimator."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from circuitbias.checks import number, whole, whole_numbers


class Segment(NamedTuple):
    """Consecutive steps of one trial and the spikes in them, sorted by step and then by neuron.

    A neuron that fires k times in a step, as those of Poisson counts may, has k equal events.

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


_REMEDY = (
    ". Round times to steps of {dt_ms} ms: np.rint(seconds * 1000 / {dt_ms}).astype(int), or "
    "np.rint(milliseconds / {dt_ms}).astype(int); steps in an array of floats: .astype(int)"
)


def checked_segments(segments: Iterable[Segment], n_neurons: int, repeats: bool = False) -> Iterator[Segment]:
    """Check segments as they come, before anything is made of them.

    Parameters
    ----------
    segments : iterable of Segment
        Contiguous in time within each trial, from step 0 on; trials may alternate.
    n_neurons : int
    repeats : bool, optional
        Whether a neuron may fire more than once in a step.

    Yields
    ------
    Segment
        The same, its events arrays of whole numbers.

    Raises
    ------
    ValueError
        If a number is not whole or negative, a segment does not begin where the one before it ended, or an
        event lies outside its segment or the network, is there twice or out of order.
    """
    ends: dict[int, int] = {}
    for segment in segments:
        trial = whole("trial", segment.trial)
        first_step, n_steps = whole("first_step", segment.first_step), whole("n_steps", segment.n_steps)
        if first_step != (expected := ends.get(trial, 0)):
            raise ValueError(
                f"first_step = {first_step} of a segment of trial {trial}: must be {expected}, as segments "
                "of a trial follow each other without a gap, from step 0 on"
            )
        ends[trial] = end = first_step + n_steps
        steps = whole_numbers("steps", segment.steps, _REMEDY.format(dt_ms="dt_ms"))
        neurons = np.asarray(segment.neurons)
        if neurons.dtype.kind not in "iu" or neurons.size == 0:
            neurons = whole_numbers("neurons", neurons)
        where = f"of the segment of trial {trial} from step {first_step} on"
        if steps.shape != neurons.shape:
            raise ValueError(f"steps {steps.shape} and neurons {neurons.shape} {where} differ in shape")
        if steps.size:
            later = steps[1:] > steps[:-1]
            beyond = np.greater_equal if repeats else np.greater
            if not (later | ((steps[1:] == steps[:-1]) & beyond(neurons[1:], neurons[:-1]))).all():
                raise ValueError(
                    f"the events {where} must be sorted by step and then by neuron, each there once"
                )
            if not first_step <= steps[0] <= steps[-1] < end:
                raise ValueError(
                    f"steps {steps[0]} ... {steps[-1]} {where}: must lie in {first_step} ... {end - 1}"
                )
            least, most = neurons.min(), neurons.max()
            if not 0 <= least <= most < n_neurons:
                raise ValueError(f"neurons {least} ... {most} {where}: must lie in 0 ... {n_neurons - 1}")
        yield Segment(trial, first_step, n_steps, steps, neurons)


def cut(segments: Iterable[Segment], first_step: int, last_step: int | None) -> Iterator[Segment]:
    """Cut segments to some steps of their trials.

    Parameters
    ----------
    segments : iterable of Segment
    first_step : int
    last_step : int or None
        One past the last of them; None: up to the end.

    Yields
    ------
    Segment
        Those with steps inside; views of the events, if a segment is cut.
    """
    for segment in segments:
        end = segment.first_step + segment.n_steps
        first, last = max(segment.first_step, first_step), end if last_step is None else min(end, last_step)
        if first > segment.first_step or last < end:
            if first >= last:
                continue
            inside = slice(*np.searchsorted(segment.steps, [first, last]))
            events = segment.steps[inside], segment.neurons[inside]
            segment = Segment(segment.trial, first, last - first, *events)
        yield segment


class SpikeSource(Protocol):
    """What binning and estimators need of spikes, in memory (`SpikeRecord`) or on disk (`SpikeFile`).

    A source of somebody else's make may do without bounds of steps: see `CheckedSource`.
    """

    n_neurons: int
    dt_ms: float

    @property
    def trial_steps(self) -> np.ndarray:
        """Recorded steps of each trial, shape (n_trials,)."""

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """Segments in order of time within a trial, of one trial or of all of them, trial by trial.

        Parameters
        ----------
        trial : int, optional
            Default: all trials, one after the other.
        first_step, last_step : int, optional
            Bounds of the steps in each trial, the latter exclusive: segments are cut to them, and nothing
            else is read. Default: the whole trial.
        """


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
    repeats : bool, optional
        Whether a neuron may fire more than once in a step.
    cycle_steps : int, optional
        Length of the cycles of the drive, with one of which every trial begins; 0: there are none.

    Raises
    ------
    ValueError
        If a piece is not what `checked_segments` asks for.
    """

    n_neurons: int
    dt_ms: float
    pieces: list[Segment] = field(default_factory=list)
    repeats: bool = False
    cycle_steps: int = 0

    def __post_init__(self):
        self.n_neurons = whole("n_neurons", self.n_neurons, least=1)
        self.dt_ms = number("dt_ms", self.dt_ms, above=0)
        pieces = sorted(self.pieces, key=lambda piece: (piece.trial, piece.first_step))
        self.pieces = list(checked_segments(pieces, self.n_neurons, self.repeats))

    def __repr__(self):
        n_trials, seconds = len(self.trial_steps), float(self.trial_steps.sum()) * self.dt_ms / 1000
        rate = f", {self.n_spikes / self.n_neurons / seconds:.3g} Hz a neuron" if seconds else ""
        return (
            f"SpikeRecord: {self.n_neurons} neurons, {self.n_spikes} spikes in {seconds:.6g} s{rate}\n"
            f"  steps of {self.dt_ms:g} ms, {n_trials} {'trial' if n_trials == 1 else 'trials'}"
        )

    @classmethod
    def from_events(cls, steps, neurons, n_neurons, n_steps, dt_ms=0.1) -> "SpikeRecord":
        """Make a record of one trial from two arrays of events.

        Parameters
        ----------
        steps, neurons : array_like of int, shape (n_spikes,)
            In any order. Times in seconds or milliseconds are refused: round them to steps first.
        n_neurons, n_steps : int
        dt_ms : float, optional

        Raises
        ------
        ValueError
            If steps or neurons are no whole numbers, an event lies outside the recording, or a neuron fires
            twice in a step.
        """
        n_neurons, n_steps = whole("n_neurons", n_neurons, least=1), whole("n_steps", n_steps)
        dt_ms = number("dt_ms", dt_ms, above=0)
        shapes = np.shape(steps), np.shape(neurons)
        if shapes[0] != shapes[1] or len(shapes[0]) != 1:
            raise ValueError(f"steps {shapes[0]} and neurons {shapes[1]} must be vectors of one length")
        steps = whole_numbers("steps", steps, _REMEDY.format(dt_ms=f"{dt_ms:g}"))
        neurons = whole_numbers("neurons", neurons)
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

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """See `SpikeSource.segments`."""
        pieces = (piece for piece in self.pieces if trial is None or piece.trial == trial)
        return cut(pieces, first_step, last_step)


def total_steps(trial_and_steps: Iterable[tuple[int, int]]) -> np.ndarray:
    """Sum lengths by trial: shape (n_trials,) of int64."""
    pairs = np.array(list(trial_and_steps), dtype=np.int64).reshape(-1, 2)
    totals = np.zeros(pairs[:, 0].max(initial=-1) + 1, dtype=np.int64)
    np.add.at(totals, pairs[:, 0], pairs[:, 1])
    return totals
