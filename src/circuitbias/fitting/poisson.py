"""Poisson regressions of all targets on one shared design: the plan of a fit."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.lbfgs import lbfgs
from circuitbias.fitting.limits import unidentified
from circuitbias.fitting.newton import newton
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import (
    SpikeTriggeredMoments,
    shared_preconditioner,
    target_preconditioner,
)
from circuitbias.fitting.rows import DenseRows, Rows, SparseRows
from circuitbias.fitting.sample_hessians import match_moments, sample_hessians
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import allows, regression_bytes, require_memory
from circuitbias.progress import Descent


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
        Of the slopes, from the Hessian that preconditioned each target; NaN for those that are held at zero.
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


def _hessian_bytes(n_hessians, n_columns) -> float:
    """Hessians and their inverses, and the work on one of them."""
    return (30 * n_hessians + 30) * n_columns**2


@dataclass(frozen=True)
class _Problem:
    """What one pass over the data says of the regressions; names as in `fit` and `Objective`."""

    rows: Rows
    second_moment: torch.Tensor
    sample: torch.Tensor | Rows
    cross_moment: torch.Tensor
    free: torch.Tensor
    infinite: torch.Tensor
    start: torch.Tensor
    least_curvatures: torch.Tensor
    gradient_scale: torch.Tensor
    ridge: float

    @property
    def response_means(self):
        return self.cross_moment[-1]

    def of(self, targets: torch.Tensor) -> "_Problem":
        """The same of some of the targets."""
        parts = {name: getattr(self, name)[..., targets] for name in _OF_TARGETS}
        return _Problem(**(vars(self) | parts))

    def objective(self, rows=None, free=None) -> Objective:
        """The objective on these rows, by default all of them."""
        free = self.free if free is None else free
        return Objective(self.rows if rows is None else rows, self.cross_moment, free, self.ridge)


_OF_TARGETS = ("cross_moment", "free", "infinite", "start", "least_curvatures", "gradient_scale")


def fit(
    design: Design,
    *,
    ridge: float,
    tolerance: float,
    max_passes: int,
    block_rows: int,
    memory_mb: float,
) -> PoissonFit:
    """Fit the Poisson regressions of all targets on one design.

    Order of calls: `_summarise` the data, in one pass; make batches of targets, one if memory allows; start
    each on a sample of the rows; descend with the preconditioner that the sample shows to be good enough;
    and give those that are left behind Hessians of all rows. Where most counts are zero, the rows are kept
    as events, and all Hessians are those of all rows.

    Parameters
    ----------
    design : Design
    ridge, tolerance, max_passes
        See `circuitbias.estimators.glm.estimate`; the passes are those of targets that are fitted together.
    block_rows : int
        Most rows of the sample that are worked on at a time.
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
    all_hessians = allows(memory_mb, regression_bytes(n_targets, n_columns, design.n_rows))
    problem = _summarise(design, ridge, all_hessians, memory_mb)
    fits = _Fits(problem, tolerance, max_passes)
    left_memory = memory_mb * 1e6 / 2 - _moment_bytes(n_targets, n_columns)
    n_together = n_hessians = n_targets
    if not all_hessians:
        most = max(tuning().least_targets, int(left_memory / 2 / _descent_bytes(1, n_columns)))
        n_together = math.ceil(n_targets / math.ceil(n_targets / most))  # groups of equal size
        left_memory -= _descent_bytes(n_together, n_columns) + _hessian_bytes(0, n_columns)
        n_hessians = max(1, int(left_memory / (_hessian_bytes(1, n_columns) - _hessian_bytes(0, n_columns))))
    if isinstance(problem.rows, SparseRows):
        for targets in fits.left(n_hessians):
            fits.newton_on_sample(targets)
    elif all_hessians:
        _lead_by_sample(design, problem, fits, block_rows)
    else:
        for targets in fits.left(n_together):
            _lead_by_moments(design, fits, targets)
        for targets in fits.left(n_hessians):
            _lead_by_own_hessians(design, fits, targets)
    for targets in fits.left(n_hessians):
        fits.newton(targets)
    fits.find_unidentified(n_hessians)
    return fits.finished()


def _summarise(design, ridge, with_sample, memory_mb) -> _Problem:
    sparse = design.sparse(tuning().most_density, memory_mb)
    n_sample = int(tuning().sample_rows_per_column * design.n_columns)
    if sparse:
        rows, cross_moment, bounds = sparse
        second_moment = rows.second_moment()
        sample = rows.sample(max(n_sample, len(rows.weights) // 8))
    else:
        rows = DenseRows(design.narrow_blocks, design.n_rows, design.n_columns)
        second_moment, cross_moment, bounds, sample = design.survey(n_sample if with_sample else 1)
    means = second_moment[-1]  # of the columns; the last column is 1
    variances = second_moment.diagonal() - means**2
    response_means = cross_moment[-1]
    design.require_independent(second_moment, response_means)
    free = design.free_coefficients()
    infinite, start = design.limits(cross_moment, bounds, response_means, free & (ridge == 0))

    # The gradient's natural size: one standard deviation of the covariate times the mean response.
    spread = torch.cat([variances[:-1].sqrt(), means[-1:]])
    start[-1] += response_means.log()
    return _Problem(
        rows,
        second_moment,
        sample,
        cross_moment,
        free & ~infinite | (torch.arange(len(free), device=free.device) == len(free) - 1)[:, None],
        infinite,
        start,
        design.least_curvatures(cross_moment, response_means),
        spread[:, None] * response_means,
        ridge,
    )


class _Fits:
    """What has been found so far of every target, and the ways to go on with some of them."""

    def __init__(self, problem, tolerance, max_passes):
        self.problem, self.tuning = problem, tuning()
        self.tolerance, self.max_passes = tolerance, max_passes
        self.coefficients, self.passes = problem.start.clone(), 0
        self._spent = torch.zeros_like(problem.response_means)  # passes of each target
        self.scaled_gradient = torch.full_like(problem.response_means, torch.inf)
        self.converged = torch.zeros_like(self.scaled_gradient, dtype=torch.bool)
        self.inverse_diagonal = torch.full_like(problem.start[:-1], torch.nan)
        n_rows, n_columns = problem.rows.n_rows, problem.rows.n_columns
        self.single = self.tuning.worth_single_precision(n_rows, n_columns, len(self.converged))

    def left(self, n_together: int):
        """Targets that have not converged, so many at a time."""
        left = (~self.converged).nonzero()[:, 0]
        return left.split(n_together) if len(left) else ()

    def note(self, targets, solution, passes, inverse_diagonal=None):
        """Keep what a descent of some targets has come to."""
        self.passes += passes
        self._spent[targets] += passes
        self.scaled_gradient[targets] = solution.scaled_gradient
        self.converged[targets] = solution.converged
        # What has gone astray, further than constant rates are, begins anew.
        begin, part = self.problem.start[:, targets], self.problem.of(targets)
        at_rest = part.cross_moment - part.second_moment[-1, :, None] * part.response_means
        furthest = ((at_rest * part.free).abs() / part.gradient_scale).amax(0).clamp_min(1)
        astray = ~(solution.scaled_gradient <= self.tuning.astray * furthest)
        self.coefficients[:, targets] = torch.where(astray, begin, solution.coefficients)
        if inverse_diagonal is not None:
            self.inverse_diagonal[:, targets] = inverse_diagonal[: len(self.inverse_diagonal)]

    def descend(self, targets, preconditioner, tolerance, max_passes, inverse_diagonal=None):
        """Go on with some targets, on all rows."""
        part = self.problem.of(targets)
        objective = part.objective()
        solution = lbfgs(
            objective,
            self.coefficients[:, targets],
            preconditioner,
            part.gradient_scale,
            tolerance,
            min(max_passes, self._allowed(targets)),
            report=Descent(tolerance),
            begin_in_single=self.single,
        )
        self.note(targets, solution, objective.passes, inverse_diagonal)

    def _allowed(self, targets):
        return self.max_passes - int(self._spent[targets].max())

    def newton(self, targets):
        """Go on with some targets with Hessians of all rows."""
        if self._allowed(targets) < 4:
            return
        part, tuned = self.problem.of(targets), self.tuning
        objective = part.objective()
        solution = newton(
            objective,
            self.coefficients[:, targets],
            part.least_curvatures,
            part.gradient_scale,
            self.tolerance,
            self._allowed(targets) - 1,
            tuned.passes_per_hessian,
            Descent(self.tolerance),
        )
        hessians = objective.hessians(solution.coefficients, part.least_curvatures)
        inverse_diagonal = target_preconditioner(hessians, part.free)[1]
        self.note(targets, solution, objective.passes, inverse_diagonal)

    def newton_on_sample(self, targets):
        """Begin with some targets on the sample, whose fits end close to those to all rows."""
        part, tuned = self.problem.of(targets), self.tuning
        if part.sample is part.rows:
            return
        solution = newton(
            part.objective(part.sample),
            part.start,
            part.least_curvatures,
            part.gradient_scale,
            tuned.rough_tolerance,
            tuned.rough_passes,
            tuned.passes_per_hessian,
        )
        # What was not in the sample may make its fit worse than none.
        objective = part.objective()
        values = [objective.evaluate(begin)[0] for begin in (solution.coefficients, part.start)]
        self.passes += objective.passes
        self.coefficients[:, targets] = torch.where(values[0] < values[1], solution.coefficients, part.start)

    def find_unidentified(self, n_hessians):
        """Find coefficients that were still on their way to infinity when their gradients got small."""
        problem, tuned = self.problem, self.tuning
        if problem.ridge > 0:
            return
        way = (self.coefficients - problem.start).abs() * problem.free
        for targets in ((way.amax(0) > tuned.steep) & self.converged).nonzero()[:, 0].split(n_hessians):
            if len(targets):
                part = problem.of(targets)
                hessians = part.objective().hessians(self.coefficients[:, targets], 0 * part.start)
                self.passes += 1
                problem.infinite[:, targets] |= unidentified(
                    hessians, problem.rows.n_rows, part.free, tuned.identified
                )

    def finished(self) -> PoissonFit:
        problem = self.problem
        errors = (self.inverse_diagonal / problem.rows.n_rows).sqrt()
        return PoissonFit(
            self.coefficients,
            self.scaled_gradient,
            self.converged,
            problem.infinite,
            torch.where(problem.free[:-1], errors, torch.nan),
            self.passes,
        )


def _lead_by_sample(design, problem, fits, block_rows):
    """Fit a sample first: it gives a starting point, and tells which preconditioner is good enough."""
    # All bins say how often pairs fire together: rare pairs need not do so in the sample. A neuron that is
    # silent in the sample is left out.
    sample, free, ridge, tuned = problem.sample, problem.free, problem.ridge, fits.tuning
    sampled = free & (sample != 0).any(0)[:, None]
    everyone = torch.arange(design.n_targets, device=free.device)

    def descend(rows, begin, precondition, tolerance, max_passes):
        rows = rows.float() if fits.single else rows
        blocks = DenseRows(lambda: iter(rows.split(block_rows)), *rows.shape)
        return lbfgs(
            problem.objective(blocks, sampled),
            begin,
            lambda gradient: precondition(gradient) * sampled,
            problem.gradient_scale,
            tolerance,
            max_passes,
            begin_in_single=fits.single,
        )

    shared = shared_preconditioner(problem.second_moment, problem.response_means, free, ridge)
    rough = descend(sample, problem.start, shared, tuned.rough_tolerance, tuned.rough_passes)
    begin = torch.where(rough.scaled_gradient <= tuned.rough_enough, rough.coefficients, problem.start)
    move = match_moments(sample, problem.second_moment)
    fits.coefficients = begin
    if ridge == 0 and len(sample) < design.n_rows and not problem.infinite.any():
        # With the moments of all rows the sample has its optimum nearer to theirs, as long as it is none that
        # rare pairs decide: then there may be no optimum. (Hessians of a sample of all rows are exact.)
        moved = sample @ move
        moments = SpikeTriggeredMoments.at(
            [moved.float()], begin, problem.second_moment, problem.cross_moment, free
        )
        led = descend(moved, begin, moments.solve, tuned.led_tolerance, tuned.led_passes)
        if led.converged.all():
            fits.coefficients = led.coefficients
            fits.descend(everyone, moments.solve, fits.tolerance, tuned.patience, moments.inverse_diagonal())
            return
    hessians = sample_hessians(
        sample,
        lambda rows: (rows @ begin.float()).exp_(),
        free,
        problem.least_curvatures,
        ridge,
        move,
    )
    precondition, inverse_diagonal = target_preconditioner(hessians, free)
    fits.descend(everyone, precondition, fits.tolerance, tuned.patience, inverse_diagonal)


def _sampled_blocks(design):
    """Evenly spaced rows of the design, as many as Hessians need, block by block in single precision."""
    stride = max(1, int(design.n_rows // (tuning().sample_rows_per_column * design.n_columns)))
    row = 0
    for block in design.narrow_blocks():
        yield block[-row % stride :: stride].float()
        row += len(block)


def _lead_by_moments(design, fits, targets):
    """Fit targets of which memory does not hold the Hessians, as far as moments bring them."""
    tuned, problem = fits.tuning, fits.problem
    part = problem.of(targets)
    shared = shared_preconditioner(part.second_moment, part.response_means, part.free, part.ridge)
    fits.descend(targets, shared, tuned.group_tolerance, fits.max_passes)
    fits.converged[targets] &= fits.tolerance >= tuned.group_tolerance
    while problem.ridge == 0 and len(targets):
        part, before = problem.of(targets), fits.scaled_gradient[targets]
        moments = SpikeTriggeredMoments.at(
            _sampled_blocks(design),
            fits.coefficients[:, targets],
            part.second_moment,
            part.cross_moment,
            part.free,
        )
        fits.passes += 1
        diagonal = moments.inverse_diagonal()
        fits.descend(targets, moments.solve, fits.tolerance, tuned.moment_passes, diagonal)
        left = ~fits.converged[targets]
        nearer = fits.scaled_gradient[targets] < before / tuned.moment_descent
        targets = targets[left]
        if not nearer[left].float().mean() > 0.5:
            break


def _lead_by_own_hessians(design, fits, targets):
    """Fit some targets with their Hessians on a sample of the rows, which is read again."""
    part, begin = fits.problem.of(targets), fits.coefficients[:, targets].float()
    hessians = sample_hessians(
        _sampled_blocks(design),
        lambda rows: (rows @ begin).exp_(),
        part.free,
        part.least_curvatures,
        part.ridge,
    )
    fits.passes += 1
    precondition, inverse_diagonal = target_preconditioner(hessians, part.free)
    fits.descend(targets, precondition, fits.tolerance, fits.tuning.patience, inverse_diagonal)
