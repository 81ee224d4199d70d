"""Families of regressions: Poisson counts and binary responses."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn.functional import softplus


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

    evaluate: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
    curvature: Callable[[torch.Tensor], torch.Tensor]


def _poisson(parameters):
    rates = parameters.exp_()
    return rates, rates


def _logistic(parameters):
    return softplus(parameters, threshold=40), parameters.sigmoid()


POISSON = Family(_poisson, lambda mean: mean)
LOGISTIC = Family(_logistic, lambda mean: mean * (1 - mean))
