"""Files of MATLAB version 4: matrices of two axes, one after the other."""

import math
import struct
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO

import numpy as np

from circuitbias.mat_files.contents import Variable
from circuitbias.mat_files.sparse import dense_of, whole_numbers

_TYPES_4 = ("f8", "f4", "i4", "i2", "u2", "u1")
_FULL_4, _TEXT_4, _SPARSE_4 = range(3)  # classes of arrays, version 4


def variables_of_version4(file: BinaryIO, size: int) -> Iterator[Variable]:
    """Read the headers of a file of `size` bytes."""
    file.seek(0)
    order = "<" if 0 <= struct.unpack("<i", file.read(4))[0] <= 5000 else ">"
    place = 0
    while place < size:
        file.seek(place)
        kind, rows, columns, imaginary, length = struct.unpack(f"{order}5i", file.read(20))
        machine, (number, array) = kind // 100, divmod(kind % 100, 10)
        if min(rows, columns, length) < 0 or machine not in (0, 10) or number > 5 or array > _SPARSE_4:
            raise ValueError(f"the header at byte {place} has numbers out of range")
        name = file.read(length).strip(b"\0").decode("latin1")
        shape, dtype = (rows, columns), np.dtype(order + _TYPES_4[number])
        read = partial(_numbers4, file, place + 20 + length, shape, dtype)
        parts = 2 if imaginary == 1 and array != _SPARSE_4 else 1
        place += 20 + length + parts * rows * columns * dtype.itemsize
        if place > size:
            raise ValueError(f"{name} of shape {shape} claims to end at byte {place} of {size}")
        if array == _SPARSE_4:
            entries = read()
            shape, parts = tuple(whole_numbers(entries[-1, :2]).tolist()), columns - 2
            read = partial(_sparse4, entries, shape)
        what = "char" if array == _TEXT_4 else "complex" if parts != 1 else "double"
        yield Variable(name, shape, what, read if what == "double" else None)


def _numbers4(file: BinaryIO, place: int, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    file.seek(place)
    content = file.read(math.prod(shape) * dtype.itemsize)
    return np.frombuffer(content, dtype).reshape(shape, order="F")


def _sparse4(entries: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Sum the rows of `entries`: i, j (both from 1) and value; the last row is the shape."""
    rows, columns = whole_numbers(entries[:-1, :2]).T - 1
    return dense_of(entries[:-1, 2], rows, columns, shape)
