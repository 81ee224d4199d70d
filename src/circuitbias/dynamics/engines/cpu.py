"""The threshold model on the CPU: exact, compiled, O(N) per step and O(N) per spike.

Two facts make it fast without changing the model (`ThresholdSAM` is the readable reference).

1. The synaptic variable s is linear, so its weighted sum ``h = r s W0`` is kept in its place: a step decays
   h, and a spike of neuron j adds row ``r W0[j, :]``.
2. The noise ``b sigma z m`` enters only through the threshold. One uniform number U per neuron and step
   decides it: m = [U < rho], and then V = U / rho is uniform again, so that z is the upper quantile of V.
   With ``u = (theta - b - h) / (b sigma)`` a neuron fires if ``Q(u) > V`` when the noise is on and if
   ``u < 0`` when it is off, Q being the upper tail of the normal distribution. That is
   P(spike | h) = rho Q(u) for u >= 0 and 1 - rho (1 - Q(u)) for u < 0, as the model has it.

Since most neurons have their noise off, a compare gates nearly all work, and a table of Q brackets decides
all but about one in a hundred of the rest without evaluating Q.
"""

import math

import numpy as np
from numba import njit
from scipy.special import ndtr

from circuitbias.dynamics.engines.philox import STEPS_PER_BLOCK, STREAM_NOISE, fill_words

_TAIL_REACH = 8.0
_TAIL_CELLS_PER_UNIT = 64
_TAIL_TABLE = ndtr(
    -(np.arange(2 * int(_TAIL_REACH) * _TAIL_CELLS_PER_UNIT + 1) / _TAIL_CELLS_PER_UNIT - _TAIL_REACH)
)
SQRT_HALF = math.sqrt(0.5)
UNDECIDED = -1


@njit(inline="always")
def tail_bracket(u, v):
    """Whether Q(u) > v, 1 or 0, by the bracket of the table's cell; `UNDECIDED` where that is not enough."""
    if -_TAIL_REACH <= u < _TAIL_REACH:
        cell = int((u + _TAIL_REACH) * _TAIL_CELLS_PER_UNIT)
        if v >= _TAIL_TABLE[cell]:
            return 0
        if v < _TAIL_TABLE[cell + 1]:
            return 1
    return UNDECIDED


@njit(inline="always")
def _tail_exceeds(u, v):
    decided = tail_bracket(u, v)
    if decided == UNDECIDED:
        return 0.5 * math.erfc(u * SQRT_HALF) > v
    return decided == 1


@njit(nogil=True, cache=True)
def advance(
    h,
    row_weights,
    decay,
    margin,
    noise_sd,
    rho,
    seed,
    trial,
    first_step,
    n_steps,
    stop_after,
    event_steps,
    event_neurons,
):
    """Advance one network, in place, and write down who fires when.

    Parameters
    ----------
    h : ndarray of float64, shape (n,)
        Recurrent input ``r s W0`` before the first step; overwritten with that after the last one.
    row_weights : ndarray of float64, shape (n, n)
        ``r W0``, C-contiguous: row j is what a spike of j adds.
    decay : float
        ``1 - dt / tau``.
    margin : ndarray of float64, shape (n,)
        ``theta - b_i``: a neuron fires without noise if ``h_i > margin_i``.
    noise_sd : ndarray of float64, shape (n,)
        ``b_i sigma``.
    rho : float
        Probability that the noise of a neuron is on.
    seed, trial : int
        Key of the random numbers.
    first_step, n_steps : int
        Absolute number of the first step, and how many to run at most.
    stop_after : int
        Stop at the end of the step in which this many spikes are reached.
    event_steps : ndarray of int64, event_neurons : ndarray of int32
        Buffers of equal length, at least n. The run also stops when fewer than n places are left.

    Returns
    -------
    steps_done, n_events : int
    """
    n = h.shape[0]
    capacity = event_steps.shape[0] - n
    words = np.empty((STEPS_PER_BLOCK, n), dtype=np.uint32)
    candidates = np.empty((STEPS_PER_BLOCK, n + 1), dtype=np.int32)
    n_candidates = np.zeros(STEPS_PER_BLOCK, dtype=np.int64)
    word_to_tail = 1.0 / (2.0**32 * rho) if rho > 0.0 else 0.0
    gate = math.ceil(rho * 2.0**32 - 0.5)  # word < gate exactly when (word + 1/2) / 2**32 < rho
    block = -1
    n_events = 0
    for done in range(n_steps):
        step = first_step + done
        row = step % STEPS_PER_BLOCK
        if step // STEPS_PER_BLOCK != block:
            block = step // STEPS_PER_BLOCK
            fill_words(words, seed, trial, block, STREAM_NOISE)
            for k in range(STEPS_PER_BLOCK):
                found = 0
                for i in range(n):
                    candidates[k, found] = i  # branch-free: overwritten unless the gate is open
                    found += words[k, i] < gate
                n_candidates[k] = found

        above = 0
        for i in range(n):
            above += h[i] > margin[i]
        if above > 0:  # somebody fires unless its noise forbids it: look at every neuron
            for i in range(n):
                candidates[row, i] = i
            n_candidates[row] = n

        first_event = n_events
        for index in range(n_candidates[row]):
            i = candidates[row, index]
            if words[row, i] < gate and noise_sd[i] > 0.0:
                u = (margin[i] - h[i]) / noise_sd[i]
                fires = _tail_exceeds(u, (words[row, i] + 0.5) * word_to_tail)
            else:
                fires = h[i] > margin[i]
            if fires:
                event_steps[n_events] = step
                event_neurons[n_events] = i
                n_events += 1

        for i in range(n):
            h[i] *= decay
        for event in range(first_event, n_events):
            j = event_neurons[event]
            for i in range(n):
                h[i] += row_weights[j, i]
        if n_events >= stop_after or n_events > capacity:
            return done + 1, n_events
    return n_steps, n_events
