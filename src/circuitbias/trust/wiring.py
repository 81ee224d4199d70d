"""Wirings that a recording could have: draws from what an estimate says of all couplings together.

Of one coupling an estimate says J +- se. Of ten thousand together it also says how many there are, of which
size and sign (empirical Bayes): couplings are taken to come from one distribution, a mixture of narrow
normals at a grid of values and of one exactly at 0, whose shares are fitted to all pairs by expectation and
maximisation (Kiefer & Wolfowitz 1956; Koenker & Mizera 2014, doi:10.1080/01621459.2013.869224). A draw from
the posterior has as much power as the true wiring has, weak couplings included; an estimate has too much, a
thresholded one too little, and no weak ones.

A coupling much weaker than its error may as well not be there: of all distributions that fit about as well,
the one with most pairs unconnected is taken, which is the safe side; where a wiring without any zeros fits
as well, halfway to that one. And if couplings of both directions go
together, sums and differences of the two are drawn, so that a symmetric wiring has symmetric draws; the
likelihood decides. Pairs with a sum of 0 have a distribution of differences of their own: where there is no
connection, it is missing both ways.

Estimates of pairs without a connection need not have the mean 0: a wrong link leaves a part of a standard
error, which would look like weak wiring everywhere. Twins show how much (`bias_of_none`).
"""

from dataclasses import dataclass

import numpy as np

_FINEST = 0.5  # distance of the values of the grid next to 0, in median standard errors
_MOST_VALUES = 30  # of the grid on either side
_ROUNDS, _ROUNDS_OF_SEARCH = 200, 60
_ABOUT_AS_WELL = 2.0  # difference of the log-likelihood, as an interval of two standard errors has
_FEWEST_UNCONNECTED = 50
_MOST_SPREAD = 1e3  # standard errors beyond this many times the median say nothing


@dataclass(frozen=True, eq=False)
class Mixture:
    """Distribution of couplings.

    Attributes
    ----------
    values, widths : ndarray, shape (k,)
        Means and standard deviations of its parts; one of the values is 0, with the width 0.
    shares : ndarray, shape (k,)
    log_likelihood : float
        Of the estimates it was fitted to.
    """

    values: np.ndarray
    widths: np.ndarray
    shares: np.ndarray
    log_likelihood: float

    @property
    def none(self) -> float:
        """Share of zeros."""
        return float(self.shares[self.widths == 0].sum())

    def densities(self, estimates, errors) -> tuple[np.ndarray, np.ndarray]:
        """Log density of each estimate, and the probability of 0 given it; errors may be infinite."""
        precision = errors**-2.0
        logs = _logs(np.where(precision > 0, estimates, 0.0), precision, self.values, self.widths)
        top = logs.max(axis=0)
        parts = self.shares[:, None] * np.exp(logs - top)
        total = parts.sum(axis=0)
        return np.log(total) + top, parts[self.widths == 0].sum(axis=0) / total

    def draw(self, estimates, errors, rng) -> np.ndarray:
        """Draw from the posterior of each coupling; errors may be infinite."""
        precision = errors**-2.0
        logs = _logs(np.where(precision > 0, estimates, 0.0), precision, self.values, self.widths)
        cumulated = np.cumsum(self.shares[:, None] * np.exp(logs - logs.max(axis=0)), axis=0)
        chosen = (rng.random(len(errors)) * cumulated[-1] >= cumulated).sum(axis=0).clip(max=len(logs) - 1)
        value, width = self.values[chosen], self.widths[chosen]
        spread2 = width**2 / (1 + width**2 * precision)
        mean = value + spread2 * precision * (np.where(precision > 0, estimates, 0.0) - value)
        return mean + np.sqrt(spread2) * rng.normal(size=len(errors))


@dataclass(frozen=True, eq=False)
class Posterior:
    """Posterior of every coupling.

    Attributes
    ----------
    estimates, errors : ndarray, shape (n, n)
        Where there is no estimate, an error is infinite, and the prior is drawn from.
    parts : tuple of Mixture
        One, of all couplings; or three: of the half sums of both directions, and of the half differences
        where the sum is 0, and where it is not.
    """

    estimates: np.ndarray
    errors: np.ndarray
    parts: tuple

    @property
    def none(self) -> float:
        """Share of pairs without a coupling."""
        return float(np.prod([part.none for part in self.parts[:2]]))

    @property
    def reciprocal(self) -> bool:
        """Whether couplings of both directions go together."""
        return len(self.parts) == 3

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a wiring, shape (n, n), zero on the diagonal."""
        weights = np.zeros(self.estimates.shape)
        if self.reciprocal:
            upper = np.triu_indices(len(weights), 1)
            sums, differences = _both_ways(self.estimates, self.errors)
            half_sum = self.parts[0].draw(*sums, rng)
            none, some = (part.draw(*differences, rng) for part in self.parts[1:])
            half_difference = np.where(half_sum == 0, none, some)
            weights[upper] = half_sum + half_difference
            weights.T[upper] = half_sum - half_difference
            return weights
        off = ~np.eye(len(weights), dtype=bool)
        weights[off] = self.parts[0].draw(self.estimates[off], self.errors[off], rng)
        return weights


def posterior(estimates: np.ndarray, errors: np.ndarray, bias: float = 0.0) -> Posterior:
    """Fit the distribution of couplings.

    Parameters
    ----------
    estimates, errors : ndarray, shape (n, n)
        Couplings and their standard errors.
    bias : float, optional
        Mean estimate of unconnected pairs, in standard errors; it is taken off all of them.

    Returns
    -------
    Posterior

    Raises
    ------
    ValueError
        If no pair has both.
    """
    estimates, errors = np.array(estimates, dtype=float), np.array(errors, dtype=float)
    known = np.isfinite(estimates) & np.isfinite(errors) & (errors > 0) & ~np.eye(len(errors), dtype=bool)
    if not known.any():
        raise ValueError("no pair has a coupling with a standard error")
    known &= errors < _MOST_SPREAD * np.median(errors[known])
    errors = np.where(known, errors, np.inf)
    estimates = np.where(known, estimates - bias * np.where(known, errors, 0.0), estimates)
    alone = Posterior(estimates, errors, (mixture(estimates[known], errors[known]),))
    sums, differences = ((j[np.isfinite(se)], se[np.isfinite(se)]) for j, se in _both_ways(estimates, errors))
    if not len(sums[0]):
        return alone
    half_sum = mixture(*sums)
    of_sum, none = half_sum.densities(*sums)
    with_none, with_some = mixture(*differences, none), mixture(*differences, 1 - none)
    # Of the pairs with both directions: the densities of sum and difference are half of those of the two.
    both = known & known.T
    one = alone.parts[0].densities(estimates[both], errors[both])[0].sum()
    of_difference = np.logaddexp(
        np.log(np.maximum(none, 1e-300)) + with_none.densities(*differences)[0],
        np.log(np.maximum(1 - none, 1e-300)) + with_some.densities(*differences)[0],
    )
    two = (of_sum + of_difference - np.log(2.0)).sum()
    return Posterior(estimates, errors, (half_sum, with_none, with_some)) if two > one else alone


def bias_of_none(weights: np.ndarray, estimates: np.ndarray, errors: np.ndarray) -> float:
    """Mean of the estimates of unconnected pairs in their standard errors; 0 if there are hardly any.

    Parameters
    ----------
    weights : ndarray, shape (n, n)
        True ones, of a twin.
    estimates, errors : ndarray, shape (n, n)
    """
    none = (weights == 0) & np.isfinite(estimates) & (errors > 0) & np.isfinite(errors)
    np.fill_diagonal(none, False)
    if none.sum() < _FEWEST_UNCONNECTED:
        return 0.0
    # Neither explosions of a fit nor the sign of one large estimate are to decide.
    return float(np.clip(estimates[none] / errors[none], -3, 3).mean())


def _both_ways(estimates, errors):
    """Half sums and half differences of the two directions of each pair, with their errors."""
    upper = np.triu_indices(len(estimates), 1)
    there, back = estimates[upper], estimates.T[upper]
    error = np.hypot(errors[upper], errors.T[upper]) / 2
    return ((there + back) / 2, error), ((there - back) / 2, error)


def mixture(j: np.ndarray, se: np.ndarray, counted: np.ndarray | None = None) -> Mixture:
    """Fit the distribution of estimates with these errors; then take as many zeros as fit about as well.

    ``counted``: part of each estimate that counts, from 0 to 1; default: all of it.
    """
    counted = np.ones(len(j)) if counted is None else np.maximum(counted, 1e-6)
    values, widths = _grid(j.min(), j.max(), _FINEST * float(np.median(se)))
    logs = _logs(j, se**-2.0, values, widths)
    top = logs.max(axis=0)
    likelihoods = np.exp(logs - top)
    best, value = _shares(likelihoods, counted, _ROUNDS)
    start = best
    low, high = float(best[widths == 0].sum()), 1.0
    for _ in range(7):
        middle = (low + high) / 2
        shares, found = _shares(likelihoods, counted, _ROUNDS_OF_SEARCH, middle, widths == 0, best)
        if found >= value - _ABOUT_AS_WELL:
            low, best = middle, shares
        else:
            high = middle
    # Perhaps there is no zero at all. What that fits worse by says how likely it is.
    bare, found = _shares(likelihoods, counted, _ROUNDS_OF_SEARCH, 0.0, widths == 0, start)
    dense = 0.5 * np.exp(min(found - value, 0.0))
    return Mixture(values, widths, dense * bare + (1 - dense) * best, value + float(counted @ top))


def _shares(likelihoods, counted, rounds, none=None, zero=None, start=None):
    """Shares by expectation-maximisation, perhaps with a given share of zeros; and the log-likelihood."""
    k = len(likelihoods)
    shares = np.full(k, 1 / k) if start is None else 0.9 * start + 0.1 / k
    total = None
    for _ in range(rounds):
        if none is not None:
            rest = shares[~zero].sum()
            shares = np.where(zero, none, shares * (1 - none) / max(rest, 1e-300))
        total = shares @ likelihoods
        shares = shares * (likelihoods @ (counted / total)) / counted.sum()
    if none is not None:
        shares = np.where(zero, none, shares * (1 - none) / max(shares[~zero].sum(), 1e-300))
    return shares, float(counted @ np.log(shares @ likelihoods))


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


def _logs(estimates, precision, values, widths):
    """Log density of each estimate under each part of a mixture, (k, n); without any precision 0."""
    ratio = 1 / (1 + widths[:, None] ** 2 * precision)
    power = ratio * precision
    scale = np.log(np.where(precision > 0, power, 1.0) / (2 * np.pi))
    return 0.5 * np.where(precision > 0, scale - power * (estimates - values[:, None]) ** 2, 0.0)
