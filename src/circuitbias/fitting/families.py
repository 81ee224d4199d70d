"""Families of regressions: Poisson counts, binary responses, and flows of probability."""

from collections.abc import Callable
from math import inf, log
from typing import NamedTuple

from circuitbias.device import namespace


class Family(NamedTuple):
    """A distribution of the responses, with its canonical parameter.

    Attributes
    ----------
    evaluate : callable
        From canonical parameters to the log-partition function A and its derivative, the mean of the
        responses; may overwrite what it is given.
    curvature : callable
        From means to the second derivative of A, the variance of the responses.
    link : callable, optional
        From means to canonical parameters.
    turns : callable, optional
        From rows and the number of targets to what each target's parameter is multiplied by: `signs`, or, of
        dense rows, whatever numbers.
    separated : float, optional
        Sum of losses ``A - y eta`` below which those of all rows fall to zero if the coefficients grow. Of
        binary responses log 2: a row that is told wrongly has more.
    """

    evaluate: Callable
    curvature: Callable
    link: Callable | None = None
    turns: Callable | None = None
    separated: float = -inf

    def of(self, targets) -> "Family":
        """The family of some targets, given by a mask."""
        if self.turns is None:
            return self
        return self._replace(turns=lambda rows, _: self.turns(rows, len(targets))[:, targets])

    def means_at(self, coefficients):
        """From rows of a design to the means there, (rows, n_targets), in the precision of the rows."""
        xp = namespace(coefficients)

        def means(rows):
            parameters = rows @ xp.asarray(coefficients, dtype=rows.dtype)
            if self.turns:
                parameters *= self.turns(rows, parameters.shape[1])
            return self.evaluate(parameters)[1]

        return means

    def curvatures_at(self, coefficients):
        """The same of the second derivatives of A."""
        means = self.means_at(coefficients)
        return lambda rows: self.curvature(means(rows))


def signs(rows, n_targets):
    """-1 where the own column of a target is 1, and 1 where it is 0: (n_rows, n_targets)."""
    return 1 - 2 * rows[:, :n_targets]


def _poisson(parameters):
    rates = namespace(parameters).exp(parameters, out=parameters)
    return rates, rates


def _logistic(parameters):
    xp = namespace(parameters)
    tail = xp.exp(-abs(parameters))  # never overflows
    mean = xp.where(parameters > 0, 1.0, tail) / (1 + tail)
    return xp.clip(parameters, 0, None) + xp.log(1 + tail), mean


def _flow(parameters):
    flows = namespace(parameters).exp(parameters / 2)
    return 2 * flows, flows


POISSON = Family(_poisson, lambda mean: mean, lambda mean: namespace(mean).log(mean))
LOGISTIC = Family(
    _logistic,
    lambda mean: mean * (1 - mean),
    lambda mean: namespace(mean).log(mean / (1 - mean)),
    separated=log(2),
)
FLOW = Family(_flow, lambda mean: mean / 2, turns=signs)
