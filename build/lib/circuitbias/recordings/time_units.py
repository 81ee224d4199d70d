"""From the times that a file holds to seconds; times that cannot be seconds are refused, never guessed at."""

import numpy as np

from circuitbias.checks import number, require
from circuitbias.recordings.found import Found
from circuitbias.recordings.names import unit_of_time

UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
"""Seconds in a unit of time."""
ALLOWED = (*UNITS_S, "samples")

_LONGEST_S = 3 * 86_400.0
_HIGHEST_HZ, _LOWEST_HZ = 1000.0, 0.001  # of the unit that fires most
_SHORT_S, _FEWEST_SHORT, _INTERVALS = 0.5, 0.01, 100  # between two spikes of a unit
_REMEDY = (
    'say what they are: time_unit "s", "ms" or "us", or "samples" with sampling_rate_hz '
    "(--time-unit, --sampling-rate-hz)"
)


def in_seconds(found: Found, time_unit: str | None, sampling_rate_hz: float | None) -> list[np.ndarray]:
    """Turn times into seconds.

    A unit of time that is given counts; else that of the file; else they are seconds, if they may be.

    Parameters
    ----------
    found : Found
    time_unit : {"s", "ms", "us", "samples"}, optional
    sampling_rate_hz : float, optional

    Returns
    -------
    list of ndarray of float64
        Of each unit, sorted. What is decided is added to the notes.

    Raises
    ------
    ValueError
        If times are no finite numbers, no sampling rate is known, or nobody says what the times are and they
        are all whole numbers or make no recording of neurons: longer than three days, no unit above .001
        Hz or
        one above 1000 Hz, hardly any interval between spikes of a unit below half a second.
    """
    require(time_unit is None or time_unit in ALLOWED, "time_unit", time_unit, f"one of {', '.join(ALLOWED)}")
    if sampling_rate_hz is not None:
        sampling_rate_hz = number("sampling_rate_hz", sampling_rate_hz, above=0)
    trains = [_finite(*one) for one in zip(found.ids, found.times, strict=True)]
    if time_unit and found.time_unit and time_unit != found.time_unit:
        found.notes.append(f"times were taken to be in {time_unit}, though the file says {found.time_unit}")
    chosen = time_unit or (found.time_unit and unit_of_time(found.time_unit))
    counted = all(np.asarray(one).dtype.kind in "iu" for one in found.times if len(one))
    if chosen is None and found.sampling_rate_hz and counted:
        chosen = "samples"
        found.notes.append(
            "times are whole numbers, and the file has a sampling rate, "
            f"{found.sampling_rate_hz:g} Hz: they were taken for samples"
        )
    if chosen is None:
        _refuse_unlikely_seconds(trains)
        chosen = "s"
        found.notes.append("the file does not say what its times are: they were taken for seconds")
    if chosen == "samples":
        rate = sampling_rate_hz or found.sampling_rate_hz
        if not rate:
            raise ValueError(
                "times are in samples, and no sampling rate is known: give sampling_rate_hz "
                "(--sampling-rate-hz)" + "".join(f"; {one}" for one in found.notes if "sample_rate" in one)
            )
        trains = [times / rate for times in trains]
    elif chosen != "s":
        trains = [times * UNITS_S[chosen] for times in trains]
    if unsorted := [one for one, times in zip(found.ids, trains, strict=True) if (np.diff(times) < 0).any()]:
        found.notes.append(f"times of {_units(unsorted)} were not in order: they were sorted")
    wrong = set(unsorted)
    return [np.sort(times) if one in wrong else times for one, times in zip(found.ids, trains, strict=True)]


def _finite(unit: str, times: np.ndarray) -> np.ndarray:
    times = np.asarray(times)
    if times.size == 0:
        return np.empty(0)
    if times.dtype.kind not in "iuf" or times.ndim != 1:
        raise ValueError(
            f"times of unit {unit} are of type {times.dtype} and shape {times.shape}: must be a list of "
            "numbers"
        )
    times = times.astype(np.float64, copy=False)
    if bad := int((~np.isfinite(times)).sum()):
        first = int(np.flatnonzero(~np.isfinite(times))[0])
        raise ValueError(
            f"{bad} of the {times.size} times of unit {unit} are no finite numbers (the first is number "
            f"{first + 1}: {times[first]}). Take them out where they come from: nobody knows what they "
            "stand for"
        )
    return times


def _refuse_unlikely_seconds(trains: list[np.ndarray]) -> None:
    """Raise a ValueError if these can hardly be seconds."""
    spiking, n_times = [train for train in trains if train.size], sum(train.size for train in trains)
    if n_times < 2:
        return
    if all((train == np.floor(train)).all() for train in spiking):
        raise ValueError(f"all {n_times} times are whole numbers, such as {spiking[-1][-1]:.15g}: {_REMEDY}")
    span = float(max(train.max() for train in spiking) - min(train.min() for train in spiking))
    if span > _LONGEST_S:
        raise ValueError(f"in seconds the recording would be {span / 86_400:.3g} days long: {_REMEDY}")
    most = max(train.size for train in trains)
    rate = most / span if span else np.inf
    if rate > _HIGHEST_HZ or (rate < _LOWEST_HZ and most > 1):
        raise ValueError(f"in seconds the most active unit would fire at {rate:.3g} Hz: {_REMEDY}")
    n_intervals = sum(train.size - 1 for train in spiking)
    n_short = sum(int((np.diff(np.sort(train)) < _SHORT_S).sum()) for train in spiking)
    if n_intervals >= _INTERVALS and n_short < _FEWEST_SHORT * n_intervals:
        intervals = np.concatenate([np.diff(np.sort(train)) for train in spiking])
        raise ValueError(
            f"in seconds hardly any of the {intervals.size} intervals between spikes of a unit would be "
            "shorter "
            f"than {_SHORT_S} s (half are longer than {np.median(intervals):.3g} s): {_REMEDY}"
        )


def _units(ids: list[str]) -> str:
    return f"unit {ids[0]}" if len(ids) == 1 else f"{len(ids)} units ({', '.join(ids[:3])} ...)"
