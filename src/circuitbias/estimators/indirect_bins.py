"""Bins of a recording drawn anew, each from the past that was observed before it.

A free simulation of a network of estimated couplings freezes or runs away where the network itself does not:
their noise pins patterns. Drawn bin by bin it cannot: at the first step of every bin the sums of past spikes
are those of the recording,

    lambda_j(t) = scale_j f(a_j + h_j decay^(t - t0) + sum of g_ij decay^(...) over spikes drawn before t),
    h_j = sum_i g_ij s_i(t0),

and only what comes in the bin is drawn: p = 1 - exp(-lambda) in a step, by thinning. With the true couplings
such bins are distributed as the observed ones.
"""

import numpy as np
from numba import njit
from scipy.sparse import csr_array
from scipy.special import ndtr

from circuitbias.dynamics.thinning import CEILING, CELLS_PER_UNIT, seeded, thin_window
from circuitbias.fitting.designs.histories import ExponentialDesign
from circuitbias.likelihood.link import ExponentialLink, RectifiedLink, ThresholdLink
from circuitbias.spikes.events import Events
from circuitbias.spikes.segments import Segment, SpikeSource, cut

BLOCK_BINS = 2048  # with random numbers of their own, whatever memory there is
_LOW, _HIGH = -12.0, 12.0  # bounds of the table of f
_WINDOW = 25  # steps for which a bound of the hazards holds: inputs of 100 steps lose a fifth
WARM_UP = 5.0  # time constants at the start of a trial of which no bins are drawn: the past is not known


def hazards(link) -> np.ndarray:
    """Table of f of a link: the hazard of a step, in units of ``scale``."""
    eta = np.arange(_LOW, _HIGH, 1 / CELLS_PER_UNIT)
    if isinstance(link, ThresholdLink):
        return -np.log1p(-link.rho * ndtr(eta))
    return {ExponentialLink: np.exp(eta), RectifiedLink: np.maximum(eta, 0.0)}[type(link)]


def hazard_at(link, eta) -> np.ndarray:
    """Hazard of a step at some inputs, in units of ``scale``."""
    return np.interp(eta, np.arange(_LOW, _HIGH, 1 / CELLS_PER_UNIT), hazards(link))


def synapses(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Starts, targets and weights of g, (n, n) [pre, post], as `draw_bins` takes them."""
    rows = csr_array(np.asarray(weights, dtype=np.float64))
    return rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data


@njit(nogil=True, cache=True)
def draw_bins(
    inputs, constants, starts, targets, weights, scale, decay, table, bin_steps, state, steps, neurons
):  # fmt: skip
    """Draw the spikes of bins, one after the other; return how many there are, -1 if too many.

    Parameters
    ----------
    inputs : ndarray of float64, shape (n_bins, n)
        h at the first step of each bin; overwritten.
    constants, scale : ndarray, shape (n,)
    starts, targets, weights : ndarray
        See `synapses`.
    decay : float
    table : ndarray
        Of `hazards`.
    bin_steps : int
    state : ndarray of uint64, shape (1,)
        Of the random numbers.
    steps : ndarray of int64, neurons : ndarray of int32
        Buffers. Steps are counted from the first bin's first one; within a step neurons are sorted.
    """
    n_bins, n = inputs.shape
    powers = decay ** np.arange(_WINDOW + 1)
    bounds, fired, ceiling = np.zeros(n), np.zeros(n, dtype=np.bool_), np.full(n, CEILING)
    n_events = 0
    for row in range(n_bins):
        for now in range(0, bin_steps, _WINDOW):
            n_events = thin_window(
                inputs[row], constants, scale, ceiling, starts, targets, weights, _LOW, table,
                powers[: min(_WINDOW, bin_steps - now) + 1], state, bounds, fired, steps, neurons, n_events,
                row * bin_steps + now, True,
            )  # fmt: skip
            if n_events < 0:
                return -1
    return n_events


def sums_at_spikes(source: SpikeSource, bin_steps: int, decay: float) -> np.ndarray:
    """Mean of s_i at the first steps of the bins of j's spikes, (n, n) [i, j]: how its rate feels g_ij."""
    total, spikes = np.zeros((source.n_neurons,) * 2), np.zeros(source.n_neurons)
    for rows, counts in _design(source, bin_steps, decay).blocks_and_counts():
        total += rows[:, :-1].T @ counts
        spikes += counts.sum(0)
    return total / (decay * np.maximum(spikes, 1))


def _design(source, bin_steps, decay):
    everyone = np.arange(source.n_neurons)
    events = Events(source, bin_steps, everyone, BLOCK_BINS, look_back=0)
    return ExponentialDesign(events, everyone, filter_steps(decay), "cpu")


def filter_steps(decay: float) -> float:
    """Time constant (steps) of sums of which so much is left after a step."""
    return -1 / np.log(decay)


class DrawnBins:
    """A recording whose bins are drawn anew under couplings, made again in each pass: the same every time.

    Parameters
    ----------
    source : SpikeSource
        The recording; all its neurons are in the model.
    bin_steps : int
    decay : float
        Of the sums in a step.
    link
        Of `circuitbias.likelihood.link`.
    scale : ndarray, shape (n,)
    weights : ndarray, shape (n, n)
        g, [pre, post], in the link's units of input; zero on the diagonal.
    constants : ndarray, shape (n,)
    seed : int
    every : int, optional
        Draw one block of bins of so many.

    Attributes
    ----------
    counts, observed : ndarray, shape (n,)
        Spikes drawn in the last complete pass, and those that the recording has in these bins.
    """

    def __init__(self, source: SpikeSource, bin_steps, decay, link, scale, weights, constants, seed, every=1):
        self.n_neurons, self.dt_ms, self.bin_steps = source.n_neurons, source.dt_ms, bin_steps
        self.source, self._decay, self._table, self._scale = source, decay, hazards(link), scale
        self._weights, self._constants = np.asarray(weights, np.float64), constants
        self._synapses = synapses(weights)
        self._seed, self._every = seed, every
        self.counts = self.observed = np.zeros(self.n_neurons)
        trial_bins = source.trial_steps // bin_steps
        warm = int(np.ceil(WARM_UP / (1 - decay) / bin_steps))
        ends = np.cumsum(trial_bins)
        self._drawn = np.ones(int(ends[-1]), dtype=bool)
        for first, n_bins in zip(ends - trial_bins, trial_bins, strict=True):
            self._drawn[first : first + min(warm, n_bins)] = False
        block = np.arange(len(self._drawn)) // BLOCK_BINS
        self._drawn &= block % every == every // 2
        self.n_bins = int(self._drawn.sum())

    @property
    def filter_steps(self) -> float:
        """Time constant of the sums of past spikes, in steps."""
        return filter_steps(self._decay)

    @property
    def trial_steps(self) -> np.ndarray:
        """Steps of the only trial, shape (1,): the bins one after the other."""
        return np.array([self.n_bins * self.bin_steps])

    def segments(self, trial=None, first_step=0, last_step=None):
        """See `SpikeSource.segments`."""
        return cut(self._all(), first_step, last_step) if trial in (None, 0) else iter(())

    def rows(self):
        """Yield each block with bins that are drawn: its number, and histories and counts as observed."""
        design = _design(self.source, self.bin_steps, self._decay)
        row = 0
        for number, (rows, there) in enumerate(design.blocks_and_counts()):
            drawn = self._drawn[row : row + len(rows)]
            row += len(rows)
            if drawn.any():
                yield number, rows[drawn], there[drawn]

    def draw(self, number, rows):
        """Draw the bins of a block: steps, from the first of them on, and neurons of their spikes."""
        inputs = rows[:, : self.n_neurons] @ (self._weights / self._decay)  # felt from a spike's next step on
        return self._draw(inputs, seeded(self._seed * 1_000_003 + number), len(rows) * self.bin_steps)

    def _all(self):
        n, first = self.n_neurons, 0
        counts, observed = np.zeros(n), np.zeros(n)
        for number, rows, there in self.rows():
            steps, neurons = self.draw(number, rows)
            counts += np.bincount(neurons, minlength=n)
            observed += there.sum(0)
            n_steps = len(rows) * self.bin_steps
            yield Segment(0, first, n_steps, steps + first, neurons)
            first += n_steps
        self.counts, self.observed = counts, observed

    def _draw(self, inputs, state, n_steps):
        room = 4 * n_steps
        while True:
            steps, neurons = np.empty(room, np.int64), np.empty(room, np.int32)
            known = (
                self._constants, *self._synapses, self._scale, self._decay, self._table, self.bin_steps,
            )  # fmt: skip
            n_events = draw_bins(inputs.copy(), *known, state.copy(), steps, neurons)
            if n_events >= 0:
                return steps[:n_events].copy(), neurons[:n_events].copy()
            room = min(4 * room, n_steps * self.n_neurons)
