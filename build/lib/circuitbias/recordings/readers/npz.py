"""Arrays of NumPy in one file: a list of spikes, or an array of times for each unit."""

from pathlib import Path

import numpy as np

from circuitbias.component import Reader, option
from circuitbias.numpy_files import unzipped
from circuitbias.reading import opened
from circuitbias.recordings.arrays import found_in_arrays, listed, said_by_scalars
from circuitbias.recordings.found import Found, of_pairs
from circuitbias.recordings.names import plain
from circuitbias.recordings.readers.spikeinterface import of_sorting

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

    suffixes = (".npz",)

    times: str | None = option(None, "Array of the times of all spikes.")
    units: str | None = option(None, "Array of the unit of each spike.")

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        with opened(path) as file:
            try:
                arrays = unzipped(file, lambda names: [name for name in names if name != _PICKLED])
            except ValueError as error:
                if "Python objects" in str(error):
                    raise ValueError(f"{error}. {_RAGGED}") from error
                raise
        if "type" in arrays and str(arrays["type"].ravel()[:1].tolist()) == "['TsGroup']":
            return _of_pynapple(arrays, arrays["t"], arrays["index"])
        if set(arrays) >= {"unit_ids", "sampling_frequency", "spike_indexes_seg0", "spike_labels_seg0"}:
            return _of_spikeinterface(arrays)
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


def _of_spikeinterface(arrays) -> Found:
    """The file that ``NpzSortingExtractor.write_sorting`` writes."""
    n, ids = sum(name.startswith("spike_indexes_seg") for name in arrays), arrays["unit_ids"]
    parts = [(arrays[f"spike_indexes_seg{k}"], arrays[f"spike_labels_seg{k}"]) for k in range(n)]
    segments = np.repeat(np.arange(n), [len(samples) for samples, _ in parts])
    samples, labels = map(np.concatenate, zip(*parts, strict=True))
    order = np.argsort(ids, kind="stable")
    places = order[np.minimum(np.searchsorted(ids, labels, sorter=order), len(ids) - 1)]
    if (ids[places] != labels).any():
        raise ValueError("spikes are of units that unit_ids does not have")
    return of_sorting(ids.tolist(), float(arrays["sampling_frequency"].item()), samples, places, segments)


def _of_pynapple(arrays, times, units) -> Found:
    """The file that ``TsGroup.save`` writes: one time support, seconds, columns of metadata."""
    keys = arrays.get("keys", np.unique(units))
    found = of_pairs(times, units, keys, time_unit="s", notes=[_OF_PYNAPPLE])
    support = np.column_stack([arrays[edge].astype(float).ravel() for edge in ("start", "end")])
    found.observed_s = [support] * len(found.ids)
    for name, array in arrays.items():
        taken = ("t", "d", "start", "end", "index", "keys", "type", "rate")
        if array.shape == (len(found.ids),) and name not in taken:
            found.properties[name] = array.tolist()
    return found
