"""From times in seconds to events in whole steps, and a report of all that this loses.

The rule: step = floor((t - start of the trial) / dt). A time that lies below the border of a step by less
than a
millionth of a step belongs to the later one, since times are seldom stored exactly. Spikes of a unit in
one step
are one event.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numba import njit

from circuitbias.checks import number, whole
from circuitbias.exceptions import ActivityWarning, UnusableDataError
from circuitbias.memory import DEFAULT_MB, Budget
from circuitbias.recordings.intervals import common, cut_to
from circuitbias.spikes.segments import Segment, SpikeRecord

_SLACK = 1e-6  # of a step
_BYTES_A_SPIKE = 40  # times, keys, steps and units at once
_LITTLE = 0.5  # of the time for which half of the units were observed
_MOST_NAMED = 5
_FEWEST_FOR_GAPS = 50  # spikes
_TWIN_MS, _TWIN_SHARE, _TWIN_SPIKES = 3.0, 0.25, 20


class CommonTimeWarning(ActivityWarning):
    """Little time is left in which all units were observed; the message names the units that cost most."""


@dataclass(frozen=True, eq=False)
class Conversion:
    """What has become of the spikes of a recording; arrays have a value for each unit.

    Attributes
    ----------
    units : tuple of str
    dt_ms, refractory_ms : float
    rare_spikes : int
    spikes : ndarray of int
        Events in the trials.
    outside : ndarray of int
        Spikes outside of the common time, which are left out.
    merged : ndarray of int
        Spikes that share a step with another one of their unit, and count as one event with it.
    refractory_violations : ndarray of int
        Intervals between spikes of a unit below `refractory_ms`; all spikes are kept.
    trials_s : ndarray, shape (n_trials, 2)
        Start and end of each trial in seconds of the recording.
    own_s : ndarray
        Seconds for which each unit was observed.
    cost_s : ndarray
        Seconds that there would be more without this unit.
    assumed : bool
        Whether nobody says when units were observed, so that the time from the first spike to the last one
        was taken.
    twins : tuple of (str, str, float)
        Pairs of units that may be one neuron: the share of the spikes of the one that fires less that come
        within 3 ms of one of the other, where it is above what chance gives by a quarter or more.
    gap_s : (float, float), optional
        The longest time without any spike, if it is a tenth of a trial and far longer than chance allows.
    """

    units: tuple[str, ...]
    dt_ms: float
    refractory_ms: float
    rare_spikes: int
    spikes: np.ndarray
    outside: np.ndarray
    merged: np.ndarray
    refractory_violations: np.ndarray
    trials_s: np.ndarray
    own_s: np.ndarray
    cost_s: np.ndarray
    assumed: bool
    twins: tuple[tuple[str, str, float], ...] = ()
    gap_s: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        """Of all trials together."""
        return float(np.diff(self.trials_s).sum())

    @property
    def silent(self) -> tuple[str, ...]:
        """Units without a spike."""
        return tuple(np.array(self.units, dtype=object)[self.spikes == 0])

    @property
    def rare(self) -> tuple[str, ...]:
        """Units with fewer spikes than `rare_spikes`, but at least one."""
        return tuple(np.array(self.units, dtype=object)[(self.spikes > 0) & (self.spikes < self.rare_spikes)])

    def sentences(self) -> list[str]:
        """Say it in words."""
        n_trials, total = len(self.trials_s), int(self.spikes.sum())
        rates = self.spikes / self.seconds
        lines = [
            f"{len(self.units)} units and {total} events in {self.seconds:.6g} s"
            + (f", in {n_trials} pieces" if n_trials > 1 else "")
            + f"; rates from {rates.min():.3g} to {rates.max():.3g} Hz, mean {rates.mean():.3g} Hz"
        ]
        if self.assumed:
            lines.append(
                "nobody says when the units were observed: the time from the first spike to the last one was "
                "taken (window_s says otherwise)"
            )
        if self.gap_s:
            start, end = self.gap_s
            lines.append(
                f"no unit fires from {start:.6g} s to {end:.6g} s. If nothing was recorded then, or a time "
                "is wrong, say which part is meant (window_s, --window-s)"
            )
        if lost := int(self.outside.sum()):
            lines.append(
                f"{lost} spikes lie outside of the time in which all units were observed, and are left out"
            )
        if self.own_s.max() > self.seconds * (1 + 1e-9):
            lines.append(
                f"all units together were observed for {self.seconds:.6g} s, single ones for up to "
                f"{self.own_s.max():.6g} s{self._costly()}"
            )
        if n := int(self.merged.sum()):
            lines.append(
                f"{n} spikes share a step of {self.dt_ms:g} ms with one of their unit: one event with it"
            )
        if n := int(self.refractory_violations.sum()):
            worst = int(np.argmax(self.refractory_violations))
            lines.append(
                f"{n} intervals between spikes of a unit are below {self.refractory_ms:g} ms (most in unit "
                f"{self.units[worst]}: {self.refractory_violations[worst]}); these spikes are kept"
            )
        if self.twins:
            told = ", ".join(f"{a} and {b} ({share:.0%})" for a, b, share in self.twins[:_MOST_NAMED])
            lines.append(
                f"units that may be one neuron, seen twice (pairs: {len(self.twins)}): {told} of the spikes "
                f"of the rarer one come within {_TWIN_MS:g} ms of the other. Look at them before you believe "
                "their couplings"
            )
        if self.silent:
            lines.append(f"without a spike: {_named(self.silent)}. Their couplings are NaN")
        if self.rare:
            lines.append(
                f"fewer than {self.rare_spikes} spikes: {_named(self.rare)}. Their couplings say next to "
                "nothing"
            )
        return lines

    def _costly(self) -> str:
        worst = np.argsort(-self.cost_s, kind="stable")[:_MOST_NAMED]
        worst = [k for k in worst if self.cost_s[k] > 0]
        told = ", ".join(f"{self.units[k]} ({self.cost_s[k]:.4g} s)" for k in worst)
        return f"; each of these alone costs the time behind it: {told}" if told else ""


def to_spikes(
    recording,
    dt_ms: float = 0.1,
    *,
    refractory_ms: float = 1.0,
    rare_spikes: int = 30,
    memory_mb: float = DEFAULT_MB,
) -> tuple[SpikeRecord, Conversion]:
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
        Bound of the memory, in 1e6 bytes.

    Returns
    -------
    spikes : SpikeRecord
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
    Budget(memory_mb).require(_BYTES_A_SPIKE * recording.n_spikes, f"{recording.n_spikes} spikes")
    dt_s = dt_ms / 1000
    trials, own, cost = _trials(recording, dt_s)
    n_steps = np.floor(np.diff(trials)[:, 0] / dt_s + _SLACK).astype(np.int64)
    trials, n_steps = trials[n_steps > 0], n_steps[n_steps > 0]
    if not len(trials):
        raise UnusableDataError(
            f"no time in which all units were observed is as long as a step of {dt_ms:g} ms"
        )
    offsets = np.cumsum(n_steps) - n_steps
    counts, keys = np.zeros((4, len(recording.units)), dtype=np.int64), []
    for unit, times in enumerate(recording.times_s):
        trial = np.searchsorted(trials[:, 0] - _SLACK * dt_s, times, "right") - 1
        steps = np.floor((times - trials[trial, 0]) / dt_s + _SLACK).astype(np.int64)
        inside = (trial >= 0) & (steps < n_steps[trial])
        times, trial, steps = times[inside], trial[inside], offsets[trial[inside]] + steps[inside]
        fresh = np.diff(steps, prepend=-1) > 0
        short = (np.diff(times) < refractory_ms / 1000 * (1 - 1e-9)) & (np.diff(trial) == 0)
        counts[:, unit] = fresh.sum(), (~inside).sum(), (~fresh).sum(), short.sum()
        keys.append(steps[fresh] * len(recording.units) + unit)
    _refuse_most_outside(recording, counts)
    spikes = _record(np.sort(np.concatenate(keys)), len(recording.units), n_steps, offsets, dt_ms)
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
        _twins(recording.units, spikes, counts[0]),
        _gap(spikes, trials),
    )
    if not spikes.n_spikes:
        raise UnusableDataError("there is no spike in the time in which all units were observed")
    if report.seconds < _LITTLE * np.median(own):
        warnings.warn(
            f"all {len(own)} units together were observed for {report.seconds:.4g} s, half of them for "
            "more than "
            f"{np.median(own):.4g} s{report._costly()}. Leave out such units, if they matter less",
            CommonTimeWarning,
            stacklevel=2,
        )
    return spikes, report


def _record(keys, n_units, n_steps, offsets, dt_ms) -> SpikeRecord:
    """Cut sorted numbers (step, counted through all trials, times units, plus unit) into trials."""
    steps, units = keys // n_units, (keys % n_units).astype(np.int32)
    ends = np.searchsorted(steps, offsets + n_steps)
    pieces = [
        Segment(trial, 0, int(length), steps[first:last] - offset, units[first:last])
        for trial, (length, offset, first, last) in enumerate(
            zip(n_steps, offsets, np.append(0, ends[:-1]), ends, strict=True)
        )
    ]
    return SpikeRecord(n_units, dt_ms, pieces)


def _gap(spikes: SpikeRecord, trials: np.ndarray) -> tuple[float, float] | None:
    """The longest time between two spikes of any units, if it cannot be chance."""
    worst = None
    for piece, (start, _) in zip(spikes.pieces, trials, strict=True):
        if len(piece.steps) >= _FEWEST_FOR_GAPS:
            apart = np.diff(piece.steps)
            place = int(np.argmax(apart))
            # Chance makes one of n exponential intervals so long once in 22 000 recordings.
            if apart[place] > max(
                piece.n_steps / 10, (10 + np.log(len(apart))) * np.median(apart) / np.log(2)
            ):
                edges = piece.steps[place : place + 2] * spikes.dt_ms / 1000 + start
                if worst is None or edges[1] - edges[0] > worst[1] - worst[0]:
                    worst = float(edges[0]), float(edges[1])
    return worst


def _twins(units, spikes: SpikeRecord, counts: np.ndarray) -> tuple:
    """Pairs of units that fire within 3 ms of each other far more often than by chance."""
    near = np.zeros((len(units),) * 2, dtype=np.int64)
    width = round(_TWIN_MS / spikes.dt_ms)
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
        worst = [recording.units[k] for k in np.argsort(own, kind="stable")[:_MOST_NAMED]]
        who = f"never observed: {_named(never)}" if never else f"observed least: {', '.join(worst)}"
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
        f"({first:.6g}, {last:.6g}); else these are no times"
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


def _named(units) -> str:
    units = list(units)
    if len(units) <= _MOST_NAMED:
        return f"{'unit' if len(units) == 1 else 'units'} {', '.join(units)}"
    return f"{len(units)} units ({', '.join(units[:_MOST_NAMED])} ...)"
