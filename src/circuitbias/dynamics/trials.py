"""Trials of a simulation: how much each still has to record, whether it is silent, and its state.

The engine runs chunk by chunk, trials side by side; what it gives is cut into segments here. How the steps
are cut makes no difference to the spikes.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit

from circuitbias.checks import require, whole
from circuitbias.dynamics.engines.threshold import ThresholdEngine
from circuitbias.dynamics.generator import Engine, SilentNetworkError
from circuitbias.dynamics.parameters import ThresholdParameters
from circuitbias.networks.network import Network
from circuitbias.spikes.segments import Segment

FIRST_SPIKE = "first_spike"
EVENTS_A_SEGMENT = 2**18
"""A segment also ends with the step in which it gets more events than this."""

NEVER = 2**62
"""Steps or spikes that no recording reaches."""

_SIDE_BY_SIDE = 32  # trials under way at a time: their segments alternate, whatever the number of threads


class Trial:
    """One trial: the engine's state, and how much is still to be recorded."""

    _COUNTERS = ("_step", "_start", "_last_spike", "_spikes_left", "_steps_left")

    def __init__(self, number, engine, seed, n_spikes, n_steps, max_silent_steps):
        self.number, self.engine, self.seed = number, engine, seed
        self.state = engine.start(seed, number)
        self._step = 0
        self._start = 0  # step at which recording starts
        self._last_spike = -1
        self._max_silent_steps = max_silent_steps
        self._spikes_left = n_spikes if n_spikes is not None else NEVER
        self._steps_left = n_steps if n_steps is not None else NEVER

    @property
    def finished(self) -> bool:
        """Whether all of it has been recorded."""
        return self._spikes_left <= 0 or self._steps_left <= 0

    def counters(self) -> list[int]:
        """Return the counters that change during the trial; the engine's state is kept apart."""
        return [int(getattr(self, name)) for name in self._COUNTERS]

    def restore(self, counters, state) -> None:
        """Continue from earlier `counters` and an earlier ``state``."""
        for name, value in zip(self._COUNTERS, counters, strict=True):
            setattr(self, name, int(value))
        self.state[:] = state

    def _run(self, n_steps, stop_after):
        """Run the engine; return how many steps it did, and the events, sorted by step and neuron."""
        engine = self.engine
        capacity = engine.most_events + min(n_steps * engine.n_neurons, EVENTS_A_SEGMENT)
        steps, neurons = np.empty(capacity, dtype=np.int64), np.empty(capacity, dtype=np.int32)
        where = self.seed, self.number, self._step
        done, n_events = engine.advance(self.state, *where, n_steps, stop_after, steps, neurons)
        return done, steps[:n_events].copy(), neurons[:n_events].copy()

    def _advance(self, n_steps, stop_after=NEVER):
        """Run and look for silences; return the events."""
        done, steps, neurons = self._run(n_steps, stop_after)
        self._step += done
        # Silences within the chunk count too: how the steps are cut must make no difference.
        start, length = _longest_silence(steps, self._last_spike, self._step)
        if length >= self._max_silent_steps:
            raise SilentNetworkError(self._silence(start, length))
        if len(steps):
            self._last_spike = int(steps[-1])
        return steps, neurons

    def burn_in(self, burn_in, chunk_steps) -> list[Segment]:
        """Run up to the start of recording, with a cycle of the drive if that has any.

        Returns the segments recorded by then: the first spike's step, if recording starts there, and the
        empty past, if the model has it recorded.
        """
        cycle = max(1, self.engine.cycle_steps)
        if burn_in != FIRST_SPIKE:
            return self._run_up_to(-(-burn_in // cycle) * cycle, chunk_steps)
        steps = ()
        while not len(steps):
            steps, neurons = self._advance(chunk_steps, stop_after=1)
        if (self._step - 1) % cycle:
            return self._run_up_to(-(-self._step // cycle) * cycle, chunk_steps)
        past = getattr(self.engine, "recorded_past", 0)
        self._start = self._step - 1 - past
        empty = [Segment(self.number, 0, past, steps[:0], neurons[:0])] if past else []
        return [*empty, self._record(self._step - 1, steps, neurons)]

    def _run_up_to(self, start, chunk_steps) -> list[Segment]:
        while self._step < start:
            self._advance(min(chunk_steps, start - self._step))
        self._start = self._step
        return []

    def next_segment(self, chunk_steps) -> Segment:
        """Run and record one more chunk."""
        first_step = self._step
        return self._record(first_step, *self._advance(min(chunk_steps, self._steps_left), self._spikes_left))

    def _record(self, first_step, steps, neurons) -> Segment:
        n_steps = self._step - first_step
        self._spikes_left -= len(steps)
        self._steps_left -= n_steps
        return Segment(self.number, first_step - self._start, n_steps, steps - self._start, neurons)

    def _silence(self, first_step, n_steps) -> str:
        seconds = n_steps * self.engine.dt_ms / 1000
        return (
            f"no neuron has fired for {n_steps} steps ({seconds:g} s) from step {first_step} of trial "
            f"{self.number} "
            f"on: {self.engine.silence(self.state)}, or raise max_silent_steps={self._max_silent_steps}."
        )


@njit(cache=True, nogil=True)
def _longest_silence(steps, last_spike, end):
    """First step and length of the longest run without a spike after ``last_spike`` and before ``end``."""
    start, length, previous = last_spike + 1, -1, last_spike
    for k in range(steps.size + 1):
        step = steps[k] if k < steps.size else end
        if step - previous - 1 > length:
            start, length = previous + 1, step - previous - 1
        previous = step
    return start, length


class Simulation:
    """A simulation that can be stopped between any two rounds, and be taken up again from its state.

    Takes the arguments of `circuitbias.dynamics.simulate.simulate`, and raises what that raises. Where to cut
    (``chunk_steps``) is part of what an interrupted simulation must be given again; ``threads`` is not.
    """

    _trial_type = Trial
    _side_by_side = _SIDE_BY_SIDE

    def __init__(
        self,
        network: Network,
        model: ThresholdParameters | Engine,
        *,
        seed: int,
        n_spikes: int | None = None,
        n_steps: int | None = None,
        trials: int = 1,
        burn_in: str | int = FIRST_SPIKE,
        max_silent_steps: int = 1_000_000,
        threads: int = 1,
        chunk_steps: int = 2**16,
    ):
        if (n_spikes is None) == (n_steps is None):
            raise ValueError(f"give one of n_spikes and n_steps, got {n_spikes} and {n_steps}")
        require(isinstance(network, Network), "network", network, "a Network")
        if not hasattr(model, "advance"):
            require(isinstance(model, ThresholdParameters), "parameters", model, "ThresholdParameters")
        seed = whole("seed", seed, most=2**64 - 1)
        if isinstance(burn_in, str):
            require(burn_in == FIRST_SPIKE, "burn_in", burn_in, f"{FIRST_SPIKE!r} or a whole number >= 0")
        else:
            burn_in = whole("burn_in", burn_in)
        trials, threads = whole("trials", trials, least=1), whole("threads", threads, least=1)
        max_silent_steps = whole("max_silent_steps", max_silent_steps, least=1)
        chunk_steps = whole("chunk_steps", chunk_steps, least=1)
        n_steps = n_steps if n_steps is None else whole("n_steps", n_steps, least=1)
        quotas = [None] * trials
        if n_spikes is not None:
            n_spikes = whole("n_spikes", n_spikes, least=1)
            if n_spikes < trials:
                raise ValueError(f"n_spikes={n_spikes} must be at least the number of trials, {trials}")
            quotas = [n_spikes // trials + (trial < n_spikes % trials) for trial in range(trials)]

        # One engine for all trials: its weights may be large.
        engine = ThresholdEngine(network, model) if isinstance(model, ThresholdParameters) else model

        def trial(number):
            return self._trial_type(number, engine, seed, quotas[number], n_steps, max_silent_steps)

        self._trial, self._n_trials, self._threads = trial, trials, threads
        self._burn_in, self._chunk_steps = burn_in, chunk_steps
        self._n_started = 0
        self._running: list[Trial] = []

    @property
    def finished(self) -> bool:
        """Whether all has been recorded."""
        return not self._running and self._n_started == self._n_trials

    def advance_round(self) -> list[Segment]:
        """Start the next trials, then record one more segment of each running trial."""
        end = min(self._n_started + self._side_by_side - len(self._running), self._n_trials)
        newcomers = range(self._n_started, end)
        with self._workers() as pool:
            started = list(pool.map(self._start, newcomers))
            self._n_started = end
            self._running += [trial for trial, _ in started]
            segments = [segment for _, first in started for segment in first]
            self._drop_finished()
            segments += pool.map(lambda trial: trial.next_segment(self._chunk_steps), self._running)
        self._drop_finished()
        return segments

    def _workers(self):
        return ThreadPoolExecutor(self._threads)

    def _start(self, number):
        trial = self._trial(number)
        return trial, trial.burn_in(self._burn_in, self._chunk_steps)

    def _drop_finished(self):
        self._running = [trial for trial in self._running if not trial.finished]

    def state(self) -> dict[str, np.ndarray]:
        """Return everything that changes during the simulation; to be called between two rounds.

        Returns
        -------
        dict
            ``n_started``: int, trials that have begun. Of those still under way: ``trials``, int64 (k,),
            their numbers; ``counters``, int64 (k, 5); ``h``, float64 (k, length), the states of the engine.
        """
        return {
            "n_started": np.array(self._n_started),
            "trials": np.array([trial.number for trial in self._running], dtype=np.int64),
            "counters": np.array([trial.counters() for trial in self._running], dtype=np.int64),
            "h": np.array([trial.state for trial in self._running], dtype=np.float64),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state` returned in a simulation with the same arguments."""
        self._n_started = int(state["n_started"])
        self._running = [self._trial(int(number)) for number in state["trials"]]
        for trial, counters, h in zip(self._running, state["counters"], state["h"], strict=True):
            trial.restore(counters, h)
