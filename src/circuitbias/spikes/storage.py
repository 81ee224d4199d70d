"""Spike files: sorted events in one compressed, check-summed HDF5 file.

Layout (format version 1)::

    /neuron    unsigned integer   neuron of each spike (one byte up to 256 neurons)
    /gap       uint16             steps since the spike before it in its segment; for the first spike
                                  of a segment since the segment's first step
    /segments  int64 (n, 5)       trial, first step, number of steps, first spike, number of spikes
    attributes                    format, version, n_neurons, dt_ms, metadata (JSON)

Gaps are small numbers, so they compress to little more than their entropy; a segment is at most 2**16
steps long, so that they always fit, and starts from an absolute step, so that any can be read alone.
HDF5 keeps a checksum of every block, of the index and of the attributes; these are strings of fixed
length, since those of variable length lie in a heap that has none.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from circuitbias.files import DamagedFileError, damaged, is_made_by_a_step
from circuitbias.reading import check_hdf5_storage, check_size, expanded, hdf5_item, hdf5_opened, is_of_system
from circuitbias.spikes.segments import Segment, cut, total_steps

FORMAT, VERSION = np.bytes_("circuitbias-spikes"), 1
LONGEST_SEGMENT = 2**16
MOST_NEURONS = MOST_TRIALS = 2**20
"""A file that claims more is damaged: couplings, or even the lengths of the trials, would fill the memory."""
BLOCK = 2**17
"""Spikes in a compressed block."""
AT_ONCE = 8 * BLOCK
"""Spikes written or read in one go: a block is not unpacked for every segment in it."""
_SPIKE_BYTES = 16  # most that a spike takes when it is read: gap, neuron and step


class SpikeFileError(DamagedFileError):
    """The file is not a whole spike file of this format; says which file and what is wrong."""


def _attribute(file: h5py.File, name: str):
    """Return an attribute that is one number or string; None if there is none such."""
    value = file.attrs.get(name)
    return value if np.ndim(value) == 0 else None


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
    unusable : str
        Why there is no spike in it, if a simulation could not give any; else empty.

    Raises
    ------
    SpikeFileError
        If the file is missing, truncated, damaged, foreign, or of another version.
    OSError
        If the system cannot read it.
    """

    def __init__(self, path: str | Path):
        self.path = expanded(path)
        with self._open() as file:
            if _attribute(file, "format") != FORMAT:
                raise SpikeFileError(f"{self.path}: an HDF5 file, but not a spike file of circuitbias")
            if (version := _attribute(file, "version")) != VERSION:
                raise self._of_another_version(version)
            self.n_neurons = int(file.attrs["n_neurons"])
            self.dt_ms = float(file.attrs["dt_ms"])
            self.metadata = json.loads(file.attrs["metadata"])
            index, neuron, gap = (hdf5_item(file, name) for name in ("segments", "neuron", "gap"))
            for dataset in (index, neuron, gap):
                check_hdf5_storage(dataset)
            self.n_spikes = len(neuron)
            self._check_kinds(index, neuron, gap)
            self.unusable = str(self.metadata.get("unusable", ""))
            check_size("its index", index.nbytes)
            self._index = index[:]
            self._check_index()
        self.trial_steps = total_steps(zip(self._index[:, 0], self._index[:, 2], strict=True))

    @property
    def cycle_steps(self) -> int:
        """Length of the cycles of the drive, with one of which every trial begins; 0: there are none."""
        found = self.metadata
        for key in ("parameters", "model", "drive", "cycle_steps"):
            found = found.get(key) if isinstance(found, dict) else None
        return found if isinstance(found, int) and found > 0 else 0

    # The kernels that count spikes look at no bounds: what leads out of them must not get through.

    def _check_kinds(self, index: h5py.Dataset, neuron: h5py.Dataset, gap: h5py.Dataset) -> None:
        if not 1 <= self.n_neurons <= MOST_NEURONS:
            raise ValueError(f"{self.n_neurons} neurons; allowed are 1 to {MOST_NEURONS}")
        if not 0 < self.dt_ms < np.inf:
            raise ValueError(f"steps of {self.dt_ms} ms; allowed are finite numbers > 0")
        if not isinstance(self.metadata, dict):
            raise ValueError("its metadata are not a mapping")
        spikes = (self.n_spikes,)
        kinds = [(dataset.dtype, dataset.shape) for dataset in (index, neuron, gap)]
        wanted = [(np.int64, (len(index), 5)), (np.min_scalar_type(self.n_neurons - 1), spikes)]
        if kinds[:2] != wanted or kinds[2][0] != np.uint16:
            raise ValueError(f"its parts are {kinds}")
        if kinds[2][1] != spikes:
            raise ValueError("its index and its spikes differ")

    def _check_index(self) -> None:
        trial, first_step, n_steps, start, size = self._index.T
        checks = {
            "numbers": self._index.min(initial=0) >= 0 and trial.max(initial=0) < MOST_TRIALS,
            "lengths": n_steps.max(initial=0) <= LONGEST_SEGMENT and (size <= n_steps * self.n_neurons).all(),
        }
        ends = np.append(0, start + size)
        if not (np.array_equal(start, ends[:-1]) and ends[-1] == self.n_spikes):
            raise ValueError("its index and its spikes differ")
        in_time = np.lexsort((first_step, trial))
        trial, first_step, n_steps = trial[in_time], first_step[in_time], n_steps[in_time]
        before = np.where(np.diff(trial, prepend=-1) == 0, np.roll(first_step + n_steps, 1), 0)
        checks["times"] = np.array_equal(first_step, before)
        if not all(checks.values()):
            wrong = [what for what, sound in checks.items() if not sound]
            raise ValueError(f"the {' and '.join(wrong)} of its segments are out of range")
        check_size("its longest segment", _SPIKE_BYTES * int(size.max(initial=0)))

    def _of_another_version(self, version) -> SpikeFileError:
        text = f"{self.path}: spike file of version {version}, this program reads version {VERSION}"
        if remake := bool(is_made_by_a_step(self.path)):
            return SpikeFileError(f"{text}: delete the file to have it made again", remake=remake)
        return SpikeFileError(f"{text}: convert it anew from what it was made from")

    @contextmanager
    def _open(self) -> Iterator[h5py.File]:
        try:
            with hdf5_opened(self.path) as file:
                yield file
        except SpikeFileError:
            raise
        except FileNotFoundError as error:
            why = f": {error.strerror}" if self.path.is_symlink() else ""
            raise SpikeFileError(f"{self.path}: there is no such spike file{why}") from error
        except Exception as error:  # h5py, and what reads its answers, can fail in any way
            if is_of_system(error):
                raise
            broken = damaged(self.path, "spike file", error)
            raise SpikeFileError(str(broken), remake=broken.remake) from error

    def segments(
        self, trial: int | None = None, first_step: int = 0, last_step: int | None = None
    ) -> Iterator[Segment]:
        """Read segments, as `circuitbias.spikes.segments.SpikeSource` has them: the blocks they lie in.

        Yields
        ------
        Segment

        Raises
        ------
        SpikeFileError
            If a block does not match its checksum, or a spike lies outside its segment or network.
        OSError
            If the system cannot read it.
        """
        index = self._index[np.lexsort((self._index[:, 1], self._index[:, 0]))]
        if trial is not None:
            index = index[index[:, 0] == trial]
        index = index[index[:, 1] + index[:, 2] > first_step]
        if last_step is not None:
            index = index[index[:, 1] < last_step]
        return cut(self._read(index), first_step, last_step)

    def _read(self, index: np.ndarray) -> Iterator[Segment]:
        """Read the segments of these rows of the index."""
        first, last = index[:, 3], index[:, 3] + index[:, 4]
        row = 0
        with self._open() as file:
            # Open once: HDF5 forgets the blocks it has unpacked when a dataset is closed.
            gap, neuron = file["gap"], file["neuron"]
            while row < len(index):
                # As many segments as follow each other in the file, up to a bound.
                end = row + 1
                while end < len(index) and first[end] == last[end - 1] and last[end] - first[row] <= AT_ONCE:
                    end += 1
                spikes = slice(int(first[row]), int(last[end - 1]))
                gaps, neurons = gap[spikes], neuron[spikes]
                if neurons.max(initial=0) >= self.n_neurons:
                    raise ValueError(f"neuron {neurons.max()} of {self.n_neurons}")
                for trial, first_step, n_steps, start, size in index[row:end].tolist():
                    span = slice(start - int(first[row]), start - int(first[row]) + size)
                    steps = np.cumsum(gaps[span], dtype=np.int64) + first_step
                    if size and steps[-1] >= first_step + n_steps:
                        raise ValueError(f"a spike in step {steps[-1]}, after the end of its segment")
                    yield Segment(trial, first_step, n_steps, steps, neurons[span])
                row = end
