"""Simulate twins: units whose hazard is a tabulated function of the decaying sums of each other's spikes.

Given the past, the spikes of a step are independent draws with p = 1 - exp(-lambda(eta_j)),

    eta_j(t) = a_j + sum_i g_ij s_i(t),   s_i(t + 1) = (s_i(t) + [i fires at t]) decay',

as in the threshold model. Exact, and paid by the spike: by thinning, see `circuitbias.dynamics.thinning`.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.sparse import csr_array

from circuitbias.dynamics.thinning import CEILING, seeded, thin_window
from circuitbias.spikes.segments import Segment, SpikeRecord
from circuitbias.trust.links import Link

_WINDOW = 30  # steps for which a bound of the hazards holds: inputs of 100 steps lose a quarter


@njit(nogil=True, cache=True)
def _advance(h, constants, ceiling, starts, targets, weights, decay, low, table, state, end, steps, units):
    """Run up to step ``end``; write down who fires when; return the events, -1 if too many."""
    n = h.shape[0]
    powers = decay ** np.arange(_WINDOW + 1)
    bounds, fired, scale = np.zeros(n), np.zeros(n, dtype=np.bool_), np.ones(n)
    n_events = 0
    for now in range(0, end, _WINDOW):
        n_events = thin_window(
            h, constants, scale, ceiling, starts, targets, weights, low, table,
            powers[: min(_WINDOW, end - now) + 1], state, bounds, fired, steps, units, n_events, now, False,
        )  # fmt: skip
        if n_events < 0:
            return -1
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
    ceiling : ndarray, shape (n,), optional
        Hazards of a step at most.
    """

    link: Link
    weights: np.ndarray
    constants: np.ndarray
    decay: float
    seed: int
    ceiling: np.ndarray | None = None

    def __post_init__(self):
        if self.ceiling is None:
            self.ceiling = np.full(len(self.weights), CEILING)
        rows = csr_array(np.asarray(self.weights, dtype=np.float64))
        self._synapses = rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data
        self._h = np.zeros(len(self.weights))
        self._state = seeded(self.seed)

    def run(self, n_steps: int, most_spikes: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Go on for some steps.

        Returns
        -------
        steps, units : ndarray, shape (n_events,)
            From this run's first step on, sorted. None if there would be more than ``most_spikes``.
        """
        steps, units = np.empty(most_spikes, dtype=np.int64), np.empty(most_spikes, dtype=np.int32)
        n = _advance(
            self._h, np.asarray(self.constants, dtype=np.float64), self.ceiling, *self._synapses, self.decay,
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
