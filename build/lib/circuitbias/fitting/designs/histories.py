"""Filtered spike histories as covariates, straight from the events, block by block.

The history of neuron i at a bin is that at the first step t of the bin, and only strictly past spikes count:

    f_i(t) = sum over spikes of i at steps k < t of h(t - k),

so that a spike in the bin itself, its first step included, is not in it. Spikes of other trials do not count.
"""

import numpy as np
from numba import njit

from circuitbias.device import namespace, placed
from circuitbias.fitting.designs.counts import Design
from circuitbias.spikes.events import Events

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

    _same_bin, _known, _covariates = False, None, "histories of neurons {}"

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

    def _slack(self, bounds, response_means):
        return _AT_BOUND * (bounds[1] - bounds[0])[:, None] * response_means

    def _steepness(self, bounds):
        return _STEEPNESS / namespace(bounds).clip(bounds[1] - bounds[0], 1e-300, None)

    def sparse(self, most_density, budget):
        """Histories are hardly ever zero."""
        return None


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
