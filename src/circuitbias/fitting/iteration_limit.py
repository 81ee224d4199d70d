"""Coefficients without a finite value, where an iteration of limited length leaves them.

The published GLMs are fits of Matlab's ``fitglm``: Fisher scoring, about a hundred steps at most. If a
target never fires with a covariate, each step takes one off that coefficient. But weights whose root is below
``eps^(2/3)`` of the largest are raised to that, so that rows of the lowest rates, which the steps have long
done with, come to weigh as much as others and shorten the steps: they end between -30 and -45. Where they end
hangs on the data, but hardly on the way of all other coefficients, which have converged long before: these
are taken from the fit.
"""

from dataclasses import replace

import numpy as np

from circuitbias.device import on_cpu, parts, placed
from circuitbias.fitting.designs.counts import STEEPNESS, Design
from circuitbias.fitting.fit import Fit
from circuitbias.memory import Budget

_STEPS = 101
"""Of ``fitglm``: it stops when it has counted more than 100."""
_LEAST_ROOT = np.finfo(float).eps ** (2 / 3)
"""Least root of a weight, relative to the largest."""
_LEAST_MEAN = np.finfo(float).tiny ** 0.25


def where_iterations_end(design: Design, fit: Fit, budget: Budget) -> Fit:
    """Give coefficients that fall without end the value at which ``fitglm`` stops.

    Parameters
    ----------
    design : Design
    fit : Fit
        Of Poisson regressions, in the limit of coefficients without a finite value.
    budget : Budget

    Returns
    -------
    Fit
        What rises without end, or falls with a covariate that is never zero, stays without a value.
    """
    coefficients, infinite = on_cpu(fit.coefficients).copy(), on_cpu(fit.infinite).copy()
    lowest = np.min([on_cpu(rows).min(0) for rows in design.narrow_blocks()], axis=0)
    falling = infinite & (coefficients < -STEEPNESS / 2) & (lowest == 0)[:, None]
    falling[-1] = False
    most = 8 * design.n_rows * (falling.sum(0).max() + 2)
    for targets in parts(np.flatnonzero(falling.any(0)), max(1, int(budget.kept // most))):
        for target, rows in zip(targets, _rows_of(design, coefficients, falling, targets), strict=True):
            coefficients[falling[:, target], target] = _end_of_iteration(*rows)
    infinite &= ~falling
    device = fit.coefficients.device
    return replace(fit, coefficients=placed(coefficients, device), infinite=placed(infinite, device))


def _rows_of(design, coefficients, falling, targets):
    """Of each target: covariates that fall, where some are not zero; what others add there; largest mean."""
    found, largest = [[] for _ in targets], np.full(len(targets), -np.inf)
    for block in design.narrow_blocks():
        rows = on_cpu(block).astype(float)
        drives = rows @ coefficients[:, targets]
        largest = np.maximum(largest, drives.max(0))
        for of_target, target, drive in zip(found, targets, drives.T, strict=True):
            fall = falling[:, target]
            covariates = rows[:, fall]
            there = covariates.any(1)
            covariates = covariates[there]
            of_target.append((covariates, drive[there] - covariates @ coefficients[fall, target]))
    for of_target, drive in zip(found, largest, strict=True):
        covariates, others = (np.concatenate(each) for each in zip(*of_target, strict=True))
        yield covariates, others, np.exp(drive)


def _end_of_iteration(covariates, others, largest_mean):
    """Fisher scoring on rows without a response: of each, the working response is one below the drive."""
    found = np.zeros(covariates.shape[1])
    for _ in range(_STEPS):
        means = np.maximum(np.exp(others + covariates @ found), _LEAST_MEAN)
        weights = np.maximum(means, _LEAST_ROOT**2 * max(largest_mean, means.max()))
        information = covariates.T @ (covariates * weights[:, None])
        units = information.diagonal() ** -0.5  # which differ by orders of magnitude
        steps = np.linalg.solve(information * units * units[:, None], units * (covariates.T @ weights))
        found -= units * steps
    return found
