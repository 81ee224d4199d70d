"""Links of twins: how a unit's input makes its spikes. Each is one table, for one kernel.

A link gives the hazard of a spike in a step, lambda(eta); the probability is 1 - exp(-lambda). They differ
in what happens far from the usual input: the exponential one explodes, the threshold model's saturates at
its noise's ceiling and jumps above threshold, the rectified one is silent below zero.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.special import ndtr

from circuitbias.dynamics.parameters import RHO_PAPER
from circuitbias.dynamics.thinning import CEILING, CELLS_PER_UNIT


@dataclass(frozen=True, eq=False)
class Link:
    """A tabulated hazard that rises with the input.

    Attributes
    ----------
    name : str
    low : float
        Input of the first entry; below it the hazard is that of the first entry.
    hazards : ndarray
        At inputs ``low + k / CELLS_PER_UNIT``; linear between them, constant beyond the last.
    """

    name: str
    low: float
    hazards: np.ndarray

    def hazard(self, eta):
        """Hazard of a step at inputs ``eta``."""
        return np.interp(eta, self.low + np.arange(len(self.hazards)) / CELLS_PER_UNIT, self.hazards)

    def operating_point(self, probability):
        """Input at which a step has a spike with this probability, and the slope of the log hazard there.

        Parameters
        ----------
        probability : ndarray, shape (n,)
            Above 0.

        Returns
        -------
        eta, gain : ndarray, shape (n,)
        """
        # The first entry above: tables may be flat at their beginning, and jump.
        wanted = -np.log1p(-np.minimum(probability, 0.8))
        place = np.searchsorted(self.hazards, wanted).clip(1, len(self.hazards) - 1)
        below, above = self.hazards[place - 1], self.hazards[place]
        share = (wanted - below) / np.where(above > below, above - below, 1.0)
        eta = self.low + (place - 1 + share) / CELLS_PER_UNIT
        step = 0.05  # wide enough to go over the cells of the table
        rise = self.hazard(eta + step) - self.hazard(eta - step)
        return eta, rise / (2 * step * np.maximum(wanted, 1e-300))


@cache
def link(name: str) -> Link:
    """The link of this name.

    ``exponential``: that of a Poisson GLM; ``threshold``: that of the threshold model of Das & Fiete (2020),
    in standard deviations of its noise; ``rectified``: that of a linear-nonlinear Poisson neuron.
    """
    grid = {"exponential": (-20.0, 2.0), "threshold": (-7.0, 5.0), "rectified": (-1.0, 60.0)}
    if name not in grid:
        raise ValueError(f"link = {name!r}: must be one of {', '.join(grid)}")
    low, high = grid[name]
    eta = np.arange(low, high, 1 / CELLS_PER_UNIT)
    if name == "exponential":
        hazards = np.exp(eta)
    elif name == "threshold":
        tail = ndtr(eta)
        hazards = -np.log1p(-np.where(eta <= 0, RHO_PAPER * tail, 1 - RHO_PAPER * (1 - tail)))
    else:
        # In units of the input at which there is a spike in one of a thousand steps.
        hazards = 1e-3 * np.maximum(eta, 0.0)
    return Link(name, low, np.minimum(hazards, CEILING))


LINKS = ("exponential", "threshold", "rectified")
