"""How the spikes of a step come from the input: the links of generators, with tables for compiled loops.

Each has the log-likelihood of a step in two parts, one for each spike and one for each step: ``log_odds`` and
``log_silence``. Where spikes are draws of yes or no these are log(p / (1 - p)) and log(1 - p); where they are
Poisson counts, log(lambda) and -lambda, in units of a target's mean rate ``scale``.

In the threshold model a neuron fires where its input h + b (1 + sigma z m) exceeds theta; z is normal, and m
is 1 with probability rho, else 0. With eta = (h + b - theta) / (b sigma),

    p(eta) = rho Phi(eta)           for eta <= 0,
             1 - rho Phi(-eta)      for eta > 0.

At eta = 0 it jumps from rho / 2 to 1 - rho / 2. Fits use the smooth branch rho Phi(eta) everywhere, and leave
out the steps near the jump and beyond.
"""

import numpy as np
from numba import njit
from scipy.special import log_ndtr, ndtr, ndtri

_FROM, _TO, _CELLS = -12.0, 12.0, 1536  # of eta; 64 cells a unit: derivatives are right to 1e-8
_LEAST_START = -6.0  # of eta, for a neuron that hardly fires
_LEAST_RATE = 1 / 16  # of a neuron's mean one
_NO_EXPONENT = 1e-6  # below which the limit of none is taken
_NOTHING = -700.0  # of a logarithm


class ThresholdLink:
    """The smooth branch of the threshold model's link.

    Parameters
    ----------
    rho : float
        Probability that the noise is on in a step, in (0, 1).

    Attributes
    ----------
    jumps : bool
        Whether the probability jumps at eta = 0.
    in_rates : bool
        Whether ``scale`` has a meaning; else it is 1.
    log_odds, log_silence : ndarray, shape (n_cells + 1, 4)
        Cubics of log(p / (1 - p)) and of log(1 - p) in each cell of eta; the last row is (value, slope,
        curvature, 0) at the low end, from which `look_up` goes on below it.
    """

    jumps, in_rates = True, False

    def __init__(self, rho: float):
        self.rho = rho
        grid = np.linspace(_FROM, _TO, _CELLS + 1)
        silence = np.log1p(-rho * ndtr(grid))
        silence_slope = -rho * _density(grid) / (1 - rho * ndtr(grid))
        odds_slope = np.exp(_log_density(grid) - log_ndtr(grid)) - silence_slope
        self.log_odds = _cubics(np.log(rho) + log_ndtr(grid) - silence, odds_slope, curvature=-1.0)
        self.log_silence = _cubics(silence, silence_slope, curvature=0.0)

    def information(self, eta: np.ndarray) -> np.ndarray:
        """Fisher information on eta of a step, p'^2 / (p (1 - p))."""
        log_p = log_ndtr(eta)
        return self.rho * np.exp(2 * _log_density(eta) - log_p) / (1 - self.rho * np.exp(log_p))

    def eta_of(self, probability: np.ndarray) -> np.ndarray:
        """Eta at which a spike has this probability; within -6 ... 0."""
        return np.maximum(ndtri(np.minimum(probability / self.rho, 0.5)), _LEAST_START)


class ExponentialLink:
    """Poisson counts with mean ``scale exp(eta)`` in a step: see `ThresholdLink` for the attributes."""

    jumps, in_rates = False, True

    def __init__(self):
        grid = np.linspace(_FROM, _TO, _CELLS + 1)
        self.log_odds = _cubics(grid, np.ones_like(grid), curvature=0.0)
        self.log_silence = _cubics(-np.exp(grid), -np.exp(grid), curvature=0.0)

    def information(self, eta):
        """Fisher information on eta of a step, over ``scale``."""
        return np.exp(eta)

    def eta_of(self, probability):
        """Eta of neurons that fire at their mean rate."""
        return np.zeros_like(probability)


class RectifiedLink:
    """Poisson counts with mean ``scale max(eta, 0)`` in a step: see `ThresholdLink` for the attributes.

    No spike comes where eta <= 0: its log-likelihood there is minus infinity. Below a sixteenth of the mean
    rate log(eta) goes on as a parabola, so that a fit may begin anywhere.
    """

    jumps, in_rates = False, True

    def __init__(self):
        grid = np.linspace(_FROM, _TO, _CELLS + 1)
        above, x = np.maximum(grid, _LEAST_RATE), np.minimum(grid - _LEAST_RATE, 0) / _LEAST_RATE
        self.log_odds = _cubics(np.log(above) + x - x**2 / 2, (1 - x) / above, curvature=-(_LEAST_RATE**-2))
        self.log_silence = _cubics(-np.maximum(grid, 0), -1.0 * (grid > 0), curvature=0.0)

    def information(self, eta):
        """Fisher information on eta of a step, over ``scale``."""
        return np.where(eta > 0, 1 / np.maximum(eta, _LEAST_RATE), 0.0)

    def eta_of(self, probability):
        """Eta of neurons that fire at their mean rate."""
        return np.ones_like(probability)


class LearnedLink:
    """Poisson counts with mean ``scale exp(h(eta))``: a family of links that a fit can choose from.

    With curvature kappa > 0 and exponent nu > -kappa,

        h(eta) = -log((kappa + nu exp(-(kappa + nu) eta)) / (kappa + nu)) / nu,

    so that h(0) = 0, h'(0) = 1 and h''(0) = -kappa. Without curvature it is the exponential; (kappa, 1) are
    the logistic links with ceiling (1 + kappa) / kappa, (1, -1) is the rectified line 1 + eta, and
    (1 / k, -1 / k) its power k. Near (0.25, 0.2) it is the threshold model's, but for a millionth of a nat a
    spike. See `ThresholdLink` for the attributes; ``scale`` is the same for all targets.

    Parameters
    ----------
    curvature, exponent : float
        kappa and nu.
    """

    jumps, in_rates = False, True

    def __init__(self, curvature: float, exponent: float):
        self.curvature, self.exponent = curvature, exponent
        self.lowest = float(self.eta_of(np.array(_LEAST_RATE))) if exponent < 0 else -np.inf
        grid = np.linspace(_FROM, _TO, _CELLS + 1)
        value, slope = self.log_rate(grid), self.slope(grid)
        curved = -(float(self.slope(np.array(self.lowest))) ** 2) if exponent < 0 else 0.0
        self.log_odds = _cubics(value, slope, curvature=curved)
        rate, steep = np.exp(self._h(grid)), np.nan_to_num(self._h_slope(grid))
        self.log_silence = _cubics(-rate, -rate * steep, curvature=0.0)

    @property
    def ceiling(self) -> float:
        """Largest mean, in units of ``scale``."""
        if abs(self.exponent) < _NO_EXPONENT:
            return float(np.exp(1 / self.curvature))
        return float((1 + self.exponent / self.curvature) ** (1 / self.exponent))

    def log_rate(self, eta):
        """h(eta); a parabola below a sixteenth of the scale, if the mean falls to zero."""
        if self.exponent >= 0:
            return self._h(eta)
        x = np.minimum(eta - self.lowest, 0.0) * self._h_slope(np.array(self.lowest))
        return self._h(np.maximum(eta, self.lowest)) + x - x**2 / 2

    def slope(self, eta):
        """Derivative of `log_rate`."""
        if self.exponent >= 0:
            return self._h_slope(eta)
        steepest = self._h_slope(np.array(self.lowest))
        beyond = 1 - np.minimum(eta - self.lowest, 0.0) * steepest
        return self._h_slope(np.maximum(eta, self.lowest)) * beyond

    def information(self, eta):
        """Fisher information on eta of a step, over ``scale``."""
        found = np.exp(self.log_rate(eta)) * np.square(self.slope(eta))
        return np.where(eta > self.lowest, found, 0.0)

    def eta_of(self, probability):
        """Eta at which the mean is so many times the scale; far up for what is above the ceiling."""
        kappa, nu, both = self.curvature, self.exponent, self.curvature + self.exponent
        log_rate = np.log(np.maximum(probability, 1e-12))
        if abs(nu) < _NO_EXPONENT:
            decay = 1 - kappa * log_rate
            return np.maximum(-np.log(np.maximum(decay, 1e-3)) / kappa, _LEAST_START)
        decay = (both * np.exp(-nu * log_rate) - kappa) / nu
        return np.maximum(-np.log(np.maximum(decay, 1e-3)) / both, _LEAST_START)

    def _h(self, eta):
        kappa, nu, both = self.curvature, self.exponent, self.curvature + self.exponent
        if abs(nu) < _NO_EXPONENT:
            return -np.expm1(-kappa * eta) / kappa
        inner = (kappa + nu * np.exp(np.minimum(-both * eta, 500.0))) / both
        value = -np.log(np.maximum(inner, 1e-300)) / nu
        return np.where(inner > 0, value, _NOTHING)

    def _h_slope(self, eta):
        kappa, nu, both = self.curvature, self.exponent, self.curvature + self.exponent
        decay = np.exp(np.minimum(-both * eta, 500.0))
        inner = kappa + nu * decay
        return np.where(inner > 0, both * decay / np.where(inner > 0, inner, 1.0), 0.0)


def _density(x):
    return np.exp(_log_density(x))


def _log_density(x):
    return -0.5 * x**2 - 0.5 * np.log(2 * np.pi)


def _cubics(values, slopes, curvature):
    """Hermite cubics between the points of the grid, in the place 0 ... 1 within a cell."""
    width = (_TO - _FROM) / _CELLS
    rise = np.diff(values)
    left, right = slopes[:-1] * width, slopes[1:] * width
    cubics = np.column_stack([values[:-1], left, 3 * rise - 2 * left - right, left + right - 2 * rise])
    return np.vstack([cubics, [values[0], slopes[0], curvature, 0.0]])


@njit(inline="always", cache=True)
def look_up(table, eta):
    """Value and derivative of a tabulated function; beyond the table, a parabola (low) or a line (high)."""
    if eta < _FROM:
        beyond = eta - _FROM
        value, slope, curvature = table[_CELLS, 0], table[_CELLS, 1], table[_CELLS, 2]
        return value + beyond * (slope + 0.5 * curvature * beyond), slope + curvature * beyond
    place = (min(eta, _TO) - _FROM) * (_CELLS / (_TO - _FROM))
    cell = min(int(place), _CELLS - 1)
    f = place - cell
    c0, c1, c2, c3 = table[cell, 0], table[cell, 1], table[cell, 2], table[cell, 3]
    slope = (c1 + f * (2 * c2 + 3 * f * c3)) * (_CELLS / (_TO - _FROM))
    value = c0 + f * (c1 + f * (c2 + f * c3))
    if eta > _TO:
        value += slope * (eta - _TO)
    return value, slope
