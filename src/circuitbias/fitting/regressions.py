"""Regressions of all targets on one shared design: the plan of a fit."""

import math
from dataclasses import dataclass

from circuitbias.device import namespace, quietly
from circuitbias.fitting.descents import (
    Fits,
    find_errors,
    lead_by_moments,
    lead_by_own_hessians,
    lead_by_sample,
)
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.fit import Fit
from circuitbias.fitting.problem import summarise
from circuitbias.fitting.rows import DenseRows
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import Budget, regression_bytes

# Largest sizes, in bytes, measured like those of `circuitbias.memory.regression_bytes`.
_A_MOMENT = 100  # of each coefficient: moments, bounds and scales of all targets, and what they are made of
_A_DESCENT = 250  # of each coefficient: the steps behind a descent, and the work on the next
_A_HESSIAN = 30  # of each entry, with its inverse


@dataclass(frozen=True)
class Batches:
    """How many targets memory allows to work on at a time.

    Attributes
    ----------
    whole : bool
        Whether it holds Hessians of all, and a sample to make them on.
    together, hessians : int
        Targets that descend together, and those with Hessians of their own.
    """

    whole: bool
    together: int
    hessians: int

    @classmethod
    def of(cls, budget: Budget, n_targets: int, n_columns: int, n_rows: float) -> "Batches":
        """Batches of regressions of this size."""
        if hessians_fit(budget, n_targets, n_columns, n_rows):
            return cls(True, n_targets, n_targets)
        left = budget.matrices - _A_MOMENT * n_targets * n_columns
        most = max(tuning().least_targets, int(left / 2 / (_A_DESCENT * n_columns)))
        together = math.ceil(n_targets / math.ceil(n_targets / most))  # groups of equal size
        left -= _A_DESCENT * together * n_columns + _A_HESSIAN * n_columns**2
        return cls(False, together, max(1, int(left / (_A_HESSIAN * n_columns**2))))


def hessians_fit(budget: Budget, n_targets: int, n_columns: int, n_rows: float) -> bool:
    """Whether memory holds the Hessians of all targets."""
    return budget.allows(regression_bytes(n_targets, n_columns, n_rows))


def require_fit_memory(budget: Budget, n_targets: int, n_columns: int, n_rows: float, what: str) -> None:
    """Refuse regressions for which memory does not even allow some targets at a time.

    Parameters
    ----------
    budget : Budget
    n_targets, n_columns, n_rows
        Of the design, at most.
    what : str
        The fit, for the message.

    Raises
    ------
    MemoryLimitError
        Naming the fit, the bound and the least bound that would do.
    """
    needed = regression_bytes(n_targets, n_columns, n_rows)
    if not hessians_fit(budget, n_targets, n_columns, n_rows):
        together = min(tuning().least_targets, n_targets)
        needed = (_A_MOMENT * n_targets + _A_DESCENT * together + 2 * _A_HESSIAN * n_columns) * n_columns
    budget.require(needed, what)


@quietly
def fit(
    design: Design, budget: Budget, ridge: float, tolerance: float, max_passes: int, errors: str = "model"
) -> Fit:
    """Fit the regressions of all targets on one design, without an absolute-value penalty.

    Order of calls: `summarise` the data, in one pass; make batches of targets, one if memory allows; start
    each on a sample of the rows; descend with the preconditioner that the sample shows to be good enough;
    and give those that are left behind Hessians of all rows. Where memory does not hold the Hessians of all
    targets, moments precondition first, and those that are left get Hessians of their own, as many at a time
    as it holds. Where most counts are zero, the rows are kept as events, and Hessians are those of all rows
    from the start, if memory holds them all.

    Parameters
    ----------
    design : Design
    budget : Budget
        See `require_fit_memory`.
    ridge, tolerance, max_passes
        See `circuitbias.estimators.glm.Glm`; the passes are those of targets that are fitted together.
    errors : {"model", "sandwich", "jackknife"}, optional
        Kind of standard errors: see `circuitbias.fitting.standard_errors`.

    Returns
    -------
    Fit

    Raises
    ------
    UnusableDataError
        If columns of the design are linearly dependent.
    """
    batches = Batches.of(budget, design.n_targets, design.n_columns, design.n_rows)
    problem = summarise(design, ridge, batches.whole, budget)
    fits = Fits(problem, tolerance, max_passes)
    if not batches.whole:
        for targets in fits.left(batches.together):
            lead_by_moments(design, fits, targets)
        for targets in fits.left(batches.hessians):
            lead_by_own_hessians(design, fits, targets)
    elif isinstance(problem.rows, DenseRows):
        lead_by_sample(design, problem, fits)
    for targets in fits.left(batches.hessians):
        fits.newton(targets)
    fits.examine(batches.hessians)
    for targets in fits.without_errors(batches.hessians, errors):
        find_errors(design, fits, targets, errors)
    standard_errors = (fits.inverse_diagonal / design.n_rows) ** 0.5
    return Fit(
        fits.coefficients,
        problem.infinite,
        fits.scaled_gradient,
        fits.converged,
        fits.passes,
        namespace(standard_errors).where(problem.free[:-1], standard_errors, math.nan),
        problem.undefined,
    )
