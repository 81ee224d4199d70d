"""Time constant and noise probability of the threshold model, from the likelihood of all neurons together.

The score of log tau and log rho at the fitted couplings, divided by what their information leaves when all
couplings and constants are fitted too, is a Newton step of both; couplings are then fitted anew.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.special import ndtr

from circuitbias.likelihood.fit import MatchedFit
from circuitbias.likelihood.link import look_up
from circuitbias.likelihood.of_spikes import SpikeLikelihood
from circuitbias.progress import report_line

TAU, RHO = 0, 1
NAMES = "tau_ms", "rho"
_ROWS_A_COLUMN = 200  # of the sample that information is taken from
_MOST_ROUNDS = 12
_SETTLED = 0.1  # standard errors: a step so small ends the search
_LONGEST_STEP = 0.5  # of a logarithm
_IDENTIFIED = 0.5  # largest standard error of a logarithm


@dataclass(frozen=True)
class SharedFit:
    """Parameters that all neurons share, and the fit of the couplings with them.

    Attributes
    ----------
    tau_ms, rho : float
    errors : ndarray, shape (2,)
        Standard errors of log tau and log rho; NaN where they were given.
    unidentified : list of str
        Names of those that the data do not tell: they keep their first values.
    settled : bool
        Whether the last step was short enough.
    likelihood : SpikeLikelihood
    fit : MatchedFit
    """

    tau_ms: float
    rho: float
    errors: np.ndarray
    unidentified: list[str]
    settled: bool
    likelihood: SpikeLikelihood
    fit: MatchedFit

    def said(self, wanted) -> dict:
        """Diagnostics of the parameters that were estimated: those ``wanted`` of tau and rho."""
        if not np.any(wanted):
            return {}
        values = np.array([self.tau_ms, self.rho])
        errors = {
            f"{name}_error": float(error * value)
            for name, error, value, one in zip(NAMES, self.errors, values, wanted, strict=True)
            if one and name not in self.unidentified
        }
        return errors | {"not_identifiable": self.unidentified, "settled": self.settled}


def fit_shared(likelihood_of, dt_ms, tau_ms, rho, wanted, fit_at) -> SharedFit:
    """Fit the couplings, and those of tau and rho that are wanted.

    Parameters
    ----------
    likelihood_of : callable
        The likelihood with a time constant (ms) and a noise probability.
    dt_ms : float
        Length of a step.
    tau_ms, rho : float
        Where to begin, and the values of those that are not wanted.
    wanted : ndarray of bool, shape (2,)
        Whether to fit tau, and rho.
    fit_at : callable
        Fits the couplings of a likelihood, from those of the fit before or None.
    """
    values, first = np.log([tau_ms, rho]), np.log([tau_ms, rho])
    wanted, unidentified, errors = np.array(wanted), [], np.full(2, np.nan)
    fitted, settled = None, False
    for rounds_left in reversed(range(_MOST_ROUNDS)):
        likelihood = likelihood_of(*np.exp(values))
        fitted = fit_at(likelihood, fitted)
        scores, information = np.zeros(2), np.eye(2)
        if wanted.any():
            scores, information = scores_and_information(likelihood, fitted.coefficients)
            report_line(f"tau = {np.exp(values[TAU]):.4g} ms, rho = {np.exp(values[RHO]):.4g}")
        moved = values != first
        for name, blind in _blind(information, wanted, errors):
            wanted[blind], values[blind] = False, first[blind]
            unidentified.append(name)
        if (moved & (values == first) & ~wanted).any() and rounds_left:
            continue  # fit again with what it was
        step = np.zeros(2)
        if wanted.any():
            solved = np.linalg.solve(information[np.ix_(wanted, wanted)], scores[wanted])
            step[wanted] = np.clip(solved, -_LONGEST_STEP, _LONGEST_STEP)
        settled = bool((np.abs(step) <= _SETTLED * np.nan_to_num(errors)).all())
        if settled or not rounds_left:
            break
        values += step
        values = np.clip(values, np.log([1.5 * dt_ms, 1e-6]), np.log([1e6 * dt_ms, 0.99]))
    given = np.array([tau_ms, rho])  # not through logarithms and back
    tau_ms, rho = np.where(wanted, np.exp(values), given).tolist()
    return SharedFit(tau_ms, rho, errors, sorted(unidentified), settled, likelihood, fitted)


def _blind(information, wanted, errors):
    """Names and places of parameters that the data do not tell, the worst first; write errors of others."""
    wanted = wanted.copy()
    while wanted.any():
        part = information[np.ix_(wanted, wanted)]
        scale = np.sqrt(np.maximum(part.diagonal(), 1e-300))
        inverse = np.linalg.pinv(part / scale / scale[:, None], hermitian=True).diagonal() / scale**2
        errors[wanted] = np.sqrt(np.maximum(inverse, 0))
        worst = np.flatnonzero(wanted)[errors[wanted].argmax()]
        if 0 < errors[worst] < _IDENTIFIED:
            return
        yield NAMES[worst], worst
        wanted[worst] = False


def scores_and_information(likelihood: SpikeLikelihood, coefficients: np.ndarray):
    """Derivatives of the log-likelihood of all targets by (log tau, log rho), and their information.

    Parameters
    ----------
    likelihood : SpikeLikelihood
    coefficients : ndarray, shape (n + 1, n)
        Where it is largest.

    Returns
    -------
    scores : ndarray, shape (2,)
    information : ndarray, shape (2, 2)
        What is left of it when every target's coefficients are fitted as well.
    """
    n, link, excluded = likelihood.n, likelihood.link, likelihood.excluded
    stride = likelihood.bin_steps
    bound, before = (excluded.bound, excluded.coefficients) if excluded else (np.inf, coefficients[:, :0])
    going_on = ~likelihood.held.all(0)
    scores = np.zeros((2, n))
    beta, reference = (np.ascontiguousarray(x.T) for x in (coefficients, before))

    def trial(first):
        s, late, clock = np.zeros(n), np.zeros(n), np.array([0, first + stride // 2])

        def advance(steps, columns, event, until, rows, n_rows, active):
            return _advance(
                steps, columns, event, until, stride, first, likelihood.decay, s, late, clock, rows, n_rows,
                active, beta, reference, bound, link.log_odds, scores,
            )  # fmt: skip

        return advance

    every = max(1, likelihood.used_steps() // (stride * _ROWS_A_COLUMN * (n + 1)))
    sample, taken = [], 0
    for rows in likelihood.blocks(stride, trial, 2 * n + 1):
        past, late = np.delete(rows, np.s_[n : 2 * n], axis=1), rows[:, n : 2 * n]
        eta = (past @ coefficients).astype(np.float64)
        eta_before = (past @ before).astype(np.float64)
        _silence(eta, late @ coefficients[:-1], eta_before, bound, link.log_silence, float(stride), scores)
        sample.append(rows[-taken % every :: every].astype(np.float64))
        taken += len(rows)
    sample = np.concatenate(sample)
    weight = taken * stride / len(sample)
    information = _information(sample, weight, link.rho, coefficients, before, bound, going_on)
    return scores[:, going_on].sum(1), information


def _information(sample, weight, rho, coefficients, before, bound, going_on):
    """Of the shared parameters, less what a change of the targets' own coefficients makes up for."""
    n = coefficients.shape[1]
    rows, late = np.delete(sample, np.s_[n : 2 * n], axis=1), sample[:, n : 2 * n]
    eta, eta_late = rows @ coefficients, late @ coefficients[:-1]
    p = rho * ndtr(eta)
    slope = rho * np.exp(-(eta**2) / 2) / np.sqrt(2 * np.pi)
    scale = np.sqrt(weight / np.maximum(p * (1 - p), 1e-300))
    if before.shape[1]:
        scale[rows @ before > bound] = 0.0
    information = np.zeros((2, 2))
    for target in np.flatnonzero(going_on):
        shared = np.column_stack([slope[:, target] * eta_late[:, target], p[:, target]]) * scale[:, [target]]
        own = rows * (slope[:, target] * scale[:, target])[:, None]
        solved = np.linalg.lstsq(own.T @ own, own.T @ shared, rcond=1e-12)[0]
        information += shared.T @ shared - (own.T @ shared).T @ solved
    return information


@njit(nogil=True, cache=True)
def _advance(
    steps, columns, event, end, stride, first, decay, s, late, clock, rows, n_rows, active,
    coefficients, before, bound, log_odds, scores,
):  # fmt: skip
    """As in `of_spikes`, plainly: s, and ``late``, its derivative by log tau, at ``clock[0]``."""
    n = s.shape[0]
    while True:
        inside = event < steps.shape[0] and steps[event] < end
        t = steps[event] if inside else end
        while clock[1] < end and clock[1] <= t:
            _move(s, late, clock, clock[1], decay)
            if active:
                for i in range(n):
                    rows[n_rows, i], rows[n_rows, n + i] = s[i], late[i]
                n_rows += 1
            clock[1] += stride
        if not inside:
            return event, n_rows
        _move(s, late, clock, t, decay)
        last = event
        while last < steps.shape[0] and steps[last] == t:
            j = columns[last]
            last += 1
            if j < 0 or not active or t < first:
                continue
            if before.shape[0] and np.dot(before[j, :n], s) + before[j, n] > bound:
                continue
            log_odd, slope = look_up(log_odds, np.dot(coefficients[j, :n], s) + coefficients[j, n])
            scores[0, j] += slope * np.dot(coefficients[j, :n], late)
            scores[1, j] += 1 + np.exp(log_odd)  # of log(p / (1 - p)) by log rho: 1 / (1 - p)
        _move(s, late, clock, t + 1, decay)
        for k in range(event, last):
            if columns[k] >= 0:
                s[columns[k]] += 1.0
        event = last


@njit(nogil=True, cache=True)
def _move(s, late, clock, step, decay):
    """Let the sums decay for n steps: by decay^n, whose derivative is n decay^n (1 - decay) / decay."""
    n_steps = step - clock[0]
    if n_steps > 0:
        factor, share = decay**n_steps, n_steps * (1 - decay) / decay
        for i in range(s.shape[0]):
            late[i] = factor * (late[i] + share * s[i])
            s[i] *= factor
            if s[i] < 1e-12:
                s[i], late[i] = 0.0, 0.0
        clock[0] = step


@njit(nogil=True, cache=True)
def _silence(eta, eta_late, before, bound, log_silence, weight, scores):
    """Add up what the silence of all rows tells: derivatives of weight log(1 - p)."""
    for row in range(eta.shape[0]):
        for j in range(eta.shape[1]):
            if not (before.shape[1] and before[row, j] > bound):
                log_p, slope = look_up(log_silence, eta[row, j])
                scores[0, j] += weight * slope * eta_late[row, j]
                scores[1, j] += weight * (1 - np.exp(-log_p))
