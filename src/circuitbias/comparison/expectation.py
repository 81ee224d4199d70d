r"""What a published error becomes with our volume of data: the one rule behind all rows of a comparison.

In the model of `circuitbias.errors.sampling` an estimate has a systematic error of power :math:`\beta^2`,
which stays, and noise of power :math:`\xi^2 \propto 1/D`. Where the paper has bias and variance error, both
powers follow from the pair (`of_split`). Where it has the total error alone, the noise is taken from other
published numbers, and what is left of :math:`1 / (1 - \Delta^2) = 1 + \beta^2 + \xi^2` is systematic
(`of_total`). Nothing here is fitted to our results.

Volumes are sums of binned values, as the authors counted them.
"""

import math
from functools import cache
from typing import NamedTuple

import numpy as np

from circuitbias import published
from circuitbias.config import GENERATORS_OF_THE_PAPER
from circuitbias.errors.sampling import (
    ErrorPower,
    PredictedErrors,
    expected_errors,
    noise_and_bias_power,
    predict_errors,
)

QUANTITIES = ("total", "bias", "variance")
NEURONS = {"ring": 100, "ring_pinned": 99, "sideband": 100} | {
    f"ring_{name}": 100 for name in GENERATORS_OF_THE_PAPER
}
"""Networks that the paper has numbers of, and how many of their neurons fire."""
PUBLISHED_COUNTS = 1e8
"""Volume of the published errors."""


class Expectation(NamedTuple):
    """What a published value becomes, and the standard error of the difference from ours."""

    expected: float
    standard_error: float


def of_split(paper, network: str, n_published: float, n_counts: float, n_runs: int) -> dict[str, Expectation]:
    """Errors to expect where the paper has bias and variance.

    Parameters
    ----------
    paper : object
        With the attributes total, bias, variance.
    network : str
        A key of `NEURONS`.
    n_published, n_counts : float
        Published volume, and ours.
    n_runs : int
        Recordings that ours is the mean of.

    Returns
    -------
    dict of str to Expectation
        By `QUANTITIES`. The standard error is made of our own and of that of the published value, whose
        relative fluctuation carries over to the prediction.
    """
    then, now = (
        predict_errors(paper.bias, paper.variance, NEURONS[network], n_published, n)
        for n in (n_published, n_counts)
    )
    return {name: carried_over(name, getattr(paper, name), then, now, n_runs) for name in QUANTITIES}


def carried_over(name: str, as_published: float, then: PredictedErrors, now: PredictedErrors, n_runs: int):
    """Expectation of an error out of the predictions for the published and for our volume."""
    expected = getattr(now, name)
    carried = getattr(then, f"{name}_se") / as_published * expected
    return Expectation(expected, math.hypot(getattr(now, f"{name}_se") / math.sqrt(n_runs), carried))


def of_total(
    total: float,
    noise: float,
    network: str,
    n_counts: float,
    n_runs: int,
    rounding: float = 0.0,
) -> Expectation:
    r"""Total error to expect where the paper has it alone.

    Parameters
    ----------
    total : float
        Published, of `PUBLISHED_COUNTS`.
    noise : float
        Power :math:`\xi^2` of the noise at this volume.
    network : str
        A key of `NEURONS`.
    n_counts : float
        Our volume.
    n_runs : int
        Recordings that ours is the mean of.
    rounding : float, optional
        Unit of the last digit that was published.

    Returns
    -------
    Expectation
        :math:`1 / (1 - \Delta^2)` grows by the noise that is added. The standard error is made of our own and
        of that of the published value, rounding included.
    """
    inverse = 1 / (1 - total**2)
    noise = min(noise, inverse - 1)
    power = ErrorPower(inverse - 1 - noise, noise)
    more = power._replace(noise=noise * PUBLISHED_COUNTS / n_counts)
    then, now = (expected_errors(p, NEURONS[network]) for p in (power, more))
    slope = total / now.total * ((1 - now.total**2) * inverse) ** 2  # d expected / d published
    carried = slope * math.hypot(then.total_se, rounding / math.sqrt(12))
    return Expectation(now.total, math.hypot(now.total_se / math.sqrt(n_runs), carried))


@cache
def pinned_power(r: float) -> ErrorPower:
    """Powers behind the published errors of the pinned ring, minimum probability flow, `PUBLISHED_COUNTS`.

    The published split of these errors is none: it drops the silent neuron and aligns the other 99 as if they
    were a ring of 99, so that a shift by one place counts as variance. But the total error is published
    against the volume, and the model is fitted to that, by least squares: at every strength within .013,
    and mostly within .003.

    Parameters
    ----------
    r : float
        One of the published strengths.
    """
    from scipy.optimize import least_squares  # slow to load, and most who import this room do not need it

    curve = published.error_against_volume()
    curve = curve[np.isclose(curve.r, r)]
    times_less = PUBLISHED_COUNTS / 10 ** curve.log10_spikes.to_numpy()

    def misfit(log_powers):
        bias, noise = np.exp(log_powers)
        return np.sqrt(1 - 1 / (1 + bias + noise * times_less)) - curve.total

    return ErrorPower(*np.exp(least_squares(misfit, (-3.0, -5.0)).x).tolist())


def noise_power(network: str, method: str, r: float) -> float:
    r"""Power :math:`\xi^2` of the noise in published errors at `PUBLISHED_COUNTS`.

    Parameters
    ----------
    network : str
        Of "ring_pinned", the one of `pinned_power`, whatever the method; else that of the published pair.
    method : str
        A method of the published errors.
    r : float
    """
    if network == "ring_pinned":
        return pinned_power(r).noise
    table = published.errors(network)
    (pair,) = table[(table.method == method) & np.isclose(table.r, r)].itertuples()
    return noise_and_bias_power(pair.bias, pair.variance, NEURONS[network]).noise
