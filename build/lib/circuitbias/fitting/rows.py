"""Rows of a design matrix, as regressions go over them: dense blocks, or the events of mostly empty rows."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numba import njit

from circuitbias.device import Array, n_threads, namespace, quietly
from circuitbias.fitting.families import Family
from circuitbias.fitting.hessians import weighted_squares
from circuitbias.fitting.tuning import tuning


class Rows(Protocol):
    """All rows of a design matrix X, whose last column is 1.

    Attributes
    ----------
    n_rows : int
    n_columns : int
    """

    n_rows: int
    n_columns: int

    def sums(self, coefficients: Array, family: Family, single: bool = False) -> tuple[Array, Array]:
        """Sum ``A(X b_j)`` over all rows, shape (n_targets,), and ``X' A'(X b_j)``, (n_columns, n_targets).

        Parameters
        ----------
        coefficients : array, shape (n_columns, n_targets)
        family : Family
        single : bool, optional
            Whether single precision will do.
        """

    def hessians(self, coefficients: Array, family: Family) -> Array:
        """Hessians ``X' diag(A''(X b_j)) X / T`` of all targets: (n_targets, n_columns, n_columns)."""


@dataclass
class DenseRows:
    """Rows in dense blocks, which are made again in every pass.

    Attributes
    ----------
    blocks : callable
        Goes over the data once: blocks of rows.
    n_rows, n_columns : int
    """

    blocks: Callable[[], Iterator[Array]]
    n_rows: int
    n_columns: int

    def sums(self, coefficients, family, single=False):
        """See `Rows.sums`."""
        xp = namespace(coefficients)
        dtype = xp.float32 if single else xp.float64
        total, gradient = xp.zeros_like(coefficients[0]), xp.zeros_like(coefficients)
        # Targets in rows: in double precision these products are the faster ones.
        given = xp.asarray(coefficients.T, dtype=dtype)
        for rows in self.blocks():
            rows = xp.asarray(rows, dtype=dtype)
            partition, mean = family.evaluate(given @ rows.T)
            total += partition.sum(1)
            gradient += (mean @ rows).T
        return total, gradient

    def hessians(self, coefficients, family):
        """See `Rows.hessians`."""
        return weighted_squares(self.blocks(), family.curvatures_at(coefficients), coefficients)


@dataclass
class SparseRows:
    """Different rows that are mostly zeros, and how often each is there.

    The cost of a pass grows with the entries that are not zero. Targets are shared out among threads; the
    sums of each do not depend on that.

    Attributes
    ----------
    starts : ndarray of int64, shape (n_different + 1,)
        Where the entries of each row begin, and the end.
    columns, values : ndarray, shape (n_entries,)
        Of the entries that are not zero, ascending in each row; the last column of the design, of ones, is
        left out.
    weights : ndarray of float64, shape (n_different,)
        How often each row is there.
    n_rows : int
        Of the whole design matrix: the sum of the weights, or about that where these rows are a sample.
    n_columns : int
        With the one of ones.
    """

    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    n_rows: int
    n_columns: int

    def sums(self, coefficients, family, single=False):
        """See `Rows.sums`; always in double precision."""

        def of_some(given):
            gradient = np.zeros(given.shape)
            total = np.zeros(given.shape[1])
            for first, last, parameters in self._parameters(given):
                partition, mean = family.evaluate(parameters)
                total += self.weights[first:last] @ partition
                _add_products(gradient, self.starts, self.columns, self.values, self.weights, first, mean)
            return total, gradient

        totals, gradients = zip(*_by_targets(of_some, coefficients), strict=True)
        return np.concat(totals), np.concat(gradients, 1)

    def hessians(self, coefficients, family):
        """See `Rows.hessians`; summed in single precision."""

        def of_some(given):
            hessians = np.zeros((self.n_columns, self.n_columns, given.shape[1]), dtype=np.float32)
            for first, _, parameters in self._parameters(given):
                weights = family.curvature(family.evaluate(parameters)[1]).astype(np.float32)
                _add_squares(hessians, self.starts, self.columns, self.values, self.weights, first, weights)
            return _symmetric(np.moveaxis(hessians, 2, 0)) / self.n_rows

        return np.concat(_by_targets(of_some, coefficients))

    def _parameters(self, given):
        """Yield canonical parameters ``X b_j`` of some rows, (rows, n_targets), and which rows these are."""
        for first in range(0, len(self.weights), tuning().chunk_rows):
            last = min(first + tuning().chunk_rows, len(self.weights))
            parameters = np.empty((last - first, given.shape[1]))
            _multiply(parameters, self.starts, self.columns, self.values, first, given)
            yield first, last, parameters

    def dense_blocks(self):
        """Yield blocks of the different rows, dense and in single precision, and their weights (rows, 1)."""
        for first in range(0, len(self.weights), tuning().chunk_rows):
            last = min(first + tuning().chunk_rows, len(self.weights))
            entries = slice(self.starts[first], self.starts[last])
            rows = np.zeros((last - first, self.n_columns), dtype=np.float32)
            of_entries = np.repeat(np.arange(last - first), np.diff(self.starts[first : last + 1]))
            rows[of_entries, self.columns[entries]] = self.values[entries]
            rows[:, -1] = 1
            yield rows, self.weights[first:last, None].astype(np.float32)

    def second_moment(self) -> np.ndarray:
        """``X'X / T``, shape (n_columns, n_columns)."""
        second = np.zeros((self.n_columns, self.n_columns, 1))
        ones = np.ones((len(self.weights), 1))
        _add_squares(second, self.starts, self.columns, self.values, self.weights, 0, ones)
        return _symmetric(second[:, :, 0]) / self.n_rows

    def sample(self, n_rows: int) -> "SparseRows":
        """Draw about so many rows, evenly, each as likely as its weight times its entries; weigh them so.

        Their sums are then on average those of all rows.
        """
        sizes = self.weights * np.maximum(np.diff(self.starts), 1)
        if n_rows >= len(sizes):
            return self
        share = n_rows / sizes.sum()
        for _ in range(20):  # what is certain to be drawn leaves more to the others
            certain = share * sizes >= 1
            share = (n_rows - certain.sum()) / max(sizes[~certain].sum(), 1e-300)
        likely = np.where(certain, 1.0, np.minimum(share * sizes, 1.0))
        drawn = np.flatnonzero(np.diff(np.floor(np.cumsum(likely) + 1e-9), prepend=0.0) > 0)
        starts, entries = entries_of(self.starts, drawn)
        return SparseRows(
            starts,
            self.columns[entries],
            self.values[entries],
            self.weights[drawn] / likely[drawn],
            self.n_rows,
            self.n_columns,
        )


def entries_of(starts, rows):
    """Where the entries of some rows begin in what is made of these alone, and which entries they are."""
    lengths = np.diff(starts)[rows]
    new = np.concatenate([[0], np.cumsum(lengths)])
    entries = np.arange(new[-1]) + np.repeat(starts[rows] - new[:-1], lengths)
    return new, entries


def _by_targets(work, coefficients):
    """Do some work for shares of the targets, each in a thread."""
    shares = np.array_split(coefficients, min(n_threads(), coefficients.shape[1]), 1)
    work = quietly(work)
    shares = list(map(np.ascontiguousarray, shares))
    if len(shares) == 1:
        return [work(shares[0])]
    with ThreadPoolExecutor(len(shares)) as threads:
        return list(threads.map(work, shares))


def _symmetric(upper):
    """Symmetric matrices, in double precision, from their upper triangles."""
    upper = np.triu(upper).astype(np.float64)
    return upper + np.triu(upper, 1).swapaxes(-1, -2)


@njit(nogil=True, cache=True)
def _multiply(parameters, starts, columns, values, first, coefficients):
    """Write ``X b_j`` of the rows from ``first`` on."""
    n_targets = parameters.shape[1]
    for row in range(parameters.shape[0]):
        out = parameters[row]
        out[:] = coefficients[-1]
        for entry in range(starts[first + row], starts[first + row + 1]):
            value, given = float(values[entry]), coefficients[columns[entry]]
            for target in range(n_targets):
                out[target] += value * given[target]


@njit(nogil=True, cache=True)
def _add_products(sums, starts, columns, values, weights, first, means):
    """Add ``x m_j`` of the rows from ``first`` on, each by its weight; ``means`` become these products."""
    n_targets = means.shape[1]
    for row in range(means.shape[0]):
        mean = means[row]
        mean *= weights[first + row]
        sums[-1] += mean
        for entry in range(starts[first + row], starts[first + row + 1]):
            value, out = float(values[entry]), sums[columns[entry]]
            for target in range(n_targets):
                out[target] += value * mean[target]


@njit(nogil=True, cache=True)
def _add_squares(squares, starts, columns, values, weights, first, curvatures):
    """Add ``x x' c_j`` of the rows from ``first`` on to the upper triangles of all targets."""
    n_targets = curvatures.shape[1]
    scaled = np.empty(n_targets, dtype=squares.dtype)
    weighted = np.empty(n_targets, dtype=squares.dtype)
    for row in range(curvatures.shape[0]):
        weighted[:] = curvatures[row]
        weighted *= squares.dtype.type(weights[first + row])
        squares[-1, -1] += weighted
        last = starts[first + row + 1]
        for entry in range(starts[first + row], last):
            scaled[:] = weighted
            scaled *= squares.dtype.type(values[entry])
            of_column = squares[columns[entry]]
            of_column[-1] += scaled
            for other in range(entry, last):
                value, out = squares.dtype.type(values[other]), of_column[columns[other]]
                for target in range(n_targets):
                    out[target] += value * scaled[target]
