"""MATLAB: spikes in two columns, in two vectors, or a cell of times for each unit; versions 4 to 7.3."""

from pathlib import Path

import numpy as np

from circuitbias.component import Reader, option
from circuitbias.mat_files import Cells, Other, read_mat
from circuitbias.reading import opened
from circuitbias.recordings.found import Found, columns_of, of_pairs, of_trains

_TIMES = ("times", "spike_times", "spiketimes", "spikeTimes", "t", "ts", "spk_t", "spikes_t")
_UNITS = ("units", "unit", "clusters", "spike_clusters", "clu", "ids", "id", "cell_ids", "labels", "neurons")


class Mat(Reader):
    """MATLAB (.mat): an array of two columns, vectors of times and of units, or a cell array of times."""

    suffixes = (".mat",)

    variable: str | None = option(
        None, "Array or cell array that holds the spikes; or the vector of their times."
    )
    units: str | None = option(None, "Vector of the unit of each spike, where `variable` holds times alone.")
    unit_column: int | None = option(None, "Column of the units in an array of two: 1 or 2.", least=1, most=2)

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        wanted = [name for name in (self.variable, self.units) if name]
        with opened(path) as file:
            held = read_mat(file, lambda names: _those(names, wanted), cells=True)
        if self.units:
            if not self.variable:
                raise ValueError("give variable, the vector of times, beside units")
            return of_pairs(_vector(held, self.variable), _vector(held, self.units))
        found = [self.variable] if self.variable else [name for name, one in held.items() if _may_be(one)]
        if not self.variable and (pair := _named_pair(held)):
            return of_pairs(
                _vector(held, pair[0]), _vector(held, pair[1]), notes=[f"vectors {pair[0]}, {pair[1]}"]
            )
        if len(found) != 1:
            raise ValueError(
                f"it is not clear what holds the spikes; say variable. There are {_listed(held)}; needed "
                "is an "
                "array of two columns, time and unit, or a cell array with the times of each unit"
            )
        return self._of(found[0], held[found[0]])

    def _of(self, name: str, one) -> Found:
        if isinstance(one, Cells):
            bad = [k for k, cell in enumerate(one.arrays) if cell.size != max(cell.shape, default=0)]
            if bad:
                shape = one.arrays[bad[0]].shape
                raise ValueError(f"cell {bad[0] + 1} of {name} is no list of times, but of shape {shape}")
            trains = ((k, cell.ravel()) for k, cell in enumerate(one.arrays, 1))
            return of_trains(trains, notes=[f"cell array {name}, a unit a cell, numbered from 1"])
        if not _may_be(one):
            what = f"of class {one.what}" if isinstance(one, Other) else "an array"
            raise ValueError(
                f"{name} is {what} of shape {one.shape}; needed is an array of two columns, or a cell "
                "array of times"
            )
        table = one if one.shape[1] == 2 else one.T
        if self.unit_column:
            times, units = 2 - self.unit_column, self.unit_column - 1
            note = f"column {self.unit_column} holds the units"
        else:
            times, units, note = _columns(table)
        return of_pairs(table[:, times], table[:, units], notes=[f"array {name}: {note}"])


def _columns(table: np.ndarray):
    try:
        return columns_of(table)
    except ValueError as error:
        words = str(error).replace("time_column and unit_column, counted from 1", "unit_column, 1 or 2")
        raise ValueError(words) from None


def _those(names: list[str], wanted: list[str]) -> list[str]:
    if missing := [name for name in wanted if name not in names]:
        raise ValueError(f"there is no variable {missing[0]!r}; there are {', '.join(names) or 'none'}")
    return wanted or names


def _may_be(one) -> bool:
    if isinstance(one, Cells):
        return bool(one.arrays)
    return not isinstance(one, Other) and one.ndim == 2 and 2 in one.shape and max(one.shape) > 2


def _vector(held: dict, name: str) -> np.ndarray:
    one = held[name]
    if isinstance(one, Other | Cells) or one.size != max(one.shape, default=0):
        raise ValueError(f"{name} is no list of numbers, but of shape {one.shape}")
    return one.ravel()


def _named_pair(held: dict) -> tuple[str, str] | None:
    """Names of a vector of times and one of units of the same length, if they bear usual names."""
    vectors = {
        name: one.size
        for name, one in held.items()
        if isinstance(one, np.ndarray) and one.size == max(one.shape, default=0) > 1
    }
    times, units = (next((n for n in known if n in vectors), None) for known in (_TIMES, _UNITS))
    return (times, units) if times and units and vectors[times] == vectors[units] else None


def _listed(held: dict) -> str:
    def kind(one):
        return one.what if isinstance(one, Other) else "cell" if isinstance(one, Cells) else "array"

    shown = [f"{name} ({kind(one)} {one.shape})" for name, one in list(held.items())[:8]]
    return ", ".join(shown) or "none"
