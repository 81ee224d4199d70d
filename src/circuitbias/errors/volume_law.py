"""Errors and the volume of data: a power law of the variance, and the volume that an error takes."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

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
    x, y = np.log10(x), np.log10(y)
    spread = np.square(x - x.mean()).sum()
    slope = float((x - x.mean()) @ y / spread)
    intercept = float(y.mean() - slope * x.mean())
    variance = np.square(y - slope * x - intercept).sum() / (len(x) - 2)
    reach = stdtrit(len(x) - 2, 0.975)  # Student's t; `scipy.stats` would take half a second to load
    d_slope = float(reach * np.sqrt(variance / spread))
    d_intercept = d_slope * float(np.sqrt(np.square(x).mean()))
    return PowerLaw(
        slope,
        slope - d_slope,
        slope + d_slope,
        intercept,
        intercept - d_intercept,
        intercept + d_intercept,
        len(x),
    )


class Demand(NamedTuple):
    """Volume of data that a total error takes, or what is known of it; see `spikes_for_error`."""

    log10_volume: float
    origin: str
    log10_bound: float
    note: str


def spikes_for_error(means: pd.DataFrame, level: float, n_neurons: int) -> Demand:
    """Volume of data at which the total error falls to a level.

    Parameters
    ----------
    means : DataFrame
        Columns n_counts (rising) and total; bias2_corrected and bias2_corrected_se, or bias and variance, NaN
        where they cannot be told apart. A row a volume; those without a total error are left out.
    level : float
        Total error, between 0 and 1.
    n_neurons : int
        Of which rows are repetitions: for what is left of bias and variance without noise.

    Returns
    -------
    Demand
        ``log10_volume`` : NaN unless the origin is "data" or "beyond".

        ``origin`` : "data", interpolated between two volumes (linear in the logarithms); "beyond", more than
        the largest one, by the model of `circuitbias.errors.sampling`; "below", less than the smallest one;
        "above", more than the largest one, and nobody knows how much; "never", as the error that is left
        with any amount of data lies two of its standard errors or more above the level; "unknown", as no
        volume has an error. An error that is still falling is no floor: "never" takes a bias that is known.

        ``log10_bound`` : the smallest volume if the origin is "below", the largest if it is "above".

        ``note`` : the reason, where there is no volume, or one that is in doubt.
    """
    means = means[np.isfinite(means.total)]
    if means.empty:
        return Demand(math.nan, "unknown", math.nan, "no volume has an error")
    volume, total = np.log10(means.n_counts.to_numpy(float)), np.log10(means.total.to_numpy())
    goal = math.log10(level)
    above = total > goal
    if not above.any():
        note = f"the error of the smallest volume, {means.total.iloc[0]:.3g}, is no larger"
        return Demand(math.nan, "below", float(volume[0]), note)
    if not above[-1]:
        last = np.flatnonzero(above)[-1]  # noise may cross the level more than once: the last time counts
        share = (total[last] - goal) / (total[last] - total[last + 1])
        return Demand(float(volume[last] + share * (volume[last + 1] - volume[last])), "data", math.nan, "")
    return _beyond(means.iloc[-1], float(volume[-1]), level, n_neurons)


def _beyond(end, log10_volume, level, n_neurons) -> Demand:
    r"""Demand of data if the error of the largest volume, ``end``, lies above the level.

    In the model :math:`1 / (1 - \Delta^2) = 1 + \beta^2 + \xi^2` falls with 1/D to what is left of it.
    """

    def at_least(reason):
        note = f"the error of the largest volume, {end.total:.3g}, is larger, and {reason}"
        return Demand(math.nan, "above", log10_volume, note)

    try:
        left2, left2_se = _left_with_all_data(end, n_neurons)
    except ValueError as refusal:
        return at_least(f"it does not obey the model of sampling noise: {refusal}")
    if not (math.isfinite(left2) and math.isfinite(left2_se)):
        return at_least(
            "what stays of it is not known: bias and variance are not told apart, or noise hides it"
        )
    left = math.sqrt(max(left2, 0.0))
    left_se = math.sqrt(max(left2, 0.0) + left2_se) - left
    floor = f"the error left with any amount of data is {left:.3g} ± {left_se:.2g}"
    if left2 - 2 * left2_se >= level**2:
        return Demand(math.nan, "never", math.nan, floor)
    if left2 >= level**2:
        return at_least(floor)
    if end.total >= 1:
        return at_least("nothing is known of the weights yet")
    in_doubt = f"{floor}: it may never be reached" if left2 + 2 * left2_se >= level**2 else ""
    here, there, stays = (1 / (1 - error2) for error2 in (end.total**2, level**2, left**2))
    return Demand(log10_volume + math.log10((here - stays) / (there - stays)), "beyond", math.nan, in_doubt)


def _left_with_all_data(errors, n_neurons) -> tuple[float, float]:
    r"""Square of the total error without noise, and its standard error; NaN if it is not known.

    It is the corrected bias (`circuitbias.errors.corrected`), if the errors have one. Else it follows from
    bias and variance error of rows that are repetitions: with :math:`\Delta_b^2 = (1 - k)^2 + k^2 (\beta^2
    + \xi^2 / N)`, a bias error that is off by its standard error has a :math:`\beta^2` that is off by
    :math:`2 \Delta_b\, d\Delta_b / k^2`, and :math:`\beta^2 / (1 + \beta^2)` is left.
    """
    if "bias2_corrected" in errors:
        return errors.bias2_corrected, errors.bias2_corrected_se
    if not (math.isfinite(errors.bias) and math.isfinite(errors.variance)):
        return math.nan, math.nan
    power = noise_and_bias_power(errors.bias, errors.variance, n_neurons)
    k = 1 / (1 + power.bias + power.noise)
    d_beta2 = 2 * errors.bias * expected_errors(power, n_neurons).bias_se / k**2
    return power.bias / (1 + power.bias), d_beta2 / (1 + power.bias) ** 2
