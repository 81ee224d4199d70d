"""Adaptive integrate-and-fire neurons with delayed synapses: compiled, O(N) a step and O(targets) a spike."""

import numpy as np
from numba import njit

from circuitbias.dynamics.engines.philox import (
    STEPS_PER_BLOCK,
    STREAM_INITIAL_STATE,
    STREAM_NOISE,
    draw_block,
    neuron_terms,
    uniforms,
)
from circuitbias.dynamics.engines.rows import SynapticRows, add_row
from circuitbias.dynamics.schedule import Schedule, run_pieces
from circuitbias.networks.network import Network

_PARTS = 4  # of the state, each with a value a neuron: v, a, h, and the steps of rest that are left


@njit(nogil=True, cache=True)
def advance(
    state,
    row_weights,
    delays,
    leak,
    fading,
    decay,
    theta,
    jump,
    rest,
    kick,
    gate,
    inputs,
    listens,
    seed,
    trial,
    first_step,
    ends,
    which,
    resets,
    stop_after,
    event_steps,
    event_neurons,
):
    """Advance one network, in place, and write down who fires when.

    Parameters
    ----------
    state : ndarray of float64, shape (4 n + n_slots n,)
        Potential v, adaptation a, recurrent input h, steps of rest left, and what arrives in the next steps.
    row_weights
        Rows of r W0, as in `circuitbias.dynamics.engines.rows.SynapticRows`.
    delays : ndarray of int64, shape (n,)
        Steps that spikes of each neuron take, at least 1 and at most n_slots.
    leak, fading, decay : float
        Factors by which v, a and h decay in a step.
    theta, jump : float
        Threshold of v, and what a spike adds to a.
    rest : int
        Steps for which a neuron stays at 0 after a spike.
    kick, gate : float
        Size of a background spike, and the probability of one that excites in a step, and of one that
        inhibits.
    inputs : ndarray of float64, shape (m, n), listens : ndarray of float64, shape (m,)
        Input of each piece, and 1, or 0 where it is all there is.
    seed, trial, first_step, ends, which, resets, stop_after, event_steps, event_neurons
        As in `circuitbias.dynamics.engines.poisson.advance_pieces`; n places of the buffers are kept free.

    Returns
    -------
    steps_done, n_events : int
    """
    n = delays.shape[0]
    v, a, h, left = state[:n], state[n : 2 * n], state[2 * n : 3 * n], state[3 * n : 4 * n]
    coming = state[4 * n :].reshape(-1, n)
    n_slots = coming.shape[0]
    terms = neuron_terms(n, seed, trial, STREAM_NOISE)
    words = np.zeros((STEPS_PER_BLOCK, terms.shape[1]), dtype=np.uint32)
    capacity = event_steps.shape[0] - n
    most = gate * 2.0**32
    block, n_events, step = -1, 0, first_step
    for piece in range(ends.shape[0]):
        if resets[piece]:
            h[:] = 0.0
            coming[:] = 0.0
        base, hears = inputs[which[piece]], listens[which[piece]]
        while step < ends[piece]:
            if step // STEPS_PER_BLOCK != block:
                block = step // STEPS_PER_BLOCK
                draw_block(words, terms, seed, trial, block)
            row, arriving = words[step % STEPS_PER_BLOCK], coming[step % n_slots]
            first_event = n_events
            for i in range(n):
                h[i] = decay * h[i] + arriving[i]
                arriving[i] = 0.0
                a[i] *= fading
                v[i] = leak * v[i] + (1.0 - leak) * (base[i] + hears * (h[i] - a[i]))
                if row[i] + 0.5 < most:
                    v[i] += hears * kick
                elif row[i] + 0.5 > 2.0**32 - most:
                    v[i] -= hears * kick
                if left[i] > 0.0:
                    left[i] -= 1.0
                    v[i] = 0.0
                elif v[i] > theta:
                    v[i] = 0.0
                    left[i] = rest
                    a[i] += jump
                    event_steps[n_events] = step
                    event_neurons[n_events] = i
                    n_events += 1
            for event in range(first_event, n_events):
                j = event_neurons[event]
                add_row(coming[(step + delays[j]) % n_slots], row_weights, j)
            step += 1
            if n_events >= stop_after or n_events > capacity:
                return step - first_step, n_events
    return step - first_step, n_events


class IntegrateFireEngine:
    """Adaptive integrate-and-fire neurons: see `circuitbias.dynamics.generator.Engine`.

    Parameters
    ----------
    network : Network
    model : Generator
        `circuitbias.dynamics.models.adaptive_lif.AdaptiveLif`: its options.
    r, theta : float
    schedule : Schedule, optional
    """

    def __init__(self, network: Network, model, *, r, theta, schedule: Schedule | None = None):
        self.n_neurons = self.most_events = n = network.n_neurons
        self.dt_ms, self.theta, self.schedule = model.dt_ms, theta, schedule
        self.cycle_steps = schedule.cycle_steps if schedule else 0
        self._drive = model.b * network.drive_scale
        self.input_scale = float(np.abs(self._drive).max())
        self.rows, self._delays = SynapticRows.of(network.weights, r), model.delays(n)
        decays = (1 - model.dt_ms / tau for tau in (model.membrane_ms, model.adaptation_ms, model.tau_ms))
        rest = round(model.rest_ms / model.dt_ms)
        kick, gate = model.kick * model.b, model.kicks_hz * model.dt_ms / 1000
        self._known = *decays, theta, model.jump * model.b, rest, kick, gate
        self._n_slots = int(self._delays.max())

    def start(self, seed, trial):
        """Potentials at random below threshold, all else empty."""
        state = np.zeros((_PARTS + self._n_slots) * self.n_neurons)
        state[: self.n_neurons] = (
            max(self.theta, 0.0) * uniforms(seed, trial, 0, 1, self.n_neurons, STREAM_INITIAL_STATE)[0]
        )
        return state

    def advance(self, state, seed, trial, first_step, n_steps, stop_after, steps, neurons):
        """See `circuitbias.dynamics.generator.Engine.advance`."""
        kernel, key = (self.rows.weights, self._delays, *self._known), (np.uint64(seed), trial)

        def run(pieces, first_step, stop_after, steps, neurons):
            free = np.isnan(pieces.clamps)
            inputs = pieces.levels[:, None] * self._drive + pieces.inputs
            inputs[~free] = pieces.clamps[~free, None]
            known = *kernel, inputs, free.astype(float), *key, first_step
            return advance(state, *known, *pieces[:3], stop_after, steps, neurons)

        if self.schedule:
            return run_pieces(self, run, first_step, n_steps, stop_after, steps, neurons)
        whole = np.array([first_step + n_steps]), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=bool)
        known = *kernel, self._drive[None], np.ones(1), *key, first_step
        return advance(state, *known, *whole, stop_after, steps, neurons)

    def silence(self, state):
        """See `circuitbias.dynamics.generator.Engine.silence`."""
        v = state[: self.n_neurons]
        now = f"{v.min():g} ... {v.max():g}"
        return f"theta={self.theta:g} is out of reach of the potentials (now {now}). Lower theta"
