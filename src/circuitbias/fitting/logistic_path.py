"""Logistic regressions of all targets on one design, at one penalty after another."""

from circuitbias.device import namespace, parts, quietly
from circuitbias.fitting.families import LOGISTIC
from circuitbias.fitting.fit import Fit
from circuitbias.fitting.hessians import finished, weighted_squares
from circuitbias.fitting.lbfgs import no_report
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.poisson import fit
from circuitbias.fitting.proximal_newton import minimise_with_penalty
from circuitbias.fitting.rows import DenseRows
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import Budget
from circuitbias.progress import Descent


class LogisticRegressions:
    """The regressions of all neurons on some rows of the design matrix, with an absolute-value penalty.

    Parameters
    ----------
    blocks : callable
        Goes over these rows once.
    n_rows : int
    cross_moment : array, shape (n_columns, n_targets)
        ``X'Y / T`` over these rows.
    spread : array, shape (n_columns,)
        Natural size of the columns.
    free : array of bool, shape (n_columns, n_targets)
        Coefficients that are fitted.
    held : array of bool, shape (n_columns, n_targets)
        Coefficients that have no finite value without a penalty.
    rows : Rows, optional
        The same rows, kept as events.
    """

    def __init__(self, blocks, n_rows, cross_moment, spread, free, held, rows=None):
        self._rows = DenseRows(blocks, n_rows, len(free)) if rows is None else rows
        self.blocks, self.n_rows, self.cross_moment, self.free = blocks, n_rows, cross_moment, free
        rates = cross_moment[-1]
        self._rates, self._spread, self._held = rates, spread, held
        self.certain = (rates > 1 - 0.5 / n_rows) | (rates < 0.5 / n_rows)

    def separable(self, l1):
        """Targets whose likelihood has no maximum."""
        return self._held.any(0) & (l1 == 0) | self.certain

    def variances(self, separable):
        """Of the targets, a stand-in where that is no use."""
        return namespace(separable).where(separable, 1.0, self._rates * (1 - self._rates))

    def start(self, separable):
        """Every neuron on its own."""
        xp = namespace(separable)
        start = xp.zeros_like(self.cross_moment)
        start[-1] = xp.where(separable, 0.0, LOGISTIC.link(self._rates))
        return start

    def objective(self, separable):
        """The objectives; a separable target rests at zero."""
        return Objective(self._rows, self.cross_moment, self.free & ~separable, family=LOGISTIC)

    def floor(self, coefficients):
        """Bound of the diagonals of the Hessians, from all rows."""
        rows = DenseRows(self.blocks, self.n_rows, len(self.free))
        return tuning().least_share * rows.diagonals(coefficients, LOGISTIC)

    def minimise(
        self, objective, separable, l1_per_row, begin, hessians_at, tolerance, max_passes, report=no_report
    ):
        """Minimise the objectives of these rows, or of some of them."""
        # The gradient's natural size: the standard deviations of covariate and response.
        scale = self._spread[:, None] * self.variances(separable) ** 0.5
        limits = tolerance, max_passes, report
        return minimise_with_penalty(
            objective, begin, hessians_at, objective.free, l1_per_row, scale, *limits
        )


class LogisticPath:
    """Fits to all bins at one penalty after another, each begun at the one before; without any, by `fit`.

    Parameters
    ----------
    design : Design
        Whose response is whether neurons fire.
    tolerance, max_passes, budget, errors
        See `circuitbias.fitting.poisson.fit`.
    """

    def __init__(self, design, tolerance: float, max_passes: int, budget: Budget, errors: str):
        second_moment, cross_moment, bounds, sample = design.survey(tuning().sample_rows(design.n_columns))
        means = second_moment[-1]
        spread = (second_moment.diagonal() - means**2)[:-1] ** 0.5
        self._spread = namespace(means).concat([spread, means[-1:]])
        self._design, self._budget, self._errors = design, budget, errors
        events = design.sparse(tuning().most_density, budget)
        of_rows = design.blocks, design.n_rows, cross_moment, means, bounds, design.free_coefficients()
        self.whole = self.regressions_on(*of_rows, events.rows if events else None)
        self.tolerance, self.max_passes, self.passes = tolerance, max_passes, 0
        self._second_moment, self._sample = second_moment, sample
        self._floor = self.last = self._last_hessians = None

    def regressions_on(self, blocks, n_rows, cross_moment, means, bounds, free, rows=None):
        """The regressions on some of the bins, with gradients in the units of all of them."""
        held = self._design.limits(cross_moment, means, bounds, free).held
        return LogisticRegressions(blocks, n_rows, cross_moment, self._spread, free, held, rows)

    @quietly
    def fit(self, l1):
        """Fit with a penalty.

        Returns
        -------
        Fit
        """
        self._last_hessians = None
        if l1 == 0:
            limits = self.tolerance, self.max_passes, self._errors
            self.last = fit(self._design, self._budget, 0.0, *limits)
            self.passes += self.last.passes
            return self.last
        regressions = self.whole
        separable = regressions.certain
        objective = regressions.objective(separable)
        per_row = l1 / regressions.n_rows
        begin = start = regressions.start(separable)
        rough = self.last or self._rough_fit(separable, objective.free, per_row, start)
        begin = namespace(start).where(rough.converged & ~separable, rough.coefficients, start)
        if self._floor is None:
            self._floor = regressions.floor(begin)

        def hessians_at(coefficients):
            return self.hessians_at(coefficients, objective.free, self._floor)

        limits = self.tolerance, self.max_passes, Descent(self.tolerance)
        solution = regressions.minimise(objective, separable, per_row, begin, hessians_at, *limits)
        self.passes += objective.passes
        found = solution.coefficients, solution.coefficients != solution.coefficients
        found = *found, solution.scaled_gradient, solution.converged
        self.last = Fit(*found, objective.passes, undefined=separable)
        return self.last

    def _rough_fit(self, separable, free, per_row, start):
        """On a subsample, which a small ridge keeps from what only the sample separates."""
        sample = self._sample
        rows = DenseRows(lambda: parts(sample, self._design.block_rows), *sample.shape)
        cross_moment = sample.T @ fires(sample) / len(sample)
        sampled = Objective(rows, cross_moment, free, tuning().rough_ridge, LOGISTIC)
        floor = (
            tuning().least_share * self._second_moment.diagonal()[:, None] * self.whole.variances(separable)
        )

        def hessians_at(coefficients):
            return self.hessians_at(coefficients, free, floor, tuning().rough_ridge)

        limits = tuning().coarse_tolerance, tuning().coarse_passes
        return self.whole.minimise(sampled, separable, per_row, start, hessians_at, *limits)

    def hessians_at(self, coefficients, free, floor, ridge=0.0):
        """Hessians of the sample, with diagonals of at least the floor."""
        squares = weighted_squares([self._sample], LOGISTIC.curvatures_at(coefficients), free)
        return finished(squares, free, floor, ridge)

    def last_hessians(self):
        """Those at the last fit."""
        if self._last_hessians is None:
            if self._floor is None:
                self._floor = self.whole.floor(self.last.coefficients)
            free = self.whole.free & ~self.last.undefined
            self._last_hessians = self.hessians_at(self.last.coefficients, free, self._floor)
        return self._last_hessians


def fires(rows):
    """Whether each neuron fires in some rows of counts in the same bin, as numbers."""
    return namespace(rows).asarray(rows[:, :-1] > 0, dtype=rows.dtype)
