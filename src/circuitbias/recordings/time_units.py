"""From the times that a file holds to seconds; times that cannot be seconds are refused, never guessed at."""

import warnings

import numpy as np

from circuitbias.checks import number, require
from circuitbias.recordings.found import Found
from circuitbias.recordings.names import unit_of_time

UNITS_S = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
"""Seconds in a unit of time."""
ALLOWED = (*UNITS_S, "samples")

_LONGEST_S = 3 * 86_400.0
_HIGHEST_HZ, _LOWEST_HZ = 1000.0, 0.001  # of the unit that fires most
_COARSE_S = 1e-4  # a step of the usual length
_SHORT_S, _FEWEST_SHORT, _INTERVALS = 0.5, 0.01, 100  # between two spikes of a unit
_REMEDY = (
    'say what they are: time_unit "s", "ms" or "us", or "samples" with sampling_rate_hz '
    "(--time-unit, --sampling-rate-hz)"
)


class DoubtfulTimesWarning(UserWarning):
    """The unit of time that a file names makes no recording of neurons."""


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
    found.times = [_checked(*one) for one in zip(found.ids, found.times, strict=True)]
    if time_unit and found.time_unit and time_unit != found.time_unit:
        found.notes.append(f"times were taken to be in {time_unit}, though the file says {found.time_unit}")
    chosen = time_unit or (found.time_unit and unit_of_time(found.time_unit))
    counted = all(one.dtype.kind in "iu" for one in found.times if len(one))
    if chosen is None and found.sampling_rate_hz and counted:
        chosen = "samples"
        found.notes.append(
            "times are whole numbers, and the file has a sampling rate, "
            f"{found.sampling_rate_hz:g} Hz: they were taken for samples"
        )
    if chosen is None:
        rate = found.sampling_rate_hz
        _refuse_unlikely_seconds(found.times, f". The file has a sampling rate, {rate:g} Hz" if rate else "")
        chosen = "s"
        found.notes.append("the file does not say what its times are: they were taken for seconds")
    if chosen == "samples":
        rate = sampling_rate_hz or found.sampling_rate_hz
        if not rate:
            raise ValueError(
                "times are in samples, and no sampling rate is known: give sampling_rate_hz "
                "(--sampling-rate-hz)" + "".join(f"; {one}" for one in found.notes if "sample_rate" in one)
            )
    else:
        rate = 1 / UNITS_S[chosen]
    trains = [_divided(times, rate) for times in found.times]
    if found.time_unit in UNITS_S and time_unit is None and not found.bin_ms:
        _note_unlikely(found, trains)
    if (apart := max(map(_apart, found.times), default=0.0) / rate) > _COARSE_S:
        found.notes.append(
            f"the file keeps times in so few digits that they lie {1000 * apart:.2g} ms apart at its end: "
            "what is faster than that is lost"
        )
    if unsorted := [one for one, times in zip(found.ids, trains, strict=True) if (np.diff(times) < 0).any()]:
        found.notes.append(f"times of {_units(unsorted)} were not in order: they were sorted")
    wrong = set(unsorted)
    for one, times in zip(found.ids, trains, strict=True):
        if one in wrong:
            times.sort()
    return trains


def _note_unlikely(found: Found, trains: list[np.ndarray]) -> None:
    """Say so if the unit of time that the file names makes no recording of neurons."""
    if all((train == np.floor(train)).all() for train in trains):
        return  # only without a unit of time whole numbers are doubtful
    try:
        _refuse_unlikely_seconds(trains)
    except ValueError as error:
        why = str(error).partition(": say what they are")[0]
        unit = unit_of_time(found.time_unit)
        doubt = (
            f"DOUBTFUL: the file says that its times are in {unit}, but {why}. If it is wrong, say what they "
            "are: time_unit (--time-unit)"
        )
        found.notes.append(doubt)
        warnings.warn(doubt, DoubtfulTimesWarning, stacklevel=5)  # the caller of `recording`


def _apart(times: np.ndarray) -> float:
    """Distance of the largest of times from the next one that their type can hold, if it is a narrow one."""
    narrow = times.dtype.kind == "f" and times.itemsize < 8 and times.size
    return float(np.spacing(np.abs(times).max())) if narrow else 0.0


def _divided(times: np.ndarray, by: float) -> np.ndarray:
    """Times divided by a number, in their own room if that will do: all of them are never held twice."""
    own = times.itemsize == 8 and times.flags.writeable and times.flags.c_contiguous
    room = times.view(np.float64) if own else np.empty(times.shape)
    if own and times.dtype == np.float64 and by == 1:
        return times
    room[:] = np.divide(times, by, dtype=np.float64)
    return room


def _checked(unit: str, times: np.ndarray) -> np.ndarray:
    times = np.asarray(times)
    if times.size == 0:
        return np.empty(0)
    if times.dtype.kind not in "iuf" or times.ndim != 1:
        raise ValueError(
            f"times of unit {unit} are of type {times.dtype} and shape {times.shape}: must be a list of "
            "numbers"
        )
    if times.dtype.kind != "f":
        return times
    if bad := int((~np.isfinite(times)).sum()):
        first = int(np.flatnonzero(~np.isfinite(times))[0])
        raise ValueError(
            f"{bad} of the {times.size} times of unit {unit} are no finite numbers (the first is number "
            f"{first + 1}: {times[first]}). Take them out where they come from: nobody knows what they "
            "stand for"
        )
    return times


def _refuse_unlikely_seconds(trains: list[np.ndarray], has_rate: str = "") -> None:
    """Raise a ValueError if these can hardly be seconds."""
    spiking, n_times = [train for train in trains if train.size], sum(train.size for train in trains)
    if n_times < 2:
        return
    if all((train == np.floor(train)).all() for train in spiking):
        raise ValueError(
            f"all {n_times} times are whole numbers, such as {spiking[-1][-1]:.15g}: {_REMEDY}{has_rate}"
        )
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
