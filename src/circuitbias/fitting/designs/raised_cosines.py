"""Histories of spikes through a filter that is a sum of raised cosines, whose weights are yet to be found."""

from functools import partial
from typing import NamedTuple

import numpy as np
from numba import njit

from circuitbias.device import Array, namespace, on_cpu, placed, single
from circuitbias.fitting.designs.histories import HistoryDesign
from circuitbias.spikes.events import Events
from circuitbias.spikes.moments import EvenlySpaced


@njit(nogil=True, cache=True)
def add_filtered(histories, steps, columns, filters, bin_steps):
    """Add each spike, through filters, to the bins that follow it.

    ``histories`` has shape (n_bins, n_columns, n_filters); ``filters[q - 1]`` are the filters q steps after
    a spike.
    """
    longest = filters.shape[0]
    for event in range(steps.shape[0]):
        row = max(steps[event] // bin_steps + 1, 0)
        lag = row * bin_steps - steps[event]
        while lag <= longest and row < histories.shape[0]:
            for index in range(filters.shape[1]):
                histories[row, columns[event], index] += filters[lag - 1, index]
            row += 1
            lag += bin_steps


@njit(nogil=True, cache=True)
def add_by_lag(by_lag, values, steps, columns, bin_steps):
    """Sum values at the bins, (n_bins, n_columns), by their lag behind spikes: the transpose of filtering.

    ``by_lag[q - 1]`` gets the values that are q steps after a spike of their column.
    """
    for event in range(steps.shape[0]):
        row = max(steps[event] // bin_steps + 1, 0)
        lag = row * bin_steps - steps[event]
        while lag <= by_lag.shape[0] and row < values.shape[0]:
            by_lag[lag - 1] += values[row, columns[event]]
            row += 1
            lag += bin_steps


def raised_cosines(n_steps: int, n_basis: int) -> np.ndarray:
    """Smooth bumps over the past, narrow where it is recent and wider further back.

    ``phi_k(q) = (1 + cos(pi (x_q - c_k) / d)) / 2`` where ``|x_q - c_k| < d`` and 0 elsewhere, with
    ``x_q = log(q + n_steps / 10)`` and centres c_k at even distances d from x_1 to x_n_steps. They add up to
    1. These are the bumps of Pillow et al. (2008) at half their width: only neighbours overlap, so that the
    data tell them apart. A single one is 1 everywhere.

    Parameters
    ----------
    n_steps : int
        Longest lag.
    n_basis : int

    Returns
    -------
    ndarray of float64, shape (n_steps, n_basis)
        Row q - 1 is lag q.

    Raises
    ------
    ValueError
        If the functions are not linearly independent on these lags.
    """
    if not 1 <= n_basis <= n_steps:
        raise ValueError(f"n_basis={n_basis} must be from 1 to the {n_steps} steps of the history")
    if n_basis == 1:
        return np.ones((n_steps, 1))
    warped = np.log(np.arange(1, n_steps + 1) + n_steps / 10)
    centres, distance = np.linspace(warped[0], warped[-1], n_basis, retstep=True)
    phase = np.clip((warped[:, None] - centres) / distance, -1, 1)
    basis = (1 + np.cos(np.pi * phase)) / 2
    if np.linalg.matrix_rank(basis, rtol=1e-8) < n_basis:
        raise ValueError(f"n_basis={n_basis} is too many for a history of {n_steps} steps: use fewer")
    return basis


class BasisSurvey(NamedTuple):
    """Summary of the data in terms of basis functions.

    Attributes
    ----------
    cross : array, shape (n_kept * n_basis + 1, n_kept)
        Mean products of histories and responses; those of the constant are last.
    means : array, shape (n_kept, n_basis)
        Of the histories.
    at_lowest, at_highest : array of bool, shape (n_kept + 1, n_kept)
        See `HistoryDesign.fires_at_bounds`; with the sum of all functions as filter.
    sample : array of float32, shape (n_sampled, n_kept, n_basis)
        Histories through each function at evenly spaced bins.
    """

    cross: Array
    means: Array
    at_lowest: Array
    at_highest: Array
    sample: Array


class BasisDesign(HistoryDesign):
    """Histories through ``h = basis @ weights``, nowhere negative functions times weights yet to be found.

    Parameters
    ----------
    events : Events
        With a look back of the longest lag.
    kept : ndarray of int, shape (n_kept,)
    basis : ndarray, shape (n_lags, n_basis)
    device : str or torch.device
    """

    def __init__(
        self,
        events: Events,
        kept: np.ndarray,
        basis: np.ndarray,
        device,
        own_past: bool = True,
    ):
        super().__init__(events, kept, device, own_past)
        self._basis, self.basis = basis, placed(basis, device)

    def rows(self, weights: Array, present: np.ndarray):
        """Yield rows of the design at some weights (n_basis,), and a function: the transpose of making them.

        Between the histories and the constant are columns that say whether the neurons ``present``, places
        among the kept ones, have spikes in their histories.

        The function takes values at the rows' histories, (n_rows, n_kept), and gives the sum over all of
        these of the value times the history through each basis function: (n_basis,).
        """
        filters = self._basis @ on_cpu(weights)
        for block in self.events.blocks():
            design = np.zeros((block.n_bins, self.n_columns + len(present)))
            design[:, -1] = 1
            self._filter(design[:, : self.n_targets, None], block, filters[:, None])
            if len(present):
                spikes = np.zeros((block.n_bins, self.n_targets, 1))
                self._filter(spikes, block, 0 * filters[:, None] + 1)
                design[:, self.n_targets : -1] = spikes[:, present, 0] > 0
            yield placed(design, self._device), partial(self._by_function, block)

    def histories(self):
        """Yield histories through each function, (n_bins, n_kept, n_basis), and counts, (n_bins, n_kept).

        In blocks that hold about as much as those of `rows`.
        """
        n_basis = self._basis.shape[1]
        for block in self.events.blocks(max(1, 4 * self.events.block_bins // (4 + n_basis))):
            histories = np.zeros((block.n_bins, self.n_targets, n_basis))
            self._filter(histories, block, self._basis)
            yield placed(histories, self._device), placed(self.events.counts(block), self._device)

    def _filter(self, histories, block, filters):
        add_filtered(histories, block.steps, block.columns, filters, self.events.bin_steps)

    def _by_function(self, block, values):
        by_lag = np.zeros(len(self._basis))
        add_by_lag(by_lag, on_cpu(values), block.steps, block.columns, self.events.bin_steps)
        return placed(self._basis.T @ by_lag, self._device)

    def survey_basis(self, n_sample: int) -> BasisSurvey:
        """Summarise the data in one pass.

        Parameters
        ----------
        n_sample : int
            About how many bins to sample.

        Raises
        ------
        ValueError
            If the histories are constant or linearly dependent.
        """
        n_kept, n_basis = self.n_targets, self._basis.shape[1]
        second = placed(np.zeros((self.n_columns,) * 2), self._device)
        cross = placed(np.zeros((n_kept * n_basis + 1, n_kept)), self._device)
        xp, low = namespace(second), second[0] + np.inf
        high = -low
        spaced = EvenlySpaced(max(1, self.n_rows // n_sample))
        means, sampled = 0.0, []
        for histories, responses in self.histories():
            design = xp.concat([histories.sum(2), xp.ones_like(responses[:, :1])], 1)
            second += design.T @ design
            cross[:-1] += histories.reshape(len(histories), -1).T @ responses
            cross[-1] += responses.sum(0)
            means = means + histories.sum(0) / self.n_rows
            low, high = xp.minimum(low, xp.amin(design, 0)), xp.maximum(high, xp.amax(design, 0))
            sampled.append(single(spaced.of(histories)))
        second, cross = second / self.n_rows, cross / self.n_rows
        self.require_independent(second, cross[-1])
        of_sum = xp.concat([cross[:-1].reshape(n_kept, n_basis, n_kept).sum(1), cross[-1:]])
        at_bounds = self.fires_at_bounds(of_sum, xp.stack([low, high]), cross[-1])
        return BasisSurvey(cross, means, *at_bounds, xp.concat(sampled))
