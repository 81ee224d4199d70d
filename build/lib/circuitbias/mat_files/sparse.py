"""Sparse matrices of .mat files, whose indices are looked at before anything is written where they point."""

import numpy as np


def from_columns(values, rows, starts, shape: tuple[int, int]) -> np.ndarray:
    """Make compressed columns dense; there may be room for more entries than there are."""
    starts, stored = whole_numbers(starts), min(len(rows), len(values))
    counts, n_entries = np.diff(starts), int(starts[-1])
    if starts[0] != 0 or counts.min(initial=0) < 0 or n_entries > stored:
        raise ValueError("the columns of a sparse matrix overlap or lie outside")
    return dense_of(values[:n_entries], rows[:n_entries], np.repeat(np.arange(len(counts)), counts), shape)


def dense_of(values, rows, columns, shape: tuple[int, int]) -> np.ndarray:
    """Make a sparse matrix dense. (The sparse matrices of scipy do not look where they write.)"""
    rows, columns = whole_numbers(rows), whole_numbers(columns)
    if min(rows.min(initial=0), columns.min(initial=0)) < 0:
        raise ValueError("a sparse matrix has indices below zero")
    dense = np.zeros(shape)
    np.add.at(dense, (rows, columns), values)
    return dense


def whole_numbers(numbers: np.ndarray) -> np.ndarray:
    """Return the numbers of an index as integers, if that is what they are."""
    with np.errstate(invalid="ignore"):
        whole = numbers.astype(np.int64)
    if not np.array_equal(whole, numbers):
        raise ValueError("an index or a size of a sparse matrix is no whole number in range")
    return whole
