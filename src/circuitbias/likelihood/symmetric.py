"""Couplings that are the same both ways, from fits of each target and their information."""

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtri


def of_couplings(information: np.ndarray) -> np.ndarray:
    """Information on each target's couplings, (n, n, n), whatever its constant and its own past.

    Parameters
    ----------
    information : ndarray, shape (n, n + 1, n + 1)
        Of each target on all coefficients, the constant last; zero where one is held.

    Returns
    -------
    ndarray
        Schur complements; rows and columns of a target's own past are zero.
    """
    n = len(information)
    result = np.zeros((n, n, n))
    for target in range(n):
        rest = [target, n] if information[target, target, target] > 0 else [n]
        others = np.arange(n) != target
        whole = information[target]
        between = whole[np.ix_(others, rest)]
        if whole[n, n] > 0:
            reduced = whole[:n, :n][np.ix_(others, others)] - between @ np.linalg.solve(
                whole[np.ix_(rest, rest)], between.T
            )
            result[target][np.ix_(others, others)] = reduced
    return result


def symmetric_fit(couplings: np.ndarray, information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maximum likelihood under W = W', by the parabola that each target's likelihood is near its maximum.

    Minimises sum_j (w_j - g_j)' C_j (w_j - g_j) over symmetric w, with C_j the information on the couplings
    g_j to target j.

    Parameters
    ----------
    couplings : ndarray, shape (n, n)
        [source, target]; finite, also where there is no information.
    information : ndarray, shape (n, n, n)
        Of each target, of `of_couplings`.

    Returns
    -------
    couplings, standard_errors : ndarray, shape (n, n)
        NaN where neither direction tells anything.
    """
    n = len(couplings)
    pair = np.zeros((n, n), dtype=np.int64)
    upper = np.triu_indices(n, 1)
    pair[upper] = pair[upper[::-1]] = np.arange(len(upper[0]))
    matrix, pull = np.zeros((len(upper[0]),) * 2), np.zeros(len(upper[0]))
    for target in range(n):
        others = np.flatnonzero(np.arange(n) != target)
        of_pairs, weights = pair[others, target], information[target][np.ix_(others, others)]
        matrix[np.ix_(of_pairs, of_pairs)] += weights  # each pair once: no index is there twice
        pull[of_pairs] += weights @ couplings[others, target]
    told = matrix.diagonal() > 0
    matrix[np.diag_indices_from(matrix)] += ~told
    # In the place of the matrix, which may be large: its factor, then the inverse of that. Its rows have the
    # diagonal of the matrix's own inverse for squared lengths.
    factor, failed = dpotrf(matrix.T, overwrite_a=True)
    if failed:
        raise np.linalg.LinAlgError("the information on symmetric couplings is singular")
    values = dpotrs(factor, pull)[0]
    inverse = dtrtri(factor, overwrite_c=True)[0]
    errors = np.sqrt(np.einsum("ij,ij->i", inverse, inverse))
    values[~told], errors[~told] = np.nan, np.nan
    result = np.full((2, n, n), np.nan)
    result[:, *upper] = result[:, *upper[::-1]] = values, errors
    return result[0], result[1]
