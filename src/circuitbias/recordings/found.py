"""What a reader finds in a file, before anybody has looked at it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from circuitbias.columns import AT_ONCE, Column, pieces_of, with_progress
from circuitbias.reading import check_size

_BYTES_A_SPIKE = 12  # its time, in single precision and seconds twice, and its unit
_WIDE = {"i": np.dtype("i8"), "u": np.dtype("u8")}  # in which seconds have room
_DENSE = 2**20  # whole numbers that lie closer are counted, not sorted


@dataclass
class Found:
    """Spike times of units as a file has them.

    Attributes
    ----------
    ids : list of str
        Of the units, those without spikes too.
    times : list of ndarray
        Of each unit, in any order, in `time_unit`.
    time_unit : {"s", "ms", "us", "samples"}, optional
        As the file says; None if it does not.
    sampling_rate_hz : float, optional
        Of the samples, if the file says.
    observed_s : list of ndarray of shape (n_intervals, 2), optional
        When each unit was observed, in seconds; None if the file does not say.
    properties : dict of str to list
        Further columns of the table of units, a value for each.
    bin_ms : float, optional
        Width of the bins, if the file holds counts in bins: times within a bin then mean nothing.
    notes : list of str
        What had to be decided, in sentences.
    """

    ids: list[str]
    times: list[np.ndarray]
    time_unit: str | None = None
    sampling_rate_hz: float | None = None
    observed_s: list[np.ndarray] | None = None
    properties: dict[str, list] = field(default_factory=dict)
    bin_ms: float | None = None
    notes: list[str] = field(default_factory=list)


def of_pairs(times, labels, ids: Iterable | None = None, names: list | None = None, **others) -> Found:
    """Sort a list of spikes, each a time and a unit, by unit.

    Parameters
    ----------
    times, labels : array_like, shape (n_spikes,)
    ids : iterable, optional
        Units of which some may have no spike. Default: those of the spikes.
    names : list, optional
        Ids of the units, of which `labels` are then the places.
    **others
        Of `Found`.
    """
    times, labels = (one if isinstance(one, Column) else np.asarray(one) for one in (times, labels))
    if times.ndim != 1 or times.shape != labels.shape:
        raise ValueError(
            f"times of shape {times.shape} and units of shape {labels.shape} must be two lists of one "
            "length: needed is the unit of every spike, or where the times of each unit end "
            "(spike_times_index)"
        )
    check_size(f"{times.size} spikes", _BYTES_A_SPIKE * times.size)
    known, codes = _coded(labels)
    groups = _grouped(times, codes, len(known))
    if names is not None:  # in the order of texts, as `_coded` has them
        order = sorted(range(len(known)), key=lambda k: names[known[k]])
        known, groups = [names[known[k]] for k in order], [groups[k] for k in order]
    by_id = dict(zip(map(id_text, known), groups if len(known) else [], strict=True))
    names = list(by_id) if ids is None else [id_text(one) for one in ids]
    if unknown := [one for one in by_id if one not in set(names)]:
        raise ValueError(
            f"spikes are of units that the table of units does not have: {', '.join(unknown[:5])}"
        )
    return Found(names, [by_id.get(one, np.empty(0, times.dtype)) for one in names], **others)


def _coded(labels) -> tuple[np.ndarray, np.ndarray]:
    """Different labels, sorted, and the place of each among them, in as few bytes as that takes."""
    if labels.dtype.kind in "iuf" and labels.size:
        lowest, highest, whole = _range(labels)
        if whole and int(highest) - int(lowest) < _DENSE:
            wide = np.uint64 if labels.dtype.kind == "u" else np.int64  # signed ones apart might not fit
            lowest, there = np.array(lowest).astype(wide), np.zeros(_DENSE, dtype=bool)
            for part in pieces_of(labels):
                there[part.astype(wide) - lowest] = True
            known, place = np.flatnonzero(there), np.cumsum(there) - 1
            place = place.astype(np.min_scalar_type(len(known)))
            codes, done = np.empty(len(labels), dtype=place.dtype), 0
            for part in pieces_of(labels):
                codes[done : done + len(part)] = place[part.astype(wide) - lowest]
                done += len(part)
            return known.astype(wide) + lowest, codes
    check_size(
        f"{labels.size} spikes of units whose ids are far apart, or no whole numbers", 40 * labels.size
    )
    known, codes = np.unique(np.asarray(labels), return_inverse=True)
    return known, codes.astype(np.min_scalar_type(len(known)))


def _range(labels) -> tuple:
    """Lowest and highest label, and whether all are whole numbers that a computer's integers hold."""
    lowest, highest, whole, bad = np.inf, -np.inf, True, 0
    for part in pieces_of(labels):
        if not part.size:
            continue
        if labels.dtype.kind == "f":
            bad += int((~np.isfinite(part)).sum())
            if bad:
                continue
            whole = whole and bool((part == np.floor(part)).all())
        lowest, highest = min(lowest, part.min().item()), max(highest, part.max().item())
    if bad:
        raise ValueError(f"{bad} spikes have no unit: their unit is no finite number")
    return lowest, highest, whole and (labels.dtype.kind != "f" or max(-lowest, highest) < 2**53)


def _grouped(times, codes: np.ndarray, n_groups: int) -> list[np.ndarray]:
    """Times of each code, in the order in which they come; beside them only a piece is in memory twice."""
    counts, done = np.zeros(n_groups, dtype=np.int64), 0
    for first in range(0, len(codes), AT_ONCE):
        counts += np.bincount(codes[first : first + AT_ONCE], minlength=n_groups)
    free = np.cumsum(counts) - counts
    sorted_ = np.empty(len(codes), dtype=_WIDE.get(times.dtype.kind, times.dtype))
    for part in with_progress(pieces_of(times), len(codes)):
        of_part = codes[done : done + len(part)]
        done += len(part)
        order = np.argsort(of_part, kind="stable")  # of few units in two bytes, which takes linear time
        own = of_part[order]
        inside = np.bincount(own, minlength=n_groups)
        rank = np.arange(len(own)) - np.repeat(np.cumsum(inside) - inside, inside)
        sorted_[free[own] + rank] = part[order]
        free += inside
    return np.split(sorted_, np.cumsum(counts)[:-1])


def of_trains(trains: Mapping | Iterable, **others) -> Found:
    """Take an array of times for each unit: a mapping by id, or pairs of id and times."""
    pairs = list(trains.items() if isinstance(trains, Mapping) else trains)
    return Found([id_text(one) for one, _ in pairs], [np.asarray(times) for _, times in pairs], **others)


def id_text(value) -> str:
    """Id of a unit as text; a whole number has no fraction."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value).strip()


def columns_of(columns: Sequence[np.ndarray]) -> tuple[int, int, str]:
    """Which column of a list of spikes holds times, and which units.

    The units are the column of whole numbers, or of texts, in which fewer different values stand, at most
    half
    as many as there are spikes.

    Parameters
    ----------
    columns : two ndarrays, shape (n_spikes,)

    Returns
    -------
    times, units : int
    note : str

    Raises
    ------
    ValueError
        If that does not tell.
    """
    different = [len(np.unique(column)) for column in columns]
    whole = [bool(np.isfinite(column).all() and (column == np.floor(column)).all()) for column in columns]
    may_be = [w and 2 * d <= len(columns[0]) for w, d in zip(whole, different, strict=True)]
    if any(may_be) and different[0] != different[1]:
        units = int(np.argmin([d if ok else np.inf for d, ok in zip(different, may_be, strict=True)]))
        if different[units] < different[1 - units]:
            note = (
                f"column {units + 1} is taken for the units: whole numbers, {different[units]} different ones"
            )
            return 1 - units, units, note
    raise ValueError(
        f"it is not clear which column holds the units: they hold {different[0]} and {different[1]} "
        "different "
        "values. Say so: time_column and unit_column, counted from 1"
    )
