"""Whether a network freezes: a few neurons fire fast from some time on, and the others no more."""

from typing import NamedTuple

import numpy as np

from circuitbias.spikes.binning import BinnedCounts
from circuitbias.spikes.segments import SpikeSource

_MOST_BINS, _LEAST_BINS = 2000, 20
_LAST = 10
"""Bins at the end that must be frozen, all of them: what comes back before is none."""
_SHARE = 0.5
"""Frozen: the neurons that take part are fewer than this share of those at the beginning."""


class Freezing(NamedTuple):
    """What was seen of one trial.

    Attributes
    ----------
    frozen_from_s : float
        Time from which on it is frozen; NaN if it is not at the end.
    duration_s : float
    active_before, active_after : float
        Neurons that take part, (sum of rates)² / sum of squared rates: mean over bins before and after that
        time, or of the whole recording and NaN.
    rate_before_hz, rate_after_hz : float
        Mean rate of a neuron in the same.
    """

    frozen_from_s: float
    duration_s: float
    active_before: float
    active_after: float
    rate_before_hz: float
    rate_after_hz: float


def freezing(source: SpikeSource, bin_s: float = 0.5) -> list[Freezing]:
    """Look at each trial of a recording for the time at which it freezes.

    Parameters
    ----------
    source : SpikeSource
    bin_s : float, optional
        Least width of a bin, long beside the time of a synapse; of long recordings bins are wider.

    Returns
    -------
    list of Freezing
        NaN of a trial of fewer than 20 bins.
    """
    longest = int(max(source.trial_steps))
    bin_steps = max(round(bin_s * 1000 / source.dt_ms), longest // _MOST_BINS)
    trials: dict[int, list] = {}
    for block in BinnedCounts(source, bin_steps).blocks():
        trials.setdefault(block.trial, []).append(block.counts.astype(np.float64))
    width_s = bin_steps * source.dt_ms / 1000
    lengths_s = np.asarray(source.trial_steps) * source.dt_ms / 1000
    return [
        _of_trial(np.concatenate(trials.get(k, [np.empty((0, source.n_neurons))])), width_s, float(length))
        for k, length in enumerate(lengths_s)
    ]


def _of_trial(counts, width_s, duration_s) -> Freezing:
    n, nothing = len(counts), float("nan")
    if n < _LEAST_BINS:
        return Freezing(nothing, duration_s, *(nothing,) * 4)
    total, squares = counts.sum(axis=1), (counts**2).sum(axis=1)
    active = np.divide(total**2, squares, out=np.zeros(n), where=squares > 0)
    rate = total / counts.shape[1] / width_s
    few = active < _SHARE * np.median(active[: n // 10])
    # The first bin from which on nine in ten are frozen, if the last ones are.
    share_from = few[::-1].cumsum()[::-1] / np.arange(n, 0, -1)
    from_here = np.flatnonzero(few & (share_from > 0.9))
    if not (few[-_LAST:].all() and len(from_here)):
        return Freezing(nothing, duration_s, active.mean(), nothing, rate.mean(), nothing)
    at = from_here[0]
    before = slice(0, max(at, 1))
    return Freezing(
        at * width_s,
        duration_s,
        active[before].mean(),
        active[at:].mean(),
        rate[before].mean(),
        rate[at:].mean(),
    )
