r"""What a measured error becomes with more or fewer spikes.

The model of an estimate of a circulant network of N neurons from D spikes, with norms taken over
off-diagonal pairs in units of :math:`\|W\|`:

.. math:: J = c\,(W + B + e), \quad \|B\|^2 = \beta^2,\ B \perp W, \quad
    \operatorname{E}\|e\|^2 = \xi^2 \propto 1/D .

B is the systematic error, circulant as W; e is sampling noise, of equal power at every pair. Least
squares shrinks a noisy estimate: :math:`\alpha J = k (W + B + e)` with
:math:`k = 1 / (1 + \beta^2 + \xi^2)`. Averaging over N rows leaves 1/N of the noise in the mean, so

.. math::
    \Delta^2 = 1 - k, \quad
    \Delta_v^2 = k^2 \xi^2, \quad
    \Delta_b^2 = (1 - k)^2 + k^2 \beta^2 + k^2 \xi^2 / N,

which obey :math:`\Delta^2 = \Delta_b^2 + \frac{N-1}{N} \Delta_v^2` exactly. The term
:math:`(1-k)^2` is shrinkage: a bias error that is due to lack of data, not to the method.

Standard errors take e to be symmetric and otherwise independent between pairs, as regression on
counts of the same bin nearly makes it: N(N-1)/2 independent entries, (N-1)/2 independent offset
means. (The opposite neuron of an even ring is counted once each way; that is a 1/N correction of
the noise left in the mean and is ignored, as are terms of order :math:`\xi^2 / N^2` relative to
those kept.) Slow collective activity, such as bumps that drift along
a ring, correlates the noise of different pairs; errors then scatter more than stated here, and more
of the noise survives in the mean.
"""

import math
from typing import NamedTuple

import numpy as np


class ErrorPower(NamedTuple):
    """Power of systematic error and of noise, relative to that of the weights."""

    bias: float  # beta^2
    noise: float  # xi^2


class PredictedErrors(NamedTuple):
    """Expected errors of one recording and their standard errors."""

    total: float
    bias: float
    variance: float
    total_se: float
    bias_se: float
    variance_se: float


def noise_and_bias_power(bias, variance, n_neurons):
    r"""Power of noise and systematic error behind a measured pair of errors.

    Inverts the model: :math:`k = 1 - \Delta^2`, :math:`\xi^2 = \Delta_v^2 / k^2`,
    :math:`\beta^2 = 1/k - 1 - \xi^2`.

    Parameters
    ----------
    bias, variance : float
        Errors :math:`\Delta_b, \Delta_v` taken after a least-squares scale, as by
        `circulant_errors`.
    n_neurons : int
        N >= 3, all observed.

    Returns
    -------
    ErrorPower
        The fields ``bias`` and ``noise``. The noise left in the mean can by chance fall below its
        expectation; :math:`\beta^2` would then be negative, is taken as zero, and all of the total
        error counts as noise.

    Raises
    ------
    ValueError
        If the total error is not below 1 or the pair cannot come from a least-squares scale, which
        makes the bias at least :math:`1 - k = \Delta^2`.
    """
    if not n_neurons >= 3:
        raise ValueError(f"n_neurons must be 3 or more, got {n_neurons}")
    if not (0 <= bias < math.inf and 0 <= variance < math.inf):
        raise ValueError(f"bias and variance must be finite and >= 0, got {bias}, {variance}")
    total2 = bias**2 + (1 - 1 / n_neurons) * variance**2
    if total2 >= 1:
        raise ValueError(
            f"bias {bias} and variance {variance} make a total error of {math.sqrt(total2):.4g}; "
            "it must be below 1 (at 1 nothing is known of the weights)"
        )
    if bias < total2:
        raise ValueError(
            f"bias must be at least the squared total error, {total2:.4g}, for errors taken after "
            f"a least-squares scale; got {bias} with variance {variance}"
        )
    k = 1 - total2
    noise = min(variance**2 / k**2, 1 / k - 1)
    return ErrorPower(bias=float(1 / k - 1 - noise), noise=float(noise))


def expected_errors(power, n_neurons):
    """Errors to expect of an estimate with given systematic error and noise.

    Parameters
    ----------
    power : ErrorPower
        beta^2 and xi^2.
    n_neurons : int
        N >= 3, all observed.

    Returns
    -------
    PredictedErrors
        Standard errors by first-order propagation of the four independent fluctuations
        u = <W, e>, w = <B, e>, |m|^2 and |f|^2, where m is the part of e common to all rows and
        f the rest. With little noise the variance error has the fractional standard error
        1 / sqrt(2 n), n = (N - 1)^2 / 2 being the independent entries less the fitted means;
        more noise makes the scale fluctuate too. A bias error that is only noise left in the
        mean has 1 / sqrt(N - 1).
    """
    n = n_neurons
    beta2, xi2 = power
    k = 1 / (1 + beta2 + xi2)
    mean2, rest2 = xi2 / n, xi2 * (n - 1) / n  # expected |m|^2, |f|^2
    total2 = 1 - k
    variance2 = k**2 * xi2
    bias2 = (1 - k) ** 2 + k**2 * (beta2 + mean2)

    # A symmetric e doubles the variance of <W, e>; |m|^2 and |f|^2 are chi-squared with (n - 1) / 2
    # and (n - 1)^2 / 2 degrees of freedom.
    entry = xi2 / (n * (n - 1))
    fluctuation = np.array(
        [2 * entry, 2 * entry * beta2, 4 * mean2**2 / (n - 1), 4 * rest2**2 / (n - 1) ** 2]
    )
    # Derivatives with respect to (u, w, |m|^2, |f|^2) of k = (1 + u) / |W + B + e|^2, of the total
    # 1 - (1 + u)^2 / |W + B + e|^2, of the variance n/(n-1) k^2 |f|^2, and of the bias, the rest.
    d_overlap, d_rest = np.array([1, 0, 0, 0]), np.array([0, 0, 0, 1])
    d_power = np.array([2, 2, 1, 1])
    d_k = k * d_overlap - k**2 * d_power
    d_total2 = -2 * k * d_overlap + k**2 * d_power
    d_variance2 = (2 * k * rest2 * d_k + k**2 * d_rest) * n / (n - 1)
    d_bias2 = d_total2 - (n - 1) / n * d_variance2

    squares = np.array([total2, bias2, variance2])
    spread = np.sqrt(np.square([d_total2, d_bias2, d_variance2]) @ fluctuation)
    errors = np.sqrt(squares)
    # d sqrt(x) = dx / (2 sqrt(x)); an error of zero is free of noise and has no spread.
    se = np.divide(spread, 2 * errors, out=np.zeros(3), where=errors > 0)
    return PredictedErrors(*errors.tolist(), *se.tolist())


def predict_errors(bias, variance, n_neurons, n_spikes_published, n_spikes):
    r"""Errors to expect with another number of spikes than a published pair was measured with.

    Noise power falls as the inverse of the number of spikes, systematic error stays:
    :math:`\xi^2(D) = \xi^2(D_0) D_0 / D`.

    Parameters
    ----------
    bias, variance : float
        Published errors, taken after a least-squares scale.
    n_neurons : int
        N >= 3, all observed.
    n_spikes_published, n_spikes : float
        Spikes of all neurons behind the published pair, and those to predict for; > 0.

    Returns
    -------
    PredictedErrors
        The standard errors are those of one new recording. The uncertainty of the published pair
        is not in them; it matters when predicting for many more spikes where the published bias
        was mostly shrinkage, for then little is known of the systematic error behind it.

    Raises
    ------
    ValueError
        See `noise_and_bias_power`; also if a number of spikes is not positive.

    Examples
    --------
    Regression on counts at the weakest coupling of the paper: its bias is shrinkage, which goes
    when there are more data.

    >>> round(predict_errors(0.262, 0.439, 100, 1e8, 1e10).bias, 3)
    0.007
    """
    for name, value in (("n_spikes_published", n_spikes_published), ("n_spikes", n_spikes)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be positive and finite, got {value}")
    power = noise_and_bias_power(bias, variance, n_neurons)
    noise = power.noise * n_spikes_published / n_spikes
    return expected_errors(power._replace(noise=noise), n_neurons)
