r"""Couplings from logistic regressions of standardised responses, as in early fits of Das & Fiete (2020).

With :math:`z_i` the count of neuron i, less its mean, in units of its standard deviation, neuron j has the
loss

.. math:: \sum_t \log(1 + \exp(-z_{tj} \sum_{i \ne j} w_{ij} z_{ti})) + \lambda \sum_i |w_{ij}|

and no intercept. A response of +1 and -1 stands in it only where a neuron is active in half of the bins.
A coupling is the mean of both directions, :math:`J_{ij} = (w_{ij} + w_{ji}) / 2`.
"""

from circuitbias.device import double, namespace, parts, placed, quietly
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.families import LOGISTIC
from circuitbias.fitting.fit import Fit
from circuitbias.fitting.hessians import finished, weighted_squares
from circuitbias.fitting.lbfgs import lbfgs, no_report
from circuitbias.fitting.objective import Objective
from circuitbias.fitting.preconditioners import own_inverses
from circuitbias.fitting.proximal_newton import minimise_with_penalty
from circuitbias.fitting.rows import DenseRows
from circuitbias.fitting.tuning import tuning
from circuitbias.progress import Descent
from circuitbias.spikes.moments import Moments

_TURNED = LOGISTIC._replace(turns=lambda rows, n_targets: -rows[:, :n_targets])


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
        free = design.free_coefficients()
        free[-1] = False

        def standardised(rows):
            rows = double(rows)  # a copy, as blocks are in single precision
            rows[:, :-1] -= mean
            rows[:, :-1] /= sd
            return rows

        def on(blocks, n_rows):
            # The loss is that of a response of zero to a drive times minus the standardised response.
            rows = DenseRows(blocks, n_rows, design.n_columns)
            return Objective(rows, 0 * double(free), free, family=_TURNED)

        self._sample = standardised(sample)
        self._rough = on(lambda: parts(self._sample, design.block_rows), len(sample))
        self._whole = on(lambda: map(standardised, design.narrow_blocks()), design.n_rows)
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
        free, of_drives = self._whole.free, _TURNED.curvatures_at(weights)
        squares = weighted_squares([self._sample], lambda rows: rows[:, :-1] ** 2 * of_drives(rows), free)
        return finished(squares, free, 0 * weights + tuning().least_share / 4, 0.0)
