r"""Couplings from logistic regressions of standardised responses, as in early fits of Das & Fiete (2020).

With :math:`z_i` the count of neuron i, less its mean, in units of its standard deviation, neuron j has the
loss

.. math:: \sum_t \log(1 + \exp(-z_{tj} \sum_{i \ne j} w_{ij} z_{ti})) + \lambda \sum_i |w_{ij}|

and no intercept. A response of +1 and -1 stands in it only where a neuron is active in half of the bins.
A coupling is the mean of both directions, :math:`J_{ij} = (w_{ij} + w_{ji}) / 2`.
"""

from dataclasses import dataclass, field

from circuitbias.device import Array, double, namespace, parts, placed, quietly
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.families import LOGISTIC
from circuitbias.fitting.fit import Fit
from circuitbias.fitting.hessians import finished, weighted_squares
from circuitbias.fitting.lbfgs import lbfgs, no_report
from circuitbias.fitting.preconditioners import own_inverses
from circuitbias.fitting.proximal_newton import minimise_with_penalty
from circuitbias.fitting.rows import DenseRows
from circuitbias.fitting.tuning import tuning
from circuitbias.progress import Descent
from circuitbias.spikes.moments import Moments


@dataclass
class _Losses:
    """The mean losses of all targets, as functions of the weights of standardised counts.

    Attributes
    ----------
    rows : DenseRows
        Of counts as they are, and a column of ones.
    mean, sd : array, shape (n_targets,)
    free : array of bool, shape (n_targets + 1, n_targets)
        The last row, of intercepts, is false.
    """

    rows: DenseRows
    mean: Array
    sd: Array
    free: Array
    passes: int = field(default=0, init=False)

    def evaluate(self, weights, *, targets=None, single=False):
        """See `circuitbias.fitting.lbfgs.Objective`."""
        self.passes += 1
        xp, free = namespace(weights), self.free if targets is None else self.free[:, targets]
        slopes = weights[:-1] / self.sd[:, None]
        coefficients = xp.concat([slopes, -(self.mean @ slopes)[None]])
        total, sums = self.rows.sums(coefficients, LOGISTIC._replace(turns=self._turn(targets)), single)
        slopes = (sums[:-1] - self.mean[:, None] * sums[-1]) / self.sd[:, None]
        return total / self.rows.n_rows, xp.concat([slopes, 0 * sums[-1:]]) / self.rows.n_rows * free

    def _turn(self, targets):
        """From rows to minus the standardised responses of these targets."""

        def turn(rows, _):
            xp = namespace(rows)
            mean, sd = (xp.asarray(values, dtype=rows.dtype) for values in (self.mean, self.sd))
            responses = (mean - rows[:, :-1]) / sd
            return responses if targets is None else responses[:, targets]

        return turn


class StandardisedPath:
    """Fits to all bins at one penalty after another, each begun at the one before.

    Parameters
    ----------
    design : Design
        Of counts in the same bin.
    moments : Moments
        Of these counts.
    tolerance, max_passes
        Of each fit; see `circuitbias.estimators.logistic.Logistic`.
    """

    def __init__(self, design: Design, moments: Moments, tolerance: float, max_passes: int):
        _, _, _, sample = design.survey(tuning().sample_rows(design.n_columns))
        mean = placed(moments.mean, sample.device)
        sd = placed(moments.covariance.diagonal() ** 0.5, sample.device)
        xp, free = namespace(sample), design.free_coefficients()
        free[-1] = False
        self._sample = xp.concat([(sample[:, :-1] - mean) / sd, sample[:, -1:]], axis=1)
        of_sample = DenseRows(lambda: parts(sample, design.block_rows), *sample.shape)
        self._rough = _Losses(of_sample, mean, sd, free)
        of_all = DenseRows(design.narrow_blocks, design.n_rows, design.n_columns)
        self._whole = _Losses(of_all, mean, sd, free)
        self._single = tuning().worth_single_precision(design.n_rows, design.n_columns, design.n_targets)
        self._limits, self._last = (tolerance, max_passes), None

    @property
    def passes(self) -> int:
        """Over all bins."""
        return self._whole.passes

    @quietly
    def fit(self, l1: float) -> Fit:
        """Fit with a penalty: the coefficients are couplings, and no intercepts.

        A pair of which one fit did not converge has NaN in both directions.
        """
        per_row, (tolerance, max_passes) = l1 / self._whole.rows.n_rows, self._limits
        begin = self._last
        if begin is None:
            limits = max(tolerance, tuning().coarse_tolerance), tuning().coarse_passes
            begin = self._minimise(self._rough, 0 * double(self._whole.free), per_row, *limits).coefficients
        before = self.passes
        report = Descent(tolerance)
        found = self._minimise(self._whole, begin, per_row, tolerance, max_passes, report)
        self._last = found.coefficients
        xp = namespace(begin)
        weights = xp.where(found.converged, found.coefficients, xp.nan)
        couplings = xp.concat([(weights[:-1] + weights[:-1].T) / 2, weights[-1:]])
        none = xp.zeros_like(self._whole.free)
        return Fit(couplings, none, found.scaled_gradient, found.converged, self.passes - before)

    def _minimise(self, losses, begin, per_row, tolerance, max_passes, report=no_report):
        """Minimise these losses; gradients are in units of standard deviations already."""
        scale = 0 * begin + 1
        if per_row > 0:
            limits = tolerance, max_passes, report
            return minimise_with_penalty(losses, begin, self._hessians, losses.free, per_row, scale, *limits)
        precondition, _ = own_inverses(self._hessians(begin), losses.free)
        single = self._single and losses is self._whole
        return lbfgs(losses, begin, precondition, scale, tolerance, max_passes, report, single)

    def _hessians(self, weights):
        """Hessians of the sample: ``mean(z z' z_j^2 s (1 - s))``, s the logistic function of the drive."""
        free = self._whole.free

        def curvatures(rows):
            xp = namespace(rows)
            responses = rows[:, :-1]
            drives = rows @ xp.asarray(weights, dtype=rows.dtype)
            means = LOGISTIC.evaluate(responses * drives)[1]
            return responses**2 * LOGISTIC.curvature(means)

        squares = weighted_squares([self._sample], curvatures, free)
        return finished(squares, free, 0 * weights + tuning().least_share / 4, 0.0)
