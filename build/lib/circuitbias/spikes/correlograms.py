"""Cross-correlograms of all pairs of neurons, straight from the events.

The correlogram of a pair at lag l (bins) is

    C_ij(l) = ( 1/(T - l) sum_t x_i(t) x_j(t + l)  -  m_i m_j ) / (sd_i sd_j),

x being counts in bins, m their means and sd their standard deviations. A positive lag means that i (pre)
fires before j (post); C_ij(-l) = C_ji(l). The sum is a number of pairs of spikes, so it is counted over
pairs of nearby spikes: the cost grows with these, not with bins.
"""

import numpy as np
from numba import njit

from circuitbias.exceptions import UnusableDataError
from circuitbias.progress import Countdown
from circuitbias.spikes.segments import SpikeSource


@njit(nogil=True, cache=True)
def _by_neuron(bins, neurons, first_new, n_neurons, n_lags):
    """Sort the events from ``first_new`` on by neuron; for each, say which is the first within the lags."""
    places = np.zeros(n_neurons + 1, dtype=np.int64)
    for event in range(first_new, len(bins)):
        places[neurons[event] + 1] += 1
    places = np.cumsum(places)
    order = np.empty(len(bins) - first_new, dtype=np.int64)
    oldest = np.empty(len(bins) - first_new, dtype=np.int64)
    first = 0
    for event in range(first_new, len(bins)):
        while bins[first] <= bins[event] - n_lags:
            first += 1
        place = places[neurons[event]]
        places[neurons[event]] += 1
        order[place], oldest[place] = event, first
    return order, oldest


@njit(nogil=True, cache=True)
def _count_pairs(pairs, bins, neurons, cells, order, oldest):
    """Add each pair of spikes that ends with a new one: ``pairs[later, earlier * lags + lag]``.

    One neuron's spikes after the other: what they add to is then small enough to stay near the processor.

    Parameters
    ----------
    pairs : ndarray of int64, shape (n, n * lags)
    bins : ndarray of uint64
        Of the events, sorted. Indices without a sign need no check for counting from the end: twice as fast.
    neurons : ndarray of int64
    cells : ndarray of uint64
        Of the events, the cell of a row of ``pairs`` less the bin of the later spike, modulo 2**64.
    order, oldest : ndarray of int64
        Of `_by_neuron`.
    """
    for event, first in zip(order, oldest):  # noqa: B905 (numba's zip knows no strict)
        ending, now = pairs[neurons[event]], bins[event]
        for cell in cells[first:event]:
            ending[cell + now] += 1


def _add_events(pairs, codes, first_new):
    """Add the pairs that end with one of ``codes[first_new:]``: sorted, each a bin times n plus a neuron."""
    n, _, n_lags = pairs.shape
    bins = codes // n
    neurons = codes - bins * n
    order, oldest = _by_neuron(bins, neurons, first_new, n, n_lags)
    cells = (neurons * n_lags - bins).view(np.uint64)
    _count_pairs(pairs.reshape(n, -1), bins.view(np.uint64), neurons, cells, order, oldest)


def _events_at_once(n_neurons):
    """So many that one neuron's are some, but that all of them stay near the processor if they can."""
    return min(max(2 * n_neurons**2, 2**14), 2**21)


def _codes(source, trial, n_bins, bin_steps, progress):
    """One number per event, its bin times n plus its neuron: sorted as the events are, many at a time."""
    at_once = _events_at_once(source.n_neurons)
    waiting, n_waiting = [], 0

    def pieces():
        codes = np.concatenate(waiting)
        return (codes[start : start + at_once] for start in range(0, len(codes), at_once))

    for segment in source.segments(trial):
        complete = segment.steps < n_bins * bin_steps
        waiting.append(segment.steps[complete] // bin_steps * source.n_neurons + segment.neurons[complete])
        n_waiting += len(waiting[-1])
        progress.add(segment.n_steps)
        if n_waiting >= at_once:
            yield from pieces()
            waiting, n_waiting = [], 0
    if n_waiting:
        yield from pieces()


def count_pairs(
    source: SpikeSource, bin_steps: int, longest_lag: int, binarise: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Count pairs of spikes by their lag; the sums over t above, but for pairs of a spike with itself.

    Parameters
    ----------
    source, bin_steps, longest_lag, binarise
        See `correlogram`.

    Returns
    -------
    pairs : ndarray of int64, shape (n, n, longest_lag + 1)
        ``[j, i, l]`` is how often j fires l bins after i.
    spikes : ndarray of int64, shape (n,)
        In complete bins.
    """
    n = source.n_neurons
    trial_bins = source.trial_steps // bin_steps
    pairs = np.zeros((n, n, longest_lag + 1), dtype=np.int64)
    spikes = np.zeros(n, dtype=np.int64)
    progress = Countdown(float(source.trial_steps.sum()), "steps correlated")
    for trial, n_bins in enumerate(trial_bins):
        past = np.empty(0, dtype=np.int64)  # codes that the next ones can look back at
        for codes in _codes(source, trial, n_bins, bin_steps, progress):
            new = np.setdiff1d(codes, past) if binarise else codes
            spikes += np.bincount(new % n, minlength=n)
            codes = np.concatenate([past, new])
            _add_events(pairs, codes, len(past))
            past = codes[codes // n >= codes[-1] // n - longest_lag]

    pairs[:, :, 0] += pairs[:, :, 0].T.copy()  # at lag 0 neither is the earlier one
    return pairs, spikes


def correlogram(source: SpikeSource, bin_steps: int, longest_lag: int, binarise: bool = False) -> np.ndarray:
    """Normalised cross-correlograms of all pairs at lags from 0 on.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int
        Steps in a bin.
    longest_lag : int
        In bins.
    binarise : bool, optional
        Use ``count > 0`` in place of the count.

    Returns
    -------
    ndarray of float64, shape (longest_lag + 1, n, n)
        ``[l, i, j]`` is C_ij(l): j fires l bins after i. NaN where a neuron's count is constant.

    Raises
    ------
    ValueError
        If no trial is longer than ``longest_lag`` bins.
    """
    return counted_correlogram(source, bin_steps, longest_lag, binarise)[0]


def counted_correlogram(source, bin_steps, longest_lag, binarise=False) -> tuple[np.ndarray, np.ndarray]:
    """As `correlogram`, and the sum of the counts of each neuron, (n,)."""
    trial_bins = source.trial_steps // bin_steps
    if trial_bins.max(initial=0) <= longest_lag:
        raise UnusableDataError(
            f"a lag of {longest_lag} bins of {bin_steps} steps is longer than every trial "
            f"(longest: {source.trial_steps.max(initial=0)} steps)"
        )
    pairs, spikes = count_pairs(source, bin_steps, longest_lag, binarise)
    n_products = np.maximum(trial_bins - np.arange(longest_lag + 1)[:, None], 0).sum(axis=1)
    return normalised(pairs.transpose(2, 1, 0), spikes, n_products), spikes


def normalised(pairs: np.ndarray, spikes: np.ndarray, n_products: np.ndarray) -> np.ndarray:
    """Correlograms from numbers of pairs of spikes, those of a spike with itself not counted.

    Parameters
    ----------
    pairs : ndarray of int, shape (n_lags, n, n)
    spikes : ndarray of int, shape (n,)
    n_products : ndarray of int, shape (n_lags,)
        Pairs of bins at each lag: at lag 0, bins.
    """
    products = pairs.astype(np.float64)
    products[0] += np.diag(spikes)  # a spike also pairs with itself
    mean = spikes / n_products[0]
    variance = products[0].diagonal() / n_products[0] - mean**2
    sd = np.where(variance > 1e-12 * np.maximum(mean**2, 1e-300), np.sqrt(np.abs(variance)), np.nan)
    return (products / n_products[:, None, None] - np.outer(mean, mean)) / np.outer(sd, sd)
