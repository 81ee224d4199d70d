"""An input that is read from a file, block by block."""

import hashlib
from pathlib import Path
from threading import Lock
from zipfile import BadZipFile, ZipFile

import numpy as np

from circuitbias.checks import require
from circuitbias.component import Drive, option
from circuitbias.dynamics.drives import steps_of
from circuitbias.dynamics.schedule import Schedule
from circuitbias.numpy_files import unzipped
from circuitbias.reading import expanded, opened

_BLOCK_ROWS = 4096
_MOST_BLOCKS = 64  # kept, for trials that run side by side
_KINDS = "fiu"


class Stimulus(Drive):
    """An input from a file, again and again: a column for each neuron, or for groups of neurons."""

    path: str = option(
        says="An .npz file: `input`, (rows, neurons) or (rows, groups), in the units of the drive; "
        "if groups, also `groups`, the group of each neuron, from 0, or -1 for none. `burn_in: 0` records "
        "from the first row on.",
        pattern=r"^[^{}\x00-\x1f\x7f]+$",
    )
    row_ms: float = option(0.1, "Time that a row lasts (ms).", above=0)
    scale: float = option(1.0, "Factor of the input.")

    def files(self):
        """Files that it is read from."""
        return [self.path]

    def told(self):
        """What it is, by content: its path says nothing."""
        content = hashlib.sha256(expanded(self.path).read_bytes()).hexdigest()
        return super().told() | {"path": Path(self.path).name, "sha256": content}

    def schedule(self, n_neurons, dt_ms):
        """One part for each row, as they are read."""
        rows = _Rows(expanded(self.path), n_neurons, self.scale)
        (steps,) = steps_of(self, dt_ms, "row_ms")
        return Schedule(np.full(rows.n_rows, steps), inputs=rows)


class _Rows:
    """Rows of the input, by their numbers; blocks of them are kept, the last ones used."""

    def __init__(self, path, n_neurons, scale):
        self._path, self._scale, self._lock, self._blocks = path, scale, Lock(), {}
        require(path.is_file(), "drive.path", str(path), f"a file that is there (from {Path.cwd()})")
        try:
            with ZipFile(path) as archive:
                names = {name.removesuffix(".npy") for name in archive.namelist()}
                with archive.open("input.npy") as member:
                    shape, self._dtype, self._start = _header(member)
        except (KeyError, BadZipFile, ValueError) as error:
            raise ValueError(
                f"drive.path = {str(path)!r}: must be an .npz file with an array `input` of numbers, "
                f"(rows, neurons): {error}"
            ) from error
        self._groups = None
        if "groups" in names:
            with opened(path) as file:
                self._groups = unzipped(file, lambda names: ["groups"])["groups"]
        self.n_rows, self._n_columns = shape
        self._check(n_neurons)

    def _check(self, n_neurons):
        what = f"drive.path = {str(self._path)!r}: "
        if self._groups is None:
            if self._n_columns != n_neurons:
                raise ValueError(
                    f"{what}`input` has {self._n_columns} columns; must have one for each of {n_neurons} "
                    f"neurons, "
                    "or come with `groups`, the column of each neuron"
                )
            return
        groups = self._groups
        fits = groups.shape == (n_neurons,) and groups.dtype.kind in "iu"
        if not (fits and groups.min() >= -1 and groups.max() < self._n_columns):
            raise ValueError(
                f"{what}`groups` must be {n_neurons} whole numbers, -1 ... {self._n_columns - 1}, one a "
                f"neuron"
            )

    def __call__(self, parts):
        blocks = {number: self._block(int(number)) for number in np.unique(parts // _BLOCK_ROWS)}
        rows = np.array([blocks[part // _BLOCK_ROWS][part % _BLOCK_ROWS] for part in parts])
        if self._groups is None:
            return rows
        return np.where(self._groups >= 0, rows[:, self._groups], 0.0)

    def _block(self, number):
        with self._lock:
            if number not in self._blocks:
                while len(self._blocks) >= _MOST_BLOCKS:
                    self._blocks.pop(next(iter(self._blocks)))
                first = number * _BLOCK_ROWS
                count = min(_BLOCK_ROWS, self.n_rows - first) * self._n_columns
                with ZipFile(self._path) as archive, archive.open("input.npy") as member:
                    member.seek(self._start + first * self._n_columns * self._dtype.itemsize)
                    read = np.frombuffer(member.read(count * self._dtype.itemsize), dtype=self._dtype)
                rows = self._scale * read.reshape(-1, self._n_columns).astype(float)
                if not np.isfinite(rows).all():
                    raise ValueError(f"drive.path = {str(self._path)!r}: `input` must be finite, in all rows")
                self._blocks[number] = rows
            return self._blocks[number]


def _header(member):
    """Shape and type of an array in a file, and where its numbers begin."""
    version = np.lib.format.read_magic(member)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"an array of format {version}")
    shape, columns_first, dtype = read[version](member)
    if len(shape) != 2 or columns_first or dtype.kind not in _KINDS or not shape[0] * shape[1]:
        order = ", column by column: numpy.ascontiguousarray makes it one row by row" if columns_first else ""
        raise ValueError(f"`input` is {shape} of {dtype}{order}")
    return shape, dtype, member.tell()
