"""Logistic regressions of all targets on one design, at one penalty after another."""

from circuitbias.device import namespace, parts, quietly
from circuitbias.fitting.designs.counts import STEEPNESS
from circuitbias.fitting.families import LOGISTIC
from circuitbias.fitting.fit import Fit
from circuitbias.fitting.hessians import finished, match_moments, weighted_squares
from circuitbias.fitting.lbfgs import Solution, lbfgs, no_report
from circuitbias.fitting.limits import limits_at
from circuitbias.fitting.newton import newton
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import own_inverses
from circuitbias.fitting.proximal_newton import minimise_with_penalty
from circuitbias.fitting.rows import DenseRows, SparseRows
from circuitbias.fitting.standard_errors import grouped_errors
from circuitbias.fitting.tuning import tuning
from circuitbias.memory import Budget
from circuitbias.progress import Descent


class LogisticRegressions:
    """The regressions of all neurons on some rows of the design matrix.

    Parameters
    ----------
    blocks : callable
        Goes over these rows once.
    n_rows : int
    cross_moment : array, shape (n_columns, n_targets)
        ``X'Y / T`` over these rows.
    means : array, shape (n_columns,)
        Of the columns over these rows.
    bounds : array, shape (2, n_columns)
        Lowest and highest count.
    spread : array, shape (n_columns,)
        Natural size of the columns.
    free : array of bool, shape (n_columns, n_targets)
        Coefficients that are fitted.
    rows : Rows, optional
        The same rows, kept as events.
    """

    def __init__(self, blocks, n_rows, cross_moment, means, bounds, spread, free, rows=None):
        self._rows = DenseRows(blocks, n_rows, len(free)) if rows is None else rows
        self.blocks, self.n_rows, self.cross_moment, self.free = blocks, n_rows, cross_moment, free
        rates = cross_moment[-1]
        self._rates, self._spread = rates, spread
        self.certain = (rates > 1 - 0.5 / n_rows) | (rates < 0.5 / n_rows)
        self._limits = _limits(cross_moment, means, bounds, n_rows, free)

    def separable(self, l1):
        """Targets whose likelihood has no maximum."""
        return self._limits.held.any(0) & (l1 == 0) | self.certain

    def infinite(self, l1):
        """Coefficients without a finite value, of targets whose others have one."""
        return self._limits.held & (l1 == 0) & ~self.certain

    def variances(self, separable):
        """Of the targets, a stand-in where that is no use."""
        return namespace(separable).where(separable, 1.0, self._rates * (1 - self._rates))

    def start(self, separable, infinite=None):
        """Every neuron on its own; with infinite coefficients in their limits."""
        xp = namespace(separable)
        start = xp.zeros_like(self.cross_moment)
        if infinite is not None:
            start = xp.where(infinite, self._limits.values, start)
        start[-1] += xp.where(separable, 0.0, xp.log(self._rates / (1 - self._rates)))
        return start

    def objective(self, separable, infinite=None):
        """The objectives; a separable target rests at zero."""
        free = self.free & ~separable
        if infinite is not None:
            free[:-1] &= ~infinite[:-1]
        return Objective(self._rows, self.cross_moment, free, family=LOGISTIC)

    def floor(self, coefficients):
        """Bound of the diagonals of the Hessians, from all rows."""
        weights = LOGISTIC.curvatures_at(coefficients)
        return tuning().least_share * sum((rows**2).T @ weights(rows) for rows in self.blocks()) / self.n_rows

    def minimise(
        self, objective, separable, l1_per_row, begin, hessians_at, tolerance, max_passes, report=no_report
    ):
        """Minimise the objectives of these rows, or of some of them.

        Without a penalty, fits that the Hessians of a sample do not bring to the tolerance in time get those
        of all rows; where rows are kept as events, all fits get these at once.
        """
        # The gradient's natural size: the standard deviations of covariate and response.
        scale = self._spread[:, None] * self.variances(separable) ** 0.5
        free = objective.free
        if l1_per_row > 0:
            limits = tolerance, max_passes, report
            return minimise_with_penalty(objective, begin, hessians_at, free, l1_per_row, scale, *limits)
        solution = Solution.at(begin)
        if not isinstance(objective.rows, SparseRows):
            precondition, _ = own_inverses(hessians_at(begin), free)
            single = tuning().worth_single_precision(self.n_rows, *scale.shape)
            allowed = min(max_passes, tuning().patience)
            solution = lbfgs(objective, begin, precondition, scale, tolerance, allowed, report, single)
        limits = tolerance, max_passes - objective.passes, tuning().passes_per_hessian, report
        return newton(objective, solution, 0 * scale, scale, *limits)


class LogisticPath:
    """Fits to all bins at one penalty after another, each begun at the one before."""

    def __init__(self, design, tolerance: float, max_passes: int, budget: Budget):
        second_moment, _, bounds, sample = design.survey(tuning().sample_rows(design.n_columns))
        means = second_moment[-1]
        spread = (second_moment.diagonal() - means**2)[:-1] ** 0.5
        self._spread = namespace(means).concat([spread, means[-1:]])
        cross_moment, free = _cross_moment(design.blocks(), design.n_rows), design.free_coefficients()
        events = design.sparse(tuning().most_density, budget)
        of_rows = design.blocks, design.n_rows, cross_moment, means, bounds, free
        self.whole = self.regressions_on(*of_rows, events.rows if events else None)
        self.tolerance, self.max_passes, self.passes = tolerance, max_passes, 0
        self._second_moment, self._sample, self._block_rows = second_moment, sample, design.block_rows
        self._floor = self.last = self._last_hessians = None

    def regressions_on(self, blocks, n_rows, cross_moment, means, bounds, free, rows=None):
        """The regressions on some of the bins, with gradients in the units of all of them."""
        return LogisticRegressions(blocks, n_rows, cross_moment, means, bounds, self._spread, free, rows)

    @quietly
    def fit(self, l1):
        """Fit with a penalty.

        Returns
        -------
        Fit
        """
        regressions = self.whole
        separable, infinite = regressions.certain, regressions.infinite(l1)
        objective = regressions.objective(separable, infinite)
        per_row = l1 / regressions.n_rows
        start = regressions.start(separable, infinite)
        # Where coefficients newly go to their limits, the last fit is no beginning.
        last = self.last if self.last and (self.last.infinite == infinite).all() else None
        rough, begin = last, start
        if not last and (l1 > 0 or not isinstance(objective.rows, SparseRows)):
            rough = self._rough_fit(separable, objective.free, per_row, start)
        if rough:
            begin = namespace(start).where(rough.converged & ~separable, rough.coefficients, start)
        if self._floor is None:
            self._floor = regressions.floor(begin)
        self._last_hessians = None

        def hessians_at(coefficients):
            return self.hessians_at(coefficients, objective.free, self._floor)

        limits = self.tolerance, self.max_passes, Descent(self.tolerance)
        solution = regressions.minimise(objective, separable, per_row, begin, hessians_at, *limits)
        if l1 == 0:
            infinite = infinite | objective.unidentified(solution, start, len(start))
        self.passes += objective.passes
        found = solution.coefficients, infinite, solution.scaled_gradient, solution.converged
        self.last = Fit(*found, objective.passes, undefined=separable)
        return self.last

    def _rough_fit(self, separable, free, per_row, start):
        """On a subsample, which a small ridge keeps from what only the sample separates."""
        sample = self._sample
        sampled = Objective(
            DenseRows(lambda: parts(sample, self._block_rows), *sample.shape),
            _cross_moment([sample], len(sample)),
            free,
            tuning().rough_ridge,
            LOGISTIC,
        )
        floor = (
            tuning().least_share * self._second_moment.diagonal()[:, None] * self.whole.variances(separable)
        )

        def hessians_at(coefficients):
            return self.hessians_at(coefficients, free, floor, tuning().rough_ridge)

        limits = tuning().coarse_tolerance, tuning().coarse_passes
        return self.whole.minimise(sampled, separable, per_row, start, hessians_at, *limits)

    def hessians_at(self, coefficients, free, floor, ridge=0.0, move=None):
        """Hessians of the sample, with diagonals of at least the floor."""
        squares = weighted_squares([self._sample], LOGISTIC.curvatures_at(coefficients), free, move)
        return finished(squares, free, floor, ridge)

    def standard_errors(self, fit, kind):
        """Standard errors of a kind, (n_columns, n_targets); NaN where nothing is fitted.

        See `circuitbias.fitting.standard_errors`.
        """
        free = self.whole.free & ~fit.undefined
        free[:-1] &= ~fit.infinite[:-1]
        move = match_moments(self._sample.T @ self._sample / len(self._sample), self._second_moment)
        hessians = self.hessians_at(fit.coefficients, free, 0 * self._floor, move=move)
        xp = namespace(free)
        if kind == "model":
            inverse_diagonal = own_inverses(hessians, free)[1]
            return xp.where(free, inverse_diagonal / self.whole.n_rows, xp.nan) ** 0.5
        self.passes += 1
        blocks = ((rows, rows[:, :-1] > 0) for rows in self.whole.blocks())
        mean = LOGISTIC.means_at(fit.coefficients)
        return grouped_errors(kind, blocks, self.whole.n_rows, mean, hessians, free)

    def last_hessians(self):
        """Those at the last fit."""
        if self._last_hessians is None:
            free = self.whole.free & ~self.last.undefined
            self._last_hessians = self.hessians_at(self.last.coefficients, free, self._floor)
        return self._last_hessians


def _cross_moment(blocks, n_rows):
    """``X'Y / T``, Y being whether each neuron fires."""
    return sum(rows.T @ fires(rows) for rows in blocks) / n_rows


def fires(rows):
    """Whether each neuron fires in some rows of counts in the same bin, as numbers."""
    return namespace(rows).asarray(rows[:, :-1] > 0, dtype=rows.dtype)


def _limits(cross_moment, means, bounds, n_rows, free):
    """Coefficients of neurons that fire only, or are silent only, where some covariate is at a bound."""
    rates = cross_moment[-1]
    firing, silent = (
        [
            free & (abs(sums - bounds[0][:, None] * share) * n_rows < 0.5),  # the sums are whole numbers
            free & (abs(bounds[1][:, None] * share - sums) * n_rows < 0.5),
        ]
        for sums, share in ((cross_moment, rates), (means[:, None] - cross_moment, 1 - rates))
    )
    # Off the bound the response is certain: what is left to fit are rows at the bound.
    steepness = namespace(means).full_like(means, STEEPNESS)
    return limits_at([firing[0], silent[1]], [silent[0], firing[1]], bounds, steepness)
