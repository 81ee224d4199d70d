"""Philox 4x32-10, the counter-based random numbers of every engine.

A counter-based generator is a pure function of (key, counter). The key is the seed; the counter holds the
trial, the step and the neuron. So a number does not depend on what was drawn before it, and the same seed
gives the same spikes whatever the number of cores, the batch or the chunk.

Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11.
"""

import numpy as np
from numba import njit, uint32, uint64

# Multipliers and key increments of Philox 4x32 (Salmon et al. 2011, section 3.3).
_M0, _M1 = uint64(0xD2511F53), uint64(0xCD9E8D57)
_W0, _W1 = uint64(0x9E3779B9), uint64(0xBB67AE85)
_LOW, _SHIFT = uint64(0xFFFFFFFF), uint64(32)

STEPS_PER_BLOCK = 4
"""One Philox block of four 32-bit words serves one neuron for this many consecutive steps."""

# The last word of the counter names the use of the numbers, so that no two uses share them.
STREAM_NOISE = 0
STREAM_INITIAL_STATE = 1


@njit(inline="always")
def philox4x32(c0, c1, c2, c3, k0, k1):
    """Ten rounds of Philox on counter words ``c0..c3`` and key words ``k0, k1``.

    All words are uint64 holding 32-bit values: products then need no widening, which lets the compiler
    vectorise a loop over counters. Returns four such words.
    """
    return philox_rounds(c0, c1, c2, c3, k0, k1, 10)


@njit(inline="always")
def philox_rounds(c0, c1, c2, c3, k0, k1, n_rounds):
    """Some rounds of Philox; a plain function of Python, which any compiler of numba's can take."""
    for _ in range(n_rounds):
        product0, product1 = _M0 * c0, _M1 * c2
        c0, c2 = (product1 >> _SHIFT) ^ c1 ^ k0, (product0 >> _SHIFT) ^ c3 ^ k1
        c1, c3 = product1 & _LOW, product0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


@njit(nogil=True, cache=True)
def fill_words(words, seed, trial, block, stream):
    """Draw the random words of ``STEPS_PER_BLOCK`` consecutive steps for every neuron.

    Parameters
    ----------
    words : ndarray of uint32, shape (STEPS_PER_BLOCK, n_neurons)
        Overwritten. Row ``k`` belongs to step ``STEPS_PER_BLOCK * block + k``.
    seed, trial, block, stream : int
        Key (64 bits) and counter (trial 32 bits, block 32 bits, stream 32 bits).
    """
    k0, k1 = uint64(seed) & _LOW, uint64(seed) >> _SHIFT
    c1, c2, c3 = uint64(block), uint64(trial), uint64(stream)
    for neuron in range(words.shape[1]):
        w0, w1, w2, w3 = philox4x32(uint64(neuron), c1, c2, c3, k0, k1)
        words[0, neuron] = uint32(w0)
        words[1, neuron] = uint32(w1)
        words[2, neuron] = uint32(w2)
        words[3, neuron] = uint32(w3)


_LANES = 8  # 64-bit numbers in the widest vector registers: a loop over full vectors leaves no rest


@njit(nogil=True, cache=True)
def neuron_terms(n_neurons, seed, trial, stream):
    """Work out the part of Philox's first three rounds that is the same in every block of steps.

    Of the counter (neuron, block, trial, stream) only the block changes as time goes on. It enters c0 in
    the first round, one product of the second and one of the third; what else the neurons need of these
    rounds is computed once, here.

    Returns
    -------
    terms : ndarray of uint64, shape (4, n_columns)
        What is XORed, or taken, in `draw_block`; n_columns is n_neurons, rounded up to full vectors.
    """
    n_columns = -(-n_neurons // _LANES) * _LANES
    terms = np.empty((4, n_columns), dtype=np.uint64)
    k0, k1 = uint64(seed) & _LOW, uint64(seed) >> _SHIFT
    low_trial = (_M1 * uint64(trial)) & _LOW
    for neuron in range(n_columns):
        product = _M0 * uint64(neuron)  # first round
        c2, c3 = (product >> _SHIFT) ^ uint64(stream) ^ k1, product & _LOW
        product = _M1 * c2  # second round
        c0, c1 = (product >> _SHIFT) ^ low_trial ^ ((k0 + _W0) & _LOW), product & _LOW
        terms[0, neuron] = c3 ^ ((k1 + _W1) & _LOW)
        product = _M0 * c0  # third round
        terms[1, neuron] = c1 ^ ((k0 + _W0 + _W0) & _LOW)
        terms[2, neuron] = (product >> _SHIFT) ^ ((k1 + _W1 + _W1) & _LOW)
        terms[3, neuron] = product & _LOW
    return terms


@njit(nogil=True, cache=True)
def draw_block(words, terms, seed, trial, block):
    """Draw the random words of ``STEPS_PER_BLOCK`` consecutive steps for every neuron.

    The same numbers as those of `fill_words`, at three quarters of the multiplications.

    Parameters
    ----------
    words : ndarray of uint32, shape (STEPS_PER_BLOCK, n_columns or more)
        Overwritten. Row ``k`` belongs to step ``STEPS_PER_BLOCK * block + k``.
    terms : ndarray of uint64, shape (4, n_columns)
        From `neuron_terms`, with this seed and trial.
    seed, trial, block : int
        Key (64 bits) and counter (trial and block 32 bits each).
    """
    k0, k1 = uint64(seed) & _LOW, uint64(seed) >> _SHIFT
    product = _M0 * (((_M1 * uint64(trial)) >> _SHIFT) ^ uint64(block) ^ k0)  # second round, c0
    high, low = product >> _SHIFT, product & _LOW
    k0, k1 = (k0 + uint64(3) * _W0) & _LOW, (k1 + uint64(3) * _W1) & _LOW
    for neuron in range(terms.shape[1]):
        product = _M1 * (high ^ terms[0, neuron])  # third round, c2
        c0, c1 = (product >> _SHIFT) ^ terms[1, neuron], product & _LOW
        c2, c3 = low ^ terms[2, neuron], terms[3, neuron]
        w0, w1, w2, w3 = philox_rounds(c0, c1, c2, c3, k0, k1, 7)
        words[0, neuron] = uint32(w0)
        words[1, neuron] = uint32(w1)
        words[2, neuron] = uint32(w2)
        words[3, neuron] = uint32(w3)


def uniforms(seed, trial, first_step, n_steps, n_neurons, stream=STREAM_NOISE):
    """Uniform numbers on (0, 1) of the given steps, the ones the engines use.

    Parameters
    ----------
    seed, trial : int
        Key of the numbers.
    first_step, n_steps : int
        Range of steps.
    n_neurons : int
    stream : int, optional
        ``STREAM_NOISE`` or ``STREAM_INITIAL_STATE``.

    Returns
    -------
    ndarray of float64, shape (n_steps, n_neurons)
        Odd multiples of 2**-33: the middle of the interval that a 32-bit word stands for.
    """
    first_block = first_step // STEPS_PER_BLOCK
    last_block = (first_step + n_steps - 1) // STEPS_PER_BLOCK
    words = np.empty(((last_block - first_block + 1) * STEPS_PER_BLOCK, n_neurons), dtype=np.uint32)
    for index, block in enumerate(range(first_block, last_block + 1)):
        rows = words[index * STEPS_PER_BLOCK : (index + 1) * STEPS_PER_BLOCK]
        fill_words(rows, np.uint64(seed), trial, block, stream)
    offset = first_step - first_block * STEPS_PER_BLOCK
    return (words[offset : offset + n_steps] + 0.5) / 2.0**32
