"""Metropolis sweeps over binary neurons: a visit that flips costs O(N), one that does not O(1).

In a sweep every neuron is visited once, in a random order. At a visit neuron j, of state x_j = -1 or 1,
flips if

    U < exp(-2 x_j (f_j + field_j)),     f_j = 2 r sum_{k != j} x_k W0[k, j].

The sums f are kept: a flip of neuron k adds a row to them. Random words are Philox's, two for each neuron
and sweep: of one comes the order (the shuffle of Fisher and Yates, in which n of 2**32 words are rounded),
the other is U.
"""

import math

import numpy as np
from numba import njit, uint64

from circuitbias.dynamics.engines.philox import (
    STEPS_PER_BLOCK,
    STREAM_INITIAL_STATE,
    STREAM_NOISE,
    draw_block,
    neuron_terms,
    uniforms,
)
from circuitbias.dynamics.engines.rows import SynapticRows, add_scaled_row

_WORDS = 2  # for each neuron and sweep
_SWEEPS_PER_BLOCK = STEPS_PER_BLOCK // _WORDS


@njit(nogil=True, cache=True)
def sweep(
    state, row_weights, field, seed, trial, first_step, n_steps, stop_after, event_steps, event_neurons
):
    """Run sweeps, in place, and write down which neurons are at 1 after each.

    Parameters
    ----------
    state : ndarray of float64, shape (2 n,)
        x, and then the sums f.
    row_weights
        Rows of 2 r W0 without its diagonal, as in `circuitbias.dynamics.engines.rows.SynapticRows`.
    field : ndarray of float64, shape (n,)
    seed, trial, first_step, n_steps, stop_after, event_steps, event_neurons
        As in `circuitbias.dynamics.engines.cpu.advance`; a step is a sweep.

    Returns
    -------
    sweeps_done, n_events : int
    """
    n = field.shape[0]
    x, sums = state[:n], state[n:]
    terms = neuron_terms(n, seed, trial, STREAM_NOISE)
    words = np.zeros((STEPS_PER_BLOCK, terms.shape[1]), dtype=np.uint32)
    order = np.empty(n, dtype=np.int64)
    capacity = event_steps.shape[0] - n
    block, n_events = -1, 0
    for done in range(n_steps):
        step = first_step + done
        if step // _SWEEPS_PER_BLOCK != block:
            block = step // _SWEEPS_PER_BLOCK
            draw_block(words, terms, seed, trial, block)
        of_order = words[_WORDS * (step % _SWEEPS_PER_BLOCK)]
        of_flips = words[_WORDS * (step % _SWEEPS_PER_BLOCK) + 1]
        for k in range(n):
            order[k] = k
        for k in range(n - 1, 0, -1):
            other = np.int64((uint64(of_order[k]) * uint64(k + 1)) >> uint64(32))
            order[k], order[other] = order[other], order[k]
        for k in range(n):
            j = order[k]
            rise = 2.0 * x[j] * (sums[j] + field[j])
            if rise <= 0.0 or (of_flips[j] + 0.5) * 2.0**-32 < math.exp(-rise):
                add_scaled_row(sums, row_weights, j, -2.0 * x[j])
                x[j] = -x[j]
        for j in range(n):
            event_steps[n_events] = step
            event_neurons[n_events] = j
            n_events += x[j] > 0.0
        if n_events >= stop_after or n_events > capacity:
            return done + 1, n_events
    return n_steps, n_events


class MetropolisEngine:
    """Binary neurons under Metropolis sweeps: see `circuitbias.dynamics.generator.Engine`; a step is a sweep.

    Parameters
    ----------
    weights : array (n, n), dense or sparse
        W0 without its diagonal.
    r : float
    field : ndarray, shape (n,)
    dt_ms : float
        Time that a sweep stands for.
    """

    input_scale, cycle_steps = 1.0, 0

    def __init__(self, weights, *, r, field, dt_ms):
        self.rows, self.field, self.dt_ms = SynapticRows.of(weights, 2 * r), field, dt_ms
        self.n_neurons = self.most_events = len(field)

    def start(self, seed, trial):
        """States at random, 1 as often as -1, and their sums."""
        x = np.where(uniforms(seed, trial, 0, 1, self.n_neurons, STREAM_INITIAL_STATE)[0] < 0.5, 1.0, -1.0)
        return np.concatenate([x, self.rows.summed(x)])

    def advance(self, state, seed, trial, first_step, n_steps, stop_after, steps, neurons):
        """See `circuitbias.dynamics.generator.Engine.advance`."""
        where = np.uint64(seed), trial, first_step, n_steps, stop_after
        return sweep(state, self.rows.weights, self.field, *where, steps, neurons)

    def silence(self, state):
        """See `circuitbias.dynamics.generator.Engine.silence`."""
        return f"fields of {self.field.min():g} ... {self.field.max():g} hold all neurons at -1. Lower theta"
