"""Counts at some lags where most are zero: only those that are not are kept, and equal rows once."""

from typing import NamedTuple

import numpy as np
from numba import njit

from circuitbias.fitting.rows import SparseRows, entries_of
from circuitbias.spikes.binning import BinnedCounts


class SparseCounts(NamedTuple):
    """Summary of counts at some lags.

    Attributes
    ----------
    rows : SparseRows
    cross_moment : array, shape (n_columns, n_targets)
        ``X'Y / T``.
    bounds : array, shape (2, n_columns)
        Lowest and highest count of each column.
    """

    rows: SparseRows
    cross_moment: np.ndarray
    bounds: np.ndarray


def sparse_counts(counts: BinnedCounts, kept: np.ndarray, lags: list[int]) -> SparseCounts:
    """Go over the counts once and keep what is not zero.

    Parameters
    ----------
    counts : BinnedCounts
    kept : ndarray of int, shape (n_kept,)
        Neurons that are covariates and targets.
    lags : list of int
        In bins, ascending.

    Returns
    -------
    SparseCounts
    """
    starts, columns, values, responding = _rows_of_lags(_events(counts, kept), np.array(lags), len(kept))
    n_rows, n_columns = len(starts) - 1, len(lags) * len(kept) + 1
    cross = np.zeros((n_columns, len(kept)))
    _add_cross(cross, starts, columns, values, *responding)
    kept_rows, weights = _different(starts, columns, values)
    new, entries = entries_of(starts, kept_rows)
    rows = SparseRows(new, columns[entries], values[entries], weights, n_rows, n_columns)
    bounds = _bounds(rows)
    return SparseCounts(rows, cross / n_rows, bounds)


class _Events(NamedTuple):
    """Counts that are not zero: where each bin's begin, their neurons and sizes; where trials begin."""

    starts: np.ndarray
    neurons: np.ndarray
    values: np.ndarray
    trials: np.ndarray


def _events(counts, kept):
    column = np.full(counts.n_neurons, -1, dtype=np.int64)
    column[kept] = np.arange(len(kept))
    all_kept = len(kept) == counts.n_neurons
    lengths, neurons, values = [np.zeros(1, dtype=np.int64)], [], []
    for block in counts.blocks():
        of_kept = block.counts if all_kept else np.ascontiguousarray(block.counts[:, kept])
        where = np.flatnonzero(of_kept)
        rows = where // len(kept)
        lengths.append(np.bincount(rows, minlength=len(of_kept)))
        neurons.append((where - rows * len(kept)).astype(np.uint32))
        values.append(of_kept.ravel()[where])
    trials = np.concatenate([[0], np.cumsum(counts.trial_bins)])
    starts = np.cumsum(np.concatenate(lengths))
    return _Events(starts, np.concatenate(neurons), np.concatenate(values), trials)


def _rows_of_lags(events, lags, n_neurons):
    """Put the counts at all lags into rows; and say which counts respond in each row."""
    longest = lags[-1]
    bins = [
        np.arange(first + longest, end)
        for first, end in zip(events.trials[:-1], events.trials[1:], strict=True)
    ]
    bins = np.concatenate(bins)
    lengths = sum(events.starts[bins - lag + 1] - events.starts[bins - lag] for lag in lags)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.empty(starts[-1], dtype=np.uint32)
    values = np.empty(starts[-1], dtype=events.values.dtype)
    _fill(columns, values, starts, bins, lags, n_neurons, events.starts, events.neurons, events.values)
    return starts, columns, values, (bins, events.starts, events.neurons, events.values)


@njit(nogil=True, cache=True)
def _fill(columns, values, starts, bins, lags, n_neurons, event_starts, neurons, counts):
    for row in range(bins.shape[0]):
        entry = starts[row]
        for index in range(lags.shape[0]):
            past = bins[row] - lags[index]
            for event in range(event_starts[past], event_starts[past + 1]):
                columns[entry] = index * n_neurons + neurons[event]
                values[entry] = counts[event]
                entry += 1


@njit(nogil=True, cache=True)
def _add_cross(cross, starts, columns, values, bins, event_starts, neurons, counts):
    for row in range(bins.shape[0]):
        for event in range(event_starts[bins[row]], event_starts[bins[row] + 1]):
            target, response = neurons[event], float(counts[event])
            cross[-1, target] += response
            for entry in range(starts[row], starts[row + 1]):
                cross[columns[entry], target] += response * values[entry]


def _different(starts, columns, values):
    """Rows that differ, each by its first one, in their order, and how often each is there."""
    hashes = np.empty(len(starts) - 1, dtype=np.uint64)
    _hash(hashes, starts, columns, values)
    order = np.argsort(hashes, kind="stable")
    weights = np.zeros(len(hashes))
    _count_equal(weights, order, hashes, starts, columns, values)
    rows = np.flatnonzero(weights)
    return rows, weights[rows]


@njit(nogil=True, cache=True)
def _hash(hashes, starts, columns, values):
    for row in range(hashes.shape[0]):
        state = np.uint64(14695981039346656037)
        for entry in range(starts[row], starts[row + 1]):
            state ^= np.uint64(columns[entry]) * np.uint64(65537) + np.uint64(values[entry])
            state *= np.uint64(1099511628211)
            state ^= state >> np.uint64(29)
        hashes[row] = state


@njit(nogil=True, cache=True)
def _count_equal(weights, order, hashes, starts, columns, values):
    """Count each row to the first of those that equal it; rows of one hash may differ."""
    first = order[0]
    for row in order:
        length = starts[row + 1] - starts[row]
        equal = hashes[row] == hashes[first] and length == starts[first + 1] - starts[first]
        if equal:
            for entry in range(length):
                here, there = starts[row] + entry, starts[first] + entry
                equal = equal and columns[here] == columns[there] and values[here] == values[there]
        if not equal:
            first = row
        weights[first] += 1


def _bounds(rows):
    """Lowest and highest value of each column."""
    lowest, highest = np.full(rows.n_columns, np.inf), np.zeros(rows.n_columns)
    often = np.zeros(rows.n_columns)
    _extremes(lowest, highest, often, rows.starts, rows.columns, rows.values, rows.weights)
    lowest[often < rows.n_rows] = 0
    lowest[-1] = highest[-1] = 1
    return np.stack([lowest, highest])


@njit(nogil=True, cache=True)
def _extremes(lowest, highest, often, starts, columns, values, weights):
    for row in range(weights.shape[0]):
        for entry in range(starts[row], starts[row + 1]):
            column, value = columns[entry], float(values[entry])
            often[column] += weights[row]
            lowest[column] = min(lowest[column], value)
            highest[column] = max(highest[column], value)
