"""Errors to expect, from the errors that the same estimators make on twins."""

from dataclasses import dataclass

import numpy as np

from circuitbias.errors.decomposition import fit_scale, total_error
from circuitbias.errors.detection import connected_pairs, detection_scores
from circuitbias.errors.sampling import ErrorPower, expected_errors
from circuitbias.estimators.couplings import Couplings
from circuitbias.trust.calibration import LEAST_WEIGHT

TIMES = (0.5, 2.0, 4.0, 10.0, 100.0)
"""Multiples of the data for which errors are predicted."""


@dataclass(frozen=True)
class TwinError:
    """Errors of one estimator on one twin.

    Attributes
    ----------
    total : float
        After the least-squares scale, relative to the norm of the weights.
    power : ErrorPower
        Of bias and noise: the noise is what the estimator's standard errors say, the bias what they do not
        explain. All is bias if there are none.
    average_precision : float
        Of |coupling| as a detector of connections.
    """

    total: float
    power: ErrorPower
    average_precision: float


def twin_error(weights: np.ndarray, couplings: Couplings) -> TwinError:
    """Errors of couplings of a twin.

    With `circuitbias.errors.sampling`: a total error D stands for k = 1 - D^2 = 1 / (1 + beta^2 + xi^2).

    Parameters
    ----------
    weights : ndarray, shape (n, n)
    couplings : Couplings
    """
    total = total_error(weights, couplings.values)
    errors = couplings.standard_errors
    known = np.isfinite(couplings.values) & np.isfinite(errors)
    norm = np.linalg.norm(weights[np.isfinite(couplings.values)])
    k, noise = max(1 - total**2, 1e-6), 0.0
    if known.any() and norm > 0:
        noise = fit_scale(weights, couplings.values) * np.linalg.norm(errors[known]) / norm
    xi2 = min((noise / k) ** 2, 1 / k - 1)
    connected = connected_pairs(weights, wiring_known=False, min_weight_fraction=LEAST_WEIGHT)
    scores = detection_scores(weights, couplings.values, connected)
    return TwinError(float(total), ErrorPower(1 / k - 1 - xi2, xi2), scores["average_precision"])


@dataclass(frozen=True)
class ExpectedErrors:
    """Errors to expect of one estimator on the recording.

    Attributes
    ----------
    total, lowest, highest : float
        Of the mean twin, and the range over twins.
    bias, variance : float
        As `circuitbias.errors.sampling` defines them.
    average_precision : float
    with_more : dict of float to float
        Total error by how many times as much data.
    at_best : float
        Total error with data without end.
    """

    total: float
    lowest: float
    highest: float
    bias: float
    variance: float
    average_precision: float
    with_more: dict
    at_best: float


def expect(errors: list[TwinError], all_errors: list[TwinError], n_units: int) -> ExpectedErrors:
    """Sum up the errors on twins.

    Parameters
    ----------
    errors : list of TwinError
        At least one: those that are expected.
    all_errors : list of TwinError
        Those that give the range.
    n_units : int
    """
    totals = [one.total for one in all_errors]
    power = ErrorPower(*np.mean([one.power for one in errors], axis=0).tolist())
    n = max(n_units, 3)

    def with_data(times):
        return expected_errors(ErrorPower(power.bias, power.noise / times), n)

    now = with_data(1.0)
    return ExpectedErrors(
        now.total,
        float(min(totals)),
        float(max(totals)),
        now.bias,
        now.variance,
        float(np.nanmean([one.average_precision for one in errors])),
        {times: with_data(times).total for times in TIMES},
        with_data(np.inf).total,
    )
