"""SONATA's spike files: HDF5 with times and node ids for each population."""

from pathlib import Path

import h5py

from circuitbias.columns import Column, of_dataset
from circuitbias.component import Reader, option
from circuitbias.reading import check_hdf5_storage, hdf5_item, hdf5_opened
from circuitbias.recordings.found import Found, of_pairs, of_trains
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
            parts = {name: _read(name, group) for name, group in groups.items()}
            units = {unit for _, _, unit in parts.values()}
            if len(units) > 1:
                told = " and ".join(sorted(units))
                raise ValueError(f"populations have times in {told}: read one by itself")
            found = [(name, of_pairs(times, ids)) for name, (times, ids, _) in parts.items()]
        notes = [f"population{'s' * (len(found) > 1)} {', '.join(groups)}"]
        pairs = [
            (f"{name}:{one}" if len(found) > 1 else one, train)
            for name, of_population in found
            for one, train in zip(of_population.ids, of_population.times, strict=True)
        ]
        return of_trains(pairs, time_unit=units.pop(), notes=notes)


def _read(name: str, group: h5py.Group) -> tuple[Column, Column, str]:
    times = hdf5_item(group, "timestamps")
    ids = hdf5_item(group, "node_ids" if "node_ids" in group else "gids")
    for dataset in (times, ids):
        if not isinstance(dataset, h5py.Dataset) or dataset.ndim != 1 or dataset.dtype.kind not in "iuf":
            raise ValueError(f"population {name}: timestamps and node_ids must be lists of numbers")
        check_hdf5_storage(dataset)
    unit = times.attrs.get("units", "milliseconds")
    unit = unit.decode("utf-8", "replace") if isinstance(unit, bytes) else str(unit)
    try:
        unit = unit_of_time(unit)
    except ValueError as error:
        raise ValueError(f"population {name}: {error}") from None
    return of_dataset(times), of_dataset(ids), unit
