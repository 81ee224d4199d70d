"""Counts of spikes in bins, a column a unit: where times are not to be had."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from circuitbias.component import Reader, option
from circuitbias.mat_files import read_mat
from circuitbias.numpy_files import read_npy, unzipped
from circuitbias.reading import check_size, opened
from circuitbias.recordings.arrays import listed
from circuitbias.recordings.found import Found, of_trains
from circuitbias.recordings.text_tables import as_table


class Counts(Reader):
    """Counts in bins, a column a unit (.csv with ids as header, .npy, .npz, .mat); give bin_ms."""

    bin_ms: float | None = option(None, "Width of a bin (ms).", above=0)
    variable: str | None = option(None, "Array that holds the counts; null: the only matrix.")
    units_first: bool | None = option(
        None, "Whether rows are units and columns bins; null: if there are fewer rows."
    )

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        if self.bin_ms is None:
            raise ValueError(
                "give the width of the bins: bin_ms (bin_ms=10, or --format-options '{\"bin_ms\": 10}')"
            )
        counts, ids = _matrix(path, self.variable)
        n_rows, n_columns = counts.shape
        turned = n_rows < n_columns if self.units_first is None else self.units_first
        if ids is None or turned:
            counts = counts.T if turned else counts
            ids = range(1, counts.shape[1] + 1)
        bad = ~(np.isfinite(counts) & (counts >= 0) & (counts == np.floor(counts)))
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise ValueError(
                f"{counts[row, column]:g} in bin {row + 1} of unit {column + 1} is no count: needed are "
                "whole numbers from 0 on. (Rates times the width of a bin are not counts)"
            )
        trains = [_spread(column.astype(np.int64)) * (self.bin_ms / 1000) for column in counts.T]
        note = (
            f"counts in {len(counts)} bins of {self.bin_ms:g} ms, a {'row' if turned else 'column'} a unit: "
            "spikes were spread evenly over each bin, so that bins of this width, or a multiple, count alike"
        )
        found = of_trains(zip(ids, trains, strict=True), time_unit="s", notes=[note], bin_ms=self.bin_ms)
        found.observed_s = [np.array([[0.0, len(counts) * self.bin_ms / 1000]])] * len(found.ids)
        return found


def _spread(counts: np.ndarray) -> np.ndarray:
    """Times in bins of as many spikes in each, evenly apart, none at a border."""
    there = np.flatnonzero(counts)
    many = counts[there]
    number = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
    return np.repeat(there, many) + (number + 0.5) / np.repeat(many, many)


def _matrix(path: Path, variable: str | None) -> tuple[np.ndarray, list | None]:
    """Counts as the file has them, and ids of the columns if it says any."""
    suffix = path.suffix.lower()
    with opened(path) as file:
        if suffix == ".npy":
            held = {"": read_npy(file, os.fstat(file.fileno()).st_size)}
        elif suffix == ".npz":
            held = unzipped(file, lambda names: [variable] if variable else names)
        elif suffix == ".mat":
            held = read_mat(file, lambda names: [variable] if variable in names else names)
        else:
            table = as_table(file)
            ids = None if isinstance(table.columns, pd.RangeIndex) else list(table.columns)
            if not all(map(pd.api.types.is_numeric_dtype, table.dtypes)):
                raise ValueError("not all of it is numbers")
            return table.to_numpy(float), ids
    found = {
        name: one
        for name, one in held.items()
        if isinstance(one, np.ndarray) and one.ndim == 2 and one.dtype.kind in "iufb"
    }
    found = {variable: found[variable]} if variable in found else found
    if len(found) != 1 or (variable and variable not in found):
        raise ValueError(
            f"it is not clear what holds the counts: {listed(held)}; say variable, a matrix of bins and units"
        )
    (counts,) = found.values()
    check_size("its counts", 8 * counts.size)
    return counts.astype(float), None
