"""A link and a filter that all neurons share, learned with their couplings: for spikes of unknown origin.

The link is one of the family of `LearnedLink`, the filter an exponential. Their three parameters are the
logarithms of the link's curvature, of curvature plus exponent, and of the time constant. At the fitted
couplings the score of these is that of the likelihood in which couplings are fitted as well; divided by the
information that their fit leaves, it is a Newton step. Couplings are then fitted anew. A weak prior (one
unit of the logarithm, at the first values) holds what the data do not tell.
"""

from dataclasses import dataclass

import numpy as np

from circuitbias.likelihood.fit import MatchedFit
from circuitbias.likelihood.link import LearnedLink
from circuitbias.likelihood.of_spikes import SpikeLikelihood
from circuitbias.progress import report_line

TAU = 2  # the place of the time constant
_FIRST = np.log([0.1, 0.6])  # of the link: a little curvature
_LEAST, _MOST = np.log([0.005, 0.02]), np.log([4.0, 4.0])
_TAU_STEPS = np.log([1.5, 1e6])
_SPIKES_A_NEURON = 10_000  # that link and filter are learned from
_ROUGH = 0.1  # scaled gradient of fits on the way
_MOST_ROUNDS = 16
_SETTLED, _SMALL = 0.2, 0.01  # standard errors, or of a logarithm: a step so small ends the search
_LONGEST_STEP = 0.5  # of a logarithm
_PRIOR = 1.0  # information of a prior at the first values, for what the data do not tell
_DIFFERENCE = 0.03  # of a logarithm
_ROWS_A_COLUMN = 100  # of the sample that information is taken from
_NO_CEILING = 1e3  # mean rates: what is higher is none
_MOST_TARGETS = 25  # that it is taken over


@dataclass(frozen=True)
class LearnedFit:
    """Link and filter, and the fit of the couplings with them.

    Attributes
    ----------
    tau_ms : float
    link : LearnedLink
    errors : ndarray, shape (3,)
        Standard errors of the parameters' logarithms.
    settled : bool
        Whether the last step was short enough.
    likelihood : SpikeLikelihood
    fit : MatchedFit
    """

    tau_ms: float
    link: LearnedLink
    errors: np.ndarray
    settled: bool
    likelihood: SpikeLikelihood
    fit: MatchedFit
    rho: None = None

    def said(self, wanted) -> dict:
        """Diagnostics: the link, its ceiling in mean rates if it has one, and the time constant's error."""
        ceiling = self.link.ceiling
        return {
            "curvature": self.link.curvature,
            "exponent": self.link.exponent,
            "log_curvature_error": float(self.errors[0]),
            "ceiling": ceiling if ceiling < _NO_CEILING else None,
            "tau_ms_error": float(self.errors[2] * self.tau_ms),
            "settled": self.settled,
        }


def fit_learned(
    likelihood_of, dt_ms: float, tau_ms: float, n_spikes: int, fit_at, tolerance: float
) -> LearnedFit:
    """Learn link and filter on a part of the data, and fit the couplings to all.

    Parameters
    ----------
    likelihood_of : callable
        The likelihood with a time constant (ms) and a link.
    dt_ms : float
        Length of a step.
    tau_ms : float
        Where to begin.
    n_spikes : int
        Of the recording.
    fit_at : callable
        Fits the couplings of a likelihood: ``(likelihood, before, n_spikes, tolerance)``.
    tolerance : float
        Of the last fit, to all data.
    """
    values, fitted, settled = np.append(_FIRST, np.log(tau_ms)), None, False
    first, last = values, None
    least, most = (
        np.append(shape, np.log(dt_ms) + tau) for shape, tau in zip((_LEAST, _MOST), _TAU_STEPS, strict=True)
    )
    n = likelihood_of(tau_ms, _link(values)).n
    every = max(1, n_spikes // (_SPIKES_A_NEURON * n))

    def part_at(values):
        return likelihood_of(float(np.exp(values[TAU])), _link(values)).part(every)

    for rounds_left in reversed(range(_MOST_ROUNDS)):
        fitted = fit_at(part_at(values), fitted, n_spikes // every, _ROUGH)
        scores, information = scores_and_information(part_at, values, fitted.coefficients)
        ceiling = _link(values).ceiling
        report_line(
            f"curvature {np.exp(values[0]):.3g}, ceiling {ceiling:.3g}, tau {np.exp(values[TAU]):.4g} ms"
        )
        curvature, scores = information + _PRIOR * np.eye(3), scores - _PRIOR * (values - first)
        if last is not None:
            curvature = _corrected(curvature, last[0], last[1] - scores)
        step = np.linalg.solve(curvature, scores)
        step = np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
        step = np.clip(values + step, least, most) - values
        errors = np.sqrt(np.linalg.inv(information + 1e-6 * np.eye(3)).diagonal())
        settled = bool((np.abs(step) <= np.maximum(_SETTLED * np.minimum(errors, 1.0), _SMALL)).all())
        if settled or not rounds_left:
            break
        values, last = values + step, (step, scores)
    tau_ms, link = float(np.exp(values[TAU])), _link(values)
    likelihood = likelihood_of(tau_ms, link)
    fitted = fit_at(likelihood, fitted, n_spikes, tolerance)
    return LearnedFit(tau_ms, link, errors / np.sqrt(every), settled, likelihood, fitted)


def _corrected(curvature, step, change):
    """Second derivatives that agree with how the scores have just changed along a step (BFGS)."""
    along = curvature @ step
    if change @ step <= 0.1 * (step @ along):
        return curvature
    return curvature - np.outer(along, along) / (step @ along) + np.outer(change, change) / (change @ step)


def _link(values):
    curvature, both = np.exp(values[:2])
    return LearnedLink(float(curvature), float(both - curvature))


def scores_and_information(likelihood_at, values: np.ndarray, coefficients: np.ndarray):
    """Derivatives of the log-likelihood of all targets by the shared parameters, and their information.

    Parameters
    ----------
    likelihood_at : callable
        The likelihood at some values of the shared parameters.
    values : ndarray, shape (3,)
        Logarithms.
    coefficients : ndarray, shape (n + 1, n)
        Where the likelihood is largest.

    Returns
    -------
    scores : ndarray, shape (3,)
    information : ndarray, shape (3, 3)
        What is left of it when every target's coefficients are fitted as well.
    """
    scores, moved = np.zeros(3), []
    n = coefficients.shape[1]
    some = np.unique(np.linspace(0, n - 1, min(n, _MOST_TARGETS)).astype(int))
    rows_wanted = _ROWS_A_COLUMN * (n + 1)
    likelihood = likelihood_at(values)
    warm_steps = likelihood.warm_steps  # the same steps, whatever the time constant
    rows, weight = likelihood.sample(rows_wanted)
    rows = rows.astype(np.float64)
    for place in range(3):
        sides = []
        for sign in (1, -1):
            other = likelihood_at(values + sign * _DIFFERENCE * (np.arange(3) == place))
            other.warm_steps = warm_steps
            scores[place] -= sign * other.log_loss(coefficients) / (2 * _DIFFERENCE)
            late = other.sample(rows_wanted)[0].astype(np.float64) if place == TAU else rows
            sides.append(other.link.log_rate(late @ coefficients[:, some]))
        moved.append((sides[0] - sides[1]) / (2 * _DIFFERENCE))
    eta = rows @ coefficients[:, some]
    # Each row weighs as much as it is likely to have a spike.
    root = np.sqrt(np.exp(likelihood.link.log_rate(eta)) * weight * likelihood.scale[some])
    root[eta <= likelihood.link.lowest] = 0.0
    own_slope = likelihood.link.slope(eta)
    information = np.zeros((3, 3))
    for target in range(len(some)):
        shared = np.column_stack([one[:, target] for one in moved]) * root[:, [target]]
        own = rows * (own_slope[:, target] * root[:, target])[:, None]
        solved = np.linalg.lstsq(own.T @ own, own.T @ shared, rcond=1e-12)[0]
        information += shared.T @ shared - (own.T @ shared).T @ solved
    return scores, information * n / len(some)
