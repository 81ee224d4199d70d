"""What SpikeInterface saves: the folder of a sorting, and arrays of one in an .npz file."""

import json
import os
from pathlib import Path

import numpy as np

from circuitbias.component import Reader
from circuitbias.numpy_files import read_npy, unzipped
from circuitbias.reading import check_size, opened
from circuitbias.recordings.found import Found, of_pairs

_MOST_INFO = 2**24  # bytes
_OLDER = "sorting_cached.npz"  # in place of spikes.npy


class SpikeInterface(Reader):
    """A folder that SpikeInterface saved a sorting to: spikes.npy, numpysorting_info.json, properties."""

    @staticmethod
    def files(path: Path) -> list[Path]:
        """See `Reader.files`."""
        names = [path / one for one in ("numpysorting_info.json", "spikes.npy", _OLDER)]
        return [one for one in names if one.exists()] + sorted((path / "properties").glob("*.npy"))

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        found = _of_npz_folder(path) if (path / _OLDER).exists() else _of_folder(path)
        for one in sorted((path / "properties").glob("*.npy")):
            try:
                column = _array(one)
            except ValueError as error:  # pickled
                found.notes.append(f"property {one.stem} is left out: {error}")
                continue
            if column.shape == (len(found.ids),) and column.dtype.kind in "biufU":
                found.properties[one.stem] = column.tolist()
        return found


def _of_npz_folder(path: Path) -> Found:
    with opened(path / _OLDER) as file:
        return of_npz(unzipped(file))


def _of_folder(path: Path) -> Found:
    with opened(path / "numpysorting_info.json") as file:
        info = json.loads(file.read(_MOST_INFO))
    spikes = _array(path / "spikes.npy")
    if spikes.dtype.names is None or {"sample_index", "unit_index"} - set(spikes.dtype.names):
        raise ValueError("spikes.npy has no fields sample_index and unit_index")
    segments = spikes["segment_index"] if "segment_index" in spikes.dtype.names else 0
    return of_sorting(
        info["unit_ids"],
        float(info["sampling_frequency"]),
        spikes["sample_index"],
        spikes["unit_index"],
        np.broadcast_to(segments, spikes.shape),
    )


def of_sorting(ids: list, rate_hz: float, samples, places, segments) -> Found:
    """Take spikes of a sorting; its segments, each with a clock of its own, come one after the other.

    Parameters
    ----------
    ids : list
        Of the units.
    rate_hz : float
    samples, places, segments : ndarray, shape (n_spikes,)
        Sample of each spike in its segment, place of its unit in `ids`, and segment.
    """
    places = np.asarray(places)
    if places.size and not (places.min() >= 0 and places.max() < len(ids)):
        raise ValueError(f"spikes are of unit number {places.max() + 1}, and there are {len(ids)} units")
    n_segments, start, spans = int(np.max(segments, initial=0)) + 1, 0, []
    if n_segments > 1:
        samples = np.array(samples, dtype=np.int64)
        for segment in range(n_segments):
            inside = np.asarray(segments) == segment
            samples[inside] += start
            end = int(samples[inside].max(initial=start)) + 1
            spans.append((start / rate_hz, end / rate_hz))
            start = end + 1
    notes = ["a sorting of SpikeInterface"]
    if spans:
        notes.append(f"{n_segments} segments come one after the other, each up to its last spike")
    found = of_pairs(samples, places, time_unit="samples", sampling_rate_hz=rate_hz, notes=notes, names=ids)
    by_id = dict(zip(found.ids, found.times, strict=True))
    found.ids = list(map(str, ids))
    found.times = [by_id.get(one, np.empty(0)) for one in found.ids]
    found.observed_s = [np.array(spans)] * len(found.ids) if spans else None
    return found


def of_npz(arrays) -> Found:
    """The file that ``NpzSortingExtractor.write_sorting`` writes."""
    n, ids = sum(name.startswith("spike_indexes_seg") for name in arrays), arrays["unit_ids"]
    names = ("spike_indexes_seg", "spike_labels_seg")
    parts = [tuple(np.asarray(arrays[f"{name}{k}"]) for name in names) for k in range(n)]
    segments = np.repeat(np.arange(n), [len(samples) for samples, _ in parts])
    samples, labels = map(np.concatenate, zip(*parts, strict=True))
    order = np.argsort(ids, kind="stable")
    places = order[np.minimum(np.searchsorted(ids, labels, sorter=order), len(ids) - 1)]
    if (ids[places] != labels).any():
        raise ValueError("spikes are of units that unit_ids does not have")
    return of_sorting(ids.tolist(), float(arrays["sampling_frequency"].item()), samples, places, segments)


def _array(path: Path) -> np.ndarray:
    with opened(path) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        check_size(path.name, n_bytes)
        return read_npy(file, n_bytes, path.name)
