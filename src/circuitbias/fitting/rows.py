"""Rows of a design matrix, as regressions go over them: dense blocks, or the events of mostly empty rows."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numba import njit

from circuitbias.fitting.families import Family
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

    def sums(
        self, coefficients: torch.Tensor, family: Family, single: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Sum ``A(X b_j)`` over all rows, shape (n_targets,), and ``X' A'(X b_j)``, (n_columns, n_targets).

        Parameters
        ----------
        coefficients : tensor, shape (n_columns, n_targets)
        family : Family
        single : bool, optional
            Whether single precision will do.
        """

    def hessians(self, coefficients: torch.Tensor, family: Family) -> torch.Tensor:
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

    blocks: Callable[[], Iterator[torch.Tensor]]
    n_rows: int
    n_columns: int

    def sums(self, coefficients, family, single=False):
        """See `Rows.sums`."""
        dtype = torch.float32 if single else torch.float64
        total, gradient = torch.zeros_like(coefficients[0]), torch.zeros_like(coefficients)
        # Targets in rows: in double precision these products are the faster ones.
        given = coefficients.T.to(dtype).contiguous()
        for rows in self.blocks():
            rows = rows.to(dtype)
            partition, mean = family.evaluate(given @ rows.T)
            total += partition.sum(1)
            gradient += (mean @ rows).T
        return total, gradient

    def hessians(self, coefficients, family):
        """See `Rows.hessians`; the sums over a block are in single precision."""
        n_columns, n_targets = coefficients.shape
        hessians = coefficients.new_zeros((n_targets, n_columns, n_columns))
        for rows in self.blocks():
            _, mean = family.evaluate(rows.double() @ coefficients)
            rows, weights = rows.float(), family.curvature(mean).float()
            for hessian, weight in zip(hessians, weights.T, strict=True):
                hessian += (rows * weight[:, None]).T @ rows
        return hessians / self.n_rows


@dataclass
class SparseRows:
    """Different rows that are mostly zeros, and how often each is there.

    The cost of a pass grows with the entries that are not zero. Targets are shared out among as many threads
    as torch may use; the sums of each do not depend on that.

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
            total = torch.zeros(given.shape[1], dtype=torch.float64)
            for first, last, parameters in self._parameters(given):
                partition, mean = family.evaluate(parameters)
                total += torch.from_numpy(self.weights[first:last]) @ partition
                _add_products(
                    gradient, self.starts, self.columns, self.values, self.weights, first, mean.numpy()
                )
            return total, torch.from_numpy(gradient)

        totals, gradients = zip(*_by_targets(of_some, coefficients), strict=True)
        return torch.cat(totals), torch.cat(gradients, 1)

    def hessians(self, coefficients, family):
        """See `Rows.hessians`; summed in single precision."""

        def of_some(given):
            hessians = np.zeros((self.n_columns, self.n_columns, given.shape[1]), dtype=np.float32)
            for first, _, parameters in self._parameters(given):
                weights = family.curvature(family.evaluate(parameters)[1]).float().numpy()
                _add_squares(hessians, self.starts, self.columns, self.values, self.weights, first, weights)
            upper = torch.from_numpy(hessians).permute(2, 0, 1).triu()
            return (upper + upper.triu(1).transpose(1, 2)).double() / self.n_rows

        return torch.cat(_by_targets(of_some, coefficients))

    def _parameters(self, given):
        """Yield canonical parameters ``X b_j`` of some rows, (rows, n_targets), and which rows these are."""
        for first in range(0, len(self.weights), tuning().chunk_rows):
            last = min(first + tuning().chunk_rows, len(self.weights))
            parameters = np.empty((last - first, given.shape[1]))
            _multiply(parameters, self.starts, self.columns, self.values, first, given)
            yield first, last, torch.from_numpy(parameters)

    def dense_blocks(self):
        """Yield blocks of the different rows, dense and in single precision, and their weights (rows, 1)."""
        for first in range(0, len(self.weights), tuning().chunk_rows):
            last = min(first + tuning().chunk_rows, len(self.weights))
            entries = slice(self.starts[first], self.starts[last])
            rows = np.zeros((last - first, self.n_columns), dtype=np.float32)
            of_entries = np.repeat(np.arange(last - first), np.diff(self.starts[first : last + 1]))
            rows[of_entries, self.columns[entries]] = self.values[entries]
            rows[:, -1] = 1
            weights = self.weights[first:last, None].astype(np.float32)
            yield torch.from_numpy(rows), torch.from_numpy(weights)

    def second_moment(self) -> torch.Tensor:
        """``X'X / T``, shape (n_columns, n_columns)."""
        second = np.zeros((self.n_columns, self.n_columns, 1))
        ones = np.ones((len(self.weights), 1))
        _add_squares(second, self.starts, self.columns, self.values, self.weights, 0, ones)
        upper = torch.from_numpy(second[:, :, 0]).triu()
        return (upper + upper.triu(1).T) / self.n_rows

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
    shares = [share.contiguous().numpy() for share in coefficients.tensor_split(torch.get_num_threads(), 1)]
    shares = [share for share in shares if share.shape[1]]
    if len(shares) == 1:
        return [work(shares[0])]
    with ThreadPoolExecutor(len(shares)) as threads:
        return list(threads.map(work, shares))


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
