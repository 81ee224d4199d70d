"""Simulate twins: units whose hazard is a tabulated function of the decaying sums of each other's spikes.

Given the past, the spikes of a step are independent draws with p = 1 - exp(-lambda(eta_j)),

    eta_j(t) = a_j + sum_i g_ij s_i(t),   s_i(t + 1) = (s_i(t) + [i fires at t]) decay',

as in the threshold model. Exact, and paid by the spike: between spikes inputs only decay towards a_j, so
that a bound of every hazard holds for some steps; candidates come at the rate of the bounds' sum, and one of
unit j is taken with the probability hazard over bound (thinning).
"""

from dataclasses import dataclass

import numpy as np
from numba import njit, uint64
from scipy.sparse import csr_array

from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.trust.links import CELLS_PER_UNIT, Link

_BOUND_STEPS = 30  # for which a bound holds: inputs of a time constant of 100 steps lose a quarter


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
def _hazard(eta, low, table):
    place = (eta - low) * CELLS_PER_UNIT
    if place <= 0.0:
        return table[0]
    cell = int(place)
    if cell >= table.shape[0] - 1:
        return table[table.shape[0] - 1]
    return table[cell] + (place - cell) * (table[cell + 1] - table[cell])


@njit(nogil=True, cache=True)
def _advance(
    h, constants, starts, targets, weights, decay, low, table, state, end, steps, units
):  # fmt: skip
    """Run up to step ``end``; write down who fires when; return the events, -1 if too many.

    Within a window of some steps, ``h`` are the sums at its first one: later ones are these times a power of
    ``decay``. Synapses of unit k are those from ``starts[k]`` to ``starts[k + 1]``.
    """
    n = h.shape[0]
    powers = decay ** np.arange(_BOUND_STEPS + 1)
    bounds = np.zeros(n)
    fired = np.zeros(n, dtype=np.bool_)
    now, n_events = 0, 0
    while now < end:
        until = min(now + _BOUND_STEPS, end)
        last = powers[until - now]
        total = 0.0
        for j in range(n):
            bounds[j] = _hazard(constants[j] + max(h[j], h[j] * last), low, table)
            total += bounds[j]
        t, limit, n_felt = float(now), until, n_events
        while True:
            t = t - np.log(_uniform(state)) / total if total > 1e-300 else float(until)
            if t >= limit:
                if n_felt == n_events:
                    break
                # The step of the last spikes is over: they are felt from here on.
                here = powers[limit - now]
                for k in range(n_felt, n_events):
                    fired[units[k]] = False
                    for synapse in range(starts[units[k]], starts[units[k] + 1]):
                        j = targets[synapse]
                        h[j] += weights[synapse] / here
                        bound = _hazard(constants[j] + max(h[j] * here, h[j] * last), low, table)
                        total += bound - bounds[j]
                        bounds[j] = bound
                units[n_felt:n_events].sort()
                t, limit, n_felt = float(limit), until, n_events  # memoryless: the rest is drawn anew
                continue
            place, j = _uniform(state) * total, 0
            while j < n - 1 and place >= bounds[j]:
                place -= bounds[j]
                j += 1
            step = int(t)
            hazard = _hazard(constants[j] + powers[step - now] * h[j], low, table)
            if not fired[j] and _uniform(state) * bounds[j] < hazard:
                if n_events == steps.shape[0]:
                    return -1
                fired[j] = True
                steps[n_events], units[n_events] = step, j
                n_events += 1
                limit = step + 1  # what others of this step do is not changed by it
        for j in range(n):
            h[j] *= last
            if abs(h[j]) < 1e-30:
                h[j] = 0.0
        now = until
    return n_events


@dataclass(eq=False)
class Simulator:
    """Units with their inputs, which can go on.

    Parameters
    ----------
    link : Link
    weights : ndarray, shape (n, n)
        g, [pre, post], in the link's units of input; a unit's own past on the diagonal.
    constants : ndarray, shape (n,)
        a: inputs without any spike.
    decay : float
        Of the sums in a step.
    seed : int
    """

    link: Link
    weights: np.ndarray
    constants: np.ndarray
    decay: float
    seed: int

    def __post_init__(self):
        rows = csr_array(np.asarray(self.weights, dtype=np.float64))
        self._synapses = rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data
        self._h = np.zeros(len(self.weights))
        self._state = np.array([self.seed], dtype=np.uint64) * np.uint64(0xD1B54A32D192ED03)

    def run(self, n_steps: int, most_spikes: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Go on for some steps.

        Returns
        -------
        steps, units : ndarray, shape (n_events,)
            From this run's first step on, sorted. None if there would be more than ``most_spikes``.
        """
        steps, units = np.empty(most_spikes, dtype=np.int64), np.empty(most_spikes, dtype=np.int32)
        n = _advance(
            self._h, np.asarray(self.constants, dtype=np.float64), *self._synapses, self.decay,
            self.link.low, self.link.hazards, self._state, n_steps, steps, units,
        )  # fmt: skip
        return None if n < 0 else (steps[:n].copy(), units[:n].copy())


def record(events: tuple[np.ndarray, np.ndarray], n_units: int, lengths, dt_ms: float) -> SpikeRecord:
    """Cut one run into trials, and keep the first units alone.

    Parameters
    ----------
    events : (steps, units)
        Of one run as long as all trials together.
    n_units : int
        Those that are observed.
    lengths : ndarray of int
        Steps of each trial.
    dt_ms : float
    """
    steps, units = events
    seen = units < n_units
    steps, units = steps[seen], units[seen]
    ends = np.cumsum(lengths)
    edges = np.searchsorted(steps, np.append(0, ends))
    pieces = [
        Segment(k, 0, int(length), steps[edges[k] : edges[k + 1]] - (ends[k] - length),
                units[edges[k] : edges[k + 1]])
        for k, length in enumerate(lengths)
    ]  # fmt: skip
    return SpikeRecord(n_units, dt_ms, pieces)
