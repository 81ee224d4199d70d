"""How far couplings are from the true weights, split into bias and variance.

An estimate is known up to a factor only, so one scale is fitted first (least squares). What is then
left over is split by averaging over *realisations* of the same true weight: in a network whose
positions are equivalent the N rows are realisations of one profile; in any network, repeated recordings
(`circuitbias.errors.repeated`) are. Definitions: Das & Fiete 2020, doi:10.1038/s41593-020-0699-2.
"""

import math
from dataclasses import dataclass

import numpy as np

CIRCULANT_TOLERANCE = 1e-6  # of the largest weight; room for weights stored in single precision


@dataclass(frozen=True)
class ErrorDecomposition:
    """Errors relative to the norm of the true weights; NaN where undefined.

    Attributes
    ----------
    scale : float
        Factor on the couplings, in units of weight per unit of coupling.
    total, bias, variance : float
        Root summed squared error, its part shared by all realisations, and the spread of a
        single realisation (from unbiased variances).
    bias_proportion : float
        atan(bias / variance) / (pi / 2): 0 for pure variance, 1 for pure bias.
    """

    scale: float
    total: float
    bias: float
    variance: float
    bias_proportion: float


def fit_scale(weights, couplings):
    """Least-squares factor alpha = <W, J> / <J, J> that brings couplings to the weights.

    Parameters
    ----------
    weights, couplings : (n, n) array_like
        True weights and couplings, both [pre, post]. The diagonal and pairs that are not finite
        in both are left out.

    Returns
    -------
    float
        NaN if no pair is observed or all couplings are zero.
    """
    weights, couplings = off_diagonal(weights, couplings)
    observed = np.isfinite(weights) & np.isfinite(couplings)
    target, estimate = weights[observed], couplings[observed]
    power = estimate @ estimate
    return float(target @ estimate / power) if power > 0 else math.nan


def fit_profile_scale(weights, couplings):
    r"""Factor that brings the mean profile of couplings to that of circulant weights: least absolute values.

    The convention of the authors' files of 2018: alpha minimises
    :math:`\sum_d |\alpha \bar J_d - W_d|` over the offsets d. The minimum of such a sum is at a
    weighted median: of the ratios :math:`W_d / \bar J_d`, with weights :math:`|\bar J_d|`. Sampling noise
    hardly shrinks this scale, as the mean over neurons averages it out; errors may then exceed 1.

    Parameters
    ----------
    weights, couplings : (n, n) array_like
        As for `fit_scale`.

    Returns
    -------
    float
        NaN if no offset is observed or all mean couplings are zero.
    """
    weights, couplings = off_diagonal(weights, couplings)
    observed = np.isfinite(weights) & np.isfinite(couplings)
    target, profile = (offset_profile(np.where(observed, m, np.nan)) for m in (weights, couplings))
    size = np.abs(np.nan_to_num(profile))
    if not size.any():
        return math.nan
    ratios = target[size > 0] / profile[size > 0]
    order = np.argsort(ratios)
    reached = np.cumsum(size[size > 0][order])
    return float(ratios[order][np.searchsorted(reached, reached[-1] / 2)])


def total_error(weights, couplings):
    r"""Relative error :math:`\|\alpha J - W\| / \|W\|` of one estimate of any network.

    Parameters
    ----------
    weights, couplings : (n, n) array_like
        As for `fit_scale`; pairs left out there are left out here.

    Returns
    -------
    float
        NaN where no scale can be fitted.
    """
    scale = fit_scale(weights, couplings)
    weights, couplings = off_diagonal(weights, couplings)
    observed = np.isfinite(weights) & np.isfinite(couplings)
    norm = np.linalg.norm(weights[observed])
    return float(np.linalg.norm((scale * couplings - weights)[observed]) / norm) if norm > 0 else math.nan


def circulant_errors(weights, couplings, scale=None):
    r"""Split the error of one estimate of a circulant network.

    With :math:`\hat W = \alpha J` aligned so that column d holds the offsets
    :math:`d = (j - i) \bmod N`,

    .. math::
        \Delta^2 = \|\hat W - W\|^2 / \|W\|^2, \quad
        \Delta_b^2 = \sum_d n_d (\bar{\hat W}_d - W_d)^2 / \|W\|^2, \quad
        \Delta_v^2 = \sum_d n_d \operatorname{var}_d / \|W\|^2,

    with :math:`n_d` observed pairs at offset d and the unbiased variance over them. With all pairs
    observed, n_d = N: the published formula, with
    :math:`\Delta^2 = \Delta_b^2 + \frac{N-1}{N} \Delta_v^2`.

    Parameters
    ----------
    weights : (n, n) array_like
        True weights [pre, post]; off the diagonal they depend on the offset only.
    couplings : (n, n) array_like
        Estimate, NaN where it could not be had; such pairs are left out of every sum.
    scale : float, optional
        Default: `fit_scale`. The older convention is that of `fit_profile_scale`.

    Returns
    -------
    ErrorDecomposition
        An offset seen in a single pair has no variance of its own and is given the mean variance
        of the others; if every offset is such, the variance is NaN.

    Raises
    ------
    ValueError
        If shapes do not match or the weights are not circulant (use `seed_errors` for those).
    """
    targets, estimates = aligned_pairs(weights, couplings)
    return _split(targets, estimates, fit_scale(weights, couplings) if scale is None else scale)


def aligned_pairs(weights, couplings):
    """Weights and couplings by row and offset, [i, d - 1] from neuron i to neuron i + d.

    Parameters
    ----------
    weights, couplings : (n, n) array_like
        As for `circulant_errors`.

    Returns
    -------
    targets, estimates : (n, n - 1) ndarray

    Raises
    ------
    ValueError
        If shapes do not match or the weights are not circulant.
    """
    weights, couplings = off_diagonal(weights, couplings)
    targets, estimates = _align(weights)[:, 1:], _align(couplings)[:, 1:]
    deviation = np.nan_to_num(np.abs(targets - offset_profile(weights)[1:]))
    if deviation.max() > CIRCULANT_TOLERANCE * np.nan_to_num(np.abs(targets)).max():
        raise ValueError(
            f"weights must be circulant (W[i, j] a function of (j - i) mod n), but entries at one "
            f"offset differ from their mean by up to {deviation.max():.3g}; "
            "split the error over repeated recordings with seed_errors instead"
        )
    return targets, estimates


def offset_profile(matrix):
    """Mean of a matrix over its rows at each offset d = (j - i) mod n.

    Parameters
    ----------
    matrix : (n, n) array_like
        Weights or couplings [pre, post]; entries that are not finite are left out.

    Returns
    -------
    (n,) ndarray
        Element d is the mean weight onto the neuron d places further on; element 0 (self) and
        offsets never observed are NaN.
    """
    matrix, _ = off_diagonal(matrix, matrix)
    return finite_mean(_align(matrix))


def off_diagonal(weights, couplings):
    """Float copies of two square matrices of one shape, their diagonals NaN."""
    weights, couplings = np.array(weights, dtype=float), np.array(couplings, dtype=float)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1] or len(weights) < 2:
        raise ValueError(f"weights must be a square matrix, 2 x 2 or more, got {weights.shape}")
    if couplings.shape != weights.shape:
        raise ValueError(
            f"couplings must have the shape of the weights, {weights.shape}, got {couplings.shape}"
        )
    np.fill_diagonal(weights, np.nan)
    np.fill_diagonal(couplings, np.nan)
    return weights, couplings


def stacked(stack, least, name):
    """Float array (S, n, n) of at least so many estimates, their diagonals NaN, and what is infinite too."""
    stack = np.array(stack, dtype=float)
    if stack.ndim != 3 or len(stack) < least or stack.shape[1] != stack.shape[2]:
        raise ValueError(f"{name} must have shape (S >= {least}, n, n), got {stack.shape}")
    stack[~np.isfinite(stack)] = np.nan
    stack[:, *np.diag_indices(stack.shape[1])] = np.nan
    return stack


def circulant_matrix(profile):
    """Matrix (n, n) with profile[d - 1] from neuron i to i + d, for d = 1 ... n - 1; its diagonal is NaN."""
    i = np.arange(len(profile) + 1)
    return np.concatenate([[np.nan], profile])[(i - i[:, None]) % len(i)]


def _align(matrix):
    """Shift row i by -i: aligned[i, d] = matrix[i, (i + d) mod n]."""
    i = np.arange(len(matrix))
    return matrix[i[:, None], (i[:, None] + i) % len(matrix)]


def finite_mean(values):
    """Mean of the finite values along the first axis, NaN where there are none."""
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    total = np.where(finite, values, 0).sum(axis=0)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)


def _split(targets, estimates, scale):
    """Decompose scale * estimates - targets; rows are realisations, columns the true weights."""
    observed = np.isfinite(targets) & np.isfinite(estimates)
    norm2 = float(np.square(targets[observed]).sum())
    if not norm2 > 0 or math.isnan(scale):
        return ErrorDecomposition(scale, math.nan, math.nan, math.nan, math.nan)

    error = np.where(observed, scale * np.where(observed, estimates, 0) - targets, np.nan)
    count = observed.sum(axis=0)
    error, count = error[:, count > 0], count[count > 0]
    mean = finite_mean(error)
    squares = np.nansum((error - mean) ** 2, axis=0)

    total = math.sqrt(np.nansum(error**2) / norm2)
    bias = math.sqrt(count @ mean**2 / norm2)
    variance = math.nan
    repeated = count > 1
    if repeated.any():
        count_r = count[repeated]
        per_pair = count_r @ (squares[repeated] / (count_r - 1)) / count_r.sum()
        variance = math.sqrt(count.sum() * per_pair / norm2)
    undefined = math.isnan(variance) or bias == variance == 0
    proportion = math.nan if undefined else math.atan2(bias, variance) / (math.pi / 2)
    return ErrorDecomposition(scale, total, bias, variance, proportion)
