"""HDF5 of one's own making: arrays of times and of units, at the top or in one group."""

from pathlib import Path

import h5py
import numpy as np

from circuitbias.columns import AT_ONCE, Column, of_dataset
from circuitbias.component import Reader, option
from circuitbias.reading import check_hdf5_storage, check_size, hdf5_item, hdf5_opened
from circuitbias.recordings.arrays import said_by_scalars
from circuitbias.recordings.found import Found, id_text, of_trains
from circuitbias.recordings.names import TIMES, called, plain
from circuitbias.recordings.readers.npz import chosen_in

_MOST = 2**16  # datasets; those of a unit each among them


class Hdf5(Reader):
    """HDF5 that is neither NWB nor SONATA: arrays of times and units, or an array a unit."""

    group: str | None = option(None, "Group that the arrays lie in; null: the top, or the only group.")
    times: str | None = option(None, "Array of the times of all spikes.")
    units: str | None = option(None, "Array of the unit of each spike.")

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        with hdf5_opened(path) as file:
            group = file
            for part in (self.group or "").split("/"):
                group = hdf5_item(group, part) if part else group
            if self.group is None and len(group) == 1:
                (only,) = group
                inner = hdf5_item(group, only)
                group = inner if isinstance(inner, h5py.Group) else group
            if not isinstance(group, h5py.Group) or len(group) > _MOST:
                raise ValueError(f"{self.group} is no group with at most {_MOST} arrays")
            arrays = _arrays(group)
            if not any(one.size > 1 for one in arrays.values()):
                return _of_groups(group)
            return chosen_in(arrays, self.times, self.units)


def _arrays(group: h5py.Group, held: int = 0) -> dict[str, np.ndarray | Column]:
    """Arrays of numbers in a group, `held` bytes beside others; long lists as columns."""
    arrays = {}
    for name in group:
        item = hdf5_item(group, name)
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf":
            check_hdf5_storage(item)
            if item.ndim == 1 and item.size >= AT_ONCE:
                arrays[name] = of_dataset(item)
            else:
                held += item.nbytes
                check_size("what it holds", held)
                arrays[name] = np.asarray(item[()])
            unit = item.attrs.get("units", item.attrs.get("unit"))
            arrays |= _said(name, unit) if unit is not None else {}
    return arrays


def _of_groups(group: h5py.Group) -> Found:
    """A group a unit, each with an array of its times; other arrays of one value are properties."""
    trains, properties, words, held = {}, {}, set(), 0
    for name in group:
        inner = hdf5_item(group, name)
        arrays = _arrays(inner, held) if isinstance(inner, h5py.Group) else {}
        named = called(TIMES, [key for key in arrays if arrays[key].dtype.kind in "iuf"])
        if not named:
            continue
        times = arrays[named[0]]
        held += 8 * times.size
        check_size("its times", held)
        trains[name] = np.ravel(times)
        words.add(plain(named[0])[1] or said_by_scalars(arrays).get("time_unit"))
        properties[name] = {k: one.item() for k, one in arrays.items() if one.size == 1 and k != "time_unit"}
    if not trains:
        raise ValueError(
            f"there are no arrays in it that are numbers, nor groups with times of a unit each; there are "
            f"{', '.join(list(group)[:8]) or 'none'}"
        )
    if len(words) > 1:
        raise ValueError(f"its groups have times in {' and '.join(sorted(map(str, words)))}")
    found = of_trains(trains, time_unit=words.pop(), notes=["a group a unit"])
    names = {key for one in properties.values() for key in one} - set(TIMES)
    found.properties = {key: [properties[name].get(key) for name in trains] for key in sorted(names)}
    return found


def _said(name: str, unit) -> dict:
    """The unit of time that an attribute of an array of times says."""
    return {"time_unit": np.array(id_text(unit))} if called(TIMES, [name]) else {}
