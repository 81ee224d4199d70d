"""Wirings that a recording could have: draws from what an estimate says of all couplings together.

Of one coupling an estimate says J +- se. Of ten thousand together it also says how many there are, of which
size and sign (empirical Bayes): couplings are taken to come from one distribution, a mixture of narrow
normals at a grid of values and of one exactly at 0, whose shares are fitted to all pairs by expectation and
maximisation (Kiefer & Wolfowitz 1956; Koenker & Mizera 2014, doi:10.1080/01621459.2013.869224). A draw from
the posterior has as much power as the true wiring has, weak couplings included; an estimate has too much, a
thresholded one too little, and no weak ones.
"""

from dataclasses import dataclass

import numpy as np

from circuitbias.errors.decomposition import off_diagonal

_FINEST = 0.5  # distance of the values of the grid next to 0, in median standard errors
_MOST_VALUES = 40  # of the grid on either side
_ROUNDS = 300
_MOST_SPREAD = 1e3  # standard errors beyond this many times the median say nothing


@dataclass(frozen=True, eq=False)
class Posterior:
    """Posterior of every coupling.

    Attributes
    ----------
    estimates, errors : ndarray, shape (n, n)
        Where there is no estimate: NaN, and the prior is drawn from.
    values, widths : ndarray, shape (k,)
        Means and standard deviations of the mixture; one of the values is 0, with the width 0.
    shares : ndarray, shape (k,)
    """

    estimates: np.ndarray
    errors: np.ndarray
    values: np.ndarray
    widths: np.ndarray
    shares: np.ndarray

    @property
    def none(self) -> float:
        """Share of pairs without a coupling."""
        return float(self.shares[self.widths == 0].sum())

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a wiring, shape (n, n), zero on the diagonal."""
        pre, post = np.nonzero(~np.eye(len(self.estimates), dtype=bool))
        known = (np.isfinite(self.estimates) & (self.errors > 0))[pre, post]
        estimates = np.where(known, self.estimates[pre, post], 0.0)
        precision = np.where(known, 1 / np.where(known, self.errors[pre, post], 1.0) ** 2, 0.0)
        joint = self.shares[:, None] * _likelihoods(estimates, precision, self.values, self.widths)
        cumulated = np.cumsum(joint, axis=0)
        chosen = (rng.random(len(pre)) * cumulated[-1] >= cumulated).sum(axis=0).clip(max=len(joint) - 1)
        value, width = self.values[chosen], self.widths[chosen]
        spread2 = width**2 / (1 + width**2 * precision)
        mean = value + spread2 * precision * (estimates - value)
        weights = np.zeros(self.estimates.shape)
        weights[pre, post] = mean + np.sqrt(spread2) * rng.normal(size=len(pre))
        return weights


def posterior(estimates: np.ndarray, errors: np.ndarray) -> Posterior:
    """Fit the shares of couplings of all sizes.

    Parameters
    ----------
    estimates, errors : ndarray, shape (n, n)
        Couplings and their standard errors.

    Returns
    -------
    Posterior

    Raises
    ------
    ValueError
        If no pair has both.
    """
    j, se = off_diagonal(estimates, errors)
    known = np.isfinite(j) & np.isfinite(se) & (se > 0)
    if not known.any():
        raise ValueError("no pair has a coupling with a standard error")
    known &= se < _MOST_SPREAD * np.median(se[known])
    typical = float(np.median(se[known]))
    errors = np.where(errors < _MOST_SPREAD * typical, errors, np.nan)
    j, se = j[known], se[known]
    values, widths = _grid(j.min(), j.max(), _FINEST * typical)
    likelihoods = _likelihoods(j, se**-2.0, values, widths)
    shares = np.full(len(values), 1 / len(values))
    for _ in range(_ROUNDS):
        joint = shares[:, None] * likelihoods
        shares = (joint / joint.sum(axis=0)).mean(axis=1)
    return Posterior(np.asarray(estimates, float), errors, values, widths, shares)


def _grid(lowest, highest, finest):
    """Values from the lowest to the highest estimate, ever wider apart; and half their distances."""
    sides = []
    for end in (-lowest, highest):
        reach = max(end / finest, 2.0)
        k = np.arange(1, min(int(np.ceil(reach)), _MOST_VALUES) + 1)
        # x = sinh(a k) / a rises by 1 at first and reaches the end with the last.
        a = _root(lambda a, k=k, reach=reach: np.sinh(a * k[-1]) / a - reach)
        sides.append(finest * np.sinh(a * k) / a)
    values = np.concatenate([-sides[0][::-1], [0.0], sides[1]])
    widths = np.gradient(values) / 2
    widths[values == 0] = 0.0
    return values, widths


def _root(function):
    """Root between 1e-6 and 1 by bisection; the lower end if there is none."""
    low, high = 1e-6, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return low


def _likelihoods(estimates, precision, values, widths):
    """Density of each estimate under each part of the mixture, up to a factor, (k, n)."""
    # With no precision nothing is known: the same under all.
    ratio = 1 / (1 + widths[:, None] ** 2 * precision)
    logs = 0.5 * (np.log(ratio) - ratio * precision * (estimates - values[:, None]) ** 2)
    return np.exp(logs - logs.max(axis=0))
