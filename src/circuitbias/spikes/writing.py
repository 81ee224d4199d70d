"""Writing spike files, in the layout that `circuitbias.spikes.storage` gives."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import h5py
import numpy as np

from circuitbias.checks import number, require, whole
from circuitbias.files import atomic_path
from circuitbias.spikes.hdf5_sink import Sink
from circuitbias.spikes.segments import Segment, checked_segments
from circuitbias.spikes.storage import AT_ONCE, BLOCK, FORMAT, LONGEST_SEGMENT, MOST_NEURONS, VERSION

_SMALL_BLOCK = 2**14  # in a block that is not compressed: it takes its whole room, also if it is not full
_CHECKED = {"fletcher32": True}
_PACKED = {"shuffle": True, "compression": "gzip", "compression_opts": 1, **_CHECKED}


def write_spikes(
    path: str | Path,
    segments: Iterable[Segment],
    n_neurons: int,
    dt_ms: float,
    metadata: dict,
    progress: Callable[[int], None] = lambda n_new_spikes: None,
    repeats: bool = False,
) -> None:
    """Write segments to a spike file as they come: aside first, renamed when whole.

    Parameters
    ----------
    path : path
    segments : iterable of Segment
        Contiguous in time within each trial; trials may alternate.
    n_neurons : int
    dt_ms : float
        Length of a step in milliseconds.
    metadata : dict
        What made the spikes; anything JSON can hold.
    progress : callable, optional
        Called with the number of spikes of each segment written.
    repeats : bool, optional
        Whether a neuron may fire more than once in a step.

    Raises
    ------
    ValueError
        If an argument is out of its range, metadata cannot be JSON, or a segment is not what
        `circuitbias.spikes.segments.checked_segments` asks for. What was at `path` stays as it was.
    """
    n_neurons = whole("n_neurons", n_neurons, least=1, most=MOST_NEURONS)
    dt_ms = number("dt_ms", dt_ms, above=0)
    require(isinstance(metadata, Mapping), "metadata", metadata, "a mapping")
    try:
        text = json.dumps(metadata, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"metadata: cannot be written as JSON ({error})") from error
    index = []
    n_spikes = 0
    pending = []  # spikes not yet written: whole blocks compress best
    with atomic_path(path) as aside, Sink(aside) as sink, h5py.File(sink, "w", libver="v110") as file:
        file.attrs.update(
            format=FORMAT,
            version=VERSION,
            n_neurons=n_neurons,
            dt_ms=dt_ms,
            metadata=np.bytes_(text),
        )
        packed = {"shape": (0,), "maxshape": (None,), "chunks": (BLOCK,), **_PACKED}
        kind = np.min_scalar_type(n_neurons - 1)
        # One byte that may be any neuron hardly packs: by a sixth, for more time than all else of the file.
        unpacked = {"shape": (0,), "maxshape": (None,), "chunks": (_SMALL_BLOCK,), **_CHECKED}
        neuron = file.create_dataset("neuron", dtype=kind, **(unpacked if kind == np.uint8 else packed))
        gap = file.create_dataset("gap", dtype=np.uint16, **packed)

        def flush():
            gaps, neurons = map(np.concatenate, zip(*pending, strict=True))
            for dataset, values in ((gap, gaps), (neuron, neurons)):
                dataset.resize(len(dataset) + len(values), axis=0)
                dataset[-len(values) :] = values
            pending.clear()
            sink.check()

        for segment in _split(checked_segments(segments, n_neurons, repeats)):
            size = segment.steps.size
            index.append((segment.trial, segment.first_step, segment.n_steps, n_spikes, size))
            if size:
                gaps = np.diff(segment.steps, prepend=segment.first_step)
                pending.append((gaps.astype(np.uint16), segment.neurons.astype(neuron.dtype)))
                n_spikes += size
            if n_spikes - len(gap) >= AT_ONCE:
                flush()
            progress(size)
        if pending:
            flush()
        rows = np.array(index, dtype=np.int64).reshape(-1, 5)
        layout = {"maxshape": (None, 5), "chunks": (1024, 5)}  # chunks, as only they have checksums
        file.create_dataset("segments", data=rows, **layout, **_PACKED)


def _split(segments: Iterable[Segment]) -> Iterator[Segment]:
    """Cut what is longer than the format allows."""
    for segment in segments:
        ends = np.arange(LONGEST_SEGMENT, segment.n_steps + LONGEST_SEGMENT, LONGEST_SEGMENT)
        cuts = np.searchsorted(segment.steps, segment.first_step + ends)
        for end, last, first in zip(ends, cuts, np.append(0, cuts), strict=False):
            yield Segment(
                segment.trial,
                segment.first_step + int(end) - LONGEST_SEGMENT,
                min(LONGEST_SEGMENT, segment.n_steps - int(end) + LONGEST_SEGMENT),
                segment.steps[first:last],
                segment.neurons[first:last],
            )
