"""Spikes in named arrays, whatever file these come from: which are times, and whose."""

from collections.abc import Mapping

import numpy as np

from circuitbias.columns import Column
from circuitbias.recordings.found import Found, columns_of, of_pairs, of_trains
from circuitbias.recordings.names import TIMES, UNITS, called, plain, unit_of_time

_RATES = ("sampling_rate_hz", "sampling_rate", "fs", "sampling_frequency", "sample_rate", "sr")
_COUNTS = ("n_spikes", "num_spikes", "spike_counts", "lengths", "sizes")
_PLACES = ("index", "offset", "ends", "splits", "indptr", "boundaries", *_COUNTS)  # of units among times
_MOST_NAMED = 8
_BINS = 20  # a matrix of whole numbers with fewer rows and columns is hardly one of counts in bins


def found_in_arrays(held: Mapping, *, say: str, unit_column: int | None = None) -> Found:
    """Find the spikes among named arrays.

    In this order: an array of times with one of units as long, or with an index that says where each unit
    ends; a list of arrays, one a unit; an array of two columns; rows of times, filled up with NaN; arrays
    that are times in order each, one a unit.

    Parameters
    ----------
    held : mapping of str to ndarray or list of ndarray
        Of numbers or texts; a list is what other languages call a cell array.
    say : str
        How the user can name the arrays, for messages.
    unit_column : {1, 2}, optional
        Of an array of two columns.

    Returns
    -------
    Found

    Raises
    ------
    ValueError
        If they do not tell. Lists what is there.
    """
    if found := _of_columns(held):
        return found
    held = {name: np.asarray(one) if isinstance(one, Column) else one for name, one in held.items()}
    held = {name: one if isinstance(one, list) else _flat(one) for name, one in _fields(held).items()}
    extra = said_by_scalars(held)
    lists = {name: one for name, one in held.items() if _is_list(one)}
    cells = {name: one for name, one in held.items() if isinstance(one, list) and one}
    named = called(TIMES, [*(name for name, one in lists.items() if one.dtype.kind != "U"), *cells])
    if named:
        times = named[0]
        extra = {"time_unit": plain(times)[1]} | extra
        if times in cells:
            return _of_cells(times, cells[times], lists, extra)
        if (index := _index_of(times, lists)) is not None:
            return _of_ragged(times, lists[times], index, lists, extra)
        if units := [name for name in called(UNITS, lists) if name != times]:
            longs = [name for name in units if len(lists[name]) == len(lists[times])]
            units = (longs or units)[0]
            return of_pairs(lists[times], lists[units], notes=[f"arrays {times} and {units}"], **extra)
    numbers = [name for name, one in cells.items() if any(cell.dtype.kind != "U" for cell in one)]
    if len(numbers) == 1:
        (name,) = numbers
        return _of_cells(name, cells[name], lists, extra)
    matrices = {name: one for name, one in held.items() if _is_matrix(one)}
    pairs = {name: one for name, one in matrices.items() if 2 in one.shape and max(one.shape) > 2}
    if len(pairs) == 1:
        return _of_two_columns(*pairs.popitem(), unit_column, extra)
    if len(matrices) == 1:
        name, matrix = next(iter(matrices.items()))
        if (rows := _padded(matrix)) is not None:
            notes = [
                f"array {name}: times of a unit in each row, filled up with NaN or 0; units numbered from 1"
            ]
            return of_trains(enumerate(rows, 1), notes=notes, **extra)
    if trains := _of_one_unit_each(lists):
        others = [name for name, one in held.items() if name not in trains and np.size(one) > 1]
        notes = [f"left out, as they are no lists of numbers: {', '.join(others)}"] if others else []
        return of_trains(trains, notes=[f"an array a unit: {_some(trains)}", *notes], **extra)
    raise ValueError(f"it is not clear what holds the spikes: {listed(held)}. {_remedy(matrices, say)}")


def _of_columns(held: Mapping) -> Found | None:
    """Times and units of spikes in columns as long as each other, which so are read piece by piece."""
    columns = {name: one for name, one in held.items() if isinstance(one, Column)}
    times = called(TIMES, columns)[:1]
    units = [one for one in called(UNITS, columns) if one not in times][:1]
    if not times or not units or columns[times[0]].shape != columns[units[0]].shape:
        return None
    (times,), (units,) = times, units
    small = {name: one for name, one in held.items() if isinstance(one, np.ndarray)}
    if any(name == f"{times}_index" for name in small) or any(called(TIMES, [one]) for one in small):
        return None
    extra = {"time_unit": plain(times)[1]} | said_by_scalars(_fields(small))
    return of_pairs(columns[times], columns[units], notes=[f"arrays {times} and {units}"], **extra)


def listed(held: Mapping) -> str:
    """Say what arrays there are."""
    told = [
        f"{name} ({'list of ' + str(len(one)) if isinstance(one, list) else _shape(one)})"
        for name, one in list(held.items())[:_MOST_NAMED]
    ]
    more = f" and {len(held) - _MOST_NAMED} more" * (len(held) > _MOST_NAMED)
    return f"there are {', '.join(told)}{more}" if told else "there are no arrays in it"


def _shape(one) -> str:
    """Shape of an array, and its type if that is none of numbers or texts."""
    kind = getattr(getattr(one, "dtype", None), "kind", "f")
    more = (
        f" of {one.dtype}: turn it into seconds"
        if kind in "mM"
        else f" of {one.dtype}" * (kind not in "biufUS")
    )
    return f"{np.shape(one)}{more}"


def _flat(one: np.ndarray) -> np.ndarray:
    """An array of one row or column is a list."""
    return one.ravel() if one.ndim > 1 and one.size == max(one.shape) and one.size > 1 else one


def _fields(held: Mapping) -> dict:
    """Arrays, fields of structured ones by their path, such as spikes.time, and truth values as numbers."""
    flat = {}
    for name, one in held.items():
        fields = one.dtype.names if isinstance(one, np.ndarray) else None
        flat |= {f"{name}.{field}": one[field] for field in fields} if fields else {name: one}
    truth = {k: one for k, one in flat.items() if isinstance(one, np.ndarray) and one.dtype.kind == "b"}
    return flat | {name: one.view("u1") for name, one in truth.items()}


def _is_list(one) -> bool:
    return isinstance(one, np.ndarray) and one.ndim == 1 and one.dtype.kind in "iufUS"


def _is_matrix(one) -> bool:
    return isinstance(one, np.ndarray) and one.ndim == 2 and one.dtype.kind in "iuf" and min(one.shape) > 1


def said_by_scalars(held: Mapping) -> dict:
    """A unit of time and a sampling rate, where there are arrays of one value that say so."""
    found = {}
    single = {name: one for name, one in held.items() if isinstance(one, np.ndarray) and one.size == 1}
    for name, one in single.items():
        word = plain(name)[0]
        if word in ("time_unit", "time_units") and one.dtype.kind in "US":
            found["time_unit"] = unit_of_time(one.astype(str).item())
        if name.rpartition(".")[2].lower() in _RATES and one.dtype.kind in "iuf":
            found["sampling_rate_hz"] = float(one.item())
    return found


def _index_of(times: str, lists) -> tuple[str, np.ndarray] | None:
    """Where each unit ends in the list of all times, if there is an array that says so."""
    n, units = len(lists[times]), {len(lists[name]) for name in called(UNITS, lists)}
    for name, index in lists.items():
        own = name == f"{times}_index"
        word = plain(name)[0]
        if index.dtype.kind not in "iu" or not len(index) or not (own or any(one in word for one in _PLACES)):
            continue
        if any(one in word for one in _COUNTS) and index.sum() == n and (index >= 0).all():
            return name, np.cumsum(index)
        if not own and len(index) > 1 and index[0] == 0 and (not units or len(index) - 1 in units):
            index = index[1:]  # where each unit starts, and the end of the last one
        if (np.diff(index) >= 0).all() and index[0] >= 0 and index[-1] == n:
            return name, index
    return None


def _of_ragged(name, times, index, lists, extra) -> Found:
    place, ends = index
    trains = np.split(times, ends[:-1])
    return _of_units(trains, lists, [f"arrays {name} and {place}"], extra)


def _of_cells(name, cells, lists, extra) -> Found:
    """Take a list of arrays, one a unit."""
    if texts := [k for k, cell in enumerate(cells) if cell.dtype.kind == "U" and cell.size]:
        raise ValueError(f"cell {texts[0] + 1} of {name} is a text; needed are lists of times")
    if bad := [k for k, cell in enumerate(cells) if cell.size not in (0, max(cell.shape, default=0))]:
        shape = cells[bad[0]].shape
        raise ValueError(f"cell {bad[0] + 1} of {name} is no list of times, but of shape {shape}")
    trains = [cell.ravel() for cell in cells]
    return _of_units(trains, lists, [f"{name}, a list of times for each unit"], extra)


def _of_units(trains, lists, notes, extra) -> Found:
    """Trains of units, with ids and properties of those that other lists of as many values hold."""
    n = len(trains)
    ids = next((k for k in called(UNITS, lists) if len(lists[k]) == n == len(np.unique(lists[k]))), None)
    pairs = zip(range(1, n + 1) if ids is None else lists[ids].tolist(), trains, strict=True)
    found = of_trains(pairs, notes=[*notes, f"units are called as {ids or 'they come, from 1'}"], **extra)
    others = {
        name.rpartition(".")[2]: one for name, one in lists.items() if len(one) == n > 1 and name != ids
    }
    found.properties = {name: one.tolist() for name, one in others.items()}
    return found


def _of_two_columns(name, table, unit_column, extra) -> Found:
    table = table if table.shape[1] == 2 else table.T
    if unit_column:
        times, units, note = 2 - unit_column, unit_column - 1, f"column {unit_column} holds the units"
    else:
        times, units, note = columns_of(table.T)
    return of_pairs(table[:, times], table[:, units], notes=[f"array {name}: {note}"], **extra)


def _padded(matrix: np.ndarray) -> list[np.ndarray] | None:
    """Rows, or else columns, that rise until only NaN, or only 0, comes; None if they do not."""
    if matrix.dtype.kind != "f" or (matrix == np.floor(matrix)).all():
        return None
    known = ~np.isnan(matrix) if np.isnan(matrix).any() else matrix != 0
    if known.all():
        return None
    for rows, there in ((matrix, known), (matrix.T, known.T)):
        falls = (np.diff(rows, axis=1) <= 0) & there[:, 1:]
        if (there[:, :-1] >= there[:, 1:]).all() and not falls.any():
            return [row[inside] for row, inside in zip(rows, there, strict=True)]
    return None


def _of_one_unit_each(lists) -> dict:
    """Lists that are times of a unit each: in order, and none called as all times or all units are."""
    trains = {name: one for name, one in lists.items() if one.dtype.kind in "iuf"}
    usual = called((*TIMES, *UNITS), trains)
    alone = len(trains) == 1 and usual and plain(usual[0])[0] in TIMES
    rising = all(len(one) < 2 or (np.diff(one) >= 0).all() for one in trains.values())
    return trains if rising and (alone or not usual) else {}


def _remedy(matrices, say: str) -> str:
    counted = [
        name
        for name, one in matrices.items()
        if max(one.shape) >= _BINS
        and np.isfinite(one).all()
        and (one >= 0).all()
        and (one == np.floor(one)).all()
    ]
    if counted:
        return (
            f"{counted[0]} looks like counts in bins: read it with format counts "
            "(--format counts --format-options '{\"bin_ms\": 10}')"
        )
    return (
        "Needed are times and units of all spikes, an array of two columns (time and unit), or the times of "
        f"each unit in an array of its own, in order; {say}"
    )


def _some(names) -> str:
    shown = list(names)[:3]
    return ", ".join(shown) + (" ..." if len(names) > len(shown) else "")
