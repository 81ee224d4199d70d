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
connection, it is missing both ways. Not all pairs need be such: a share of them has directions that are
independent, as a connection one way has, whose sum and difference would leave a weak one the other way.

Estimates of pairs without a connection need not have the mean 0: a wrong link leaves a part of a standard
error, which would look like weak wiring everywhere. Twins show how much (`bias_of_none`).
"""

from dataclasses import dataclass

import numpy as np

_FINEST = 0.5  # distance of the values of the grid next to 0, in median standard errors
_MOST_VALUES = 30  # of the grid on either side
_ROUNDS, _ROUNDS_OF_SEARCH = 200, 60
_ABOUT_AS_WELL = 2.0  # difference of the log-likelihood, as an interval of two standard errors has
_NO_SHARE = 1e-9  # of pairs whose directions are independent, where all go together
_BOTH_KINDS = 10.0  # log-likelihood by which pairs of both kinds have to fit better than those of one kind
_ROUNDS_OF_PAIRS, _SETTLED = 6, 0.01  # of the share of pairs whose directions are independent
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
        The first is that of couplings whose directions are independent; with three more: of the half sums of
        both directions, and of the half differences where the sum is 0, and where it is not.
    independent : float
        Share of pairs whose directions are independent.
    """

    estimates: np.ndarray
    errors: np.ndarray
    parts: tuple
    independent: float = 1.0

    @property
    def none(self) -> float:
        """Share of directed pairs without a coupling."""
        alone, *both = self.parts
        together = np.prod([part.none for part in both[:2]])
        return float(self.independent * alone.none + (1 - self.independent) * together)

    @property
    def reciprocal(self) -> bool:
        """Whether couplings of both directions go together, in some pairs at least."""
        return len(self.parts) > 1

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Draw a wiring, shape (n, n), zero on the diagonal."""
        weights = np.zeros(self.estimates.shape)
        off = ~np.eye(len(weights), dtype=bool)
        weights[off] = self.parts[0].draw(self.estimates[off], self.errors[off], rng)
        if self.reciprocal:
            upper = np.triu_indices(len(weights), 1)
            sums, differences = _both_ways(self.estimates, self.errors)
            half_sum = self.parts[1].draw(*sums, rng)
            none, some = (part.draw(*differences, rng) for part in self.parts[2:])
            half_difference = np.where(half_sum == 0, none, some)
            apart, together = _of_pairs(self.parts, self.estimates, self.errors)
            odds = np.log(self.independent) + apart - np.log(1 - self.independent) - together
            drawn = rng.random(len(odds)) < 1 / (1 + np.exp(odds.clip(-700, 700)))
            there, back = weights[upper], weights.T[upper]
            weights[upper] = np.where(drawn, half_sum + half_difference, there)
            weights.T[upper] = np.where(drawn, half_sum - half_difference, back)
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
    both = (known & known.T)[np.triu_indices(len(errors), 1)]
    if not both.any():
        return alone
    sums, differences = ((j[both], se[both]) for j, se in _both_ways(estimates, errors))
    directions = [np.concatenate(one) for one in zip(*_each_way(estimates, errors, both), strict=True)]
    single, share, apart = alone.parts[0], 0.5, np.zeros(both.sum())
    found = [(alone, _of_pairs(alone.parts, estimates, errors, both)[0].sum())]
    for number in range(_ROUNDS_OF_PAIRS):
        half_sum = mixture(*sums, 1 - apart)
        none = half_sum.densities(*sums)[1]
        parts = (single, half_sum, *(mixture(*differences, (1 - apart) * q) for q in (none, 1 - none)))
        one, two = _of_pairs(parts, estimates, errors, both)
        if not number:
            found.append((Posterior(estimates, errors, parts, _NO_SHARE), two.sum()))
        either = np.logaddexp(one + np.log(share), two + np.log(1 - share))
        apart = np.exp(one + np.log(share) - either)
        before, share = share, float(np.clip(apart.mean(), _NO_SHARE, 1 - _NO_SHARE))
        if number and abs(before - share) < _SETTLED:
            break
        single = mixture(*directions, np.tile(apart, 2))
    found.append((Posterior(estimates, errors, parts, before), either.sum() - _BOTH_KINDS))
    return max(found, key=lambda one: one[1])[0]


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


def _of_pairs(parts, estimates, errors, both=None):
    """Log density of both directions of each pair: as independent, and as a sum and a difference."""
    single, *together = parts
    both = slice(None) if both is None else both
    one = sum(single.densities(j, se)[0] for j, se in _each_way(estimates, errors, both))
    if not together:
        return one, None
    half_sum, with_none, with_some = together
    sums, differences = ((j[both], se[both]) for j, se in _both_ways(estimates, errors))
    of_sum, none = half_sum.densities(*sums)
    of_difference = np.logaddexp(
        np.log(np.maximum(none, 1e-300)) + with_none.densities(*differences)[0],
        np.log(np.maximum(1 - none, 1e-300)) + with_some.densities(*differences)[0],
    )
    # The densities of half sum and half difference are twice that of the two directions.
    known = np.isfinite(sums[1])
    return np.where(known, one, 0.0), np.where(known, of_sum + of_difference - np.log(2.0), 0.0)


def _each_way(estimates, errors, both):
    """The two directions of some pairs, with their errors."""
    upper = np.triu_indices(len(estimates), 1)
    return [(j[upper][both], se[upper][both]) for j, se in ((estimates, errors), (estimates.T, errors.T))]


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
