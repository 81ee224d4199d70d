"""HDF5 of one's own making: arrays of times and of units, at the top or in one group."""

from pathlib import Path

import h5py
import numpy as np

from circuitbias.component import Reader, option
from circuitbias.reading import check_hdf5_storage, check_size, hdf5_item, hdf5_opened
from circuitbias.recordings.found import Found, id_text
from circuitbias.recordings.names import TIMES, called
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
            arrays, n_bytes = {}, 0
            for name in group:
                item = hdf5_item(group, name)
                if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf":
                    n_bytes += item.nbytes
                    check_size("what it holds", n_bytes)
                    check_hdf5_storage(item)
                    arrays[name] = np.asarray(item[()])
                    unit = item.attrs.get("units", item.attrs.get("unit"))
                    arrays |= _said(name, unit) if unit is not None else {}
            return chosen_in(arrays, self.times, self.units)


def _said(name: str, unit) -> dict:
    """The unit of time that an attribute of an array of times says."""
    return {"time_unit": np.array(id_text(unit))} if called(TIMES, [name]) else {}
