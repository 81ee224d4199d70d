"""Generators of Poisson counts on a network, ready for their kernel."""

import math

import numpy as np
import scipy.sparse

from circuitbias.dynamics.engines.philox import STREAM_INITIAL_STATE, uniforms
from circuitbias.dynamics.engines.poisson import (
    EXP,
    MOST_COUNT,
    MOST_RATE,
    RELU,
    RUNAWAY,
    advance,
    advance_pieces,
)
from circuitbias.dynamics.engines.rows import SynapticRows
from circuitbias.dynamics.generator import RunawayNetworkError
from circuitbias.dynamics.schedule import run_pieces
from circuitbias.networks.network import Network


class CountEngine:
    """Poisson counts at a rate set by the input: see `circuitbias.dynamics.generator.Engine`.

    Parameters
    ----------
    network : Network
    r, theta, b : float
        Weight strength, threshold and drive.
    link : {"relu", "exp"}
    gain : float
        Expected spikes in a step for each unit of input above theta, or their logarithm.
    dt_ms, decay : float
        Length of a step, and the factor by which the effect of a spike decays in it.
    window : int, optional
        Steps for which a spike counts, the first one after it with the weight ``decay``; a neuron's own
        spikes do not count for itself. 0: from the step after it on with the weight 1, for ever; trials
        begin with a random activation, uniform on (0, 1).
    schedule : Schedule, optional
        How the drive changes.
    record_past : bool, optional
        Whether recordings begin with the empty window. There is none where a drive has cycles.
    """

    def __init__(
        self,
        network: Network,
        *,
        r,
        theta,
        b,
        link,
        gain,
        dt_ms,
        decay,
        window=0,
        schedule=None,
        record_past=False,
    ):
        if schedule and record_past:
            raise ValueError("as_published = True: the paper's recordings have a steady drive; leave it out")
        self.n_neurons = n = network.n_neurons
        weights = without_diagonal(network.weights) if window else network.weights
        self.rows = SynapticRows.of(weights, r * decay if window else r)
        self.r, self.theta, self.b, self.window, self.dt_ms = r, theta, b, window, dt_ms
        self.schedule, self.cycle_steps = schedule, schedule.cycle_steps if schedule else 0
        self._drive, self._decay = b * network.drive_scale, decay
        self._known = gain, {"relu": RELU, "exp": EXP}[link], window
        self.recorded_past = window if record_past else 0
        self.most_events = MOST_COUNT * n
        self.input_scale = max(b * float(np.abs(network.drive_scale).max()), 1 / gain)
        self._room = 1 + 2 * (math.ceil(n * window / 4) + 100) if window else 0

    def start(self, seed, trial):
        """A random activation, or no spikes in the window."""
        if self.window:
            return np.zeros(self.n_neurons + self._room)
        return self.rows.summed(uniforms(seed, trial, 0, 1, self.n_neurons, STREAM_INITIAL_STATE)[0])

    def advance(self, state, seed, trial, first_step, n_steps, stop_after, steps, neurons):
        """See `circuitbias.dynamics.generator.Engine.advance`."""
        kernel, key = (*self.rows, self._decay), (*self._known, np.uint64(seed), trial)

        def run(pieces, first_step, stop_after, steps, neurons):
            free = np.isnan(pieces.clamps)
            base = pieces.levels[:, None] * self._drive + pieces.inputs
            base[~free] = pieces.clamps[~free, None]
            known = *kernel, base - self.theta, free.astype(float), *key, first_step
            done, found = advance_pieces(state, *known, *pieces[:3], stop_after, steps, neurons)
            if done == RUNAWAY:
                raise RunawayNetworkError(self._runaway(trial, first_step))
            return done, found

        if self.schedule:
            return run_pieces(self, run, first_step, n_steps, stop_after, steps, neurons)
        known = *kernel, self._drive - self.theta, 1.0, *key
        done, n_events = advance(state, *known, first_step, n_steps, stop_after, steps, neurons)
        if done == RUNAWAY:
            raise RunawayNetworkError(self._runaway(trial, first_step))
        return done, n_events

    def _runaway(self, trial, step) -> str:
        return (
            f"a neuron of trial {trial} is to fire more than {MOST_RATE:g} times in a step of "
            f"{self.dt_ms:g} ms, or the network more often than one neuron in four a step, after step "
            f"{step}: "
            f"theta={self.theta:g} is too low for the weight strength r={self.r:g}. Raise theta, or lower r"
        )

    def silence(self, state):
        """See `circuitbias.dynamics.generator.Engine.silence`."""
        h = state[: self.n_neurons]
        return (
            f"theta={self.theta:g} is out of reach of the drive b={self.b:g} and the recurrent input of "
            f"r={self.r:g} "
            f"(now {h.min():g} ... {h.max():g}). Lower theta"
        )


def without_diagonal(weights):
    """Weights of a network without those of neurons on themselves."""
    if not scipy.sparse.issparse(weights):
        weights = weights.copy()
        np.fill_diagonal(weights, 0.0)
        return weights
    entries = scipy.sparse.coo_array(weights)
    between = entries.row != entries.col
    kept = entries.data[between], (entries.row[between], entries.col[between])
    return scipy.sparse.csr_array(kept, shape=weights.shape)
