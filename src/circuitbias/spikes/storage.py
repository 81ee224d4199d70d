"""Spike files: sorted events in one compressed, check-summed HDF5 file.

Layout (format version 1)::

    /neuron    unsigned integer   neuron of each spike (one byte up to 256 neurons)
    /gap       uint16             steps since the spike before it in its segment; for the first spike
                                  of a segment since the segment's first step
    /segments  int64 (n, 5)       trial, first step, number of steps, first spike, number of spikes
    attributes                    format, version, n_neurons, dt_ms, metadata (JSON)

Gaps are small numbers, so they compress to little more than their entropy; a segment is at most 2**16
steps long, so that they always fit, and starts from an absolute step, so that any can be read alone.
HDF5 keeps a checksum of every block.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np

from circuitbias.files import atomic_path
from circuitbias.spikes.segments import Segment, total_steps

FORMAT, VERSION = "circuitbias-spikes", 1
LONGEST_SEGMENT = 2**16
_BLOCK = 2**17  # spikes in a compressed block
_AT_ONCE = 8 * _BLOCK  # spikes written or read in one go: a block is not unpacked for every segment in it
_STORE = {
    "maxshape": (None,),
    "chunks": (_BLOCK,),
    "shuffle": True,
    "compression": "gzip",
    "compression_opts": 1,
    "fletcher32": True,
}


class SpikeFileError(ValueError):
    """The file is not a whole spike file of this format; says which file and what is wrong."""


def write_spikes(
    path: str | Path,
    segments: Iterable[Segment],
    n_neurons: int,
    dt_ms: float,
    metadata: dict,
    progress: Callable[[int], None] = lambda n_new_spikes: None,
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
    """
    index = []
    n_spikes = 0
    pending = []  # spikes not yet written: whole blocks compress best
    with atomic_path(path) as aside, h5py.File(aside, "w", libver="v110") as file:
        file.attrs.update(
            format=FORMAT,
            version=VERSION,
            n_neurons=n_neurons,
            dt_ms=dt_ms,
            metadata=json.dumps(metadata, sort_keys=True),
        )
        neuron = file.create_dataset("neuron", (0,), np.min_scalar_type(n_neurons - 1), **_STORE)
        gap = file.create_dataset("gap", (0,), np.uint16, **_STORE)

        def flush():
            gaps, neurons = (np.concatenate(column) for column in zip(*pending, strict=True))
            for dataset, values in ((gap, gaps), (neuron, neurons)):
                dataset.resize(len(dataset) + len(values), axis=0)
                dataset[-len(values) :] = values
            pending.clear()

        for segment in _split(segments):
            size = segment.steps.size
            index.append((segment.trial, segment.first_step, segment.n_steps, n_spikes, size))
            if size:
                gaps = np.diff(segment.steps, prepend=segment.first_step)
                pending.append((gaps.astype(np.uint16), segment.neurons.astype(neuron.dtype)))
                n_spikes += size
            if n_spikes - len(gap) >= _AT_ONCE:
                flush()
            progress(size)
        if pending:
            flush()
        file["segments"] = np.array(index, dtype=np.int64).reshape(-1, 5)


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


class SpikeFile:
    """Read a spike file, segment by segment.

    Parameters
    ----------
    path : path

    Attributes
    ----------
    n_neurons, n_spikes : int
    dt_ms : float
        Length of a step in milliseconds.
    trial_steps : ndarray of int64, shape (n_trials,)
        Recorded steps of each trial.
    metadata : dict
        What made the spikes.

    Raises
    ------
    SpikeFileError
        If the file is missing, truncated, damaged, foreign, or of another version.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        if not self.path.is_file():
            raise SpikeFileError(f"{self.path}: there is no such spike file")
        with self._open() as file:
            if file.attrs.get("format") != FORMAT:
                raise SpikeFileError(f"{self.path}: an HDF5 file, but not a spike file of circuitbias")
            if file.attrs.get("version") != VERSION:
                raise SpikeFileError(
                    f"{self.path}: spike file of version {file.attrs.get('version')}, this program "
                    f"reads version {VERSION}: delete the file to have it made again"
                )
            try:
                self.n_neurons = int(file.attrs["n_neurons"])
                self.dt_ms = float(file.attrs["dt_ms"])
                self.metadata = json.loads(file.attrs["metadata"])
                self._index = file["segments"][:]
                self.n_spikes = len(file["neuron"])
                whole = len(file["gap"]) == self.n_spikes == int(self._index[:, 4].sum())
            except (KeyError, OSError, ValueError) as error:
                raise SpikeFileError(f"{self.path}: a damaged spike file ({error})") from error
        if not whole:
            raise SpikeFileError(f"{self.path}: a damaged spike file (its index and its spikes differ)")
        self.trial_steps = total_steps(zip(self._index[:, 0], self._index[:, 2], strict=True))

    def _open(self) -> h5py.File:
        try:
            return h5py.File(self.path, "r")
        except OSError as error:
            raise SpikeFileError(
                f"{self.path}: not a whole spike file, truncated or of another kind ({error}): "
                "delete it to have it made again"
            ) from error

    def segments(self, trial: int | None = None) -> Iterator[Segment]:
        """Read the segments in order of time within a trial, of one trial or of all, trial by trial.

        Parameters
        ----------
        trial : int, optional
            Default: all trials, one after the other.

        Yields
        ------
        Segment

        Raises
        ------
        SpikeFileError
            If a block does not match its checksum.
        """
        index = self._index[np.lexsort((self._index[:, 1], self._index[:, 0]))]
        if trial is not None:
            index = index[index[:, 0] == trial]
        first, last = index[:, 3], index[:, 3] + index[:, 4]
        row = 0
        with self._open() as file:
            while row < len(index):
                # As many segments as follow each other in the file, up to a bound.
                end = row + 1
                while end < len(index) and first[end] == last[end - 1] and last[end] - first[row] <= _AT_ONCE:
                    end += 1
                gaps, neurons = self._read(file, int(first[row]), int(last[end - 1]))
                for which, first_step, n_steps, start, size in index[row:end].tolist():
                    span = slice(start - int(first[row]), start - int(first[row]) + size)
                    steps = np.cumsum(gaps[span], dtype=np.int64) + first_step
                    yield Segment(which, first_step, n_steps, steps, neurons[span])
                row = end

    def _read(self, file: h5py.File, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        try:
            return file["gap"][start:stop], file["neuron"][start:stop]
        except OSError as error:
            raise SpikeFileError(
                f"{self.path}: spikes {start} to {stop} cannot be read, the file is damaged ({error}): "
                "delete it to have it made again"
            ) from error
