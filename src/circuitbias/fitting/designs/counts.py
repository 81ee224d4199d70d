"""The design matrix of the regressions: counts at some lags, block by block, so that memory stays bounded."""

import numpy as np

from circuitbias.device import Array, double, namespace, on_cpu, placed
from circuitbias.exceptions import UnusableDataError
from circuitbias.fitting.designs.sparse_counts import sparse_counts
from circuitbias.fitting.families import LOGISTIC, POISSON
from circuitbias.fitting.limits import limits_at
from circuitbias.memory import Budget
from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.moments import (
    EvenlySpaced,
    Moments,
    dependent_counts,
    mean_and_covariance,
    products_of_columns,
)

STEEPNESS = 40.0  # of a coefficient in its limit: a spike leaves 4e-18 of the rate


def _second_moment(moments: Moments) -> np.ndarray:
    """``X'X / T`` of counts in the same bin and a column of ones."""
    mean = np.append(moments.mean, 1)
    second = np.outer(mean, mean)
    second[:-1, :-1] += moments.covariance
    return second


class Design:
    """The design matrix, block by block: counts of the kept neurons at each lag, and a column of ones.

    Parameters
    ----------
    counts : BinnedCounts
    kept : ndarray of int, shape (n_kept,)
    lags : list of int
        In bins, ascending.
    device : str or torch.device
    moments : Moments
        Of the counts of all neurons.
    own_past : bool, optional
        Whether a target's own counts at lags above 0 are covariates.
    fires : bool, optional
        Whether the response is that a target fires, not its count.
    """

    family = POISSON

    def __init__(
        self,
        counts: BinnedCounts,
        kept: np.ndarray,
        lags: list[int],
        device,
        moments: Moments,
        own_past: bool = True,
        fires: bool = False,
    ):
        self.family = LOGISTIC if fires else POISSON
        self._own_past, self._covariates = own_past, f"counts of neurons {{}} at lags={lags}"
        self._counts, self.kept, self._lags, self._device = counts, kept, lags, device
        self._known = _second_moment(moments.of(kept)) if lags == [0] else None
        self._mean = moments.mean[kept]
        self._same_bin = lags[0] == 0  # the first columns are the targets themselves
        self._some_dropped = len(kept) < counts.n_neurons
        self.block_rows = counts.block_bins
        self.n_targets = len(kept)
        self.n_columns = len(lags) * len(kept) + 1
        self.n_rows = int(np.maximum(counts.trial_bins - lags[-1], 0).sum())
        self._require_rows()

    def _require_rows(self):
        if self.n_rows <= self.n_columns:
            raise UnusableDataError(
                f"{self.n_rows} bins are too few for {self.n_columns} coefficients a neuron: "
                "more bins than coefficients are needed"
            )

    def free_coefficients(self) -> Array:
        """All coefficients but that of a neuron's own count in the same bin, or of its past if not wanted."""
        free = np.ones((self.n_columns, self.n_targets), dtype=bool)
        for index, first in enumerate(range(0, self.n_columns - 1, self.n_targets)):
            if not self._own_past or (self._same_bin and index == 0):
                np.fill_diagonal(free[first:-1], False)
        return placed(free, self._device)

    def least_curvatures(self, cross_moment: Array, response_means: Array) -> Array:
        """Bound from below of ``mean(mu x^2)`` where all gradients are zero, ``mean(mu x) = mean(y x)``."""
        return cross_moment if self.family is POISSON else 0 * cross_moment  # as x are whole numbers

    def limits(self, cross_moment, means, bounds, free) -> Array:
        """Where to hold coefficients of targets that respond only where a covariate is at a bound.

        Of binary responses also those of targets that fail to respond only there: off the bound the response
        is certain, and what is left to fit are rows at the bound.

        Parameters
        ----------
        cross_moment, bounds : array
            From `survey`.
        means : array, shape (n_columns,)
            Of the columns.
        free : array of bool, shape (n_columns, n_targets)
            Coefficients in question.

        Returns
        -------
        array, shape (n_columns, n_targets)
            See `circuitbias.fitting.limits.limits_at`.
        """
        share = cross_moment[-1]
        low, high = (at & free for at in self.fires_at_bounds(cross_moment, bounds, share))
        falling, rising = [low, False], [False, high]
        if self.family is LOGISTIC:
            silent = self.fires_at_bounds(means[:, None] - cross_moment, bounds, 1 - share)
            rising[0], falling[1] = (at & free for at in silent)
        return limits_at(falling, rising, bounds, self._steepness(bounds))

    def fires_at_bounds(self, cross_moment, bounds, response_means):
        """Whether a target fires only where a covariate is lowest, and where it is highest."""
        low, high = bounds[:, :, None] * response_means
        # Over the spikes of the target, the covariate's distance from its lowest and from its highest value.
        slack = self._slack(bounds, response_means)
        return cross_moment - low < slack, high - cross_moment < slack

    def _slack(self, bounds, response_means):
        return 0.5 / self.n_rows  # the sums are whole numbers

    def _steepness(self, bounds):
        return 0 * bounds[0] + STEEPNESS

    def sparse(self, most_density: float, budget: Budget) -> tuple | None:
        """Keep the counts that are not zero, if so few are and memory allows it: see `sparse_counts`."""
        density = np.minimum(self._mean, 1).mean()
        needed = self.n_rows * (40 + 12 * density * (self.n_columns - 1))
        if density > most_density or needed > budget.kept or self._device != "cpu":
            return None
        return sparse_counts(self.blocks_and_counts())

    def require_independent(self, second_moment: Array, response_means: Array) -> None:
        """Raise unless the covariates are linearly independent and every neuron responds.

        The choice of the usable neurons has seen to it for counts in the same bin; what happens at the edges
        of trials can still make the past so.
        """
        means, covariance = mean_and_covariance(second_moment)
        dependent = dependent_counts(on_cpu(means), on_cpu(covariance))
        dependent = dependent.reshape(-1, self.n_targets).any(0) | on_cpu(response_means == 0)
        if dependent.any():
            what = self._covariates.format(self.kept[dependent].tolist())
            raise UnusableDataError(
                f"{what} are constant or linearly dependent: leave out lags, or these neurons, or record for "
                "longer"
            )

    def blocks(self):
        """Yield the rows of the design matrix, block by block, in double precision."""
        return (double(rows) for rows in self.narrow_blocks())

    def narrow_blocks(self):
        """Yield the same in single precision, if that holds them exactly."""
        return (rows for rows, _ in self.blocks_and_counts())

    def blocks_and_counts(self):
        """Yield the same, and the responses of the targets there: an array, (n_rows, n_targets)."""
        longest = self._lags[-1]
        trial, past = None, None
        for block in self._counts.blocks():
            counts = block.counts[:, self.kept] if self._some_dropped else block.counts
            if block.trial != trial:
                trial, past = block.trial, counts[:0]
            counts = np.concatenate([past, counts]) if longest else counts
            past = counts[max(len(counts) - longest, 0) :]
            n_rows = len(counts) - longest
            if n_rows <= 0:
                continue
            design = np.empty((n_rows, self.n_columns), dtype=np.float32)  # holds counts exactly
            design[:, -1] = 1
            for index, lag in enumerate(self._lags):
                columns = slice(index * self.n_targets, (index + 1) * self.n_targets)
                design[:, columns] = counts[longest - lag : longest - lag + n_rows]
            responses = counts[longest:]
            yield placed(design, self._device), responses if self.family is POISSON else responses > 0

    def blocks_and_responses(self, targets: Array):
        """Yield the rows of the design matrix and the counts of some targets there, in double precision."""
        for rows, counts in self.blocks_and_counts():
            yield double(rows), placed(counts.astype(np.float64), self._device)[:, targets]

    def _products(self, rows):
        return products_of_columns(rows)

    def survey(self, n_sample):
        """Summarise the data in one pass.

        Returns second moments ``X'X / T`` and ``X'Y / T``, the lowest and the highest count of each column,
        shape (2, n_columns), and about n_sample evenly spaced rows of X.
        """
        second = placed(np.zeros((self.n_columns,) * 2), self._device)
        xp, cross = namespace(second), second[:, : self.n_targets] * 0
        spaced = EvenlySpaced(max(1, self.n_rows // n_sample))
        bounds = placed(
            np.stack([np.full(self.n_columns, limit) for limit in (np.inf, -np.inf)]), self._device
        )
        sampled, responds_in_rows = [], self._same_bin and self.family is POISSON
        for design, counts in self.blocks_and_counts():
            if self._known is None:
                second += self._products(design)
            if not responds_in_rows:
                cross += double(design).T @ placed(counts.astype(np.float64), self._device)
            bounds[0] = xp.minimum(bounds[0], xp.amin(design, 0))
            bounds[1] = xp.maximum(bounds[1], xp.amax(design, 0))
            # A copy: a view would keep the whole block in memory.
            sampled.append(xp.asarray(spaced.of(design), copy=True))
        second = second / self.n_rows if self._known is None else placed(self._known, self._device)
        cross = second[:, : self.n_targets] if responds_in_rows else cross / self.n_rows
        return second, cross, bounds, double(xp.concat(sampled))
