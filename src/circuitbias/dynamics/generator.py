"""What a compiled generator of spikes is: the engine that a simulation advances, chunk by chunk."""

from typing import Protocol

import numpy as np


class Engine(Protocol):
    """A model on a network, ready to run.

    Attributes
    ----------
    n_neurons : int
    dt_ms : float
        Length of a step.
    most_events : int
        Most events of a step; a neuron that fires k times in a step has k equal events.
    input_scale : float
        Size of the inputs that thresholds are compared with: where the search for a threshold begins, and how
        wide its steps are. 0 if no threshold makes a difference.
    cycle_steps : int
        Length of the cycles in which its drive repeats itself; recordings begin with one. 0: there are none.
    recorded_past : int, optional
        Steps without a spike with which a recording begins that would begin with the first spike. Default: 0.
    """

    n_neurons: int
    dt_ms: float
    most_events: int
    input_scale: float
    cycle_steps: int

    def start(self, seed: int, trial: int) -> np.ndarray:
        """State of a trial before its first step: float64, of one dimension and length for all trials."""

    def advance(
        self,
        state: np.ndarray,
        seed: int,
        trial: int,
        first_step: int,
        n_steps: int,
        stop_after: int,
        steps: np.ndarray,
        neurons: np.ndarray,
    ) -> tuple[int, int]:
        """Advance a trial, in place.

        Parameters
        ----------
        state : ndarray of float64
            From `start`, or as the last call has left it.
        seed, trial : int
            Key of the random numbers.
        first_step, n_steps : int
            Number of the first step, counted from the trial's start, and how many to run at most.
        stop_after : int
            Stop at the end of the step in which this many events are reached.
        steps : ndarray of int64, neurons : ndarray of int32
            Buffers for the events, sorted by step and neuron. The run also stops when fewer than
            ``most_events`` places are left.

        Returns
        -------
        steps_done, n_events : int

        Raises
        ------
        RunawayNetworkError
            If the network fires faster than the model allows.
        """

    def silence(self, state: np.ndarray) -> str:
        """Why nobody may be firing, and what to do, as the rest of a sentence."""


class NoRecordingError(RuntimeError):
    """A network that fires too little, or too much, to be recorded."""


class SilentNetworkError(NoRecordingError):
    """Nobody has fired for longer than allowed: the run would never reach its number of spikes."""


class RunawayNetworkError(NoRecordingError):
    """A neuron is to fire more often in a step than the model can stand for."""
