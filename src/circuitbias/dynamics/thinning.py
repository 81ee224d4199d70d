"""Thinning: exact spikes of units whose hazard is a tabulated function of decaying sums, paid by the spike.

Given the past, the spikes of a step are independent draws with p = 1 - exp(-lambda),

    lambda_j(t) = min(scale_j f(a_j + h_j(t)), ceiling_j),
    h_j(t + 1) = decay' (h_j(t) + sum of g_ij over spikes of i at t).

Between spikes inputs only decay towards a_j, so that a bound of every hazard holds for a window of steps;
candidates come at the rate of the bounds' sum, and one of unit j is taken with the probability hazard over
bound. Twins of a recording (`circuitbias.trust.simulator`) run window after window; bins drawn anew
(`circuitbias.estimators.indirect_bins`) begin each from the past that was observed.
"""

import numpy as np
from numba import njit, uint64

CELLS_PER_UNIT = 256
"""Of the tables of f: cells a unit of input."""

CEILING = 2.0
"""Hazard of a step at most: a spike in seven steps of eight."""

_NOTHING = 1e-30  # of an input: slow once it is denormal


def seeded(number: int) -> np.ndarray:
    """State of the random numbers of a run, uint64, shape (1,)."""
    return np.array([number], dtype=np.uint64) * np.uint64(0xD1B54A32D192ED03)


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
def _hazard(eta, scale, ceiling, low, table):
    place = (eta - low) * CELLS_PER_UNIT
    if place <= 0.0:
        found = table[0]
    elif place >= table.shape[0] - 1:
        found = table[table.shape[0] - 1]
    else:
        cell = int(place)
        found = table[cell] + (place - cell) * (table[cell + 1] - table[cell])
    return min(scale * found, ceiling)


@njit(nogil=True, cache=True)
def thin_window(
    h, constants, scale, ceiling, starts, targets, weights, low, table, powers, state, bounds, fired, steps,
    units, n_events, origin, anew,
):  # fmt: skip
    """Draw the spikes of one window.

    Parameters
    ----------
    h : ndarray, shape (n,)
        Sums at the first step; afterwards those at the end.
    constants, scale, ceiling : ndarray, shape (n,)
    starts, targets, weights : ndarray
        Synapses, those of unit k from ``starts[k]`` to ``starts[k + 1]``.
    low : float
        Input of the first entry of the table.
    table : ndarray
        f.
    powers : ndarray, shape (steps of the window + 1,)
        Of the decay in a step.
    state : ndarray of uint64, shape (1,)
    bounds : ndarray, shape (n,)
        Room to work in.
    fired : ndarray of bool, shape (n,)
        All false, which it is afterwards, too.
    steps, units : ndarray
        Where events are written, from ``n_events`` on; sorted by unit within a step.
    n_events : int
    origin : int
        Number of the first step, added to those that are written.
    anew : bool
        Whether spikes renew the bounds of all units: tighter ones, which pay where most units are targets.

    Returns
    -------
    int
        Events there are by now; -1 if there is no room for more.
    """
    n, length = h.shape[0], powers.shape[0] - 1
    last = powers[length]
    total = 0.0
    for j in range(n):
        bounds[j] = _hazard(constants[j] + max(h[j], h[j] * last), scale[j], ceiling[j], low, table)
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
                fired[units[k]] = False
                for synapse in range(starts[units[k]], starts[units[k] + 1]):
                    j = targets[synapse]
                    h[j] += weights[synapse] / here
                    if anew:
                        continue
                    bound = _hazard(
                        constants[j] + max(h[j] * here, h[j] * last), scale[j], ceiling[j], low, table
                    )
                    total += bound - bounds[j]
                    bounds[j] = bound
            if anew:
                total = 0.0
                for j in range(n):
                    bounds[j] = _hazard(
                        constants[j] + max(h[j] * here, h[j] * last), scale[j], ceiling[j], low, table
                    )
                    total += bounds[j]
            units[n_felt:n_events].sort()
            t, limit, n_felt = float(limit), length, n_events  # memoryless: the rest is drawn anew
            continue
        place, j = _uniform(state) * total, 0
        while j < n - 1 and place >= bounds[j]:
            place -= bounds[j]
            j += 1
        step = int(t)
        hazard = _hazard(constants[j] + powers[step] * h[j], scale[j], ceiling[j], low, table)
        if not fired[j] and _uniform(state) * bounds[j] < hazard:
            if n_events == steps.shape[0]:
                return -1
            fired[j] = True
            steps[n_events], units[n_events] = origin + step, j
            n_events += 1
            limit = step + 1  # what others of this step do is not changed by it
    for j in range(n):
        h[j] *= last
        if abs(h[j]) < _NOTHING:
            h[j] = 0.0
    return n_events
