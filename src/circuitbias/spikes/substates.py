"""Joint states of neighbouring neurons: how often each occurs, their entropy, how far two networks differ."""

import math

import numpy as np
from scipy.special import digamma

from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeSource

MOST_NEURONS = 20


def state_counts(source: SpikeSource, n_neurons: int, bin_steps: int, n_blocks: int = 1) -> np.ndarray:
    """Count the joint states of so many adjacent neurons, over all windows of them around the ring.

    Parameters
    ----------
    source : SpikeSource
        Neuron 0 is a neighbour of the last one.
    n_neurons : int
        Of a window: 1 ... 20, and no more than there are.
    bin_steps : int
        Steps in a bin; a neuron that fires in it is on.
    n_blocks : int
        Blocks of bins that follow each other, whose states are counted apart.

    Returns
    -------
    ndarray of int64, shape (n_blocks, 2**n_neurons)
        State k has neuron i of the window on if bit i of k is set. Each window of each bin is counted once.

    Raises
    ------
    ValueError
        If a window does not fit.
    """
    if not 1 <= n_neurons <= min(MOST_NEURONS, source.n_neurons):
        most = min(MOST_NEURONS, source.n_neurons)
        raise ValueError(f"n_neurons = {n_neurons}: a window must have 1 to {most} neurons")
    counts = BinnedCounts(source, bin_steps, binarise=True)
    found = np.zeros((n_blocks, 2**n_neurons), dtype=np.int64)
    bits, done, total = 1 << np.arange(n_neurons), 0, max(int(counts.n_bins), 1)
    for block in counts.blocks():
        on = np.concatenate([block.counts, block.counts[:, : n_neurons - 1]], axis=1).astype(np.int32)
        states = sum(bit * on[:, k : k + source.n_neurons] for k, bit in enumerate(bits.tolist()))
        which = (done + np.arange(len(states))) * n_blocks // total
        for number in np.unique(which):
            found[number] += np.bincount(states[which == number].ravel(), minlength=found.shape[1])
        done += len(states)
    return found


def entropy_bits(counts) -> float:
    """Entropy of the observed frequencies, in bits: too small by about (states - 1) / (2 n ln 2)."""
    counts = np.asarray(counts, dtype=float)
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())


def grassberger_bits(counts) -> float:
    r"""Entropy with the bias of few samples taken away, in bits.

    .. math:: \hat H = \ln n - \frac 1 n \sum_k n_k G(n_k), \quad
        G(m) = \psi(m) + \tfrac{(-1)^m}{2} \left[\psi(\tfrac{m + 1}{2}) - \psi(\tfrac m 2)\right]

    (Grassberger, arXiv:physics/0307138, 2003). Samples are taken to be independent.
    """
    counts = np.asarray(counts, dtype=np.int64)
    m = counts[counts > 0].astype(float)
    g = digamma(m) + np.where(m % 2 == 0, 0.5, -0.5) * (digamma((m + 1) / 2) - digamma(m / 2))
    return float((math.log(m.sum()) - (m * g).sum() / m.sum()) / math.log(2))


def divergence_bits(counts, others) -> float:
    r"""Kullback-Leibler divergence D(p || q) of two sets of states, in bits.

    Parameters
    ----------
    counts, others : array_like of int, shape (n_states,)
        How often each state occurred with p and with q, n and m times in all. Half an occurrence is added to
        each of q, so that a state that q has not shown costs a finite number of bits.

    Returns
    -------
    float
        With the bias of the frequencies taken away to first order; it may be slightly negative.

    Notes
    -----
    The logarithm of a count m_k and a half is ln(m q_k) + 1 / (2 m) in the mean, to first order, whatever
    q_k; and :math:`\sum_k \hat p_k \ln \hat p_k` is too large by (states that p has shown - 1) / (2 n).
    """
    counts, others = np.asarray(counts, dtype=float), np.asarray(others, dtype=float)
    there = counts > 0
    p = counts[there] / counts.sum()
    q = (others[there] + 0.5) / others.sum()
    bias = (there.sum() - 1) / (2 * counts.sum()) - 1 / (2 * others.sum())
    return float((p * np.log(p / q)).sum() - bias) / math.log(2)
