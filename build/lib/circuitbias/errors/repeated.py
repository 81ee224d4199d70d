"""Split errors into bias and variance without equivalent positions: by seeds, or blocks of a recording."""

import math

import numpy as np

from circuitbias.errors.corrected import CorrectedErrors
from circuitbias.errors.decomposition import ErrorDecomposition, fit_scale, off_diagonal, stacked, total_error


def seed_errors(weights, stack):
    r"""Split the error of repeated estimates of any network.

    Each estimate has the scale that least squares gives to itself, as in a table of single recordings. With
    deviations :math:`D_s = \alpha_s J_s - W` of S recordings,

    .. math::
        \Delta^2 = \overline{\|D_s\|^2} / \|W\|^2, \quad
        \Delta_b^2 = \overline{\langle D_s, D_t \rangle}_{s \ne t} / \|W\|^2, \quad
        \Delta^2 = \Delta_b^2 + \Delta_v^2 .

    Products of different recordings hold no noise, so that no :math:`\Delta_v^2 / S` is left in the bias; the
    shrinkage of the scale is, as in the published definition (`circuitbias.errors.corrected` takes that
    away).

    Parameters
    ----------
    weights : (n, n) array_like
        True weights [pre, post].
    stack : (S, n, n) array_like
        Estimates from S >= 2 independent recordings; NaN where one could not be had.

    Returns
    -------
    ErrorDecomposition
        Mean scale; root mean square of the totals of single recordings; a bias whose square comes out
        negative is 0. Pairs observed in a single recording are left out of bias and variance.

    Raises
    ------
    ValueError
        If there are fewer than two estimates or shapes do not match.
    """
    stack = stacked(stack, 2, "stack")
    scales = np.array([fit_scale(weights, couplings) for couplings in stack])
    totals = np.array([total_error(weights, couplings) for couplings in stack])
    if not np.isfinite(totals).any():
        return ErrorDecomposition(*(math.nan,) * 5)
    weights, _ = off_diagonal(weights, stack[0])
    deviations = scales[:, None, None] * stack - weights
    count = np.isfinite(deviations).sum(axis=0)
    repeated = count > 1
    deviations, count = deviations[:, repeated], count[repeated]
    norm2 = float(np.square(weights[repeated]).sum())
    total = math.sqrt(np.nanmean(totals**2))
    if not norm2 > 0:
        return ErrorDecomposition(float(np.nanmean(scales)), total, *(math.nan,) * 3)
    mean = np.nanmean(deviations, axis=0)
    spread = np.nansum((deviations - mean) ** 2, axis=0) / (count - 1)
    bias2 = float((mean**2 - spread / count).sum() / norm2)
    return decomposition(float(np.nanmean(scales)), total, bias2, math.sqrt(float(spread.sum()) / norm2))


def block_errors(weights, couplings, corrected: CorrectedErrors) -> ErrorDecomposition:
    r"""Split the error of one estimate of any network, with its noise known from blocks of the recording.

    On the least-squares scale :math:`k = 1 - \Delta^2` of the model in `circuitbias.errors.sampling` the
    spread is :math:`\Delta_v^2 = k^2 \xi^2`, and the bias what is left of the total, :math:`\Delta_b^2 =
    \Delta^2 - \Delta_v^2`, shrinkage with it.

    Parameters
    ----------
    weights, couplings : (n, n) array_like
        True weights and the estimate from the whole recording.
    corrected : CorrectedErrors
        As from `circuitbias.errors.corrected.blocks_corrected`.

    Returns
    -------
    ErrorDecomposition
        Bias and variance are NaN where blocks share nothing.
    """
    scale, total = fit_scale(weights, couplings), total_error(weights, couplings)
    # xi = variance / (1 - bias²), in the names of `CorrectedErrors`.
    variance = (1 - total**2) * corrected.variance / (1 - corrected.bias2)
    if not variance**2 <= total**2 - total**4:  # shrinkage alone makes a bias of total²
        variance = math.sqrt(total**2 - total**4) if variance > 0 else math.nan
    return decomposition(scale, total, total**2 - variance**2, variance)


def decomposition(scale, total, bias2, variance) -> ErrorDecomposition:
    """Put errors together: a bias whose square is negative by chance is 0."""
    if math.isnan(variance):
        return ErrorDecomposition(scale, total, math.nan, math.nan, math.nan)
    bias = math.sqrt(max(bias2, 0.0))
    proportion = math.atan2(bias, variance) / (math.pi / 2) if bias or variance else math.nan
    return ErrorDecomposition(scale, total, bias, variance, proportion)
