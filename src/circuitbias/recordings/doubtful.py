"""What looks like a mistake in a recording: units seen twice, and a time in which nothing was recorded."""

import numpy as np
from numba import njit

from circuitbias.spikes.segments import SpikeSource

TWIN_MS, _TWIN_SHARE, _TWIN_SPIKES = 3.0, 0.25, 20
_FEWEST_FOR_GAPS = 50  # spikes


def longest_gap(spikes: SpikeSource, trials: np.ndarray) -> tuple[float, float] | None:
    """Find the longest time between two spikes of any units; None if it may be chance."""
    worst = None
    for trial, (start, _) in enumerate(trials):
        widest, before, lengths, many = (0, 0), None, [], []
        for piece in spikes.segments(trial):
            if not len(piece.steps):
                continue
            steps = piece.steps if before is None else np.append(before, piece.steps)
            before, apart = steps[-1], np.diff(steps)
            if len(apart):
                place = int(np.argmax(apart))
                widest = max(widest, (int(apart[place]), -int(steps[place])))  # of equal ones the first
                for held, found in zip((lengths, many), np.unique(apart, return_counts=True), strict=True):
                    held.append(found)
        n = sum(map(np.sum, many))
        if n + 1 >= _FEWEST_FOR_GAPS:
            apart, first = widest[0], -widest[1]
            # Chance makes one of n exponential intervals so long once in 22 000 recordings.
            usual = _median(np.concatenate(lengths), np.concatenate(many)) / np.log(2)
            if apart > spikes.trial_steps[trial] / 10 and apart > (10 + np.log(n)) * usual:
                edges = np.array([first, first + apart]) * spikes.dt_ms / 1000 + start
                if worst is None or edges[1] - edges[0] > worst[1] - worst[0]:
                    worst = float(edges[0]), float(edges[1])
    return worst


def _median(values: np.ndarray, counts: np.ndarray) -> float:
    """Median of values that are there so many times each."""
    order = np.argsort(values)
    ends = np.cumsum(counts[order])
    middle = np.searchsorted(ends, [(ends[-1] - 1) // 2, ends[-1] // 2], "right")
    return float(values[order][middle].mean())


def twins(units, spikes: SpikeSource, counts: np.ndarray) -> tuple:
    """Find pairs of units that fire within 3 ms of each other far more often than by chance."""
    near = np.zeros((len(units),) * 2, dtype=np.int64)
    width = round(TWIN_MS / spikes.dt_ms)
    for trial in range(len(spikes.trial_steps)):
        for steps, neurons, first, last in _with_neighbours(spikes.segments(trial), width):
            _count_near(near, steps, neurons, width, first, last)
    np.fill_diagonal(near, 0)
    n_steps = spikes.trial_steps.sum()
    found = []
    for rare, other in np.argwhere(near >= _TWIN_SHARE * np.maximum(counts, _TWIN_SPIKES)[:, None]):
        if (counts[rare], rare) < (counts[other], other):
            share, chance = near[rare, other] / counts[rare], -np.expm1(-2 * width * counts[other] / n_steps)
            if share - chance >= _TWIN_SHARE and counts[rare] >= _TWIN_SPIKES:
                found.append((units[rare], units[other], float(share)))
    return tuple(sorted(found, key=lambda pair: -pair[2]))


def _with_neighbours(segments, width: int):
    """Spikes of a trial in pieces: steps, neurons, and the range of those whose neighbours all are there."""
    steps, neurons, done = np.empty(0, dtype=np.int64), None, 0
    for piece in segments:
        steps = np.append(steps, piece.steps)
        neurons = piece.neurons if neurons is None else np.append(neurons, piece.neurons)
        end = piece.first_step + piece.n_steps
        kept, sure = np.searchsorted(steps, [end - 2 * width, end - width])
        yield steps, neurons, done, sure
        steps, neurons, done = steps[kept:], neurons[kept:], sure - kept
    if len(steps):
        yield steps, neurons, done, len(steps)


@njit(cache=True)
def _count_near(near, steps, neurons, width, begin, end):
    """Count for units [i, j] the spikes `begin` to `end` of i that have one of j within `width` steps."""
    seen = np.full(near.shape[0], -1)
    first = 0
    for spike in range(begin, end):
        while steps[spike] - steps[first] > width:
            first += 1
        other = first
        while other < steps.shape[0] and steps[other] - steps[spike] <= width:
            if seen[neurons[other]] != spike:
                seen[neurons[other]] = spike
                near[neurons[spike], neurons[other]] += 1
            other += 1
