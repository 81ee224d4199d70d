"""Which matrices are sparse; and lists of edges, which are no matrices, however square by chance."""

import sys

import numpy as np
import scipy  # parts of it are loaded when they are first used


def is_sparse(values) -> bool:
    """Whether this is a sparse array: nothing is while `scipy.sparse` is not loaded, which takes time."""
    return "scipy.sparse" in sys.modules and scipy.sparse.issparse(values)


def list_of_edges(values) -> str:
    """Say why an array is a list of edges rather than a matrix of weights.

    A row of such a list is (pre, post) or (pre, post, weight). A list of three edges is as square as a matrix
    of three neurons: a matrix is told by zeros on its diagonal, or by pairs that are not those of neurons.

    Parameters
    ----------
    values : array or sparse array

    Returns
    -------
    str
        What was seen, and what to do; empty if it may be a matrix.
    """
    if is_sparse(values) or values.ndim != 2 or values.dtype.kind not in "iuf":
        return ""
    n_rows, n_columns = values.shape
    if n_columns not in (2, 3) or n_rows < 2 or (n_rows, n_columns) == (2, 2):
        return ""
    pairs = values[:, :2]
    if not np.isfinite(values).all() or (pairs < 0).any() or (pairs != np.floor(pairs)).any():
        return ""
    if len(np.unique(pairs, axis=0)) < n_rows:  # a pair is listed once
        return ""
    if n_rows == n_columns and not _rather_edges(values, pairs):
        return ""
    return (
        "it looks like a list of edges (pre, post, weight); allowed is the matrix, whose row i holds the "
        "weights from neuron i to every neuron. With numpy: W = zeros((n, n)); W[pre, post] = weight"
        + (". If it is a matrix all the same, set its diagonal to 0" if n_rows == n_columns else "")
    )


def _rather_edges(values, pairs) -> bool:
    """Of three rows by three columns: no zero diagonal, no neuron to itself, and numbers as neurons have."""
    if not np.diag(values).any() or (pairs[:, 0] == pairs[:, 1]).any():
        return False
    numbers = np.unique(pairs)
    in_a_row = numbers[0] <= 1 and numbers[-1] - numbers[0] == len(numbers) - 1
    return bool(in_a_row or (values[:, 2] != np.floor(values[:, 2])).any())
