"""The history GLM of a long recording: spikes exactly, the silence between them at points in time.

The log-likelihood of unit j is a sum over its spikes less an integral over all time,

    sum over spikes of j of eta_j(t)  -  integral of exp(eta_j(t)) dt,    eta_j = b_j + sum_i J_ij f_i.

The sum is linear in the coefficients: one pass over the spikes says all of it. Only the integral has to be
taken again for each guess, and at low rates it is far better known than the sum: at one time drawn from each
interval of length D (a stratified sample) its scatter adds the share c(D / tau) rate_j D to the variance of
a coupling, c being the share of the square of f = exp(-t / tau) that varies within an interval (`within`).
At 10 Hz, D = 15 ms and tau = 10 ms that is 5 %: 3 % of a standard error, which the errors here hold.
"""

import numpy as np
from numba import njit

from circuitbias.estimators.glm_history import GlmHistory
from circuitbias.estimators.prepare import prepare
from circuitbias.estimators.result import AT_BOUND_OF_A_HISTORY
from circuitbias.fitting.designs.histories import HistoryDesign
from circuitbias.fitting.regressions import fit, require_fit_memory
from circuitbias.spikes.events import Events
from circuitbias.spikes.moments import EvenlySpaced
from circuitbias.spikes.views import Remembered

MOST_POINTS = 250_000
"""Times at which silence is looked at; recordings with twice as many bins have only so many."""

_NOTHING = 1e-30  # of a spike: slow once it is denormal


def bins_per_point(source, bin_steps: int) -> int:
    """Bins of which one is looked at; 1 for all."""
    return max(int((source.trial_steps // bin_steps).sum()) // MOST_POINTS, 1)


def within(length: float) -> float:
    """Share of the integral of f^2, f = exp(-t) from a random time on, that varies within intervals."""
    left = np.exp(-length)
    first = length - 2 * (1 - left) + (1 - left**2) / 2
    return float(1 - (2 * first + (1 - left) ** 2) / length**2)


class HistoryGlmAtPoints(GlmHistory):
    """The `GlmHistory` with silence at one bin of several; see the module."""

    def estimate(self, source, *, memory_mb, device):
        """Fit all neurons; see `GlmHistory.estimate`. A ridge is needed; errors are those of the model."""
        several = bins_per_point(source, self.bin_steps)
        given = prepare(source, several * self.bin_steps, memory_mb=memory_mb, device=device)
        n, what = source.n_neurons, f"a GLM on the histories of {source.n_neurons} neurons"
        require_fit_memory(given.budget, n, n + 1, given.n_bins, what)
        block_bins = given.counts.block_bins
        given.drop_counts()
        events = Events(
            Remembered(source, given.budget.kept), several * self.bin_steps, given.kept, block_bins, 0
        )
        design = HistoriesAtPoints(events, given.kept, self.filter_ms / source.dt_ms, several)
        limits = self.tolerance, self.max_passes
        fitted = fit(design, given.budget, self.ridge, *limits)
        # Errors are those of as many bins as there are, and of the scatter of the integral.
        interval = several * self.bin_steps * source.dt_ms
        share = within(interval / self.filter_ms) if several > 1 else 0.0
        fitted.standard_errors *= np.sqrt((1 + share * design.rates * several) / several)
        return given.result_of(fitted, limits, AT_BOUND_OF_A_HISTORY, {"filter_ms": self.filter_ms})


class HistoriesAtPoints(HistoryDesign):
    """The rows of the design matrix at one bin drawn of several; what spikes say, of all bins.

    Parameters
    ----------
    events : Events
        In intervals of ``several`` bins, without look back.
    kept : ndarray of int, shape (n_kept,)
    filter_steps : float
        Time constant, in steps.
    several : int

    Attributes
    ----------
    rates : ndarray, shape (n_kept,)
        Spikes of a bin, once `survey` has counted them.
    """

    def __init__(self, events: Events, kept: np.ndarray, filter_steps: float, several: int):
        super().__init__(events, kept, "cpu")
        self._several, self._bin_steps = several, events.bin_steps // several
        self._filter_steps = filter_steps
        self.rates = np.zeros(len(kept))
        self._rows, self._cross = self._gathered()

    def _gathered(self):
        rows = np.ones((self.n_rows, self.n_columns), dtype=np.float32)
        cross = np.zeros((self.n_targets, self.n_columns))
        state, rng, done = np.zeros(self.n_targets), np.random.default_rng(0), 0
        decays = np.exp(-np.arange(self._bin_steps + 1) / self._filter_steps)
        for block in self.events.blocks():
            if block.first_bin == 0:
                state[:] = 0
            drawn = np.arange(block.n_bins) * self._several + rng.integers(self._several, size=block.n_bins)
            here = rows[done : done + block.n_bins]
            n_bins = block.n_bins * self._several
            _gather(here, cross, state, block.steps, block.columns, drawn, n_bins, decays)
            done += block.n_bins
        cross = cross.T / (self.n_rows * self._several)
        self.rates = cross[-1]
        return rows, np.ascontiguousarray(cross)

    def narrow_blocks(self):
        """Yield the rows, which are kept."""
        for first in range(0, self.n_rows, self.block_rows):
            yield self._rows[first : first + self.block_rows]

    def survey(self, n_sample):
        """See `Design.survey`."""
        second = np.zeros((self.n_columns,) * 2)
        for rows in self.blocks():
            second += self._products(rows)
        bounds = np.stack([self._rows.min(axis=0), self._rows.max(axis=0)]).astype(np.float64)
        sample = EvenlySpaced(max(1, self.n_rows // n_sample)).of(self._rows)
        return second / self.n_rows, self._cross, bounds, sample.astype(np.float64)


@njit(nogil=True, cache=True)
def _gather(rows, cross, state, steps, columns, drawn, n_bins, decays):
    """Write the histories at the first steps of the bins drawn; add up those at the bins of spikes.

    ``state`` comes as that at the first step, and leaves as that at the end; ``decays[q]`` is what is left of
    a spike after q steps, up to the steps in a bin.
    """
    bin_steps, n = decays.shape[0] - 1, state.shape[0]
    a_bin = np.log(decays[bin_steps])
    event, here = 0, 0
    for row in range(drawn.shape[0] + 1):
        until = drawn[row] if row < drawn.shape[0] else n_bins
        while event < steps.shape[0] and steps[event] < until * bin_steps:
            place = steps[event] // bin_steps
            first = event
            while event < steps.shape[0] and steps[event] < (place + 1) * bin_steps:
                event += 1
            if place > here:
                _decay(state, np.exp(a_bin * (place - here)))
            for k in range(first, event):
                target = cross[columns[k]]
                for i in range(n):
                    target[i] += state[i]
                target[n] += 1.0
            _decay(state, decays[bin_steps])
            for k in range(first, event):
                state[columns[k]] += decays[(place + 1) * bin_steps - steps[k]]
            here = place + 1
        if until > here:
            _decay(state, np.exp(a_bin * (until - here)))
            here = until
        if row < drawn.shape[0]:
            rows[row, :n] = state


@njit(inline="always")
def _decay(state, factor):
    for i in range(state.shape[0]):
        state[i] *= factor
        if state[i] < _NOTHING:
            state[i] = 0.0
