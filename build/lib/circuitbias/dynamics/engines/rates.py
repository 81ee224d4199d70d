"""A network of rates, seen by the signs of its units: compiled, O(N + connections) a step of time."""

import math

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
from circuitbias.dynamics.engines.rows import SynapticRows, add_scaled_row
from circuitbias.dynamics.schedule import Schedule, run_pieces
from circuitbias.networks.network import Network

_WORDS = 2  # of a normal number
_STEPS_PER_BLOCK = STEPS_PER_BLOCK // _WORDS


@njit(nogil=True, cache=True)
def advance(
    h,
    row_weights,
    share,
    inner_steps,
    noise,
    theta,
    inputs,
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
    """Advance one network, in place, and write down which units are above theta after each step.

    Parameters
    ----------
    h : ndarray of float64, shape (n,)
        State of the units.
    row_weights
        Rows of r W0, as in `circuitbias.dynamics.engines.rows.SynapticRows`.
    share : float
        Time step of the integration over tau.
    inner_steps : int
        Steps of the integration in a step of the recording.
    noise : float
        Standard deviation of the noise in a step of the integration.
    theta : float
    inputs : ndarray of float64, shape (m, n)
        Input of each piece.
    seed, trial, first_step, ends, which, resets, stop_after, event_steps, event_neurons
        As in `circuitbias.dynamics.engines.poisson.advance_pieces`; n places of the buffers are kept free.

    Returns
    -------
    steps_done, n_events : int
    """
    n = h.shape[0]
    total, rates = np.empty(n), np.empty(n)
    terms = neuron_terms(n, seed, trial, STREAM_NOISE)
    words = np.zeros((STEPS_PER_BLOCK, terms.shape[1]), dtype=np.uint32)
    capacity = event_steps.shape[0] - n
    block, n_events, step = -1, 0, first_step
    for piece in range(ends.shape[0]):
        if resets[piece]:
            h[:] = 0.0
        base = inputs[which[piece]]
        while step < ends[piece]:
            for inner in range(inner_steps):
                for i in range(n):
                    rates[i] = math.tanh(h[i])
                    total[i] = base[i]
                for j in range(n):
                    add_scaled_row(total, row_weights, j, rates[j])
                if noise > 0.0:
                    number = step * inner_steps + inner
                    if number // _STEPS_PER_BLOCK != block:
                        block = number // _STEPS_PER_BLOCK
                        draw_block(words, terms, seed, trial, block)
                    first = words[_WORDS * (number % _STEPS_PER_BLOCK)]
                    second = words[_WORDS * (number % _STEPS_PER_BLOCK) + 1]
                    for i in range(n):  # Box and Muller
                        size = math.sqrt(-2.0 * math.log((first[i] + 0.5) * 2.0**-32))
                        total[i] += noise * size * math.cos(2.0 * math.pi * (second[i] + 0.5) * 2.0**-32)
                for i in range(n):
                    h[i] += share * (total[i] - h[i])
            for i in range(n):
                event_steps[n_events] = step
                event_neurons[n_events] = i
                n_events += h[i] > theta
            step += 1
            if n_events >= stop_after or n_events > capacity:
                return step - first_step, n_events
    return step - first_step, n_events


class RateEngine:
    """A network of rates: see `circuitbias.dynamics.generator.Engine`.

    Parameters
    ----------
    network : Network
    model : Generator
        `circuitbias.dynamics.models.chaotic.Chaotic`: its options.
    r, theta : float
    schedule : Schedule, optional
    """

    input_scale = 1.0

    def __init__(self, network: Network, model, *, r, theta, schedule: Schedule | None = None):
        if schedule and not np.isnan(schedule.clamps).all():
            raise ValueError("drive = clamp: the chaotic network has no input that could be held")
        self.n_neurons = self.most_events = network.n_neurons
        self.dt_ms, self.theta, self.schedule = model.dt_ms, theta, schedule
        self.cycle_steps = schedule.cycle_steps if schedule else 0
        self._drive = model.b * network.drive_scale
        self.rows = SynapticRows.of(network.weights, r)
        self._known = model.step_ms / model.decay_ms, model.inner_steps, model.noise, float(theta)

    def start(self, seed, trial):
        """States at random, uniform on (-1/2, 1/2)."""
        return uniforms(seed, trial, 0, 1, self.n_neurons, STREAM_INITIAL_STATE)[0] - 0.5

    def advance(self, state, seed, trial, first_step, n_steps, stop_after, steps, neurons):
        """See `circuitbias.dynamics.generator.Engine.advance`."""

        def run(pieces, first_step, stop_after, steps, neurons):
            inputs = pieces.levels[:, None] * self._drive + pieces.inputs
            known = self.rows.weights, *self._known, inputs, np.uint64(seed), trial, first_step
            return advance(state, *known, *pieces[:3], stop_after, steps, neurons)

        if self.schedule:
            return run_pieces(self, run, first_step, n_steps, stop_after, steps, neurons)
        whole = np.array([first_step + n_steps]), np.zeros(1, dtype=np.int64), np.zeros(1, dtype=bool)
        known = self.rows.weights, *self._known, self._drive[None], np.uint64(seed), trial, first_step
        return advance(state, *known, *whole, stop_after, steps, neurons)

    def silence(self, state):
        """See `circuitbias.dynamics.generator.Engine.silence`."""
        now = f"{state.min():g} ... {state.max():g}"
        return f"all states (now {now}) stay below theta={self.theta:g}. Lower theta"
