"""MATLAB: spikes in two columns, in two vectors, or times of each unit in cells or structs; v4 to v7.3."""

from pathlib import Path

import numpy as np

from circuitbias.component import Reader, option
from circuitbias.mat_files import Cells, Other, Struct, read_mat
from circuitbias.reading import opened
from circuitbias.recordings.arrays import found_in_arrays
from circuitbias.recordings.found import Found, of_pairs
from circuitbias.recordings.names import TIMES, called

_SAY = "say variable, and units if that holds times alone"


class Mat(Reader):
    """MATLAB (.mat): two columns, vectors of times and of units, or a cell array, struct or vector a unit."""

    suffixes = (".mat",)

    variable: str | None = option(
        None, "Array, cell array or struct that holds the spikes; or the vector of their times."
    )
    units: str | None = option(None, "Vector of the unit of each spike, where `variable` holds times alone.")
    unit_column: int | None = option(None, "Column of the units in an array of two: 1 or 2.", least=1, most=2)

    def read(self, path: Path) -> Found:
        """See `Reader.read`."""
        if self.units and not self.variable:
            raise ValueError("give variable, the vector of times, beside units")
        wanted = {name.partition(".")[0]: name for name in (self.variable, self.units) if name}
        with opened(path) as file:
            held = _flat(read_mat(file, lambda names: _those(names, list(wanted)), cells=True))
        if self.variable:
            held = {name: one for name, one in held.items() if name in self._chosen(held)}
        if self.units:
            times, units = (_vector(held, name) for name in (self.variable, self.units))
            return of_pairs(times, units, notes=[f"vectors {self.variable}, {self.units}"])
        others = {name: one for name, one in held.items() if isinstance(one, Other)}
        if self.variable in others:
            one = others[self.variable]
            raise ValueError(
                f"{self.variable} is of class {one.what} and shape {one.shape}; needed are numbers"
            )
        known = {name: _plain(name, one) for name, one in held.items() if name not in others}
        try:
            return found_in_arrays(known, say=_SAY, unit_column=self.unit_column)
        except ValueError as error:
            words = str(error).replace("time_column and unit_column, counted from 1", "unit_column, 1 or 2")
            told = [f"{name} is {one.what}" for name, one in others.items()]
            raise ValueError("; ".join([words, *told[:3]])) from None

    def _chosen(self, held) -> list[str]:
        """Names of the variables that were asked for; of a struct all fields."""
        chosen = [
            name
            for name in held
            if name in (self.variable, self.units) or name.startswith(f"{self.variable}.")
        ]
        missing = [one for one in (self.variable, self.units) if one and one not in held]
        if missing and (missing != [self.variable] or not chosen):
            raise ValueError(f"there is no variable {missing[0]!r}; there are {', '.join(held) or 'none'}")
        return chosen


def _flat(held: dict) -> dict:
    """Variables with the fields of structs by their path, such as spikes.times."""
    flat = {}
    for name, one in held.items():
        if isinstance(one, Struct):
            flat |= _flat({f"{name}.{field}": inner for field, inner in one.fields.items()})
        else:
            flat[name] = one
    return flat


def _plain(name: str, one):
    """A cell array as a list; a field with a number for each element of a struct, such as ids: an array."""
    if not isinstance(one, Cells):
        return one
    texts = bool(one.arrays) and all(cell.dtype.kind == "U" and cell.size <= 1 for cell in one.arrays)
    if texts:
        return np.array([cell.item() if cell.size else "" for cell in one.arrays])
    field = "." in name and not called(TIMES, [name])
    single = field and all(cell.size == 1 and cell.dtype.kind != "U" for cell in one.arrays)
    return np.concatenate([cell.ravel() for cell in one.arrays]) if single else one.arrays


def _those(names: list[str], wanted: list[str]) -> list[str]:
    if missing := [name for name in wanted if name not in names]:
        raise ValueError(f"there is no variable {missing[0]!r}; there are {', '.join(names) or 'none'}")
    return wanted or names


def _vector(held: dict, name: str):
    one = held[name]
    if isinstance(one, Other | Cells) or one.size != max(one.shape, default=0):
        raise ValueError(f"{name} is no list of numbers, but of shape {one.shape}")
    return one.ravel()
