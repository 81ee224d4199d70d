"""Maximum likelihood under bounds and with an L1 penalty: proximal Newton, for all targets together.

For each target, with the log-likelihood L of its coefficients x, minimise

    -L(x) + sum_k penalty_k |x_k|   where   lower_k <= x_k <= upper_k.

Order of calls: a pass gives the score; the parabola with the Fisher information is minimised under the same
bounds and penalty by coordinate descent; a step that makes it worse is halved. The information is that of a
fit before, off by a tenth: each pass takes off nine tenths of what is left.
"""

from dataclasses import dataclass, replace

import numpy as np
from numba import njit

from circuitbias.likelihood.fit import LIMIT, MatchedFit, information_of
from circuitbias.likelihood.of_spikes import SpikeLikelihood

_ROUNDING = 1e-2  # nats by which a step may seem to make it worse
_MOST_SWEEPS = 5000
_STILL = 1e-9  # standard errors: the order of neurons changes no digit that counts
_PASSES_AN_INFORMATION = 6
_SMALLEST_STEP = 1 / 64


@dataclass(frozen=True)
class Constraints:
    """What holds of the coefficients, each of shape (n + 1, n), [source, target], the constants last.

    Attributes
    ----------
    penalty : ndarray
        In nats for an absolute unit of the coefficient.
    lower, upper : ndarray
    """

    penalty: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    @classmethod
    def none(cls, n: int) -> "Constraints":
        """No penalty, no bounds."""
        shape = n + 1, n
        return cls(np.zeros(shape), np.full(shape, -np.inf), np.full(shape, np.inf))

    def active(self, coefficients: np.ndarray) -> np.ndarray:
        """Coefficients at a bound, or at zero under a penalty."""
        at_bound = (coefficients <= self.lower) | (coefficients >= self.upper)
        return at_bound | ((coefficients == 0) & (self.penalty > 0))


def couplings_of(n: int) -> np.ndarray:
    """Which coefficients are couplings, (n + 1, n): not a neuron's own past, nor its constant."""
    return np.vstack([~np.eye(n, dtype=bool), np.zeros((1, n), dtype=bool)])


def subgradient(coefficients, score, constraints: Constraints) -> np.ndarray:
    """How steeply the objective can fall along each coefficient, zero where it cannot: the KKT conditions.

    Parameters
    ----------
    coefficients, score : ndarray, shape (n + 1, m)
        The score is the derivative of the log-likelihood.
    constraints : Constraints
        Of the same targets.
    """
    upward = score - np.where(coefficients >= 0, 1, -1) * constraints.penalty
    downward = -score + np.where(coefficients > 0, 1, -1) * constraints.penalty
    upward = np.where(coefficients < constraints.upper, upward, 0)
    downward = np.where(coefficients > constraints.lower, downward, 0)
    return np.maximum(np.maximum(upward, downward), 0)


def constrained_fit(
    likelihood: SpikeLikelihood,
    fitted: MatchedFit,
    start: np.ndarray,
    constraints: Constraints,
    tolerance: float,
    max_passes: int,
    sample=None,
) -> MatchedFit:
    """Fit all targets under constraints.

    Parameters
    ----------
    likelihood : SpikeLikelihood
        Whose steps are left out already.
    fitted : MatchedFit
        Without the constraints: its information is used.
    start : ndarray, shape (n + 1, n)
    constraints : Constraints
    tolerance : float
        Largest `subgradient` of a target that has converged, in standard deviations of the score.
    max_passes : int
        Most passes of this fit.
    sample : tuple, optional
        Of `SpikeLikelihood.sample`, to make the information anew where steps fail. Default: keep it.
    """
    x = np.clip(start, constraints.lower, constraints.upper)
    information, done_passes = fitted.information, likelihood.passes
    targets = ~likelihood.held.all(0)
    value, score = evaluate(likelihood, x, targets)
    residual = np.zeros(targets.shape)
    size = np.ones(targets.shape)  # of the step of each target
    aim, since = None, 0
    while True:
        deviations = np.sqrt(np.maximum(information.diagonal(axis1=1, axis2=2).T, 1e-300))
        falls = np.where(deviations > 1e-100, subgradient(x, score, constraints) / deviations, 0)
        residual[targets] = falls.max(0)[targets]
        going_on = targets & (residual > tolerance)
        if not going_on.any() or likelihood.passes - done_passes >= max_passes:
            break
        if sample is not None and since >= _PASSES_AN_INFORMATION:
            information, since = information_of(likelihood, sample, x), 0
        aim = x.copy()
        for target in np.flatnonzero(going_on):
            aim[:, target] = _aim(information[target], score[:, target], x[:, target], constraints, target)
        size[going_on] = 1.0
        waiting = going_on.copy()
        while waiting.any() and likelihood.passes - done_passes < max_passes:
            tried = x + size * (aim - x)
            new_value, new_score = evaluate(likelihood, tried, waiting)
            before = value + (constraints.penalty * np.abs(x)).sum(0)
            after = new_value + (constraints.penalty * np.abs(tried)).sum(0)
            taken = waiting & ((after <= before + _ROUNDING) | (size <= _SMALLEST_STEP))
            x[:, taken], score[:, taken], value[taken] = (
                tried[:, taken],
                new_score[:, taken],
                new_value[taken],
            )
            waiting &= ~taken
            size[waiting] /= 2
            since += 1
    return replace(
        fitted,
        coefficients=x,
        information=information,
        scaled_gradient=residual,
        converged=residual <= tolerance,
        passes=likelihood.passes,
        infinite=x[:-1] <= -LIMIT,
    )


def evaluate(likelihood, x, targets):
    """Negative log-likelihoods (n,), and scores (n + 1, n), of some targets; zero of others."""
    found, slopes = likelihood.evaluate(np.ascontiguousarray(x[:, targets]), targets=targets)
    value, score = np.zeros(x.shape[1]), np.zeros(x.shape)
    value[targets], score[:, targets] = np.asarray(found), -np.asarray(slopes)
    return value, score


def _aim(information, score, at, constraints, target):
    """Minimum of one target's parabola."""
    of_target = Constraints(
        *(getattr(constraints, name)[:, target] for name in ("penalty", "lower", "upper"))
    )
    return parabola_minimum(information, score, at, of_target)


def parabola_minimum(
    information: np.ndarray, score: np.ndarray, at: np.ndarray, constraints: Constraints
) -> np.ndarray:
    """Minimise -score' d + d' information d / 2 + the penalty of at + d, under the bounds of at + d.

    Coefficients that are free altogether are eliminated first: the constant goes with all others, which slows
    coordinate descent down.

    Parameters
    ----------
    information : ndarray, shape (k, k)
    score, at : ndarray, shape (k,)
    constraints : Constraints
        Of shape (k,).

    Returns
    -------
    ndarray
        at + d.
    """
    told = information.diagonal() > 0
    free = told & (constraints.penalty == 0) & np.isinf(constraints.lower) & np.isinf(constraints.upper)
    rest = told & ~free
    inner, between = information[np.ix_(free, free)], information[np.ix_(free, rest)]
    solved = np.linalg.lstsq(inner, np.column_stack([between, score[free]]), rcond=1e-12)[0]
    reduced = information[np.ix_(rest, rest)] - between.T @ solved[:, :-1]
    reduced_score = score[rest] - between.T @ solved[:, -1]
    limits = (getattr(constraints, name)[rest] for name in ("penalty", "lower", "upper"))
    found = at.copy()
    found[rest] = _coordinate_descent(
        np.ascontiguousarray(reduced), reduced_score, at[rest], *limits, _STILL, _MOST_SWEEPS
    )
    found[free] = at[free] + solved[:, -1] - solved[:, :-1] @ (found - at)[rest]
    return found


@njit(nogil=True, cache=True)
def _coordinate_descent(information, score, at, penalty, lower, upper, tolerance, most_sweeps):
    """To where no coefficient moves by more than ``tolerance`` of its standard error given the others."""
    x, left = at.copy(), score.copy()
    for _ in range(most_sweeps):
        largest = 0.0
        for k in range(x.shape[0]):
            curvature = information[k, k]
            if curvature <= 0:
                continue
            wanted = curvature * x[k] + left[k]
            new = np.sign(wanted) * max(abs(wanted) - penalty[k], 0.0) / curvature
            new = min(max(new, lower[k]), upper[k])
            change = new - x[k]
            if change != 0:
                x[k] = new
                for i in range(x.shape[0]):
                    left[i] -= change * information[k, i]
                largest = max(largest, abs(change) * np.sqrt(curvature))
        if largest < tolerance:
            break
    return x
