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
from numba import njit, uint64
from scipy.special import ndtr

from circuitbias.estimators.matched_link import ExponentialLink, RectifiedLink, ThresholdLink
from circuitbias.fitting.designs.histories import ExponentialDesign
from circuitbias.spikes.events import Events
from circuitbias.spikes.segments import Segment, SpikeSource, cut

BLOCK_BINS = 2048  # with random numbers of their own, whatever memory there is
_CELLS, _LOW, _HIGH = 256, -12.0, 12.0  # of the table of f: cells a unit, and its bounds
_WINDOW = 25  # steps for which a bound of the hazards holds: inputs of 100 steps lose a fifth
_CEILING = 2.0  # hazard of a step: a spike in seven steps of eight
_WARM_UP = 5.0  # time constants at the start of a trial of which no bins are drawn: the past is not known


def hazards(link) -> np.ndarray:
    """Table of f of a link: the hazard of a step, in units of ``scale``."""
    eta = np.arange(_LOW, _HIGH, 1 / _CELLS)
    if isinstance(link, ThresholdLink):
        return -np.log1p(-link.rho * ndtr(eta))
    return {ExponentialLink: np.exp(eta), RectifiedLink: np.maximum(eta, 0.0)}[type(link)]


def hazard_at(link, eta) -> np.ndarray:
    """Hazard of a step at some inputs, in units of ``scale``."""
    return np.interp(eta, np.arange(_LOW, _HIGH, 1 / _CELLS), hazards(link))


@njit(inline="always")
def _uniform(state):
    """Next number in (0, 1): SplitMix64, whose state is a counter."""
    state[0] += uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> uint64(27))) * uint64(0x94D049BB133111EB)
    z = z ^ (z >> uint64(31))
    return (float(z >> uint64(11)) + 0.5) / 9007199254740992.0


@njit(inline="always")
def _hazard(eta, scale, table):
    place = (eta - _LOW) * _CELLS
    if place <= 0.0:
        found = table[0]
    elif place >= table.shape[0] - 1:
        found = table[table.shape[0] - 1]
    else:
        cell = int(place)
        found = table[cell] + (place - cell) * (table[cell + 1] - table[cell])
    return min(scale * found, _CEILING)


@njit(nogil=True, cache=True)
def draw_bins(inputs, constants, weights, scale, decay, table, bin_steps, state, steps, neurons):
    """Draw the spikes of bins, one after the other; return how many there are, -1 if too many.

    Parameters
    ----------
    inputs : ndarray of float64, shape (n_bins, n)
        h at the first step of each bin; overwritten.
    constants, scale : ndarray, shape (n,)
    weights : ndarray, shape (n, n)
        g, [pre, post].
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
    bounds, fired = np.zeros(n), np.zeros(n, dtype=np.bool_)
    n_events = 0
    for row in range(n_bins):
        h = inputs[row]
        for now in range(0, bin_steps, _WINDOW):
            length = min(_WINDOW, bin_steps - now)
            last, origin = powers[length], row * bin_steps + now
            total = 0.0
            for j in range(n):
                bounds[j] = _hazard(constants[j] + max(h[j], h[j] * last), scale[j], table)
                total += bounds[j]
            t, limit, n_felt = 0.0, length, n_events
            while True:
                t = t - np.log(_uniform(state)) / total if total > 1e-300 else float(length)
                if t >= limit:
                    if n_felt == n_events:
                        break
                    # The step of the last spikes is over: they are felt from here on.
                    here = powers[limit]
                    for k in range(n_felt, n_events):
                        fired[neurons[k]] = False
                        for j in range(n):
                            h[j] += weights[neurons[k], j] / here
                    total = 0.0
                    for j in range(n):
                        highest = max(h[j] * here, h[j] * last)
                        bounds[j] = _hazard(constants[j] + highest, scale[j], table)
                        total += bounds[j]
                    neurons[n_felt:n_events].sort()
                    t, limit, n_felt = float(limit), length, n_events  # memoryless: the rest is drawn anew
                    continue
                place, j = _uniform(state) * total, 0
                while j < n - 1 and place >= bounds[j]:
                    place -= bounds[j]
                    j += 1
                step = int(t)
                hazard = _hazard(constants[j] + powers[step] * h[j], scale[j], table)
                if not fired[j] and _uniform(state) * bounds[j] < hazard:
                    if n_events == steps.shape[0]:
                        return -1
                    fired[j] = True
                    steps[n_events], neurons[n_events] = origin + step, j
                    n_events += 1
                    limit = step + 1  # what others of this step do is not changed by it
            for j in range(n):
                h[j] *= last
                if abs(h[j]) < 1e-30:
                    h[j] = 0.0
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
    return ExponentialDesign(events, everyone, -1 / np.log(decay), "cpu")


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
        Of `circuitbias.estimators.matched_link`.
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
        self._source, self._decay, self._table, self._scale = source, decay, hazards(link), scale
        self._weights, self._constants = np.ascontiguousarray(weights, np.float64), constants
        self._seed, self._every = seed, every
        self.counts = self.observed = np.zeros(self.n_neurons)
        trial_bins = source.trial_steps // bin_steps
        warm = int(np.ceil(_WARM_UP / (1 - decay) / bin_steps))
        ends = np.cumsum(trial_bins)
        self._drawn = np.ones(int(ends[-1]), dtype=bool)
        for first, n_bins in zip(ends - trial_bins, trial_bins, strict=True):
            self._drawn[first : first + min(warm, n_bins)] = False
        block = np.arange(len(self._drawn)) // BLOCK_BINS
        self._drawn &= block % every == every // 2
        self.n_bins = int(self._drawn.sum())

    @property
    def trial_steps(self) -> np.ndarray:
        """Steps of the only trial, shape (1,): the bins one after the other."""
        return np.array([self.n_bins * self.bin_steps])

    def segments(self, trial=None, first_step=0, last_step=None):
        """See `SpikeSource.segments`."""
        return cut(self._all(), first_step, last_step) if trial in (None, 0) else iter(())

    def _all(self):
        n = self.n_neurons
        design = _design(self._source, self.bin_steps, self._decay)
        counts, observed, row, first = np.zeros(n), np.zeros(n), 0, 0
        for number, (rows, there) in enumerate(design.blocks_and_counts()):
            drawn = self._drawn[row : row + len(rows)]
            row += len(rows)
            if not drawn.any():
                continue
            inputs = rows[drawn, :n] @ (self._weights / self._decay)  # a spike counts from its next step on
            n_steps = len(inputs) * self.bin_steps
            state = np.array([self._seed * 1_000_003 + number], np.uint64) * np.uint64(0xD1B54A32D192ED03)
            steps, neurons = self._draw(inputs, state, n_steps)
            counts += np.bincount(neurons, minlength=n)
            observed += there[drawn].sum(0)
            yield Segment(0, first, n_steps, steps + first, neurons)
            first += n_steps
        self.counts, self.observed = counts, observed

    def _draw(self, inputs, state, n_steps):
        room = 4 * n_steps
        while True:
            steps, neurons = np.empty(room, np.int64), np.empty(room, np.int32)
            known = self._constants, self._weights, self._scale, self._decay, self._table, self.bin_steps
            n_events = draw_bins(inputs.copy(), *known, state.copy(), steps, neurons)
            if n_events >= 0:
                return steps[:n_events].copy(), neurons[:n_events].copy()
            room = min(4 * room, n_steps * self.n_neurons)
