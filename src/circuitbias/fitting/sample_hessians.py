"""Hessians of many regressions on a sample of the rows: they lead the way over all rows.

The Hessian of target j is ``X' diag(w_j) X / T``. Single precision will do, as it only has to point the way.
"""

import torch

from circuitbias.fitting.objective import finished
from circuitbias.fitting.tuning import tuning
from circuitbias.spikes.moments import mean_and_covariance


def match_moments(own, second_moment):
    """The smallest linear map that gives rows, whose last column is 1, this second moment.

    It is the optimal transport between normal distributions of the two covariances.

    Parameters
    ----------
    own, second_moment : tensor, shape (n_columns, n_columns)
        Of the rows as they are, and as they are to be.

    Returns
    -------
    tensor, shape (n_columns, n_columns)
        For ``rows @ map``.
    """
    own_means, own_covariance = mean_and_covariance(own)
    means, covariance = mean_and_covariance(second_moment)
    root, inverse_root = _square_root(own_covariance)
    stretch = inverse_root @ _square_root(root @ covariance @ root)[0] @ inverse_root
    move = torch.eye(len(second_moment)).to(second_moment)
    move[:-1, :-1], move[-1, :-1] = stretch, means - own_means @ stretch
    return move


def sample_hessians(sample, weights, free, least_diagonal, ridge=0.0, move=None):
    """Hessians ``X' diag(w_j) X / T`` of every target, on a sample of rows.

    Parameters
    ----------
    sample : iterable of tensor, shape (rows, n_columns)
        Blocks of rows.
    weights : callable
        From some rows of the design, in single precision, to w, shape (rows, n_targets).
    free : tensor of bool, shape (n_columns, n_targets)
        Coefficients that are fitted. Rows and columns of the others are those of the unit matrix.
    least_diagonal : tensor, shape (n_columns, n_targets)
        Bound from below of the diagonals: all there is of a column that is zero in every row of the sample.
    ridge : float, optional
        Added to the diagonals, but not to the last entry.
    move : tensor, shape (n_columns, n_columns), optional
        From `match_moments`: the rows, but not their weights, are moved to have the moments of all rows,
        which removes the sampling error that constant weights would leave.

    Returns
    -------
    tensor, shape (n_targets, n_columns, n_columns)
    """
    n_columns, n_targets = free.shape
    move = None if move is None else move.float()
    # Each target weights the same products of columns: of each pair once.
    pairs = torch.triu_indices(n_columns, n_columns, device=free.device)
    moments = torch.zeros((pairs.shape[1], n_targets), dtype=torch.float32, device=free.device)
    n_rows = 0
    for block in sample:
        n_rows += len(block)
        for rows in block.split(tuning().rows_of_pairs):
            rows = rows.float()
            moved = rows if move is None else rows @ move
            moments.addmm_(_products_of_pairs(moved.T), weights(rows))
    moments = moments.T / n_rows
    hessians = torch.empty((n_targets, n_columns, n_columns), dtype=torch.float64, device=free.device)
    hessians[:, pairs[0], pairs[1]] = hessians[:, pairs[1], pairs[0]] = moments.to(hessians)
    return finished(hessians, free, least_diagonal, ridge)


def _square_root(covariance):
    """Symmetric square root, and its inverse where there is one."""
    variances, axes = torch.linalg.eigh(covariance)
    some = variances > 1e-10 * variances[-1]
    deviations = torch.where(some, variances, 0.0).sqrt()
    return axes * deviations @ axes.T, axes * torch.where(some, 1 / deviations, 0.0) @ axes.T


def _products_of_pairs(columns):
    """Products of all pairs i <= k of columns, (n_columns, n_rows), in the order of `torch.triu_indices`."""
    products = columns.new_empty((len(columns) * (len(columns) + 1) // 2, columns.shape[1]))
    start = 0
    for index, column in enumerate(columns):
        end = start + len(columns) - index
        torch.mul(column, columns[index:], out=products[start:end])
        start = end
    return products
