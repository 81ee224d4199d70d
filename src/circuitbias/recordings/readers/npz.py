"""Arrays of NumPy in one file: a list of spikes, or an array of times for each unit."""

from pathlib import Path

import numpy as np

from circuitbias.component import Reader, option
from circuitbias.reading import opened, unzipped
from circuitbias.recordings.found import Found, of_pairs, of_trains

_PAIRS = (
    ("times", "units"),
    ("spike_times", "spike_clusters"),
    ("spike_times", "spike_units"),
    ("spike_times", "units"),
    ("times", "clusters"),
    ("t", "i"),
    ("timestamps", "node_ids"),
)

_PICKLED = "_metadata"
_OF_PYNAPPLE = (
    "a TsGroup of pynapple; its metadata are pickled in this file, and so left out (hand over the object "
    "itself, where they are needed)"
)


class Npz(Reader):
    """Arrays of NumPy: `times` and `units` of all spikes, an array a unit, or the TsGroup of pynapple."""

    suffixes = (".npz",)

    times: str | None = option(None, "Array of the times of all spikes.")
    units: str | None = option(None, "Array of the unit of each spike.")

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        with opened(path) as file:
            arrays = unzipped(file, lambda names: [name for name in names if name != _PICKLED])
        if "type" in arrays and str(arrays["type"].ravel()[:1].tolist()) == "['TsGroup']":
            return _of_pynapple(arrays, arrays["t"], arrays["index"])
        extra = _of_scalars(arrays)
        if (self.times is None) != (self.units is None):
            raise ValueError("give both of times and units, or none")
        named = [(self.times, self.units)] if self.times else _PAIRS
        for times, units in named:
            if times in arrays and units in arrays:
                break
        else:
            if self.times:
                raise ValueError(
                    f"there are no arrays {self.times} and {self.units}; there are {_listed(arrays)}"
                )
            trains = {
                name: array for name, array in arrays.items() if array.ndim == 1 and array.dtype.kind in "iuf"
            }
            if not trains:
                raise ValueError(
                    f"it holds {_listed(arrays)}; needed are times and units (say their names: times, "
                    "units), or "
                    "an array of times for each unit"
                )
            others = [name for name in arrays if name not in trains and arrays[name].ndim]
            notes = [f"left out, as they are no lists of numbers: {', '.join(others)}"] if others else []
            return of_trains(trains, notes=notes, **extra)
        return of_pairs(arrays[times], arrays[units], notes=[f"arrays {times} and {units}"], **extra)


def _of_scalars(arrays) -> dict:
    """A unit of time and a sampling rate, where the file holds them as arrays of one value."""
    found = {}
    for name in ("time_unit", "time_units"):
        if name in arrays and arrays[name].size == 1 and arrays[name].dtype.kind in "US":
            found["time_unit"] = str(arrays[name].astype(str).item())
    for name in ("sampling_rate_hz", "sampling_rate", "fs", "sampling_frequency"):
        if name in arrays and arrays[name].size == 1 and arrays[name].dtype.kind in "iuf":
            found["sampling_rate_hz"] = float(arrays[name].item())
    return found


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


def _listed(arrays) -> str:
    return ", ".join(f"{name} {array.shape}" for name, array in list(arrays.items())[:8]) or "nothing"
