"""Simulate on a CUDA device: many trials, of one or many recordings, at once.

The device runs ahead of what is recorded, launch by launch, all trials side by side. What is recorded is cut
into segments on the host, by the code and the rules of the CPU, so that each trial has the same segments.
"""

import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
from numba import njit

from circuitbias.checks import require, whole
from circuitbias.dynamics.engines.cuda import MOST_STEPS, NEURON_BITS, DeviceTrials
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.dynamics.trials import EVENTS_A_SEGMENT, NEVER, Simulation, Trial
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import Segment

# Of all trials together, 512 MB for each of two buffers. The host looks at every trial of every launch: with
# buffers of a quarter, 11264 trials took it 1.3 times as long.
_EVENTS_A_LAUNCH = 2**27


class LastBitWarning(UserWarning):
    """A spike hung on the last bits of the normal tail, in which GPU and CPU may differ."""


def simulate_batch(
    networks: Sequence[Network],
    parameters: Sequence[ThresholdParameters],
    seeds: Sequence[int],
    *,
    chunk_steps: int = 2**16,
    **recording,
) -> Iterator[tuple[int, Segment]]:
    """Simulate many recordings at once on a CUDA device.

    Parameters
    ----------
    networks : sequence of Network
        All with the same number of neurons, 1024 at most.
    parameters : sequence of ThresholdParameters
    seeds : sequence of int
        One network, one set of parameters and one seed for each recording.
    chunk_steps : int, optional
        Most steps in a segment.
    **recording
        As `circuitbias.dynamics.simulate.simulate` takes them, the same for all: ``n_spikes`` or ``n_steps``,
        ``trials``, ``burn_in``, ``max_silent_steps``.

    Yields
    ------
    index, segment : int, Segment
        Which recording a segment belongs to. Segments of a trial are those of the CPU, bit for bit, and in
        order; the order in which trials and recordings alternate is another.

    Raises
    ------
    SilentNetworkError, ValueError
        As `circuitbias.dynamics.simulate.simulate` does.

    Warns
    -----
    LastBitWarning
        If spikes of a trial may differ from those of the CPU; to be expected once in about 4e13 spikes.
    """
    simulations = [
        CudaSimulation(network, p, seed=seed, chunk_steps=chunk_steps, **recording)
        for network, p, seed in zip(networks, parameters, seeds, strict=True)
    ]
    sizes = sorted({network.n_neurons for network in networks})
    require(len(sizes) == 1, "n_neurons", sizes, "the same for all networks, and there must be one")
    launches = _Launches(simulations, whole("chunk_steps", chunk_steps, least=1))
    for trial in launches.trials:
        trial.attach(launches)
    while running := [pair for pair in enumerate(simulations) if not pair[1].finished]:
        for index, simulation in running:
            for segment in simulation.advance_round():
                yield index, segment


@njit(cache=True, nogil=True)
def _unpack(events, first_step, steps, neurons):
    """Write steps and neurons of packed events, whose steps count from the first of their launch."""
    for k in range(events.size):
        steps[k] = first_step + (events[k] >> NEURON_BITS)
        neurons[k] = events[k] & ((1 << NEURON_BITS) - 1)


def _n_before(events, n_steps):
    """Count the events of a launch in its first steps."""
    if n_steps >= MOST_STEPS:
        return len(events)
    # With a number of another type NumPy would first copy all events into that type.
    return int(np.searchsorted(events, np.uint32(max(0, n_steps) << NEURON_BITS)))


class _CudaTrial(Trial):
    """A trial whose steps the device runs before they are asked for."""

    def attach(self, launches):
        """Take the steps from the launches of a device."""
        self._launches = launches
        self._held = []  # events as the device packs them, launch by launch, and the launch's first step
        self._n_held = self._n_received = 0
        self._end = 0  # steps before this one are held or have been recorded
        self._under_way = 0  # steps of launches that were not yet collected
        self._asked = 0

    def wanted(self, lead: int) -> int:
        """Return how many more steps the device shall run, to have ``lead`` of them in hand, or all."""
        if self.finished:
            return 0
        useful = max(self._asked, min(self._steps_left, self._steps_of_spikes_left(), lead))
        return useful - (self._end + self._under_way - self._step)

    def _steps_of_spikes_left(self):
        """Steps in which the spikes that are left will come, at the rate so far and with some to spare."""
        if not self._n_received:
            return NEVER
        return int(1.05 * self._spikes_left * self._end / self._n_received) + 1

    def launched(self, n_steps: int) -> None:
        """Take note of a launch."""
        self._under_way += n_steps

    def receive(self, n_launched: int, n_done: int, events: np.ndarray) -> None:
        """Take what a launch has come to: a launch also ends when its buffer is full."""
        self._under_way -= n_launched
        if not self.finished:
            self._held.append((events.copy(), self._end))
            self._n_held += len(events)
            self._n_received += len(events)
            self._end += n_done

    def _run(self, n_steps, stop_after):
        most = min(stop_after, EVENTS_A_SEGMENT + 1)
        self._asked = n_steps
        while self._end < self._step + n_steps and self._n_held < most:
            self._launches.advance()
        self._asked = 0
        end = self._end_of_event(most, self._step + n_steps)
        counts = [_n_before(events, end - first) for events, first in self._held]
        n_taken = sum(counts)
        steps, neurons = np.empty(n_taken, dtype=np.int64), np.empty(n_taken, dtype=np.int32)
        place = 0
        for (events, first), count in zip(self._held, counts, strict=True):
            _unpack(events[:count], first, steps[place : place + count], neurons[place : place + count])
            place += count
        rest = zip(self._held, counts, strict=True)
        self._held = [(events[count:], first) for (events, first), count in rest if count < len(events)]
        self._n_held -= n_taken
        return end - self._step, steps, neurons

    def _end_of_event(self, number, end):
        """Step after that of a held event, counted from one; ``end`` if that is earlier or fewer are held."""
        for events, first in self._held:
            if number <= len(events):
                return min(end, first + int(events[number - 1] >> NEURON_BITS) + 1)
            number -= len(events)
        return end

    def _silence(self, first_step, n_steps):
        self.state = self._launches.input_of(self)
        return super()._silence(first_step, n_steps)


class CudaSimulation(Simulation):
    """A simulation whose trials all run at once, on a device. It has no state that could be kept."""

    _trial_type = _CudaTrial

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.trials = [self._trial(number) for number in range(self._n_trials)]
        self._trial, self._side_by_side = self.trials.__getitem__, self._n_trials

    def _workers(self):
        return nullcontext(SimpleNamespace(map=map))  # one thread waits for the device


def on_device(simulations: Sequence[CudaSimulation], most_steps: int) -> DeviceTrials:
    """Put the trials of some simulations on the device, one simulation after the other.

    Parameters
    ----------
    simulations : sequence of CudaSimulation
        Not yet begun.
    most_steps : int
        Most steps of a launch.
    """
    firsts = [simulation.trials[0] for simulation in simulations]
    engines = [trial.engine for trial in firsts]
    trials = [(index, trial) for index, simulation in enumerate(simulations) for trial in simulation.trials]
    return DeviceTrials(
        np.array([trial.state for _, trial in trials]),
        [index for index, _ in trials],
        [trial.number for _, trial in trials],
        np.array([engine.rows.dense() for engine in engines]),
        np.array([engine.margin for engine in engines]),
        np.array([engine.noise_sd for engine in engines]),
        [engine.parameters.decay for engine in engines],
        [engine.parameters.rho for engine in engines],
        [trial.seed for trial in firsts],
        most_steps,
    )


class _Launches:
    """Runs the device ahead of all trials of some simulations, never by much more than a segment."""

    def __init__(self, simulations, chunk_steps):
        self.trials = [trial for simulation in simulations for trial in simulation.trials]
        self._most_steps = max(1, min(chunk_steps, MOST_STEPS, _EVENTS_A_LAUNCH // len(self.trials)))
        self._lead = chunk_steps + self._most_steps
        self._device = on_device(simulations, self._most_steps)
        self._launched = deque()

    def advance(self) -> None:
        """Hand on the events of one launch, with another one under way before and after."""
        self._launch()
        launched = self._launched.popleft()
        outcomes, events = self._device.collect()
        for (index, n_steps), (n_done, _, n_doubtful), its_events in zip(
            launched, outcomes.tolist(), events, strict=True
        ):
            trial = self.trials[index]
            if n_doubtful:
                warnings.warn(
                    f"trial {trial.number} of seed {trial.seed}: {n_doubtful} decisions on spikes hung on "
                    "the last bits of the normal tail: from here on it may differ from that on the CPU",
                    LastBitWarning,
                    stacklevel=2,
                )
            trial.receive(n_steps, n_done, its_events)
        self._launch()

    def _launch(self):
        while self._device.n_under_way < 2:
            wanted = [(index, trial.wanted(self._lead)) for index, trial in enumerate(self.trials)]
            launched = [(index, min(n_steps, self._most_steps)) for index, n_steps in wanted if n_steps > 0]
            if not launched:
                return
            for index, n_steps in launched:
                self.trials[index].launched(n_steps)
            self._device.launch(*zip(*launched, strict=True))
            self._launched.append(launched)

    def input_of(self, trial) -> np.ndarray:
        """Recurrent input of a trial as the device has it, (n,)."""
        return self._device.input_of(self.trials.index(trial))
