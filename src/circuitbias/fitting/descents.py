"""Ways to go on with the regressions of some targets, from where they are."""

from circuitbias.device import namespace, parts, single
from circuitbias.fitting.families import POISSON
from circuitbias.fitting.hessians import finished, match_moments, weighted_squares
from circuitbias.fitting.lbfgs import Solution, lbfgs
from circuitbias.fitting.newton import newton
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import SpikeTriggeredMoments, own_inverses
from circuitbias.fitting.rows import DenseRows, SparseRows
from circuitbias.fitting.standard_errors import grouped_errors
from circuitbias.fitting.tuning import tuning
from circuitbias.progress import Descent
from circuitbias.spikes.moments import EvenlySpaced


class Fits:
    """What has been found so far of every target, and the ways to go on with some of them."""

    def __init__(self, problem, tolerance, max_passes):
        self.problem, self.tuning = problem, tuning()
        self.tolerance, self.max_passes = tolerance, max_passes
        xp = self._xp = namespace(problem.start)
        self.coefficients, self.passes = xp.asarray(problem.start, copy=True), 0
        self._spent = xp.zeros_like(problem.response_means)  # passes of each target
        self.scaled_gradient = xp.full_like(problem.response_means, xp.inf)
        self.converged = xp.zeros_like(self.scaled_gradient, dtype=xp.bool)
        self.inverse_diagonal = xp.full_like(problem.start[:-1], xp.nan)
        n_rows, n_columns = problem.rows.n_rows, problem.rows.n_columns
        self.single = self.tuning.worth_single_precision(n_rows, n_columns, len(self.converged))

    def left(self, n_together: int):
        """Targets that have not converged, so many at a time."""
        return parts(self._xp.where(~self.converged)[0], n_together)

    def without_errors(self, n_together: int, kind: str):
        """Targets that have converged and have no errors of a kind yet, so many at a time."""
        none = self._xp.isnan(self.inverse_diagonal).all(0) if kind == "model" else True
        return parts(self._xp.where(self.converged & none)[0], n_together)

    def note(self, targets, solution, passes, inverse_diagonal=None):
        """Keep what a descent of some targets has come to."""
        self.passes += passes
        self._spent[targets] += passes
        begin, part = self.problem.start[:, targets], self.problem.of(targets)
        separated = part.separated(solution)
        self.scaled_gradient[targets] = self._xp.where(separated, 0.0, solution.scaled_gradient)
        self.converged[targets] = solution.converged | separated
        self.problem.infinite[:, targets] = part.infinite | part.free & separated
        # What has gone astray, further than constant rates are, begins anew.
        at_rest = part.cross_moment - part.second_moment[-1, :, None] * part.response_means
        furthest = self._xp.amax(abs(at_rest * part.free) / part.gradient_scale, 0)
        most = self.tuning.astray * self._xp.clip(furthest, 1, None)
        astray = ~(solution.scaled_gradient <= most)
        self.coefficients[:, targets] = self._xp.where(astray, begin, solution.coefficients)
        if inverse_diagonal is not None:
            self.inverse_diagonal[:, targets] = inverse_diagonal[: len(self.inverse_diagonal)]

    def descend(self, targets, preconditioner, tolerance, max_passes, inverse_diagonal=None):
        """Go on with some targets, on all rows."""
        part = self.problem.of(targets)
        solution = lbfgs(
            part,
            self.coefficients[:, targets],
            preconditioner,
            part.gradient_scale,
            tolerance,
            min(max_passes, self._allowed(targets)),
            report=Descent(tolerance),
            begin_in_single=self.single,
        )
        self.note(targets, solution, part.passes, inverse_diagonal)

    def _allowed(self, targets):
        return self.max_passes - int(self._spent[targets].max())

    def newton(self, targets):
        """Go on with some targets with Hessians of all rows."""
        if self._allowed(targets) < 4:
            return
        part, tuned = self.problem.of(targets), self.tuning
        solution = newton(
            part,
            Solution.at(self.coefficients[:, targets]),
            part.least_curvatures,
            part.gradient_scale,
            self.tolerance,
            self._allowed(targets) - 1,
            tuned.passes_per_hessian,
            Descent(self.tolerance),
        )
        hessians = part.hessians(solution.coefficients, part.least_curvatures)
        inverse_diagonal = own_inverses(hessians, part.free)[1]
        self.note(targets, solution, part.passes, inverse_diagonal)

    def examine(self, n_together):
        """Find coefficients that were on their way to infinity when gradients got small; see `Objective`."""
        problem = self.problem
        given = self.coefficients, problem.start, self.inverse_diagonal, self.converged, n_together
        problem.infinite[:] |= problem.examine(*given)
        self.passes += problem.passes


def lead_by_sample(design, problem, fits):
    """Fit a sample first: it gives a starting point, and tells which preconditioner is good enough."""
    # All bins say how often pairs fire together: rare pairs need not do so in the sample. A neuron that is
    # silent in the sample is left out.
    sample, free, ridge, tuned = problem.sample, problem.free, problem.ridge, fits.tuning
    sampled = free & (sample != 0).any(0)[:, None]
    xp = namespace(sample)
    everyone = xp.arange(design.n_targets, device=free.device)

    def descend(rows, begin, precondition, tolerance, max_passes):
        rows = single(rows) if fits.single else rows
        blocks = DenseRows(lambda: parts(rows, design.block_rows), *rows.shape)
        return lbfgs(
            Objective(blocks, problem.cross_moment, sampled, ridge, problem.family),
            begin,
            lambda gradient: precondition(gradient) * sampled,
            problem.gradient_scale,
            tolerance,
            max_passes,
            begin_in_single=fits.single,
        )

    shared = problem.constant_rates()
    rough = descend(sample, problem.start, shared.solve, tuned.rough_tolerance, tuned.rough_passes)
    begin = xp.where(rough.scaled_gradient <= tuned.rough_enough, rough.coefficients, problem.start)
    move = match_moments(sample.T @ sample / len(sample), problem.second_moment)
    fits.coefficients = begin
    if (
        problem.family is POISSON
        and ridge == 0
        and len(sample) < design.n_rows
        and not problem.infinite.any()
    ):
        # With the moments of all rows the sample has its optimum nearer to theirs, as long as it is none that
        # rare pairs decide: then there may be no optimum. (Hessians of a sample of all rows are exact.)
        moved = sample @ move
        rows = DenseRows(lambda: [moved], *moved.shape)
        moments = SpikeTriggeredMoments.at(rows, begin, problem.second_moment, problem.cross_moment, free)
        led = descend(moved, begin, moments.solve, tuned.led_tolerance, tuned.led_passes)
        if led.converged.all():
            fits.coefficients = led.coefficients
            fits.descend(everyone, moments.solve, fits.tolerance, tuned.patience, moments.inverse_diagonal())
            return
    hessians = problem.hessians_of_sample(begin, free, move)
    precondition, inverse_diagonal = own_inverses(hessians, free)
    fits.descend(everyone, precondition, fits.tolerance, tuned.patience, inverse_diagonal)


def _sampled_blocks(design):
    """Evenly spaced rows, as many as Hessians need, block by block in single precision."""
    spaced = EvenlySpaced(max(1, design.n_rows // tuning().sample_rows(design.n_columns)))
    return (single(spaced.of(block)) for block in design.narrow_blocks())


def lead_by_moments(design, fits, targets):
    """Fit targets of which memory does not hold the Hessians, as far as moments bring them."""
    tuned, problem = fits.tuning, fits.problem
    part = problem.of(targets)
    fits.descend(targets, part.constant_rates().solve, tuned.group_tolerance, tuned.patience)
    fits.converged[targets] &= fits.tolerance >= tuned.group_tolerance
    while problem.ridge == 0 and len(targets):
        before = fits.scaled_gradient[targets]
        part = problem.of(targets)
        rows, begin = problem.rows, fits.coefficients[:, targets]
        if not isinstance(rows, SparseRows):
            rows = DenseRows(lambda: _sampled_blocks(design), design.n_rows, design.n_columns)
        moments = SpikeTriggeredMoments.at(rows, begin, part.second_moment, part.cross_moment, part.free)
        fits.passes += 2
        diagonal = moments.inverse_diagonal()
        fits.descend(targets, moments.solve, fits.tolerance, tuned.moment_passes, diagonal)
        left = ~fits.converged[targets]
        nearer = fits.scaled_gradient[targets] < before / tuned.moment_descent
        targets = targets[left]
        if not nearer[left].sum() > left.sum() / 2:
            break


def lead_by_own_hessians(design, fits, targets):
    """Fit some targets with Hessians of their own, of which memory holds so many."""
    free = fits.problem.of(targets).free
    precondition, inverse_diagonal = own_inverses(own_hessians(design, fits, targets), free)
    fits.descend(targets, precondition, fits.tolerance, fits.tuning.patience, inverse_diagonal)


def find_errors(design, fits, targets, kind):
    """Find the standard errors of some targets at the end: see `circuitbias.fitting.standard_errors`."""
    free, found = fits.problem.of(targets).free, fits.coefficients[:, targets]
    hessians = own_hessians(design, fits, targets)
    if kind == "model":
        fits.inverse_diagonal[:, targets] = own_inverses(hessians, free)[1][:-1]
        return
    blocks = design.blocks_and_responses(targets)
    errors = grouped_errors(kind, blocks, design.n_rows, fits.problem.family.means_at(found), hessians, free)
    fits.inverse_diagonal[:, targets] = errors[:-1] ** 2 * design.n_rows
    fits.passes += 1


def own_hessians(design, fits, targets):
    """Hessians of some targets where they are by now; of dense rows, on a sample that is read again."""
    part, found = fits.problem.of(targets), fits.coefficients[:, targets]
    if isinstance(part.rows, SparseRows):
        fits.passes += 1
        return part.hessians(found, part.least_curvatures)
    fits.passes += 2
    own, n_sampled = 0.0, 0
    for rows in _sampled_blocks(design):
        own = own + rows.T @ rows
        n_sampled += len(rows)
    move = match_moments(own / n_sampled, part.second_moment)
    hessians = weighted_squares(_sampled_blocks(design), part.family.curvatures_at(found), part.free, move)
    return finished(hessians, part.free, part.least_curvatures, part.ridge)
