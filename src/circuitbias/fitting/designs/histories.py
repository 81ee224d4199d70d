"""Filtered spike histories as covariates, straight from the events, block by block.

The history of neuron i at a bin is that at the first step t of the bin, and only strictly past spikes count:

    f_i(t) = sum over spikes of i at steps k < t of h(t - k),

so that a spike in the bin itself, its first step included, is not in it. Spikes of other trials do not count.
"""

import numpy as np
from numba import njit

from circuitbias.device import namespace, on_cpu, placed
from circuitbias.exceptions import UnusableDataError
from circuitbias.fitting.designs.counts import Design
from circuitbias.fitting.limits import response_limits
from circuitbias.spikes.events import Events
from circuitbias.spikes.moments import dependent_counts, mean_and_covariance

_AT_BOUND = 1e-9  # distance of the histories from a bound, of their range: rounding leaves less
_NOTHING = (
    1e-30  # of a spike: less is as good as none, and slow once it is denormal (1e-38 in single precision)
)
_STEEPNESS = 1e6  # of a coefficient in its limit, times that range: what is above 4e-5 of it counts


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
            if state[column] < _NOTHING:
                state[column] = 0.0
        end = (row + 1) * bin_steps
        while event < steps.shape[0] and steps[event] < end:
            state[columns[event]] += decays[end - steps[event]]
            event += 1


class HistoryDesign(Design):
    """The design matrix of histories: one column a kept neuron, and one of ones.

    Parameters
    ----------
    events : Events
    kept : ndarray of int, shape (n_kept,)
    device : str or torch.device
    own_past : bool, optional
        Whether a target's own history is a covariate.
    """

    _same_bin, _known = False, None

    def __init__(self, events: Events, kept: np.ndarray, device, own_past: bool = True):
        self.events, self.kept, self._device, self._own_past = events, kept, device, own_past
        self.block_rows = events.block_bins
        self.n_targets, self.n_columns = len(kept), len(kept) + 1
        self.n_rows = int(events.trial_bins.sum())
        self._require_rows()

    def _products(self, rows):
        return rows.T @ rows

    def least_curvatures(self, cross_moment, response_means):
        """Bound from below of ``mean(mu x^2)`` where all gradients are zero: of Cauchy and Schwarz."""
        return cross_moment**2 / response_means

    def limits(self, cross_moment, bounds, response_means, free):
        """Coefficients without a finite value: of targets that fire only where a history is at a bound."""
        at_lowest, at_highest = self.fires_at_bounds(cross_moment, bounds, response_means)
        steepness = _STEEPNESS / namespace(bounds).clip(bounds[1] - bounds[0], 1e-300, None)
        return response_limits(at_lowest & free, at_highest & free, bounds, steepness)

    def fires_at_bounds(self, cross_moment, bounds, response_means):
        """Whether a target fires only where a history is lowest, and where it is highest."""
        low, high = bounds[:, :, None] * response_means
        width = (bounds[1] - bounds[0])[:, None] * response_means
        at_bounds = [distance <= _AT_BOUND * width for distance in (cross_moment - low, high - cross_moment)]
        for at_bound in at_bounds:
            at_bound[-1] = False  # of the constant
        return at_bounds

    def sparse(self, most_density, budget):
        """Histories are hardly ever zero."""
        return None

    def require_independent(self, second_moment, response_means):
        """Raise unless the histories are linearly independent and every neuron responds."""
        means, covariance = mean_and_covariance(second_moment)
        dependent = dependent_counts(on_cpu(means), on_cpu(covariance))
        dependent |= on_cpu(response_means == 0)
        if dependent.any():
            raise UnusableDataError(
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
    device : str or torch.device
    own_past : bool, optional
        Whether a target's own history is a covariate.
    """

    def __init__(
        self,
        events: Events,
        kept: np.ndarray,
        filter_steps: float,
        device,
        own_past: bool = True,
    ):
        super().__init__(events, kept, device, own_past)
        self._decays = np.exp(-np.arange(events.bin_steps + 1) / filter_steps)

    def blocks_and_counts(self):
        """Yield the rows of the design matrix, and the counts of the targets there."""
        state = np.zeros(self.n_targets)
        for block in self.events.blocks():
            if block.first_bin == 0:
                state[:] = 0
            design = np.ones((block.n_bins, self.n_columns))
            _decaying(design, state, block.steps, block.columns, self._decays)
            yield placed(design, self._device), self.events.counts(block)
