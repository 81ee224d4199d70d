"""Errors and the volume of data: a power law of the variance, and the volume that an error takes."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import linregress, t

from circuitbias.errors.sampling import expected_errors, noise_and_bias_power


class PowerLaw(NamedTuple):
    """Fit log10(y) = slope log10(x) + log10_intercept with 95 % confidence limits."""

    slope: float
    slope_low: float
    slope_high: float
    log10_intercept: float
    intercept_low: float
    intercept_high: float
    n_volumes: int


def fit_power_law(x, y) -> PowerLaw:
    """Fit a power law by least squares on the logarithms.

    Parameters
    ----------
    x, y : ndarray, shape (n,)
        Positive.

    Returns
    -------
    PowerLaw
        NaN, but for the number of points, if there are fewer than three. The confidence limits are those of
        ordinary least squares (Student's t with n - 2 degrees of freedom); volumes that are windows of one
        recording are not independent, so that the true uncertainty is larger.
    """
    if len(x) < 3:
        return PowerLaw(*(math.nan,) * 6, len(x))
    fit = linregress(np.log10(x), np.log10(y))
    reach = t.ppf(0.975, len(x) - 2)
    slope, intercept = float(fit.slope), float(fit.intercept)
    d_slope, d_intercept = float(reach * fit.stderr), float(reach * fit.intercept_stderr)
    return PowerLaw(
        slope,
        slope - d_slope,
        slope + d_slope,
        intercept,
        intercept - d_intercept,
        intercept + d_intercept,
        len(x),
    )


def spikes_for_error(means: pd.DataFrame, level: float, n_neurons: int) -> tuple[float, str]:
    """Volume of data at which the total error falls to a level.

    Parameters
    ----------
    means : DataFrame
        Columns n_counts (rising), total, bias, variance; a row a volume.
    level : float
        Total error, between 0 and 1.
    n_neurons : int
        Of the error model that reaches beyond the largest volume.

    Returns
    -------
    log10_volume : float
        NaN if it is never reached, or was reached with less than the smallest volume.
    origin : {"data", "beyond", "never", "below"}
        Interpolated between two volumes (linear in the logarithms); beyond the largest one, by the model of
        `circuitbias.errors.sampling`; never, as the bias alone is larger; below the smallest volume.
    """
    volume, total = np.log10(means.n_counts.to_numpy(float)), np.log10(means.total.to_numpy())
    goal = math.log10(level)
    above = total > goal
    if not above[-1]:
        if not above.any():
            return math.nan, "below"
        last = np.flatnonzero(above)[-1]  # noise may cross the level more than once: the last time counts
        share = (total[last] - goal) / (total[last] - total[last + 1])
        return float(volume[last] + share * (volume[last + 1] - volume[last])), "data"
    end = means.iloc[-1]
    try:
        power = noise_and_bias_power(end.bias, end.variance, n_neurons)
    except ValueError:
        return math.nan, "never"
    if expected_errors(power._replace(noise=0.0), n_neurons).total >= level:
        return math.nan, "never"

    def excess(log10_factor):
        noise = power.noise * 10**-log10_factor
        return expected_errors(power._replace(noise=noise), n_neurons).total - level

    if excess(0.0) <= 0:
        return float(volume[-1]), "beyond"
    return float(volume[-1] + brentq(excess, 0.0, 30.0)), "beyond"
