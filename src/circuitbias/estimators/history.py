"""Filtered spike histories as covariates, straight from the events, block by block.

The history of neuron i at a bin is that at the first step t of the bin, and only strictly past spikes count:

    f_i(t) = sum over spikes of i at steps k < t of h(t - k),

so that a spike in the bin itself, its first step included, is not in it. Spikes of other trials do not count.
"""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numba import njit

from circuitbias.estimators.design import Design
from circuitbias.estimators.moments import dependent_counts
from circuitbias.spikes.segments import SpikeSource

_AT_BOUND = 1e-9  # distance of the histories from a bound, of their range: rounding leaves less


class EventBlock(NamedTuple):
    """The spikes that matter to consecutive bins of one trial, sorted.

    Attributes
    ----------
    trial, first_bin, n_bins : int
    steps : ndarray of int64, shape (n_events,)
        Counted from the first step of the first bin; the past has negative steps.
    columns : ndarray of int64, shape (n_events,)
        Place of each spike's neuron among the kept ones.
    """

    trial: int
    first_bin: int
    n_bins: int
    steps: np.ndarray
    columns: np.ndarray


class Events:
    """Spikes of the kept neurons, read again in each pass, in blocks of bins.

    Parameters
    ----------
    source : SpikeSource
    bin_steps : int
        Steps in a bin; an incomplete last bin of a trial is dropped.
    kept : ndarray of int, shape (n_kept,)
        Neurons whose spikes are wanted.
    block_bins : int
        Most bins in a block.
    look_back : int, optional
        Steps before a block from which its events start.
    """

    def __init__(
        self, source: SpikeSource, bin_steps: int, kept: np.ndarray, block_bins: int, look_back: int
    ):
        self._source, self.bin_steps, self._look_back, self.block_bins = (
            source,
            bin_steps,
            look_back,
            block_bins,
        )
        self.n_kept = len(kept)
        self._column = np.full(source.n_neurons, -1)
        self._column[kept] = np.arange(len(kept))
        self.trial_bins = source.trial_steps // bin_steps

    def blocks(self) -> Iterator[EventBlock]:
        """Go over all bins once, trial by trial in order of time."""
        for trial, n_bins in enumerate(self.trial_bins):
            yield from self._blocks_of(trial, int(n_bins))

    def _blocks_of(self, trial, n_bins):
        first_bin = 0
        steps, columns = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
        for segment in self._source.segments(trial):
            new = self._column[segment.neurons]
            steps = np.concatenate([steps, segment.steps[new >= 0]])
            columns = np.concatenate([columns, new[new >= 0]])
            known = segment.first_step + segment.n_steps
            while first_bin < n_bins:
                block_bins = min(self.block_bins, n_bins - first_bin)
                start, end = first_bin * self.bin_steps, (first_bin + block_bins) * self.bin_steps
                if end > known:
                    break  # the block goes on in the next segment
                first, last, next_first = np.searchsorted(
                    steps, [start - self._look_back, end, end - self._look_back]
                )
                yield EventBlock(trial, first_bin, block_bins, steps[first:last] - start, columns[first:last])
                steps, columns = steps[next_first:], columns[next_first:]
                first_bin += block_bins

    def counts(self, block: EventBlock) -> np.ndarray:
        """Spikes in the bins of a block: float64, shape (n_bins, n_kept)."""
        counts = np.zeros((block.n_bins, self.n_kept))
        _count(counts, block.steps, block.columns, self.bin_steps)
        return counts


@njit(nogil=True, cache=True)
def _count(counts, steps, columns, bin_steps):
    for event in range(steps.shape[0]):
        if steps[event] >= 0:
            counts[steps[event] // bin_steps, columns[event]] += 1


@njit(nogil=True, cache=True)
def _decaying(history, state, steps, columns, decays):
    """Write the exponential histories at the bins, and carry the state over to the next block.

    ``decays[q]`` is what is left of a spike after q steps, up to the steps in a bin.
    """
    bin_steps = decays.shape[0] - 1
    event = 0
    for row in range(history.shape[0]):
        for column in range(state.shape[0]):
            history[row, column] = state[column]
            state[column] *= decays[bin_steps]
        end = (row + 1) * bin_steps
        while event < steps.shape[0] and steps[event] < end:
            state[columns[event]] += decays[end - steps[event]]
            event += 1


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


class HistoryDesign(Design):
    """The design matrix of histories: one column a kept neuron, and one of ones.

    Parameters
    ----------
    events : Events
    kept : ndarray of int, shape (n_kept,)
    device : torch.device
    """

    _same_bin, _known = False, None

    def __init__(self, events: Events, kept: np.ndarray, device: torch.device):
        self.events, self.kept, self._device = events, kept, device
        self.n_targets, self.n_columns = len(kept), len(kept) + 1
        self.n_rows = int(events.trial_bins.sum())
        self._require_rows()

    def _products(self, rows):
        return rows.T @ rows

    def least_curvatures(self, cross_moment, response_means):
        """Bound from below of ``mean(mu x^2)`` where all gradients are zero: of Cauchy and Schwarz."""
        return cross_moment**2 / response_means

    def fires_at_bounds(self, cross_moment, bounds, response_means):
        """Whether a target fires only where a history is lowest, or is highest: (n_columns, n_targets)."""
        low, high = (cross_moment - bounds[0][:, None] * response_means), bounds[1][:, None] * response_means
        width = (bounds[1] - bounds[0])[:, None] * response_means
        at_bound = low.minimum(high - cross_moment) <= _AT_BOUND * width
        at_bound[-1] = False  # of the constant
        return at_bound

    def separable_message(self, neurons):
        """Say of which targets the likelihood has no maximum, and why."""
        return (
            f"neurons {neurons} fire only where the history of some neuron is empty, or only where it is "
            "largest: their likelihood has no maximum and their couplings are NaN"
        )

    def require_independent(self, second_moment, response_means):
        """Raise unless the histories are linearly independent and every neuron responds."""
        means = second_moment[-1, :-1]
        covariance = second_moment[:-1, :-1] - means[:, None] * means
        dependent = dependent_counts(means.cpu().numpy(), covariance.cpu().numpy())
        dependent |= (response_means == 0).cpu().numpy()
        if dependent.any():
            raise ValueError(
                f"histories of neurons {self.kept[dependent].tolist()} are constant or linearly dependent: "
                "record for longer, or leave these neurons out"
            )


class ExponentialDesign(HistoryDesign):
    """Histories through ``h(q) = exp(-q / filter_steps)``, however far back; empty at the start of a trial.

    Parameters
    ----------
    events : Events
        Without look back.
    kept : ndarray of int, shape (n_kept,)
    filter_steps : float
        Time constant, in steps.
    device : torch.device
    """

    def __init__(self, events: Events, kept: np.ndarray, filter_steps: float, device: torch.device):
        super().__init__(events, kept, device)
        self._decays = np.exp(-np.arange(events.bin_steps + 1) / filter_steps)

    def _blocks_and_counts(self):
        state = np.zeros(self.n_targets)
        for block in self.events.blocks():
            if block.first_bin == 0:
                state[:] = 0
            design = np.ones((block.n_bins, self.n_columns))
            _decaying(design, state, block.steps, block.columns, self._decays)
            yield torch.from_numpy(design).to(self._device), self.events.counts(block)


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
    cross : tensor, shape (n_kept * n_basis + 1, n_kept)
        Mean products of histories and responses; those of the constant are last.
    at_bound : tensor of bool, shape (n_kept + 1, n_kept)
        See `HistoryDesign.fires_at_bounds`; with the sum of all functions as filter.
    sample : tensor of float32, shape (n_sampled, n_kept, n_basis)
        Histories through each function at evenly spaced bins.
    """

    cross: torch.Tensor
    at_bound: torch.Tensor
    sample: torch.Tensor


class BasisDesign(HistoryDesign):
    """Histories through ``h = basis @ weights``, nowhere negative functions times weights yet to be found.

    Parameters
    ----------
    events : Events
        With a look back of the longest lag.
    kept : ndarray of int, shape (n_kept,)
    basis : ndarray, shape (n_lags, n_basis)
    device : torch.device
    """

    def __init__(self, events: Events, kept: np.ndarray, basis: np.ndarray, device: torch.device):
        super().__init__(events, kept, device)
        self._basis = basis

    def rows(self, weights: torch.Tensor):
        """Yield rows of the design at some weights (n_basis,), and a function: the transpose of making them.

        The function takes values at the rows' histories, (n_rows, n_kept), and gives the sum over all of
        these of the value times the history through each basis function: (n_basis,).
        """
        filters = self._basis @ weights.cpu().numpy()
        for block in self.events.blocks():
            design = np.ones((block.n_bins, self.n_columns))
            design[:, :-1] = 0
            self._filter(design[:, :-1, None], block, filters[:, None])
            yield torch.from_numpy(design).to(self._device), partial(self._by_function, block)

    def _filter(self, histories, block, filters):
        add_filtered(histories, block.steps, block.columns, filters, self.events.bin_steps)

    def _by_function(self, block, values):
        by_lag = np.zeros(len(self._basis))
        add_by_lag(by_lag, values.cpu().numpy(), block.steps, block.columns, self.events.bin_steps)
        return torch.from_numpy(self._basis.T @ by_lag).to(self._device)

    def survey_basis(self, events: Events, n_sample: int) -> BasisSurvey:
        """Summarise the data in one pass.

        Parameters
        ----------
        events : Events
            The same, perhaps in smaller blocks.
        n_sample : int
            About how many bins to sample.

        Raises
        ------
        ValueError
            If the histories are constant or linearly dependent.
        """
        n_kept, n_basis = self.n_targets, self._basis.shape[1]
        second = torch.zeros((self.n_columns,) * 2, dtype=torch.float64, device=self._device)
        cross = second.new_zeros((n_kept * n_basis + 1, n_kept))
        low, high = torch.full_like(second[0], torch.inf), torch.full_like(second[0], -torch.inf)
        stride = max(1, self.n_rows // n_sample)
        sampled = []
        row = 0
        for block in events.blocks():
            histories = np.zeros((block.n_bins, n_kept, n_basis))
            self._filter(histories, block, self._basis)
            histories = torch.from_numpy(histories).to(self._device)
            responses = torch.from_numpy(events.counts(block)).to(self._device)
            design = torch.cat([histories.sum(2), torch.ones_like(responses[:, :1])], dim=1)
            second.addmm_(design.T, design)
            cross[:-1].addmm_(histories.flatten(1).T, responses)
            cross[-1] += responses.sum(0)
            low, high = low.minimum(design.amin(0)), high.maximum(design.amax(0))
            sampled.append(histories[-row % stride :: stride].float())
            row += block.n_bins
        second, cross = second / self.n_rows, cross / self.n_rows
        self.require_independent(second, cross[-1])
        of_sum = torch.cat([cross[:-1].unflatten(0, (n_kept, n_basis)).sum(1), cross[-1:]])
        at_bound = self.fires_at_bounds(of_sum, torch.stack([low, high]), cross[-1])
        return BasisSurvey(cross, at_bound, torch.cat(sampled))
