"""The design matrix of the regressions: counts at some lags, block by block, so that memory stays bounded."""

import numpy as np
import torch

from circuitbias.exceptions import UnusableDataError
from circuitbias.fitting.designs.sparse_counts import SparseCounts, sparse_counts
from circuitbias.fitting.limits import Limits, response_limits
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


def _second_moment(moments: Moments) -> torch.Tensor:
    """``X'X / T`` of counts in the same bin and a column of ones."""
    mean = np.append(moments.mean, 1)
    second = np.outer(mean, mean)
    second[:-1, :-1] += moments.covariance
    return torch.from_numpy(second)


class Design:
    """The design matrix, block by block: counts of the kept neurons at each lag, and a column of ones.

    Parameters
    ----------
    counts : BinnedCounts
    kept : ndarray of int, shape (n_kept,)
    lags : list of int
        In bins, ascending.
    device : torch.device
    moments : Moments
        Of the counts of all neurons.
    own_past : bool, optional
        Whether a target's own counts at lags above 0 are covariates.
    """

    def __init__(
        self,
        counts: BinnedCounts,
        kept: np.ndarray,
        lags: list[int],
        device: torch.device,
        moments: Moments,
        own_past: bool = True,
    ):
        self._own_past = own_past
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

    def free_coefficients(self) -> torch.Tensor:
        """All coefficients but that of a neuron's own count in the same bin, or of its past if not wanted."""
        free = torch.ones((self.n_columns, self.n_targets), dtype=torch.bool, device=self._device)
        for index, of_lag in enumerate(free[:-1].split(self.n_targets)):
            if not self._own_past or (self._same_bin and index == 0):
                of_lag.fill_diagonal_(False)
        return free

    def least_curvatures(self, cross_moment: torch.Tensor, response_means: torch.Tensor) -> torch.Tensor:
        """Bound from below of ``mean(mu x^2)`` where all gradients are zero, ``mean(mu x) = mean(y x)``."""
        return cross_moment  # as x are whole numbers

    def limits(self, cross_moment, bounds, response_means, free) -> Limits:
        """Coefficients without a finite value: of targets that respond only where a covariate is at a bound.

        Parameters
        ----------
        cross_moment, bounds : tensor
            From `survey`.
        response_means : tensor, shape (n_targets,)
        free : tensor of bool, shape (n_columns, n_targets)
            Coefficients in question.
        """
        # Over the spikes of the target, the covariate's distance from its lowest and from its highest count:
        # the sums are whole numbers.
        low, high = bounds[:, :, None] * response_means
        at_lowest, at_highest = (
            free & (distance * self.n_rows < 0.5) for distance in (cross_moment - low, high - cross_moment)
        )
        return response_limits(at_lowest, at_highest, bounds, torch.full_like(bounds[0], STEEPNESS))

    def sparse(self, most_density: float, budget: Budget) -> SparseCounts | None:
        """Keep the counts that are not zero, if their share is at most this and memory allows it."""
        density = np.minimum(self._mean, 1).mean()
        needed = self.n_rows * (40 + 12 * density * (self.n_columns - 1))
        if density > most_density or needed > budget.kept or self._device.type != "cpu":
            return None
        return sparse_counts(self._counts, self.kept, self._lags)

    def require_independent(self, second_moment: torch.Tensor, response_means: torch.Tensor) -> None:
        """Raise unless the counts at all lags are linearly independent and every neuron responds.

        Without lags the choice of the usable neurons has seen to it; what happens at the edges of trials
        can still make the past counts so.
        """
        means, covariance = mean_and_covariance(second_moment)
        dependent = dependent_counts(means.cpu().numpy(), covariance.cpu().numpy())
        dependent = dependent.reshape(len(self._lags), -1).any(0) | (response_means == 0).cpu().numpy()
        if dependent.any():
            raise UnusableDataError(
                f"counts of neurons {self.kept[dependent].tolist()} at lags={self._lags} are constant or "
                "linearly dependent: leave out lags, or record for longer"
            )

    def blocks(self):
        """Yield the rows of the design matrix, block by block, in double precision."""
        return (rows.double() for rows in self.narrow_blocks())

    def narrow_blocks(self):
        """Yield the same in single precision, if that holds them exactly."""
        return (rows for rows, _ in self.blocks_and_counts())

    def blocks_and_counts(self):
        """Yield the same, and the counts of the targets there: an array, (n_rows, n_targets)."""
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
            yield torch.from_numpy(design).to(self._device), counts[longest:]

    def blocks_and_responses(self, targets: torch.Tensor):
        """Yield the rows of the design matrix and the counts of some targets there, in double precision."""
        for rows, counts in self.blocks_and_counts():
            responses = torch.from_numpy(counts.astype(np.float64)).to(self._device)
            yield rows.double(), responses[:, targets]

    def _products(self, rows):
        return products_of_columns(rows)

    def survey(self, n_sample):
        """Summarise the data in one pass.

        Returns second moments ``X'X / T`` and ``X'Y / T``, the lowest and the highest count of each column,
        shape (2, n_columns), and about n_sample evenly spaced rows of X.
        """
        second = torch.zeros((self.n_columns,) * 2, dtype=torch.float64, device=self._device)
        cross = torch.zeros_like(second[:, : self.n_targets])
        spaced = EvenlySpaced(max(1, self.n_rows // n_sample))
        bounds = torch.stack([torch.full_like(second[0], limit) for limit in (torch.inf, -torch.inf)])
        sampled = []
        for design, counts in self.blocks_and_counts():
            if self._known is None:
                second += self._products(design)
            if not self._same_bin:
                cross.addmm_(design.double().T, torch.from_numpy(counts.astype(np.float64)).to(self._device))
            bounds[0] = bounds[0].minimum(design.amin(0))
            bounds[1] = bounds[1].maximum(design.amax(0))
            # A copy: a view would keep the whole block in memory.
            sampled.append(spaced.of(design).clone())
        second = second / self.n_rows if self._known is None else self._known.to(second)
        cross = second[:, : self.n_targets].clone() if self._same_bin else cross / self.n_rows
        return second, cross, bounds, torch.cat(sampled).double()
