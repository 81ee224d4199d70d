"""Logistic regressions of all targets on one design, at one penalty after another."""

from dataclasses import dataclass
from functools import partial

from circuitbias.device import Array, namespace, quietly
from circuitbias.fitting.families import LOGISTIC
from circuitbias.fitting.fit import Fit
from circuitbias.fitting.lbfgs import no_report
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.problem import summarise
from circuitbias.fitting.proximal_newton import minimise_with_penalty
from circuitbias.fitting.regressions import fit
from circuitbias.fitting.rows import DenseRows, Rows
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import Budget
from circuitbias.progress import Descent


@dataclass
class LogisticRegressions:
    """The regressions of all neurons on some rows of the design matrix, with an absolute-value penalty.

    Attributes
    ----------
    rows : Rows
    cross_moment : array, shape (n_columns, n_targets)
        ``X'Y / T`` over these rows.
    spread : array, shape (n_columns, 1)
        Natural size of the columns.
    free : array of bool, shape (n_columns, n_targets)
        Coefficients that are fitted.
    held : array of bool, shape (n_columns, n_targets)
        Coefficients that have no finite value without a penalty.
    """

    rows: Rows
    cross_moment: Array
    spread: Array
    free: Array
    held: Array

    def separable(self, l1):
        """Targets whose likelihood has no maximum."""
        certain = LOGISTIC.curvature(self.cross_moment[-1]) == 0
        return self.held.any(0) & (l1 == 0) | certain

    def start(self, separable):
        """Every neuron on its own; a separable target rests at zero."""
        xp, start = namespace(separable), 0 * self.cross_moment
        start[-1] = xp.where(separable, 0.0, LOGISTIC.link(self.cross_moment[-1]))
        return start

    def minimise(self, l1_per_row, separable, begin, hessians_at, tolerance, max_passes, report=no_report):
        """Minimise the objectives: the solution, and the passes over these rows."""
        objective = Objective(self.rows, self.cross_moment, self.free & ~separable, family=LOGISTIC)
        # The gradient's natural size: the standard deviations of covariate and response.
        variances = LOGISTIC.curvature(self.cross_moment[-1])
        scale = self.spread * namespace(separable).where(separable, 1.0, variances) ** 0.5
        limits = tolerance, max_passes, report
        found = minimise_with_penalty(
            objective, begin, hessians_at, objective.free, l1_per_row, scale, *limits
        )
        return found, objective.passes


class LogisticPath:
    """Fits to all bins at one penalty after another, each begun at the one before, the first near none.

    Parameters
    ----------
    design : Design
        Whose response is whether neurons fire.
    tolerance, max_passes, budget, errors
        See `circuitbias.fitting.regressions.fit`.
    """

    def __init__(self, design, tolerance: float, max_passes: int, budget: Budget, errors: str):
        self._without_penalty = partial(fit, design, budget, 0.0)
        self._errors = errors
        self._design, self.problem = design, summarise(design, 0.0, True, budget)
        rows, cross_moment, spread = self.problem.rows, self.problem.cross_moment, self.problem.spread
        free, infinite = design.free_coefficients(), self.problem.infinite
        self.whole = LogisticRegressions(rows, cross_moment, spread, free, infinite)
        self.tolerance, self.max_passes, self.passes = tolerance, max_passes, 0
        self.last = self._last_hessians = None

    def regressions_on(self, blocks, n_rows, cross_moment, means, bounds, free):
        """The regressions on some of the bins, with gradients in the units of all of them."""
        held = self._design.limits(cross_moment, means, bounds, free) != 0
        rows = DenseRows(blocks, n_rows, len(free))
        return LogisticRegressions(rows, cross_moment, self.whole.spread, free, held)

    @quietly
    def fit(self, l1):
        """Fit with a penalty.

        Returns
        -------
        Fit
        """
        self._last_hessians = None
        if l1 == 0:
            self.last = self._without_penalty(self.tolerance, self.max_passes, self._errors)
            self.passes += self.last.passes
            return self.last
        last, separable, allowed = self.last, self.whole.separable(l1), self.max_passes
        if last is None and allowed > 1:  # near the fit without a penalty Hessians are of use
            last = self._without_penalty(tuning().coarse_tolerance, allowed // 2)
            self.passes += last.passes
            allowed -= last.passes
        xp, begin = namespace(separable), self.whole.start(separable)
        if last is not None:
            begin = xp.where(last.fitted & ~last.infinite.any(0), last.coefficients, begin)

        def hessians_at(coefficients):
            return self.problem.hessians_of_sample(coefficients, self.whole.free & ~separable)

        limits = self.tolerance, allowed, Descent(self.tolerance)
        per_row = l1 / self._design.n_rows
        found, passes = self.whole.minimise(per_row, separable, begin, hessians_at, *limits)
        self.passes += passes
        none = xp.zeros_like(self.whole.free)
        of_targets = found.scaled_gradient, found.converged
        self.last = Fit(found.coefficients, none, *of_targets, passes, undefined=separable)
        return self.last

    def last_hessians(self):
        """Those at the last fit."""
        if self._last_hessians is None:
            free = self.whole.free & ~self.last.undefined
            self._last_hessians = self.problem.hessians_of_sample(self.last.coefficients, free)
        return self._last_hessians


def fires(rows):
    """Whether each neuron fires in some rows of counts in the same bin, as numbers."""
    return namespace(rows).asarray(rows[:, :-1] > 0, dtype=rows.dtype)
