"""Neurodata Without Borders: the table of units of an NWB 2 file (HDF5), read without pynwb."""

from pathlib import Path

import h5py
import numpy as np

from circuitbias.columns import of_dataset
from circuitbias.component import Reader, option
from circuitbias.reading import check_hdf5_storage, check_size, hdf5_item, hdf5_opened
from circuitbias.recordings.found import Found, id_text
from circuitbias.recordings.names import say

_MOST_UNITS = 2**20
_MOST_MEMBERS = 1000
_ROOMS = ("analysis", "scratch")  # beside the modules in processing
_TIMES = ("spike_times", "spike_times_index", "obs_intervals", "obs_intervals_index", "id")
_POSITIONS = (("x", "y", "z"), ("rel_x", "rel_y", "rel_z"))


class Nwb(Reader):
    """NWB (.nwb): the table of units, with observed intervals, columns and places of their electrodes."""

    suffixes = (".nwb",)

    table: str = option("units", "Path of the table within the file.")

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        with hdf5_opened(path) as file:
            group, place = file, _place(file, self.table)
            for part in place.split("/"):
                group = hdf5_item(group, part)
            if not isinstance(group, h5py.Group) or "id" not in group:
                raise ValueError(f"{place} is no table of units")
            ids = [id_text(one) for one in _numbers(group, "id")]
            if not ids:
                raise ValueError("there are no units in it: the table of units is empty")
            if "spike_times" not in group:
                raise ValueError("its table of units has no spike_times")
            times = _ragged(group, "spike_times", len(ids))
            observed = None
            if "obs_intervals" in group:
                observed = _ragged(group, "obs_intervals", len(ids))
            found = Found(ids, times, time_unit="s", observed_s=observed, notes=[f"table {place}"])
            found.properties = _columns(group, len(ids), found.notes)
            found.properties |= _positions(file, group, len(ids))
            return found


def _place(file: h5py.File, table: str) -> str:
    """Path of the table of units: that which was asked for, or the only one that lies elsewhere."""
    if table in file:
        return table
    rooms = [*_ROOMS, *(f"processing/{name}" for name in _members(file, "processing"))]
    places = [f"{room}/{name}" for room in rooms for name in _members(file, room)]
    others = [place for place in places if "spike_times" in _members(file, place)]
    if len(others) == 1 and table == Nwb().table:
        return others[0]
    hint = f"; there are {', '.join(others)}: {say('table', others[0])}" if others else ": no sorted units"
    raise ValueError(f"there is no table {table} in it{hint}")


def _members(file: h5py.File, place: str) -> list[str]:
    """Names in a group that lies in the file itself; none if it is no group."""
    group = file
    for part in place.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            return []
        group = group[part]
        if not isinstance(group, h5py.Group):
            return []
    return list(group)[:_MOST_MEMBERS]


def _numbers(group: h5py.Group, name: str) -> np.ndarray:
    dataset = hdf5_item(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.dtype.kind not in "biuf":
        raise ValueError(f"{name} holds no numbers")
    check_size(name, dataset.nbytes)
    check_hdf5_storage(dataset)
    return dataset[()]


def _values(group: h5py.Group, name: str) -> np.ndarray:
    """Numbers of all rows, with progress."""
    dataset = hdf5_item(group, name)
    if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 1 or dataset.dtype.kind != "f":
        return _numbers(group, name)
    check_size(
        f"{dataset.size} values of {name}", 8 * dataset.size + dataset.nbytes * (dataset.dtype.itemsize < 8)
    )
    check_hdf5_storage(dataset)
    return np.asarray(of_dataset(dataset))


def _ragged(group: h5py.Group, name: str, n: int) -> list[np.ndarray]:
    """Values of each row: an index says where each ends."""
    values, ends = _values(group, name), _numbers(group, f"{name}_index").astype(np.int64)
    if ends.shape != (n,) or (np.diff(ends, prepend=0) < 0).any() or ends[-1] > len(values):
        raise ValueError(f"{name}_index does not fit {n} units and {len(values)} values")
    return np.split(values[: ends[-1]], ends[:-1])


def _columns(group: h5py.Group, n: int, notes: list[str]) -> dict[str, list]:
    """Columns with one number or text for each unit."""
    found, others = {}, []
    for name in group:
        if name in _TIMES or (name.endswith("_index") and name.removesuffix("_index") in group):
            continue
        column = hdf5_item(group, name)
        whole = isinstance(column, h5py.Dataset) and column.shape == (n,) and n <= _MOST_UNITS
        if not whole or f"{name}_index" in group:
            others.append(name)
        elif column.dtype.kind in "biuf":
            found[name] = column[()].tolist()
        elif h5py.check_string_dtype(column.dtype):
            found[name] = [id_text(one) for one in column[()]]
    if others:
        notes.append(f"columns without one value a unit are left out: {', '.join(others)}")
    return found


def _positions(file: h5py.File, group: h5py.Group, n: int) -> dict[str, list]:
    """Mean place of the electrodes of each unit, where both are known."""
    place = "general/extracellular_ephys/electrodes"
    if "electrodes" not in group or "electrodes_index" not in group or place not in file:
        return {}
    rows = [row.astype(np.int64) for row in _ragged(group, "electrodes", n)]
    table = file
    for part in place.split("/"):
        table = hdf5_item(table, part)
    for names in _POSITIONS:
        axes = {axis: _numbers(table, name) for axis, name in zip("xyz", names, strict=True) if name in table}
        known = {axis: values for axis, values in axes.items() if np.isfinite(values).any()}
        if known:
            inside = all(
                ((row >= 0) & (row < len(values))).all() for row in rows for values in known.values()
            )
            if not inside:
                raise ValueError("units name electrodes that the table of electrodes does not have")
            return {
                axis: [float(values[row].mean()) if len(row) else np.nan for row in rows]
                for axis, values in known.items()
            }
    return {}
