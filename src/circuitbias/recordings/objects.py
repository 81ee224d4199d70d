"""Recordings that are in memory already: objects of other libraries, known by what they can do.

None of these libraries is imported here.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from circuitbias.recordings.arrays import found_in_arrays
from circuitbias.recordings.found import Found, id_text, of_trains
from circuitbias.recordings.names import TIMES, called
from circuitbias.recordings.readers.spike_file import of_source

TAKEN = (
    "a mapping of times by unit, or of arrays by name, a list of arrays of times, a pandas DataFrame or an "
    "array with a row a spike, a SpikeInterface sorting, a pynapple TsGroup, a neo Block or Segment, or a "
    "list of these or of SpikeTrains, a Brian SpikeMonitor, a SpikeRecord or SpikeFile"
)


def found_in(thing) -> Found:
    """Take spike times out of an object.

    Raises
    ------
    ValueError
        If it is nothing that is known here.
    """
    if hasattr(thing, "get_unit_spike_train"):
        return _of_spikeinterface(thing)
    if hasattr(thing, "time_support") and hasattr(thing, "keys"):
        return _of_pynapple(thing)
    if hasattr(thing, "segments") and hasattr(thing, "trial_steps"):
        return of_source(thing)
    if hasattr(thing, "segments"):
        return of_neo([one.spiketrains for one in thing.segments])
    if hasattr(thing, "spiketrains"):
        return of_neo([thing.spiketrains])
    if hasattr(thing, "spike_trains"):  # of Brian: seconds, if its unit is taken off
        return of_trains({k: np.asarray(v) for k, v in thing.spike_trains().items()}, time_unit="s")
    if hasattr(thing, "columns") and hasattr(thing, "iloc") and not _is_of_pynapple(thing):
        columns = {str(name): np.asarray(thing[name]) for name in thing.columns}
        cells = any(isinstance(_array_or_cells(one), list) for one in columns.values())
        # A row a unit: its label is the id, if no column is.
        return _of_table({"unit_id": np.asarray(thing.index)} | columns if cells else columns)
    if hasattr(thing, "items") and hasattr(thing, "index"):  # a Series of pandas
        return _of_trains(list(thing.items()))
    if isinstance(thing, Mapping):
        if called(TIMES, map(str, thing)):
            return _of_table(thing)
        return _of_trains(list(thing.items()))
    if isinstance(thing, np.ndarray) and thing.dtype != object:
        return _of_table({"array": thing})
    listed = isinstance(thing, Sequence | np.ndarray) or type(thing).__name__ == "SpikeTrainList"
    if listed and not isinstance(thing, str | bytes) and len(thing):
        if all(hasattr(one, "t_start") and hasattr(one, "rescale") for one in thing):
            return of_neo([list(thing)])
        if all(
            hasattr(one, "segments") or hasattr(one, "spiketrains") for one in thing
        ):  # as neo reads files
            return of_neo([part.spiketrains for one in thing for part in getattr(one, "segments", [one])])
        if len(thing) > 2 and all(isinstance(one, tuple) and len(one) == 2 for one in thing):  # rows
            return _of_table(
                {"times": np.array([a for a, _ in thing]), "units": np.array([b for _, b in thing])}
            )
        if isinstance(thing, tuple) and len(thing) == 2 and _are_pairs(*map(np.asarray, thing)):
            return _of_table({"times": np.asarray(thing[0]), "units": np.asarray(thing[1])})
        return _of_trains(list(enumerate(thing)))
    raise ValueError(
        f"a {type(thing).__name__} is no recording that is known here: must be a path, or {TAKEN}"
    )


_SAY = "say which they are, as {'times': ..., 'units': ...}"


def _is_of_pynapple(thing) -> bool:
    return hasattr(thing, "time_support")


def _of_table(arrays: Mapping) -> Found:
    """Arrays with names, as in a file: times and units of spikes, or times with where each unit ends."""
    held = {str(name): _array_or_cells(one) for name, one in arrays.items()}
    held = {
        name: one.astype(str) if isinstance(one, np.ndarray) and one.dtype == object else one
        for name, one in held.items()
    }
    return found_in_arrays(held, say=_SAY)


def _array_or_cells(one):
    """An array; of arrays of times, one a unit, a list."""
    if hasattr(one, "rescale"):
        return one.rescale("s").magnitude
    is_list = isinstance(one, list | tuple) or getattr(one, "dtype", None) == np.dtype(object)
    if is_list and len(one) and np.ndim(one[0]):
        return [np.asarray(cell) for cell in one]
    return np.asarray(one)


def _are_pairs(times: np.ndarray, units: np.ndarray) -> bool:
    """Whether two arrays are times and units of spikes, and not times of two units."""
    alike = times.ndim == units.ndim == 1 and len(times) == len(units) > 2
    return alike and (units.dtype.kind in "USiu" or bool((np.diff(units) < 0).any()))


def _of_trains(pairs: list) -> Found:
    """Times of units, each an array, or what holds one: a quantity, a Ts of pynapple, a column."""
    words, trains = set(), []
    for unit, one in pairs:
        if hasattr(one, "rescale"):  # of neo and quantities
            one, word = one.rescale("s").magnitude, "s"
        elif hasattr(one, "time_support"):
            one, word = one.t, "s"
        elif hasattr(one, "get_best_unit"):  # of Brian: in seconds, if its unit is taken off
            one, word = np.asarray(one), "s"
        else:
            word = None
        try:
            times = np.asarray(one, dtype=None if len(one) else float)
            is_list = times.dtype.kind in "iuf"
        except (TypeError, ValueError):
            is_list = False
        if not is_list:
            raise ValueError(f"unit {unit} is a {type(one).__name__}, which holds no times: {_SAY}")
        times = times.ravel() if times.size == max(times.shape, default=0) else times
        trains.append((unit, times))
        words.add(word)
    if len(words) > 1:
        raise ValueError("some units have times with a unit of measure, others without: give all alike")
    return of_trains(trains, time_unit=words.pop() if words else None)


def _of_spikeinterface(sorting) -> Found:
    """Samples of each unit. Several segments come one after the other."""
    rate, n_segments = float(sorting.get_sampling_frequency()), sorting.get_num_segments()
    ids, times, observed, notes = list(sorting.unit_ids), [], None, []
    trains = [
        [np.asarray(sorting.get_unit_spike_train(unit, segment_index=k)) for unit in ids]
        for k in range(n_segments)
    ]
    if n_segments > 1:
        offset, spans = 0, []
        for of_segment in trains:
            spikes = np.concatenate(of_segment)
            end = offset + int(spikes.max(initial=0)) + 1
            spans.append((offset / rate, end / rate))
            of_segment[:] = [train + offset for train in of_segment]
            offset = end + 1
        observed = [np.array(spans)] * len(ids)
        notes.append(f"{n_segments} segments come one after the other, each up to its last spike")
    times = [np.concatenate(parts) for parts in zip(*trains, strict=True)]
    found = of_trains(zip(ids, times, strict=True), time_unit="samples", sampling_rate_hz=rate, notes=notes)
    found.observed_s = observed
    for name in sorting.get_property_keys():
        column = np.asarray(sorting.get_property(name))
        if column.shape == (len(ids),):
            found.properties[name] = column.tolist()
    return found


def _of_pynapple(group) -> Found:
    """Seconds, within one time support for all."""
    ids = list(group.keys())
    found = of_trains([(unit, np.asarray(group[unit].t)) for unit in ids], time_unit="s")
    support = np.column_stack([np.asarray(group.time_support[edge], float) for edge in ("start", "end")])
    found.observed_s = [support] * len(ids)
    for name in getattr(group, "metadata_columns", ()):
        if name != "rate":
            found.properties[str(name)] = np.asarray(group.get_info(name)).tolist()
    return found


def of_neo(segments) -> Found:
    """Trains of each segment of neo: in seconds of their own clock, observed from t_start to t_stop.

    Segments whose times overlap are trials with a clock each: they come one after the other.
    """
    segments = [list(trains) for trains in segments]
    segments = [trains for trains in segments if trains]
    if not segments:
        raise ValueError("there are no spike trains in it")
    names = [_names(trains) for trains in segments]
    ids = list(dict.fromkeys(name for of_segment in names for name in of_segment))
    times, observed = {one: [] for one in ids}, {one: [] for one in ids}
    spans = [(min(map(_start, trains)), max(map(_stop, trains))) for trains in segments]
    shifts, notes, end = [0.0] * len(spans), [], -np.inf
    if any(start < stop for (_, stop), (start, _) in pairwise(spans)):
        for k, (start, stop) in enumerate(spans):
            shifts[k] = 0.0 if k == 0 else end + 1.0 - start
            end = stop + shifts[k]
        notes.append(
            f"{len(spans)} segments on a clock of their own come one after the other, a second apart"
        )
    properties: dict[str, dict] = {}
    for of_segment, trains, shift in zip(names, segments, shifts, strict=True):
        for name, train in zip(of_segment, trains, strict=True):
            times[name].append(np.asarray(train.rescale("s").magnitude, dtype=float).ravel() + shift)
            observed[name].append((_start(train) + shift, _stop(train) + shift))
            for key, value in getattr(train, "annotations", {}).items():
                if isinstance(value, str | int | float | np.generic):
                    properties.setdefault(str(key), {})[name] = value
    found = of_trains([(one, np.concatenate(times[one])) for one in ids], time_unit="s", notes=notes)
    found.observed_s = [np.array(observed[one]) for one in ids]
    found.properties = {key: [column.get(one) for one in ids] for key, column in properties.items()}
    return found


def _start(train) -> float:
    return float(train.t_start.rescale("s").magnitude)


def _stop(train) -> float:
    return float(train.t_stop.rescale("s").magnitude)


def _names(trains) -> list[str]:
    """Ids of trains: what they call their unit, if that tells them apart; else their place."""
    for get in (
        lambda train: train.annotations.get("id"),
        lambda train: train.annotations.get("unit_id"),
        lambda train: train.name or None,
    ):
        found = [get(train) for train in trains]
        texts = [id_text(one) for one in found if one is not None]
        if len(texts) == len(trains) == len(set(texts)):
            return texts
    return [str(k) for k in range(len(trains))]
