"""Families of regressions: Poisson counts and binary responses."""

from collections.abc import Callable
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
    """

    evaluate: Callable
    curvature: Callable

    def means_at(self, coefficients):
        """From rows of a design to the means there, (rows, n_targets), in the precision of the rows."""
        xp = namespace(coefficients)
        return lambda rows: self.evaluate(rows @ xp.asarray(coefficients, dtype=rows.dtype))[1]

    def curvatures_at(self, coefficients):
        """The same of the second derivatives of A."""
        means = self.means_at(coefficients)
        return lambda rows: self.curvature(means(rows))


def _poisson(parameters):
    rates = namespace(parameters).exp(parameters, out=parameters)
    return rates, rates


def _logistic(parameters):
    xp = namespace(parameters)
    tail = xp.exp(-abs(parameters))  # never overflows
    mean = xp.where(parameters > 0, 1.0, tail) / (1 + tail)
    return xp.clip(parameters, 0, None) + xp.log(1 + tail), mean


POISSON = Family(_poisson, lambda mean: mean)
LOGISTIC = Family(_logistic, lambda mean: mean * (1 - mean))
