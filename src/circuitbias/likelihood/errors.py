"""Standard errors of matched fits, from their information."""

import numpy as np


def without(information, held):
    """Information without the couplings that do not move: their rows and columns are zero.

    Parameters
    ----------
    information : ndarray, shape (n, n + 1, n + 1)
    held : ndarray of bool, shape (n, n)
        [source, target]: at a limit of theirs.
    """
    free = np.vstack([~held, np.ones((1, len(information)), dtype=bool)]).T
    return information * free[:, :, None] * free[:, None, :]


def standard_errors(information, held):
    """Of all couplings, (n, n) [source, target]; NaN where they are held. See `without`."""
    n = len(information)
    errors = np.full((n, n), np.nan)
    for target, matrix in enumerate(without(information, held)):
        free = np.flatnonzero(matrix.diagonal() > 0)
        variances = np.linalg.pinv(matrix[np.ix_(free, free)], hermitian=True).diagonal()
        sources = free[free < n]
        errors[sources, target] = np.sqrt(np.where(variances > 0, variances, np.nan)[: len(sources)])
    return errors
