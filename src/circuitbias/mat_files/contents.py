"""What stands in a .mat file: matrices, cells, structs, and the variables that they are read from."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from circuitbias.memory import MemoryLimitError

DEEPEST = 4
"""How deep structs may lie in one another."""


class Other(NamedTuple):
    """A variable that is no matrix of real numbers, or was not chosen: its class in MATLAB, and its shape."""

    what: str
    shape: tuple[int, ...]


class Cells(NamedTuple):
    """A cell array of matrices of real numbers, or of texts: its shape, and the cells, columns first."""

    shape: tuple[int, ...]
    arrays: list[np.ndarray]


class Struct(NamedTuple):
    """A struct: its shape, and its fields; of several elements each field is a cell for every one."""

    shape: tuple[int, ...]
    fields: dict[str, "np.ndarray | Cells | Struct | Other"]


class Variable(NamedTuple):
    """A variable of a file of version 4 or 5, and how to read it."""

    name: str
    shape: tuple[int, ...]
    what: str  # its class in MATLAB
    read: Callable[[], np.ndarray] | None  # None if it is no matrix of real numbers
    read_cells: Callable[[], Cells | Struct] | None = None


def field_or_other(read: Callable) -> "np.ndarray | Cells | Struct | Other":
    """Read what a field of a struct, or a variable, holds; what is of no use here is named."""
    try:
        return read()
    except MemoryLimitError:
        raise
    except ValueError as error:
        return Other(str(error), ())


def rows_of_text(characters: str, shape: tuple[int, ...]) -> np.ndarray:
    """Texts in the rows of a matrix of characters, which come columns first."""
    if len(shape) != 2 or shape[0] * shape[1] != len(characters):
        raise ValueError(f"a text of {len(characters)} characters has shape {shape}")
    return np.array([characters[row :: shape[0]].strip() for row in range(shape[0])], dtype=str)
