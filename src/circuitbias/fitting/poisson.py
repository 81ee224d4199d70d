"""Poisson regressions of all targets on one shared design: with a Hessian for each, or a few for all."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from circuitbias.fitting.clusters import cluster_preconditioner, sampled_rows, similar_targets
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.lbfgs import lbfgs, worth_single_precision
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import (
    SpikeTriggeredMoments,
    shared_preconditioner,
    target_preconditioner,
)
from circuitbias.fitting.sample_hessians import match_moments, sample_hessians
from circuitbias.memory import allows, regression_bytes, require_memory
from circuitbias.progress import Descent

_SAMPLE_ROWS_PER_COLUMN = 100  # of the subsample whose Hessians precondition the fit
_ROUGH_TOLERANCE, _ROUGH_ENOUGH, _ROUGH_PASSES = 1e-3, 1e-2, 200
_LED_TOLERANCE, _LED_PASSES = 1e-5, 6  # of the subsample, if tilted moments are to lead over all rows
_ROUGH_TOLERANCE_OF_GROUPS = 3e-2  # from where on Hessians, made once, lead to the end
_PASSES_OF_MOMENTS, _DESCENT_OF_MOMENTS = 8, 100  # with less in so many passes moments do not lead
_PASSES_OF_CLUSTERS = 50  # most targets take fewer
_LEAST_TARGETS = 64  # that are fitted together at first: for fewer the data would be gone over too often


@dataclass(frozen=True)
class PoissonFit:
    """Poisson regressions of all targets on one design.

    Attributes
    ----------
    coefficients : tensor, shape (n_columns, n_targets)
    scaled_gradient : tensor, shape (n_targets,)
        Largest entry of each target's gradient, per standard deviation of the covariate and mean response.
    fitted, failed, separable : tensor of bool, shape (n_targets,)
        Which have converged, which have not, and whose likelihood has no maximum.
    standard_errors : tensor, shape (n_columns - 1, n_targets), or None
        Of the slopes, from the Hessian that led each target; NaN for those that are held at zero. None if
        memory did not allow so many Hessians.
    passes : int
    """

    coefficients: torch.Tensor
    scaled_gradient: torch.Tensor
    fitted: torch.Tensor
    failed: torch.Tensor
    separable: torch.Tensor
    standard_errors: torch.Tensor | None
    passes: int

    def of_fitted(self, values: torch.Tensor) -> np.ndarray:
        """Values, (n_targets,) or (rows, n_targets), with NaN for targets that have no fit."""
        return torch.where(self.fitted, values, torch.nan).cpu().numpy()

    def diagnostics(self, n_rows: int) -> dict:
        """What every method says of such a fit."""
        return {
            "n_bins": n_rows,
            "passes": self.passes,
            "largest_scaled_gradient": (
                self.scaled_gradient[self.fitted].max().item() if self.fitted.any() else None
            ),
            "n_not_converged": int(self.failed.sum()),
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
        n_together = min(_LEAST_TARGETS, n_targets)
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


def _hessian_bytes(n_hessians, n_columns) -> float:
    """Hessians and their inverses, and the work on one of them."""
    return (12 * n_hessians + 30) * n_columns**2


def fit(
    design: Design, *, ridge: float, tolerance: float, max_passes: int, block_rows: int, memory_mb: float
) -> PoissonFit:
    """Fit the Poisson regressions of all targets on one design.

    The descent of each target is led by its Hessian: from the moments of all rows, if those lead on a
    subsample of the rows, else from that subsample. Where memory does not allow so many, as many targets are
    fitted together as it allows, led by moments; those that do not get there share Hessians with targets that
    fire together, as many as memory allows: more passes over the data, and no standard errors.

    Parameters
    ----------
    design : Design
    ridge, tolerance, max_passes
        See `circuitbias.estimators.glm.estimate`; the passes are those of targets that are fitted together.
    block_rows : int
        Most rows of the subsample that are worked on at a time.
    memory_mb : float
        Bound of the memory, in 1e6 bytes; see `require_fit_memory`.

    Returns
    -------
    PoissonFit

    Raises
    ------
    ValueError
        If columns of the design are linearly dependent.
    """
    n_targets, n_columns = design.n_targets, design.n_columns
    if allows(memory_mb, regression_bytes(n_targets, n_columns, design.n_rows)):
        problem = _survey(design, ridge, _SAMPLE_ROWS_PER_COLUMN * n_columns)
        return _fit_by_own_hessians(design, problem, ridge, tolerance, max_passes, block_rows)
    left = memory_mb * 1e6 / 2 - _moment_bytes(n_targets, n_columns)
    most_together = max(_LEAST_TARGETS, int(left / 2 / _descent_bytes(1, n_columns)))
    n_together = math.ceil(n_targets / math.ceil(n_targets / most_together))  # groups of equal size
    left -= _descent_bytes(n_together, n_columns) + _hessian_bytes(0, n_columns)
    n_hessians = max(1, int(left / (_hessian_bytes(1, n_columns) - _hessian_bytes(0, n_columns))))
    problem = _survey(design, ridge, 1)
    return _fit_by_few_hessians(design, problem, ridge, tolerance, max_passes, n_together, n_hessians)


@dataclass(frozen=True)
class _Problem:
    """What one pass over the data says of the regressions; names as in `fit` and `Objective`."""

    second_moment: torch.Tensor
    sample: torch.Tensor
    cross_moment: torch.Tensor
    response_means: torch.Tensor
    free: torch.Tensor
    separable: torch.Tensor
    start: torch.Tensor
    gradient_scale: torch.Tensor

    def of(self, targets: torch.Tensor) -> "_Problem":
        """The same of some of the targets."""
        parts = {name: getattr(self, name)[..., targets] for name in _OF_TARGETS}
        return _Problem(self.second_moment, self.sample, **parts)

    def correlations(self) -> np.ndarray:
        """Correlations of targets with columns, up to a factor: shape (n_targets, n_columns - 1)."""
        means, spread = self.second_moment[-1, :-1, None], self.gradient_scale[:-1] / self.response_means
        excess = self.cross_moment[:-1] / self.response_means - means
        return (excess / spread).T.float().cpu().numpy()


_OF_TARGETS = ("cross_moment", "response_means", "free", "separable", "start", "gradient_scale")


def _survey(design, ridge, n_sample) -> _Problem:
    second_moment, cross_moment, bounds, sample = design.survey(n_sample)
    means = second_moment[-1]  # of the columns; the last column is 1
    variances = second_moment.diagonal() - means**2
    response_means = cross_moment[-1]
    design.require_independent(second_moment, response_means)
    free = design.free_coefficients()
    at_bound = design.fires_at_bounds(cross_moment, bounds, response_means) & free
    separable = at_bound[:-1].any(0) & (ridge == 0)
    free = free & ~separable  # such a target rests at zero

    # The gradient's natural size: one standard deviation of the covariate times the mean response.
    spread = torch.cat([variances[:-1].sqrt(), means[-1:]])
    gradient_scale = spread[:, None] * response_means
    start = torch.zeros_like(cross_moment)
    start[-1] = response_means.log()
    start = start * free
    return _Problem(
        second_moment, sample, cross_moment, response_means, free, separable, start, gradient_scale
    )


def _fit_by_own_hessians(design, problem, ridge, tolerance, max_passes, block_rows) -> PoissonFit:
    free, single = problem.free, worth_single_precision(design.n_rows, design.n_columns, design.n_targets)
    begin, precondition, inverse_diagonal = _lead(design, problem, ridge, block_rows, single)
    objective = Objective(design.narrow_blocks, design.n_rows, problem.cross_moment, free, ridge)
    solution = lbfgs(
        objective,
        begin,
        precondition,
        problem.gradient_scale,
        tolerance,
        max_passes,
        report=Descent(tolerance),
        begin_in_single=single,
    )
    return PoissonFit(
        solution.coefficients,
        solution.scaled_gradient,
        fitted=solution.converged & ~problem.separable,
        failed=~solution.converged & ~problem.separable,
        separable=problem.separable,
        standard_errors=torch.where(free[:-1], inverse_diagonal / design.n_rows, torch.nan).sqrt(),
        passes=objective.passes,
    )


def _lead(design, problem, ridge, block_rows, single):
    """Begin on a subsample: it is cheap, ends close to the end of the fit, and shows which Hessians will do.

    Returns
    -------
    begin : tensor, shape (n_columns, n_targets)
    precondition : callable
        Inverse Hessians.
    inverse_diagonal : tensor, shape (n_columns - 1, n_targets)
        Their diagonals, of the slopes.
    """
    # All bins say how often pairs fire together: rare pairs need not do so in the sample. A neuron that is
    # silent in the sample is left out.
    sample, free = problem.sample, problem.free
    sampled = free & (sample != 0).any(0)[:, None]

    def descend(rows, begin, precondition, tolerance, max_passes):
        rows = rows.float() if single else rows
        return lbfgs(
            Objective(lambda: iter(rows.split(block_rows)), len(rows), problem.cross_moment, sampled, ridge),
            begin,
            lambda gradient: precondition(gradient) * sampled,
            problem.gradient_scale,
            tolerance,
            max_passes,
            begin_in_single=single,
        )

    shared = shared_preconditioner(problem.second_moment, problem.response_means, free, ridge)
    rough = descend(sample, problem.start, shared, _ROUGH_TOLERANCE, _ROUGH_PASSES)
    begin = torch.where(rough.scaled_gradient <= _ROUGH_ENOUGH, rough.coefficients, problem.start)
    move = match_moments(sample, problem.second_moment)
    if ridge == 0 and len(sample) < design.n_rows:  # else Hessians of the sample are exact
        # With the moments of all rows the sample has its optimum nearer to theirs, as long as it is none that
        # rare pairs decide: then there may be no optimum.
        moved = sample @ move
        tilted = SpikeTriggeredMoments.at(
            [moved.float()], begin, problem.second_moment, problem.cross_moment, free
        )
        led = descend(moved, begin, tilted.solve, _LED_TOLERANCE, _LED_PASSES)
        if led.converged.all():
            return led.coefficients, tilted.solve, tilted.inverse_diagonal()
    hessians = sample_hessians(
        sample,
        lambda rows: (rows @ begin.float()).exp_(),
        free,
        design.least_curvatures(problem.cross_moment, problem.response_means),
        ridge,
        move,
    )
    precondition, inverse_diagonal = target_preconditioner(hessians, free)
    return begin, precondition, inverse_diagonal[:-1]


def _fit_by_few_hessians(design, problem, ridge, tolerance, max_passes, n_together, n_hessians) -> PoissonFit:
    coefficients, passes = problem.start.clone(), 0
    scaled_gradient = torch.zeros_like(problem.response_means)
    converged = torch.zeros_like(problem.separable)
    single = worth_single_precision(design.n_rows, design.n_columns, design.n_targets)

    def descend(targets, preconditioner, tolerance, max_passes):
        nonlocal passes
        part, begin = problem.of(targets), coefficients[:, targets]
        objective = Objective(design.narrow_blocks, design.n_rows, part.cross_moment, part.free, ridge)
        solution = lbfgs(
            objective,
            begin,
            preconditioner(part, begin),
            part.gradient_scale,
            tolerance,
            max_passes,
            report=Descent(tolerance),
            begin_in_single=single,
        )
        passes += objective.passes
        scaled_gradient[targets], converged[targets] = solution.scaled_gradient, solution.converged
        # What has gone astray begins anew.
        astray = ~solution.scaled_gradient.isfinite()
        coefficients[:, targets] = torch.where(astray, part.start, solution.coefficients)

    def constant_rates(part, begin):
        return shared_preconditioner(part.second_moment, part.response_means, part.free, ridge)

    def tilted(part, begin):
        nonlocal passes
        passes += 1
        rows = sampled_rows(design)
        return SpikeTriggeredMoments.at(rows, begin, part.second_moment, part.cross_moment, part.free).solve

    def clustered(part, begin):
        nonlocal passes
        passes += 1
        clusters = similar_targets(part.correlations(), n_hessians)
        moments = part.second_moment, part.response_means, part.free
        return cluster_preconditioner(design, begin, clusters, *moments, ridge)

    # A pass over the data costs the making of its rows, and more for each target: few groups, and large.
    for targets in torch.arange(design.n_targets).split(n_together):
        descend(targets, constant_rates, _ROUGH_TOLERANCE_OF_GROUPS, max_passes)
        lead = ridge == 0
        while lead and len(targets):
            before = scaled_gradient[targets]
            descend(targets, tilted, tolerance, min(max_passes, _PASSES_OF_MOMENTS))
            left = ~converged[targets]
            nearer = scaled_gradient[targets] < before / _DESCENT_OF_MOMENTS
            lead = nearer[left].float().mean() > 0.5
            targets = targets[left.cpu()]
        if len(targets):
            descend(targets, clustered, tolerance, min(max_passes, _PASSES_OF_CLUSTERS))
    # What is too unlike the others of its cluster gets a Hessian of its own.
    left = (~converged & ~problem.separable).nonzero()[:, 0].cpu()
    for targets in left.split(n_hessians) if len(left) else ():
        descend(targets, clustered, tolerance, max_passes)
    return PoissonFit(
        coefficients,
        scaled_gradient,
        fitted=converged & ~problem.separable,
        failed=~converged & ~problem.separable,
        separable=problem.separable,
        standard_errors=None,
        passes=passes,
    )
