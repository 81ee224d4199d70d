"""Maximise the likelihood of a generator, for all targets together.

Order of calls: start on a part of the data with a few Hessians; where inputs reach the threshold, leave those
steps out and fit again; then a few passes over all data, and the information there.
"""

from dataclasses import dataclass

import numpy as np

from circuitbias.device import positive_inverses
from circuitbias.fitting.lbfgs import lbfgs
from circuitbias.likelihood.of_spikes import Exclusion, SpikeLikelihood
from circuitbias.progress import Descent, report_line

BOUNDS = (-0.3, -0.1)
"""Fitted eta above which steps are left out, stage by stage. The smooth branch fits badly at first."""

SATURATED = 0.5
"""Share of a neuron's spikes near its threshold, or above, from which on it is not fitted."""

ROWS_A_COLUMN = 1000  # of the sample that Hessians are made from
_CHOSEN_A_COLUMN = 200  # of them for each target, drawn by their information: Hessians are off by a tenth
_PART_SPIKES_A_NEURON = 10_000
_PART_THINNING = 4  # of the rows of the sample: Hessians of a start may be off by a fifth
_PART_PASSES = 6  # for one Hessian: it changes much on the way from no couplings
_PART_TOLERANCE = 0.3  # standard deviations of the score, of a tenth of the data
_PART_ROUNDS = 8
_SETTLED = 0.3  # scaled gradient at which a fit tells which steps to leave out
_PASSES_A_HESSIAN = 10
_COINCIDENCES = 0.1  # fewer, weighted by slopes, tell nothing of a coupling: that is infinite, or unknown
LIMIT = 8.0  # standard deviations of the noise for a spike: no spike follows
_STEEPEST_START = 3.0
_LEAST_INFORMATION = 1e-6  # spikes; keeps Hessians invertible where the data tell nothing


@dataclass
class MatchedFit:
    """What `fit` returns; all of the targets' own order.

    Attributes
    ----------
    coefficients : ndarray, shape (n + 1, n)
        [source, target]; the constants last.
    information : ndarray, shape (n, n + 1, n + 1)
        Fisher information of each target.
    scaled_gradient : ndarray, shape (n,)
        Largest score of a coefficient, in its standard deviations.
    converged : ndarray of bool, shape (n,)
    passes : int
        Over all data.
    reached : bool
        Whether inputs reach the threshold, so that steps had to be left out.
    saturated : ndarray of bool, shape (n,)
        Targets with most of their spikes there: they are not fitted.
    infinite : ndarray of bool, shape (n, n)
        Coefficients [source, target] without a finite value.
    """

    coefficients: np.ndarray
    information: np.ndarray
    scaled_gradient: np.ndarray
    converged: np.ndarray
    passes: int
    reached: bool
    saturated: np.ndarray
    infinite: np.ndarray


def fit(
    likelihood: SpikeLikelihood,
    start: np.ndarray,
    n_spikes: int,
    tolerance: float,
    max_passes: int,
    before: MatchedFit | None = None,
) -> MatchedFit:
    """Fit all targets.

    Parameters
    ----------
    likelihood : SpikeLikelihood
        Of all data.
    start : ndarray, shape (n + 1, n)
    n_spikes : int
        Of the recording.
    tolerance : float
        Largest score, in its standard deviations, at which a target has converged.
    max_passes : int
        Most passes over all data.
    before : MatchedFit, optional
        Of the same spikes and almost the same model: a start, in the place of a fit to a part of the data.
    """
    if likelihood.link.jumps:
        likelihood.held[:, start[-1] >= 0] = True  # on average at the threshold
    sample = likelihood.sample(ROWS_A_COLUMN * (likelihood.n + 1))
    if before is not None:
        coefficients, reached = before.coefficients.copy(), before.reached
        likelihood.held[:, before.saturated] = True
    else:
        coefficients, reached = _start_on_part(likelihood, sample, start, n_spikes)
    if reached:  # a fit to all data settles which steps to leave out
        likelihood.excluded = Exclusion(coefficients, BOUNDS[-1])
        rough = max(tolerance, _SETTLED)
        coefficients = _descend(likelihood, sample, coefficients, rough, max_passes // 2)[0]
        likelihood.excluded = Exclusion(coefficients, BOUNDS[-1])
    coefficients, solution = _descend(likelihood, sample, coefficients, tolerance, max_passes)
    information = information_of(likelihood, sample, coefficients)
    return MatchedFit(
        coefficients,
        information,
        solution.scaled_gradient,
        solution.converged,
        likelihood.passes,
        reached,
        likelihood.held.all(0),
        infinite_of(likelihood),
    )


def _start_on_part(likelihood, sample, start, n_spikes):
    """Coefficients from a part of the data, and whether inputs reach the threshold there."""
    every = max(1, n_spikes // (_PART_SPIKES_A_NEURON * likelihood.n))
    part, (rows, weight) = likelihood.part(every), sample
    thinning = _PART_THINNING if len(rows) > 2 * _CHOSEN_A_COLUMN * rows.shape[1] else 1
    sample = rows[::thinning], weight * thinning
    coefficients = _on_part(part, sample, start, every)
    reached = likelihood.link.jumps and _reached(part, coefficients)
    for bound in BOUNDS if reached else ():
        part.excluded = Exclusion(coefficients, bound)
        coefficients = _on_part(part, sample, coefficients, every)
    if every > 1:  # what a part does not determine
        coefficients[:-1] = np.clip(coefficients[:-1], -_STEEPEST_START, _STEEPEST_START)
    return coefficients, reached


def _reached(part, coefficients) -> bool:
    """Whether some spikes come near the threshold; give up targets for which most do."""
    part.excluded = Exclusion(coefficients, BOUNDS[-1])
    part.evaluate(coefficients)
    near, _, spikes = part.left_out
    part.held[:, near > SATURATED * spikes] = True
    if near.any():
        report_line(
            f"{near.sum() / spikes.sum():.2g} of the spikes have inputs near the threshold or above: "
            f"leave out steps with a fitted eta above {BOUNDS[0]:g}, then {BOUNDS[-1]:g}, and fit again",
        )
    return bool(near.any())


def information_of(likelihood, sample, coefficients, chosen_a_column=_CHOSEN_A_COLUMN) -> np.ndarray:
    """Fisher information of all targets, (m, n + 1, n + 1), from a sample of the lattice.

    The rows of a target are drawn evenly along the sum of their information on eta: each counts the same, and
    most steps tell hardly anything of a neuron that is silent in them.

    Parameters
    ----------
    likelihood : SpikeLikelihood
    sample : tuple of ndarray (n_rows, n + 1) and float
        Of `SpikeLikelihood.sample`.
    coefficients : ndarray, shape (n + 1, m)
    chosen_a_column : int, optional
        Rows for each column and target.
    """
    rows, weight = sample
    informative = likelihood.informative(rows, coefficients)
    n_chosen = chosen_a_column * rows.shape[1]
    information = np.empty((informative.shape[1], rows.shape[1], rows.shape[1]))
    for target, told in enumerate(informative.T):
        weights = told.astype(np.float64) * weight
        if len(rows) > 2 * n_chosen:
            along = np.cumsum(weights)
            places = (np.arange(n_chosen) + 0.5) * (along[-1] / n_chosen)
            drawn = rows[np.minimum(np.searchsorted(along, places), len(rows) - 1)]
            information[target] = (drawn.T @ drawn) * (along[-1] / n_chosen)
        else:
            weighted = rows * np.sqrt(weights)[:, None].astype(rows.dtype)
            information[target] = weighted.T @ weighted
    return information


def _on_part(part, sample, coefficients, every):
    for _ in range(_PART_ROUNDS):
        before = part.passes
        limits = _PART_TOLERANCE, _PART_PASSES
        solution = _solve(part, sample, coefficients, *limits, 1 / every, _CHOSEN_A_COLUMN // _PART_THINNING)
        coefficients = solution.coefficients
        if solution.converged.all() and part.passes - before < _PART_PASSES // 2:
            break
    return coefficients


def _descend(likelihood, sample, coefficients, tolerance, max_passes):
    while True:
        left = min(_PASSES_A_HESSIAN, max_passes - likelihood.passes)
        solution = _solve(likelihood, sample, coefficients, tolerance, left)
        coefficients = solution.coefficients
        if solution.converged.all() or likelihood.passes >= max_passes:
            return coefficients, solution
        likelihood.held[:-1] |= infinite_of(likelihood)
        coefficients[:-1][likelihood.held[:-1]] = np.minimum(coefficients[:-1][likelihood.held[:-1]], -LIMIT)


def infinite_of(likelihood) -> np.ndarray:
    """Coefficients to targets whose spikes tell nothing of them: none comes soon after one of that source."""
    return (likelihood.spike_slopes[:-1] < _COINCIDENCES) & ~likelihood.held.all(0)


def _solve(
    likelihood, sample, coefficients, tolerance, max_passes, share=1.0, chosen_a_column=_CHOSEN_A_COLUMN
):
    """Descend with the Hessians at where it starts."""
    hessians = information_of(likelihood, sample, coefficients, chosen_a_column) * share
    free = ~likelihood.held.T
    hessians *= free[:, :, None] & free[:, None, :]
    diagonals = np.einsum("jkk->jk", hessians)  # a view
    diagonals += _LEAST_INFORMATION + 1e-6 * diagonals
    inverses = positive_inverses(hessians)

    def precondition(gradient):
        return (inverses @ gradient.T[:, :, None])[:, :, 0].T

    return lbfgs(
        likelihood,
        coefficients,
        precondition,
        np.sqrt(diagonals).T,
        tolerance,
        max_passes,
        Descent(tolerance),
        begin_in_single=likelihood.single,
    )
