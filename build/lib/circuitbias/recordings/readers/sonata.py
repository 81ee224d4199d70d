"""SONATA's spike files: HDF5 with times and node ids for each population."""

from pathlib import Path

import h5py
import numpy as np

from circuitbias.component import Reader, option
from circuitbias.reading import check_hdf5_storage, check_size, hdf5_item, hdf5_opened
from circuitbias.recordings.found import Found, of_pairs
from circuitbias.recordings.names import unit_of_time


class Sonata(Reader):
    """SONATA (.h5): /spikes/POPULATION with node_ids and timestamps, in ms if no attribute says more."""

    population: str | None = option(None, "Which population; null: the only one, or all, as POPULATION:ID.")

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        with hdf5_opened(path) as file:
            spikes = hdf5_item(file, "spikes")
            if "timestamps" in spikes:  # files of the first version of the format have no populations
                found = {"": spikes}
            else:
                found = {name: hdf5_item(spikes, name) for name in spikes}
            groups = {name: group for name, group in found.items() if isinstance(group, h5py.Group)}
            if self.population is not None:
                if self.population not in groups:
                    raise ValueError(
                        f"population = {self.population!r}: there are {', '.join(groups) or 'none'}"
                    )
                groups = {self.population: groups[self.population]}
            if not groups:
                raise ValueError("it has no population of spikes")
            parts = [_read(name, group) for name, group in groups.items()]
        units = {unit for _, _, unit in parts}
        if len(units) > 1:
            raise ValueError(f"populations have times in {' and '.join(sorted(units))}: read one by itself")
        times = np.concatenate([times for times, _, _ in parts])
        if len(parts) == 1:
            return of_pairs(
                times, parts[0][1], time_unit=units.pop(), notes=[f"population {next(iter(groups))}"]
            )
        labels = [f"{name}:{one}" for name, (_, ids, _) in zip(groups, parts, strict=True) for one in ids]
        notes = [f"populations {', '.join(groups)}"]
        return of_pairs(times, np.array(labels), time_unit=units.pop(), notes=notes)


def _read(name: str, group: h5py.Group) -> tuple[np.ndarray, np.ndarray, str]:
    times = hdf5_item(group, "timestamps")
    ids = hdf5_item(group, "node_ids" if "node_ids" in group else "gids")
    for dataset in (times, ids):
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 1 or dataset.dtype.kind not in "iuf":
            raise ValueError(f"population {name}: timestamps and node_ids must be lists of numbers")
        check_size(f"population {name}", dataset.nbytes)
        check_hdf5_storage(dataset)
    unit = times.attrs.get("units", "milliseconds")
    unit = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    try:
        unit = unit_of_time(unit)
    except ValueError as error:
        raise ValueError(f"population {name}: {error}") from None
    return times[:], ids[:], unit
