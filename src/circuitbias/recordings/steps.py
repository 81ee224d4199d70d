"""From times in seconds to events in whole steps.

The rule: step = floor((t - start of the trial) / dt). A time that lies below the border of a step by less
than a millionth of a step belongs to the later one, since times are seldom stored exactly. Spikes of a unit
in one step are one event.
"""

import warnings

import numpy as np

from circuitbias.checks import number, whole
from circuitbias.exceptions import ActivityWarning, UnusableDataError
from circuitbias.memory import DEFAULT_MB, Budget
from circuitbias.recordings.conversion import MOST_NAMED, Conversion, named
from circuitbias.recordings.doubtful import longest_gap, twins
from circuitbias.recordings.intervals import common, cut_to
from circuitbias.spikes.packed import PackedSpikes

_SLACK = 1e-6  # of a step
_BYTES_A_SPIKE = 15  # its time, its place in time and its unit: 12, and what single units take on the way
_LITTLE = 0.5  # of the time for which half of the units were observed


class CommonTimeWarning(ActivityWarning):
    """Little time is left in which all units were observed; the message names the units that cost most."""


def to_spikes(
    recording,
    dt_ms: float = 0.1,
    *,
    refractory_ms: float = 1.0,
    rare_spikes: int = 30,
    memory_mb: float = DEFAULT_MB,
) -> tuple[PackedSpikes, Conversion]:
    """Turn spike times into events in steps.

    Each interval in which all units were observed becomes a trial.

    Parameters
    ----------
    recording : Recording
    dt_ms : float, optional
        Length of a step in milliseconds.
    refractory_ms : float, optional
        Intervals between spikes of a unit that are shorter are counted.
    rare_spikes : int, optional
        Units with fewer spikes are listed.
    memory_mb : float, optional
        Bound of the memory, in 1e6 bytes: of the times, which stay, and the spikes that are made of them.

    Returns
    -------
    spikes : PackedSpikes
        Neuron k is ``recording.units[k]``.
    report : Conversion

    Warns
    -----
    CommonTimeWarning
        If little is left of the time for which single units were observed.

    Raises
    ------
    ValueError
        If an argument is not allowed, or times are negative though nobody has said that this may be.
    UnusableDataError
        If no time is left in which all units were observed, or no spike.
    MemoryLimitError
    """
    dt_ms = number("dt_ms", dt_ms, above=0)
    refractory_ms = number("refractory_ms", refractory_ms, least=0)
    rare_spikes = whole("rare_spikes", rare_spikes)
    Budget(memory_mb).require_all(_BYTES_A_SPIKE * recording.n_spikes, f"{recording.n_spikes} spikes")
    dt_s = dt_ms / 1000
    trials, own, cost = _trials(recording, dt_s)
    n_steps = np.floor(np.diff(trials)[:, 0] / dt_s + _SLACK).astype(np.int64)
    trials, n_steps = trials[n_steps > 0], n_steps[n_steps > 0]
    if not len(trials):
        raise UnusableDataError(
            f"no time in which all units were observed is as long as a step of {dt_ms:g} ms"
        )
    counts = np.zeros((4, len(recording.units)), dtype=np.int64)

    def of_unit(unit):
        times = recording.times_s[unit]
        trial = np.searchsorted(trials[:, 0] - _SLACK * dt_s, times, "right") - 1
        steps = np.floor((times - trials[trial, 0]) / dt_s + _SLACK).astype(np.int64)
        inside = (trial >= 0) & (steps < n_steps[trial])
        times, trial, steps = times[inside], trial[inside], steps[inside]
        fresh = (np.diff(steps, prepend=-1) != 0) | (np.diff(trial, prepend=-1) != 0)
        short = (np.diff(times) < refractory_ms / 1000 * (1 - 1e-9)) & (np.diff(trial) == 0)
        counts[:, unit] = fresh.sum(), (~inside).sum(), (~fresh).sum(), short.sum()
        return trial[fresh], steps[fresh]

    spikes = PackedSpikes(len(recording.units), dt_ms, n_steps, of_unit, recording.n_spikes)
    _refuse_most_outside(recording, counts)
    report = Conversion(
        recording.units,
        dt_ms,
        refractory_ms,
        rare_spikes,
        *counts,
        trials,
        own,
        cost,
        _is_assumed(recording),
        twins(recording.units, spikes, counts[0]),
        longest_gap(spikes, trials),
    )
    if not spikes.n_spikes:
        raise UnusableDataError("there is no spike in the time in which all units were observed")
    if report.seconds < _LITTLE * np.median(own):
        warnings.warn(
            f"all {len(own)} units together were observed for {report.seconds:.4g} s, half of them for "
            "more than "
            f"{np.median(own):.4g} s{report.costly()}. Leave out such units, if they matter less",
            CommonTimeWarning,
            stacklevel=2,
        )
    return spikes, report


def _is_assumed(recording) -> bool:
    return recording.observed_s is None and recording.window_s is None


def _trials(recording, dt_s: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Common time of the units, seconds of each, and what each costs."""
    n_units, (start, end) = len(recording.units), recording.span_s
    if recording.observed_s is None:
        if not recording.n_spikes:
            raise UnusableDataError(f"none of the {n_units} units has a spike")
        if _is_assumed(recording):
            if start < 0:
                _refuse_negative(recording)
            end = start + dt_s * (
                np.floor((end - start) / dt_s + _SLACK) + 1
            )  # with the step of the last spike
        return np.array([[start, end]]), np.full(n_units, end - start), np.zeros(n_units)
    observed = [cut_to(one, start, end) for one in recording.observed_s]
    own = np.array([np.diff(one).sum() for one in observed])
    together, cost = common(observed)
    if not len(together):
        never = [unit for unit, seconds in zip(recording.units, own, strict=True) if not seconds]
        worst = [recording.units[k] for k in np.argsort(own, kind="stable")[:MOST_NAMED]]
        who = f"never observed: {named(never)}" if never else f"observed least: {', '.join(worst)}"
        if cost.any():
            best = int(np.argmax(cost))
            who += f"; without unit {recording.units[best]} there would be {cost[best]:.4g} s"
        raise UnusableDataError(
            f"there is no time at which all {n_units} units were observed ({who}). Leave some out"
        )
    return together, own, cost


def _refuse_negative(recording) -> None:
    negative = [(train < 0).sum() for train in recording.times_s]
    unit = int(np.argmax(negative))
    first, last = recording.span_s
    raise ValueError(
        f"{sum(negative)} times are negative, {negative[unit]} of them of unit {recording.units[unit]} (from "
        f"{first:.6g} s on). If times are counted from an event, say which part is meant: window_s = "
        f"({first:.6g}, {last:.6g}), --window-s {first:.6g} {last:.6g}; else these are no times"
    )


def _refuse_most_outside(recording, counts: np.ndarray) -> None:
    """Times that lie outside of the observed time in the main are on another clock, or in another unit."""
    if recording.observed_s is None:
        return
    outside = 0
    for times, intervals in zip(recording.times_s, recording.observed_s, strict=True):
        place = np.searchsorted(intervals[:, 0], times, "right") - 1
        ends = np.append(intervals[:, 1], -np.inf)  # place -1: before the first
        outside += int((times > ends[place]).sum())
    if 2 * outside > recording.n_spikes:
        first, last = recording.span_s
        raise ValueError(
            f"{outside} of {recording.n_spikes} spikes are at times at which their unit was not observed "
            "(all of "
            f"that lies from {first:.6g} s to {last:.6g} s): times and observed intervals are not of one "
            "clock, "
            "or one of them is not in seconds"
        )
