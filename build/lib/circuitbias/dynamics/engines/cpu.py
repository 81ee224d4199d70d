"""The threshold model on the CPU: exact, compiled, O(N) per step and O(targets) per spike.

Two facts make it fast without changing the model (`ThresholdSAM` is the readable reference).

1. The synaptic variable s is linear, so its weighted sum ``h = r s W0`` is kept in its place: a step decays
   h, and a spike of neuron j adds row ``r W0[j, :]``.
2. The noise ``b sigma z m`` enters only through the threshold. One uniform number U per neuron and step
   decides it: m = [U < rho], and then V = U / rho is uniform again, so that z is the upper quantile of V.
   With ``u = (theta - b - h) / (b sigma)`` a neuron fires if ``Q(u) > V`` when the noise is on and if
   ``u < 0`` when it is off, Q being the upper tail of the normal distribution. That is
   P(spike | h) = rho Q(u) for u >= 0 and 1 - rho (1 - Q(u)) for u < 0, as the model has it.

A third keeps most neurons out of the way. Between spikes that excite, h only decays and falls, so that its
value now bounds the probability of a spike for the steps to come: a random word above this bound cannot
fire, and one vector comparison a step finds the one neuron or so that may. Only for those is h looked at,
and decays are carried out when the next row is added. All of it is the same arithmetic in the same order
as step by step, neuron by neuron.
"""

import math

import numpy as np
from numba import njit, uint32, uint64
from scipy.special import ndtr

from circuitbias.dynamics.engines.bits import WIDTH, lowest_bit, mask_not_above
from circuitbias.dynamics.engines.philox import (
    STEPS_PER_BLOCK,
    STREAM_NOISE,
    draw_block,
    neuron_terms,
)
from circuitbias.dynamics.engines.rows import add_row, decay_all

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


_STEPS_PER_BOUND = 4 * STEPS_PER_BLOCK  # a bound is renewed after so many steps
_ALL_WORDS = 2.0**32 - 1.0


@njit(inline="always")
def tail_exceeds(u, v):
    """Whether the normal tail above u is larger than v."""
    decided = tail_bracket(u, v)
    if decided == UNDECIDED:
        return 0.5 * math.erfc(u * SQRT_HALF) > v
    return decided == 1


@njit(inline="always")
def _bound(h, margin, per_noise_sd, rho_words, decay_ahead):
    """Largest random word with which a neuron may fire while h only decays, and falls.

    Every inequality errs on the safe side, by more than rounding can amount to.
    """
    highest = max(h, h * decay_ahead)
    u = (margin - highest) * per_noise_sd - 1e-6
    cell = int((min(max(u, 0.0), _TAIL_REACH - 0.1) + _TAIL_REACH) * _TAIL_CELLS_PER_UNIT)
    words = _TAIL_TABLE[cell] * rho_words + 1.0
    return uint32(min(words if u > 0.0 else _ALL_WORDS, _ALL_WORDS))  # above threshold, noise on or off


@njit(nogil=True, cache=True)
def advance(
    h,
    row_weights,
    excites,
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
    row_weights, excites
        As in `SynapticRows`.
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
    terms = neuron_terms(n, seed, trial, STREAM_NOISE)
    n_padded = -(-terms.shape[1] // WIDTH) * WIDTH
    words = np.zeros((STEPS_PER_BLOCK, n_padded), dtype=np.uint32)
    bounds = np.zeros(n_padded, dtype=np.uint32)
    per_noise_sd = np.empty(n)
    for i in range(n):
        per_noise_sd[i] = 1.0 / noise_sd[i] if noise_sd[i] > 0.0 else 1e300
    decay_ahead = decay**_STEPS_PER_BOUND * (1.0 - 1e-9)
    rho_words = rho * 2.0**32 * (1.0 + 1e-9)
    word_to_tail = 1.0 / (2.0**32 * rho) if rho > 0.0 else 0.0
    gate = math.ceil(rho * 2.0**32 - 0.5)  # word < gate exactly when (word + 1/2) / 2**32 < rho

    block = -1
    due = 0  # decays that h has not had yet
    bounded = 0  # steps for which the bounds still hold
    n_events = 0
    for done in range(n_steps):
        step = first_step + done
        if step // STEPS_PER_BLOCK != block:
            block = step // STEPS_PER_BLOCK
            draw_block(words, terms, seed, trial, block)
        if bounded == 0:
            decay_all(h, decay, due)
            due = 0
            for i in range(n):
                bounds[i] = _bound(h[i], margin[i], per_noise_sd[i], rho_words, decay_ahead)
            bounded = _STEPS_PER_BOUND
        bounded -= 1

        first_event = n_events
        row = words[step % STEPS_PER_BLOCK]
        for group in range(0, row.shape[0], WIDTH):
            may_fire = mask_not_above(row, bounds, group)
            while may_fire:
                i = group + lowest_bit(may_fire)
                may_fire &= may_fire - uint64(1)
                if i >= n:
                    continue
                now = h[i]
                for _ in range(due):
                    now *= decay
                if row[i] < gate and noise_sd[i] > 0.0:
                    fires = tail_exceeds((margin[i] - now) / noise_sd[i], (row[i] + 0.5) * word_to_tail)
                else:
                    fires = now > margin[i]
                if fires:
                    event_steps[n_events] = step
                    event_neurons[n_events] = i
                    n_events += 1

        due += 1
        if n_events > first_event:
            decay_all(h, decay, due)
            due = 0
            for event in range(first_event, n_events):
                j = event_neurons[event]
                add_row(h, row_weights, j)
                if excites[j]:
                    bounded = 0
            if n_events >= stop_after or n_events > capacity:
                return done + 1, n_events
    decay_all(h, decay, due)
    return n_steps, n_events
