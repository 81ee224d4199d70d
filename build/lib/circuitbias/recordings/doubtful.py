"""What looks like a mistake in a recording: units seen twice, and a time in which nothing was recorded."""

import numpy as np
from numba import njit

from circuitbias.spikes.segments import SpikeRecord

TWIN_MS, _TWIN_SHARE, _TWIN_SPIKES = 3.0, 0.25, 20
_FEWEST_FOR_GAPS = 50  # spikes


def longest_gap(spikes: SpikeRecord, trials: np.ndarray) -> tuple[float, float] | None:
    """Find the longest time between two spikes of any units; None if it may be chance."""
    worst = None
    for piece, (start, _) in zip(spikes.pieces, trials, strict=True):
        if len(piece.steps) >= _FEWEST_FOR_GAPS:
            place = _longest(piece.steps)
            apart, n = piece.steps[place + 1] - piece.steps[place], len(piece.steps) - 1
            # Chance makes one of n exponential intervals so long once in 22 000 recordings.
            if apart > piece.n_steps / 10 and apart > (10 + np.log(n)) * np.median(
                np.diff(piece.steps)
            ) / np.log(2):
                edges = piece.steps[place : place + 2] * spikes.dt_ms / 1000 + start
                if worst is None or edges[1] - edges[0] > worst[1] - worst[0]:
                    worst = float(edges[0]), float(edges[1])
    return worst


@njit(cache=True)
def _longest(steps):
    """Place of the first of the two steps, in order, that are farthest apart."""
    place = 0
    for k in range(1, steps.shape[0] - 1):
        if steps[k + 1] - steps[k] > steps[place + 1] - steps[place]:
            place = k
    return place


def twins(units, spikes: SpikeRecord, counts: np.ndarray) -> tuple:
    """Find pairs of units that fire within 3 ms of each other far more often than by chance."""
    near = np.zeros((len(units),) * 2, dtype=np.int64)
    width = round(TWIN_MS / spikes.dt_ms)
    for piece in spikes.pieces:
        _count_near(near, piece.steps, piece.neurons, width)
    np.fill_diagonal(near, 0)
    n_steps = spikes.trial_steps.sum()
    found = []
    for rare, other in np.argwhere(near >= _TWIN_SHARE * np.maximum(counts, _TWIN_SPIKES)[:, None]):
        if (counts[rare], rare) < (counts[other], other):
            share, chance = near[rare, other] / counts[rare], -np.expm1(-2 * width * counts[other] / n_steps)
            if share - chance >= _TWIN_SHARE and counts[rare] >= _TWIN_SPIKES:
                found.append((units[rare], units[other], float(share)))
    return tuple(sorted(found, key=lambda pair: -pair[2]))


@njit(cache=True)
def _count_near(near, steps, neurons, width):
    """Count for units [i, j] the spikes of i that have one of j within `width` steps."""
    seen = np.full(near.shape[0], -1)
    first = 0
    for spike in range(steps.shape[0]):
        while steps[spike] - steps[first] > width:
            first += 1
        other = first
        while other < steps.shape[0] and steps[other] - steps[spike] <= width:
            if seen[neurons[other]] != spike:
                seen[neurons[other]] = spike
                near[neurons[spike], neurons[other]] += 1
            other += 1
