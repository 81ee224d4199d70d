"""Arrays of NumPy in one file: a list of spikes, or an array of times for each unit."""

import os
from pathlib import Path

import numpy as np

from circuitbias.component import Reader, option
from circuitbias.numpy_files import read_npy, unzipped
from circuitbias.reading import opened
from circuitbias.recordings.arrays import found_in_arrays, listed, said_by_scalars
from circuitbias.recordings.found import Found, of_pairs
from circuitbias.recordings.names import plain
from circuitbias.recordings.readers.spikeinterface import of_npz

_PICKLED = "_metadata"
_OF_PYNAPPLE = (
    "a TsGroup of pynapple; its metadata are pickled in this file, and so left out (hand over the object "
    "itself, where they are needed)"
)


_RAGGED = (
    "Of lists of unequal length save all in one, and where each ends: "
    "spike_times=numpy.concatenate(trains), spike_times_index=numpy.cumsum([len(t) for t in trains])"
)


class Npz(Reader):
    """Arrays of NumPy: `times` and `units` of all spikes, an array a unit, or the TsGroup of pynapple."""

    suffixes = (".npz", ".npy")

    times: str | None = option(None, "Array of the times of all spikes.")
    units: str | None = option(None, "Array of the unit of each spike.")

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        with opened(path) as file:
            if path.suffix.lower() == ".npy":
                array = read_npy(file, os.fstat(file.fileno()).st_size, path.name)
                if array.ndim == 1 and array.dtype.names is None:
                    raise ValueError(
                        "it is one list: name the folder of Phy or Kilosort that it lies in, or save times "
                        "and units of all spikes in an .npz"
                    )
                return found_in_arrays({path.stem: array}, say="save times and units in an .npz")
            try:
                arrays = unzipped(file, lambda names: [one for one in names if one != _PICKLED], columns=True)
            except ValueError as error:
                if "Python objects" in str(error):
                    raise ValueError(f"{error}. {_RAGGED}") from error
                raise
        if "type" in arrays and str(np.ravel(arrays["type"])[:1].tolist()) == "['TsGroup']":
            return _of_pynapple(arrays, arrays["t"], arrays["index"])
        if set(arrays) >= {"unit_ids", "sampling_frequency", "spike_indexes_seg0", "spike_labels_seg0"}:
            return of_npz(arrays)
        return chosen_in(arrays, self.times, self.units)


def chosen_in(arrays: dict, times: str | None, units: str | None) -> Found:
    """Take the arrays of these names; or, where there are none, find out which hold the spikes."""
    if (times is None) != (units is None):
        raise ValueError("give both of times and units, or none")
    if times is None:
        return found_in_arrays(arrays, say="say their names: times, units")
    if times not in arrays or units not in arrays:
        raise ValueError(f"there are no arrays {times} and {units}; {listed(arrays)}")
    extra = {"time_unit": plain(times)[1]} | said_by_scalars(arrays)
    return of_pairs(arrays[times], arrays[units], notes=[f"arrays {times} and {units}"], **extra)


def _of_pynapple(arrays, times, units) -> Found:
    """The file that ``TsGroup.save`` writes: one time support, seconds, columns of metadata."""
    keys = arrays["keys"] if "keys" in arrays else np.unique(units)
    found = of_pairs(times, units, keys, time_unit="s", notes=[_OF_PYNAPPLE])
    support = np.column_stack([arrays[edge].astype(float).ravel() for edge in ("start", "end")])
    found.observed_s = [support] * len(found.ids)
    for name, array in arrays.items():
        taken = ("t", "d", "start", "end", "index", "keys", "type", "rate")
        if array.shape == (len(found.ids),) and name not in taken:
            found.properties[name] = array.tolist()
    return found
