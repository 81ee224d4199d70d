"""What stands in a .mat file: matrices, cells, structs, and the variables that they are read from."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Other(NamedTuple):
    """A variable that is no matrix of real numbers, or was not chosen: its class in MATLAB, and its shape."""

    what: str
    shape: tuple[int, ...]


class Cells(NamedTuple):
    """A cell array whose cells all hold matrices of real numbers: its shape, and the cells, columns first."""

    shape: tuple[int, ...]
    arrays: list[np.ndarray]


class Struct(NamedTuple):
    """A struct: its shape, and its fields; of several elements each field is a cell for every one."""

    shape: tuple[int, ...]
    fields: dict[str, "np.ndarray | Cells | Other"]


class Variable(NamedTuple):
    """A variable of a file of version 4 or 5, and how to read it."""

    name: str
    shape: tuple[int, ...]
    what: str  # its class in MATLAB
    read: Callable[[], np.ndarray] | None  # None if it is no matrix of real numbers
    read_cells: Callable[[], Cells | Struct] | None = None


def field_or_other(read: Callable) -> np.ndarray | Cells | Other:
    """Read what a field of a struct holds, if it is of use here; texts and structs within structs are not."""
    try:
        return read()
    except ValueError as error:
        return Other(str(error), ())
