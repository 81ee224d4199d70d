"""Neurons that fire Poisson counts at a rate set by their input: the kernel of LNP and GLM generators.

Of neuron i in step t, with ``x = h_i(t) + base_i`` the input above threshold,

    lambda = gain max(x, 0)   (RELU),   or   exp(gain x)   (EXP),        count ~ Poisson(lambda).

The recurrent input h only decays between spikes, so it is kept and not worked out anew: a step multiplies it
by ``decay``, a spike of neuron j adds row ``row_weights[j]``. If past spikes count for ``window`` steps
alone, the row is taken away again, decayed, when its spike leaves the window.

One uniform number U for each neuron and step decides the count: it is the number of k >= 0 with U < P(count
> k), so that the count is 0 if U >= 1 - exp(-lambda). As 1 - exp(-lambda) <= lambda, a bound on lambda for
the next few steps is one on U, and a vector comparison a step finds the few neurons that may fire, as in
`circuitbias.dynamics.engines.cpu`. U has 32 bits: what is less likely than 2**-33 never happens.
"""

import math

import numpy as np
from numba import njit, uint32, uint64

from circuitbias.dynamics.engines.bits import WIDTH, lowest_bit, mask_not_above
from circuitbias.dynamics.engines.philox import STEPS_PER_BLOCK, STREAM_NOISE, draw_block, neuron_terms
from circuitbias.dynamics.engines.rows import add_row, add_scaled_row, decay_all, take_relief

RELU, EXP = 0, 1
MOST_RATE = 2.0
"""Expected spikes of a neuron in a step: with more, the network runs away and the kernel stops."""

MOST_COUNT = 24
"""Spikes of a neuron in a step that no U of 32 bits can exceed at `MOST_RATE`."""

RUNAWAY = -1

_STEPS_PER_BOUND = 16
_ALL_WORDS = 2.0**32 - 512.0  # the largest number of single precision below 2**32 would round to 2**32
_LOG2_E = 1.4426950408889634


@njit(inline="always")
def poisson_count(u, rate):
    """Poisson count that a uniform number stands for."""
    if u >= rate:  # >= 1 - exp(-rate)
        return 0
    tail, chance, count = -math.expm1(-rate), math.exp(-rate), 0
    while u < tail:
        count += 1
        chance *= rate / count
        tail -= chance
    return count


@njit(inline="always")
def _bound_relu(bounds, h, relief, base, listens, gain, decay_ahead):
    """Largest words with which neurons may fire while h decays and takes back at most ``relief``."""
    for i in range(h.shape[0]):
        highest = listens * (max(h[i], h[i] * decay_ahead) + relief[i]) + base[i]
        highest += 1e-12 * (abs(h[i]) + abs(base[i]))
        bounds[i] = uint32(min(max(highest, 0.0) * (gain * 2.0**32 * (1.0 + 1e-9)) + 1.0, _ALL_WORDS))


@njit(inline="always")
def _bound_exp(bounds, h, relief, base, listens, gain, decay_ahead, powers, as_floats):
    """The same for an exponential rate: 2**n (1 + f) is never below 2**(n + f), and its bits are n and f."""
    for i in range(h.shape[0]):
        highest = listens * (max(h[i], h[i] * decay_ahead) + relief[i]) + base[i]
        power = min(max(highest * (gain * _LOG2_E) + 1e-3, -31.0), 0.0)
        powers[i] = np.int32((np.float32(power) + np.float32(127.0)) * np.float32(2.0**23))
    for i in range(h.shape[0]):
        words = as_floats[i] * np.float32(2.0**32) + np.float32(1.0)
        bounds[i] = uint32(min(words, np.float32(_ALL_WORDS)))


@njit(nogil=True, cache=True)
def advance(
    state,
    row_weights,
    excites,
    decay,
    base,
    listens,
    gain,
    link,
    window,
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
    state : ndarray of float64, shape (n,) or longer
        Recurrent input h of the neurons. With a window also the number of spikes in it, and step and neuron
        of each, as many as there is room for.
    row_weights, excites
        As in `circuitbias.dynamics.engines.rows.SynapticRows`.
    decay : float
        Factor of h in a step.
    base : ndarray of float64, shape (n,)
        ``b_i - theta``.
    listens : float
        1, or 0 where the whole input is held: then x is ``base``.
    gain : float
        See above.
    link : int
        `RELU` or `EXP`.
    window : int
        Steps for which a spike counts; 0: for ever.
    seed, trial, first_step, n_steps, stop_after, event_steps, event_neurons
        As in `circuitbias.dynamics.engines.cpu.advance`; `MOST_COUNT` n places of the buffers are kept free.

    Returns
    -------
    steps_done, n_events : int
        `RUNAWAY` in place of the first if a rate exceeds `MOST_RATE`, or the spikes in the window their room.
    """
    n = base.shape[0]
    h, kept = state[:n], state[n:]
    capacity = event_steps.shape[0] - MOST_COUNT * n
    terms = neuron_terms(n, seed, trial, STREAM_NOISE)
    n_padded = -(-terms.shape[1] // WIDTH) * WIDTH
    words = np.zeros((STEPS_PER_BLOCK, n_padded), dtype=np.uint32)
    bounds = np.zeros(n_padded, dtype=np.uint32)
    powers = np.zeros(n_padded, dtype=np.int32)
    as_floats = powers.view(np.float32)
    relief = np.zeros(n)
    decay_ahead = decay**_STEPS_PER_BOUND * (1.0 - 1e-9)
    gone = decay**window
    n_kept = int(kept[0]) if window else 0
    leaving = 0  # place of the oldest spike in the window: first those kept, then those written

    block = -1
    due = 0  # decays that h has not had yet
    bounded = 0  # steps for which the bounds still hold
    n_events = 0
    steps_done = n_steps
    for done in range(n_steps):
        step = first_step + done
        if step // STEPS_PER_BLOCK != block:
            block = step // STEPS_PER_BLOCK
            draw_block(words, terms, seed, trial, block)
        if bounded == 0:
            decay_all(h, decay, due)
            due = 0
            if window:
                relief[:] = 0.0
                place = leaving
                while place < n_kept + n_events:
                    old, j = _spike(kept, n_kept, event_steps, event_neurons, place)
                    if old + window >= step + _STEPS_PER_BOUND:
                        break
                    take_relief(relief, row_weights, j, gone)
                    place += 1
            if link == RELU:
                _bound_relu(bounds, h, relief, base, listens, gain, decay_ahead)
            else:
                _bound_exp(bounds, h, relief, base, listens, gain, decay_ahead, powers, as_floats)
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
                now = listens * now + base[i]
                rate = gain * max(now, 0.0) if link == RELU else math.exp(gain * now)
                if not rate <= MOST_RATE:
                    return RUNAWAY, n_events
                for _ in range(poisson_count((row[i] + 0.5) * 2.0**-32, rate)):
                    event_steps[n_events] = step
                    event_neurons[n_events] = i
                    n_events += 1

        due += 1
        if window:
            while leaving < n_kept + n_events:
                old, j = _spike(kept, n_kept, event_steps, event_neurons, leaving)
                if old + window != step:
                    break
                decay_all(h, decay, due)
                due = 0
                add_scaled_row(h, row_weights, j, -gone)
                leaving += 1
        if n_events > first_event:
            decay_all(h, decay, due)
            due = 0
            for event in range(first_event, n_events):
                j = event_neurons[event]
                add_row(h, row_weights, j)
                if excites[j]:
                    bounded = 0
            if n_events >= stop_after or n_events > capacity:
                steps_done = done + 1
                break
    decay_all(h, decay, due)
    if window:
        n_left = n_kept + n_events - leaving
        if 1 + 2 * n_left > kept.shape[0]:
            return RUNAWAY, n_events
        for place in range(n_left):
            old, j = _spike(kept, n_kept, event_steps, event_neurons, leaving + place)
            kept[1 + 2 * place], kept[2 + 2 * place] = old, j
        kept[0] = n_left
    return steps_done, n_events


@njit(inline="always")
def _spike(kept, n_kept, event_steps, event_neurons, place):
    """Step and neuron of a spike: one kept from before, or one written since."""
    if place < n_kept:
        return np.int64(kept[1 + 2 * place]), np.int64(kept[2 + 2 * place])
    return event_steps[place - n_kept], np.int64(event_neurons[place - n_kept])


@njit(nogil=True, cache=True)
def advance_pieces(
    state,
    row_weights,
    excites,
    decay,
    base,
    listens,
    gain,
    link,
    window,
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
    """Run `advance` over pieces (`circuitbias.dynamics.schedule.Pieces`), with a row of ``base`` for each."""
    step, n_events = first_step, 0
    for piece in range(ends.shape[0]):
        if resets[piece]:
            state[:] = 0.0
        row = which[piece]
        done, found = advance(
            state,
            row_weights,
            excites,
            decay,
            base[row],
            listens[row],
            gain,
            link,
            window,
            seed,
            trial,
            step,
            ends[piece] - step,
            stop_after - n_events,
            event_steps[n_events:],
            event_neurons[n_events:],
        )
        if done == RUNAWAY:
            return RUNAWAY, n_events
        step += done
        n_events += found
        room = event_steps.shape[0] - n_events
        if step < ends[piece] or n_events >= stop_after or room < MOST_COUNT * base.shape[1]:
            break
    return step - first_step, n_events
