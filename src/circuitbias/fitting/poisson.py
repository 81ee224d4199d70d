"""Poisson regressions of all targets on one shared design: the plan of a fit."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from circuitbias.fitting.descents import (
    Fits,
    find_errors,
    lead_by_moments,
    lead_by_own_hessians,
    lead_by_sample,
)
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.problem import summarise
from circuitbias.fitting.rows import SparseRows
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import allows, for_matrices, regression_bytes, require_memory


@dataclass
class PoissonFit:
    """Poisson regressions of all targets on one design.

    Attributes
    ----------
    coefficients : tensor, shape (n_columns, n_targets)
    scaled_gradient : tensor, shape (n_targets,)
        Largest entry of each target's gradient, per standard deviation of the covariate and mean response.
    converged : tensor of bool, shape (n_targets,)
    infinite : tensor of bool, shape (n_columns, n_targets)
        Coefficients without a finite value; the others are those in this limit.
    standard_errors : tensor, shape (n_columns - 1, n_targets)
        Of the slopes: those of the model from the Hessian that preconditioned each target; NaN for those that
        are held.
    passes : int
    """

    coefficients: torch.Tensor
    scaled_gradient: torch.Tensor
    converged: torch.Tensor
    infinite: torch.Tensor
    standard_errors: torch.Tensor
    passes: int = 0

    def finite(self, values: torch.Tensor) -> np.ndarray:
        """Values, (n_columns, n_targets) or its slopes, with NaN where there is no fit or no finite one."""
        known = self.converged & ~self.infinite[: len(values)]
        return torch.where(known, values, torch.nan).cpu().numpy()

    def intercepts(self) -> np.ndarray:
        """Intercepts, (n_targets,), with NaN where there is no fit or no finite one."""
        return self.of_fitted(torch.where(self.infinite[-1], torch.nan, self.coefficients[-1]))

    def of_fitted(self, values: torch.Tensor) -> np.ndarray:
        """Values, (n_targets,), with NaN for targets that have no fit."""
        return torch.where(self.converged, values, torch.nan).cpu().numpy()

    def diagnostics(self, n_rows: int) -> dict:
        """What every method says of such a fit."""
        some = self.converged.any()
        return {
            "n_bins": n_rows,
            "passes": self.passes,
            "largest_scaled_gradient": self.scaled_gradient[self.converged].max().item() if some else None,
            "n_not_converged": int((~self.converged).sum()),
        }


def require_fit_memory(memory_mb: float, n_targets: int, n_columns: int, n_rows: float, what: str) -> None:
    """Refuse regressions for which memory does not even allow some targets at a time.

    Parameters
    ----------
    memory_mb : float
        The bound, in 1e6 bytes.
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
    if not allows(memory_mb, needed):
        n_together = min(tuning().least_targets, n_targets)
        needed = (
            _moment_bytes(n_targets, n_columns)
            + _descent_bytes(n_together, n_columns)
            + _hessian_bytes(1, n_columns)
        )
    require_memory(memory_mb, needed, what)


# Largest sizes of what is kept, measured like those of `circuitbias.memory.regression_bytes`.


def _moment_bytes(n_targets, n_columns) -> float:
    """Moments, bounds and scales of all targets, and what they are made of."""
    return 100 * n_targets * n_columns


def _descent_bytes(n_targets, n_columns) -> float:
    """The steps behind a descent of some targets, and the work on the next."""
    return 250 * n_targets * n_columns


_HESSIAN_BYTES = 30  # an entry, with its inverse


def _hessian_bytes(n_hessians, n_columns) -> float:
    """Hessians and their inverses, and the work on one of them."""
    return (_HESSIAN_BYTES * n_hessians + 30) * n_columns**2


def fit(
    design: Design,
    *,
    ridge: float,
    tolerance: float,
    max_passes: int,
    block_rows: int,
    memory_mb: float,
    errors: str = "model",
) -> PoissonFit:
    """Fit the Poisson regressions of all targets on one design.

    Order of calls: `summarise` the data, in one pass; make batches of targets, one if memory allows; start
    each on a sample of the rows; descend with the preconditioner that the sample shows to be good enough;
    and give those that are left behind Hessians of all rows. Where memory does not hold the Hessians of all
    targets, moments lead first, and those that are left get Hessians of their own, as many at a time as it
    holds. Where most counts are zero, the rows are kept
    as events, and Hessians are those of all rows from the start, if memory holds them all.

    Parameters
    ----------
    design : Design
    ridge, tolerance, max_passes
        See `circuitbias.estimators.glm.estimate`; the passes are those of targets that are fitted together.
    block_rows : int
        Most rows of the sample that are worked on at a time.
    memory_mb : float
        Bound of the memory, in 1e6 bytes; see `require_fit_memory`.
    errors : {"model", "sandwich", "jackknife"}, optional
        Kind of standard errors: see `circuitbias.fitting.standard_errors`.

    Returns
    -------
    PoissonFit

    Raises
    ------
    ValueError
        If columns of the design are linearly dependent.
    """
    n_targets, n_columns = design.n_targets, design.n_columns
    all_hessians = allows(memory_mb, regression_bytes(n_targets, n_columns, design.n_rows))
    problem = summarise(design, ridge, all_hessians, memory_mb)
    fits = Fits(problem, tolerance, max_passes)
    left_memory = for_matrices(memory_mb) - _moment_bytes(n_targets, n_columns)
    n_together = n_hessians = n_targets
    if not all_hessians:
        most = max(tuning().least_targets, int(left_memory / 2 / _descent_bytes(1, n_columns)))
        n_together = math.ceil(n_targets / math.ceil(n_targets / most))  # groups of equal size
        left_memory -= _descent_bytes(n_together, n_columns) + _hessian_bytes(0, n_columns)
        n_hessians = max(1, int(left_memory / (_HESSIAN_BYTES * n_columns**2)))
    if all_hessians and isinstance(problem.rows, SparseRows):
        fits.newton_on_sample(torch.arange(n_targets))
    elif all_hessians:
        lead_by_sample(design, problem, fits, block_rows)
    else:
        for targets in fits.left(n_together):
            lead_by_moments(design, fits, targets)
        for targets in fits.left(n_hessians):
            lead_by_own_hessians(design, fits, targets)
    for targets in fits.left(n_hessians):
        fits.newton(targets)
    fits.find_unidentified(n_hessians)
    for targets in fits.without_errors(n_hessians, errors):
        find_errors(design, fits, targets, errors)
    standard_errors = (fits.inverse_diagonal / design.n_rows).sqrt()
    return PoissonFit(
        fits.coefficients,
        fits.scaled_gradient,
        fits.converged,
        problem.infinite,
        torch.where(problem.free[:-1], standard_errors, torch.nan),
        fits.passes,
    )
