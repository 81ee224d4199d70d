"""Sparse couplings: an L1 penalty on the matched likelihood, given or chosen by likelihoods held out.

The penalty of a coupling is ``l1`` standard deviations that its score has if there are no couplings at all:
what does not stand out by as much stays zero. That means the same at any volume of data and any rate.
"""

from dataclasses import replace

import numpy as np

from circuitbias.estimators.cross_validation import choose, mean_log_likelihoods
from circuitbias.exceptions import UnusableDataError
from circuitbias.likelihood.constrained import (
    Constraints,
    constrained_fit,
    couplings_of,
    evaluate,
)
from circuitbias.likelihood.fit import ROWS_A_COLUMN, MatchedFit, information_of
from circuitbias.likelihood.of_spikes import SpikeLikelihood
from circuitbias.likelihood.signs import sign_constraints, signs_by_presynaptic
from circuitbias.progress import report_line

_FOLD_TOLERANCE = 0.3  # standard deviations of the score: what is left changes likelihoods by hundredths
_FOLD_PASSES = 12


def score_deviations(likelihood: SpikeLikelihood, sample, start: np.ndarray) -> np.ndarray:
    """Standard deviations of the scores of couplings where there are none, (n + 1, n); zero of others.

    Parameters
    ----------
    likelihood : SpikeLikelihood
    sample : tuple
        Of `SpikeLikelihood.sample`.
    start : ndarray, shape (n + 1, n)
        No couplings, and the rates.
    """
    rows, n = sample[0].astype(np.float64), likelihood.n
    told = likelihood.link.information(start[-1]) * likelihood.scale * likelihood.used_steps()
    return np.sqrt(np.outer(rows.var(0), told)) * couplings_of(n)


def choose_l1(
    likelihood: SpikeLikelihood,
    fitted: MatchedFit,
    start: np.ndarray,
    bounds: Constraints,
    deviations: np.ndarray,
    grid: tuple[float, ...],
    folds: int,
) -> tuple[float, dict]:
    """Choose the penalty under which spikes that were left out are likeliest.

    Parameters
    ----------
    likelihood : SpikeLikelihood
    fitted : MatchedFit
        To all data, without a penalty.
    start : ndarray, shape (n + 1, n)
        Where fits with the largest penalty begin.
    bounds : Constraints
    deviations : ndarray, shape (n + 1, n)
        Of `score_deviations`.
    grid : tuple of float
    folds : int
        Parts of the recording left out in turn, of scattered blocks.

    Returns
    -------
    l1 : float
    diagnostics : dict
        ``l1`` and ``l1_path``: ``held_out_log_likelihood`` in nats a neuron, over all folds.
    """
    if likelihood.n_blocks() < folds:
        raise UnusableDataError(
            f"folds={folds}: the recording has {likelihood.n_blocks()} blocks of the likelihood, and a fold "
            "is at least one: fewer folds, or fewer bin_steps, which shorten the blocks"
        )
    penalties, share = sorted(map(float, grid), reverse=True), 1 - 1 / folds
    told = replace(fitted, information=fitted.information * share)
    held_out = np.zeros((len(penalties), likelihood.n))
    targets = ~likelihood.held.all(0)
    for fold in range(folds):
        training = likelihood.of_blocks(lambda block, fold=fold: block % folds != fold)
        test = likelihood.of_blocks(lambda block, fold=fold: block % folds == fold)
        at = start
        for place, l1 in enumerate(penalties):
            penalty = replace(bounds, penalty=l1 * deviations * np.sqrt(share))
            fit = constrained_fit(training, told, at, penalty, _FOLD_TOLERANCE, _FOLD_PASSES)
            at = fit.coefficients
            held_out[place] -= evaluate(test, at, targets)[0]
        likelihood.passes += training.passes + test.passes
        report_line(f"fold {fold + 1} of {folds}: {training.passes} passes")
    held_out[:, ~targets] = np.nan
    return choose(penalties, "held_out_log_likelihood", mean_log_likelihoods(held_out))


def fit_under(wanted, likelihood: SpikeLikelihood, fitted: MatchedFit, start: np.ndarray):
    """Fit under the signs and the penalty that are wanted.

    Parameters
    ----------
    wanted : Matched
        Its options ``signs``, ``l1``, ``l1_grid``, ``folds``, ``tolerance``, ``max_passes``.
    likelihood : SpikeLikelihood
    fitted : MatchedFit
        Without constraints.
    start : ndarray, shape (n + 1, n)
        No couplings, and the rates.

    Returns
    -------
    fit : MatchedFit
    at_constraint : ndarray of bool, shape (n, n)
        Coefficients [source, target] that a bound or the penalty holds: they have no standard error.
    signs : ndarray, shape (n,)
        Of the couplings that leave each neuron; 0 if any.
    diagnostics : dict
    """
    n = likelihood.n
    likelihood.held[:, ~likelihood.held.all(0)] = False  # infinite couplings are bounded now
    known = {"excitatory": np.ones(n), "inhibitory": -np.ones(n), None: np.zeros(n)}
    signs = signs_by_presynaptic(fitted) if wanted.signs == "by_presynaptic" else known[wanted.signs]
    constraints, l1, said = sign_constraints(signs, fitted.infinite), wanted.l1, {}
    sample = likelihood.sample(ROWS_A_COLUMN * (n + 1))
    if l1 != 0:
        begin = np.vstack([np.where(fitted.infinite, 0, fitted.coefficients[:-1]), fitted.coefficients[-1:]])
        if fitted.infinite.any():  # a penalty gives them a value
            information = information_of(likelihood, sample, begin)
            fitted = replace(fitted, coefficients=begin, information=information)
        deviations = score_deviations(likelihood, sample, start)
        if l1 == "cross_validation":
            chosen_from = wanted.l1_grid, wanted.folds
            l1, said = choose_l1(likelihood, fitted, start, constraints, deviations, *chosen_from)
        constraints = replace(constraints, penalty=l1 * deviations)
    fit = constrained_fit(
        likelihood, fitted, fitted.coefficients, constraints, wanted.tolerance, wanted.max_passes, sample
    )
    information = information_of(likelihood, sample, fit.coefficients)
    active = constraints.active(fit.coefficients)[:-1]
    return replace(fit, information=information), active, signs, said
