"""What a spike adds: rows of ``r W0``, dense or compressed, as the compiled kernels take them."""

from typing import NamedTuple

import numpy as np
import scipy.sparse
from numba import njit, types
from numba.extending import overload


class SynapticRows(NamedTuple):
    """Rows of ``r W0`` ready for a kernel.

    Attributes
    ----------
    weights : ndarray of float64, shape (n, n), or tuple (starts, targets, values)
        Row j is what a spike of neuron j adds to the inputs. Compressed: ``values[starts[j]:starts[j + 1]]``
        at the neurons ``targets[...]``, in ascending order.
    excites : ndarray of bool, shape (n,)
        Whether a row has a positive entry.
    """

    weights: np.ndarray | tuple[np.ndarray, np.ndarray, np.ndarray]
    excites: np.ndarray

    @classmethod
    def of(cls, weights, r: float) -> "SynapticRows":
        """Scale the weights of a network, an array or a `scipy.sparse.csr_array`, by their strength."""
        if not scipy.sparse.issparse(weights):
            rows = np.ascontiguousarray(r * weights)
            return cls(rows, (rows > 0).any(axis=1))
        values = r * weights.data
        starts = weights.indptr.astype(np.int64)
        positive = np.concatenate([[0], np.cumsum(values > 0)])
        return cls((starts, weights.indices, values), np.diff(positive[starts]) > 0)

    def dense(self) -> np.ndarray:
        """Return the rows as an ordinary matrix, (n, n)."""
        if isinstance(self.weights, np.ndarray):
            return self.weights
        starts, targets, values = self.weights
        return scipy.sparse.csr_array((values, targets, starts), shape=(len(starts) - 1,) * 2).toarray()

    def summed(self, activation: np.ndarray) -> np.ndarray:
        """Input of every neuron: ``sum_j activation[j] r W0[j, i]``, added in the order of j.

        A plain sum over rows has one order of additions everywhere; a matrix product has not.
        """
        if isinstance(self.weights, np.ndarray):
            return (activation[:, None] * self.weights).sum(axis=0)
        starts, targets, values = self.weights
        total = np.zeros(len(activation))
        np.add.at(total, targets, np.repeat(activation, np.diff(starts)) * values)
        return total


def add_row(h, weights, j):
    """Add row j of the weights, dense or compressed, to h: for compiled code alone."""
    raise NotImplementedError("add_row has no meaning outside compiled code")


@overload(add_row, inline="always")
def _add_row(h, weights, j):
    if isinstance(weights, types.Array):

        def dense(h, weights, j):
            for i in range(h.shape[0]):
                h[i] += weights[j, i]

        return dense

    def compressed(h, weights, j):
        starts, targets, values = weights
        for place in range(starts[j], starts[j + 1]):
            h[targets[place]] += values[place]

    return compressed


def add_scaled_row(h, weights, j, factor):
    """Add row j of the weights, times a factor, to h: for compiled code alone."""
    raise NotImplementedError("add_scaled_row has no meaning outside compiled code")


@overload(add_scaled_row, inline="always")
def _add_scaled_row(h, weights, j, factor):
    if isinstance(weights, types.Array):

        def dense(h, weights, j, factor):
            for i in range(h.shape[0]):
                h[i] += factor * weights[j, i]

        return dense

    def compressed(h, weights, j, factor):
        starts, targets, values = weights
        for place in range(starts[j], starts[j + 1]):
            h[targets[place]] += factor * values[place]

    return compressed


def take_relief(relief, weights, j, factor):
    """Add to relief what inhibition ends with row j, times a factor: for compiled code alone."""
    raise NotImplementedError("take_relief has no meaning outside compiled code")


@overload(take_relief, inline="always")
def _take_relief(relief, weights, j, factor):
    if isinstance(weights, types.Array):

        def dense(relief, weights, j, factor):
            for i in range(relief.shape[0]):
                relief[i] += factor * max(-weights[j, i], 0.0)

        return dense

    def compressed(relief, weights, j, factor):
        starts, targets, values = weights
        for place in range(starts[j], starts[j + 1]):
            relief[targets[place]] += factor * max(-values[place], 0.0)

    return compressed


@njit(inline="always")
def decay_all(h, decay, times):
    """Multiply h by ``decay`` the given number of times, step by step."""
    while times >= 4:
        for i in range(h.shape[0]):
            h[i] = (((h[i] * decay) * decay) * decay) * decay
        times -= 4
    while times > 0:
        for i in range(h.shape[0]):
            h[i] *= decay
        times -= 1
