"""Couplings from ready matrices, where a method can start from them: covariances, or correlograms."""

import numpy as np

from circuitbias.checks import require, whole
from circuitbias.estimators.couplings import Couplings
from circuitbias.estimators.cross_correlation import read_off
from circuitbias.spikes.moments import correlation, inverse_covariance

OF_COVARIANCE = ("mean_field", "partial_correlation")
MEASURES = ("zero_lag", "peak", "z_score")
_SYMMETRIC = 1e-6  # of the largest entry


def couplings_of_covariance(
    covariance: np.ndarray, method: str = "mean_field", units: list | None = None
) -> Couplings:
    """Infer couplings from a matrix of covariances, or of correlations, of counts.

    Parameters
    ----------
    covariance : ndarray, shape (n, n)
        Symmetric and positive definite.
    method : {"mean_field", "partial_correlation"}, optional
        The first gives minus the inverse: of correlations, in units of standard deviations.
    units : list, optional
        Ids.

    Returns
    -------
    Couplings

    Raises
    ------
    ValueError
        If it is none, or has no inverse.
    """
    require(method in OF_COVARIANCE, "method", method, f"one of {', '.join(OF_COVARIANCE)}, from covariances")
    matrix = np.asarray(covariance, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < 2:
        raise ValueError(f"covariance has shape {matrix.shape}; must be (n, n) of two neurons or more")
    if not np.isfinite(matrix).all() or np.abs(matrix - matrix.T).max() > _SYMMETRIC * np.abs(matrix).max():
        raise ValueError("covariance must be finite and symmetric")
    if (np.diag(matrix) <= 0).any():
        none = np.flatnonzero(np.diag(matrix) <= 0)
        raise ValueError(
            f"covariance: neuron {none[0]} has variance {matrix[none[0], none[0]]:g}: leave it out"
        )
    lowest = float(np.linalg.eigvalsh(correlation(matrix))[0])
    if lowest <= len(matrix) * np.finfo(float).eps:
        raise ValueError(
            f"covariance has no inverse (least eigenvalue of its correlations: {lowest:.2g}): it is of fewer "
            "bins than neurons, or some neurons follow from others"
        )
    precision = inverse_covariance(matrix)
    if method == "partial_correlation":
        scale = np.sqrt(np.diag(precision))
        precision = precision / np.outer(scale, scale)
    said = {"condition_number": float(np.linalg.cond(correlation(matrix)))}
    return _named(-precision, method, said, units)


def couplings_of_correlograms(
    curves: np.ndarray, measure: str = "peak", near: int | None = None, units: list | None = None
) -> Couplings:
    """Infer couplings from ready correlograms.

    Parameters
    ----------
    curves : ndarray, shape (n, n, n_lags)
        ``[i, j]`` is the correlogram of i and j; j fires later at positive lags. With an odd number of lags
        from -L to L, which must agree: ``[i, j, -l] = [j, i, l]``; else from 0 on.
    measure : {"zero_lag", "peak", "z_score"}, optional
        What is read off: see the options of ``cross_correlation``.
    near : int, optional
        Longest lag, in bins, that can hold the effect of a coupling. Default: half of the longest.
    units : list, optional
        Ids.

    Raises
    ------
    ValueError
        If they are none, or the two halves do not agree.
    """
    require(measure in MEASURES, "measure", measure, f"one of {', '.join(MEASURES)}, from correlograms")
    found = np.asarray(curves, dtype=np.float64)
    if found.ndim != 3 or found.shape[0] != found.shape[1] or len(found) < 2 or found.shape[2] < 3:
        raise ValueError(
            f"correlograms have shape {found.shape}; must be (n, n, lags) with three lags or more"
        )
    lags = np.moveaxis(found, 2, 0)
    if found.shape[2] % 2:
        middle = found.shape[2] // 2
        turned = lags[middle::-1].transpose(0, 2, 1)
        if not np.allclose(turned, lags[middle:], rtol=1e-6, atol=1e-9, equal_nan=True):
            raise ValueError(
                "correlograms of an odd number of lags are taken to run from -L to L, and then [i, j, -l] "
                "must be [j, i, l]: give the lags from 0 on (an even number of them), or turn them round"
            )
        lags = lags[middle:]
    longest = len(lags) - 1
    near = max(longest // 2, 1) if near is None else whole("near", near, least=1)
    # What lies beyond is the background of a z-score.
    most, words = (longest - 1, "less than") if measure == "z_score" else (longest, "at most")
    require(near <= most, "near", near, f"{words} the longest lag, {longest} bins")
    values, peak_lag = read_off(lags, near, measure)
    found = _named(values, "cross_correlation", {"measure": measure, "lag_bins": longest}, units)
    found.arrays["peak_lag_bins"] = np.where(np.isnan(found.values), np.nan, peak_lag + 1)
    return found


def _named(values, method: str, said: dict, units: list | None) -> Couplings:
    couplings = Couplings(values, {"method": method, "options": {}} | said)
    if units is not None:
        require(len(units) == len(values) == len(set(units)), "units", units, f"{len(values)} different ids")
        couplings.arrays["units"] = np.array([str(one) for one in units])
    return couplings
